/** An account in a worker: calls by messages. */
import type { Device } from "./device.ts";
import type { AccountPort } from "./store.ts";
import type { Vault } from "./vault.ts";

/** The part of a `Worker` that is used, on either side. */
export interface PortLike {
  onmessage: ((event: MessageEvent) => void) | null;
  onerror?: ((event: ErrorEvent) => void) | null;
  postMessage(message: unknown): void;
}
/** A worker that runs `@tidings/client/secure/worker`. */
export interface WorkerLike extends PortLike {
  terminate(): void;
}

/** What the vault and its lock are called, and whose it is. */
export interface AccountConfig {
  name: string;
  device: Device;
}

/** What the page says to the worker. */
export interface Call {
  id: number;
  method: string;
  args: unknown[];
}
/** What the worker says to the page. */
export interface Answer {
  id: number;
  value?: unknown;
  error?: { name: string; message: string; isOfAnother?: boolean };
}

/** Opens an account somewhere. `vault` is for one that is opened in the page. */
export type KeysAt = (opening: AccountConfig, vault: () => Promise<Vault>) => Promise<AccountPort>;

/** Handles the keys in a worker that runs `@tidings/client/secure/worker`. */
export const inWorker = (start: () => WorkerLike): KeysAt => (opening) => openInWorker(start(), opening);

/** The worker failed, or refuses. */
export class AccountError extends Error {
  constructor(message: string, name = "AccountError") {
    super(message);
    this.name = name;
  }
}

async function openInWorker(worker: WorkerLike, config: AccountConfig): Promise<AccountPort> {
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  let ids = 0;
  worker.onmessage = ({ data }: MessageEvent<Answer>) => {
    const call = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.error) call?.reject(Object.assign(new AccountError(data.error.message, data.error.name), data.error));
    else call?.resolve(data.value);
  };
  worker.onerror = ({ message }) => {
    for (const { reject } of waiting.values()) reject(new AccountError(message || "the worker cannot be started"));
    waiting.clear();
  };
  const call = (method: string, args: unknown[]) => new Promise<unknown>((resolve, reject) => {
    ids += 1;
    waiting.set(ids, { resolve, reject });
    worker.postMessage({ id: ids, method, args } satisfies Call);
  });
  await call("open", [config]);
  return new Proxy({} as AccountPort, {
    get: (_, method) => {
      // It is no promise, whoever awaits it.
      if (typeof method !== "string" || method === "then") return undefined;
      return async (...args: unknown[]) => {
        const value = await call(method, args);
        if (method === "close") worker.terminate();
        return value;
      };
    },
  });
}
