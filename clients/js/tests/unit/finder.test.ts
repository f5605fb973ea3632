import { expect, it } from "vitest";
import { type FinderConfig, Finder, type FoundPage, Http, MemoryStore, searchService, searchStore, serviceWords, type Wanted } from "../../src/index.ts";
import { searchDevice } from "../../src/secure/index.ts";
import { CONVERSATION, entry } from "./support.ts";

const hit = (sequence: number, ts = sequence) => ({
  conversationId: CONVERSATION, messageId: `m:${sequence}`, sequence, senderUserId: "bob", ts, kind: "text", snippet: `text ${sequence}`, highlights: [{ start: 0, length: 4 }],
});

/** A service that has pages, each asked for by the number of the one before. */
function service(pages: (ReturnType<typeof hit>[] | number)[]) {
  const asked: Record<string, string>[] = [];
  const http = new Http({
    url: "http://service/v1", deviceId: "web", token: () => "t",
    fetch: async (input) => {
      const query = Object.fromEntries(new URL(String(input)).searchParams);
      asked.push(query);
      const at = Number(query["cursor"] ?? 0);
      const page = pages[at] ?? [];
      if (typeof page === "number") return new Response(JSON.stringify({ type: "error", code: "unavailable", message: "not now" }), { status: page });
      return new Response(JSON.stringify({ hits: page, ...(at + 1 < pages.length ? { next: String(at + 1) } : {}) }));
    },
  });
  return { http, asked };
}

async function storeOf(sequences: readonly number[]) {
  const store = new MemoryStore();
  await store.putEntries(sequences.map((one) => entry(one)), { conversationId: CONVERSATION, floor: 1, held: Math.max(...sequences, 0) });
  return (wanted: Wanted) => searchStore(store, wanted);
}

const shownOf = ({ found }: FoundPage) => found.map((one) => (one.is === "here" ? `${one.message.sequence}` : `(${one.hit.sequence})`)).join(" ");

async function pagesOf(config: FinderConfig): Promise<string[]> {
  const finder = new Finder(config);
  const pages: string[] = [];
  for (let page = await finder.next(); ; page = await finder.next()) {
    pages.push(shownOf(page));
    if (!page.hasMore || pages.length > 20) return pages;
  }
}

it("says words as the service wants them said", () => {
  const words = (text: string, isPrefix: boolean, editsMax: number) => serviceWords(text, { isPrefix, editsMax });
  expect(words("a kettle of darjeeling te", true, 2)).toBe("a kettle~1 of darjeeling~2 te*");
  expect(words("kettle", false, 0)).toBe("kettle");
  expect(words('"a~ cup*" -of t', true, 1)).toBe("a cup of t");
  expect(words("e-mail 東京 naïve ... --", true, 2)).toBe("e-mail 東京 naïve");
});

it("asks the service for what is wanted, and not for signs", async () => {
  const { http, asked } = service([[hit(1)]]);
  await searchService(http, { text: "tea", conversationId: CONVERSATION, senderUserId: "bob", kind: "image", since: 5, until: 9, limit: 7, cursor: "0", isPrefix: true });
  expect(asked).toEqual([{ q: "tea*", conversationId: CONVERSATION, from: "bob", kind: "image", after: "5", before: "9", order: "recent", cursor: "0", limit: "7" }]);
  expect(await searchService(http, { text: " --- " })).toEqual({ hits: [] });
  expect(asked.length).toBe(1);
});

it("refuses what cannot be meant, by name, before anybody is asked", async () => {
  const { http, asked } = service([]);
  const here = await storeOf([]);
  for (const [wanted, said] of [[{ limit: 0 }, /`limit`/], [{ limit: 1.5 }, /`limit`/], [{ since: -1 }, /`since`/], [{ until: NaN }, /`until`/], [{ since: 9, until: 9 }, /`since` is to be before/]] as const) {
    await expect(searchService(http, wanted)).rejects.toThrow(said);
    expect(() => new Finder({ http, here, wanted })).toThrow(said);
  }
  await expect(searchService(http, { limit: 51 })).rejects.toThrow("`limit` is to be a whole number from 1 to 50, and is 51");
  expect(asked).toEqual([]);
});

