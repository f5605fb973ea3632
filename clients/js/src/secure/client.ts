/**
 * The client that people use: the connection with end-to-end encryption. What comes goes through the account, and what waits in the account
 * goes to the service. As `clients/secure` in Rust.
 *
 * Of what it does itself, one thing is done at a time. Entries are taken in beside it: what was planned in an epoch that has passed is
 * planned again.
 */
import { Client, type ClientConfig, type ClientEvent, type Outgoing, type Status } from "../client.ts";
import { RequestError, retryAfterMs } from "../engine.ts";
import type { ClientFrame, ConversationSummary, EntryFrame, ErrorFrame, http, LogEntry, MessageSent, ServerFrame } from "../frames.ts";
import { CallError, type Http, path } from "../http.ts";
import { addressOf, upload } from "../media.ts";
import { report } from "../report.ts";
import type { Effect, Membership, Offered } from "./account.ts";
import { fromBase64 } from "./bytes.ts";
import { encodeContent } from "./content.ts";
import { type Device, deviceIdOf, deviceOf, type DeviceSet, userOf } from "./device.ts";
import { type ContentFrame, contentOf } from "./entries.ts";
import { KEY_PACKAGES_PER_CALL } from "./limits.ts";
import { fingerprintOf, LinkError, newLinkCode, parseLinkCode, revealLinkCode } from "./link.ts";
import type { PendingCommit } from "./outbox.ts";
import type { KeysAt } from "./remote.ts";
import type { Plan } from "./roster.ts";
import type { Found, SearchQuery } from "./search.ts";
import type { AccountPort, SecureStore } from "./store.ts";

type Schemas = http.components["schemas"];
type Mail = Schemas["MailNew"];

/** What a secure client is made of. */
export interface SecureConfig extends ClientConfig {
  userId: string;
  store: SecureStore;
  /** Where the keys are handled: {@link inWorker}, or `here` of `@tidings/client/secure/here`, as in Node. */
  keys: KeysAt;
}

/** What a conversation waits for. */
export type Waiting =
  /** The other side has no device with keys yet. */
  | { for: "keys"; userId: string }
  /** Somebody who is in the group has to add this device. */
  | { for: "beingAdded" }
  /** An admin has to encrypt the group first. */
  | { for: "founding" }
  /** The service cannot be reached, or refuses. */
  | { for: "service"; message: string };

/** What encryption has to tell. */
export type SecureEvent =
  /** A conversation has messages that cannot be sent, or not be read, before something else happens; or no more, where there is no reason. */
  | { is: "waiting"; conversationId: string; reason: Waiting | undefined }
  /** This device can read and write a conversation now. */
  | { is: "joined"; conversationId: string }
  | { is: "devices"; conversationId: string; added: Device[]; removed: Device[] }
  /** The safety number with somebody has changed. If it had been compared, that counts no more. */
  | { is: "safetyNumberChanged"; userId: string; wasVerified: boolean }
  /** Something could not be kept or done. */
  | { is: "failed"; message: string };

/** A Welcome comes within this of the commit that it belongs to; after it, it is asked for. */
const WELCOME_PATIENCE_MS = 2_000;
const WELCOME_BYTES_MAX = 8 * 1024 * 1024;
/** Between two tries of what failed, at first and at most. */
const RETRY_BASE_MS = 500;
const RETRY_CAP_MS = 60_000;
/** Ciphertexts of one message that the service may refuse as stale. */
const STALE_MAX = 20;
/** Steps for one conversation at a stretch. */
const STEPS_MAX = 16;
/** Users whose device versions a message names; with more members it names none. */
const VERSIONS_MAX = 64;
/** Somebody without keys is looked for again after this. */
const KEYS_PATIENCE_MS = 5_000;
/** An own commit that lost is followed by the winner's, which comes by the log within this. */
const LOG_PATIENCE_MS = 300;
const ASK_BASE_MS = 5_000;
const ASK_CAP_MS = 300_000;
const LOST_COMMITS_MAX = 5;
/** Who was added is not added again within this: mail may come twice. */
const REJOIN_PAUSE_MS = 4_000;
const KEYS_RETRY_MS = 5_000;
const KEYS_EVERY_MS = 12 * 3_600_000;
const TIMER_MS_MAX = 3_600_000;
const MAIL_PAGES_MAX = 100;
const LOOK_EVERY_MS = 1_000;
/** Messages that wait at most. */
const QUEUE_MAX = 1_000;

/** What is going on in a conversation. */
interface Talk {
  /** The message that the service has not answered for. */
  inFlight?: string | undefined;
  due?: number | undefined;
  failures: number;
  /** The group is to be brought up to date, whether or not something is to be sent. */
  isEager: boolean;
  /** Somebody else has encrypted it. */
  isFoundedElsewhere: boolean;
  members?: string[] | undefined;
  /** Devices whose key packages cannot be used or had. */
  leftOut: Set<Device>;
  stale: number;
  asked: number;
  askedAgain?: number | undefined;
  /** As it was told. */
  waitsFor?: Waiting | undefined;
  /** Who was added, and when. */
  addedAnew: Map<Device, number>;
}

/** What came of one step for a conversation. */
type Step =
  | { is: "again" | "done"; reason?: undefined }
  /** Look again after a while; tell why, where there is a reason to tell. */
  | { is: "later"; ms: number; reason?: Waiting }
  /** The same after a pause that grows. */
  | { is: "retry"; reason?: Waiting };
const AGAIN: Step = { is: "again" };
const DONE: Step = { is: "done" };

