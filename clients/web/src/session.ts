/** What the views show of one user's device, and what they can do. */
import { batch, computed, signal, type Signal } from "@preact/signals";
import {
  addressOf, CallError, type ClientEvent, type ConversationSummary, directConversation, type EntryFrame, Finder, fold, type http, type LogEntry,
  type Message, type Outgoing, path, peerOf, type SharedClient, type socket, type Status, textOf, Timeline, UNREADABLE, upload, type Wanted,
} from "@tidings/client";
import { type Found, searchDevice, type SearchQuery } from "@tidings/client/secure";
import { type Config, forgetUser, type Identity } from "./auth.ts";
import { reasonOf } from "./parts.tsx";
import { isQuiet } from "./quiet.ts";
import { isSealed, openSecurely, Security } from "./security.ts";

type Schemas = http.components["schemas"];
type Presence = socket.components["schemas"]["UserPresence"];
export type Group = Schemas["GroupInfo"];
export type Member = Schemas["GroupMember"];
export type Device = Schemas["DeviceInfo"];
export type UserSettings = Schemas["UserSettings"];
export type Scheduled = Schemas["ScheduledMessage"];
/** How far a message of one's own has come. */
export type Tick = "waiting" | "sent" | "delivered" | "read";
/** A conversation as it stands in the list. */
export interface Row {
  id: string;
  title: string;
  preview: string;
  ts: number;
  unread: number;
  mentions: number;
  pinned: boolean;
  archived: boolean;
  muted: boolean;
  encrypted: boolean;
  draft: string;
}
/** A message that was not accepted. */
export interface Failed {
  frame: EntryFrame;
  reason: string;
}

/** Content on its way to the service. */
export interface Upload {
  id: string;
  conversationId: string;
  name: string;
  /** From 0 to 1; at 1 the service looks at it. */
  part: number;
  error?: string;
  /** A picture of it that is here. */
  shown?: string;
  cancel: () => void;
  retry: () => void;
}
/** Where a message is to be shown. */
export interface Target {
  conversationId: string;
  sequence: number;
}
/** What tabs of one user tell each other, beside what the client does. */
type TabNews = { news: "read"; conversationId: string } | { news: "leaving" | "left" | "sent" };

const PREVIEWS_MAX = 40;
const RECEIPT_MEMBERS_MAX = 64;
const PAGE = 100;
/** Of each conversation so much is taken from the store at the start. */
const LATEST = 30;
/** Pages that are loaded to find one message. */
const SEEK_PAGES_MAX = 200;
/** A message that is older is no news. */
const FRESH_MS = 60_000;
/** Whether this browser shows what comes. */
export const NOTIFY = "tidings-notify";
/** Whether the service hears what is looked for. */
export const ASK_SERVICE = "tidings-search-service";
const PREVIEW_TRIES = 10;
const STARS_MAX = 50;
const MEMBERS_MAX = 500;
const MENTIONS_MAX = 64;
const WATCHED_MAX = 100;
const FORWARD_BYTES_MAX = 16 * 1024 * 1024;

export class Session {
  readonly me: string;
  readonly status = signal<Status>({ name: "connecting" });
  readonly summaries = signal<ReadonlyMap<string, ConversationSummary>>(new Map());
  readonly pending = signal<readonly EntryFrame[]>([]);
  readonly failed = signal<readonly Failed[]>([]);
  readonly uploads = signal<readonly Upload[]>([]);
  readonly current = signal<string | undefined>(undefined);
  /** The message that is to be shown in the conversation that is open. */
  readonly target = signal<Target | undefined>(undefined);
  readonly presence = signal<ReadonlyMap<string, Presence>>(new Map());
  readonly drafts = signal<Readonly<Record<string, string>>>({});
  readonly isListed = signal(false);
  readonly notice = signal<string | undefined>(undefined);
  /** The last message that came, in words: for who hears the page. */
  readonly heardLast = signal("");
  readonly rows = computed(() => this.makeRows());
  readonly security: Security;
  /** By conversation: up to where the user had read when it was opened. */
  readonly unreadFrom = new Map<string, number>();
  private readonly logs = new Map<string, { log: Timeline; shown: Signal<readonly Message[]> }>();
  private readonly marks = signal<ReadonlyMap<string, ReadonlyMap<string, { delivered: number; read: number }>>>(new Map());
  private readonly ends = new Set<string>();
  private readonly fetching = new Map<string, Promise<boolean>>();
  private readonly addresses = new Map<string, Promise<string>>();
  private readonly revision = signal(0);
  private readonly tabs: BroadcastChannel;
  private expiry: ReturnType<typeof setTimeout> | undefined;
  private expiresNext = Infinity;
  private isRegistered = false;
  private quiet: UserSettings = {};
  private watched = "";

  private constructor(readonly client: SharedClient, readonly identity: Identity, readonly deviceId: string) {
    this.me = identity.user;
    this.tabs = new BroadcastChannel(`tidings-news-${identity.user}`);
    this.tabs.onmessage = ({ data }) => this.told(data as TabNews);
    this.drafts.value = JSON.parse(localStorage.getItem(this.draftsKey) ?? "{}") as Record<string, string>;
    this.security = new Security(client, this.me, (text) => this.say(text));
    client.on((event) => this.heard(event));
  }

