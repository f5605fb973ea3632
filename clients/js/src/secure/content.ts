/** What is inside an application message: `{"v": 1, "kind": …, "body": …}`. */
import type { Bytes } from "./bytes.ts";
import { textOfUtf8, utf8 } from "./bytes.ts";
import { CONTENT_BYTES_MAX } from "./limits.ts";

const VERSION = 1;

/** The content of one message. */
export interface Content {
  /** As the frame's `kind` would be in the clear. */
  kind: string;
  /** What the frame's `payload` would be in the clear. */
  body: unknown;
}

/** A content cannot be written, or what was decrypted is none. */
export class ContentError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ContentError";
  }
}

export function encodeContent({ kind, body }: Content): Bytes {
  const bytes = utf8(JSON.stringify({ v: VERSION, kind, body: body ?? null }));
  if (bytes.length > CONTENT_BYTES_MAX) {
    throw new ContentError(`a content of ${bytes.length} bytes is over the limit of ${CONTENT_BYTES_MAX}`);
  }
  return bytes;
}

export function decodeContent(bytes: Uint8Array): Content {
  let record: unknown;
  try {
    record = JSON.parse(textOfUtf8(bytes));
  } catch {
    throw malformed();
  }
  if (typeof record !== "object" || record === null || !("v" in record) || typeof record.v !== "number") throw malformed();
  if (record.v !== VERSION) throw new ContentError(`the content is of version ${record.v}, which is not known`);
  if (!("kind" in record) || typeof record.kind !== "string" || !("body" in record)) throw malformed();
  return { kind: record.kind, body: record.body };
}

const malformed = () => new ContentError("the content is not JSON with v, kind and body");

/** What can be searched for in a body. */
export function said(body: unknown): string | undefined {
  if (typeof body === "string") return body || undefined;
  const isRecord = typeof body === "object" && body !== null && "text" in body;
  return isRecord && typeof body.text === "string" && body.text !== "" ? body.text : undefined;
}
