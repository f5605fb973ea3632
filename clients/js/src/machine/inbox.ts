/**
 * What arrived, put in order.
 *
 * Each conversation has a place: the last sequence up to which everything was handed over. What
 * arrives beyond it waits until the gap is filled by a pull. A conversation that was never heard of
 * has no place yet; what arrives for it waits until it is placed.
 */
import type { LogEntry } from "../frames.ts";
import { fullJitter } from "./backoff.ts";
import { earliest, type Moment } from "./time.ts";

/** Two frames may overtake each other: a gap is given this long to close by itself. */
const GAP_GRACE_MS = 150;
/** Entries kept per conversation beyond a gap. Later ones come by the pull. */
const AHEAD_MAX = 1_000;
const RETRY_BASE_MS = 500;
const RETRY_CAP_MS = 30_000;
/** Pulls at once. */
const PULLS_MAX = 4;

/** What is handed over: entries in order, and the new place. */
export interface Delivery {
  entries: LogEntry[];
  /** The place afterwards; none while the conversation has none. */
  held: number | undefined;
}

interface Track {
  place: number | undefined;
  /** `own` stands for what this device sent and knows already, where it has no copy. */
  ahead: Map<number, LogEntry>;
  /** The last sequence known to exist. */
  target: number;
  pull: "idle" | "inFlight" | { due: Moment };
  failures: number;
  touched: number;
}

/** Places of conversations, and what lies beyond them. */
export class Inbox {
  private readonly tracks = new Map<string, Track>();
  private readonly behind = new Set<string>();
  private draining = false;
  private touches = 0;

  constructor(cursors: Iterable<[string, number]>) {
    for (const [conversation, place] of cursors) {
      const track = this.track(conversation);
      track.place = place;
      track.target = place;
    }
  }

  /** Everything up to here was handed over; none where the conversation has no place. */
  held(conversation: string): number | undefined {
    return this.tracks.get(conversation)?.place;
  }

  /** The places for `session.hello`, the latest conversations first, as far as they fit into `bytesMax` of JSON. */
  cursors(bytesMax: number): Record<string, number> {
    const placed = [...this.tracks].filter(([, track]) => track.place !== undefined)
      .sort(([, one], [, other]) => other.touched - one.touched);
    const cursors: Record<string, number> = {};
    let bytes = 0;
    for (const [conversation, track] of placed) {
      // Quotes, colon, comma and up to 20 digits.
      bytes += conversation.length + 24;
      if (bytes > bytesMax) break;
      cursors[conversation] = track.place ?? 0;
    }
    return cursors;
  }

  /** An entry arrived. */
  entry(entry: LogEntry, now: Moment): Delivery {
    this.touches += 1;
    const track = this.track(entry.conversationId);
    track.touched = this.touches;
    track.target = Math.max(track.target, entry.sequence);
    if (track.place !== undefined && entry.sequence <= track.place) return { entries: [], held: track.place };
    if (!track.ahead.has(entry.sequence)) track.ahead.set(entry.sequence, entry);
    if (track.place === undefined && entry.sequence === 1) return this.place(entry.conversationId, 0, now);
    const delivery = this.advance(entry.conversationId, now, GAP_GRACE_MS);
    if (track.ahead.size > AHEAD_MAX) track.ahead.delete(Math.max(...track.ahead.keys()));
    return delivery;
  }

  /** This conversation is known to go up to here. */
  exists(conversation: string, lastSequence: number, now: Moment): void {
    const track = this.track(conversation);
    track.target = Math.max(track.target, lastSequence);
    this.lookBehind(conversation, now, 0);
  }

  /** Places a conversation that has no place: after `start`, and before anything that arrived. */
  place(conversation: string, start: number, now: Moment): Delivery {
    const track = this.track(conversation);
    if (track.place === undefined) {
      const first = track.ahead.size > 0 ? Math.min(...track.ahead.keys()) - 1 : start;
      track.place = Math.min(start, first);
    }
    return this.advance(conversation, now, GAP_GRACE_MS);
  }

  /** Conversations that wait for a place, with the first sequence that is known of each. */
  unplaced(): { conversation: string; first: number }[] {
    return [...this.tracks].filter(([, track]) => track.place === undefined && track.target > 0)
      .map(([conversation, track]) => (
        { conversation, first: track.ahead.size > 0 ? Math.min(...track.ahead.keys()) : track.target }));
  }

  get isDraining(): boolean {
    return this.draining;
  }

  /** The service begins to say what was missed: gaps are no gaps yet. */
  drainBegins(): void {
    this.draining = true;
  }

