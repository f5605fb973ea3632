/** A device's connection: owns the socket and moves bytes, time and chance between it, the store and the engine. */
import { Engine, type EngineEvent, FRAME_BYTES_MAX, RequestError } from "./engine.ts";
import type {
  ClientFrame, ConversationSummary, EntryFrame, ErrorFrame, LogEntry, MessageSent, ServerFrame, SessionReady,
} from "./frames.ts";
import { CallError, Http, path, type HttpConfig } from "./http.ts";
import { Backoff } from "./machine/backoff.ts";
import { packedOf, unpack } from "./packed.ts";
import { report } from "./report.ts";
import type { SecureEvent } from "./secure/events.ts";
import { MemoryStore, type Place, type Store } from "./store.ts";
import { CallTransport, type SocketLike } from "./transport.ts";

/** What a client is made of. */
export interface ClientConfig extends HttpConfig {
  /** With the stage: `wss://HOST/v1`. */
  socketUrl: string;
  /** Where entries, places and the queue are kept; in memory where left out. */
  store?: Store;
  /** What makes sockets; the platform's `WebSocket` where left out. Node has one from version 22 on. */
  connect?: (url: string) => SocketLike;
  /** Sockets that fail in a row before calls take their place; 3 where left out. */
  fallbackAfter?: number;
  /** How long a call waits for events, in seconds (25), and how often sockets are tried beside it (30 s). */
  waitS?: number;
  probeMs?: number;
  /** A number between 0 and 1. */
  chance?: () => number;
}

/** How far the connection is. */
export type Status =
  | { name: "stopped" }
  | { name: "connecting" }
  /** By a socket, or by calls where sockets do not come through. */
  | { name: "online"; by: "socket" | "calls" }
  | { name: "offline"; retryAt: number }
  /** It will not come back by itself: the device is revoked or the user has to sign in again. */
  | { name: "refused"; reason: "unauthorized" | "forbidden" };

/** What a client tells. */
export type ClientEvent =
  | { type: "status"; status: Status }
  /** Stored, in order, without a gap. */
  | { type: "entries"; conversationId: string; entries: LogEntry[] }
  | { type: "sent"; sent: MessageSent }
  | { type: "failed"; frame: EntryFrame; error: ErrorFrame }
  /** All that was missed is here. */
  | { type: "synced" }
  | { type: "conversations"; conversations: ConversationSummary[] }
  /** Everything else that the service says. */
  | { type: "notice"; frame: ServerFrame }
  /** What encryption has to tell, where the client has it. */
  | { type: "secure"; event: SecureEvent };

const ACK_DELAY_MS = 300;
const ANSWER_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 15_000;
const OPEN_TIMEOUT_MS = 10_000;
const QUEUE_MAX = 1_000;
const TICK_MS_MAX = 30_000;
const FALLBACK_AFTER = 3;
const PROBE_MS = 30_000;
const PAGES_MAX = 50;
const HISTORY_PAGE = 50;
const STORE_PAGE = 500;

/** What is sent: a frame without what the client adds. */
type Unnamed<Frame> = Frame extends EntryFrame
  ? Omit<Frame, "clientMsgId" | "attempt" | "baseSequence" | "id" | "ts"> & { clientMsgId?: string; ts?: number }
  : never;
/** An entry to be sent. */
export type Outgoing = Unnamed<EntryFrame>;

/** One user's device. */
export class Client {
  readonly http: Http;
  readonly store: Store;
  private readonly listeners = new Set<(event: ClientEvent) => void>();
  private readonly places = new Map<string, Place>();
  private readonly backoff = new Backoff();
  private readonly chance: () => number;
  private engine: Engine | undefined;
  private socket: SocketLike | undefined;
  private now: Status = { name: "stopped" };
  private timer: ReturnType<typeof setTimeout> | undefined;
  private probe: ReturnType<typeof setInterval> | undefined;
  private renewAt: number | undefined;
  private failures = 0;
  private attempt = 0;
  /** The service has answered the hello of this connection. */
  private isGreeted = false;
  /** The store did not take what the engine has handed over. */
  private isSpoilt = false;
  private watched: string[] = [];
  private isActive = true;
  private me: string | undefined;
  /** Stores and tells one thing after the other. */
  private work: Promise<void> = Promise.resolve();

  constructor(private readonly config: ClientConfig) {
    this.http = new Http(config);
    this.store = config.store ?? new MemoryStore();
    this.chance = config.chance ?? Math.random;
  }

  get status(): Status {
    return this.now;
  }

