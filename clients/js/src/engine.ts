/**
 * The state machines put together: frames, commands and time in; frames and events out.
 *
 * Like its parts it has no input or output of its own, and no clock. The client moves bytes.
 */
import type { ClientFrame, EntryFrame, ErrorFrame, LogEntry, MessageSent, ServerFrame, SessionReady } from "./frames.ts";
import { Inbox, type Delivery } from "./machine/inbox.ts";
import { Outbox, type OutboxConfig } from "./machine/outbox.ts";
import { Receipts, type Mark } from "./machine/receipts.ts";
import { earliest, type Moment } from "./machine/time.ts";
import { readable } from "./packed.ts";

/** The service has this long to answer the hello. */
const GREETING_MAX_MS = 15_000;
/** `sync.complete` may be lost: so long after the last drained entry, the drain is over. */
const DRAIN_SILENCE_MAX_MS = 15_000;
/** Marks whose refusal can still be told apart. */
const MARKS_REMEMBERED = 64;
/** A larger frame makes the gateway close the socket. */
export const FRAME_BYTES_MAX = 32 * 1024;
/** Room in a hello for all but the cursors. */
const HELLO_RESERVE_BYTES = 4 * 1024;
const SEQUENCE_MAX = 2 ** 40;
const DEFAULT_RETRY_MS = 1_000;

/** How an engine behaves. */
export interface EngineConfig {
  deviceId: string;
  outbox: OutboxConfig;
  ackDelayMs: number;
  requestTimeoutMs: number;
  cursors: Iterable<[string, number]>;
  resumeToken?: string | undefined;
  /** A number between 0 and 1. */
  chance: () => number;
}

/** What the engine has to say to whoever drives it. */
export type EngineEvent =
  | { type: "ready"; session: SessionReady }
  /** The entries are in order and without a gap; they are to be stored, and `stored` called. */
  | { type: "entries"; conversationId: string; entries: LogEntry[]; held: number }
  | { type: "sent"; sent: MessageSent; frame: EntryFrame | undefined }
  | { type: "failed"; frame: EntryFrame; error: ErrorFrame }
  | { type: "synced" }
  /** Something arrived for conversations without a place. */
  | { type: "unplaced"; conversations: { conversation: string; first: number }[] }
  | { type: "notice"; frame: ServerFrame };

type Phase = { name: "offline" } | { name: "greeting" | "draining"; by: Moment } | { name: "live" };

interface Waiting {
  by: Moment;
  answered: (frame: ServerFrame | undefined, error: ErrorFrame | undefined) => void;
}

/** A request to the service was not answered as wished. */
export class RequestError extends Error {
  /** The service's word, where it had one. */
  readonly frame: ErrorFrame | undefined;

  constructor(message: string, frame?: ErrorFrame) {
    super(message);
    this.name = "RequestError";
    this.frame = frame;
  }
}

/** Whether an error passes, and when to come back then. */
export function retryAfterMs(error: ErrorFrame): number | undefined {
  const passes = error.code === "unavailable" || error.code === "rate_limited" || error.code === "internal";
  return passes ? (error.retryAfterMs ?? DEFAULT_RETRY_MS) : undefined;
}

/** How long a word of typing counts, and when it is said again. */
export const TYPING_LASTS_MS = 6_000;
const TYPING_AGAIN_MS = 4_000;

/** One device's conversation with the service. */
export class Engine {
  private phase: Phase = { name: "offline" };
  private readonly inbox: Inbox;
  private readonly outbox: Outbox;
  private readonly receipts: Receipts;
  private readonly waiting = new Map<string, Waiting>();
  private readonly inFlight = new Map<string, EntryFrame>();
  private marksSent: [string, Mark][] = [];
  private watched = new Set<string>();
  private readonly typingSaid = new Map<string, Moment>();
  private ids = 0;
  private heartbeatDue: Moment | undefined;
  private isDead = false;
  private active = true;
  private unplacedTold = false;
  private frames: ClientFrame[] = [];
  private events: EngineEvent[] = [];
  private current: SessionReady | undefined;
  private token: string | undefined;

