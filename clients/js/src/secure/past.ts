/** What was said, as it can be found and carried to another device. */
import { UNREADABLE } from "../fold.ts";
import type { LogEntry } from "../frames.ts";
import type { Place } from "../store.ts";
import { type MessageRow, openArchive, type Row, sealArchive } from "./archive.ts";
import type { Bytes } from "./bytes.ts";
import { said } from "./content.ts";
import { contentIn, isGone, isReadable, rowOf, withContent } from "./entries.ts";
import type { Kept } from "./kept.ts";
import { names } from "./names.ts";
import type { Verified } from "./people.ts";
import { type Found, SearchIndex, type SearchQuery } from "./search.ts";
import type { Transaction, Vault } from "./vault.ts";

export class Past {
  private index: SearchIndex | undefined;

  constructor(private readonly vault: Vault, private readonly kept: Kept) {}

  /** The index is made anew when it is asked for. */
  forgetAll(): void {
    this.index = undefined;
  }

  /** Keeps an entry, and lets it be found. */
  keep(tx: Transaction, entry: LogEntry): LogEntry {
    tx.put(names.entry(entry.conversationId, entry.sequence), entry);
    this.indexed(entry);
    return entry;
  }

  /** Lets a message be found no more. */
  forget(tx: Transaction, conversation: string, sequence: number): void {
    tx.delete(names.content(conversation, sequence));
    this.index?.remove(conversation, sequence);
  }

  /** Messages that a query finds, the latest first. */
  async search(query: SearchQuery, limit: number): Promise<Found[]> {
    // Between two changes, so that the index misses none.
    const index = this.index ?? (await this.kept.change(async () => (this.index ??= await this.makeIndex())));
    return index.search(query, limit);
  }

  private async makeIndex(): Promise<SearchIndex> {
    const index = new SearchIndex();
    for (const row of await this.rows()) if (row.row === "message" && row.text) index.put({ ...row, text: row.text });
    return index;
  }

  private indexed(entry: LogEntry): void {
    const { index } = this;
    if (!index) return;
    const { conversationId, sequence } = entry;
    if (entry.event === "edit" && entry.targetSequence !== undefined && !isGone(entry)) {
      const found = index.get(conversationId, entry.targetSequence);
      if (found?.senderUserId === entry.senderUserId) index.put({ ...found, text: said(entry.payload) ?? "" });
    } else if (entry.event === "message") {
      const row = rowOf(entry, contentIn(entry));
      if (isReadable(entry) && row.text) index.put({ ...row, text: row.text });
      else index.remove(conversationId, sequence);
    }
  }

  /** What was said, as far as it can be read here, with the edits applied. */
  private async rows(): Promise<Row[]> {
    const rows: Row[] = [];
    const found = new Map<string, MessageRow>();
    for (const [name, row] of await this.vault.list<MessageRow>(names.allContents)) found.set(name.replace("content/", names.allEntries), row);
    for (const place of (await this.vault.list<Place>(names.places)).map(([, one]) => one)) {
      rows.push({ row: "conversation", id: place.conversationId, title: null, cursor: place.held, readUpTo: 0 });
      for (const [name, entry] of await this.vault.list<LogEntry>(names.entries(place.conversationId))) {
        if (isReadable(entry)) found.set(name, rowOf(entry, contentIn(entry)));
        applyEdit(found, entry);
      }
    }
    rows.push(...[...found].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, row]) => row));
    for (const [name, { digits, verifiedMs }] of await this.vault.list<Verified>(names.allVerified)) {
      rows.push({ row: "verified", userId: name.slice(names.allVerified.length), safetyNumber: digits, verifiedMs });
    }
    return rows;
  }

  /** The history of this device, under a key. */
  async archive(key: Bytes): Promise<Bytes> {
    return sealArchive(key, await this.rows());
  }

  /** Takes in the history of an archive, all or nothing. What is kept already stays as it is. Tells what is to be shown anew. */
  async restore(key: Bytes, archive: Bytes): Promise<{ messages: number; entries: LogEntry[] }> {
    const rows = await openArchive(key, archive);
    return this.kept.change(async (tx) => {
      let messages = 0;
      const entries: LogEntry[] = [];
      for (const row of rows) {
        if (row.row === "verified" && (await tx.get(names.verified(row.userId))) === undefined) {
          tx.put(names.verified(row.userId), { digits: row.safetyNumber, verifiedMs: row.verifiedMs } satisfies Verified);
        }
        if (row.row !== "message") continue;
        const { conversationId, sequence } = row;
        const [content, entry] = [names.content(conversationId, sequence), names.entry(conversationId, sequence)];
        const kept = await tx.get<LogEntry>(entry);
        if ((kept && (isReadable(kept) || isGone(kept))) || (await tx.get(content)) !== undefined) continue;
        messages += 1;
        tx.put(content, row);
        if (kept && kept.event === "message") entries.push(this.keep(tx, withContent(kept, row)));
        else if (row.text) this.index?.put({ ...row, text: row.text });
      }
      return { messages, entries };
    });
  }
}

function applyEdit(found: Map<string, MessageRow>, entry: LogEntry): void {
  if (entry.event !== "edit" || entry.targetSequence === undefined || isGone(entry) || entry.kind === UNREADABLE) return;
  const name = names.entry(entry.conversationId, entry.targetSequence);
  const row = found.get(name);
  if (row?.senderUserId === entry.senderUserId) found.set(name, { ...row, body: entry.payload, text: said(entry.payload) ?? null });
}
