/** Content in object storage: up by signed requests, down by a signed address. */
import type { http } from "./frames.ts";
import { CallError, type Http, path } from "./http.ts";

type Schemas = http.components["schemas"];

/** Larger content is refused: its hash is made in memory. */
export const UPLOAD_BYTES_MAX = 256 * 1024 * 1024;
/** What is signed in one call. */
const PARTS_SIGNED_MAX = 16;
const PART_TRIES = 4;
const READY_TRIES = 120;
const READY_PAUSE_MS = 500;

/** Content could not be uploaded. */
export class MediaError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "MediaError";
  }
}

/**
 * Uploads content for a conversation and answers its handle, when the service has looked at it. `progress` is told from 0 to 1. What `signal`
 * cancels is given up at the service too. Where an upload of the same content was cut off, only the parts that are missing go up.
 */
export async function upload(
  calls: Http, conversationId: string, content: Blob, progress: (part: number) => void = () => {}, signal?: AbortSignal,
): Promise<string> {
  if (content.size === 0) throw new MediaError("the file is empty");
  if (content.size > UPLOAD_BYTES_MAX) throw new MediaError(`the file is larger than ${UPLOAD_BYTES_MAX / 1024 / 1024} MB`);
  const mime = content.type || "application/octet-stream";
  const begun = await calls.call<Schemas["Presigned"]>(
    "POST", "/media/presign", { body: { conversationId, mime, size: content.size, sha256: await sha256Of(content) } });
  try {
    signal?.throwIfAborted();
    if (begun.upload) await put(begun.upload, content, (sent) => progress(sent / content.size), signal);
    else if (begun.multipart && begun.status !== "ready") await putParts(calls, begun.mediaHandle, begun.multipart, content, progress, signal);
    return await ready(calls, begun.mediaHandle, signal);
  } catch (error) {
    // What nobody refers to is collected in any case; this only spares the wait.
    if (signal?.aborted) await calls.call("DELETE", path`/media/${begun.mediaHandle}`).catch(() => undefined);
    throw error;
  }
}

/** Where content can be read for some minutes. */
export async function addressOf(calls: Http, handle: string): Promise<string> {
  const info = await calls.call<Schemas["MediaInfo"]>("GET", path`/media/${handle}`);
  if (!info.url) throw new MediaError(`the content is ${info.status}`);
  return info.url;
}

/** Waits until the service has looked at the content. */
async function ready(calls: Http, handle: string, signal: AbortSignal | undefined): Promise<string> {
  for (let tries = 0; tries < READY_TRIES; tries += 1) {
    signal?.throwIfAborted();
    const info = await calls.call<Schemas["MediaInfo"]>("GET", path`/media/${handle}`);
    if (info.status === "ready") return handle;
    if (info.status === "refused") throw new MediaError(`the file was refused: ${info.reason ?? "no reason"}`);
    await new Promise((resolve) => setTimeout(resolve, READY_PAUSE_MS));
  }
  throw new MediaError("the file was not looked at in time");
}

/** Uploads what storage has not yet, part after part, and has them put together. */
async function putParts(
  calls: Http, handle: string, plan: Schemas["MultipartPlan"], content: Blob, progress: (part: number) => void, signal: AbortSignal | undefined,
): Promise<void> {
  const target = path`/media/${handle}/parts`;
  const there = await calls.call<Schemas["PartsThere"]>("GET", target);
  const kept = new Map(there.parts.map((part) => [part.number, part.sha256]));
  const cut = (number: number) => content.slice((number - 1) * plan.partBytes, number * plan.partBytes);
  let done = 0;
  for (let first = 1; first <= plan.partCount; first += PARTS_SIGNED_MAX) {
    const wanted: Schemas["PartWanted"][] = [];
    for (let number = first; number < first + PARTS_SIGNED_MAX && number <= plan.partCount; number += 1) {
      signal?.throwIfAborted();
      const sha256 = await sha256Of(cut(number));
      if (kept.get(number) === sha256) done += cut(number).size;
      else wanted.push({ number, sha256 });
    }
    if (wanted.length === 0) continue;
    const signed = await calls.call<Schemas["PartsSigned"]>("POST", target, { body: { parts: wanted } });
    for (const { number, upload: request } of signed.parts) {
      const part = cut(number);
      await again(() => put(request, part, (sent) => progress((done + sent) / content.size), signal), signal);
      done += part.size;
    }
  }
  await calls.call("POST", path`/media/${handle}/complete`, { body: {} });
}

/** Tries what the network interrupts some times more. */
async function again(task: () => Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await task();
    } catch (error) {
      if (signal?.aborted || tries >= PART_TRIES || error instanceof CallError) throw error;
    }
  }
}

async function sha256Of(content: Blob): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await content.arrayBuffer()));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** One signed request; `progress` is told the bytes that went. */
async function put(
  signed: Schemas["SignedUpload"], content: Blob, progress: (bytes: number) => void, signal: AbortSignal | undefined,
): Promise<void> {
  // Only XMLHttpRequest tells how far an upload is; Node has none.
  if (typeof XMLHttpRequest === "undefined") {
    const response = await fetch(signed.url, { method: signed.method, headers: signed.headers, body: content, signal: signal ?? null });
    if (!response.ok) throw new MediaError(`storage refused the file with ${response.status}`);
    return progress(content.size);
  }
  await new Promise<void>((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    request.open(signed.method, signed.url);
    for (const [name, value] of Object.entries(signed.headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded }) => progress(Math.min(loaded, content.size));
    request.onload = () => {
      if (request.status < 300) resolve();
      else reject(new MediaError(`storage refused the file with ${request.status}`));
    };
    request.onerror = () => reject(new MediaError("the upload was interrupted"));
    request.onabort = () => reject(signal?.reason ?? new MediaError("the upload was cancelled"));
    request.onloadend = () => signal?.removeEventListener("abort", abort);
    signal?.addEventListener("abort", abort, { once: true });
    request.send(content);
  });
}
