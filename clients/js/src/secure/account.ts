/**
 * What a device holds, and what each thing that happens changes: the vault with the state of MLS in it. No network.
 *
 * Every change is one transaction: the state of MLS, what was read or encrypted with it, and the place in the log. It runs in a worker, or
 * as a module in Node; what goes in and out can be sent between the two.
 */
import { UNREADABLE } from "../fold.ts";
import type { ConversationSummary, EntryFrame, LogEntry, MessageSent } from "../frames.ts";
import type { Place } from "../store.ts";
import { openArchive, type MessageRow, type Row, sealArchive } from "./archive.ts";
import { base64, type Bytes, fromBase64 } from "./bytes.ts";
import { said } from "./content.ts";
import { type Device, deviceIdOf, deviceOf, type DeviceSet, userOf } from "./device.ts";
import {
  contentIn, type ContentFrame, contentOf, isGone, isReadable, isSealed, rowOf, sealedFrame, unreadable, withContent,
} from "./entries.ts";
import { KEY_PACKAGE_RENEW_SECONDS, KEY_PACKAGES, KEY_PACKAGES_LOW, WELCOME_GRACE_SECONDS } from "./limits.ts";
import * as mls from "./mls.ts";
import { MlsError } from "./mls.ts";
import { conversationIn, names, rejoining } from "./names.ts";
import { type CommitMessage, outboxIn, type Outgoing, type PendingCommit } from "./outbox.ts";
import { type Plan, planOf } from "./roster.ts";
import { safetyNumber } from "./safety.ts";
import { type Found, SearchIndex, type SearchQuery } from "./search.ts";
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

/** The keys for the directory. */
export interface KeyUpload {
  identityKey: string;
  keyPackages: string[];
  lastResort?: string;
}

/** A key package out of the directory. */
export interface Offered {
  device: Device;
  key: string;
  payload: string;
}

interface Verified {
  digits: string;
  verifiedMs: number;
}
interface KeptIdentity {
  device: Device;
  publicKey: string;
  signKey: string;
}

/** A device of a user: its keys, its groups and its history. */
export class Account {
  /** Decoded, as they are in the vault. */
  private readonly groups = new Map<string, mls.Group>();
  private index: SearchIndex | undefined;

