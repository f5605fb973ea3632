/** A store whose entries are read as they come: what the connection hands over is decrypted and kept by one transaction. */
import type { ConversationSummary, EntryFrame, LogEntry } from "../frames.ts";
import type { Place, Store } from "../store.ts";
import type { Account, Effect } from "./account.ts";
import { names } from "./names.ts";
import { outboxIn } from "./outbox.ts";
import { Vault, VaultError } from "./vault.ts";

/** The account, here or in a worker. */
export type AccountPort = { [Name in keyof Account]: Account[Name] };

/**
 * What a device keeps, all of it encrypted. Any tab reads it; the one that is connected writes, by its account. Entries are decrypted as they
 * are kept.
 */
export class SecureStore implements Store {
  private account: AccountPort | undefined;
  private affected: (conversationId: string, effects: Effect[]) => void = () => {};

  private constructor(readonly name: string, private readonly vault: Vault, private readonly isInMemory: boolean) {}

  /** Opens, or makes, the store of that name in the browser's database. One user's device has one. */
  static async open(name: string): Promise<SecureStore> {
    return new SecureStore(name, await Vault.open(name), false);
  }

  /** A store that ends with its process, for Node; or over a vault of the application's. */
  static async inMemory(name: string, vault?: Vault): Promise<SecureStore> {
    return new SecureStore(name, vault ?? (await Vault.inMemory()), true);
  }

  /** The vault for an account that is no worker's. */
  async vaultHere(): Promise<Vault> {
    return this.isInMemory ? this.vault : Vault.open(this.name);
  }

  attach(account: AccountPort, affected: (conversationId: string, effects: Effect[]) => void): void {
    [this.account, this.affected] = [account, affected];
  }

  detach(): void {
    this.account = undefined;
  }

  private writing(): AccountPort {
    if (!this.account) throw new VaultError("the account is not open here");
    return this.account;
  }

  async places(): Promise<Place[]> {
    return (await this.vault.list<Place>(names.places)).map(([, place]) => place);
  }

  async putEntries(entries: LogEntry[], place: Place): Promise<LogEntry[]> {
    const { shown, effects } = await this.writing().take(entries, place);
    if (effects.length > 0) this.affected(place.conversationId, effects);
    return shown;
  }

  readable(entries: LogEntry[]): Promise<LogEntry[]> {
    return this.writing().readable(entries);
  }

  async entries(conversationId: string, before: number, limit: number): Promise<LogEntry[]> {
    const found = await this.vault.list<LogEntry>(
      names.entries(conversationId), { backwards: true, before: names.entry(conversationId, Math.max(before, 0)), limit });
    return found.map(([, entry]) => entry).reverse();
  }

  /** What the connection has to send: ciphertexts. */
  async pending(): Promise<EntryFrame[]> {
    const frames = (await this.vault.list<{ order: number; frame: EntryFrame }>(names.frames)).map(([, one]) => one);
    return frames.sort((one, other) => one.order - other.order).map(({ frame }) => frame);
  }

  /** What waits to be sent or answered, as it was said. */
  async waiting(): Promise<EntryFrame[]> {
    const said = (await outboxIn(this.vault)).flatMap((out) => ("frame" in out ? [out.frame] : []));
    const ids = new Set(said.map(({ clientMsgId }) => clientMsgId));
    return [...said, ...(await this.pending()).filter((frame) => !ids.has(frame.clientMsgId))];
  }

  async putPending(frame: EntryFrame): Promise<void> {
    await this.writing().putFrame(frame);
  }

  async deletePending(clientMsgId: string): Promise<void> {
    await this.writing().deleteFrame(clientMsgId);
  }

  async summaries(): Promise<ConversationSummary[]> {
    return (await this.vault.list<ConversationSummary>(names.summaries)).map(([, summary]) => summary);
  }

  async putSummaries(summaries: ConversationSummary[]): Promise<void> {
    await this.writing().putSummaries(summaries);
  }

  get(name: string): Promise<unknown> {
    return this.vault.get(names.value(name));
  }

  async set(name: string, value: unknown): Promise<void> {
    await this.writing().set(name, value);
  }

  /** Takes everything away, the keys included: the user signs out. */
  async clear(): Promise<void> {
    await (this.account ? this.account.clear() : this.vault.clear());
  }

  close(): void {
    this.vault.close();
  }
}
