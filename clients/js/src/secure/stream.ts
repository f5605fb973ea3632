/** STREAM (Hoang, Reyhanitabar, Rogaway, Vizár) over an AEAD: each chunk is authenticated with its number and whether it is the last. */
import { type Bytes, concat } from "./bytes.ts";

const CHUNKS_MAX = 2 ** 32;
/** What a chunk grows by. */
export const TAG_BYTES = 16;

interface Cipher {
  encrypt(plain: Uint8Array): Uint8Array;
  decrypt(sealed: Uint8Array): Uint8Array;
}

/** The cipher for each chunk: `BE32`, the number as four bytes, then whether it is the last. */
export class Stream {
  constructor(
    private readonly cipher: (key: Uint8Array, nonce: Uint8Array) => Cipher, private readonly key: Uint8Array, private readonly nonce: Uint8Array,
  ) {}

  seal(chunk: Uint8Array, at: number, isLast: boolean): Bytes {
    return concat(this.at(at, isLast).encrypt(chunk));
  }

  /** None where the chunk is not what was sealed at this place. */
  open(chunk: Uint8Array, at: number, isLast: boolean): Bytes | undefined {
    try {
      return concat(this.at(at, isLast).decrypt(chunk));
    } catch {
      return undefined;
    }
  }

  private at(at: number, isLast: boolean): Cipher {
    if (at >= CHUNKS_MAX) throw new RangeError("the content is too large");
    const place = new Uint8Array(5);
    new DataView(place.buffer).setUint32(0, at);
    place[4] = isLast ? 1 : 0;
    return this.cipher(this.key, concat(this.nonce, place));
  }
}
