/** How long to wait before the next try. */
import type { Moment } from "./time.ts";

/** A random part of `base · 2^failures`, itself at most `cap`. `chance` is between 0 and 1. */
export function fullJitter(baseMs: number, capMs: number, failures: number, chance: number): number {
  return Math.min(baseMs * 2 ** Math.min(failures, 40), capMs) * Math.min(Math.max(chance, 0), 1);
}

/** Exponential backoff with full jitter, forgotten after a stable time. */
export class Backoff {
  private failures = 0;
  private upSince: Moment | undefined;

  constructor(
    private readonly baseMs = 250,
    private readonly capMs = 30_000,
    private readonly stableAfterMs = 20_000,
  ) {}

  /** The connection is ready. */
  up(now: Moment): void {
    this.upSince = now;
  }

  /**
   * The connection is lost or was not made. One that dies at once, again and again, must not be made
   * again at full speed, so only a stable one resets the count.
   */
  down(now: Moment, chance: number): number {
    if (this.upSince !== undefined && now - this.upSince >= this.stableAfterMs) this.failures = 0;
    this.upSince = undefined;
    const delay = fullJitter(this.baseMs, this.capMs, this.failures, chance);
    this.failures += 1;
    return delay;
  }

  /** The world has changed, such as that the network is back: the next try is made at once. */
  forget(): void {
    this.failures = 0;
  }
}
