/** What the views show of one user's device, and what they can do. */
import { batch, computed, signal, type Signal } from "@preact/signals";
import {
  addressOf, CallError, Client, type ClientEvent, type ConversationSummary, directConversation, type EntryFrame, fold, type http,
  IndexedDbStore, type LogEntry, type Message, path, peerOf, type Status, textOf, upload,
} from "@tidings/client";
import type { Config, Identity } from "./auth.ts";

type Schemas = http.components["schemas"];
export type Group = Schemas["GroupInfo"];
export type Member = Schemas["GroupMember"];
export type Device = Schemas["DeviceInfo"];
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
}
/** A message that was not accepted. */
export interface Failed {
  frame: EntryFrame;
  reason: string;
}

const PREVIEWS_MAX = 40;
const RECEIPT_MEMBERS_MAX = 64;

export class Session {
  readonly me: string;
  readonly status = signal<Status>({ name: "connecting" });
  readonly summaries = signal<ReadonlyMap<string, ConversationSummary>>(new Map());
  readonly pending = signal<readonly EntryFrame[]>([]);
  readonly failed = signal<readonly Failed[]>([]);
  readonly current = signal<string | undefined>(undefined);
  readonly presence = signal<ReadonlyMap<string, Schemas["UserId"]>>(new Map());
  readonly typing = signal<ReadonlyMap<string, string>>(new Map());
  readonly isListed = signal(false);
  readonly notice = signal<string | undefined>(undefined);
  readonly rows = computed(() => this.makeRows());
  private readonly logs = new Map<string, Map<number, LogEntry>>();
  private readonly timelines = new Map<string, Signal<readonly Message[]>>();
  private readonly marks = signal<ReadonlyMap<string, ReadonlyMap<string, { delivered: number; read: number }>>>(new Map());
  private readonly ends = new Set<string>();
  private readonly addresses = new Map<string, Promise<string>>();
  private readonly revision = signal(0);
  private isRegistered = false;

  private constructor(readonly client: Client, readonly identity: Identity, readonly deviceId: string) {
    this.me = identity.user;
    client.on((event) => this.heard(event));
  }

  static async open(config: Config, identity: Identity): Promise<Session> {
    const name = `tidings-device-${identity.user}`;
    const deviceId = localStorage.getItem(name) ?? `web:${crypto.randomUUID().slice(0, 13)}`;
    localStorage.setItem(name, deviceId);
    const store = await IndexedDbStore.open(`tidings-${identity.user}`);
    const client = new Client({ url: config.httpUrl, socketUrl: config.socketUrl, deviceId, token: identity.token, store });
    const session = new Session(client, identity, deviceId);
    await session.begin();
    return session;
  }

  private async begin(): Promise<void> {
    const [kept, places] = await Promise.all([this.client.store.summaries(), this.client.store.places()]);
    for (const { conversationId, held } of places) {
      const last = await this.client.store.entries(conversationId, held + 1, 30);
      this.add(conversationId, last);
    }
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
  }

