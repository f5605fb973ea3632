/**
 * One search of what a device has and of what the service knows, as `search_all` in Rust.
 *
 * Encrypted text is on devices alone, and is searched there. The service knows who wrote what kind of message when, of all conversations and
 * times; and words where all members have agreed to it. It hears the words that it is asked for.
 */
import { RequestError } from "./engine.ts";
import type { Message } from "./fold.ts";
import type { http } from "./frames.ts";
import type { Http } from "./http.ts";
import type { Wanted } from "./search.ts";

/** A message as the service has found it. */
export type SearchHit = http.components["schemas"]["SearchHit"];
/** A page of what the service has found, and what the next is asked for with. */
export type SearchPage = http.components["schemas"]["SearchPage"];

/** What the service is asked for. */
export interface ServiceWanted extends Wanted {
  /** The `next` of the page before; all else is as it was there. */
  cursor?: string | undefined;
  /** The latest first where left out. */
  order?: "recent" | "relevance";
  /** The last word may go on; a word may be misspelt by so many letters, 0 to 2. */
  isPrefix?: boolean;
  editsMax?: number;
}

/** A message that was found on this device; or by the service alone, where the device does not have it or not its text. */
export type FoundMessage = { is: "here"; message: Message } | { is: "there"; hit: SearchHit };

/** Some of what was found, the latest first. */
export interface FoundPage {
  found: FoundMessage[];
  hasMore: boolean;
  /** Why the service was of no help, where it was not: what is here was found all the same. */
  serviceError?: Error;
}

/** What a {@link Finder} is made of. */
export interface FinderConfig {
  http: Http;
  /** What the device finds, the latest first: by `searchStore`, or by `searchDevice` of `@tidings/client/secure`. */
  here: (wanted: Wanted) => Promise<Message[]>;
  wanted: Wanted;
  /** Whether the service is asked, too. It is where this is left out. */
  asksService?: boolean;
}

/** Hits of the service of one page. */
const PAGE = 50;
/** Pages that are asked for at a stretch where there is nothing on them. */
const PAGES_MAX = 4;
const LIMIT = 30;
const LIMIT_MAX = 500;
/** A word of fewer letters is not misspelt: all short words are alike. */
const FUZZY_CHARS_MIN = 4;
/** From so many letters on two may be wrong. */
const TWO_EDITS_CHARS_MIN = 8;

/** Messages of the service that are as wanted. A page may be empty and have a `next` all the same. */
export async function searchService(calls: Http, wanted: ServiceWanted): Promise<SearchPage> {
  const limit = checked(wanted, PAGE);
  const words = serviceWords(wanted.text ?? "", wanted);
  // Nothing but signs: there is no word of that kind.
  if (words === "" && (wanted.text ?? "").trim() !== "") return { hits: [] };
  const { conversationId, senderUserId: from, kind, since: after, until: before, order = "recent", cursor, signal } = wanted;
  return calls.call<SearchPage>("GET", "/search", {
    query: { q: words || undefined, conversationId, from, kind, after, before, order, cursor, limit }, ...(signal ? { signal } : {}),
  });
}

/** The words as the service wants them said. Signs that mean something to it mean nothing here. */
export function serviceWords(text: string, { isPrefix = false, editsMax = 0 }: Pick<ServiceWanted, "isPrefix" | "editsMax"> = {}): string {
  const words = text.replace(/["\u201c\u201d*~]/g, " ").split(/\s+/).map((word) => word.replace(/^-+/, "")).filter((word) => /[\p{L}\p{N}]|[^\0-\x7f]/u.test(word));
  return words.map((word, at) => {
    if (!/^[A-Za-z]+$/.test(word)) return word;
    if (isPrefix && at === words.length - 1 && word.length > 1) return `${word}*`;
    const edits = Math.min(word.length < FUZZY_CHARS_MIN ? 0 : word.length < TWO_EDITS_CHARS_MIN ? 1 : 2, editsMax);
    return edits > 0 ? `${word}~${edits}` : word;
  }).join(" ");
}

/** Searches the device and asks the service, at once, a page at a time. Each message is shown once: what is here has its text. */
export class Finder {
  private readonly shown = new Set<string>();
  private readonly limit: number;
  private shownHere = 0;
  /** What the service has found and was not shown yet. */
  private readonly hits = new Map<string, SearchHit>();
  private cursor: string | undefined;
  private isDone: boolean;

  constructor(private readonly config: FinderConfig) {
    this.limit = checked(config.wanted, LIMIT_MAX, LIMIT);
    this.isDone = config.asksService === false;
  }

  /** The next of what is found. One call after the other. */
  async next(): Promise<FoundPage> {
    const { limit } = this;
    const [all, serviceError] = await Promise.all([
      // One more tells whether there is more.
      this.config.here({ ...this.config.wanted, limit: this.shownHere + limit + 1 }),
      this.ask(),
    ]);
    this.config.wanted.signal?.throwIfAborted();
    for (const name of [...this.shown, ...all.map(nameOf)]) this.hits.delete(name);
    const here = all.filter((message) => !this.shown.has(nameOf(message)));
    const waiting = [
      ...here.map((message): FoundMessage => ({ is: "here", message })), ...[...this.hits.values()].map((hit): FoundMessage => ({ is: "there", hit })),
    ].sort((one, other) => sentAt(other) - sentAt(one));
    const found = waiting.slice(0, limit);
    for (const one of found) {
      this.shown.add(nameOf(one.is === "here" ? one.message : one.hit));
      if (one.is === "here") this.shownHere += 1;
    }
    const hasMore = waiting.length > limit || (!this.isDone && !serviceError);
    return { found, hasMore, ...(serviceError ? { serviceError } : {}) };
  }

  /** Asks the service until there is enough; answers why it could not. */
  private async ask(): Promise<Error | undefined> {
    for (let page = 0; page < PAGES_MAX && !this.isDone && this.hits.size < this.limit; page += 1) {
      try {
        const { hits, next } = await searchService(this.config.http, {
          ...this.config.wanted, limit: Math.min(this.limit, PAGE), isPrefix: true, editsMax: 1, cursor: this.cursor,
        });
        for (const hit of hits) this.hits.set(nameOf(hit), hit);
        this.cursor = next;
        this.isDone = next === undefined;
      } catch (error) {
        this.config.wanted.signal?.throwIfAborted();
        if (!(error instanceof Error)) throw error;
        return error;
      }
    }
    return undefined;
  }
}

const nameOf = (one: { conversationId: string; sequence: number }): string => `${one.conversationId} ${one.sequence}`;

/** When a message that was found was sent. */
const sentAt = (one: FoundMessage): number => (one.is === "here" ? one.message.ts : one.hit.ts);

/** How many are wanted. Refuses what cannot be meant, and says what of it. */
function checked({ limit, since, until }: Wanted, max: number, usual = max): number {
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 1 && limit <= max)) throw new RequestError(`\`limit\` is to be a whole number from 1 to ${max}, and is ${limit}`);
  for (const [name, ms] of Object.entries({ since, until })) {
    if (ms !== undefined && !(Number.isSafeInteger(ms) && ms >= 0)) throw new RequestError(`\`${name}\` is to be a time in ms since the epoch, and is ${ms}`);
  }
  if (since !== undefined && until !== undefined && since >= until) throw new RequestError("`since` is to be before `until`");
  return limit ?? usual;
}
