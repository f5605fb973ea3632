import { expect, it } from "vitest";
import { Heights } from "../../src/heights.ts";
import { highlighted, marked } from "../../src/found.tsx";
import { isQuiet } from "../../src/quiet.ts";

it("sums heights as a walk through the list would, also as they become known", () => {
  let state = 3;
  const chance = (below: number) => (state = (state * 1103515245 + 12345) % 2147483648) % below;
  const keys = Array.from({ length: 777 }, (_, index) => `k${index}`);
  const known = new Map(keys.map((key) => [key, 20 + chance(80)]));
  const heights = new Heights((key) => known.get(key)!);
  heights.use(keys);
  for (let turn = 0; turn < 300; turn += 1) {
    const key = keys[chance(keys.length)]!;
    const height = 10 + chance(300);
    expect(heights.measured(key, height)).toBe(known.get(key) !== height);
    known.set(key, height);
  }
  let sum = 0;
  keys.forEach((key, index) => {
    expect(heights.offset(index)).toBe(sum);
    expect(heights.at(sum)).toBe(index);
    sum += known.get(key)!;
    expect(heights.at(sum - 1)).toBe(index);
  });
  expect(heights.total).toBe(sum);
  expect([heights.at(-5), heights.at(sum + 5)]).toEqual([0, 776]);
  // An earlier page comes: what was measured stays so.
  heights.use(["new", ...keys]);
  expect(heights.offset(2)).toBe(heights.offset(1) + known.get("k0")!);
  expect(heights.indexOf("k776")).toBe(777);
  heights.use([]);
  expect([heights.total, heights.at(0), heights.measured("k1", 5)]).toEqual([0, 0, false]);
});

/** Monday, the fifth of January 1970, in minutes. */
const at = (day: number, hour: number, minute = 0) => ((4 + day) * 1440 + hour * 60 + minute) * 60_000;
const hours = (fromMinute: number, toMinute: number, days = [1], utcOffsetMinutes = 0) => ({ quietHours: { fromMinute, toMinute, days, utcOffsetMinutes } });

it("keeps quiet in the hours that were set, past midnight and by the user's clock", () => {
  const night = hours(22 * 60, 7 * 60);
  expect([at(0, 21, 59), at(0, 22), at(1, 6, 59), at(1, 7), at(1, 22), at(0, 3)].map((now) => isQuiet(night, now))).toEqual([false, true, true, false, false, false]);
  const noon = hours(12 * 60, 13 * 60, [7]);
  expect([at(6, 12), at(6, 13), at(5, 12)].map((now) => isQuiet(noon, now))).toEqual([true, false, false]);
  // The whole of a Monday, two hours ahead of UTC.
  const day = hours(0, 0, [1], 120);
  expect([at(-1, 22), at(0, 21, 59), at(0, 22)].map((now) => isQuiet(day, now))).toEqual([true, true, false]);
  expect([isQuiet({ quietUntil: at(0, 1) }, at(0, 0)), isQuiet({ quietUntil: at(0, 1) }, at(0, 1)), isQuiet({}, at(0, 0))]).toEqual([true, false, false]);
});

/** A view in words: what is marked stands in brackets. */
function wordsOf(view: unknown): string {
  if (Array.isArray(view)) return view.map(wordsOf).join("");
  if (typeof view === "string") return view;
  const { type, props } = (view || { props: {} }) as { type?: unknown; props: { children?: unknown } };
  const inner = props.children === undefined ? "" : wordsOf(props.children);
  return type === "mark" ? `[${inner}]` : inner;
}

it("marks what was found, by words and by what the service names, whatever stands before it", () => {
  expect(wordsOf(marked("🍵👍🏽 tea & <b>tea</b>", [{ start: 4, length: 3 }, { start: 13, length: 3 }]))).toBe("🍵👍🏽 [tea] & <b>[tea]</b>");
  expect(wordsOf(marked("no stretch", []))).toBe("no stretch");
  expect(wordsOf(marked("tea", [{ start: 1, length: 99 }]))).toBe("t[ea]");
  const long = `${"x".repeat(50)} kettle`;
  expect(wordsOf(marked(long, [{ start: 51, length: 6 }]))).toBe(`…${"x".repeat(29)} [kettle]`);
  expect(wordsOf(highlighted(long, ["kettle"]))).toBe(`…${"x".repeat(29)} [kettle]`);
  expect(wordsOf(highlighted("Crème brûlée", ["brulee", "creme"]))).toBe("[Crème] [brûlée]");
});