  constructor(private readonly config: EngineConfig) {
    this.inbox = new Inbox(config.cursors);
    this.outbox = new Outbox(config.outbox);
    this.receipts = new Receipts(config.ackDelayMs);
    this.token = config.resumeToken;
  }

  /** The session, once the service has answered the hello of this connection. */
  get session(): SessionReady | undefined {
    return this.phase.name === "draining" || this.phase.name === "live" ? this.current : undefined;
  }

  /** For the next hello, also after a restart. */
  get resumeToken(): string | undefined {
    return this.token;
  }

  /** Whether the connection can be renewed without making an answer uncertain. */
  get isIdle(): boolean {
    return this.phase.name === "live" && !this.outbox.isInFlight && this.waiting.size === 0;
  }

  /** How many entries wait to be sent or answered. */
  get queued(): number {
    return this.outbox.size;
  }

  held(conversation: string): number | undefined {
    return this.inbox.held(conversation);
  }

  /** The frames to write. */
  takeFrames(): ClientFrame[] {
    return this.frames.splice(0);
  }

  /** The events to act on, in order. */
  takeEvents(): EngineEvent[] {
    return this.events.splice(0);
  }

  /** The socket is open: says hello. */
  opened(now: Moment): void {
    this.phase = { name: "greeting", by: now + GREETING_MAX_MS };
    this.isDead = false;
    const cursors = this.inbox.cursors(FRAME_BYTES_MAX - HELLO_RESERVE_BYTES);
    this.frames.push({
      type: "session.hello", id: "hello", cursors, ...(this.token === undefined ? {} : { resumeToken: this.token }),
    });
  }

  /** The connection is gone. */
  lost(now: Moment): void {
    this.phase = { name: "offline" };
    this.frames = [];
    this.heartbeatDue = undefined;
    this.outbox.disconnected();
    this.inbox.disconnected(now);
    this.receipts.disconnected(now);
    this.marksSent = [];
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    for (const { answered } of waiting) answered(undefined, undefined);
  }

  /** Does what is due. False where the connection is dead. */
  tick(now: Moment): boolean {
    for (const [id, waiting] of this.waiting) {
      if (waiting.by > now) continue;
      this.waiting.delete(id);
      waiting.answered(undefined, undefined);
    }
    if (this.phase.name === "offline") return true;
    if (this.phase.name === "greeting") return this.phase.by > now && !this.isDead;
    if (this.phase.name === "draining" && this.phase.by <= now) this.drained(now);
    if (this.heartbeatDue !== undefined && this.heartbeatDue <= now) this.heartbeat(now);
    if (this.phase.name === "live") this.tellUnplaced();
    for (const { conversation, since } of this.inbox.pulls(now)) this.pull(conversation, since, now);
    for (const mark of this.receipts.take(now)) this.mark(mark);
    for (;;) {
      const frame = this.outbox.next(now, (conversation) => this.placeFor(conversation));
      if (!frame) break;
      this.inFlight.set(frame.clientMsgId, frame);
      this.frames.push({ ...frame, id: frame.clientMsgId });
    }
    return !this.isDead;
  }

  /** When to tick again, if nothing else happens before. */
  wake(): Moment | undefined {
    if (this.phase.name === "offline") return undefined;
    if (this.phase.name === "greeting") return this.phase.by;
    let wake = this.phase.name === "draining" ? this.phase.by : undefined;
    for (const { by } of this.waiting.values()) wake = earliest(wake, by);
    for (const at of [this.inbox.wake(), this.outbox.wake(), this.receipts.wake(), this.heartbeatDue]) {
      wake = earliest(wake, at);
    }
    return wake;
  }

  /** Whether an entry of this name waits to be sent or answered. */
  holds(clientMsgId: string): boolean {
    return this.outbox.holdsId(clientMsgId);
  }

  /** Queues an entry. */
  send(frame: EntryFrame): "taken" | "duplicate" | "full" {
    return this.outbox.push(frame);
  }