  static async open(config: Config, identity: Identity): Promise<Session> {
    const name = `tidings-device-${identity.user}`;
    const deviceId = localStorage.getItem(name) ?? `web:${crypto.randomUUID().slice(0, 13)}`;
    localStorage.setItem(name, deviceId);
    // One of the user's tabs is connected, and works for all.
    const client = await openSecurely(
      { url: config.httpUrl, socketUrl: config.socketUrl, deviceId, token: identity.token }, identity.user, `tidings-${identity.user}-${deviceId}`);
    const session = new Session(client, identity, deviceId);
    await session.begin();
    return session;
  }

  private async begin(): Promise<void> {
    const [kept, places] = await Promise.all([this.client.store.summaries(), this.client.store.places()]);
    await Promise.all(places.map(async ({ conversationId, held }) => this.add(conversationId, await this.client.store.entries(conversationId, held + 1, LATEST))));
    if (kept.length > 0) this.listed(kept);
    this.pending.value = await this.client.pending();
    await this.client.start();
    addEventListener("online", () => this.client.reconnect());
    document.addEventListener("visibilitychange", () => {
      this.client.setActive(document.visibilityState === "visible");
      if (document.visibilityState === "visible") {
        this.client.reconnect();
        this.readCurrent();
      }
    });
    navigator.serviceWorker?.addEventListener("message", ({ data }: MessageEvent<{ open?: string }>) => {
      if (data.open) void this.open(data.open);
    });
  }

  /** The messages of a conversation that are here. */
  timeline(id: string): Signal<readonly Message[]> {
    return this.logOf(id).shown;
  }

  private logOf(id: string): { log: Timeline; shown: Signal<readonly Message[]> } {
    let known = this.logs.get(id);
    if (!known) {
      known = { log: new Timeline(), shown: signal<readonly Message[]>([]) };
      this.logs.set(id, known);
    }
    return known;
  }

  /** Whether a conversation is end-to-end encrypted already. */
  isEncrypted(id: string): boolean {
    return this.summaries.value.get(id)?.encrypted ?? false;
  }

  title(id: string): string {
    const peer = peerOf(id, this.me);
    if (peer !== undefined) return peer === this.me ? "Notes to yourself" : peer;
    return this.summaries.value.get(id)?.title ?? id.slice(2);
  }

  /** How far a message of one's own is, by who is the furthest behind. */
  tick(message: Message): Tick {
    const marks = [...(this.marks.value.get(message.conversationId) ?? [])].filter(([user]) => user !== this.me);
    const least = (mark: "delivered" | "read") => Math.min(...marks.map(([, one]) => one[mark]));
    if (marks.length === 0) return "sent";
    if (least("read") >= message.sequence) return "read";
    return least("delivered") >= message.sequence ? "delivered" : "sent";
  }

  async open(id: string | undefined, sequence?: number): Promise<void> {
    batch(() => {
      if (id !== undefined && id !== this.current.value) {
        const summary = this.summaries.value.get(id);
        if (summary && summary.unread > 0) this.unreadFrom.set(id, summary.readUpTo);
        else this.unreadFrom.delete(id);
      }
      this.current.value = id;
      this.target.value = id !== undefined && sequence !== undefined ? { conversationId: id, sequence } : undefined;
    });
    if (id === undefined) return;
    this.watch();
    this.readCurrent();
    const target = this.target.value;
    await (sequence === undefined ? this.older(id) : this.seek(id, sequence));
    if (target && this.target.value === target && this.logOf(id).log.floor > target.sequence) {
      this.target.value = undefined;
      this.say("That message cannot be loaded now.");
    }
    await this.loadReceipts(id);
    this.readCurrent();
  }

  /** Loads what is before the messages that are here; false where nothing is. */
  async older(id: string): Promise<boolean> {
    const hasCome = await this.fetchOlder(id);
    if (hasCome) this.show(id);
    return hasCome;
  }

  /** One page at a time, whoever asks. */
  private fetchOlder(id: string): Promise<boolean> {
    const under = this.fetching.get(id) ?? this.fetchPage(id).finally(() => this.fetching.delete(id));
    this.fetching.set(id, under);
    return under;
  }

  private async fetchPage(id: string): Promise<boolean> {
    if (this.ends.has(id)) return false;
    const { log } = this.logOf(id);
    const before = log.isEmpty ? (this.summaries.value.get(id)?.lastSequence ?? 0) + 1 : log.floor;
    if (before <= 1) return false;
    try {
      const entries = await this.client.history(id, before, PAGE);
      if (entries.length === 0) this.ends.add(id);
      this.take(id, entries);
      return entries.length > 0;
    } catch {
      return false;
    }
  }

  /** Whether nothing is before what is here. */
  isWhole(id: string): boolean {
    return this.ends.has(id) || this.logOf(id).log.floor <= 1;
  }

