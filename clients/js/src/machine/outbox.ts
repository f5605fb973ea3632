/**
 * Entries on their way out.
 *
 * Frames of one socket run concurrently in the service, so the order of two unanswered entries of a
 * conversation is not given. Therefore each conversation has at most one unanswered, and
 * conversations go in parallel up to the service's window.
 */
import type { EntryFrame } from "../frames.ts";
import { fullJitter } from "./backoff.ts";
import { earliest, type Moment } from "./time.ts";

/** How an outbox behaves. */
export interface OutboxConfig {
  /** Entries held at most. */
  capacity: number;
  /** Unanswered for so long, an entry is sent again. */
  answerTimeoutMs: number;
}

interface Queued {
  /** With `attempt` and `baseSequence` of the last transmission. */
  frame: EntryFrame;
  /** May go from `at` on, or is unanswered and to be sent again then. */
  inFlight: boolean;
  at: Moment;
  /** Refusals for lack of capacity in a row. */
  refusals: number;
}

/** What became of an error of the service. */
export type Refusal = { kind: "retry" } | { kind: "failed"; frame: EntryFrame } | { kind: "unknown" };

/** The queue of what this device says. */
export class Outbox {
  private readonly queues = new Map<string, Queued[]>();
  /** Conversation by `clientMsgId`: an answer may name only the latter. */
  private readonly byId = new Map<string, string>();
  /** Which conversation is next; each conversation with a queue is here once. */
  private turns: string[] = [];
  private inFlight = 0;
  private window = 1;
  private pausedUntil = 0;

  constructor(private readonly config: OutboxConfig) {}

  get size(): number {
    return this.byId.size;
  }

  get isInFlight(): boolean {
    return this.inFlight > 0;
  }

  /** Whether this entry is queued or unanswered. */
  holds(conversation: string, clientMsgId: string): boolean {
    return this.byId.get(clientMsgId) === conversation;
  }

  /** The same, of any conversation. */
  holdsId(clientMsgId: string): boolean {
    return this.byId.has(clientMsgId);
  }

  /** Takes an entry; says why not. */
  push(frame: EntryFrame): "taken" | "duplicate" | "full" {
    if (this.byId.has(frame.clientMsgId)) return "duplicate";
    if (this.size >= this.config.capacity) return "full";
    this.byId.set(frame.clientMsgId, frame.conversationId);
    let queue = this.queues.get(frame.conversationId);
    if (queue === undefined) {
      queue = [];
      this.queues.set(frame.conversationId, queue);
      this.turns.push(frame.conversationId);
    }
    queue.push({ frame: { ...frame }, inFlight: false, at: 0, refusals: 0 });
    return "taken";
  }

  /** A connection is ready. */
  connected(window: number): void {
    this.window = Math.max(window, 1);
    this.pausedUntil = 0;
  }

  /** What was unanswered will be sent again on the next connection. */
  disconnected(): void {
    for (const [front] of this.queues.values()) {
      if (front?.inFlight) {
        front.inFlight = false;
        front.at = 0;
      }
    }
    this.inFlight = 0;
  }

  /** The service asks for less. */
  flowControl(window: number, retryAfterMs: number, now: Moment): void {
    this.window = Math.max(window, 1);
    this.pausedUntil = now + retryAfterMs;
  }

  /**
   * The next entry to transmit, if one may go now. `held` is the last sequence held of a
   * conversation, or none where the conversation has to wait for it.
   */
  next(now: Moment, held: (conversation: string) => number | undefined): EntryFrame | undefined {
    if (now < this.pausedUntil) return undefined;
    for (let turn = this.turns.length; turn > 0; turn -= 1) {
      const conversation = this.turns.shift();
      if (conversation === undefined) return undefined;
      this.turns.push(conversation);
      const frame = this.transmit(conversation, now, held);
      if (frame) return frame;
    }
    return undefined;
  }

  private transmit(
    conversation: string, now: Moment, held: (conversation: string) => number | undefined,
  ): EntryFrame | undefined {
    const entry = this.queues.get(conversation)?.[0];
    if (!entry || entry.at > now || (!entry.inFlight && this.inFlight >= this.window)) return undefined;
    if (entry.frame.attempt === undefined || entry.frame.attempt === null) {
      const base = held(conversation);
      if (base === undefined) return undefined;
      entry.frame.baseSequence = base;
    }
    entry.frame.attempt = (entry.frame.attempt ?? 0) + 1;
    entry.at = now + this.config.answerTimeoutMs;
    if (!entry.inFlight) {
      entry.inFlight = true;
      this.inFlight += 1;
    }
    return { ...entry.frame };
  }

  /** The service has the entry. True where it was queued. */
  accepted(conversation: string, clientMsgId: string): boolean {
    return this.holds(conversation, clientMsgId) && this.remove(clientMsgId) !== undefined;
  }

  /** The service answered with an error. `retryAfterMs` is its word for errors that pass, and none for those that do not. */
  refused(clientMsgId: string, retryAfterMs: number | undefined, now: Moment, chance: number): Refusal {
    const conversation = this.byId.get(clientMsgId);
    const entry = conversation === undefined
      ? undefined
      : this.queues.get(conversation)?.find((one) => one.frame.clientMsgId === clientMsgId);
    if (!entry) return { kind: "unknown" };
    if (retryAfterMs === undefined) {
      this.remove(clientMsgId);
      return { kind: "failed", frame: entry.frame };
    }
    const jitter = fullJitter(100, 10_000, entry.refusals, chance);
    entry.refusals += 1;
    if (entry.inFlight) this.inFlight -= 1;
    entry.inFlight = false;
    entry.at = now + retryAfterMs + jitter;
    return { kind: "retry" };
  }

  /** When to look again, if nothing else happens before. */
  wake(): Moment | undefined {
    const room = this.inFlight < this.window;
    let wake: Moment | undefined;
    for (const [front] of this.queues.values()) {
      if (front && (front.inFlight || room)) wake = earliest(wake, front.at);
    }
    return wake === undefined ? undefined : Math.max(wake, this.pausedUntil);
  }

  private remove(clientMsgId: string): EntryFrame | undefined {
    const conversation = this.byId.get(clientMsgId);
    if (conversation === undefined) return undefined;
    this.byId.delete(clientMsgId);
    const queue = this.queues.get(conversation) ?? [];
    const at = queue.findIndex((one) => one.frame.clientMsgId === clientMsgId);
    const [entry] = at < 0 ? [] : queue.splice(at, 1);
    if (queue.length === 0) {
      this.queues.delete(conversation);
      this.turns = this.turns.filter((turn) => turn !== conversation);
    }
    if (entry?.inFlight) this.inFlight -= 1;
    return entry?.frame;
  }
}