  /** The entries of an event are stored up to here. */
  stored(conversation: string, upTo: number, foreign: number | undefined, now: Moment): void {
    this.receipts.stored(conversation, upTo, foreign, now);
  }

  /** The service's marks of this user. */
  known(conversation: string, delivered: number, read: number): void {
    this.receipts.known(conversation, delivered, read);
  }

  /** The user has read everything up to here. */
  read(conversation: string, upTo: number, now: Moment): void {
    this.receipts.read(conversation, upTo, now);
  }

  /** A conversation starts here on this device, unless it has a place. */
  place(conversation: string, start: number, now: Moment): void {
    this.unplacedTold = false;
    this.deliver(conversation, this.inbox.place(conversation, start, now));
  }

  /** A conversation is known to go up to here. */
  exists(conversation: string, lastSequence: number, now: Moment): void {
    this.inbox.exists(conversation, lastSequence, now);
  }

  /** Whether the user is there; told with the next heartbeat, and at once where it changed. */
  setActive(active: boolean, now: Moment): void {
    if (active === this.active) return;
    this.active = active;
    if (this.session) this.heartbeatDue = now;
  }

  /** Whose presence is asked for at each heartbeat and connection. */
  watch(users: Iterable<string>): void {
    this.watched = new Set([...users].slice(0, 200));
    this.askPresence();
  }

  /** The user is typing in a conversation, or has stopped. Said now and then to who is connected, and kept nowhere. */
  typing(conversation: string, active: boolean, now: Moment): void {
    const said = this.typingSaid.get(conversation);
    if (!this.session || (active ? said !== undefined && now - said < TYPING_AGAIN_MS : said === undefined)) return;
    if (active) this.typingSaid.set(conversation, now);
    else this.typingSaid.delete(conversation);
    // Others have forgotten it by themselves by then.
    if (active || now - (said ?? 0) < TYPING_LASTS_MS) this.frames.push({ type: "typing", conversationId: conversation, active });
  }

  /** Says a frame that is answered. */
  request(frame: ClientFrame, now: Moment): Promise<ServerFrame> {
    if (!this.session) return Promise.reject(new RequestError("not connected"));
    return new Promise((resolve, reject) => {
      const id = this.await(now, (answer, error) => {
        if (answer) resolve(answer);
        else reject(new RequestError(error?.message ?? "no answer", error));
      });
      this.frames.push({ ...frame, id });
    });
  }

  /** A frame arrived. */
  frame(text: string, now: Moment): void {
    const frame = parse(text);
    if (!frame) return;
    const replyTo = "replyTo" in frame && typeof frame.replyTo === "string" ? frame.replyTo : undefined;
    switch (frame.type) {
      case "session.ready":
        return this.ready(frame, now);
      case "message.new":
        if (this.phase.name === "draining") this.phase.by = now + DRAIN_SILENCE_MAX_MS;
        return this.entry(frame, now);
      case "message.sent":
        return this.sent(frame, now);
      case "sync.complete":
        this.token = frame.resumeToken ?? this.token;
        return this.drained(now);
      case "conversation.updated":
        this.inbox.exists(frame.conversationId, frame.lastSequence, now);
        this.events.push({ type: "notice", frame });
        return undefined;
      case "flow_control":
        return this.outbox.flowControl(frame.window, frame.retryAfterMs, now);
      case "error":
        return this.refused(frame, now);
      default:
        if (replyTo !== undefined) this.answer(replyTo, frame, undefined);
        this.events.push({ type: "notice", frame });
        return undefined;
    }
  }

  private ready(session: SessionReady, now: Moment): void {
    this.phase = { name: "draining", by: now + DRAIN_SILENCE_MAX_MS };
    this.current = session;
    this.token = session.resumeToken;
    this.heartbeatDue = now + Math.max(session.heartbeatSeconds, 1) * 1000;
    this.outbox.connected(session.sendWindow);
    this.inbox.drainBegins();
    this.events.push({ type: "ready", session });
    this.askPresence();
  }