  /** Loads a conversation back to a place. What lies between is shown when all of it is here. */
  async seek(id: string, sequence: number): Promise<void> {
    for (let page = 0; page < SEEK_PAGES_MAX && this.logOf(id).log.floor > sequence; page += 1) {
      if (!(await this.fetchOlder(id))) break;
    }
    this.show(id);
  }

  /** Sends, or says why not. */
  async send(outgoing: Outgoing): Promise<void> {
    await this.client.send(outgoing);
    this.tabs.postMessage({ news: "sent" } satisfies TabNews);
    this.pending.value = await this.client.pending();
  }

  async sendText(id: string, text: string, more: { inReplyTo?: string; threadRoot?: string } = {}): Promise<void> {
    await this.send({ type: "message.send", conversationId: id, payload: text, ...more, ...mentionsIn(id, text) });
  }

  /** Sends it at a time of the user's choice, also when this device is away. */
  async sendLater(id: string, text: string, sendAt: number): Promise<void> {
    const message = { conversationId: id, clientMsgId: crypto.randomUUID(), payload: text, ts: Date.now(), ...mentionsIn(id, text) };
    await this.call("POST", "/scheduled", { sendAt, message });
  }

  async sendPoll(id: string, text: string, choices: readonly string[]): Promise<void> {
    await this.send({ type: "message.send", conversationId: id, kind: "poll", payload: { text, choices } });
  }

  edit(message: Message, text: string): Promise<void> {
    return this.send({ type: "message.edit", ...about(message), payload: changedText(message.payload, text), ...mentionsIn(message.conversationId, text) });
  }

  remove(message: Message): Promise<void> {
    return this.send({ type: "message.delete", ...about(message), for: "everyone" });
  }

  /** Takes a message out of what this user sees, on all devices. */
  async hide(message: Message): Promise<void> {
    await this.client.http.call("PUT", path`/hidden/${message.conversationId}/${message.messageId}`, { query: { sequence: message.sequence } });
    this.hidden(message.conversationId, message.messageId);
  }

  react(message: Message, reaction: string | undefined): Promise<void> {
    return this.send({ type: "message.react", ...about(message), ...(reaction === undefined ? {} : { reaction }) });
  }

  vote(message: Message, choices: string[]): Promise<void> {
    return this.send({ type: "message.vote", ...about(message), choices });
  }

  pin(message: Message, pinned: boolean): Promise<void> {
    return this.send({ type: "message.pin", ...about(message), pinned });
  }

  /** Passes a message on. Content belongs to one conversation, so it is uploaded again for each. */
  async forward(message: Message, ids: readonly string[]): Promise<void> {
    const content = message.mediaHandle === undefined ? undefined : await this.content(message);
    const { media, ...said } = (message.payload ?? {}) as { media?: { name?: string; sealing?: unknown; chunkBytes?: unknown } };
    for (const id of ids) {
      let more: { mediaHandle: string; payload: object } | undefined;
      if (content) {
        const { sealing: _, chunkBytes: __, ...plain } = media ?? {};
        const up = await this.put(id, content, plain.name, () => {});
        more = { mediaHandle: up.mediaHandle, payload: { ...said, media: { ...plain, ...up.media } } };
      }
      await this.send({
        type: "message.send", conversationId: id, kind: message.kind, payload: message.payload, forwards: message.forwards + 1, ...more,
      });
    }
  }

  /** Uploads content, sealed where the conversation is encrypted, and says what the message is to say of it. */
  private async put(
    id: string, content: Blob, name: string | undefined, progress: (part: number) => void, signal?: AbortSignal,
  ): Promise<{ mediaHandle: string; media: object }> {
    if (await this.security.seals(id)) return this.security.upload(id, content, name, progress, signal);
    const mediaHandle = await upload(this.client.http, id, content, progress, signal);
    return { mediaHandle, media: { v: 1, ...(name ? { name } : {}), mime: content.type || "application/octet-stream", size: content.size } };
  }

  private async content(message: Message): Promise<Blob> {
    if (isSealed(message)) return this.security.content(message);
    const response = await fetch(await this.address(message));
    if (!response.ok) throw new Error("The content is not available any more.");
    const content = await response.blob();
    if (content.size > FORWARD_BYTES_MAX) throw new Error("The file is too large to be forwarded.");
    return content;
  }

  /** Uploads and sends; how far it is stands in `uploads`. What is said of the content goes with it. */
  sendFile(id: string, file: File, text = "", about: object = {}): void {
    const key = crypto.randomUUID();
    const shown = file.type.startsWith("image/") ? URL.createObjectURL(file) : undefined;
    const show = (change: Partial<Upload> | undefined) => {
      const all = this.uploads.value;
      this.uploads.value = change ? all.map((one) => (one.id === key ? { ...one, ...change } : one)) : all.filter((one) => one.id !== key);
      if (!change && shown) URL.revokeObjectURL(shown);
    };
    const begin = () => {
      const aborter = new AbortController();
      const cancel = () => {
        aborter.abort();
        show(undefined);
      };
      const state = { part: 0, cancel, retry: () => { show(undefined); this.sendFile(id, file, text, about); } };
      this.uploads.value = [...this.uploads.value, { id: key, conversationId: id, name: file.name, ...state, ...(shown ? { shown } : {}) }];
      return aborter.signal;
    };
    const aborted = begin();
    const kind = ["image", "audio", "video"].find((one) => file.type.startsWith(`${one}/`)) ?? "doc";
    this.put(id, file, file.name, (part) => show({ part }), aborted)
      .then(({ mediaHandle, media }) => this.send({
        type: "message.send", conversationId: id, kind, mediaHandle, payload: { ...(text ? { text } : {}), media: { ...media, ...about } }, ...mentionsIn(id, text),
      }))
      .then(() => show(undefined), (error: unknown) => { if (!aborted.aborted) show({ error: reasonOf(error) }); });
  }

