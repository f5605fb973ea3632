/**
 * What a device holds, and what each thing that happens changes: the vault with the state of MLS in it. No network.
 *
 * Every change is one transaction: the state of MLS, what was read or encrypted with it, and the place in the log. It runs in a worker, or
 * as a module in Node; what goes in and out can be sent between the two.
 */
import { UNREADABLE } from "../fold.ts";
import type { ConversationSummary, EntryFrame, LogEntry, MessageSent } from "../frames.ts";
import type { Place } from "../store.ts";
import type { MessageRow } from "./archive.ts";
import { base64, type Bytes } from "./bytes.ts";
import { type Device, deviceIdOf, deviceOf, type DeviceSet, userOf } from "./device.ts";
import { type ContentFrame, contentOf, isGone, isSealed, rowOf, sealedFrame, unreadable, withContent } from "./entries.ts";
import { Kept } from "./kept.ts";
import * as mls from "./mls.ts";
import { MlsError } from "./mls.ts";
import { conversationIn, names, rejoining } from "./names.ts";
import { type CommitMessage, outboxIn, type Outgoing, type PendingCommit } from "./outbox.ts";
import { Past } from "./past.ts";
import { bytesOf, type KeyUpload, nowSeconds, People } from "./people.ts";
import { type Plan, planOf } from "./roster.ts";
import type { Found, SearchQuery } from "./search.ts";
import { type Reader, type Transaction, Vault, VaultError } from "./vault.ts";

/** How this device stands to the group of a conversation. */
export type Membership =
  /** There is no group here: the conversation is in the clear, or this device has not been added yet. */
  | "none"
  /** The group was made here, and its first commit is not accepted yet. */
  | "founding"
  | "in"
  /** This device was removed, or cannot follow any more. It has to be added anew. */
  | "out";

/** What an entry of the log has changed. */
export type Effect =
  /** There is something to show: the entry as it was decrypted. */
  | { is: "show"; entry: LogEntry }
  /** An entry cannot be read before this device is in the group. It is kept until then. */
  | { is: "held" }
  /** The group has other devices now. */
  | { is: "devices"; added: Device[]; removed: Device[] }
  /** This device was removed, or cannot follow. */
  | { is: "out" };

/** A key package out of the directory. */
export interface Offered {
  device: Device;
  key: string;
  payload: string;
}

interface KeptIdentity {
  device: Device;
  publicKey: string;
  signKey: string;
}

/** A device of a user: its keys, its groups and its history. */
export class Account {
  private readonly kept: Kept;
  private readonly past: Past;
  private readonly people: People;

  private constructor(private readonly vault: Vault, private readonly identity: mls.Identity) {
    this.kept = new Kept(vault, () => this.past.forgetAll());
    this.past = new Past(vault, this.kept);
    this.people = new People(vault, identity, this.kept);
  }

  /** Opens the account of a device, or makes it where there is none. Two that used the same keys would use them twice: the vault is locked. */
  static async open(vault: Vault, device: Device): Promise<Account> {
    const identity = await vault.write(async (tx) => {
      const kept = await tx.get<KeptIdentity>(names.identity);
      if (kept) return { device: kept.device, publicKey: bytesOf(kept.publicKey), signKey: bytesOf(kept.signKey) };
      const made = await mls.makeIdentity(device);
      tx.put(names.identity, { device, publicKey: base64(made.publicKey), signKey: base64(made.signKey) } satisfies KeptIdentity);
      return made;
    });
    if (identity.device !== device) throw new VaultError(`the account is of ${identity.device}, and not of ${device}`);
    return new Account(vault, identity);
  }

  /** What this device signs with, in base64. */
  async identityKey(): Promise<string> {
    return base64(this.identity.publicKey);
  }

  async close(): Promise<void> {
    // After all that is under way.
    await this.vault.write(async () => undefined);
    this.vault.close();
  }

  async clear(): Promise<void> {
    this.kept.forget();
    await this.vault.clear();
  }

