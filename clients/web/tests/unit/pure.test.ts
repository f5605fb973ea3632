import { expect, it } from "vitest";
import { Heights } from "../../src/heights.ts";
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
