/**
 * The client that people use: the connection with end-to-end encryption. What comes goes through the account, and what waits in the account
 * goes to the service. As `clients/secure` in Rust.
 *
 * Of what it does itself, one thing is done at a time. Entries are taken in beside it: what was planned in an epoch that has passed is
 * planned again.
 */
import { Client, type ClientConfig, type ClientEvent, type Outgoing, type Status } from "../client.ts";
import { RequestError } from "../engine.ts";
import type { ClientFrame, ConversationSummary, EntryFrame, LogEntry, MessageSent, ServerFrame } from "../frames.ts";
import { type Http, path } from "../http.ts";
import { report } from "../report.ts";
import type { Membership } from "./account.ts";
import { encodeContent } from "./content.ts";
import { type Device, deviceOf, userOf } from "./device.ts";
import { Directory } from "./directory.ts";
import { type ContentFrame, contentOf } from "./entries.ts";
import type { Waiting } from "./events.ts";
import { Groups } from "./groups.ts";
import { Joining } from "./joining.ts";
import { Linking } from "./linking.ts";
import { Mailbox } from "./mailbox.ts";
import type { KeysAt } from "./remote.ts";
import type { Running } from "./running.ts";
import { Schedule } from "./schedule.ts";
import type { Found, SearchQuery } from "./search.ts";
import type { AccountPort, SecureStore } from "./store.ts";

/** What a secure client is made of. */
export interface SecureConfig extends ClientConfig {
  userId: string;
  store: SecureStore;
  /** Where the keys are handled: {@link inWorker}, or `here` of `@tidings/client/secure/here`, as in Node. */
  keys: KeysAt;
}

const KEYS_RETRY_MS = 5_000;
const KEYS_EVERY_MS = 12 * 3_600_000;
/** Messages that wait at most. */
const QUEUE_MAX = 1_000;