  private drained(now: Moment): void {
    if (this.phase.name !== "draining") return;
    this.phase = { name: "live" };
    this.inbox.drainEnds(now);
    this.unplacedTold = false;
    this.tellUnplaced();
    this.events.push({ type: "synced" });
  }

  private entry(entry: LogEntry, now: Moment): void {
    const own = this.current && entry.senderUserId === this.current.userId
      && entry.senderDeviceId === this.config.deviceId
      && this.outbox.holds(entry.conversationId, entry.clientMsgId);
    // Its `message.sent` was lost or is later.
    if (own) this.accept({ ...entry, duplicate: false });
    this.deliver(entry.conversationId, this.inbox.entry(entry, now));
    if (this.inbox.held(entry.conversationId) === undefined) this.unplacedTold = false;
  }

  private sent(sent: MessageSent, now: Moment): void {
    const frame = this.accept(sent);
    const held = this.inbox.held(sent.conversationId);
    // A conversation that this message began, or that nothing is known of before it.
    if (held === undefined) this.deliver(sent.conversationId, this.inbox.place(sent.conversationId, sent.sequence - 1, now));
    if (frame && this.current) {
      const entry = entryOf(frame, sent, this.current.userId, this.config.deviceId);
      // What only the service knows comes from it: the target of an edit, a time to live.
      if (entry) return this.deliver(sent.conversationId, this.inbox.entry(entry, now));
    }
    this.inbox.exists(sent.conversationId, sent.sequence, now);
  }

  private accept(sent: Omit<MessageSent, "type">): EntryFrame | undefined {
    const frame = this.inFlight.get(sent.clientMsgId);
    if (!this.outbox.accepted(sent.conversationId, sent.clientMsgId)) return undefined;
    this.inFlight.delete(sent.clientMsgId);
    this.events.push({ type: "sent", sent: { ...sent, type: "message.sent" }, frame });
    return frame;
  }

  private refused(error: ErrorFrame, now: Moment): void {
    const again = retryAfterMs(error);
    const chance = this.config.chance();
    for (const id of [error.clientMsgId, error.replyTo]) {
      if (id === undefined) continue;
      const refusal = this.outbox.refused(id, again, now, chance);
      if (refusal.kind === "failed") {
        this.inFlight.delete(id);
        this.events.push({ type: "failed", frame: refusal.frame, error });
      }
      if (refusal.kind !== "unknown") return;
    }
    const id = error.replyTo;
    if (id === undefined) return;
    if (id === "hello") this.isDead = true;
    const mark = this.marksSent.find(([sent]) => sent === id)?.[1];
    if (mark) this.receipts.refused(mark, again, now);
    this.answer(id, undefined, error);
  }

  private answer(id: string, frame: ServerFrame | undefined, error: ErrorFrame | undefined): void {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    waiting?.answered(frame, error);
  }

  private await(now: Moment, answered: Waiting["answered"]): string {
    this.ids += 1;
    const id = `r${this.ids}`;
    this.waiting.set(id, { by: now + this.config.requestTimeoutMs, answered });
    return id;
  }

  private pull(conversation: string, since: number, now: Moment): void {
    const id = this.await(now, (frame, error) => {
      if (frame?.type === "sync.page" && frame.conversationId === conversation) {
        for (const message of frame.messages) {
          if (this.outbox.holds(conversation, message.clientMsgId) && message.senderDeviceId === this.config.deviceId) {
            this.accept({ ...message, duplicate: false });
          }
        }
        this.deliver(conversation, this.inbox.page(conversation, since, frame.messages, frame.next, now));
      } else if (this.phase.name !== "offline") {
        this.inbox.pullFailed(conversation, error && retryAfterMs(error), now, this.config.chance());
      }
    });
    const encoding = readable(this.current?.encodings);
    this.frames.push({ type: "sync.pull", conversationId: conversation, since, id, ...(encoding && { encoding }) });
  }

  private mark(mark: Mark): void {
    this.ids += 1;
    const id = `m${this.ids}`;
    const type = mark.kind === "read" ? "message.read" : "message.ack";
    this.frames.push({ type, conversationId: mark.conversation, upTo: mark.upTo, id });
    this.marksSent = [...this.marksSent, [id, mark] as [string, Mark]].slice(-MARKS_REMEMBERED);
  }

