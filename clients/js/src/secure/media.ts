/** Media that only the members of a conversation can open: sealed here, and its key is in the message. */
import { RequestError } from "../engine.ts";
import type { Http } from "../http.ts";
import { addressOf, upload } from "../media.ts";
import { CHUNK_BYTES, newSealing, seal, type Sealing, sealedBytes, unseal } from "./seal.ts";

/** What the payload of a message says of its media. */
export interface Attachment {
  v: 1;
  name?: string;
  mime: string;
  /** In bytes, before it was sealed. */
  size: number;
  sealing?: Sealing;
  chunkBytes?: number;
}

/** Seals content and uploads it for a conversation. Answers its handle, and what the message is to say of it. */
export async function uploadSealed(
  calls: Http, conversationId: string, content: Blob, name: string | undefined, progress: (part: number) => void = () => {}, signal?: AbortSignal,
): Promise<{ mediaHandle: string; media: Attachment }> {
  const sealing = newSealing();
  const mime = content.type || "application/octet-stream";
  const mediaHandle = await upload(calls, conversationId, await seal(sealing, content), progress, signal);
  return { mediaHandle, media: { v: 1, ...(name === undefined ? {} : { name }), mime, size: content.size, sealing, chunkBytes: CHUNK_BYTES } };
}

/** Downloads and opens sealed content. */
export async function openSealed(calls: Http, mediaHandle: string, media: Attachment): Promise<Blob> {
  const { sealing, size, mime, chunkBytes } = media;
  if (!sealing) throw new RequestError("the content is not sealed");
  if (chunkBytes !== undefined && chunkBytes !== CHUNK_BYTES) throw new RequestError("the content is sealed in a way that is not known");
  const sealed = await download(calls, mediaHandle, sealedBytes(size));
  return new Blob([await unseal(sealing, sealed, size)], { type: mime });
}

/** Content as it lies in storage. */
export async function download(calls: Http, handle: string, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(await addressOf(calls, handle));
  if (!response.ok) throw new RequestError(`storage answered ${response.status}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (bytes.length > bytesMax) throw new RequestError("the content is larger than it should be");
  return bytes;
}