/** A client whose conversations are encrypted, used like a {@link Client}. */
export class SecureClient {
  readonly http: Http;
  readonly store: SecureStore;
  private readonly client: Client;
  private readonly own: Device;
  private readonly listeners = new Set<(event: ClientEvent) => void>();
  private readonly directory: Directory;
  private readonly schedule: Schedule;
  private readonly joining: Joining;
  private readonly groups: Groups;
  private readonly linking: Linking;
  private account: AccountPort | undefined;
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
    const run = this.running();
    const mailbox = new Mailbox(run);
    this.directory = new Directory(run);
    this.schedule = new Schedule(run, { step: (conversation) => this.groups.step(conversation), tend: () => this.tendKeys() });
    this.joining = new Joining(run, this.schedule, this.directory, mailbox);
    this.groups = new Groups(run, this.schedule, this.directory, this.joining);
    this.linking = new Linking(run, this.directory, mailbox);
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
    this.store.attach(account, (conversationId, effects) => this.joining.affected(conversationId, effects));
    await this.client.start();
    this.schedule.later(() => this.tendKeys());
  }

  /** Closes the connection and the account. What is queued is kept, and goes at the next start. */
  async stop(): Promise<void> {
    const { account } = this;
    this.isStopped = true;
    this.schedule.stop();
    this.linking.stop();
    await this.client.stop();
    this.account = undefined;
    await this.schedule.done;
    this.store.detach();
    await account?.close();
  }

  reconnect(): void {
    this.client.reconnect();
  }

  read(conversationId: string, upTo: number): void {
    this.client.read(conversationId, upTo);
  }

  typing(conversationId: string, active: boolean): void {
    this.client.typing(conversationId, active);
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
    this.schedule.look(said.conversationId, 0);
    return said.clientMsgId;
  }

  private async isEncrypted(conversation: string): Promise<boolean> {
    return (await this.opened().membership(conversation)) !== "none" || this.groups.isElsewhere(conversation);
  }

  /** Takes a message back that is queued and not on its way. False where it is too late. */
  async withdraw(conversationId: string, clientMsgId: string): Promise<boolean> {
    if (this.schedule.talk(conversationId).inFlight === clientMsgId) return false;
    return (await this.opened().withdraw(conversationId, clientMsgId)) !== undefined;
  }

  /** Says of a conversation that is not encrypted that it is to be in the clear, or no more. One that is encrypted stays so. */
  async setClear(conversationId: string, isClear: boolean): Promise<void> {
    await this.opened().setClear(conversationId, isClear);
    this.schedule.look(conversationId, 0);
  }

  isClear(conversationId: string): Promise<boolean> {
    return this.opened().isClear(conversationId);
  }

  /** Encrypts a conversation, or brings its devices up to date, though there is nothing to send. */
  encrypt(conversationId: string): void {
    this.schedule.talk(conversationId).isEager = true;
    this.schedule.look(conversationId, 0);
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
    for (const user of [userOf(this.own), userId]) await this.directory.fetch(user);
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
    return Promise.resolve([...this.schedule.all].flatMap(([id, { waitsFor }]) => (waitsFor ? [[id, waitsFor]] : [])));
  }

  /** Puts this device's keys into the directory, where it has none yet or few; false where the service could not be reached. */
  async publishKeys(): Promise<boolean> {
    let isPublished = false;
    await this.schedule.later(async () => { isPublished = await this.tendKeys(); });
    return isPublished;
  }

  /** Lets a device of the user's connect no more, and takes it out of the groups. */
  async revokeDevice(deviceId: string): Promise<void> {
    await this.http.call("DELETE", path`/devices/${deviceId}`);
    await this.directory.fetch(userOf(this.own));
    const gone = deviceOf(userOf(this.own), deviceId);
    if (gone) for (const conversation of await this.opened().groupsWith(gone)) this.encrypt(conversation);
  }

  // Linking.

  /** A code to link this device by. It is good for one archive. */
  linkCode(): Promise<string> {
    return this.linking.code();
  }

  /** Links the device of a code, on a device that the user has had before: sends it the history, and adds it to the groups. */
  async link(text: string): Promise<string> {
    const deviceId = await this.linking.link(text);
    for (const conversation of await this.opened().groupsWith()) this.encrypt(conversation);
    return deviceId;
  }

  /** Waits for the history that another device sends by this device's code, and takes it in; answers how many messages are new. */
  receiveHistory(text: string, patienceMs: number): Promise<number> {
    return this.linking.receive(text, patienceMs);
  }

  /** Waits for no history any more. */
  async stopReceiving(): Promise<void> {
    this.linking.stop();
  }

  // What happens.

  private running(): Running {
    // Read when they are asked for: the account comes and goes.
    const { client, http, own } = this;
    const isOpen = () => this.account !== undefined;
    return {
      client, http, own, deviceId: this.config.deviceId, opened: () => this.opened(), tell: (event) => this.tell(event),
      say: (event) => this.tell({ type: "secure", event }),
      get isOpen() { return isOpen(); },
    };
  }

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

  private heard(event: ClientEvent): void {
    switch (event.type) {
      case "entries":
        for (const entry of event.entries) {
          if (entry.event === "membership") this.directory.forgetMembers(event.conversationId);
          if (entry.event === "commit") this.schedule.talk(event.conversationId).isFoundedElsewhere = true;
        }
        return this.tell(event);
      case "sent":
        void this.schedule.later(() => this.sent(event.sent));
        return;
      case "failed":
        void this.schedule.later(() => this.groups.refused(event.frame, event.error));
        return;
      case "notice":
        if (event.frame.type === "mailbox.new") {
          const mail = event.frame;
          void this.schedule.later(() => this.joining.mail(mail));
        } else if (event.frame.type === "keys.low") void this.schedule.later(() => this.tendKeys());
        else if (event.frame.type === "device.changed") {
          const { userId, deviceId, change } = event.frame;
          void this.schedule.later(() => this.deviceChanged(userId, deviceId, change));
        }
        return this.tell(event);
      case "synced":
        this.tell(event);
        void this.schedule.later(() => this.lookAtAll());
        return;
      default:
        return this.tell(event);
    }
  }

  private async sent(sent: MessageSent): Promise<void> {
    await this.opened().sent(sent);
    const talk = this.schedule.talk(sent.conversationId);
    if (talk.inFlight === sent.clientMsgId) talk.inFlight = undefined;
    [talk.stale, talk.failures] = [0, 0];
    this.schedule.waits(sent.conversationId, undefined);
    this.tell({ type: "sent", sent });
    await this.schedule.drive(sent.conversationId);
  }

  private async deviceChanged(user: string, deviceId: string, change: string): Promise<void> {
    this.directory.doubt(user);
    for (const talk of [...this.schedule.all].map(([, talk]) => talk)) talk.leftOut.clear();
    // So that people see that a safety number has changed; what fails is asked for again when it matters.
    await this.directory.fetch(user).catch(() => undefined);
    for (const [conversation, talk] of this.schedule.all) if (talk.waitsFor?.for === "keys" && talk.waitsFor.userId === user) this.schedule.look(conversation, 0);
    const gone = deviceOf(user, deviceId);
    if (user !== userOf(this.own) || change !== "removed" || !gone) return;
    for (const conversation of await this.opened().groupsWith(gone)) this.encrypt(conversation);
  }

  /** After the log: what waits to be sent, what waits to be read, and encrypted conversations that this device is not in yet. */
  private async lookAtAll(): Promise<void> {
    const account = this.opened();
    const wanted = new Set([...(await account.outbox()).map((out) => out.conversationId), ...(await account.held())]);
    if (!this.hasLooked) for (const conversation of await this.encryptedElsewhere()) wanted.add(conversation);
    for (const conversation of wanted) this.schedule.look(conversation, 0);
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
      this.schedule.talk(conversationId).isFoundedElsewhere = true;
      found.push(conversationId);
    }
    this.hasLooked = true;
    return found;
  }

  private async tendKeys(): Promise<boolean> {
    let isTended = false;
    try {
      isTended = await this.directory.supply();
    } finally {
      this.schedule.tendAfter(isTended ? KEYS_EVERY_MS : KEYS_RETRY_MS);
    }
    return isTended;
  }
}

/** A text that is a string, as it is said where it is encrypted. */
function wrapped(frame: Exclude<EntryFrame, { type: "message.delete" | "message.pin" }>): ContentFrame {
  const isText = frame.type === "message.edit" || (frame.type === "message.send" && (frame.kind ?? "text") === "text");
  return isText && typeof frame.payload === "string" ? { ...frame, payload: { text: frame.payload } } : frame;
}
