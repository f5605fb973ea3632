/** Where the account runs: in a worker, or as a module in Node. */
import { Account } from "./account.ts";
import { type AccountConfig, AccountError, type Answer, type Call, type PortLike } from "./remote.ts";
import { Vault } from "./vault.ts";

/** Opens the account here. */
export async function openHere({ name, device }: AccountConfig, vault?: Vault): Promise<Account> {
  const opened = vault ?? (await Vault.open(name));
  try {
    // Not the name that tabs agree by on who is connected.
    await opened.lock(`${name}:keys`);
    return await Account.open(opened, device);
  } catch (error) {
    opened.close();
    throw error;
  }
}

/** The worker's side. */
export function serve(port: PortLike): void {
  let account: Account | undefined;
  const run = async ({ method, args }: Call): Promise<unknown> => {
    if (method === "open") {
      account = await openHere(args[0] as AccountConfig);
      return undefined;
    }
    const known = account as unknown as Record<string, ((...args: unknown[]) => Promise<unknown>) | undefined> | undefined;
    const work = known?.[method];
    if (!known || !work) throw new AccountError(`the account has no ${method}`);
    return work.apply(known, args);
  };
  port.onmessage = ({ data }: MessageEvent<Call>) => {
    void run(data).then(
      (value) => port.postMessage({ id: data.id, value } satisfies Answer),
      (error: unknown) => port.postMessage({ id: data.id, error: described(error) } satisfies Answer));
  };
}

function described(error: unknown): NonNullable<Answer["error"]> {
  if (!(error instanceof Error)) return { name: "AccountError", message: String(error) };
  const { name, message } = error;
  return { name, message, ...("isOfAnother" in error ? { isOfAnother: error.isOfAnother === true } : {}) };
}
