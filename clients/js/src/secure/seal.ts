/** Content under a key of its own: chunks that are each authenticated, as `clients/sdk` seals it. The key travels in the message. */
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { base64, type Bytes, concat, fromBase64, random } from "./bytes.ts";
import { Stream, TAG_BYTES } from "./stream.ts";

/** Bytes of content in one chunk; the last has what is left. */
export const CHUNK_BYTES = 64 * 1024;
const KEY_BYTES = 32;
const NONCE_BYTES = 7;
/** Chunks at a stretch, before others have their turn. */
const CHUNKS_AT_ONCE = 16;

/** The key of one content, as the payload of the message has it. */
export interface Sealing {
  key: string;
  nonce: string;
}

/** Content cannot be opened. */
export class SealError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "SealError";
  }
}

/** A new key. Each content has its own: under one key two contents would give each other away. */
export const newSealing = (): Sealing => ({ key: base64(random(KEY_BYTES)), nonce: base64(random(NONCE_BYTES)) });

/** How many chunks content has; empty content has one, so that its end is authenticated as well. */
const chunks = (bytes: number): number => Math.max(1, Math.ceil(bytes / CHUNK_BYTES));

/** The size of sealed content, in bytes. */
export const sealedBytes = (bytes: number): number => bytes + chunks(bytes) * TAG_BYTES;

export async function seal(sealing: Sealing, content: Blob): Promise<Blob> {
  const stream = streamOf(sealing);
  const last = chunks(content.size) - 1;
  const parts: Bytes[] = [];
  for (let at = 0; at <= last; at += 1) {
    if (at % CHUNKS_AT_ONCE === CHUNKS_AT_ONCE - 1) await turn();
    const chunk = new Uint8Array(await content.slice(at * CHUNK_BYTES, (at + 1) * CHUNK_BYTES).arrayBuffer());
    parts.push(stream.seal(chunk, at, at === last));
  }
  return new Blob(parts, { type: "application/octet-stream" });
}

/** Opens content of this size. What is not as it was sealed is an error. */
export async function unseal(sealing: Sealing, sealed: Bytes, size: number): Promise<Bytes> {
  if (!Number.isSafeInteger(size) || sealed.length !== sealedBytes(size)) throw damaged();
  const stream = streamOf(sealing);
  const last = chunks(size) - 1;
  const parts: Bytes[] = [];
  for (let at = 0; at <= last; at += 1) {
    if (at % CHUNKS_AT_ONCE === CHUNKS_AT_ONCE - 1) await turn();
    const chunk = sealed.subarray(at * (CHUNK_BYTES + TAG_BYTES), (at + 1) * (CHUNK_BYTES + TAG_BYTES));
    const plain = stream.open(chunk, at, at === last);
    if (!plain) throw damaged();
    parts.push(plain);
  }
  return concat(...parts);
}

const damaged = () => new SealError("the content is damaged, or the key is of another");
const turn = () => new Promise<void>((resolve) => setTimeout(resolve));

function streamOf({ key, nonce }: Sealing): Stream {
  const [keyBytes, nonceBytes] = [fromBase64(String(key)), fromBase64(String(nonce))];
  if (keyBytes?.length !== KEY_BYTES) throw new SealError("the key of the content is not of 32 bytes");
  if (nonceBytes?.length !== NONCE_BYTES) throw new SealError("the nonce of the content is not of 7 bytes");
  return new Stream(chacha20poly1305, keyBytes, nonceBytes);
}