  /** All that was missed has been said: what is missing now is pulled. */
  drainEnds(now: Moment): void {
    this.draining = false;
    this.reschedule(now);
  }

  /** Pulls that were unanswered will not be. */
  disconnected(now: Moment): void {
    for (const track of this.tracks.values()) track.pull = "idle";
    this.reschedule(now);
  }

  /** The pulls to make now. */
  pulls(now: Moment): { conversation: string; since: number }[] {
    if (this.draining) return [];
    const pulls: { conversation: string; since: number }[] = [];
    let room = PULLS_MAX - this.pullsInFlight();
    for (const conversation of this.behind) {
      const track = this.track(conversation);
      if (room <= 0) break;
      if (typeof track.pull !== "object" || track.pull.due > now || track.place === undefined) continue;
      track.pull = "inFlight";
      pulls.push({ conversation, since: track.place });
      room -= 1;
    }
    return pulls;
  }

  /** The answer to a pull of `since`. */
  page(conversation: string, since: number, entries: LogEntry[], next: number, now: Moment): Delivery {
    const track = this.track(conversation);
    track.pull = "idle";
    for (const entry of entries) {
      track.target = Math.max(track.target, entry.sequence);
      if (track.place !== undefined && entry.sequence > track.place && !track.ahead.has(entry.sequence)) {
        track.ahead.set(entry.sequence, entry);
      }
    }
    // The page is the truth for its range: a sequence before `next` that is not in it does not exist
    // for this user, who joined later or hid it.
    const skipped: LogEntry[] = [];
    if (next > since) {
      track.failures = 0;
      for (const sequence of [...track.ahead.keys()].sort((one, other) => one - other)) {
        if (sequence > next) break;
        const entry = track.ahead.get(sequence);
        if (entry) skipped.push(entry);
        track.ahead.delete(sequence);
      }
      track.place = track.place === undefined ? undefined : Math.max(track.place, next);
    } else {
      // Told of an entry that the log does not show yet.
      track.failures += 1;
    }
    const pause = next > since ? 0 : fullJitter(RETRY_BASE_MS, RETRY_CAP_MS, track.failures - 1, 1);
    const delivery = this.advance(conversation, now, pause);
    return { entries: [...skipped, ...delivery.entries], held: delivery.held };
  }

  /** A pull failed; it is made again later. */
  pullFailed(conversation: string, retryAfterMs: number | undefined, now: Moment, chance: number): void {
    const track = this.track(conversation);
    const jitter = fullJitter(RETRY_BASE_MS, RETRY_CAP_MS, track.failures, chance);
    track.failures += 1;
    track.pull = this.behind.has(conversation) ? { due: now + (retryAfterMs ?? RETRY_BASE_MS) + jitter } : "idle";
  }

  /** When to look again, if nothing else happens before. */
  wake(): Moment | undefined {
    if (this.draining || this.pullsInFlight() >= PULLS_MAX) return undefined;
    let wake: Moment | undefined;
    for (const conversation of this.behind) {
      const { pull } = this.track(conversation);
      if (typeof pull === "object") wake = earliest(wake, pull.due);
    }
    return wake;
  }

  private track(conversation: string): Track {
    let track = this.tracks.get(conversation);
    if (!track) {
      track = { place: undefined, ahead: new Map(), target: 0, pull: "idle", failures: 0, touched: 0 };
      this.tracks.set(conversation, track);
    }
    return track;
  }

  private pullsInFlight(): number {
    return [...this.behind].filter((conversation) => this.track(conversation).pull === "inFlight").length;
  }

  private reschedule(now: Moment): void {
    for (const conversation of this.behind) this.track(conversation).pull = { due: now };
  }

  /** Hands over what follows the place without a gap. */
  private advance(conversation: string, now: Moment, pauseMs: number): Delivery {
    const track = this.track(conversation);
    const entries: LogEntry[] = [];
    while (track.place !== undefined) {
      const entry = track.ahead.get(track.place + 1);
      if (!entry) break;
      track.ahead.delete(track.place + 1);
      track.place += 1;
      entries.push(entry);
    }
    this.lookBehind(conversation, now, pauseMs);
    return { entries, held: track.place };
  }

  /** Plans a pull where something is missing. */
  private lookBehind(conversation: string, now: Moment, pauseMs: number): void {
    const track = this.track(conversation);
    if (track.place !== undefined && track.place < track.target) {
      this.behind.add(conversation);
      if (track.pull === "idle") track.pull = { due: now + pauseMs };
    } else {
      this.behind.delete(conversation);
      track.failures = 0;
      if (track.pull !== "inFlight") track.pull = "idle";
    }
  }
}