  /** The messages of a conversation that are here. */
  timeline(id: string): Signal<readonly Message[]> {
    let timeline = this.timelines.get(id);
    if (!timeline) {
      timeline = signal<readonly Message[]>(fold([...(this.logs.get(id)?.values() ?? [])]));
      this.timelines.set(id, timeline);
    }
    return timeline;
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

  async open(id: string | undefined): Promise<void> {
    this.current.value = id;
    if (id === undefined) return;
    const peer = peerOf(id, this.me);
    if (peer !== undefined) this.client.watch([peer]);
    this.readCurrent();
    await Promise.all([this.older(id), this.loadReceipts(id)]);
    this.readCurrent();
  }

  /** Loads what is before the messages that are here; false where nothing is. */
  async older(id: string): Promise<boolean> {
    if (this.ends.has(id)) return false;
    const log = this.logs.get(id);
    const before = log && log.size > 0 ? Math.min(...log.keys()) : (this.summaries.value.get(id)?.lastSequence ?? 0) + 1;
    if (before <= 1) return false;
    try {
      const entries = await this.client.history(id, before);
      if (entries.length === 0) this.ends.add(id);
      this.add(id, entries);
      return entries.length > 0;
    } catch {
      return false;
    }
  }

  /** Sends, or says why not. */
  async send(outgoing: Parameters<Client["send"]>[0]): Promise<void> {
    await this.client.send(outgoing);
    this.pending.value = await this.client.pending();
  }

  async sendText(id: string, text: string, more: { inReplyTo?: string; threadRoot?: string } = {}): Promise<void> {
    const mentions = [...new Set([...text.matchAll(/(?:^|\s)@([A-Za-z0-9._-]{1,64})/g)].map(([, user = ""]) => user))].slice(0, 64)
      .map((user) => (user === "all" ? "@all" : user));
    const isGroup = id.startsWith("g:");
    await this.send({ type: "message.send", conversationId: id, payload: text, ...more, ...(isGroup && mentions.length > 0 ? { mentions } : {}) });
  }

  async sendFile(id: string, file: File, progress: (part: number) => void): Promise<void> {
    const mediaHandle = await upload(this.client.http, id, file, progress);
    const kind = ["image", "audio", "video"].find((one) => file.type.startsWith(`${one}/`)) ?? "doc";
    await this.send({
      type: "message.send", conversationId: id, kind, mediaHandle,
      payload: { media: { v: 1, name: file.name, mime: file.type || "application/octet-stream", size: file.size } },
    });
  }

  /** Where content can be read; the same address for a quarter of an hour at most. */
  address(handle: string): Promise<string> {
    const known = this.addresses.get(handle);
    if (known) return known;
    const address = addressOf(this.client.http, handle);
    this.addresses.set(handle, address);
    setTimeout(() => this.addresses.delete(handle), 10 * 60_000);
    address.catch(() => this.addresses.delete(handle));
    return address;
  }

  async retry(failed: Failed): Promise<void> {
    this.dismiss(failed);
    const { attempt: _, baseSequence: __, ...frame } = failed.frame;
    await this.send({ ...frame, clientMsgId: crypto.randomUUID() } as Parameters<Client["send"]>[0]);
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

  async members(id: string): Promise<Member[]> {
    return (await this.call<{ members: Member[] }>("GET", path`/groups/${id}/members`)).members;
  }

  async settings(id: string, change: object): Promise<void> {
    const settings = await this.call<Partial<ConversationSummary>>("PUT", path`/conversations/${id}/settings`, change);
    this.change(id, { ...settings, muted: (settings.mutedUntil ?? 0) > Date.now() });
  }

  async devices(): Promise<Schemas["DeviceList"]> {
    return this.call("GET", "/devices");
  }

  call<Answer>(method: string, target: string, body?: unknown): Promise<Answer> {
    return this.client.http.call<Answer>(method, target, body === undefined ? {} : { body });
  }

  /** Asks to be shown what comes while the page is closed. */
  async enablePush(): Promise<void> {
    if ((await Notification.requestPermission()) !== "granted") throw new Error("Notifications are blocked in this browser.");
    const { webPushKey } = await this.devices();
    if (!webPushKey) throw new Error("This service has no web push.");
    const registration = await navigator.serviceWorker.ready;
    await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: webPushKey });
    this.isRegistered = false;
    await this.register();
  }

  /** Says once at every start what this device is called, and where pushes go if they are wanted. */
  private async register(): Promise<void> {
    if (this.isRegistered) return;
    const registration = await navigator.serviceWorker?.getRegistration();
    const subscription = (await registration?.pushManager.getSubscription())?.toJSON();
    const push = subscription && {
      service: "webpush", subscription: { endpoint: subscription.endpoint, keys: subscription.keys },
    };
    await this.call("PUT", path`/devices/${this.deviceId}`, { name: browserName(), platform: "web", ...(push ? { push } : {}) });
    this.isRegistered = true;
  }

  /** Messages that are here and have the text, the latest first. */
  search(text: string): Message[] {
    const wanted = text.toLocaleLowerCase();
    return [...this.logs.keys()].flatMap((id) => this.timeline(id).value)
      .filter((one) => one.event === "message" && !one.isEncrypted && textOf(one.payload).toLocaleLowerCase().includes(wanted))
      .sort((one, other) => other.ts - one.ts).slice(0, 50);
  }