it("shows what is here and there once, the latest first, over pages of either", async () => {
  const here = await storeOf([2, 3, 6, 8]);
  // The service cuts its pages elsewhere, and one of them is empty.
  const { http, asked } = service([[hit(9), hit(8)], [hit(7), hit(6)], [], [hit(5), hit(3)], [hit(1)]]);
  expect(await pagesOf({ http, here, wanted: { text: "text", limit: 3 } })).toEqual(["(9) 8 (7)", "6 (5) 3", "2 (1)"]);
  expect(asked.map((query) => [query["q"], query["limit"], query["cursor"]])).toEqual([undefined, "1", "2", "3", "4"].map((cursor) => ["text*", "3", cursor]));
});

it("goes on where the service has looked in vain, and ends", async () => {
  const { http, asked } = service([[], [], [], [], [], [hit(1)]]);
  const finder = new Finder({ http, here: await storeOf([2]), wanted: { limit: 5 } });
  const first = await finder.next();
  expect([shownOf(first), first.hasMore, asked.length]).toEqual(["2", true, 4]);
  const second = await finder.next();
  expect([shownOf(second), second.hasMore]).toEqual(["(1)", false]);
});

it("finds what is here where the service fails, says why, and asks again", async () => {
  const pages: Parameters<typeof service>[0] = [503];
  const { http } = service(pages);
  const finder = new Finder({ http, here: await storeOf([1, 2, 3]), wanted: { limit: 2 } });
  const page = await finder.next();
  expect([shownOf(page), page.hasMore, page.serviceError?.message]).toEqual(["3 2", true, "not now"]);
  pages[0] = [hit(4), hit(1)];
  const next = await finder.next();
  expect([shownOf(next), next.hasMore, next.serviceError]).toEqual(["(4) 1", false, undefined]);
});

it("does not tell the service where that is not wanted, and ends with its signal", async () => {
  const { http, asked } = service([[hit(9)]]);
  const here = await storeOf([1, 2]);
  expect(await pagesOf({ http, here, wanted: { text: "text" }, asksService: false })).toEqual(["2 1"]);
  expect(asked).toEqual([]);
  const aborter = new AbortController();
  aborter.abort(new Error("typed on"));
  await expect(new Finder({ http, here: async () => [], wanted: { text: "text", signal: aborter.signal } }).next()).rejects.toThrow("typed on");
});

it("searches an encrypted device by its index and by its store, each message once", async () => {
  const store = new MemoryStore();
  const media = entry(3, { kind: "doc", payload: { media: { v: 1, name: "kettle.pdf" } } });
  await store.putEntries([entry(1, { payload: "the kettle" }), entry(2, { payload: { text: "a ketle" }, opened: true, epoch: 1 }), media], { conversationId: CONVERSATION, floor: 1, held: 3 });
  const found = (sequence: number, text: string) => ({ conversationId: CONVERSATION, sequence, messageId: `m:${sequence}`, senderUserId: "bob", sentMs: sequence, kind: "text", text, mentions: [] });
  const queries: unknown[] = [];
  const index = async (query: unknown, limit: number) => {
    queries.push([query, limit]);
    return [found(2, "a ketle"), found(1, "the kettle")];
  };
  const all = await searchDevice(store, index, { text: "kettle", limit: 5, since: 1 });
  expect(all.map((one) => one.sequence)).toEqual([3, 2, 1]);
  expect(queries).toEqual([[{ text: "kettle", isPrefix: true, editsMax: 1, kinds: [], afterMs: 1 }, 5]]);
  expect((await searchDevice(store, index, { kind: "doc" })).map((one) => one.sequence)).toEqual([3]);
  expect(queries.length).toBe(1);
});