  // The log.

  /**
   * Takes in the next entries of a conversation, and the place that they make. What is before the place is no news: what can be read of it
   * is in it. Answers what is to be shown in place of the entries, and what else they have changed.
   */
  take(entries: LogEntry[], place: Place): Promise<{ shown: LogEntry[]; effects: Effect[] }> {
    return this.kept.change(async (tx) => {
      const conversation = place.conversationId;
      const before = await tx.get<Place>(names.place(conversation));
      const held = before?.held ?? place.floor - 1;
      const shown: LogEntry[] = [];
      const effects: Effect[] = [];
      for (const { opened: _, ...entry } of entries) {
        if (entry.sequence <= held) shown.push(await this.takeOld(tx, entry));
        else for (const effect of await this.read(tx, entry)) (effect.is === "show" ? shown.push(effect.entry) : effects.push(effect));
      }
      tx.put(names.place(conversation), place);
      return { shown, effects };
    });
  }

  /** Entries with what can be read of them, which are not kept. */
  async readable(entries: LogEntry[]): Promise<LogEntry[]> {
    return Promise.all(entries.map(({ opened: _, ...entry }) => (isSealed(entry) ? substitute(this.vault, entry) : entry)));
  }

  private async takeOld(tx: Transaction, entry: LogEntry): Promise<LogEntry> {
    const { conversationId, sequence } = entry;
    if (isSealed(entry)) return this.past.keep(tx, await substitute(tx, entry));
    if (isGone(entry) && entry.event === "message") this.past.forget(tx, conversationId, sequence);
    const kept = await tx.get<LogEntry>(names.entry(conversationId, sequence));
    // What was decrypted does not come back in the clear; what is gone is gone.
    if (kept?.opened && !isGone(entry)) return kept;
    return this.past.keep(tx, { ...entry, ...(kept?.opened ? { opened: true } : {}) });
  }

  private async read(tx: Transaction, entry: LogEntry): Promise<Effect[]> {
    if (isSealed(entry) || entry.event === "commit") return this.readSealed(tx, entry);
    const { conversationId: conversation } = entry;
    if (entry.event === "message") await this.kept.unqueue(tx, conversation, entry.clientMsgId);
    if (entry.event === "delete" && entry.targetSequence !== undefined) this.past.forget(tx, conversation, entry.targetSequence);
    return [this.show(tx, entry)];
  }

  /** An entry with a ciphertext, or a commit. */
  private async readSealed(tx: Transaction, entry: LogEntry): Promise<Effect[]> {
    const { conversationId: conversation, epoch, payload } = entry;
    const sender = deviceOf(entry.senderUserId, entry.senderDeviceId);
    if (!sender) return [this.show(tx, unreadable(entry, "its sender is no device"))];
    const event = entry.event === "commit" ? "commit" : "message";
    if (sender === this.identity.device && event === "message") return this.readOwn(tx, entry);
    const group = await this.kept.load(tx, conversation);
    if (group && mls.epochOf(group) === 0 && sender !== this.identity.device) {
      // Somebody else's first commit has won: theirs is the group.
      await this.kept.dropCommit(tx, conversation);
      this.kept.save(tx, conversation, undefined);
      return this.hold(tx, entry);
    }
    if (!group || !mls.isActive(group) || (await tx.get(names.lost(conversation)))) return this.hold(tx, entry);
    if (typeof epoch !== "number" || typeof payload !== "string") {
      return event === "commit" ? [this.show(tx, opened(entry))] : [this.show(tx, unreadable(entry, "it is no ciphertext"))];
    }
    try {
      return await this.apply(tx, entry, await mls.process(group, this.identity, { sender, event, epoch, payload }));
    } catch (error) {
      if (!(error instanceof MlsError)) throw error;
      if (mls.needsRejoin(error, event)) {
        tx.put(names.lost(conversation), true);
        await this.kept.dropCommit(tx, conversation);
        return [...(await this.hold(tx, entry)), { is: "out" }];
      }
      return [this.show(tx, event === "commit" ? opened(entry) : unreadable(entry, error.message))];
    }
  }

