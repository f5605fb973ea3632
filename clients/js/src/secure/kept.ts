/** What of an account is decoded, over the vault that has it: groups and the outbox, changed by one transaction at a time. */
import type { ContentFrame } from "./entries.ts";
import * as mls from "./mls.ts";
import { names } from "./names.ts";
import { outboxIn, type Outgoing, type PendingCommit } from "./outbox.ts";
import type { Reader, Transaction, Vault } from "./vault.ts";

export class Kept {
  /** Decoded, as they are in the vault. */
  private readonly groups = new Map<string, mls.Group>();

  /** `spoilt` forgets what else was made of what is kept. */
  constructor(private readonly vault: Vault, private readonly spoilt: () => void) {}

  /** What was decoded is decoded anew. */
  forget(): void {
    this.groups.clear();
    this.spoilt();
  }

  /** One transaction. Where it fails, what is decoded is what is kept. */
  async change<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result> {
    try {
      return await this.vault.write(work);
    } catch (error) {
      this.forget();
      throw error;
    }
  }

  /** The group of a conversation. */
  async load(tx: Reader, conversation: string): Promise<mls.Group | undefined> {
    const known = this.groups.get(conversation);
    if (known) return known;
    const kept = await tx.bytes(names.group(conversation));
    if (!kept) return undefined;
    const sha256 = await tx.get<string>(names.pending(conversation));
    const next = sha256 === undefined ? undefined : await tx.bytes(names.next(conversation));
    const group: mls.Group = {
      conversation, state: mls.decodeState(kept),
      pending: sha256 !== undefined && next ? { sha256, state: mls.decodeState(next) } : undefined,
    };
    this.groups.set(conversation, group);
    return group;
  }

  /** Keeps a group, or that there is none. */
  save(tx: Transaction, conversation: string, group: mls.Group | undefined): void {
    const before = this.groups.get(conversation);
    if (!group) {
      this.groups.delete(conversation);
      for (const name of [names.group, names.pending, names.next]) tx.delete(name(conversation));
      return;
    }
    this.groups.set(conversation, group);
    tx.put(names.group(conversation), mls.encodeState(group.state));
    if (group.pending === before?.pending) return;
    if (group.pending) {
      tx.put(names.pending(conversation), group.pending.sha256);
      tx.put(names.next(conversation), mls.encodeState(group.pending.state));
    } else for (const name of [names.pending, names.next]) tx.delete(name(conversation));
  }

  /** Puts something at the end of the outbox. */
  async put(tx: Transaction, out: { conversationId: string; clientMsgId: string; frame?: ContentFrame; commit?: PendingCommit }): Promise<void> {
    const last = (await tx.names(names.outbox)).at(-1);
    const order = last === undefined ? 1 : Number(last.slice(names.outbox.length)) + 1;
    tx.put(names.out(order), { order, ...out });
  }

  /** Takes something out of the outbox, and answers it. */
  async unqueue(tx: Transaction, conversation: string, clientMsgId: string): Promise<Outgoing | undefined> {
    const out = (await outboxIn(tx)).find((one) => one.conversationId === conversation && one.clientMsgId === clientMsgId);
    if (out) tx.delete(names.out(out.order));
    return out;
  }

  /** A commit of ours that can win no more. */
  async dropCommit(tx: Transaction, conversation: string): Promise<void> {
    for (const out of await outboxIn(tx)) {
      if ("commit" in out && out.conversationId === conversation) tx.delete(names.out(out.order));
    }
    const group = await this.load(tx, conversation);
    if (group?.pending) this.save(tx, conversation, mls.discard(group));
  }
}
