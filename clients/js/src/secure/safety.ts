/** Safety numbers: 60 digits that two people compare, to see that nobody sits between them. As `clients/mls` makes them. */
import { sha512 } from "@noble/hashes/sha2.js";
import { compare, concat, equal, utf8 } from "./bytes.ts";

/** How often each half is hashed: what makes trying keys until one looks alike expensive. */
const ITERATIONS = 5_200;
const VERSION = new Uint8Array([0, 0]);
const HALF_BYTES = 30;
const GROUP = 5;

/**
 * The number of two users, each with the identity keys of all their devices, in any order; the same on both sides. Each half is Signal's
 * numeric fingerprint, version 0, over a user's name and sorted keys; the smaller half stands first.
 */
export function safetyNumber(one: [user: string, keys: readonly Uint8Array[]], other: [user: string, keys: readonly Uint8Array[]]): string {
  return [half(...one), half(...other)].sort().join("");
}

function half(user: string, keys: readonly Uint8Array[]): string {
  const sorted = [...keys].sort(compare).filter((key, at, all) => at === 0 || !equal(key, all[at - 1] ?? key));
  return halfOf(user, concat(...sorted));
}

/** One half of Signal's numeric fingerprint. */
export function halfOf(user: string, keys: Uint8Array): string {
  let hash = sha512(concat(VERSION, keys, utf8(user), keys));
  for (let round = 1; round < ITERATIONS; round += 1) hash = sha512(concat(hash, keys));
  let digits = "";
  for (let at = 0; at < HALF_BYTES; at += GROUP) {
    const number = hash.subarray(at, at + GROUP).reduce((sum, byte) => sum * 256 + byte, 0);
    digits += String(number % 100_000).padStart(GROUP, "0");
  }
  return digits;
}
