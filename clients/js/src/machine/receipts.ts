/**
 * What this device says it has received and read.
 *
 * Marks are cumulative, so the fewer the better: an acknowledgement waits a little for the next entry
 * and for the word that it was read, which says both in one frame. Nothing is acknowledged that is
 * not stored, and marks only rise.
 */
import { earliest, type Moment } from "./time.ts";

/** A mark sent on a connection that is lost within this time may be lost with it. */
const UNCERTAIN_FOR_MS = 30_000;

/** A mark to send. */
export interface Mark {
  kind: "ack" | "read";
  conversation: string;
  upTo: number;
}

interface Marks {
  /** Everything up to here is stored. */
  stored: number;
  /** The last stored entry of another. */
  foreign: number;
  readWanted: number;
  acked: number;
  read: number;
  ackDue: Moment | undefined;
  readDue: Moment | undefined;
  sentAt: Moment | undefined;
}

/** Marks of all conversations. */
export class Receipts {
  private readonly marks = new Map<string, Marks>();

  constructor(private readonly delayMs: number) {}

  /** The service's marks of this user. */
  known(conversation: string, delivered: number, read: number): void {
    const marks = this.of(conversation);
    marks.acked = Math.max(marks.acked, delivered);
    marks.read = Math.max(marks.read, read);
  }

  /** Everything up to `upTo` is stored now; `foreign` is the last entry of another among it, if any. */
  stored(conversation: string, upTo: number, foreign: number | undefined, now: Moment): void {
    const marks = this.of(conversation);
    marks.stored = Math.max(marks.stored, upTo);
    marks.foreign = Math.max(marks.foreign, foreign ?? 0);
    this.plan(marks, now);
  }

  /** The user has read everything up to here. */
  read(conversation: string, upTo: number, now: Moment): void {
    const marks = this.of(conversation);
    marks.readWanted = Math.max(marks.readWanted, upTo);
    marks.foreign = Math.max(marks.foreign, upTo);
    this.plan(marks, now);
  }

  /** The marks to send now. */
  take(now: Moment): Mark[] {
    const taken: Mark[] = [];
    for (const [conversation, marks] of this.marks) {
      const read = Math.min(marks.readWanted, marks.stored);
      if (marks.readDue !== undefined && marks.readDue <= now && read > marks.read) {
        marks.read = read;
        marks.acked = Math.max(marks.acked, read);
        marks.sentAt = now;
        taken.push({ kind: "read", conversation, upTo: read });
      }
      if (marks.ackDue !== undefined && marks.ackDue <= now && marks.stored > marks.acked) {
        marks.acked = marks.stored;
        marks.sentAt = now;
        taken.push({ kind: "ack", conversation, upTo: marks.stored });
      }
      this.plan(marks, now);
    }
    return taken;
  }

  /** The service refused a mark. It is sent again if `retryAfterMs` says so. */
  refused(mark: Mark, retryAfterMs: number | undefined, now: Moment): void {
    const marks = this.of(mark.conversation);
    if (retryAfterMs === undefined) return;
    // A later mark that was taken says this one too.
    if (marks.acked === mark.upTo) {
      marks.acked = 0;
      marks.ackDue = now + retryAfterMs;
    }
    if (mark.kind === "read" && marks.read === mark.upTo) {
      marks.read = 0;
      marks.readDue = now + retryAfterMs;
    }
    this.plan(marks, now);
  }

  /** What was sent just before a loss may be lost with it, and is said again. */
  disconnected(now: Moment): void {
    for (const marks of this.marks.values()) {
      if (marks.sentAt === undefined || marks.sentAt + UNCERTAIN_FOR_MS <= now) continue;
      marks.acked = 0;
      marks.read = 0;
      this.plan(marks, now);
    }
  }

  /** When to look again, if nothing else happens before. */
  wake(): Moment | undefined {
    let wake: Moment | undefined;
    for (const marks of this.marks.values()) wake = earliest(wake, earliest(marks.ackDue, marks.readDue));
    return wake;
  }

  private of(conversation: string): Marks {
    let marks = this.marks.get(conversation);
    if (!marks) {
      marks = {
        stored: 0, foreign: 0, readWanted: 0, acked: 0, read: 0, ackDue: undefined, readDue: undefined, sentAt: undefined,
      };
      this.marks.set(conversation, marks);
    }
    return marks;
  }

  private plan(marks: Marks, now: Moment): void {
    const read = Math.min(marks.readWanted, marks.stored);
    marks.readDue = read > marks.read ? (marks.readDue ?? now) : undefined;
    const isAckable = marks.stored > marks.acked && marks.foreign > marks.acked;
    // A read mark that is about to go says this too.
    if (!isAckable || (marks.readDue !== undefined && read >= marks.stored)) marks.ackDue = undefined;
    else marks.ackDue ??= now + this.delayMs;
  }
}
