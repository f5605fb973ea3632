/** The key of an archive, as a person can read it: 52 letters, the last with a check sum. As `clients/vault` writes it. */
import { type Bytes, random, sha256 } from "./bytes.ts";

/** Crockford's: no letter looks like a digit. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const KEY_BYTES = 32;
const LETTERS = 52;

/** A text is no recovery key. */
export class RecoveryKeyError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "RecoveryKeyError";
  }
}

export const newRecoveryKey = (): Bytes => random(KEY_BYTES);

/** As it is shown: 52 letters in groups of four. */
export async function revealRecoveryKey(key: Bytes): Promise<string> {
  let letters = "";
  let bits = 0;
  let held = 0;
  for (const byte of key) {
    bits = ((bits << 8) | byte) & 0xffff;
    held += 8;
    while (held >= 5) {
      held -= 5;
      letters += ALPHABET[(bits >> held) & 31];
    }
  }
  // One bit is left: with the check sum, a whole letter.
  letters += ALPHABET[((bits << 4) | (await checkSum(key))) & 31];
  return letters.match(/.{4}/g)?.join("-") ?? "";
}

/** Reads what a person typed: case, spaces and hyphens do not matter, and O, I and L are the digits that they look like. */
export async function parseRecoveryKey(text: string): Promise<Bytes> {
  const values = [...text.replaceAll(/[\s-]/g, "").toUpperCase()].map((letter) => {
    const value = ALPHABET.indexOf(letter === "O" ? "0" : letter === "I" || letter === "L" ? "1" : letter);
    if (value < 0) throw new RecoveryKeyError(`a recovery key has no “${letter}” in it`);
    return value;
  });
  if (values.length !== LETTERS) throw new RecoveryKeyError(`a recovery key has ${LETTERS} letters, and this has ${values.length}`);
  const key = new Uint8Array(KEY_BYTES);
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const value of values) {
    bits = ((bits << 5) | value) & 0xffff;
    held += 5;
    if (held >= 8 && at < KEY_BYTES) {
      held -= 8;
      key[at] = bits >> held;
      at += 1;
    }
  }
  if ((bits & 15) !== (await checkSum(key))) throw new RecoveryKeyError("the recovery key is mistyped");
  return key;
}

async function checkSum(key: Bytes): Promise<number> {
  return ((await sha256(key))[0] ?? 0) & 15;
}