  /** Opens what may be opened once. */
  async openOnce(message: Message): Promise<LogEntry> {
    const entry = await this.client.ask<LogEntry>("open", message.conversationId, message.messageId, message.sequence);
    this.add(message.conversationId, [{ ...entry, payload: null, viewed: true }]);
    return entry;
  }

  setDraft(id: string, text: string): void {
    const { [id]: before, ...others } = this.drafts.value;
    if ((before ?? "") === text) return;
    this.drafts.value = text ? { ...others, [id]: text } : others;
    localStorage.setItem(this.draftsKey, JSON.stringify(this.drafts.value));
  }

  private get draftsKey(): string {
    return `tidings-drafts-${this.me}`;
  }

  /** Where content can be read: of this page where it is sealed, else with the service, the same for a quarter of an hour at most. */
  address(message: Message): Promise<string> {
    if (isSealed(message)) return this.security.address(message);
    const handle = message.mediaHandle ?? "";
    const known = this.addresses.get(handle);
    if (known) return known;
    const address = addressOf(this.client.http, handle);
    this.addresses.set(handle, address);
    setTimeout(() => this.addresses.delete(handle), 10 * 60_000);
    address.catch(() => this.addresses.delete(handle));
    return address;
  }

  /** What sound looks like, which the service makes of it; nothing where it does not. */
  async soundOf(message: Message): Promise<Schemas["PreviewInfo"] | undefined> {
    if (isSealed(message)) return undefined;
    const handle = message.mediaHandle ?? "";
    for (let tries = 0; tries < PREVIEW_TRIES; tries += 1) {
      const preview = await this.call<Schemas["PreviewInfo"]>("GET", path`/media/${handle}/preview`);
      if (preview.status === "ready") return preview;
      if (preview.status !== "pending") return undefined;
      await new Promise((resolve) => setTimeout(resolve, preview.retryAfterMs ?? 1000));
    }
    return undefined;
  }

  async star(message: Message): Promise<void> {
    await this.client.http.call("PUT", path`/stars/${message.conversationId}/${message.messageId}`, { query: { sequence: message.sequence } });
    this.say("Starred.");
  }

  /** What the user has marked, on any device, the latest mark first. */
  async starred(): Promise<Message[]> {
    const { stars } = await this.client.http.call<{ stars: Schemas["Star"][] }>("GET", "/stars", { query: { limit: STARS_MAX } });
    const found = await Promise.all(stars.map((star) => this.message(star.conversationId, star.messageId, star.sequence).catch(() => undefined)));
    return found.filter((one) => one !== undefined);
  }

  async unstar(message: Message): Promise<void> {
    await this.call("DELETE", path`/stars/${message.conversationId}/${message.messageId}`);
  }

  /** Tells the user something, for some seconds. */
  say(text: string): void {
    this.notice.value = text;
    setTimeout(() => { if (this.notice.value === text) this.notice.value = undefined; }, 5000);
  }

  async retry(failed: Failed): Promise<void> {
    this.dismiss(failed);
    const { attempt: _, baseSequence: __, ...frame } = failed.frame;
    await this.send({ ...frame, clientMsgId: crypto.randomUUID() } as Outgoing);
  }

  dismiss(failed: Failed): void {
    this.failed.value = this.failed.value.filter((one) => one !== failed);
  }

  startDirect(user: string): void {
    void this.open(directConversation(this.me, user));
  }

  async createGroup(title: string, members: string[]): Promise<void> {
    const group = await this.call<Group>("POST", "/groups", { title, members, clientGroupId: crypto.randomUUID() });
    await this.client.list();
    await this.open(group.conversationId);
  }

  group(id: string): Promise<Group> {
    return this.call("GET", path`/groups/${id}`);
  }

  /** The first members of a group, by user id. */
  async members(id: string, limit = MEMBERS_MAX): Promise<Member[]> {
    const members: Member[] = [];
    let after: string | undefined;
    do {
      const page = await this.client.http.call<{ members: Member[]; next?: string }>(
        "GET", path`/groups/${id}/members`, { query: { after, limit: Math.min(PAGE, limit - members.length) } });
      members.push(...page.members);
      after = page.next;
    } while (after !== undefined && members.length < limit);
    return members;
  }

