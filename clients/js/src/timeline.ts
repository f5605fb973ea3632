/** A conversation's log that grows at both ends: as {@link fold} shows it, without going through all of it for each entry. */
import { fold, type Message } from "./fold.ts";
import type { LogEntry } from "./frames.ts";

const isBase = (entry: LogEntry): boolean => entry.event === "message" || entry.event === "membership" || entry.event === "commit";

/** The entries of one conversation that are here, and the messages that they make. */
export class Timeline {
  private readonly bases = new Map<string, LogEntry>();
  /** By target, whether it is here or not: it may come with an earlier page. */
  private readonly changes = new Map<string, Map<number, LogEntry>>();
  private readonly folded = new Map<string, Message>();
  private readonly known = new Set<number>();
  private shown: readonly Message[] = [];
  private first = Infinity;
  private last = 0;

  /** In order; another array after each change. */
  get messages(): readonly Message[] {
    return this.shown;
  }

  /** The lowest sequence that is here; Infinity where nothing is. */
  get floor(): number {
    return this.first;
  }

  /** The highest sequence that is here. */
  get top(): number {
    return this.last;
  }

  /** Whether nothing is here. */
  get isEmpty(): boolean {
    return this.known.size === 0;
  }

  /** Takes entries in any order; what it has already takes the place of what was there. Answers the messages that are new or other. */
  add(entries: Iterable<LogEntry>, now = Date.now()): Message[] {
    const touched = new Set<string>();
    for (const entry of entries) {
      this.known.add(entry.sequence);
      this.first = Math.min(this.first, entry.sequence);
      this.last = Math.max(this.last, entry.sequence);
      if (isBase(entry)) {
        this.bases.set(entry.messageId, entry);
        touched.add(entry.messageId);
      } else if (entry.targetMessageId !== undefined) {
        const about = this.changes.get(entry.targetMessageId) ?? new Map<number, LogEntry>();
        this.changes.set(entry.targetMessageId, about.set(entry.sequence, entry));
        touched.add(entry.targetMessageId);
      }
    }
    return this.refold(touched, now);
  }

  /** Takes a message out. */
  remove(messageId: string): void {
    this.bases.delete(messageId);
    this.folded.delete(messageId);
    this.shown = this.shown.filter((one) => one.messageId !== messageId);
  }

  /** Takes the content from messages whose time is over; answers when the next one's is. */
  expire(now = Date.now()): number | undefined {
    const over = [...this.folded.values()].filter((one) => one.gone === undefined && one.expiresAt !== undefined && one.expiresAt <= now);
    this.refold(new Set(over.map((one) => one.messageId)), now);
    const next = Math.min(...[...this.folded.values()].map((one) => (one.gone === undefined ? (one.expiresAt ?? Infinity) : Infinity)));
    return next === Infinity ? undefined : next;
  }

  private refold(touched: ReadonlySet<string>, now: number): Message[] {
    const changed: Message[] = [];
    const fresh: Message[] = [];
    for (const id of touched) {
      const base = this.bases.get(id);
      if (!base) continue;
      const [message] = fold([base, ...(this.changes.get(id)?.values() ?? [])], now);
      if (!message) continue;
      changed.push(message);
      if (!this.folded.has(id)) fresh.push(message);
      this.folded.set(id, message);
    }
    if (changed.length === 0) return changed;
    fresh.sort((one, other) => one.sequence - other.sequence);
    // Also those whose content has changed, in their places.
    const before = this.shown.map((one) => this.folded.get(one.messageId) ?? one);
    const [oldest, newest] = [fresh[0], fresh.at(-1)];
    if (!oldest || !newest) this.shown = before;
    else if (before.length === 0 || oldest.sequence > (before.at(-1)?.sequence ?? 0)) this.shown = [...before, ...fresh];
    else if (newest.sequence < (before[0]?.sequence ?? 0)) this.shown = [...fresh, ...before];
    else this.shown = [...before, ...fresh].sort((one, other) => one.sequence - other.sequence);
    return changed;
  }
}
