/** What the views show of one user's device, and what they can do. */
import { batch, computed, signal } from "@preact/signals";
import {
  CallError, type ClientEvent, type ConversationSummary, directConversation, type EntryFrame, Finder, fold, type http, type LogEntry, type Message, type Outgoing,
  path, peerOf, type SharedClient, type socket, type Status, type Wanted,
} from "@tidings/client";
import { type Found, searchDevice, type SearchQuery } from "@tidings/client/secure";
import { type Config, forgetUser, type Identity } from "./auth.ts";
import { describe, mentionsIn } from "./describe.ts";
import { NOTIFY, ThisDevice } from "./device.ts";
import { Files } from "./files.ts";
import { History } from "./history.ts";
import { Marks } from "./marks.ts";
import { Privacy } from "./privacy.ts";
import { isQuiet } from "./quiet.ts";
import { openSecurely, Security } from "./security.ts";
import { Typing } from "./typing.ts";

type Schemas = http.components["schemas"];
type Presence = socket.components["schemas"]["UserPresence"];
export type Group = Schemas["GroupInfo"];
export type Member = Schemas["GroupMember"];
export type UserSettings = Schemas["UserSettings"];
export type Scheduled = Schemas["ScheduledMessage"];
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
  /** Of a stranger whom the user has not answered. */
  request: boolean;
}
/** A message that was not accepted. */
export interface Failed {
  frame: EntryFrame;
  reason: string;
}

/** Where a message is to be shown. */
export interface Target {
  conversationId: string;
  sequence: number;
}
/** What tabs of one user tell each other, beside what the client does. */
type TabNews = { news: "read"; conversationId: string } | { news: "leaving" | "left" | "sent" };

const PREVIEWS_MAX = 40;
const PAGE = 100;
/** Of each conversation so much is taken from the store at the start. */
const LATEST = 30;
/** A message that is older is no news. */
const FRESH_MS = 60_000;
/** Whether the service hears what is looked for. */
export const ASK_SERVICE = "tidings-search-service";
const STARS_MAX = 50;
const MEMBERS_MAX = 500;
const WATCHED_MAX = 100;

export class Session {
  readonly me: string;
  readonly status = signal<Status>({ name: "connecting" });
  readonly summaries = signal<ReadonlyMap<string, ConversationSummary>>(new Map());
  readonly pending = signal<readonly EntryFrame[]>([]);
  readonly failed = signal<readonly Failed[]>([]);
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
  readonly history: History;
  readonly marks: Marks;
  readonly files: Files;
  readonly device: ThisDevice;
  readonly privacy: Privacy;
  readonly typing = new Typing();
  /** By conversation: up to where the user had read when it was opened. */
  readonly unreadFrom = new Map<string, number>();
  private readonly tabs: BroadcastChannel;
  private quiet: UserSettings = {};
  private watched = "";