  private heartbeat(now: Moment): void {
    this.heartbeatDue = now + Math.max(this.current?.heartbeatSeconds ?? 60, 1) * 1000;
    const id = this.await(now, (frame, error) => {
      // A refusal is an answer, too.
      if (!frame && !error && this.phase.name !== "offline") this.isDead = true;
    });
    this.frames.push({ type: "presence.heartbeat", active: this.active, id });
    this.askPresence();
  }

  private askPresence(): void {
    if (this.session && this.watched.size > 0) this.frames.push({ type: "presence.subscribe", userIds: [...this.watched] });
  }

  /** A first attempt names the last sequence held. What was never heard of starts at nothing. */
  private placeFor(conversation: string): number | undefined {
    if (this.phase.name !== "live") return undefined;
    const held = this.inbox.held(conversation);
    if (held !== undefined) return held;
    return this.inbox.unplaced().some((one) => one.conversation === conversation) ? undefined : 0;
  }

  private tellUnplaced(): void {
    if (this.unplacedTold) return;
    const conversations = this.inbox.unplaced();
    if (conversations.length === 0) return;
    this.unplacedTold = true;
    this.events.push({ type: "unplaced", conversations });
  }

  private deliver(conversationId: string, delivery: Delivery): void {
    if (delivery.held === undefined) return;
    this.events.push({ type: "entries", conversationId, entries: delivery.entries, held: delivery.held });
  }
}

function parse(text: string): ServerFrame | undefined {
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch {
    return undefined;
  }
  // API Gateway's own errors have no type: {"message": "Internal server error", …}.
  if (typeof frame !== "object" || frame === null || !("type" in frame) || typeof frame.type !== "string") return undefined;
  return isSound(frame as Record<string, unknown>) ? (frame as ServerFrame) : undefined;
}

/** Whether a frame speaks of places that there can be: who counts on from a place needs room to. */
function isSound(frame: Record<string, unknown>): boolean {
  const isNamed = typeof frame["conversationId"] === "string";
  switch (frame["type"]) {
    case "message.new":
    case "message.sent":
      return isNamed && isPlace(frame["sequence"], 1);
    case "conversation.updated":
      return isNamed && isPlace(frame["lastSequence"], 0);
    case "sync.page": {
      const { messages } = frame;
      const isOfPage = (entry: unknown) => typeof entry === "object" && entry !== null && "sequence" in entry
        && isPlace(entry.sequence, 1) && "conversationId" in entry && entry.conversationId === frame["conversationId"];
      return isNamed && isPlace(frame["next"], 0) && Array.isArray(messages) && messages.every(isOfPage);
    }
    default:
      return true;
  }
}

function isPlace(value: unknown, least: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= SEQUENCE_MAX;
}

/** What a message of this device looks like in the log; none where only the service can say. */
function entryOf(frame: EntryFrame, sent: MessageSent, user: string, device: string): LogEntry | undefined {
  if (frame.type !== "message.send" || frame.viewOnce || frame.ttlSeconds || sent.duplicate) return undefined;
  return {
    conversationId: sent.conversationId,
    messageId: sent.messageId,
    sequence: sent.sequence,
    senderUserId: user,
    senderDeviceId: device,
    clientMsgId: sent.clientMsgId,
    event: "message",
    kind: frame.kind ?? "text",
    payload: frame.payload,
    ts: sent.ts,
    clientTs: frame.ts,
    ...(frame.mediaHandle ? { mediaHandle: frame.mediaHandle } : {}),
    ...(frame.inReplyTo ? { inReplyTo: frame.inReplyTo } : {}),
    ...(frame.threadRoot ? { threadRoot: frame.threadRoot } : {}),
    ...(frame.mentions ? { mentions: frame.mentions } : {}),
    ...(frame.forwards ? { forwards: frame.forwards } : {}),
    ...(frame.epoch === undefined || frame.epoch === null ? {} : { epoch: frame.epoch }),
  };
}