  async end(): Promise<void> {
    await this.client.stop();
    await this.client.store.clear();
    this.client.store.close();
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
      if (!before || before.lastSequence <= one.lastSequence) return one;
      const { lastSequence, lastTs, unread, mentions } = before;
      return { ...one, lastSequence, lastTs, unread, mentions };
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
        this.presence.value = new Map([...this.presence.value, ...frame.users.map((one) => [one.userId, one.state] as const)]);
        return;
      case "conversation.settings": {
        const { type: _, ...settings } = frame;
        return this.change(frame.conversationId, { ...settings, muted: (frame.mutedUntil ?? 0) > Date.now() });
      }
      case "message.hidden": {
        const log = this.logs.get(frame.conversationId);
        for (const [sequence, entry] of log ?? []) if (entry.messageId === frame.messageId) log?.delete(sequence);
        this.show(frame.conversationId);
        return;
      }
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
    if (id === this.current.value) this.readCurrent();
  }

  private readCurrent(): void {
    const id = this.current.value;
    const last = id === undefined ? undefined : this.timeline(id).value.at(-1);
    if (id === undefined || !last || document.visibilityState !== "visible") return;
    const top = Math.max(...(this.logs.get(id)?.keys() ?? [0]));
    this.client.read(id, top);
    this.change(id, { unread: 0, mentions: 0 });
  }

  private add(id: string, entries: LogEntry[]): void {
    let log = this.logs.get(id);
    if (!log) {
      log = new Map();
      this.logs.set(id, log);
    }
    for (const entry of entries) log.set(entry.sequence, entry);
    this.show(id);
  }

  private show(id: string): void {
    this.timeline(id).value = fold([...(this.logs.get(id)?.values() ?? [])]);
    this.revision.value += 1;
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
      const bare = list.filter((one) => !this.logs.get(one.conversationId)?.size && one.lastSequence > 0).slice(0, PREVIEWS_MAX);
      for (const { conversationId } of bare) await this.older(conversationId);
      if (this.current.value !== undefined) await this.loadReceipts(this.current.value);
    } catch (error) {
      if (!(error instanceof CallError || error instanceof TypeError || error instanceof DOMException)) throw error;
    }
  }

  private async loadReceipts(id: string): Promise<void> {
    const receipts = await this.client.http.call<Schemas["Receipts"]>(
      "GET", path`/conversations/${id}/receipts`, { query: { limit: RECEIPT_MEMBERS_MAX } }).catch(() => undefined);
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
      encrypted: one.encrypted ?? false,
    }));
    const fresh = begun.map((id): Row => ({
      id, title: this.title(id), preview: "Waiting to be sent", ts: Date.now(), unread: 0, mentions: 0, pinned: false, archived: false,
      muted: false, encrypted: false,
    }));
    return [...rows, ...fresh].sort((one, other) => Number(other.pinned) - Number(one.pinned) || other.ts - one.ts);
  }

  private preview(id: string): string {
    const last = this.timeline(id).value.findLast((one) => one.event !== "commit");
    if (!last) return "";
    const who = last.event === "membership" ? "" : last.senderUserId === this.me ? "You: " : id.startsWith("g:") ? `${last.senderUserId}: ` : "";
    return who + describe(last);
  }
}

/** A message in a line. */
export function describe(message: Message): string {
  if (message.gone === "deleted") return "This message was deleted";
  if (message.gone) return "This message is gone";
  if (message.isEncrypted) return "Encrypted message";
  if (message.event === "membership") return describeMembership(message.payload);
  if (message.viewOnce) return "A message to open once";
  const text = textOf(message.payload);
  if (text) return text;
  return ({ image: "Photo", video: "Video", audio: "Audio", doc: "File", poll: "Poll" })[message.kind] ?? "Message";
}

/** A change of a group's members or settings, as a sentence. */
export function describeMembership(payload: unknown): string {
  const change = (payload ?? {}) as { change?: string; userId?: string; userIds?: string[]; actorUserId?: string; title?: string };
  const actor = change.actorUserId ?? "Somebody";
  const users = (change.userIds ?? [change.userId ?? "somebody"]).join(", ");
  switch (change.change) {
    case "created": return `${actor} made the group`;
    case "added": return `${actor} added ${users}`;
    case "joined": return `${users} joined`;
    case "removed": return `${actor} removed ${users}`;
    case "left": return `${users} left`;
    case "promoted": return `${actor} made ${users} an admin`;
    case "demoted": return `${actor} took ${users}'s admin role away`;
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