  /** Tells events until the answer is called. */
  on(listener: (event: ClientEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Takes up what the store has, and connects. */
  async start(): Promise<void> {
    if (this.engine) return;
    await this.build();
    void this.open();
  }

  /** An engine with what the store has. */
  private async build(): Promise<void> {
    const [places, resumeToken] = await Promise.all([this.store.places(), this.store.get("resumeToken")]);
    const pending = await this.store.pending();
    this.places.clear();
    for (const place of places) this.places.set(place.conversationId, place);
    const engine = new Engine({
      deviceId: this.config.deviceId,
      outbox: { capacity: QUEUE_MAX, answerTimeoutMs: ANSWER_TIMEOUT_MS },
      ackDelayMs: ACK_DELAY_MS,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
      cursors: places.map(({ conversationId, held }) => [conversationId, held]),
      resumeToken: typeof resumeToken === "string" ? resumeToken : undefined,
      chance: this.chance,
    });
    for (const frame of pending) engine.send(frame);
    engine.watch(this.watched);
    engine.setActive(this.isActive, this.clock());
    this.engine = engine;
    this.isSpoilt = false;
  }

  /** Closes the connection. What is queued stays in the store. */
  async stop(): Promise<void> {
    this.attempt += 1;
    this.tick();
    this.drop();
    this.engine = undefined;
    clearTimeout(this.timer);
    this.setStatus({ name: "stopped" });
    await this.work;
  }

  /** Connects now, such as when the network is back; a connection that there is stays. */
  reconnect(): void {
    if (this.now.name !== "offline") return;
    this.backoff.forget();
    void this.open();
  }

  /** Connects anew, though there is a connection: it seems not to tell everything. */
  renew(): void {
    if (this.now.name === "online") void this.open();
  }

  /** Queues an entry, and stores it first: it is sent even if the page is closed before. Answers its `clientMsgId`. */
  async send(outgoing: Outgoing): Promise<string> {
    const frame = { clientMsgId: crypto.randomUUID(), ts: Date.now(), ...outgoing } as EntryFrame;
    const { engine } = this;
    if (!engine) throw new RequestError("the client is stopped");
    if (engine.queued >= QUEUE_MAX) throw new RequestError("the queue is full");
    if (engine.holds(frame.clientMsgId)) throw new RequestError("an entry of this clientMsgId is queued already");
    // It would cost the connection, and every one after it. Measured with the widest numbers.
    const widest = { ...frame, id: frame.clientMsgId, attempt: 2 ** 32 - 1, baseSequence: 2 ** 40 };
    const bytes = new TextEncoder().encode(JSON.stringify(widest)).length;
    if (bytes > FRAME_BYTES_MAX) throw new RequestError(`the entry has ${bytes} bytes, of ${FRAME_BYTES_MAX} that fit a frame`);
    await this.store.putPending(frame);
    // Another by now where the store had failed; it may have found the entry there.
    this.engine?.send(frame);
    this.tick();
    return frame.clientMsgId;
  }

  /** What waits to be sent or answered. */
  pending(): Promise<EntryFrame[]> {
    return this.store.pending();
  }

  /** The user has read everything up to here. */
  read(conversationId: string, upTo: number): void {
    this.engine?.read(conversationId, upTo, this.clock());
    this.tick();
  }

  /** Whether the user is there. */
  setActive(active: boolean): void {
    this.isActive = active;
    this.engine?.setActive(active, this.clock());
    this.tick();
  }

  /** The user is typing, or has stopped. */
  typing(conversationId: string, active: boolean): void {
    this.engine?.typing(conversationId, active, this.clock());
    this.tick();
  }

  /** Whose presence is told. */
  watch(users: Iterable<string>): void {
    this.watched = [...users];
    this.engine?.watch(this.watched);
    this.tick();
  }

  /** Says a frame that is answered. */
  request(frame: ClientFrame): Promise<ServerFrame> {
    if (!this.engine) return Promise.reject(new RequestError("the client is stopped"));
    const answer = this.engine.request(frame, this.clock());
    this.tick();
    return answer;
  }

  /** The list of conversations from the service, stored; the latest first. */
  async list(): Promise<ConversationSummary[]> {
    const found = new Map<string, ConversationSummary>();
    let since: string | undefined;
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const answer = await this.http.call<{ conversations: ConversationSummary[]; next: string; hasMore: boolean }>(
        "GET", "/sync", { query: { since, limit: 100 } });
      for (const one of answer.conversations) found.set(one.conversationId, one);
      since = answer.next;
      if (!answer.hasMore) break;
    }
    const conversations = [...found.values()];
    await this.store.putSummaries(conversations);
    for (const one of conversations) this.engine?.known(one.conversationId, one.deliveredUpTo, one.readUpTo);
    this.tell({ type: "conversations", conversations });
    return conversations;
  }

  /**
   * Up to `limit` entries before `before`, in order: of the store, and of the service where the store ends. What comes from the
   * service is stored where it adjoins.
   */
  async history(conversationId: string, before: number, limit = HISTORY_PAGE): Promise<LogEntry[]> {
    const place = this.places.get(conversationId);
    const kept = await this.store.entries(conversationId, before, limit);
    const isWhole = kept.length >= limit || (place !== undefined && place.floor <= 1);
    if (isWhole && place && place.held >= before - 1) return kept;
    const from = Math.min(before, place && place.held >= before - 1 ? place.floor : before);
    if (from <= 1) return kept;
    const page = await this.before(conversationId, from, limit);
    const shown = await this.later(async () => {
      const now = this.places.get(conversationId);
      if (now?.floor === from) return this.keep(page.entries, { ...now, floor: page.floor });
      return this.store.readable?.(page.entries) ?? page.entries;
    });
    const known = new Set(kept.map((entry) => entry.sequence));
    return [...shown.filter((entry) => !known.has(entry.sequence)), ...kept];
  }

  /** Entries of the service before `before`, and from where on they are whole. A page may be empty: what the user hid is in none. */
  private async before(
    conversationId: string, before: number, limit: number,
  ): Promise<{ entries: LogEntry[]; floor: number }> {
    let floor = before;
    for (let page = 0; page < PAGES_MAX && floor > 1; page += 1) {
      const answer = await this.http.call<{ messages: LogEntry[]; next: number; hasMore: boolean }>(
        "GET", path`/conversations/${conversationId}/messages`, { query: { before: floor, limit } });
      floor = answer.hasMore ? Math.min(answer.next, floor) : 1;
      if (answer.messages.length > 0) return { entries: answer.messages, floor };
    }
    return { entries: [], floor };
  }

  private clock(): number {
    return performance.now();
  }

  private setStatus(status: Status): void {
    this.now = status;
    this.tell({ type: "status", status });
  }

  private tell(event: ClientEvent): void {
    for (const listener of this.listeners) {
      try {
        listener(event);
      } catch (error) {
        // The application's own: it stops neither the connection nor the other listeners.
        report(error);
      }
    }
  }

  /** After all that is under way. A failure is the caller's and stops nothing. */
  private later<Result>(task: () => Promise<Result>): Promise<Result> {
    const result = this.work.then(task);
    this.work = result.then(() => undefined, () => undefined);
    return result;
  }

  private async keep(entries: LogEntry[], place: Place): Promise<LogEntry[]> {
    const shown = await this.store.putEntries(entries, place);
    this.places.set(place.conversationId, place);
    return shown ?? entries;
  }

  private async open(): Promise<void> {
    this.attempt += 1;
    const { attempt } = this;
    this.drop();
    clearTimeout(this.timer);
    this.setStatus({ name: "connecting" });
    try {
      if (this.isSpoilt) await this.later(() => this.build());
      if (attempt !== this.attempt) return;
      // A new device begins each conversation where its user's others are.
      if (this.places.size === 0) await this.placeAll(await this.list());
      if (attempt !== this.attempt) return;
      if (this.failures >= (this.config.fallbackAfter ?? FALLBACK_AFTER)) {
        return this.useCalls();
      }
      const socket = await this.dial();
      if (attempt !== this.attempt) return socket.close();
      this.use(socket, "socket");
    } catch (error) {
      if (attempt !== this.attempt) return;
      if (error instanceof CallError && (error.status === 401 || error.status === 403)) {
        return this.setStatus({ name: "refused", reason: error.status === 401 ? "unauthorized" : "forbidden" });
      }
      // The calls came through and the socket did not.
      if (error instanceof RequestError) this.failures += 1;
      this.wait();
    }
  }

  /** A socket that is open. */
  private async dial(): Promise<SocketLike> {
    const { ticket } = await this.http.call<{ ticket: string }>(
      "POST", "/tickets", { body: { deviceId: this.config.deviceId } });
    const url = `${this.config.socketUrl}?ticket=${encodeURIComponent(ticket)}`;
    const socket = this.config.connect?.(url) ?? (new WebSocket(url) as unknown as SocketLike);
    await new Promise<void>((resolve, reject) => {
      const timeout = setTimeout(() => {
        socket.close();
        reject(new RequestError("the socket did not open in time"));
      }, OPEN_TIMEOUT_MS);
      socket.onopen = () => {
        clearTimeout(timeout);
        resolve();
      };
      socket.onclose = socket.onerror = () => {
        clearTimeout(timeout);
        reject(new RequestError("the socket did not open"));
      };
    });
    return socket;
  }

  private useCalls(): void {
    const transport = new CallTransport(this.http, this.config.waitS);
    transport.onopen = () => this.use(transport, "calls");
    this.probe = setInterval(() => void this.probeSocket(), this.config.probeMs ?? PROBE_MS);
  }

  /** Whether sockets come through again; if so, takes one. */
  private async probeSocket(): Promise<void> {
    const { attempt } = this;
    const socket = await this.dial().catch(() => undefined);
    if (!socket) return;
    if (attempt !== this.attempt) return socket.close();
    this.attempt += 1;
    this.drop();
    this.use(socket, "socket");
  }

  private use(socket: SocketLike, by: "socket" | "calls"): void {
    const { engine } = this;
    if (!engine) return socket.close();
    this.socket = socket;
    socket.onmessage = ({ data }) => {
      if (this.socket !== socket || typeof data !== "string") return;
      const take = (text: string) => {
        engine.frame(text, this.clock());
        this.tick(by);
      };
      const packed = packedOf(data);
      if (!packed) return take(data);
      // It answers a pull, which waits: what comes meanwhile may pass it.
      void unpack(packed).then((text) => {
        if (text !== undefined && this.socket === socket) take(text);
      });
    };
    socket.onclose = socket.onerror = () => {
      if (this.socket !== socket) return;
      this.ended(by);
    };
    engine.opened(this.clock());
    this.tick(by);
  }

  /** The connection is gone. One that opened and was never greeted is as good as one that did not open: some proxies do that. */
  private ended(by?: "socket" | "calls"): void {
    if (!this.isGreeted && by !== "calls") this.failures += 1;
    this.drop();
    this.wait();
  }

  /**
   * The store did not take something. The engine holds it for kept, so another takes its place, with what the store has: nothing is
   * acknowledged or passed over that is not stored.
   */
  private spoil(engine: Engine): void {
    if (this.engine !== engine || this.isSpoilt) return;
    this.isSpoilt = true;
    this.drop();
    this.wait();
  }

  /** Leaves the connection. */
  private drop(): void {
    const { socket } = this;
    clearInterval(this.probe);
    this.renewAt = undefined;
    this.socket = undefined;
    this.isGreeted = false;
    if (!socket) return;
    socket.onclose = socket.onerror = socket.onmessage = null;
    socket.close();
    this.engine?.lost(this.clock());
  }

  private wait(): void {
    this.attempt += 1;
    const delay = this.backoff.down(this.clock(), this.chance());
    this.setStatus({ name: "offline", retryAt: Date.now() + delay });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.open(), delay);
  }

