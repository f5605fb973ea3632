/**
 * An archive: the history of a device, under a key. The form is that of the backups of `clients/vault`: rows of JSON, one a line, in chunks
 * of XChaCha20-Poly1305. It has what was said, and nothing of MLS: two devices with the same keys would use them twice.
 */
import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { type Bytes, concat, equal, random, textOfUtf8, utf8 } from "./bytes.ts";
import { Stream, TAG_BYTES } from "./stream.ts";

/** What it is, and the version of its form. */
const MAGIC = concat(utf8("TidingsBackup"), new Uint8Array([0, 0, 1]));
const SALT_BYTES = 32;
const KEY_BYTES = 32;
const NONCE_BYTES = 19;
const CHUNK_BYTES = 64 * 1024;

/** A message as an archive has it. */
export interface MessageRow {
  row: "message";
  conversationId: string;
  sequence: number;
  messageId: string;
  senderUserId: string;
  senderDeviceId: string;
  sentMs: number;
  kind: string;
  body: unknown;
  text: string | null;
  mentions: string[];
}

/** A line of an archive. */
export type Row =
  | { row: "conversation"; id: string; title: string | null; cursor: number; readUpTo: number }
  | MessageRow
  | { row: "verified"; userId: string; safetyNumber: string; verifiedMs: number };

/** An archive cannot be opened. */
export class ArchiveError extends Error {
  /** It is not one, or the key is of another. */
  readonly isOfAnother: boolean;

  constructor(message: string, isOfAnother = false) {
    super(message);
    this.name = "ArchiveError";
    this.isOfAnother = isOfAnother;
  }
}

export async function sealArchive(key: Bytes, rows: Iterable<Row>): Promise<Bytes> {
  const salt = random(SALT_BYTES);
  const stream = await streamOf(key, salt);
  const plain = utf8([...rows].map((row) => `${JSON.stringify(row)}\n`).join(""));
  // The last chunk is sealed as such, and is never empty but in an empty archive.
  const last = Math.max(0, Math.ceil(plain.length / CHUNK_BYTES) - 1);
  const parts: Bytes[] = [MAGIC, salt];
  for (let at = 0; at <= last; at += 1) {
    parts.push(stream.seal(plain.subarray(at * CHUNK_BYTES, (at + 1) * CHUNK_BYTES), at, at === last));
  }
  return concat(...parts);
}

/** The rows of an archive, all of them or none. */
export async function openArchive(key: Bytes, archive: Bytes): Promise<Row[]> {
  const version = MAGIC.length - 1;
  if (!equal(archive.subarray(0, version), MAGIC.subarray(0, version))) throw new ArchiveError("this is no archive", true);
  if (archive[version] !== MAGIC[version]) throw new ArchiveError(`the archive is of version ${archive[version]}, which is not known`);
  const start = MAGIC.length + SALT_BYTES;
  const stream = await streamOf(key, archive.slice(MAGIC.length, start));
  const parts: Bytes[] = [];
  for (let at = start, position = 0; ; at += CHUNK_BYTES + TAG_BYTES, position += 1) {
    const chunk = archive.subarray(at, at + CHUNK_BYTES + TAG_BYTES);
    const isLast = at + chunk.length >= archive.length;
    const plain = stream.open(chunk, position, isLast);
    if (!plain) throw new ArchiveError("the key is wrong, or the archive is damaged or cut off", true);
    parts.push(plain);
    if (isLast) break;
  }
  return textOfUtf8(concat(...parts)).split("\n").filter(Boolean).map(rowOf);
}

function rowOf(line: string): Row {
  let row: Partial<Record<string, unknown>> | null;
  try {
    row = JSON.parse(line);
  } catch {
    row = null;
  }
  const strings = (...fields: string[]) => fields.every((field) => typeof row?.[field] === "string");
  const counts = (...fields: string[]) => fields.every((field) => Number.isSafeInteger(row?.[field]) && (row?.[field] as number) >= 0);
  const isSound = {
    conversation: () => strings("id") && counts("cursor", "readUpTo"),
    message: () => strings("conversationId", "messageId", "senderUserId", "senderDeviceId", "kind") && counts("sequence", "sentMs")
      && Array.isArray(row?.["mentions"]),
    verified: () => strings("userId", "safetyNumber") && counts("verifiedMs"),
  }[String(row?.["row"])];
  if (!isSound?.()) throw new ArchiveError("the archive has a row that is none");
  return row as unknown as Row;
}

async function streamOf(key: Bytes, salt: Bytes): Promise<Stream> {
  const base = await crypto.subtle.importKey("raw", key, "HKDF", false, ["deriveBits"]);
  const bits = await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info: MAGIC }, base, (KEY_BYTES + NONCE_BYTES) * 8);
  const bytes = new Uint8Array(bits);
  return new Stream(xchacha20poly1305, bytes.slice(0, KEY_BYTES), bytes.slice(KEY_BYTES));
}
