/** Milliseconds of a clock that only goes forward. */
export type Moment = number;

/** The earlier of two moments, either of which there may be none of. */
export function earliest(one: Moment | undefined, other: Moment | undefined): Moment | undefined {
  if (one === undefined) return other;
  return other === undefined ? one : Math.min(one, other);
}