  private constructor(readonly client: SharedClient, readonly identity: Identity, readonly deviceId: string) {
    this.me = identity.user;
    this.tabs = new BroadcastChannel(`tidings-news-${identity.user}`);
    this.tabs.onmessage = ({ data }) => this.told(data as TabNews);
    this.drafts.value = JSON.parse(localStorage.getItem(this.draftsKey) ?? "{}") as Record<string, string>;
    this.security = new Security(client, this.me, (text) => this.say(text));
    this.history = new History(client, (id) => this.summaries.value.get(id)?.lastSequence ?? 0);
    this.marks = new Marks(client.http, this.me);
    this.files = new Files(client, this.security, (outgoing) => this.send(outgoing));
    this.device = new ThisDevice(client.http, deviceId, this.me);
    this.privacy = new Privacy(client.http);
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
    await Promise.all(places.map(async ({ conversationId, held }) => this.history.add(conversationId, await this.client.store.entries(conversationId, held + 1, LATEST))));
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

  /** Whether a conversation is end-to-end encrypted already. */
  isEncrypted(id: string): boolean {
    return this.summaries.value.get(id)?.encrypted ?? false;
  }

  title(id: string): string {
    const peer = peerOf(id, this.me);
    if (peer !== undefined) return peer === this.me ? "Notes to yourself" : peer;
    return this.summaries.value.get(id)?.title ?? id.slice(2);
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
    await (sequence === undefined ? this.history.older(id) : this.history.seek(id, sequence));
    if (target && this.target.value === target && this.history.reach(id).floor > target.sequence) {
      this.target.value = undefined;
      this.say("That message cannot be loaded now.");
    }
    await this.marks.load(id, this.history.timeline(id).value);
    this.readCurrent();
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
    this.history.remove(message.conversationId, message.messageId);
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
    const content = message.mediaHandle === undefined ? undefined : await this.files.content(message);
    const { media, ...said } = (message.payload ?? {}) as { media?: { name?: string; sealing?: unknown; chunkBytes?: unknown } };
    for (const id of ids) {
      let more: { mediaHandle: string; payload: object } | undefined;
      if (content) {
        const { sealing: _, chunkBytes: __, ...plain } = media ?? {};
        const up = await this.files.put(id, content, plain.name, () => {});
        more = { mediaHandle: up.mediaHandle, payload: { ...said, media: { ...plain, ...up.media } } };
      }
      await this.send({
        type: "message.send", conversationId: id, kind: message.kind, payload: message.payload, forwards: message.forwards + 1, ...more,
      });
    }
  }

  /** Opens what may be opened once. */
  async openOnce(message: Message): Promise<LogEntry> {
    const entry = await this.client.ask<LogEntry>("open", message.conversationId, message.messageId, message.sequence);
    this.history.add(message.conversationId, [{ ...entry, payload: null, viewed: true }]);
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

  /** Makes a group that is in the list then, and answers its id. */
  async createGroup(title: string, members: string[]): Promise<string> {
    const group = await this.call<Group>("POST", "/groups", { title, members, clientGroupId: crypto.randomUUID() });
    await this.client.list();
    return group.conversationId;
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
    const here = () => this.history.timeline(id).value.find((one) => one.messageId === messageId);
    const known = here();
    if (known) return known;
    const answer = await this.client.http.call<{ message: LogEntry }>(
      "GET", path`/conversations/${id}/messages/${messageId}`, { query: { sequence } });
    if (answer.message.epoch !== undefined) {
      // What is in it is known to this device alone.
      await this.history.seek(id, answer.message.sequence);
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

  /** Lets a stranger write, and see what the user has read. */
  async acceptRequest(id: string): Promise<void> {
    await this.privacy.accept(peerOf(id, this.me) ?? "");
    this.change(id, { request: false });
    this.readCurrent();
  }

  /** Turns a stranger down: they are blocked, and the conversation is put away. */
  async declineRequest(id: string): Promise<void> {
    await this.privacy.decline(peerOf(id, this.me) ?? "");
    this.change(id, { request: false, archived: true });
    if (this.current.value === id) await this.open(undefined);
  }

  async settings(id: string, change: object): Promise<void> {
    const settings = await this.call<Partial<ConversationSummary>>("PUT", path`/conversations/${id}/settings`, change);
    this.change(id, { ...settings, muted: (settings.mutedUntil ?? 0) > Date.now() });
  }

  /** Says whether the user agrees that the service indexes the text of a conversation; where nothing is said, answers how it stands. */
  searchable(id: string, agrees?: boolean): Promise<Schemas["ConversationSettings"]> {
    return this.call("PUT", path`/conversations/${id}/settings`, agrees === undefined ? {} : { searchable: agrees });
  }

  call<Answer>(method: string, target: string, body?: unknown): Promise<Answer> {
    return this.client.http.call<Answer>(method, target, body === undefined ? {} : { body });
  }

  async saveSettings(settings: UserSettings): Promise<UserSettings> {
    this.quiet = await this.call<UserSettings>("PUT", "/settings", settings);
    return this.quiet;
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
    // No push may come after this.
    await this.device.leave();
    await this.client.stop();
    await this.client.store.clear();
    this.client.store.close();
    for (const name of [`tidings-device-${this.me}`, this.draftsKey, ASK_SERVICE, this.security.kept]) localStorage.removeItem(name);
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
      const { lastSequence, readUpTo, unread, mentions } = before;
      if (lastSequence <= one.lastSequence && readUpTo <= one.readUpTo) return { ...one, ...encrypted };
      // What has come or was read here the service's list has not heard of yet; what else is new is counted as it comes.
      const lastTs = Math.max(before.lastTs, one.lastTs);
      return { ...one, ...encrypted, lastSequence, lastTs, readUpTo: Math.max(readUpTo, one.readUpTo), unread, mentions };
    });
    this.summaries.value = new Map([...known, ...merged.map((one) => [one.conversationId, one] as const)]);
    this.isListed.value = true;
  }

  private noticed(frame: Extract<ClientEvent, { type: "notice" }>["frame"]): void {
    switch (frame.type) {
      case "message.delivered":
      case "message.read": {
        this.marks.mark(frame.conversationId, frame.userId, frame.upTo, frame.type === "message.read");
        // Read on another device.
        if (frame.type === "message.read" && frame.userId === this.me) {
          this.change(frame.conversationId, { readUpTo: frame.upTo, unread: 0, mentions: 0 });
        }
        return;
      }
      case "presence.update":
        this.presence.value = new Map([...this.presence.value, ...frame.users.map((one) => [one.userId, one] as const)]);
        return;
      case "typing":
        return this.typing.set(frame.conversationId, frame.userId, frame.active);
      case "conversation.settings": {
        const { type: _, ...settings } = frame;
        return this.change(frame.conversationId, { ...settings, muted: (frame.mutedUntil ?? 0) > Date.now() });
      }
      case "message.hidden":
        return this.history.remove(frame.conversationId, frame.messageId);
      default:
        return;
    }
  }

  private arrived(id: string, entries: LogEntry[]): void {
    this.history.add(id, entries);
    for (const { clientMsgId } of entries) this.forget(clientMsgId);
    const last = entries.at(-1);
    if (!last) return;
    const isNew = !this.summaries.value.has(id);
    // The service's list may be behind what it has told.
    const before = this.summaries.value.get(id) ?? {
      conversationId: id, lastSequence: 0, readUpTo: 0, deliveredUpTo: 0, unread: 0, mentions: 0, muted: false, pinned: false, archived: false,
      lastTs: last.ts,
      // Until the service says otherwise: it may be somebody whom the user has let in.
      ...(peerOf(id, this.me) !== undefined && entries.every((one) => one.senderUserId !== this.me) ? { request: true } : {}),
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
    for (const one of others) {
      this.marks.mark(id, one.senderUserId, one.sequence, true);
      this.typing.set(id, one.senderUserId, false);
    }
    // To write accepts.
    if (before.request && entries.some((one) => one.senderUserId === this.me)) this.change(id, { request: false });
    if (isNew) this.watch();
    if (id === this.current.value) this.readCurrent();
    const latest = others.at(-1);
    const message = latest && this.history.timeline(id).value.findLast((one) => one.messageId === latest.messageId);
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
    const log = this.history.reach(id);
    if (log.isEmpty) return;
    // A stranger learns nothing of it before they are accepted.
    if (!this.summaries.value.get(id)?.request) this.client.read(id, log.top);
    if ((this.summaries.value.get(id)?.unread ?? 0) > 0) this.tabs.postMessage({ news: "read", conversationId: id } satisfies TabNews);
    this.change(id, { unread: 0, mentions: 0, readUpTo: log.top });
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

  private async refresh(): Promise<void> {
    try {
      const list = await this.client.list();
      await Promise.all([this.device.register(), this.privacy.load()]);
      this.quiet = await this.call<UserSettings>("GET", "/settings");
      const bare = list.filter((one) => this.history.reach(one.conversationId).isEmpty && one.lastSequence > 0).slice(0, PREVIEWS_MAX);
      for (const { conversationId } of bare) await this.history.older(conversationId);
      this.watch();
      if (this.current.value !== undefined) await this.marks.load(this.current.value, this.history.timeline(this.current.value).value);
    } catch (error) {
      if (!(error instanceof CallError || error instanceof TypeError || error instanceof DOMException)) throw error;
    }
  }

  private makeRows(): Row[] {
    // Previews follow the logs.
    void this.history.revision.value;
    const known = [...this.summaries.value.values()];
    const begun = this.pending.value.map((one) => one.conversationId)
      .filter((id, at, all) => !this.summaries.value.has(id) && all.indexOf(id) === at);
    const rows = known.map((one): Row => ({
      id: one.conversationId, title: this.title(one.conversationId), preview: this.preview(one.conversationId), ts: one.lastTs,
      unread: one.unread, mentions: one.mentions, pinned: one.pinned, archived: one.archived, muted: one.muted,
      encrypted: one.encrypted ?? false, request: one.request ?? false, draft: one.conversationId === this.current.value ? "" : (this.drafts.value[one.conversationId] ?? ""),
    }));
    const fresh = begun.map((id): Row => ({
      id, title: this.title(id), preview: "Waiting to be sent", ts: Date.now(), unread: 0, mentions: 0, pinned: false, archived: false,
      muted: false, encrypted: false, request: false, draft: "",
    }));
    return [...rows, ...fresh].sort((one, other) => Number(other.pinned) - Number(one.pinned) || other.ts - one.ts);
  }

  private preview(id: string): string {
    const last = this.history.timeline(id).value.findLast((one) => one.event !== "commit");
    if (!last) return "";
    const who = last.event === "membership" ? "" : last.senderUserId === this.me ? "You: " : id.startsWith("g:") ? `${last.senderUserId}: ` : "";
    return who + describe(last, this.me);
  }
}

/** Which message something is said about. */
export const about = (message: Message) => ({
  conversationId: message.conversationId, messageId: message.messageId, messageSequence: message.sequence,
});

/** A payload with another text: what is said of content stays. */
function changedText(payload: unknown, text: string): unknown {
  return typeof payload === "object" && payload !== null ? { ...payload, text } : text;
}
