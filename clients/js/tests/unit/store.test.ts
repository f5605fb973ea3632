import "fake-indexeddb/auto";
import { describe, expect, it } from "vitest";
import { IndexedDbStore, MemoryStore, type EntryFrame, type Store } from "../../src/index.ts";
import { CONVERSATION, entry } from "./support.ts";

const pending = (clientMsgId: string, attempt?: number): EntryFrame => ({
  type: "message.send", conversationId: CONVERSATION, clientMsgId, payload: "x", ts: 1, ...(attempt ? { attempt } : {}),
});

const stores: [string, () => Promise<Store>][] = [
  ["memory", async () => new MemoryStore()],
  ["IndexedDB", () => IndexedDbStore.open(`test-${Math.random()}`)],
];

describe.each(stores)("the store in %s", (_, open) => {
  it("keeps entries with their place, and answers those before a sequence in order", async () => {
    const store = await open();
    const place = { conversationId: CONVERSATION, floor: 1, held: 9 };
    await store.putEntries([entry(2), entry(1), entry(9), entry(10, { conversationId: "g:other" })].slice(0, 3), place);
    expect((await store.entries(CONVERSATION, 9, 10)).map((one) => one.sequence)).toEqual([1, 2]);
    expect((await store.entries(CONVERSATION, 99, 2)).map((one) => one.sequence)).toEqual([2, 9]);
    expect(await store.entries("g:other", 99, 2)).toEqual([]);
    expect(await store.places()).toEqual([place]);
  });

  it("keeps the queue in its order, also when an entry is written again", async () => {
    const store = await open();
    for (const name of ["z", "a", "m"]) await store.putPending(pending(name));
    await store.putPending(pending("z", 2));
    await store.deletePending("a");
    expect((await store.pending()).map((frame) => [frame.clientMsgId, frame.attempt])).toEqual([["z", 2], ["m", undefined]]);
  });

  it("forgets all of it", async () => {
    const store = await open();
    await store.putPending(pending("a"));
    await store.set("name", 1);
    await store.clear();
    expect([await store.pending(), await store.get("name")]).toEqual([[], undefined]);
    store.close();
  });
});