  private async apply(tx: Transaction, entry: LogEntry, processed: mls.Processed): Promise<Effect[]> {
    const { conversationId: conversation } = entry;
    if (processed.is !== "known") this.kept.save(tx, conversation, processed.group);
    switch (processed.is) {
      case "message": {
        const { content } = processed;
        return [this.show(tx, content instanceof Error ? unreadable(entry, content.message) : withContent(entry, content))];
      }
      case "commit": {
        await this.kept.dropCommit(tx, conversation);
        const { added, replaced, removed } = processed;
        for (const device of [...added, ...replaced]) tx.delete(names.rejoin(conversation, device));
        return [this.show(tx, opened(entry)), { is: "devices", added: [...added, ...replaced], removed }];
      }
      case "ownCommit": {
        const out = await this.kept.unqueue(tx, conversation, entry.clientMsgId);
        if (out && "commit" in out) forgetRejoins(tx, out.commit);
        return [this.show(tx, opened(entry))];
      }
      case "removed":
        await this.kept.dropCommit(tx, conversation);
        tx.put(names.lost(conversation), true);
        return [this.show(tx, opened(entry)), { is: "out" }];
      case "known":
        return [this.show(tx, opened(entry))];
    }
  }

  private async hold(tx: Transaction, entry: LogEntry): Promise<Effect[]> {
    tx.put(names.heldAt(entry.conversationId, entry.sequence), true);
    return [this.show(tx, entry), { is: "held" }];
  }

  /** What this device sent itself, come back by the log: it cannot be decrypted, and is what is in the outbox, or kept. */
  private async readOwn(tx: Transaction, entry: LogEntry): Promise<Effect[]> {
    const { conversationId: conversation, sequence } = entry;
    const out = await this.kept.unqueue(tx, conversation, entry.clientMsgId);
    if (out && "frame" in out) return [this.show(tx, withContent(entry, contentOf(out.frame)))];
    const kept = await tx.get<MessageRow>(names.content(conversation, sequence));
    tx.delete(names.content(conversation, sequence));
    return [this.show(tx, kept ? withContent(entry, kept) : unreadable(entry, "this device sent it, and has lost it"))];
  }

  private show(tx: Transaction, entry: LogEntry): Effect {
    return { is: "show", entry: this.past.keep(tx, entry) };
  }

