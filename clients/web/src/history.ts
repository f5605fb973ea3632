/** The messages of conversations that are here, as signals: what comes, what is before it, and what goes. */
import { signal, type Signal } from "@preact/signals";
import { type LogEntry, type Message, type SharedClient, Timeline } from "@tidings/client";

const PAGE = 100;
/** Pages that are loaded to find one message. */
const SEEK_PAGES_MAX = 200;

export class History {
  /** Another number after each change of any. */
  readonly revision = signal(0);
  private readonly logs = new Map<string, { log: Timeline; shown: Signal<readonly Message[]> }>();
  private readonly ends = new Set<string>();
  private readonly fetching = new Map<string, Promise<boolean>>();
  private expiry: ReturnType<typeof setTimeout> | undefined;
  private expiresNext = Infinity;

  constructor(private readonly client: SharedClient, private readonly lastSequence: (id: string) => number) {}

  /** The sequences between which a conversation is here; Infinity and 0 where nothing is. */
  reach(id: string): { floor: number; top: number; isEmpty: boolean } {
    return this.logOf(id).log;
  }

  /** The messages of a conversation that are here. */
  timeline(id: string): Signal<readonly Message[]> {
    return this.logOf(id).shown;
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
    const before = log.isEmpty ? this.lastSequence(id) + 1 : log.floor;
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

  /** Takes a message out. */
  remove(id: string, messageId: string): void {
    const { log, shown } = this.logOf(id);
    log.remove(messageId);
    shown.value = log.messages;
    this.revision.value += 1;
  }

  /** Takes entries in any order. */
  add(id: string, entries: readonly LogEntry[]): void {
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

  private logOf(id: string): { log: Timeline; shown: Signal<readonly Message[]> } {
    let known = this.logs.get(id);
    if (!known) {
      known = { log: new Timeline(), shown: signal<readonly Message[]>([]) };
      this.logs.set(id, known);
    }
    return known;
  }
}