  /** Does what is due: frames out, events in, and the next time to look. */
  private tick(by?: "socket" | "calls"): void {
    const { engine, socket } = this;
    if (!engine) return;
    const now = this.clock();
    const isAlive = engine.tick(now);
    for (const event of engine.takeEvents()) this.act(event, engine, by);
    if (!socket) return;
    if (!isAlive) return this.ended(by);
    if (this.renewAt !== undefined && Date.now() >= this.renewAt && engine.isIdle) {
      this.renewAt = undefined;
      return void this.open();
    }
    for (const frame of engine.takeFrames()) void this.write(socket, frame).catch(() => this.spoil(engine));
    clearTimeout(this.timer);
    const wait = Math.min(Math.max((engine.wake() ?? Infinity) - now, 0), TICK_MS_MAX);
    this.timer = setTimeout(() => this.tick(by), wait);
  }

  private async write(socket: SocketLike, frame: ClientFrame): Promise<void> {
    // Whoever resends it after a crash must say that it is a resend.
    if ("attempt" in frame && "clientMsgId" in frame) {
      const { id: _, ...entry } = frame;
      await this.store.putPending(entry as EntryFrame);
    }
    if (this.socket === socket) socket.send(JSON.stringify(frame));
  }

  private act(event: EngineEvent, engine: Engine, by: "socket" | "calls" = "socket"): void {
    switch (event.type) {
      case "ready":
        this.me = event.session.userId;
        this.backoff.up(this.clock());
        this.isGreeted = true;
        if (by === "socket") {
          this.failures = 0;
          this.renewAt = renewal(event.session, this.chance());
        }
        this.setStatus({ name: "online", by });
        return this.keepToken(event.session.resumeToken);
      case "entries":
        void this.later(() => this.storeEntries(event, engine)).catch(() => this.spoil(engine));
        return;
      case "sent":
      case "failed":
        void this.later(async () => {
          const { clientMsgId } = event.type === "sent" ? event.sent : event.frame;
          // What stays is sent again after a restart, under its name: the service has it once.
          await this.store.deletePending(clientMsgId).catch(() => {});
          this.tell(event);
        });
        return;
      case "synced":
        void this.later(async () => {
          if (!this.isSpoilt) this.keepToken(engine.resumeToken);
          this.tell(event);
        });
        return;
      case "unplaced":
        void this.placeFrom(event.conversations);
        return;
      case "notice":
        void this.later(async () => this.tell(event));
        return;
    }
  }