  /** Joins by a Welcome, and reads what was held. */
  join(mail: { conversationId: string; fromUserId: string; fromDeviceId: string; sequence?: number }, welcome: string):
  Promise<{ is: "in"; effects: Effect[] } | { is: "refused"; reason: string; isStale: boolean }> {
    return this.kept.change(async (tx) => {
      const { conversationId: conversation } = mail;
      const from = deviceOf(mail.fromUserId, mail.fromDeviceId);
      if (!from) return { is: "refused", reason: "its sender is no device", isStale: false };
      const before = await this.kept.load(tx, conversation);
      try {
        const own = await ownFor(tx, welcome);
        const group = await mls.join(this.identity, own, welcome, conversation, from, before);
        // One that is used more than once is replaced when it was used.
        if (own.isLastResort) tx.put(names.keyPackage(own.reference), { ...own, isReplaced: true });
        else tx.delete(names.keyPackage(own.reference));
        this.kept.save(tx, conversation, group);
      } catch (error) {
        if (!(error instanceof MlsError)) throw error;
        return { is: "refused", reason: error.message, isStale: error.reason === "stale" };
      }
      tx.delete(names.lost(conversation));
      await this.kept.dropCommit(tx, conversation);
      const effects: Effect[] = [];
      for (const name of await tx.names(names.held(conversation))) {
        tx.delete(name);
        const entry = await tx.get<LogEntry>(name.replace(/^held\//, names.allEntries));
        // An archive may have had it.
        if (!entry || entry.opened) continue;
        if (entry.sequence > (mail.sequence ?? 0)) effects.push(...(await this.read(tx, entry)));
        else if (entry.event === "commit") effects.push(this.show(tx, opened(entry)));
        else effects.push(this.show(tx, await substitute(tx, entry, "it is from before this device was added")));
      }
      return { is: "in", effects };
    });
  }

  /** Reads what is opened once, and is in no page of the log. */
  openOnce({ opened: _, ...entry }: LogEntry): Promise<LogEntry> {
    return this.kept.change(async (tx) => {
      if (!isSealed(entry)) return entry;
      const sender = deviceOf(entry.senderUserId, entry.senderDeviceId);
      const group = await this.kept.load(tx, entry.conversationId);
      if (!group || !sender || typeof entry.epoch !== "number" || typeof entry.payload !== "string") {
        return unreadable(entry, "this device is not in the group");
      }
      try {
        const { epoch, payload } = entry;
        const processed = await mls.process(group, this.identity, { sender, event: "message", epoch, payload });
        if (processed.is !== "message") return unreadable(entry, "it is no message");
        this.kept.save(tx, entry.conversationId, processed.group);
        return processed.content instanceof Error ? unreadable(entry, processed.content.message) : withContent(entry, processed.content);
      } catch (error) {
        if (error instanceof MlsError) return unreadable(entry, error.message);
        throw error;
      }
    });
  }

  // The outbox.

  /** Puts a message into the outbox. */
  queue(frame: ContentFrame): Promise<void> {
    return this.kept.change(async (tx) => {
      const { conversationId, clientMsgId } = frame;
      await this.kept.put(tx, { conversationId, clientMsgId, frame });
    });
  }

  /** Takes a message out of the outbox that will not be sent, and answers it. */
  withdraw(conversation: string, clientMsgId: string): Promise<ContentFrame | undefined> {
    return this.kept.change(async (tx) => {
      const out = await this.kept.unqueue(tx, conversation, clientMsgId);
      return out && "frame" in out ? out.frame : undefined;
    });
  }

  /** What waits, in the order in which it was queued. */
  outbox(): Promise<Outgoing[]> {
    return outboxIn(this.vault);
  }

  /** Encrypts a message of the outbox, if the group is in this epoch. From here on it is this ciphertext that is sent. */
  seal(conversation: string, clientMsgId: string, epoch: number, devices: Record<string, number>): Promise<EntryFrame | undefined> {
    return this.kept.change(async (tx) => {
      const out = (await outboxIn(tx)).find((one) => one.conversationId === conversation && one.clientMsgId === clientMsgId);
      const group = await this.kept.load(tx, conversation);
      if (!out || !("frame" in out) || !group || group.pending || mls.epochOf(group) !== epoch) return undefined;
      const made = await mls.encrypt(group, contentOf(out.frame));
      this.kept.save(tx, conversation, made.group);
      const sealed = { epoch: made.epoch, payload: made.payload };
      tx.put(names.out(out.order), { ...out, sealed });
      return sealedFrame(out.frame, sealed.payload, sealed.epoch, devices);
    });
  }

  /** The ciphertext of a message that was encrypted before. */
  async sealedFrame(conversation: string, clientMsgId: string): Promise<EntryFrame | undefined> {
    const out = (await outboxIn(this.vault)).find((one) => one.conversationId === conversation && one.clientMsgId === clientMsgId);
    return out && "frame" in out && out.sealed ? sealedFrame(out.frame, out.sealed.payload, out.sealed.epoch, {}) : undefined;
  }

  /** The service has refused a ciphertext for its epoch or its devices: the message is to be encrypted anew. */
  unseal(conversation: string, clientMsgId: string): Promise<boolean> {
    return this.kept.change(async (tx) => {
      const out = (await outboxIn(tx)).find((one) => one.conversationId === conversation && one.clientMsgId === clientMsgId);
      if (!out || !("frame" in out)) return false;
      const { sealed: _, ...open } = out;
      tx.put(names.out(out.order), open);
      return true;
    });
  }

  /** The service has accepted a message. What was in it is kept until the log has it. */
  sent(sent: Omit<MessageSent, "type">): Promise<void> {
    return this.kept.change(async (tx) => {
      const { conversationId, clientMsgId, sequence } = sent;
      const out = await this.kept.unqueue(tx, conversationId, clientMsgId);
      if (!out || !("frame" in out) || !out.sealed) return;
      const [senderUserId, senderDeviceId] = [userOf(this.identity.device), deviceIdOf(this.identity.device)];
      const mentions = "mentions" in out.frame ? out.frame.mentions : undefined;
      const entry = { conversationId, sequence, messageId: sent.messageId, senderUserId, senderDeviceId, ts: sent.ts, mentions } as LogEntry;
      tx.put(names.content(conversationId, sequence), rowOf(entry, contentOf(out.frame)));
    });
  }

  // Groups.

  membership(conversation: string): Promise<Membership> {
    return this.kept.change((tx) => this.membershipIn(tx, conversation));
  }

  private async membershipIn(tx: Reader, conversation: string): Promise<Membership> {
    const group = await this.kept.load(tx, conversation);
    if (await tx.get(names.lost(conversation))) return "out";
    if (!group) return "none";
    if (!mls.isActive(group)) return "out";
    return mls.epochOf(group) === 0 ? "founding" : "in";
  }

  /** The devices in the group of a conversation; none where this device has no group. */
  roster(conversation: string): Promise<Device[]> {
    return this.kept.change(async (tx) => {
      const group = await this.kept.load(tx, conversation);
      return group ? mls.roster(group).map(({ device }) => device).sort() : [];
    });
  }

  /** The conversations in whose groups this device is; where one is named, those with that device. */
  groupsWith(device?: Device): Promise<string[]> {
    return this.kept.change(async (tx) => {
      const found: string[] = [];
      for (const name of await tx.names(names.groups)) {
        const conversation = name.slice(names.groups.length);
        const group = await this.kept.load(tx, conversation);
        if (group && (device === undefined || mls.roster(group).some((leaf) => leaf.device === device))) found.push(conversation);
      }
      return found;
    });
  }

  /** What is to change in the group of a conversation for it to have the wanted devices, and the epoch that this is of. */
  plan(conversation: string, wanted: [Device, string][]): Promise<{ membership: Membership; epoch: number; plan: Plan }> {
    return this.kept.change(async (tx) => {
      const membership = await this.membershipIn(tx, conversation);
      const group = await this.kept.load(tx, conversation);
      const set = new Map(wanted);
      const rejoin = new Set<Device>();
      for (const name of await tx.names(names.rejoins(conversation))) {
        const device = rejoining(name);
        // Who is not a member any more does not come back by asking.
        if (set.has(device)) rejoin.add(device);
        else tx.delete(name);
      }
      const leaves = group ? mls.roster(group) : [];
      return { membership, epoch: group ? mls.epochOf(group) : 0, plan: planOf(leaves, this.identity.device, set, rejoin) };
    });
  }

  /**
   * Makes a commit, and the group where there is none; it waits in the outbox from here on. Devices whose packages cannot be used are left
   * out; false where the group has moved on since it was planned.
   */
  beginCommit(conversation: string, epoch: number, plan: Plan, offered: Offered[], devices: Record<string, number>):
  Promise<{ isBegun: boolean; leftOut: Device[] }> {
    return this.kept.change(async (tx) => {
      const now = Date.now();
      const kept = await this.kept.load(tx, conversation);
      if ((kept ? mls.epochOf(kept) : 0) !== epoch || kept?.pending || (await tx.get(names.lost(conversation)))) {
        return { isBegun: false, leftOut: [] };
      }
      const leftOut: Device[] = [];
      const add: { device: Device; keyPackage: Awaited<ReturnType<typeof mls.readKeyPackage>> }[] = [];
      for (const device of plan.add) {
        const one = offered.find((other) => other.device === device);
        const keyPackage = one && (await mls.readKeyPackage(one.payload, device, one.key, nowSeconds()).catch(refusedPackage));
        if (keyPackage) add.push({ device, keyPackage });
        else leftOut.push(device);
      }
      // Who is to be replaced and cannot be added is not removed either.
      const remove = plan.remove.filter((device) => !leftOut.includes(device));
      if (kept && mls.epochOf(kept) > 0 && add.length + remove.length === 0) return { isBegun: false, leftOut };
      const group = kept ?? (await mls.create(this.identity, conversation, nowSeconds()));
      const made = await mls.commit(group, this.identity, add, remove);
      this.kept.save(tx, conversation, made.group);
      const { payload, welcome, welcomed } = made.commit;
      const isLarge = mls.isByMedia(made.commit);
      const message: CommitMessage = {
        conversationId: conversation, clientMsgId: crypto.randomUUID(), payload, ts: now, epoch: made.commit.epoch, devices,
        welcomed: welcomed.map((device) => ({ userId: userOf(device), deviceId: deviceIdOf(device) })),
        baseSequence: (await tx.get<Place>(names.place(conversation)))?.held ?? 0, ...(welcome && !isLarge ? { welcome } : {}),
      };
      const commit = { message, ...(welcome && isLarge ? { largeWelcome: welcome } : {}) };
      await this.kept.put(tx, { conversationId: conversation, clientMsgId: message.clientMsgId, commit });
      return { isBegun: true, leftOut };
    });
  }

  /** The service has accepted the commit that waits. */
  commitAccepted({ conversationId, clientMsgId }: { conversationId: string; clientMsgId: string }): Promise<void> {
    return this.kept.change(async (tx) => {
      const out = await this.kept.unqueue(tx, conversationId, clientMsgId);
      if (!out || !("commit" in out)) return;
      const group = await this.kept.load(tx, conversationId);
      if (group) this.kept.save(tx, conversationId, mls.accept(group));
      forgetRejoins(tx, out.commit);
    });
  }

  /** The service has refused the commit that waits, for good. A group that was being founded is gone with it where another has. */
  commitRefused(conversation: string, clientMsgId: string, isFoundedElsewhere: boolean): Promise<void> {
    return this.kept.change(async (tx) => {
      if (!(await this.kept.unqueue(tx, conversation, clientMsgId))) return;
      const group = await this.kept.load(tx, conversation);
      if (!group) return;
      this.kept.save(tx, conversation, mls.epochOf(group) === 0 && isFoundedElsewhere ? undefined : mls.discard(group));
    });
  }

  /** Conversations with entries that cannot be read yet. */
  async held(): Promise<string[]> {
    return [...new Set((await this.vault.names(names.allHeld)).map(conversationIn))];
  }

  async rejoins(conversation: string): Promise<Device[]> {
    return (await this.vault.names(names.rejoins(conversation))).map(rejoining);
  }

  wantRejoin(conversation: string, device: Device): Promise<void> {
    return this.kept.change(async (tx) => tx.put(names.rejoin(conversation, device), true));
  }

  /** Whether the user has said that a conversation is to be in the clear. */
  async isClear(conversation: string): Promise<boolean> {
    return (await this.vault.get<boolean>(names.clear(conversation))) ?? false;
  }

  setClear(conversation: string, isClear: boolean): Promise<void> {
    return this.kept.change(async (tx) => (isClear ? tx.put(names.clear(conversation), true) : tx.delete(names.clear(conversation))));
  }

  // Keys and people, and what was said: by those who know.

  keyUpload(directoryKey: string | undefined, count: number, hasLastResort: boolean): Promise<KeyUpload | undefined> {
    return this.people.keyUpload(directoryKey, count, hasLastResort);
  }

  setDevices(user: string, set: DeviceSet): Promise<{ hasChanged: boolean; wasVerified: boolean }> {
    return this.people.setDevices(user, set);
  }

  devices(user: string): Promise<DeviceSet | undefined> {
    return this.people.devices(user);
  }

  safetyNumber(user: string): Promise<string | undefined> {
    return this.people.safetyNumber(user);
  }

  verify(user: string, digits: string): Promise<void> {
    return this.people.verify(user, digits);
  }

  isVerified(user: string): Promise<boolean | undefined> {
    return this.people.isVerified(user);
  }

  search(query: SearchQuery, limit: number): Promise<Found[]> {
    return this.past.search(query, limit);
  }

  archive(key: Bytes): Promise<Bytes> {
    return this.past.archive(key);
  }

  restore(key: Bytes, archive: Bytes): Promise<{ messages: number; entries: LogEntry[] }> {
    return this.past.restore(key, archive);
  }

  // What the connection keeps.

  putFrame(frame: EntryFrame): Promise<void> {
    return this.kept.change(async (tx) => {
      const name = names.frame(frame.clientMsgId);
      const before = await tx.get<{ order: number }>(name);
      const last = before ? 0 : Math.max(0, ...(await tx.list<{ order: number }>(names.frames)).map(([, { order }]) => order));
      tx.put(name, { order: before?.order ?? last + 1, frame });
    });
  }

  deleteFrame(clientMsgId: string): Promise<void> {
    return this.kept.change(async (tx) => tx.delete(names.frame(clientMsgId)));
  }

  putSummaries(summaries: ConversationSummary[]): Promise<void> {
    return this.kept.change(async (tx) => summaries.forEach((one) => tx.put(names.summary(one.conversationId), one)));
  }

  set(name: string, value: unknown): Promise<void> {
    return this.kept.change(async (tx) => (value === undefined ? tx.delete(names.value(name)) : tx.put(names.value(name), value)));
  }

}

/** A commit that was looked at: there is nothing in it to show. */
const opened = (entry: LogEntry): LogEntry => ({ ...entry, payload: null, opened: true });

/** What this device can read of an entry that is not the next of the log. */
async function substitute(reader: Reader, entry: LogEntry, reason = "this device has no keys for it"): Promise<LogEntry> {
  const { conversationId, sequence } = entry;
  const kept = await reader.get<LogEntry>(names.entry(conversationId, sequence));
  if (kept?.opened && kept.kind !== UNREADABLE && kept.messageId === entry.messageId) return kept;
  const own = await reader.get<MessageRow>(names.content(conversationId, sequence));
  if (own) return withContent(entry, own);
  // An archive has the message as of its last edit.
  const target = entry.event === "edit" && entry.targetSequence !== undefined
    ? await reader.get<MessageRow>(names.content(conversationId, entry.targetSequence)) : undefined;
  return target?.senderUserId === entry.senderUserId ? withContent(entry, target) : unreadable(entry, reason);
}

async function ownFor(tx: Transaction, welcome: string): Promise<mls.OwnKeyPackage> {
  for (const reference of mls.welcomeFor(welcome)) {
    const own = await tx.get<mls.OwnKeyPackage>(names.keyPackage(reference));
    if (own) return own;
  }
  throw new MlsError("notForUs", "the Welcome is for none of this device's key packages");
}

/** Whoever a commit of ours has added has what they asked for. */
function forgetRejoins(tx: Transaction, { message }: PendingCommit): void {
  for (const { userId, deviceId } of message.welcomed) {
    const device = deviceOf(userId, deviceId);
    if (device) tx.delete(names.rejoin(message.conversationId, device));
  }
}

/** A package that cannot be used leaves its device out; anything else is a fault of ours. */
function refusedPackage(error: unknown): undefined {
  if (!(error instanceof MlsError)) throw error;
}
