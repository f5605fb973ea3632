import { expect, it } from "vitest";
import { fold, type LogEntry, MemoryStore, searchStore, Timeline } from "../../src/index.ts";
import { CONVERSATION, entry } from "./support.ts";

const about = (sequence: number, target: number, more: object) =>
  entry(sequence, { targetMessageId: `m:${target}`, payload: null, ...more });

/** A log of every kind of entry, the same in each run. */
function log(length: number): LogEntry[] {
  let state = 7;
  const chance = (below: number) => (state = (state * 1103515245 + 12345) % 2147483648) % below;
  return Array.from({ length }, (_, index) => {
    const sequence = index + 1;
    const target = 1 + chance(Math.max(1, index));
    switch (index < 3 ? 0 : chance(7)) {
      case 1: return about(sequence, target, { event: "edit", payload: `edit ${sequence}` });
      case 2: return about(sequence, target, { event: "delete" });
      case 3: return about(sequence, target, { event: "reaction", reaction: "👍", senderUserId: `u${chance(3)}` });
      case 4: return about(sequence, target, { event: "pin" });
      default: return entry(sequence, chance(9) === 0 ? { ttlSeconds: 10 } : {});
    }
  });
}

it("shows what the whole log folds to, however the log comes", () => {
  const entries = log(400);
  const whole = fold(entries, 0);
  const orders: LogEntry[][][] = [
    entries.map((one) => [one]),
    // Pages, the latest first.
    Array.from({ length: 8 }, (_, page) => entries.slice(page * 50, page * 50 + 50)).reverse(),
    // The middle, then both ends, with what is there already.
    [entries.slice(150, 250), entries.slice(240), entries.slice(0, 160)],
    [entries, entries],
  ];
  for (const order of orders) {
    const timeline = new Timeline();
    for (const page of order) timeline.add(page, 0);
    expect(timeline.messages).toEqual(whole);
    expect([timeline.floor, timeline.top, timeline.isEmpty]).toEqual([1, 400, false]);
  }
});

it("tells what has changed, and leaves the other messages as they are", () => {
  const timeline = new Timeline();
  timeline.add([entry(1), entry(2)]);
  const [first] = timeline.messages;
  const changed = timeline.add([about(3, 2, { event: "reaction", reaction: "👍" }), about(4, 99, { event: "pin" })]);
  expect(changed.map((one) => one.messageId)).toEqual(["m:2"]);
  expect(timeline.messages[0]).toBe(first);
  timeline.remove("m:1");
  expect(timeline.messages).toEqual(changed);
});

it("takes the content from what has expired, and tells when the next does", () => {
  const timeline = new Timeline();
  timeline.add([entry(1, { ts: 0, ttlSeconds: 10 }), entry(2, { ts: 0, ttlSeconds: 20 }), entry(3)], 0);
  expect(timeline.expire(10_000)).toBe(20_000);
  expect(timeline.messages.map((one) => one.gone)).toEqual(["expired", undefined, undefined]);
  expect(timeline.expire(20_000)).toBeUndefined();
});

it("finds words in the whole store, as they were edited and not where they are gone", async () => {
  const store = new MemoryStore();
  const entries = Array.from({ length: 1200 }, (_, index) => entry(index + 1));
  entries[0] = entry(1, { payload: "Crème brûlée at noon" });
  entries[1] = entry(2, { payload: "brulee, taken back" });
  entries[2] = entry(3, { payload: "something else", senderUserId: "alice" });
  entries[3] = entry(4, { kind: "image", payload: { media: { v: 1, name: "Brûlée.jpg" } } });
  entries[1100] = about(1101, 2, { event: "delete" });
  entries[1101] = about(1102, 3, { event: "edit", payload: "brulee of my own", senderUserId: "alice" });
  await store.putEntries(entries, { conversationId: CONVERSATION, floor: 1, held: 1200 });
  const found = async (wanted: object) => (await searchStore(store, wanted)).map((one) => one.sequence);
  expect(await found({ text: "BRULEE" })).toEqual([4, 3, 1]);
  expect(await found({ text: "noon brulee" })).toEqual([1]);
  expect(await found({ text: "brulee", senderUserId: "alice" })).toEqual([3]);
  expect(await found({ kind: "image" })).toEqual([4]);
  expect(await found({ text: "brulee", since: 3, until: 4 })).toEqual([3]);
  expect(await found({ text: "brulee", conversationId: "u:alice|u:carol" })).toEqual([]);
  expect(await found({ text: "text", limit: 2 })).toEqual([1200, 1199]);
});