/** A client whose conversations are encrypted, used like a {@link Client}. */
export class SecureClient {
  readonly http: Http;
  readonly store: SecureStore;
  private readonly client: Client;
  private readonly own: Device;
  private readonly listeners = new Set<(event: ClientEvent) => void>();
  private readonly talks = new Map<string, Talk>();
  /** Users whose devices may be others than those that are known. */
  private readonly dirty = new Set<string>();
  private readonly asked = new Set<string>();
  /** Commits that were made since the start: any other may have been sent before it. */
  private readonly begun = new Map<string, number>();
  private account: AccountPort | undefined;
  private work: Promise<void> = Promise.resolve();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private keysDue: number | undefined;
  private receiving: AbortController | undefined;
  private hasLooked = false;
  private isStopped = false;

  constructor(private readonly config: SecureConfig) {
    const own = deviceOf(config.userId, config.deviceId);
    if (!own) throw new RequestError("this user and device cannot have keys: their names have other characters");
    this.own = own;
    this.store = config.store;
    this.client = new Client(config);
    this.http = this.client.http;
    this.client.on((event) => this.heard(event));
  }

  get status(): Status {
    return this.client.status;
  }

  /** Tells events until the answer is called. */
  on(listener: (event: ClientEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Opens the account, takes up what it has, and connects. */
  async start(): Promise<void> {
    if (this.account) return;
    this.isStopped = false;
    const account = await this.config.keys({ name: this.store.name, device: this.own }, () => this.store.vaultHere());
    // It was stopped while the keys were fetched.
    if (this.isStopped) return account.close();
    this.account = account;
    this.store.attach(account, (conversationId, effects) => this.affected(conversationId, effects));
    await this.client.start();
    this.later(() => this.tendKeys());
  }

  /** Closes the connection and the account. What is queued is kept, and goes at the next start. */
  async stop(): Promise<void> {
    const { account } = this;
    this.isStopped = true;
    clearTimeout(this.timer);
    this.receiving?.abort(new LinkError("Linking was cancelled."));
    await this.client.stop();
    this.account = undefined;
    await this.work;
    this.store.detach();
    await account?.close();
  }

  reconnect(): void {
    this.client.reconnect();
  }

  read(conversationId: string, upTo: number): void {
    this.client.read(conversationId, upTo);
  }

  setActive(active: boolean): void {
    this.client.setActive(active);
  }

  watch(users: Iterable<string>): void {
    this.client.watch(users);
  }

  request(frame: ClientFrame): Promise<ServerFrame> {
    return this.client.request(frame);
  }

  list(): Promise<ConversationSummary[]> {
    return this.client.list();
  }

  history(conversationId: string, before: number, limit?: number): Promise<LogEntry[]> {
    return this.client.history(conversationId, before, limit);
  }

  /** What waits to be sent or answered, as it was said. */
  pending(): Promise<EntryFrame[]> {
    return this.store.waiting();
  }

  /**
   * Queues an entry, and keeps it first. What has content is encrypted when it goes, unless the user has said of the conversation that it is
   * to be in the clear. A text that is a string is said as `{text}`.
   */
  async send(outgoing: Outgoing): Promise<string> {
    const frame = { clientMsgId: crypto.randomUUID(), ts: Date.now(), ...outgoing } as EntryFrame;
    const account = this.opened();
    if (frame.type === "message.delete" || frame.type === "message.pin") return this.client.send(frame as Outgoing);
    const said = wrapped(frame);
    if (said.type !== "message.send" && !(await this.isEncrypted(said.conversationId))) return this.client.send(frame as Outgoing);
    const outbox = await account.outbox();
    if (outbox.length >= QUEUE_MAX) throw new RequestError("the queue is full");
    if (outbox.some((out) => out.clientMsgId === said.clientMsgId)) throw new RequestError("an entry of this clientMsgId is queued already");
    // What fits no message is refused now, and not when its turn comes.
    encodeContent(contentOf(said));
    await account.queue(said);
    this.look(said.conversationId, 0);
    return said.clientMsgId;
  }

  private async isEncrypted(conversation: string): Promise<boolean> {
    return (await this.opened().membership(conversation)) !== "none" || this.isElsewhere(conversation);
  }

  /** Takes a message back that is queued and not on its way. False where it is too late. */
  async withdraw(conversationId: string, clientMsgId: string): Promise<boolean> {
    if (this.talk(conversationId).inFlight === clientMsgId) return false;
    return (await this.opened().withdraw(conversationId, clientMsgId)) !== undefined;
  }

  /** Says of a conversation that is not encrypted that it is to be in the clear, or no more. One that is encrypted stays so. */
  async setClear(conversationId: string, isClear: boolean): Promise<void> {
    await this.opened().setClear(conversationId, isClear);
    this.look(conversationId, 0);
  }

  isClear(conversationId: string): Promise<boolean> {
    return this.opened().isClear(conversationId);
  }

  /** Encrypts a conversation, or brings its devices up to date, though there is nothing to send. */
  encrypt(conversationId: string): void {
    this.talk(conversationId).isEager = true;
    this.look(conversationId, 0);
  }

  membership(conversationId: string): Promise<Membership> {
    return this.opened().membership(conversationId);
  }

  /** The devices that read a conversation. */
  roster(conversationId: string): Promise<Device[]> {
    return this.opened().roster(conversationId);
  }

  /** Opens a message that is opened once. */
  async open(conversationId: string, messageId: string, sequence: number): Promise<LogEntry> {
    const { message } = await this.http.call<{ message: LogEntry }>(
      "POST", path`/conversations/${conversationId}/messages/${messageId}/open`, { query: { sequence } });
    return this.opened().openOnce(message);
  }

  /** The safety number of the user and another, of the devices that the directory has now; none where the other has none. */
  async safetyNumber(userId: string): Promise<string | undefined> {
    for (const user of [userOf(this.own), userId]) await this.fetchDevices(user);
    return this.opened().safetyNumber(userId);
  }

  /** Keeps that the user has compared the safety number with somebody: it is this one. */
  verify(userId: string, digits: string): Promise<void> {
    return this.opened().verify(userId, digits);
  }

  /** Whether the safety number with somebody was compared and is the same still; none where it never was. */
  isVerified(userId: string): Promise<boolean | undefined> {
    return this.opened().isVerified(userId);
  }

  /** Searches the history of this device, the latest first. */
  search(query: SearchQuery, limit: number): Promise<Found[]> {
    return this.opened().search(query, limit);
  }

  /** What conversations wait for, as it was last told. */
  waitings(): Promise<[conversationId: string, reason: Waiting][]> {
    return Promise.resolve([...this.talks].flatMap(([id, { waitsFor }]) => (waitsFor ? [[id, waitsFor]] : [])));
  }

  /** Puts this device's keys into the directory, where it has none yet or few; false where the service could not be reached. */
  async publishKeys(): Promise<boolean> {
    let isPublished = false;
    await this.later(async () => { isPublished = await this.tendKeys(); });
    return isPublished;
  }

  /** Lets a device of the user's connect no more, and takes it out of the groups. */
  async revokeDevice(deviceId: string): Promise<void> {
    await this.http.call("DELETE", path`/devices/${deviceId}`);
    await this.fetchDevices(userOf(this.own));
    const gone = deviceOf(userOf(this.own), deviceId);
    if (gone) for (const conversation of await this.opened().groupsWith(gone)) this.encrypt(conversation);
  }

  // Linking.

  /** A code to link this device by. It is good for one archive. */
  async linkCode(): Promise<string> {
    return revealLinkCode(await newLinkCode(this.config.deviceId, await this.opened().identityKey()));
  }

  /**
   * Links the device of a code, on a device that the user has had before: checks that the directory has the key that the new device has,
   * sends it the history, and adds it to the groups.
   */
  async link(text: string): Promise<string> {
    const code = await parseLinkCode(text);
    const me = userOf(this.own);
    if (code.deviceId === this.config.deviceId) throw new LinkError("This is the code of this device: show it to another.");
    const bundles = await this.http.call<Schemas["KeyBundles"]>("GET", path`/users/${me}/identities`);
    const bundle = bundles.devices.find(({ deviceId }) => deviceId === code.deviceId);
    if (!bundle) throw new LinkError("You have no such device: is it connected, and signed in as you?");
    if ((await fingerprintOf(bundle.identityKey)) !== code.fingerprint) {
      throw new LinkError("The service names another key for this device than the device itself: somebody may sit between.");
    }
    const archive = await this.opened().archive(code.secret);
    const blob = new Blob([archive], { type: "application/octet-stream" });
    const mediaHandle = await upload(this.http, `u:${me}|u:${me}`, blob);
    await this.post(me, code.deviceId, "history", { v: 1, mediaHandle, size: archive.length });
    await this.takeDevices(me, bundles);
    for (const conversation of await this.opened().groupsWith()) this.encrypt(conversation);
    return code.deviceId;
  }

  /** Waits for the history that another device sends by this device's code, and takes it in; answers how many messages are new. */
  async receiveHistory(text: string, patienceMs: number): Promise<number> {
    const { secret } = await parseLinkCode(text);
    this.receiving?.abort();
    const receiving = new AbortController();
    this.receiving = receiving;
    for (const end = Date.now() + patienceMs; Date.now() < end;) {
      for (const mail of await this.mailbox()) {
        const place = mail.kind === "history" ? placeOf(mail.payload) : undefined;
        if (!place) continue;
        const archive = await download(this.http, place.mediaHandle, place.size);
        const restored = await this.opened().restore(secret, archive).catch((error: unknown) => {
          // Somebody else's, or an older one: it is left for whoever has its code.
          if (isOfAnother(error)) return undefined;
          throw error;
        });
        if (!restored) continue;
        await this.acknowledge(mail);
        for (const [conversationId, entries] of grouped(restored.entries, (entry) => entry.conversationId)) {
          this.tell({ type: "entries", conversationId, entries });
        }
        return restored.messages;
      }
      await pause(LOOK_EVERY_MS, receiving.signal);
    }
    throw new LinkError("No other device has sent its history in time.");
  }

  /** Waits for no history any more. */
  async stopReceiving(): Promise<void> {
    this.receiving?.abort(new LinkError("Linking was cancelled."));
  }

  // What happens.

  private opened(): AccountPort {
    if (!this.account) throw new RequestError("the client is stopped");
    return this.account;
  }

  private tell(event: ClientEvent): void {
    for (const listener of this.listeners) {
      try {
        listener(event);
      } catch (error) {
        report(error);
      }
    }
  }

  private say(event: SecureEvent): void {
    this.tell({ type: "secure", event });
  }

  /** After all that is under way. What fails is told, and stops nothing. */
  private later(task: () => Promise<unknown>): Promise<void> {
    this.work = this.work.then(async () => {
      if (this.account) await task();
    }).catch((error: unknown) => {
      if (this.account) this.say({ is: "failed", message: messageOf(error) });
    });
    return this.work;
  }

  private talk(conversation: string): Talk {
    let talk = this.talks.get(conversation);
    if (!talk) {
      talk = { failures: 0, isEager: false, isFoundedElsewhere: false, leftOut: new Set(), stale: 0, asked: 0, addedAnew: new Map() };
      this.talks.set(conversation, talk);
    }
    return talk;
  }

  private look(conversation: string, ms: number): void {
    const talk = this.talk(conversation);
    talk.due = Math.min(talk.due ?? Infinity, Date.now() + ms);
    this.arm();
  }

  private arm(): void {
    clearTimeout(this.timer);
    const due = Math.min(this.keysDue ?? Infinity, ...[...this.talks.values()].map((talk) => talk.due ?? Infinity));
    if (!this.account || due === Infinity) return;
    this.timer = setTimeout(() => this.due(), Math.min(Math.max(due - Date.now(), 0), TIMER_MS_MAX));
  }

  private due(): void {
    const now = Date.now();
    if (this.keysDue !== undefined && this.keysDue <= now) {
      this.keysDue = undefined;
      void this.later(() => this.tendKeys());
    }
    for (const [conversation, talk] of this.talks) {
      if (talk.due === undefined || talk.due > now) continue;
      talk.due = undefined;
      void this.later(() => this.drive(conversation));
    }
    this.arm();
  }

  private heard(event: ClientEvent): void {
    switch (event.type) {
      case "entries":
        for (const entry of event.entries) {
          if (entry.event === "membership") this.talk(event.conversationId).members = undefined;
          if (entry.event === "commit") this.talk(event.conversationId).isFoundedElsewhere = true;
        }
        return this.tell(event);
      case "sent":
        void this.later(() => this.sent(event.sent));
        return;
      case "failed":
        void this.later(() => this.refused(event.frame, event.error));
        return;
      case "notice":
        if (event.frame.type === "mailbox.new") {
          const mail = event.frame;
          void this.later(() => this.mail(mail));
        } else if (event.frame.type === "keys.low") void this.later(() => this.tendKeys());
        else if (event.frame.type === "device.changed") {
          const { userId, deviceId, change } = event.frame;
          void this.later(() => this.deviceChanged(userId, deviceId, change));
        }
        return this.tell(event);
      case "synced":
        this.tell(event);
        void this.later(() => this.lookAtAll());
        return;
      default:
        return this.tell(event);
    }
  }

  /** What the account has made of what came. */
  private affected(conversation: string, effects: Effect[]): void {
    const talk = this.talk(conversation);
    const shown: LogEntry[] = [];
    for (const effect of effects) {
      if (effect.is === "show") shown.push(effect.entry);
      else if (effect.is === "devices") {
        const now = Date.now();
        for (const device of effect.added) talk.addedAnew.set(device, now);
        this.say({ is: "devices", conversationId: conversation, added: effect.added, removed: effect.removed });
        this.look(conversation, 0);
      } else this.look(conversation, WELCOME_PATIENCE_MS);
    }
    if (shown.length > 0) this.tell({ type: "entries", conversationId: conversation, entries: shown });
  }

  private async sent(sent: MessageSent): Promise<void> {
    await this.opened().sent(sent);
    const talk = this.talk(sent.conversationId);
    if (talk.inFlight === sent.clientMsgId) talk.inFlight = undefined;
    [talk.stale, talk.failures] = [0, 0];
    this.waits(sent.conversationId, undefined);
    this.tell({ type: "sent", sent });
    await this.drive(sent.conversationId);
  }

  /** The service has refused a message. What is stale is encrypted anew. */
  private async refused(frame: EntryFrame, error: ErrorFrame): Promise<void> {
    const { conversationId: conversation, clientMsgId } = frame;
    const talk = this.talk(conversation);
    if (talk.inFlight === clientMsgId) talk.inFlight = undefined;
    const isStale = error.code === "stale_epoch" || error.code === "stale_devices";
    if (isStale && talk.stale < STALE_MAX && (await this.opened().unseal(conversation, clientMsgId))) {
      talk.stale += 1;
      await this.learn(conversation, error);
    } else await this.giveUp(conversation, clientMsgId, error, frame);
    await this.drive(conversation);
  }

  private async giveUp(conversation: string, clientMsgId: string, error: ErrorFrame, sent?: EntryFrame): Promise<void> {
    const frame = (await this.opened().withdraw(conversation, clientMsgId)) ?? sent;
    if (frame) this.tell({ type: "failed", frame, error });
  }

  /** Takes in what a refusal says about epoch and devices. */
  private async learn(conversation: string, error: Partial<ErrorFrame>): Promise<void> {
    const talk = this.talk(conversation);
    if (error.code === "stale_devices") {
      const users = (error.details as { users?: Record<string, unknown> } | undefined)?.users ?? {};
      for (const user of Object.keys(users)) this.dirty.add(user);
      talk.leftOut.clear();
    } else if (error.code === "stale_epoch") {
      talk.isFoundedElsewhere = true;
      await this.opened().setClear(conversation, false);
    }
  }

  private async deviceChanged(user: string, deviceId: string, change: string): Promise<void> {
    this.dirty.add(user);
    for (const talk of this.talks.values()) talk.leftOut.clear();
    // So that people see that a safety number has changed; what fails is asked for again when it matters.
    await this.fetchDevices(user).catch(() => undefined);
    for (const [conversation, talk] of this.talks) if (talk.waitsFor?.for === "keys" && talk.waitsFor.userId === user) this.look(conversation, 0);
    const gone = deviceOf(user, deviceId);
    if (user !== userOf(this.own) || change !== "removed" || !gone) return;
    for (const conversation of await this.opened().groupsWith(gone)) this.encrypt(conversation);
  }

  /** After the log: what waits to be sent, what waits to be read, and encrypted conversations that this device is not in yet. */
  private async lookAtAll(): Promise<void> {
    const account = this.opened();
    const wanted = new Set([...(await account.outbox()).map((out) => out.conversationId), ...(await account.held())]);
    if (!this.hasLooked) for (const conversation of await this.encryptedElsewhere()) wanted.add(conversation);
    for (const conversation of wanted) this.look(conversation, 0);
  }

  private async encryptedElsewhere(): Promise<string[]> {
    const found: string[] = [];
    let summaries: ConversationSummary[];
    try {
      summaries = await this.client.list();
    } catch {
      return found;
    }
    for (const { conversationId, encrypted } of summaries) {
      if (!encrypted || (await this.opened().membership(conversationId)) === "in") continue;
      this.talk(conversationId).isFoundedElsewhere = true;
      found.push(conversationId);
    }
    this.hasLooked = true;
    return found;
  }

  /** Does for a conversation what there is to do. */
  private async drive(conversation: string): Promise<void> {
    const talk = this.talk(conversation);
    talk.due = undefined;
    try {
      for (let steps = 0; steps < STEPS_MAX; steps += 1) {
        const step = await this.step(conversation);
        if (step.is === "again") continue;
        if (step.is === "done") return;
        let ms = step.is === "later" ? step.ms : 0;
        if (step.is === "retry") {
          ms = Math.min(RETRY_BASE_MS * 2 ** Math.min(talk.failures, 10), RETRY_CAP_MS) * (0.5 + Math.random() / 2);
          talk.failures += 1;
        }
        this.look(conversation, ms);
        if (step.reason) this.waits(conversation, step.reason);
        return;
      }
      this.look(conversation, RETRY_BASE_MS);
    } catch (error) {
      // Nothing was half done: it is tried again.
      talk.failures += 1;
      this.look(conversation, Math.min(RETRY_BASE_MS * 2 ** Math.min(talk.failures, 10), RETRY_CAP_MS));
      throw error;
    }
  }

  private waits(conversation: string, reason: Waiting | undefined): void {
    const talk = this.talk(conversation);
    if (JSON.stringify(talk.waitsFor) === JSON.stringify(reason)) return;
    talk.waitsFor = reason;
    this.say({ is: "waiting", conversationId: conversation, reason });
  }

  // Groups: who should be in them, commits, and sending.

  /** The next thing to do for a conversation. */
  private async step(conversation: string): Promise<Step> {
    const account = this.opened();
    const talk = this.talk(conversation);
    const outs = (await account.outbox()).filter((out) => out.conversationId === conversation);
    for (const out of outs) if ("commit" in out) return this.offer(conversation, out.commit);
    if (talk.inFlight !== undefined) return DONE;
    const membership = await account.membership(conversation);
    const next = outs.find((out) => "frame" in out);
    if (!next || !("frame" in next)) {
      if (membership === "in") {
        const hasRejoins = (await account.rejoins(conversation)).length > 0;
        return hasRejoins || talk.isEager ? this.renew(conversation, undefined) : DONE;
      }
      if (membership === "out" || (await this.isElsewhere(conversation))) return this.askToBeAdded(conversation);
      return talk.isEager ? this.renew(conversation, undefined) : DONE;
    }
    // It was encrypted before a restart: the same bytes go again.
    if (next.sealed) return this.transmit(next.frame, (await account.sealedFrame(conversation, next.clientMsgId)) ?? next.frame);
    if (membership === "none" && (await account.isClear(conversation))) return this.transmit(next.frame, next.frame);
    if (membership === "out" || (membership === "none" && (await this.isElsewhere(conversation)))) return this.askToBeAdded(conversation);
    return this.renew(conversation, next.frame);
  }

  /** Whether somebody else has encrypted a conversation that this device has no group of. */
  private async isElsewhere(conversation: string): Promise<boolean> {
    return this.talk(conversation).isFoundedElsewhere || (await this.opened().held()).includes(conversation);
  }

  /** Brings the group up to date, and then sends. */
  private async renew(conversation: string, frame: ContentFrame | undefined): Promise<Step> {
    const account = this.opened();
    const talk = this.talk(conversation);
    let members: string[];
    try {
      members = await this.members(conversation);
      await this.askForDevices(members);
    } catch (error) {
      return this.troubled(conversation, error);
    }
    const wanted = new Map<Device, string>();
    let versions: Record<string, number> = {};
    for (const user of members) {
      const set = (await account.devices(user)) ?? { version: 0, devices: {} };
      versions[user] = set.version;
      for (const [device, key] of Object.entries(set.devices)) wanted.set(device as Device, key);
    }
    wanted.set(this.own, await account.identityKey());
    // In a conversation of two, a message that the other side cannot read is not sent.
    const lacking = members.find((user) => user !== userOf(this.own) && ![...wanted.keys()].some((device) => userOf(device) === user));
    if (lacking !== undefined && !conversation.startsWith("g:")) {
      this.dirty.add(lacking);
      if (frame) return { is: "later", ms: KEYS_PATIENCE_MS, reason: { for: "keys", userId: lacking } };
      talk.isEager = false;
      return DONE;
    }
    if (members.length > VERSIONS_MAX) versions = {};
    for (const device of talk.leftOut) wanted.delete(device);
    const { membership, epoch, plan } = await account.plan(conversation, [...wanted]);
    if (membership === "out") return AGAIN;
    if (membership !== "in" || plan.add.length + plan.remove.length > 0) return this.commit(conversation, epoch, plan, wanted, versions);
    talk.isEager = false;
    if (!frame) return DONE;
    let sealed: EntryFrame | undefined;
    try {
      sealed = await account.seal(conversation, frame.clientMsgId, epoch, versions);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      // Too large, for example: nothing has changed, and it will not get better.
      await this.giveUp(conversation, frame.clientMsgId, errorFrame("too_large", `payload: ${messageOf(error)}`));
      return AGAIN;
    }
    return sealed ? this.transmit(frame, sealed) : AGAIN;
  }

  /** Hands a message to the connection, which sends it until there is an answer. */
  private async transmit(said: ContentFrame, frame: EntryFrame): Promise<Step> {
    const talk = this.talk(said.conversationId);
    talk.inFlight = said.clientMsgId;
    try {
      await this.client.send(frame as Outgoing);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      // Of an earlier start, or of one that ends.
      const isQueued = (await this.store.pending()).some(({ clientMsgId }) => clientMsgId === said.clientMsgId);
      if (isQueued || this.client.status.name === "stopped") return DONE;
      talk.inFlight = undefined;
      await this.giveUp(said.conversationId, said.clientMsgId, errorFrame("too_large", error.message));
      return AGAIN;
    }
    return DONE;
  }

  private async members(conversation: string): Promise<string[]> {
    const talk = this.talk(conversation);
    if (talk.members) return talk.members;
    const direct = /^u:([^|]+)\|u:(.+)$/.exec(conversation);
    const members = direct ? [...new Set(direct.slice(1))] : [];
    for (let after: string | undefined; !direct;) {
      const page = await this.http.call<{ members: { userId: string }[]; next?: string | null }>(
        "GET", path`/groups/${conversation}/members`, { query: { after } });
      members.push(...page.members.map(({ userId }) => userId));
      after = page.next ?? undefined;
      if (after === undefined) break;
    }
    talk.members = members;
    return members;
  }

  /** Asks the directory for the devices of these users, where they may have changed since it was asked last. */
  private async askForDevices(users: readonly string[]): Promise<void> {
    const due = users.filter((user) => this.dirty.has(user) || !this.asked.has(user));
    for (let at = 0; at < due.length; at += 8) await Promise.all(due.slice(at, at + 8).map((user) => this.fetchDevices(user)));
  }

  private async fetchDevices(user: string): Promise<DeviceSet> {
    return this.takeDevices(user, await this.http.call<Schemas["KeyBundles"]>("GET", path`/users/${user}/identities`));
  }

  /** Keeps what the directory says, and tells where a safety number has changed. */
  private async takeDevices(user: string, bundles: Schemas["KeyBundles"]): Promise<DeviceSet> {
    const set = setOf(user, bundles);
    const { hasChanged, wasVerified } = await this.opened().setDevices(user, set);
    this.dirty.delete(user);
    this.asked.add(user);
    if (hasChanged && user !== userOf(this.own)) this.say({ is: "safetyNumberChanged", userId: user, wasVerified });
    return set;
  }

  /** Makes a commit of a plan; it is offered by the next step. */
  private async commit(
    conversation: string, epoch: number, plan: Plan, wanted: ReadonlyMap<Device, string>, versions: Record<string, number>,
  ): Promise<Step> {
    let offered: Offered[];
    try {
      offered = await this.packages(plan.add, wanted);
      const { leftOut } = await this.opened().beginCommit(conversation, epoch, plan, offered, versions);
      for (const device of leftOut) this.talk(conversation).leftOut.add(device);
    } catch (error) {
      if (error instanceof Error && isRefusal(error)) {
        return { is: "retry", reason: { for: "service", message: error.message } };
      }
      return this.troubled(conversation, error);
    }
    return AGAIN;
  }

  /** A key package of each device, out of the directory. */
  private async packages(devices: readonly Device[], wanted: ReadonlyMap<Device, string>): Promise<Offered[]> {
    const offered: Offered[] = [];
    for (const [user, theirs] of grouped(devices, userOf)) {
      const bundles = await this.http.call<Schemas["KeyBundles"]>(
        "GET", path`/users/${user}/keys`, { query: { deviceId: theirs.map(deviceIdOf).join(",") } });
      for (const { deviceId, keyPackage } of bundles.devices) {
        const device = deviceOf(user, deviceId);
        const key = device && wanted.get(device);
        if (device && key !== undefined && keyPackage) offered.push({ device, key, payload: keyPackage });
      }
    }
    return offered;
  }

  /** Offers a commit that waits to the service. */
  private async offer(conversation: string, pending: PendingCommit): Promise<Step> {
    const account = this.opened();
    const talk = this.talk(conversation);
    const message = { ...pending.message };
    const { clientMsgId } = message;
    if (pending.largeWelcome !== undefined) {
      try {
        message.mediaHandle = await upload(
          this.http, conversation, new Blob([pending.largeWelcome], { type: "application/octet-stream" }));
      } catch (error) {
        return { is: "retry", reason: { for: "service", message: messageOf(error) } };
      }
    }
    // One that was begun before this start may have been sent before it.
    message.attempt = this.begun.get(clientMsgId) ?? (message.attempt ?? 0) + 1;
    this.begun.set(clientMsgId, message.attempt + 3);
    const isFounding = (await account.membership(conversation)) === "founding";
    try {
      await this.http.call("POST", "/commits", { body: message });
    } catch (error) {
      return this.commitFailed(conversation, pending, isFounding, error);
    }
    await account.commitAccepted(message);
    this.begun.delete(clientMsgId);
    talk.failures = 0;
    if (isFounding) this.say({ is: "joined", conversationId: conversation });
    return AGAIN;
  }

  private async commitFailed(conversation: string, pending: PendingCommit, isFounding: boolean, error: unknown): Promise<Step> {
    const talk = this.talk(conversation);
    if (!(error instanceof CallError)) return { is: "retry", reason: { for: "service", message: messageOf(error) } };
    const { code } = error.body;
    // The winner's commit comes by the log, and takes the place of this one.
    if (code === "stale_epoch" && !isFounding) {
      talk.failures += 1;
      if (talk.failures % LOST_COMMITS_MAX === 0) this.client.renew();
      return { is: "later", ms: LOG_PATIENCE_MS };
    }
    const later = passing(error);
    if (later) return later;
    await this.opened().commitRefused(conversation, pending.message.clientMsgId, code === "stale_epoch" || code === "forbidden");
    await this.learn(conversation, error.body);
    if (code === "stale_epoch") return this.askToBeAdded(conversation);
    if (code === "stale_devices") return AGAIN;
    if (code === "forbidden" && isFounding) {
      // In a group the first commit is for admins.
      talk.isEager = false;
      return { is: "later", ms: ASK_BASE_MS, reason: { for: "founding" } };
    }
    return this.troubled(conversation, error);
  }

  /** A call has failed: what passes is tried again, else what waits to be sent has failed. */
  private async troubled(conversation: string, error: unknown): Promise<Step> {
    if (!(error instanceof CallError)) {
      if (!isOffline(error)) throw error;
      return { is: "retry", reason: { for: "service", message: messageOf(error) } };
    }
    const later = passing(error);
    if (later) return later;
    this.talk(conversation).isEager = false;
    const outs = await this.opened().outbox();
    const next = outs.find((out) => out.conversationId === conversation && "frame" in out);
    if (!next) return DONE;
    await this.giveUp(conversation, next.clientMsgId, errorFrame(error.body.code ?? "internal", error.message));
    return AGAIN;
  }

  /** Asks a device that may be in the group to add this one, another each time. */
  private async askToBeAdded(conversation: string): Promise<Step> {
    const talk = this.talk(conversation);
    const reason: Waiting = { for: "beingAdded" };
    if (talk.askedAgain !== undefined && talk.askedAgain > Date.now()) return { is: "later", ms: talk.askedAgain - Date.now(), reason };
    // It may be there already, where no socket tells of it.
    if (this.client.status.name === "online" && this.client.status.by === "calls") {
      for (const mail of await this.mailbox().catch(() => [])) await this.mail(mail);
      if ((await this.opened().membership(conversation)) === "in") return AGAIN;
    }
    let members: string[];
    try {
      members = await this.members(conversation);
    } catch (error) {
      // Not a member any more: there is nothing to be added to.
      return error instanceof CallError && !passing(error) ? DONE : { is: "retry", reason: { for: "service", message: messageOf(error) } };
    }
    for (const user of members) this.dirty.add(user);
    await this.askForDevices(members).catch(() => undefined);
    const devices: Device[] = [];
    for (const user of members) devices.push(...(Object.keys((await this.opened().devices(user))?.devices ?? {}) as Device[]));
    const others = devices.filter((device) => device !== this.own);
    const ms = Math.min(ASK_BASE_MS * 2 ** Math.min(talk.asked, 6), ASK_CAP_MS);
    talk.asked += 1;
    talk.askedAgain = Date.now() + ms;
    const device = others[Math.floor(Math.random() * others.length)];
    // Whoever cannot be asked is not; another is, after a while.
    if (device) await this.post(userOf(device), deviceIdOf(device), "rejoin", { v: 1 }, conversation).catch(() => undefined);
    return { is: "later", ms, reason };
  }

  // The mailbox, and what this device keeps in the directory.

  /** A piece of mail. It is acknowledged when what it says is kept. */
  private async mail(mail: Mail): Promise<void> {
    const { conversationId } = mail;
    if (conversationId === undefined) return;
    if (mail.kind === "welcome") await this.welcome(mail, conversationId);
    else if (mail.kind === "rejoin") await this.rejoin(mail, conversationId);
  }

  private async acknowledge(mail: Mail): Promise<void> {
    // What is not acknowledged comes again, and is known then.
    await this.http.call("POST", "/mailbox/acks", { body: { mailIds: [mail.mailId] } }).catch(() => undefined);
  }

  private async welcome(mail: Mail, conversation: string): Promise<void> {
    let text: string;
    try {
      text = await this.welcomeText(mail, conversation);
    } catch {
      // It stays in the mailbox, and comes with the next connection.
      return;
    }
    const { fromUserId, fromDeviceId, sequence } = mail;
    const joined = await this.opened().join(
      { conversationId: conversation, fromUserId, fromDeviceId, ...(sequence === undefined ? {} : { sequence }) }, text);
    await this.acknowledge(mail);
    const talk = this.talk(conversation);
    if (joined.is === "in") {
      [talk.asked, talk.askedAgain, talk.failures] = [0, undefined, 0];
      this.waits(conversation, undefined);
      this.say({ is: "joined", conversationId: conversation });
      this.affected(conversation, joined.effects);
      // A last-resort package that was used is to be replaced.
      this.keysDue = Date.now();
      this.look(conversation, 0);
    } else if (!joined.isStale && (await this.opened().membership(conversation)) !== "in") {
      talk.isFoundedElsewhere = true;
      this.look(conversation, WELCOME_PATIENCE_MS);
    }
  }

  /** The Welcome itself: in the mail, or, where it is too large, in the media of its commit. */
  private async welcomeText(mail: Mail, conversation: string): Promise<string> {
    if (typeof mail.payload === "string") return mail.payload;
    const page = await this.http.call<{ messages: LogEntry[] }>(
      "GET", path`/conversations/${conversation}/messages`, { query: { since: (mail.sequence ?? 1) - 1, limit: 1 } });
    const handle = page.messages[0]?.mediaHandle;
    if (!handle) throw new RequestError("the commit of the Welcome has no media");
    return new TextDecoder("utf-8", { fatal: true }).decode(await download(this.http, handle, WELCOME_BYTES_MAX));
  }

  /** A device asks to be added anew. Whether it should be in the group at all is looked up before it is. */
  private async rejoin(mail: Mail, conversation: string): Promise<void> {
    const talk = this.talk(conversation);
    const device = deviceOf(mail.fromUserId, mail.fromDeviceId);
    const now = Date.now();
    const isDue = device && now - (talk.addedAnew.get(device) ?? 0) > REJOIN_PAUSE_MS;
    if (isDue && (await this.opened().membership(conversation)) === "in") {
      await this.opened().wantRejoin(conversation, device);
      this.dirty.add(userOf(device));
      talk.members = undefined;
      talk.leftOut.delete(device);
      talk.addedAnew.set(device, now);
    }
    await this.acknowledge(mail);
    await this.drive(conversation);
  }

  private async mailbox(): Promise<Mail[]> {
    const found: Mail[] = [];
    let after: string | undefined;
    for (let pages = 0; pages < MAIL_PAGES_MAX; pages += 1) {
      const page = await this.http.call<{ mail: Mail[]; next?: string | null; hasMore: boolean }>("GET", "/mailbox", { query: { after } });
      found.push(...page.mail);
      after = page.next ?? undefined;
      if (!page.hasMore || after === undefined) break;
    }
    return found;
  }

  private async post(user: string, device: string, kind: string, payload: unknown, conversationId?: string): Promise<void> {
    const body = { clientMailId: crypto.randomUUID(), kind, payload, ...(conversationId === undefined ? {} : { conversationId }) };
    await this.http.call("POST", path`/mailbox/${user}/${device}`, { body });
  }

  /** Keeps the directory supplied with key packages of this device. False where it could not be reached. */
  private async tendKeys(): Promise<boolean> {
    const target = path`/devices/${this.config.deviceId}/keys`;
    let isTended = false;
    try {
      const stock = await this.http.call<Schemas["KeyStock"]>("GET", target);
      const keys = await this.opened().keyUpload(stock.identityKey, stock.count, stock.hasLastResort);
      for (let at = 0; keys && (at === 0 || at < keys.keyPackages.length); at += KEY_PACKAGES_PER_CALL) {
        const { lastResort, ...upload } = { ...keys, keyPackages: keys.keyPackages.slice(at, at + KEY_PACKAGES_PER_CALL) };
        await this.http.call("PUT", target, { body: at === 0 && lastResort ? { ...upload, lastResort } : upload });
      }
      isTended = true;
    } catch (error) {
      if (!(error instanceof CallError) && !isOffline(error)) throw error;
    } finally {
      this.keysDue = Date.now() + (isTended ? KEYS_EVERY_MS : KEYS_RETRY_MS);
      this.arm();
    }
    return isTended;
  }
}

/** A text that is a string, as it is said where it is encrypted. */
function wrapped(frame: Exclude<EntryFrame, { type: "message.delete" | "message.pin" }>): ContentFrame {
  const isText = frame.type === "message.edit" || (frame.type === "message.send" && (frame.kind ?? "text") === "text");
  return isText && typeof frame.payload === "string" ? { ...frame, payload: { text: frame.payload } } : frame;
}

/** What the directory says; a key that is none is left out, and its device is not encrypted for. */
function setOf(user: string, bundles: Schemas["KeyBundles"]): DeviceSet {
  const devices: Record<Device, string> = {};
  for (const { deviceId, identityKey } of bundles.devices) {
    const device = deviceOf(user, deviceId);
    if (device && fromBase64(identityKey)?.length === 32) devices[device] = identityKey;
  }
  return { version: bundles.devicesVersion, devices };
}

function grouped<Item>(items: readonly Item[], by: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) groups.set(by(item), [...(groups.get(by(item)) ?? []), item]);
  return groups;
}

/** When to try again what the service cannot do now; none where that would not help. */
function passing(error: CallError): Step | undefined {
  const { code } = error.body;
  const ms = code === undefined ? (error.status >= 500 || error.status === 429 ? 1_000 : undefined) : retryAfterMs(error.body as ErrorFrame);
  return ms === undefined ? undefined : { is: "later", ms, reason: { for: "service", message: error.message } };
}

/** Whether a call did not come through. */
const isOffline = (error: unknown): boolean => error instanceof TypeError || error instanceof DOMException;

/** MLS, or the form of a content, does not let it: nothing has changed. */
const isRefusal = (error: unknown): boolean => error instanceof Error && (error.name === "MlsError" || error.name === "ContentError");

const isOfAnother = (error: unknown): boolean => error instanceof Error && "isOfAnother" in error && error.isOfAnother === true;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const errorFrame = (code: ErrorFrame["code"], message: string): ErrorFrame => ({ type: "error", code, message }) as ErrorFrame;

function placeOf(payload: unknown): { mediaHandle: string; size: number } | undefined {
  let place = payload;
  try {
    if (typeof payload === "string") place = JSON.parse(payload);
  } catch {
    return undefined;
  }
  const { mediaHandle, size } = (typeof place === "object" && place !== null ? place : {}) as { mediaHandle?: unknown; size?: unknown };
  return typeof mediaHandle === "string" && typeof size === "number" ? { mediaHandle, size } : undefined;
}

/** Content as it lies in storage. */
export async function download(calls: Http, handle: string, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(await addressOf(calls, handle));
  if (!response.ok) throw new RequestError(`storage answered ${response.status}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (bytes.length > bytesMax) throw new RequestError("the content is larger than it should be");
  return bytes;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    }, { once: true });
  });
}