  /** One message as it is now, wherever it lies. */
  async message(id: string, messageId: string, sequence?: number): Promise<Message> {
    const here = () => this.timeline(id).value.find((one) => one.messageId === messageId);
    const known = here();
    if (known) return known;
    const answer = await this.client.http.call<{ message: LogEntry }>(
      "GET", path`/conversations/${id}/messages/${messageId}`, { query: { sequence } });
    if (answer.message.epoch !== undefined) {
      // What is in it is known to this device alone.
      await this.seek(id, answer.message.sequence);
      const found = here();
      if (found) return found;
    }
    const edits = await this.client.http.call<{ messages: LogEntry[] }>(
      "GET", path`/conversations/${id}/messages/${messageId}/edits`, { query: { sequence: answer.message.sequence } });
    const [message] = fold([answer.message, ...edits.messages]);
    if (!message) throw new Error("The message is not there any more.");
    return message;
  }

  /** The place of a message that is not here. */
  async place(id: string, messageId: string): Promise<number> {
    return (await this.message(id, messageId)).sequence;
  }

  async block(user: string): Promise<void> {
    await this.call("PUT", path`/blocks/${user}`);
  }

  async settings(id: string, change: object): Promise<void> {
    const settings = await this.call<Partial<ConversationSummary>>("PUT", path`/conversations/${id}/settings`, change);
    this.change(id, { ...settings, muted: (settings.mutedUntil ?? 0) > Date.now() });
  }

  /** Says whether the user agrees that the service indexes the text of a conversation; where nothing is said, answers how it stands. */
  searchable(id: string, agrees?: boolean): Promise<Schemas["ConversationSettings"]> {
    return this.call("PUT", path`/conversations/${id}/settings`, agrees === undefined ? {} : { searchable: agrees });
  }

  async devices(): Promise<Schemas["DeviceList"]> {
    return this.call("GET", "/devices");
  }

  call<Answer>(method: string, target: string, body?: unknown): Promise<Answer> {
    return this.client.http.call<Answer>(method, target, body === undefined ? {} : { body });
  }

  async saveSettings(settings: UserSettings): Promise<UserSettings> {
    this.quiet = await this.call<UserSettings>("PUT", "/settings", settings);
    return this.quiet;
  }