  private constructor(private readonly vault: Vault, private readonly identity: mls.Identity) {}

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
    this.groups.clear();
    this.index = undefined;
    await this.vault.clear();
  }

  // The log.

  /**
   * Takes in the next entries of a conversation, and the place that they make. What is before the place is no news: what can be read of it
   * is in it. Answers what is to be shown in place of the entries, and what else they have changed.
   */
  take(entries: LogEntry[], place: Place): Promise<{ shown: LogEntry[]; effects: Effect[] }> {
    return this.change(async (tx) => {
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
    if (isSealed(entry)) return this.keep(tx, await substitute(tx, entry));
    if (isGone(entry) && entry.event === "message") this.forget(tx, conversationId, sequence);
    const kept = await tx.get<LogEntry>(names.entry(conversationId, sequence));
    // What was decrypted does not come back in the clear; what is gone is gone.
    if (kept?.opened && !isGone(entry)) return kept;
    return this.keep(tx, { ...entry, ...(kept?.opened ? { opened: true } : {}) });
  }

  private async read(tx: Transaction, entry: LogEntry): Promise<Effect[]> {
    if (isSealed(entry) || entry.event === "commit") return this.readSealed(tx, entry);
    const { conversationId: conversation } = entry;
    if (entry.event === "message") await this.unqueue(tx, conversation, entry.clientMsgId);
    if (entry.event === "delete" && entry.targetSequence !== undefined) this.forget(tx, conversation, entry.targetSequence);
    return [this.show(tx, entry)];
  }

  /** An entry with a ciphertext, or a commit. */
  private async readSealed(tx: Transaction, entry: LogEntry): Promise<Effect[]> {
    const { conversationId: conversation, epoch, payload } = entry;
    const sender = deviceOf(entry.senderUserId, entry.senderDeviceId);
    if (!sender) return [this.show(tx, unreadable(entry, "its sender is no device"))];
    const event = entry.event === "commit" ? "commit" : "message";
    if (sender === this.identity.device && event === "message") return this.readOwn(tx, entry);
    const group = await this.load(tx, conversation);
    if (group && mls.epochOf(group) === 0 && sender !== this.identity.device) {
      // Somebody else's first commit has won: theirs is the group.
      await this.dropCommit(tx, conversation);
      this.save(tx, conversation, undefined);
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
        await this.dropCommit(tx, conversation);
        return [...(await this.hold(tx, entry)), { is: "out" }];
      }
      return [this.show(tx, event === "commit" ? opened(entry) : unreadable(entry, error.message))];
    }
  }

  private async apply(tx: Transaction, entry: LogEntry, processed: mls.Processed): Promise<Effect[]> {
    const { conversationId: conversation } = entry;
    if (processed.is !== "known") this.save(tx, conversation, processed.group);
    switch (processed.is) {
      case "message": {
        const { content } = processed;
        return [this.show(tx, content instanceof Error ? unreadable(entry, content.message) : withContent(entry, content))];
      }
      case "commit": {
        await this.dropCommit(tx, conversation);
        const { added, replaced, removed } = processed;
        for (const device of [...added, ...replaced]) tx.delete(names.rejoin(conversation, device));
        return [this.show(tx, opened(entry)), { is: "devices", added: [...added, ...replaced], removed }];
      }
      case "ownCommit": {
        const out = await this.unqueue(tx, conversation, entry.clientMsgId);
        if (out && "commit" in out) forgetRejoins(tx, out.commit);
        return [this.show(tx, opened(entry))];
      }
      case "removed":
        await this.dropCommit(tx, conversation);
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
    const out = await this.unqueue(tx, conversation, entry.clientMsgId);
    if (out && "frame" in out) return [this.show(tx, withContent(entry, contentOf(out.frame)))];
    const kept = await tx.get<MessageRow>(names.content(conversation, sequence));
    tx.delete(names.content(conversation, sequence));
    return [this.show(tx, kept ? withContent(entry, kept) : unreadable(entry, "this device sent it, and has lost it"))];
  }

  private show(tx: Transaction, entry: LogEntry): Effect {
    return { is: "show", entry: this.keep(tx, entry) };
  }

  private keep(tx: Transaction, entry: LogEntry): LogEntry {
    tx.put(names.entry(entry.conversationId, entry.sequence), entry);
    this.indexed(entry);
    return entry;
  }

  private forget(tx: Transaction, conversation: string, sequence: number): void {
    tx.delete(names.content(conversation, sequence));
    this.index?.remove(conversation, sequence);
  }

  /** Joins by a Welcome, and reads what was held. */
  join(mail: { conversationId: string; fromUserId: string; fromDeviceId: string; sequence?: number }, welcome: string):
  Promise<{ is: "in"; effects: Effect[] } | { is: "refused"; reason: string; isStale: boolean }> {
    return this.change(async (tx) => {
      const { conversationId: conversation } = mail;
      const from = deviceOf(mail.fromUserId, mail.fromDeviceId);
      if (!from) return { is: "refused", reason: "its sender is no device", isStale: false };
      const before = await this.load(tx, conversation);
      try {
        const own = await ownFor(tx, welcome);
        const group = await mls.join(this.identity, own, welcome, conversation, from, before);
        // One that is used more than once is replaced when it was used.
        if (own.isLastResort) tx.put(names.keyPackage(own.reference), { ...own, isReplaced: true });
        else tx.delete(names.keyPackage(own.reference));
        this.save(tx, conversation, group);
      } catch (error) {
        if (!(error instanceof MlsError)) throw error;
        return { is: "refused", reason: error.message, isStale: error.reason === "stale" };
      }
      tx.delete(names.lost(conversation));
      await this.dropCommit(tx, conversation);
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
    return this.change(async (tx) => {
      if (!isSealed(entry)) return entry;
      const sender = deviceOf(entry.senderUserId, entry.senderDeviceId);
      const group = await this.load(tx, entry.conversationId);
      if (!group || !sender || typeof entry.epoch !== "number" || typeof entry.payload !== "string") {
        return unreadable(entry, "this device is not in the group");
      }
      try {
        const { epoch, payload } = entry;
        const processed = await mls.process(group, this.identity, { sender, event: "message", epoch, payload });
        if (processed.is !== "message") return unreadable(entry, "it is no message");
        this.save(tx, entry.conversationId, processed.group);
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
    return this.change(async (tx) => {
      const { conversationId, clientMsgId } = frame;
      await this.put(tx, { conversationId, clientMsgId, frame });
    });
  }

  /** Takes a message out of the outbox that will not be sent, and answers it. */
  withdraw(conversation: string, clientMsgId: string): Promise<ContentFrame | undefined> {
    return this.change(async (tx) => {
      const out = await this.unqueue(tx, conversation, clientMsgId);
      return out && "frame" in out ? out.frame : undefined;
    });
  }

  /** What waits, in the order in which it was queued. */
  outbox(): Promise<Outgoing[]> {
    return outboxIn(this.vault);
  }

  /** Encrypts a message of the outbox, if the group is in this epoch. From here on it is this ciphertext that is sent. */
  seal(conversation: string, clientMsgId: string, epoch: number, devices: Record<string, number>): Promise<EntryFrame | undefined> {
    return this.change(async (tx) => {
      const out = (await outboxIn(tx)).find((one) => one.conversationId === conversation && one.clientMsgId === clientMsgId);
      const group = await this.load(tx, conversation);
      if (!out || !("frame" in out) || !group || group.pending || mls.epochOf(group) !== epoch) return undefined;
      const made = await mls.encrypt(group, contentOf(out.frame));
      this.save(tx, conversation, made.group);
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
    return this.change(async (tx) => {
      const out = (await outboxIn(tx)).find((one) => one.conversationId === conversation && one.clientMsgId === clientMsgId);
      if (!out || !("frame" in out)) return false;
      const { sealed: _, ...open } = out;
      tx.put(names.out(out.order), open);
      return true;
    });
  }

  /** The service has accepted a message. What was in it is kept until the log has it. */
  sent(sent: Omit<MessageSent, "type">): Promise<void> {
    return this.change(async (tx) => {
      const { conversationId, clientMsgId, sequence } = sent;
      const out = await this.unqueue(tx, conversationId, clientMsgId);
      if (!out || !("frame" in out) || !out.sealed) return;
      const [senderUserId, senderDeviceId] = [userOf(this.identity.device), deviceIdOf(this.identity.device)];
      const mentions = "mentions" in out.frame ? out.frame.mentions : undefined;
      const entry = { conversationId, sequence, messageId: sent.messageId, senderUserId, senderDeviceId, ts: sent.ts, mentions } as LogEntry;
      tx.put(names.content(conversationId, sequence), rowOf(entry, contentOf(out.frame)));
    });
  }

  // Groups.

  membership(conversation: string): Promise<Membership> {
    return this.change((tx) => this.membershipIn(tx, conversation));
  }

  private async membershipIn(tx: Reader, conversation: string): Promise<Membership> {
    const group = await this.load(tx, conversation);
    if (await tx.get(names.lost(conversation))) return "out";
    if (!group) return "none";
    if (!mls.isActive(group)) return "out";
    return mls.epochOf(group) === 0 ? "founding" : "in";
  }

  /** The devices in the group of a conversation; none where this device has no group. */
  roster(conversation: string): Promise<Device[]> {
    return this.change(async (tx) => {
      const group = await this.load(tx, conversation);
      return group ? mls.roster(group).map(({ device }) => device).sort() : [];
    });
  }

  /** The conversations in whose groups this device is; where one is named, those with that device. */
  groupsWith(device?: Device): Promise<string[]> {
    return this.change(async (tx) => {
      const found: string[] = [];
      for (const name of await tx.names(names.groups)) {
        const conversation = name.slice(names.groups.length);
        const group = await this.load(tx, conversation);
        if (group && (device === undefined || mls.roster(group).some((leaf) => leaf.device === device))) found.push(conversation);
      }
      return found;
    });
  }

  /** What is to change in the group of a conversation for it to have the wanted devices, and the epoch that this is of. */
  plan(conversation: string, wanted: [Device, string][]): Promise<{ membership: Membership; epoch: number; plan: Plan }> {
    return this.change(async (tx) => {
      const membership = await this.membershipIn(tx, conversation);
      const group = await this.load(tx, conversation);
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
    return this.change(async (tx) => {
      const now = Date.now();
      const kept = await this.load(tx, conversation);
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
      this.save(tx, conversation, made.group);
      const { payload, welcome, welcomed } = made.commit;
      const isLarge = mls.isByMedia(made.commit);
      const message: CommitMessage = {
        conversationId: conversation, clientMsgId: crypto.randomUUID(), payload, ts: now, epoch: made.commit.epoch, devices,
        welcomed: welcomed.map((device) => ({ userId: userOf(device), deviceId: deviceIdOf(device) })),
        baseSequence: (await tx.get<Place>(names.place(conversation)))?.held ?? 0, ...(welcome && !isLarge ? { welcome } : {}),
      };
      const commit = { message, ...(welcome && isLarge ? { largeWelcome: welcome } : {}) };
      await this.put(tx, { conversationId: conversation, clientMsgId: message.clientMsgId, commit });
      return { isBegun: true, leftOut };
    });
  }

  /** The service has accepted the commit that waits. */
  commitAccepted({ conversationId, clientMsgId }: { conversationId: string; clientMsgId: string }): Promise<void> {
    return this.change(async (tx) => {
      const out = await this.unqueue(tx, conversationId, clientMsgId);
      if (!out || !("commit" in out)) return;
      const group = await this.load(tx, conversationId);
      if (group) this.save(tx, conversationId, mls.accept(group));
      forgetRejoins(tx, out.commit);
    });
  }

  /** The service has refused the commit that waits, for good. A group that was being founded is gone with it where another has. */
  commitRefused(conversation: string, clientMsgId: string, isFoundedElsewhere: boolean): Promise<void> {
    return this.change(async (tx) => {
      if (!(await this.unqueue(tx, conversation, clientMsgId))) return;
      const group = await this.load(tx, conversation);
      if (!group) return;
      this.save(tx, conversation, mls.epochOf(group) === 0 && isFoundedElsewhere ? undefined : mls.discard(group));
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
    return this.change(async (tx) => tx.put(names.rejoin(conversation, device), true));
  }

  /** Whether the user has said that a conversation is to be in the clear. */
  async isClear(conversation: string): Promise<boolean> {
    return (await this.vault.get<boolean>(names.clear(conversation))) ?? false;
  }

  setClear(conversation: string, isClear: boolean): Promise<void> {
    return this.change(async (tx) => (isClear ? tx.put(names.clear(conversation), true) : tx.delete(names.clear(conversation))));
  }

  // Keys and people.

  /** The keys to put into the directory, given what it has; none where that suffices. */
  keyUpload(directoryKey: string | undefined, count: number, hasLastResort: boolean): Promise<KeyUpload | undefined> {
    return this.change(async (tx) => {
      const now = nowSeconds();
      const identityKey = base64(this.identity.publicKey);
      const all = await tx.list<mls.OwnKeyPackage>(names.keyPackages);
      const own = all.filter(([, one]) => one.notAfterSeconds + WELCOME_GRACE_SECONDS >= now);
      for (const entry of all) if (!own.includes(entry)) tx.delete(entry[0]);
      const isOver = (one: mls.OwnKeyPackage) => one.isReplaced || one.notAfterSeconds < now + KEY_PACKAGE_RENEW_SECONDS;
      const isNew = directoryKey !== identityKey || own.some(([, one]) => !one.isReplaced && isOver(one));
      const needsLast = isNew || !hasLastResort || !own.some(([, one]) => one.isLastResort && !isOver(one));
      if (!needsLast && count > KEY_PACKAGES_LOW) return undefined;
      // They stay for Welcomes that are on their way, and are no reason to make others once more.
      for (const [name, one] of own) if (isNew && !one.isReplaced) tx.put(name, { ...one, isReplaced: true });
      const make = async (isLastResort: boolean) => {
        const made = await mls.makeKeyPackage(this.identity, now, isLastResort);
        tx.put(names.keyPackage(made.own.reference), made.own);
        return made.payload;
      };
      const keyPackages: string[] = [];
      const wanted = KEY_PACKAGES - (isNew ? 0 : Math.min(count, KEY_PACKAGES));
      while (keyPackages.length < wanted) keyPackages.push(await make(false));
      return { identityKey, keyPackages, ...(needsLast ? { lastResort: await make(true) } : {}) };
    });
  }

  /**
   * Keeps what the directory says of a user's devices. Tells whether they are others than those that were seen before, and whether their
   * safety number had been compared.
   */
  setDevices(user: string, set: DeviceSet): Promise<{ hasChanged: boolean; wasVerified: boolean }> {
    return this.change(async (tx) => {
      const before = await tx.get<DeviceSet>(names.devices(user));
      const wasVerified = (await this.verifiedIn(tx, user)) === true;
      tx.put(names.devices(user), set);
      const isOther = before !== undefined && Object.keys(before.devices).length > 0 && !isSameSet(before.devices, set.devices);
      return { hasChanged: isOther, wasVerified };
    });
  }

  /** What the directory last said of a user's devices. */
  devices(user: string): Promise<DeviceSet | undefined> {
    return this.vault.get<DeviceSet>(names.devices(user));
  }

  /** The 60 digits of the user and another, of the devices that the directory last named; none where it named none. */
  async safetyNumber(user: string): Promise<string | undefined> {
    return this.numberIn(this.vault, user);
  }

  private async numberIn(reader: Reader, user: string): Promise<string | undefined> {
    const me = userOf(this.identity.device);
    const [own, theirs] = [await reader.get<DeviceSet>(names.devices(me)), await reader.get<DeviceSet>(names.devices(user))];
    if (!own || !theirs || Object.keys(theirs.devices).length === 0) return undefined;
    const keys = (set: Record<Device, string>) => Object.values(set).map(bytesOf);
    const ours = { ...own.devices, [this.identity.device]: base64(this.identity.publicKey) };
    return safetyNumber([me, keys(ours)], [user, keys(theirs.devices)]);
  }

  /** Keeps that the user has compared the safety number with somebody: it is this one. */
  verify(user: string, digits: string): Promise<void> {
    return this.change(async (tx) => tx.put(names.verified(user), { digits, verifiedMs: Date.now() } satisfies Verified));
  }

  /** Whether the number was compared and is the same still; none where it never was. */
  isVerified(user: string): Promise<boolean | undefined> {
    return this.verifiedIn(this.vault, user);
  }

  private async verifiedIn(reader: Reader, user: string): Promise<boolean | undefined> {
    const verified = await reader.get<Verified>(names.verified(user));
    return verified && (await this.numberIn(reader, user)) === verified.digits;
  }

  // History.

  /** Messages that a query finds, the latest first. */
  async search(query: SearchQuery, limit: number): Promise<Found[]> {
    // Between two changes, so that the index misses none.
    const index = this.index ?? (await this.change(async () => (this.index ??= await this.makeIndex())));
    return index.search(query, limit);
  }

  private async makeIndex(): Promise<SearchIndex> {
    const index = new SearchIndex();
    for (const row of await this.rows()) if (row.row === "message" && row.text) index.put({ ...row, text: row.text });
    return index;
  }

  private indexed(entry: LogEntry): void {
    const { index } = this;
    if (!index) return;
    const { conversationId, sequence } = entry;
    if (entry.event === "edit" && entry.targetSequence !== undefined && !isGone(entry)) {
      const found = index.get(conversationId, entry.targetSequence);
      if (found?.senderUserId === entry.senderUserId) index.put({ ...found, text: said(entry.payload) ?? "" });
    } else if (entry.event === "message") {
      const row = rowOf(entry, contentIn(entry));
      if (isReadable(entry) && row.text) index.put({ ...row, text: row.text });
      else index.remove(conversationId, sequence);
    }
  }

  /** What was said, as far as it can be read here, with the edits applied. */
  private async rows(): Promise<Row[]> {
    const rows: Row[] = [];
    const found = new Map<string, MessageRow>();
    for (const [name, row] of await this.vault.list<MessageRow>(names.allContents)) found.set(name.replace("content/", names.allEntries), row);
    for (const place of (await this.vault.list<Place>(names.places)).map(([, one]) => one)) {
      rows.push({ row: "conversation", id: place.conversationId, title: null, cursor: place.held, readUpTo: 0 });
      for (const [name, entry] of await this.vault.list<LogEntry>(names.entries(place.conversationId))) {
        if (isReadable(entry)) found.set(name, rowOf(entry, contentIn(entry)));
        applyEdit(found, entry);
      }
    }
    rows.push(...[...found].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, row]) => row));
    for (const [name, { digits, verifiedMs }] of await this.vault.list<Verified>(names.allVerified)) {
      rows.push({ row: "verified", userId: name.slice(names.allVerified.length), safetyNumber: digits, verifiedMs });
    }
    return rows;
  }

  /** The history of this device, under a key. */
  async archive(key: Bytes): Promise<Bytes> {
    return sealArchive(key, await this.rows());
  }

  /** Takes in the history of an archive, all or nothing. What is kept already stays as it is. Tells what is to be shown anew. */
  async restore(key: Bytes, archive: Bytes): Promise<{ messages: number; entries: LogEntry[] }> {
    const rows = await openArchive(key, archive);
    return this.change(async (tx) => {
      let messages = 0;
      const entries: LogEntry[] = [];
      for (const row of rows) {
        if (row.row === "verified" && (await tx.get(names.verified(row.userId))) === undefined) {
          tx.put(names.verified(row.userId), { digits: row.safetyNumber, verifiedMs: row.verifiedMs } satisfies Verified);
        }
        if (row.row !== "message") continue;
        const { conversationId, sequence } = row;
        const [content, entry] = [names.content(conversationId, sequence), names.entry(conversationId, sequence)];
        const kept = await tx.get<LogEntry>(entry);
        if ((kept && (isReadable(kept) || isGone(kept))) || (await tx.get(content)) !== undefined) continue;
        messages += 1;
        tx.put(content, row);
        if (kept && kept.event === "message") entries.push(this.keep(tx, withContent(kept, row)));
        else if (row.text) this.index?.put({ ...row, text: row.text });
      }
      return { messages, entries };
    });
  }

  // What the connection keeps.

  putFrame(frame: EntryFrame): Promise<void> {
    return this.change(async (tx) => {
      const name = names.frame(frame.clientMsgId);
      const before = await tx.get<{ order: number }>(name);
      const last = before ? 0 : Math.max(0, ...(await tx.list<{ order: number }>(names.frames)).map(([, { order }]) => order));
      tx.put(name, { order: before?.order ?? last + 1, frame });
    });
  }

  deleteFrame(clientMsgId: string): Promise<void> {
    return this.change(async (tx) => tx.delete(names.frame(clientMsgId)));
  }

  putSummaries(summaries: ConversationSummary[]): Promise<void> {
    return this.change(async (tx) => summaries.forEach((one) => tx.put(names.summary(one.conversationId), one)));
  }

  set(name: string, value: unknown): Promise<void> {
    return this.change(async (tx) => (value === undefined ? tx.delete(names.value(name)) : tx.put(names.value(name), value)));
  }

  // Within a change.

  /** One transaction. Where it fails, what is decoded is what is kept. */
  private async change<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result> {
    try {
      return await this.vault.write(work);
    } catch (error) {
      this.groups.clear();
      this.index = undefined;
      throw error;
    }
  }

  private async load(tx: Reader, conversation: string): Promise<mls.Group | undefined> {
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

  private save(tx: Transaction, conversation: string, group: mls.Group | undefined): void {
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

  private async put(tx: Transaction, out: { conversationId: string; clientMsgId: string; frame?: ContentFrame; commit?: PendingCommit }): Promise<void> {
    const last = (await tx.names(names.outbox)).at(-1);
    const order = last === undefined ? 1 : Number(last.slice(names.outbox.length)) + 1;
    tx.put(names.out(order), { order, ...out });
  }

  private async unqueue(tx: Transaction, conversation: string, clientMsgId: string): Promise<Outgoing | undefined> {
    const out = (await outboxIn(tx)).find((one) => one.conversationId === conversation && one.clientMsgId === clientMsgId);
    if (out) tx.delete(names.out(out.order));
    return out;
  }

  /** A commit of ours that can win no more. */
  private async dropCommit(tx: Transaction, conversation: string): Promise<void> {
    for (const out of await outboxIn(tx)) {
      if ("commit" in out && out.conversationId === conversation) tx.delete(names.out(out.order));
    }
    const group = await this.load(tx, conversation);
    if (group?.pending) this.save(tx, conversation, mls.discard(group));
  }
}

/** A commit that was looked at: there is nothing in it to show. */
const opened = (entry: LogEntry): LogEntry => ({ ...entry, payload: null, opened: true });

const nowSeconds = (): number => Math.floor(Date.now() / 1000);

function bytesOf(text: string): Bytes {
  const bytes = fromBase64(text);
  if (!bytes) throw new VaultError("what is kept is not base64");
  return bytes;
}

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

function isSameSet(one: Record<string, string>, other: Record<string, string>): boolean {
  const devices = Object.keys(one);
  return devices.length === Object.keys(other).length && devices.every((device) => one[device] === other[device]);
}

function applyEdit(found: Map<string, MessageRow>, entry: LogEntry): void {
  if (entry.event !== "edit" || entry.targetSequence === undefined || isGone(entry) || entry.kind === UNREADABLE) return;
  const name = names.entry(entry.conversationId, entry.targetSequence);
  const row = found.get(name);
  if (row?.senderUserId === entry.senderUserId) found.set(name, { ...row, body: entry.payload, text: said(entry.payload) ?? null });
}
