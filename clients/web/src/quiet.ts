/** When nothing is to be shown, as the service sees it for pushes. */
import type { http } from "@tidings/client";

type Settings = http.components["schemas"]["UserSettings"];

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1440;

export function isQuiet({ quietUntil = 0, quietHours }: Settings, now = Date.now()): boolean {
  if (quietUntil > now) return true;
  if (!quietHours) return false;
  const { fromMinute, toMinute, days, utcOffsetMinutes } = quietHours;
  const local = new Date(now + utcOffsetMinutes * MINUTE_MS);
  const minute = local.getUTCHours() * 60 + local.getUTCMinutes();
  const lasts = toMinute > fromMinute ? toMinute - fromMinute : toMinute - fromMinute + DAY_MINUTES;
  // 1 is Monday; hours that go past midnight belong to the day on which they began.
  const today = local.getUTCDay() === 0 ? 7 : local.getUTCDay();
  const yesterday = today === 1 ? 7 : today - 1;
  const since = minute - fromMinute;
  return (days.includes(today) && since >= 0 && since < lasts) || (days.includes(yesterday) && since + DAY_MINUTES < lasts);
}
