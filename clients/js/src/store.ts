/** What a device keeps: entries, places, what waits to be sent. */
import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { ConversationSummary, EntryFrame, LogEntry } from "./frames.ts";

/** The stretch of a conversation's log that a device holds without a hole, and the user's marks. */
export interface Place {
  conversationId: string;
  /** The first sequence held; `held + 1` where nothing is. */
  floor: number;
  /** Everything from `floor` up to here is held. */
  held: number;
}

/** A store of one user's device. Each call is done when it is durable. */
export interface Store {
  places(): Promise<Place[]>;
  /** Entries and the place that they make, together. Where the store answers entries, these are shown in place of them. */
  putEntries(entries: LogEntry[], place: Place): Promise<LogEntry[] | void>;
  /** What is shown of entries that are not kept; they themselves where left out. */
  readable?(entries: LogEntry[]): Promise<LogEntry[]>;
  /** Up to `limit` entries before `before`, in order. */
  entries(conversationId: string, before: number, limit: number): Promise<LogEntry[]>;
  /** What the connection has to send. */
  pending(): Promise<EntryFrame[]>;
  /** What waits as it was said, where that is something else. */
  waiting?(): Promise<EntryFrame[]>;
  putPending(frame: EntryFrame): Promise<void>;
  deletePending(clientMsgId: string): Promise<void>;
  summaries(): Promise<ConversationSummary[]>;
  putSummaries(summaries: ConversationSummary[]): Promise<void>;
  get(name: string): Promise<unknown>;
  set(name: string, value: unknown): Promise<void>;
  /** Takes everything away: the user signs out. */
  clear(): Promise<void>;
  close(): void;
}

interface Schema extends DBSchema {
  entries: { key: [string, number]; value: LogEntry };
  places: { key: string; value: Place };
  pending: { key: string; value: { order: number; frame: EntryFrame } };
  summaries: { key: string; value: ConversationSummary };
  values: { key: string; value: unknown };
}
const STORES = ["entries", "places", "pending", "summaries", "values"] as const;

/** The store of a browser. */
export class IndexedDbStore implements Store {
  private orders = Date.now();

  private constructor(private readonly db: IDBPDatabase<Schema>) {}

  /** Opens, or makes, the store of that name. One user's device has one. */
  static async open(name: string): Promise<IndexedDbStore> {
    const db = await openDB<Schema>(name, 1, {
      upgrade(made) {
        made.createObjectStore("entries", { keyPath: ["conversationId", "sequence"] });
        made.createObjectStore("places", { keyPath: "conversationId" });
        made.createObjectStore("pending");
        made.createObjectStore("summaries", { keyPath: "conversationId" });
        made.createObjectStore("values");
      },
    });
    return new IndexedDbStore(db);
  }

  places(): Promise<Place[]> {
    return this.db.getAll("places");
  }

  async putEntries(entries: LogEntry[], place: Place): Promise<void> {
    const change = this.db.transaction(["entries", "places"], "readwrite");
    await Promise.all([
      ...entries.map((entry) => change.objectStore("entries").put(entry)),
      change.objectStore("places").put(place),
      change.done,
    ]);
  }

  async entries(conversationId: string, before: number, limit: number): Promise<LogEntry[]> {
    const range = IDBKeyRange.bound([conversationId, 0], [conversationId, before], false, true);
    const found: LogEntry[] = [];
    let cursor = await this.db.transaction("entries").store.openCursor(range, "prev");
    while (cursor && found.length < limit) {
      found.push(cursor.value);
      cursor = await cursor.continue();
    }
    return found.reverse();
  }

  async pending(): Promise<EntryFrame[]> {
    const all = await this.db.getAll("pending");
    return all.sort((one, other) => one.order - other.order).map(({ frame }) => frame);
  }

  async putPending(frame: EntryFrame): Promise<void> {
    const change = this.db.transaction("pending", "readwrite");
    const before = await change.store.get(frame.clientMsgId);
    this.orders += 1;
    await change.store.put({ order: before?.order ?? this.orders, frame }, frame.clientMsgId);
    await change.done;
  }

  async deletePending(clientMsgId: string): Promise<void> {
    await this.db.delete("pending", clientMsgId);
  }

  summaries(): Promise<ConversationSummary[]> {
    return this.db.getAll("summaries");
  }

  async putSummaries(summaries: ConversationSummary[]): Promise<void> {
    const change = this.db.transaction("summaries", "readwrite");
    await Promise.all([...summaries.map((summary) => change.store.put(summary)), change.done]);
  }

  get(name: string): Promise<unknown> {
    return this.db.get("values", name);
  }

  async set(name: string, value: unknown): Promise<void> {
    await this.db.put("values", value, name);
  }

  async clear(): Promise<void> {
    const change = this.db.transaction(STORES, "readwrite");
    await Promise.all([...STORES.map((name) => change.objectStore(name).clear()), change.done]);
  }

  close(): void {
    this.db.close();
  }
}

/** A store that lives as long as its process: for Node, and for tests. */
export class MemoryStore implements Store {
  private readonly log = new Map<string, LogEntry[]>();
  private readonly kept = new Map<string, Place>();
  private readonly queue = new Map<string, EntryFrame>();
  private readonly list = new Map<string, ConversationSummary>();
  private readonly values = new Map<string, unknown>();

  async places(): Promise<Place[]> {
    return [...this.kept.values()];
  }

  async putEntries(entries: LogEntry[], place: Place): Promise<void> {
    const log = new Map((this.log.get(place.conversationId) ?? []).map((entry) => [entry.sequence, entry]));
    for (const entry of entries) log.set(entry.sequence, entry);
    this.log.set(place.conversationId, [...log.values()].sort((one, other) => one.sequence - other.sequence));
    this.kept.set(place.conversationId, place);
  }

  async entries(conversationId: string, before: number, limit: number): Promise<LogEntry[]> {
    return (this.log.get(conversationId) ?? []).filter((entry) => entry.sequence < before).slice(-limit);
  }

  async pending(): Promise<EntryFrame[]> {
    return [...this.queue.values()];
  }

  async putPending(frame: EntryFrame): Promise<void> {
    this.queue.set(frame.clientMsgId, frame);
  }

  async deletePending(clientMsgId: string): Promise<void> {
    this.queue.delete(clientMsgId);
  }

  async summaries(): Promise<ConversationSummary[]> {
    return [...this.list.values()];
  }

  async putSummaries(summaries: ConversationSummary[]): Promise<void> {
    for (const summary of summaries) this.list.set(summary.conversationId, summary);
  }

  async get(name: string): Promise<unknown> {
    return this.values.get(name);
  }

  async set(name: string, value: unknown): Promise<void> {
    this.values.set(name, value);
  }

  async clear(): Promise<void> {
    for (const map of [this.log, this.kept, this.queue, this.list, this.values]) map.clear();
  }

  close(): void {}
}