  private keepToken(token: string | undefined): void {
    // Without it the service looks at more.
    void this.store.set("resumeToken", token).catch(() => {});
  }

  private async storeEntries(event: Extract<EngineEvent, { type: "entries" }>, engine: Engine): Promise<void> {
    // What this one has handed over before was not stored: there would be a hole.
    if (this.isSpoilt || (this.engine && this.engine !== engine)) return;
    const { conversationId, entries, held } = event;
    const before = this.places.get(conversationId);
    if (before && before.held >= held && entries.length === 0) return;
    const first = entries[0]?.sequence ?? held + 1;
    const place = { conversationId, floor: before?.floor ?? first, held: Math.max(before?.held ?? 0, held) };
    const shown = await this.keep(await this.erased(conversationId, entries), place);
    const foreign = entries.filter((entry) => entry.senderUserId !== this.me).at(-1)?.sequence;
    engine.stored(conversationId, held, foreign, this.clock());
    // What a deletion took the content of was told before.
    const told = new Set(entries.map((entry) => entry.sequence));
    const fresh = shown.filter((entry) => told.has(entry.sequence));
    if (fresh.length > 0) this.tell({ type: "entries", conversationId, entries: fresh });
    this.tick();
  }

  /** These entries and, without their content, those that they delete, with their edits: it does not stay on the device. */
  private async erased(conversationId: string, entries: LogEntry[]): Promise<LogEntry[]> {
    const deletes = entries.filter((entry) => entry.event === "delete");
    const [first] = entries;
    if (deletes.length === 0 || !first) return entries;
    const targets = new Set(deletes.map((entry) => entry.targetMessageId));
    const isGone = (entry: LogEntry) => targets.has(entry.event === "edit" ? entry.targetMessageId : entry.messageId);
    const earliest = Math.min(...deletes.map((entry) => entry.targetSequence ?? 1));
    const kept: LogEntry[] = [];
    for (let before = first.sequence; before > earliest;) {
      const page = await this.store.entries(conversationId, before, STORE_PAGE);
      kept.push(...page.filter((entry) => isGone(entry) && !entry.deleted));
      before = page[0]?.sequence ?? 0;
    }
    const without = ({ envelope: _, ...entry }: LogEntry): LogEntry => ({ ...entry, payload: null, deleted: true });
    return [...kept.map(without), ...entries.map((entry) => (isGone(entry) ? without(entry) : entry))];
  }

  private async placeAll(conversations: ConversationSummary[]): Promise<void> {
    for (const { conversationId, deliveredUpTo } of conversations) {
      const place = { conversationId, floor: deliveredUpTo + 1, held: deliveredUpTo };
      await this.keep([], place);
      this.engine?.place(conversationId, deliveredUpTo, this.clock());
    }
  }

  private async placeFrom(unplaced: { conversation: string; first: number }[]): Promise<void> {
    const listed = new Map((await this.list().catch(() => [])).map((one) => [one.conversationId, one]));
    for (const { conversation, first } of unplaced) {
      const start = Math.min(listed.get(conversation)?.deliveredUpTo ?? first - 1, first - 1);
      this.engine?.place(conversation, Math.max(start, 0), this.clock());
    }
    this.tick();
  }
}

/** When to come back: late in the connection's life, at a random moment, so that those that began together do not end together. */
function renewal(session: SessionReady, chance: number): number {
  const life = session.reconnectBefore - session.serverTs;
  return Date.now() + life * (0.8 + 0.15 * chance);
}
