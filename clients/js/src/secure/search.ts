/**
 * Searching the history of a device. What is kept is encrypted, so the index is made of it when it is first asked for, in memory alone, and
 * follows what comes. Case and accents do not matter; a word may be misspelt; scripts without spaces are found by their characters.
 */

/** What to look for. What is not given does not matter; with nothing given, everything is found. */
export interface SearchQuery {
  /** Words, all of which must be there. */
  text?: string;
  /** The last word may go on: for searching while it is typed. */
  isPrefix?: boolean;
  /** Letters in which a word may be misspelt, 0 to 2: one in words of four letters and more, two from eight. */
  editsMax?: number;
  conversationId?: string;
  fromUserId?: string;
  mention?: string;
  kinds?: string[];
  /** Sent at this time or later. */
  afterMs?: number;
  beforeMs?: number;
}

/** A message that can be found. */
export interface Found {
  conversationId: string;
  sequence: number;
  messageId: string;
  senderUserId: string;
  sentMs: number;
  kind: string;
  text: string;
  mentions: readonly string[];
}

interface Document extends Found {
  tokens: readonly string[];
}

const TERMS_MAX = 16;
/** Thai, Lao, Myanmar, Khmer, Kana, Han: words are not set apart. */
const ALONE = /[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u{20000}-\u{3ffff}]/u;

/** The terms of a text: a word each, or characters that follow each other. */
export function termsOf(text: string): string[][] {
  const terms: string[][] = [];
  for (const word of text.normalize("NFKC").split(/[^\p{Alphabetic}\p{N}\p{M}]+/u)) {
    let run = "";
    let alone: string[] = [];
    const end = () => {
      const token = folded(run);
      if (token) terms.push([token]);
      if (alone.length > 0) terms.push(alone);
      [run, alone] = ["", []];
    };
    for (const char of word) {
      const stands = ALONE.test(char);
      if (stands ? run !== "" : alone.length > 0) end();
      if (stands) alone.push(char);
      else run += char;
    }
    end();
  }
  return terms;
}

const folded = (word: string): string => word.toLowerCase().normalize("NFD").replaceAll(/\p{M}/gu, "").normalize("NFC");

/** How many letters a word of so many may differ in: short words are all alike. */
export const editsAllowed = (letters: number, asked: number): number => Math.min(letters < 4 ? 0 : letters < 8 ? 1 : 2, asked);

/** Whether one word becomes the other by so many letters inserted, removed, replaced or swapped with their neighbour. */
export function isAlike(one: string, other: string, max: number): boolean {
  const [a, b] = [[...one], [...other]];
  if (Math.abs(a.length - b.length) > max) return false;
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (const [i, letter] of a.entries()) {
    const row = [i + 1];
    for (const [j, opposite] of b.entries()) {
      let least = Math.min((last[j] ?? 0) + (letter === opposite ? 0 : 1), (last[j + 1] ?? 0) + 1, (row[j] ?? 0) + 1);
      if (i > 0 && j > 0 && letter === b[j - 1] && a[i - 1] === opposite) least = Math.min(least, (before[j - 1] ?? 0) + 1);
      row.push(least);
    }
    if (Math.min(...row) > max) return false;
    [before, last] = [last, row];
  }
  return (last.at(-1) ?? 0) <= max;
}

/** The messages of a device, by their words. */
export class SearchIndex {
  private readonly documents = new Map<string, Document>();
  private readonly words = new Map<string, Set<string>>();

  put(found: Found): void {
    const name = nameOf(found.conversationId, found.sequence);
    this.remove(found.conversationId, found.sequence);
    const tokens = termsOf(found.text).flat();
    this.documents.set(name, { ...found, tokens });
    for (const token of tokens) {
      const among = this.words.get(token);
      if (among) among.add(name);
      else this.words.set(token, new Set([name]));
    }
  }

  get(conversationId: string, sequence: number): Found | undefined {
    return this.documents.get(nameOf(conversationId, sequence));
  }

  remove(conversationId: string, sequence: number): void {
    const name = nameOf(conversationId, sequence);
    for (const token of this.documents.get(name)?.tokens ?? []) {
      const among = this.words.get(token);
      among?.delete(name);
      if (among?.size === 0) this.words.delete(token);
    }
    this.documents.delete(name);
  }

  /** Messages that a query finds, the latest first. */
  search(query: SearchQuery, limit: number): Found[] {
    const text = query.text ?? "";
    const terms = termsOf(text).slice(0, TERMS_MAX);
    // Nothing but signs: there is no word of that kind.
    if (terms.length === 0 && text.trim() !== "") return [];
    let names: Set<string> | undefined;
    for (const [at, term] of terms.entries()) {
      const matching = this.having(term, (query.isPrefix ?? false) && at === terms.length - 1, query.editsMax ?? 0);
      names = names ? new Set([...names].filter((name) => matching.has(name))) : matching;
    }
    const found = names ? [...names].flatMap((name) => this.documents.get(name) ?? []) : [...this.documents.values()];
    return found.filter((one) => isWanted(one, query)).sort((one, other) => other.sentMs - one.sentMs || other.sequence - one.sequence)
      .slice(0, limit).map(({ tokens: _, ...one }) => one);
  }

  private having(term: readonly string[], goesOn: boolean, editsMax: number): Set<string> {
    const [first = ""] = term;
    if (term.length > 1) {
      const all = [...(this.words.get(first) ?? [])];
      return new Set(all.filter((name) => follows(this.documents.get(name)?.tokens ?? [], term)));
    }
    const allowed = editsAllowed([...first].length, editsMax);
    const names = new Set(this.words.get(first));
    if (!goesOn && allowed === 0) return names;
    for (const [word, among] of this.words) {
      if ((goesOn && word.startsWith(first)) || (allowed > 0 && isAlike(first, word, allowed))) for (const name of among) names.add(name);
    }
    return names;
  }
}

const nameOf = (conversationId: string, sequence: number): string => `${conversationId}/${sequence}`;

function isWanted(one: Found, query: SearchQuery): boolean {
  return (query.conversationId === undefined || one.conversationId === query.conversationId)
    && (query.fromUserId === undefined || one.senderUserId === query.fromUserId)
    && (query.mention === undefined || one.mentions.includes(query.mention))
    && (!query.kinds || query.kinds.length === 0 || query.kinds.includes(one.kind))
    && (query.afterMs === undefined || one.sentMs >= query.afterMs) && (query.beforeMs === undefined || one.sentMs < query.beforeMs);
}

function follows(tokens: readonly string[], term: readonly string[]): boolean {
  return tokens.some((_, at) => term.every((token, next) => tokens[at + next] === token));
}