  /** Asks to be shown what comes, also while the page is closed where this browser and the service can do that. */
  async enablePush(): Promise<"push" | "open"> {
    if (!("Notification" in window)) throw new Error("This browser shows no notifications.");
    if ((await Notification.requestPermission()) !== "granted") throw new Error("Notifications are blocked in this browser. Allow them in its settings.");
    localStorage.setItem(NOTIFY, "on");
    const { webPushKey } = await this.devices();
    const registration = await navigator.serviceWorker.ready;
    if (!webPushKey || !registration.pushManager) return "open";
    const wanted = bytesOf(webPushKey);
    const before = await registration.pushManager.getSubscription();
    // One for another key is none that this service can sign for.
    if (before && !isSame(new Uint8Array(before.options?.applicationServerKey ?? new ArrayBuffer(0)), wanted)) await before.unsubscribe();
    await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: wanted });
    await this.register(true);
    return "push";
  }

  async disablePush(): Promise<void> {
    localStorage.setItem(NOTIFY, "off");
    const registration = await navigator.serviceWorker?.getRegistration();
    await (await registration?.pushManager?.getSubscription())?.unsubscribe();
    await this.register(true);
  }

  /** Says once at every start what this device is called, and where pushes go if they are wanted. */
  async register(again = false): Promise<void> {
    if (this.isRegistered && !again) return;
    const registration = await navigator.serviceWorker?.getRegistration();
    const subscription = (await registration?.pushManager?.getSubscription())?.toJSON();
    const push = subscription && { service: "webpush", subscription: { endpoint: subscription.endpoint, keys: subscription.keys } };
    const name = localStorage.getItem(this.nameKey) ?? browserName();
    await this.call("PUT", path`/devices/${this.deviceId}`, { name, platform: "web", ...(push ? { push } : {}) });
    this.isRegistered = true;
  }

  /** What this device is called in the user's list of devices. */
  async rename(name: string): Promise<void> {
    localStorage.setItem(this.nameKey, name);
    await this.register(true);
  }

  private get nameKey(): string {
    return `tidings-device-name-${this.me}`;
  }

  /** Searches this device, and the service where the user lets it hear what is looked for. */
  finder(wanted: Wanted, asksService: boolean): Finder {
    const { client } = this;
    const index = (query: SearchQuery, limit: number) => client.ask<Found[]>("search", query, limit);
    return new Finder({ http: client.http, wanted, asksService, here: (asked) => searchDevice(client.store, index, asked) });
  }

  /** Ends the session of this device, and takes from it what it kept. */
  async end(): Promise<void> {
    // Whichever tab were left would connect in this one's place.
    this.tabs.postMessage({ news: "leaving" } satisfies TabNews);
    // No push may come after this. A service that is away must not keep the user from signing out.
    await this.call("DELETE", path`/devices/${this.deviceId}`).catch(() => undefined);
    const registration = await navigator.serviceWorker?.getRegistration();
    await (await registration?.pushManager?.getSubscription())?.unsubscribe().catch(() => false);
    await this.client.stop();
    await this.client.store.clear();
    this.client.store.close();
    for (const name of [`tidings-device-${this.me}`, this.draftsKey, this.nameKey, NOTIFY, ASK_SERVICE, this.security.kept]) localStorage.removeItem(name);
  }

  /** The user is signed out: the other tabs show that, too. */
  left(): void {
    this.tabs.postMessage({ news: "left" } satisfies TabNews);
    this.tabs.close();
  }

  /** Whose presence is shown: of who is in the list and of whom the user writes to. */
  private watch(): void {
    const peers = [...this.summaries.value.values()].sort((one, other) => other.lastTs - one.lastTs).map((one) => peerOf(one.conversationId, this.me));
    const open = this.current.value === undefined ? undefined : peerOf(this.current.value, this.me);
    const wanted = [...new Set([open, ...peers].filter((one): one is string => one !== undefined && one !== this.me))].slice(0, WATCHED_MAX);
    if (wanted.join() === this.watched) return;
    this.watched = wanted.join();
    this.client.watch(wanted);
  }

  private heard(event: ClientEvent): void {
    switch (event.type) {
      case "status":
        this.status.value = event.status;
        return;
      case "entries":
        batch(() => this.arrived(event.conversationId, event.entries));
        return;
      case "sent":
        return;
      case "failed":
        this.failed.value = [...this.failed.value, { frame: event.frame, reason: event.error.message }];
        this.forget(event.frame.clientMsgId);
        return;
      case "synced":
        void this.refresh();
        return;
      case "conversations":
        this.listed(event.conversations);
        return;
      case "notice":
        return this.noticed(event.frame);
    }
  }

  /** The service's word on all conversations, except where more is known here already. */
  private listed(conversations: ConversationSummary[]): void {
    const known = this.summaries.value;
    const merged = conversations.map((one): ConversationSummary => {
      const before = known.get(one.conversationId);
      if (!before) return one;
      // It stays so, whatever the service says.
      const encrypted = before.encrypted || one.encrypted ? { encrypted: true } : {};
      if (before.lastSequence <= one.lastSequence) return { ...one, ...encrypted };
      const { lastSequence, lastTs, unread, mentions } = before;
      return { ...one, ...encrypted, lastSequence, lastTs, unread, mentions };
    });
    this.summaries.value = new Map([...known, ...merged.map((one) => [one.conversationId, one] as const)]);
    this.isListed.value = true;
  }

  private noticed(frame: Extract<ClientEvent, { type: "notice" }>["frame"]): void {
    switch (frame.type) {
      case "message.delivered":
      case "message.read": {
        this.mark(frame.conversationId, frame.userId, frame.upTo, frame.type === "message.read");
        // Read on another device.
        if (frame.type === "message.read" && frame.userId === this.me) {
          this.change(frame.conversationId, { readUpTo: frame.upTo, unread: 0, mentions: 0 });
        }
        return;
      }
      case "presence.update":
        this.presence.value = new Map([...this.presence.value, ...frame.users.map((one) => [one.userId, one] as const)]);
        return;
      case "conversation.settings": {
        const { type: _, ...settings } = frame;
        return this.change(frame.conversationId, { ...settings, muted: (frame.mutedUntil ?? 0) > Date.now() });
      }
      case "message.hidden":
        return this.hidden(frame.conversationId, frame.messageId);
      default:
        return;
    }
  }

  private arrived(id: string, entries: LogEntry[]): void {
    this.add(id, entries);
    for (const { clientMsgId } of entries) this.forget(clientMsgId);
    const last = entries.at(-1);
    if (!last) return;
    const isNew = !this.summaries.value.has(id);
    // The service's list may be behind what it has told.
    const before = this.summaries.value.get(id) ?? {
      conversationId: id, lastSequence: 0, readUpTo: 0, deliveredUpTo: 0, unread: 0, mentions: 0, muted: false, pinned: false, archived: false,
      lastTs: last.ts,
    };
    if (isNew) {
      this.summaries.value = new Map(this.summaries.value).set(id, before);
      void this.client.list().catch(() => undefined);
    }
    const fresh = entries.filter((one) => one.sequence > before.lastSequence);
    const others = fresh.filter((one) => one.senderUserId !== this.me && one.event === "message");
    const mine = others.filter((one) => one.mentions?.some((user) => user === this.me || user === "@all"));
    const commits = entries.some((one) => one.event === "commit");
    this.change(id, {
      lastSequence: Math.max(before.lastSequence, last.sequence), lastTs: Math.max(before.lastTs, last.ts),
      unread: before.unread + others.length, mentions: before.mentions + mine.length, ...(commits ? { encrypted: true } : {}),
    });
    if (fresh.some((one) => one.event === "membership")) void this.client.list().catch(() => undefined);
    for (const one of others) this.mark(id, one.senderUserId, one.sequence, true);
    if (isNew) this.watch();
    if (id === this.current.value) this.readCurrent();
    const latest = others.at(-1);
    const message = latest && this.timeline(id).value.findLast((one) => one.messageId === latest.messageId);
    if (message) this.announce(message);
  }

  /** Tells of a message who hears the page, and who has it in the background. */
  private announce(message: Message): void {
    const id = message.conversationId;
    const title = id.startsWith("g:") ? `${message.senderUserId} in ${this.title(id)}` : message.senderUserId;
    if (id === this.current.value) this.heardLast.value = `${message.senderUserId}: ${describe(message)}`;
    const isMentioned = message.mentions.some((user) => user === this.me || user === "@all");
    const isWanted = document.visibilityState === "hidden" && localStorage.getItem(NOTIFY) === "on" && Date.now() - message.ts < FRESH_MS
      && !isQuiet(this.quiet) && (isMentioned || !this.summaries.value.get(id)?.muted);
    // The service pushes nothing to who is connected. Of several tabs the one that is connected tells.
    if (!isWanted || !this.client.leads || !("Notification" in window) || Notification.permission !== "granted") return;
    void navigator.serviceWorker?.ready.then((registration) => registration.showNotification(title, {
      body: describe(message), icon: "/icon-192.png", tag: id, data: { conversationId: id },
    }));
  }

  private hidden(id: string, messageId: string): void {
    const { log, shown } = this.logOf(id);
    log.remove(messageId);
    shown.value = log.messages;
    this.revision.value += 1;
  }

  private told(news: TabNews): void {
    if (news.news === "read") this.change(news.conversationId, { unread: 0, mentions: 0 });
    else if (news.news === "sent") void this.client.pending().then((all) => { this.pending.value = all; });
    else if (news.news === "leaving") void this.client.stop();
    else {
      forgetUser();
      location.replace("/");
    }
  }

  private readCurrent(): void {
    const id = this.current.value;
    if (id === undefined || document.visibilityState !== "visible") return;
    const { log } = this.logOf(id);
    if (log.isEmpty) return;
    this.client.read(id, log.top);
    if ((this.summaries.value.get(id)?.unread ?? 0) > 0) this.tabs.postMessage({ news: "read", conversationId: id } satisfies TabNews);
    this.change(id, { unread: 0, mentions: 0, readUpTo: log.top });
  }

  private add(id: string, entries: readonly LogEntry[]): void {
    this.take(id, entries);
    this.show(id);
  }

  private show(id: string): void {
    const { log, shown } = this.logOf(id);
    if (log.messages === shown.value) return;
    shown.value = log.messages;
    this.revision.value += 1;
  }

  private take(id: string, entries: readonly LogEntry[]): void {
    const changed = this.logOf(id).log.add(entries);
    const next = Math.min(...changed.map((one) => (one.gone ? Infinity : (one.expiresAt ?? Infinity))));
    if (next < this.expiresNext) this.expireAt(next);
  }

  /** Takes the content away on the second. */
  private expireAt(time: number): void {
    clearTimeout(this.expiry);
    this.expiresNext = time;
    this.expiry = setTimeout(() => {
      const times = [...this.logs.values()].map(({ log, shown }) => {
        const next = log.expire();
        shown.value = log.messages;
        return next ?? Infinity;
      });
      this.revision.value += 1;
      this.expiresNext = Infinity;
      const next = Math.min(...times);
      if (next < Infinity) this.expireAt(next);
    }, Math.min(Math.max(0, time - Date.now()), 2 ** 31 - 1));
  }

  private forget(clientMsgId: string): void {
    if (this.pending.value.some((one) => one.clientMsgId === clientMsgId)) {
      this.pending.value = this.pending.value.filter((one) => one.clientMsgId !== clientMsgId);
    }
  }

  private change(id: string, change: Partial<ConversationSummary>): void {
    const before = this.summaries.value.get(id);
    if (before) this.summaries.value = new Map(this.summaries.value).set(id, { ...before, ...change });
  }

  private mark(id: string, user: string, upTo: number, isRead: boolean): void {
    const users = new Map(this.marks.value.get(id));
    const before = users.get(user) ?? { delivered: 0, read: 0 };
    users.set(user, { delivered: Math.max(before.delivered, upTo), read: Math.max(before.read, isRead ? upTo : 0) });
    this.marks.value = new Map(this.marks.value).set(id, users);
  }

  private async refresh(): Promise<void> {
    try {
      const list = await this.client.list();
      await this.register();
      this.quiet = await this.call<UserSettings>("GET", "/settings");
      const bare = list.filter((one) => this.logOf(one.conversationId).log.isEmpty && one.lastSequence > 0).slice(0, PREVIEWS_MAX);
      for (const { conversationId } of bare) await this.older(conversationId);
      this.watch();
      if (this.current.value !== undefined) await this.loadReceipts(this.current.value);
    } catch (error) {
      if (!(error instanceof CallError || error instanceof TypeError || error instanceof DOMException)) throw error;
    }
  }

  private async loadReceipts(id: string): Promise<void> {
    // The marks are the same whichever message is asked about.
    const messageId = this.timeline(id).value.findLast((one) => one.event === "message" && one.gone === undefined)?.messageId;
    if (messageId === undefined) return;
    const receipts = await this.client.http.call<Schemas["Receipts"]>(
      "GET", path`/conversations/${id}/receipts`, { query: { messageId, limit: RECEIPT_MEMBERS_MAX } }).catch(() => undefined);
    for (const [user, marks] of Object.entries(receipts?.marksByUser ?? {})) {
      this.mark(id, user, marks.deliveredUpTo, false);
      this.mark(id, user, marks.readUpTo, true);
    }
  }

  private makeRows(): Row[] {
    // Previews follow the logs.
    void this.revision.value;
    const known = [...this.summaries.value.values()];
    const begun = this.pending.value.map((one) => one.conversationId)
      .filter((id, at, all) => !this.summaries.value.has(id) && all.indexOf(id) === at);
    const rows = known.map((one): Row => ({
      id: one.conversationId, title: this.title(one.conversationId), preview: this.preview(one.conversationId), ts: one.lastTs,
      unread: one.unread, mentions: one.mentions, pinned: one.pinned, archived: one.archived, muted: one.muted,
      encrypted: one.encrypted ?? false, draft: one.conversationId === this.current.value ? "" : (this.drafts.value[one.conversationId] ?? ""),
    }));
    const fresh = begun.map((id): Row => ({
      id, title: this.title(id), preview: "Waiting to be sent", ts: Date.now(), unread: 0, mentions: 0, pinned: false, archived: false,
      muted: false, encrypted: false, draft: "",
    }));
    return [...rows, ...fresh].sort((one, other) => Number(other.pinned) - Number(one.pinned) || other.ts - one.ts);
  }

  private preview(id: string): string {
    const last = this.timeline(id).value.findLast((one) => one.event !== "commit");
    if (!last) return "";
    const who = last.event === "membership" ? "" : last.senderUserId === this.me ? "You: " : id.startsWith("g:") ? `${last.senderUserId}: ` : "";
    return who + describe(last, this.me);
  }
}

/** Which message something is said about. */
export const about = (message: Message) => ({
  conversationId: message.conversationId, messageId: message.messageId, messageSequence: message.sequence,
});

/** Whom a text names; those of a conversation of two are told anyway. */
function mentionsIn(id: string, text: string): { mentions?: string[] } {
  if (!id.startsWith("g:")) return {};
  const users = [...text.matchAll(/(?:^|[\s(])@([A-Za-z0-9._-]{1,64})/g)].map(([, user = ""]) => (user === "all" ? "@all" : user.replace(/[.-]+$/, "")));
  const mentions = [...new Set(users)].filter(Boolean).slice(0, MENTIONS_MAX);
  return mentions.length > 0 ? { mentions } : {};
}

/** A payload with another text: what is said of content stays. */
function changedText(payload: unknown, text: string): unknown {
  return typeof payload === "object" && payload !== null ? { ...payload, text } : text;
}

function bytesOf(base64url: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64url.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
}

const isSame = (one: Uint8Array, other: Uint8Array) => one.length === other.length && one.every((byte, at) => byte === other[at]);

/** A message in a line. */
export function describe(message: Message, me = ""): string {
  if (message.gone === "deleted") return "This message was deleted";
  if (message.gone) return "This message is gone";
  if (message.isEncrypted) return "Waiting for this message";
  if (message.kind === UNREADABLE) return "A message that this device cannot read";
  if (message.event === "membership") return describeMembership(message.payload, me);
  if (message.viewOnce) return "A message to open once";
  const text = textOf(message.payload);
  if (text) return text;
  return kindName(message.kind);
}

export const kindName = (kind: string): string => ({ image: "Photo", video: "Video", audio: "Voice note", doc: "File", poll: "Poll" })[kind] ?? "Message";

/** A change of a group's members or settings, as a sentence. */
export function describeMembership(payload: unknown, me: string): string {
  const change = (payload ?? {}) as { change?: string; userId?: string; userIds?: string[]; actorUserId?: string; title?: string };
  const actor = change.actorUserId === me ? "You" : (change.actorUserId ?? "Somebody");
  const users = (change.userIds ?? [change.userId ?? "somebody"]).map((user) => (user === me ? "you" : user)).join(", ");
  const subject = users === "you" ? "You" : users;
  switch (change.change) {
    case "created": return `${actor} made the group`;
    case "added": return `${actor} added ${users}`;
    case "joined": return `${subject} joined`;
    case "removed": return `${actor} removed ${users}`;
    case "left": return `${subject} left`;
    case "promoted": return `${actor} made ${users} an admin`;
    case "demoted": return `${actor} took the admin role from ${users}`;
    case "renamed": return `${actor} named the group “${change.title ?? ""}”`;
    case "dissolved": return `${actor} ended the group`;
    default: return `${actor} changed the settings`;
  }
}

export function browserName(): string {
  const browser = ["Edg", "OPR", "Firefox", "Chrome", "Safari"].find((name) => navigator.userAgent.includes(name)) ?? "Browser";
  const names: Record<string, string> = { Edg: "Edge", OPR: "Opera" };
  return names[browser] ?? browser;
}
