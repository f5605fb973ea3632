/** Content in object storage: up by a signed request, down by a signed address. */
import type { http } from "./frames.ts";
import { type Http, path } from "./http.ts";

type Schemas = http.components["schemas"];

/** Content above this goes in parts, which this client does not do yet. */
export const UPLOAD_BYTES_MAX = 16 * 1024 * 1024;
const READY_TRIES = 60;
const READY_PAUSE_MS = 500;

/** Content could not be uploaded. */
export class MediaError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "MediaError";
  }
}

/** Uploads content for a conversation and answers its handle, when the service has looked at it. `progress` is told from 0 to 1. */
export async function upload(
  calls: Http, conversationId: string, content: Blob, progress: (part: number) => void = () => {},
): Promise<string> {
  if (content.size === 0) throw new MediaError("the file is empty");
  if (content.size > UPLOAD_BYTES_MAX) throw new MediaError("the file is larger than 16 MB");
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await content.arrayBuffer()));
  const sha256 = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const mime = content.type || "application/octet-stream";
  const begun = await calls.call<Schemas["Presigned"]>(
    "POST", "/media/presign", { body: { conversationId, mime, size: content.size, sha256 } });
  if (begun.upload) await put(begun.upload, content, progress);
  for (let tries = 0; tries < READY_TRIES; tries += 1) {
    const info = await calls.call<Schemas["MediaInfo"]>("GET", path`/media/${begun.mediaHandle}`);
    if (info.status === "ready") return begun.mediaHandle;
    if (info.status === "refused") throw new MediaError(`the file was refused: ${info.reason ?? "no reason"}`);
    await new Promise((resolve) => setTimeout(resolve, READY_PAUSE_MS));
  }
  throw new MediaError("the file was not looked at in time");
}

/** Where content can be read for some minutes. */
export async function addressOf(calls: Http, handle: string): Promise<string> {
  const info = await calls.call<Schemas["MediaInfo"]>("GET", path`/media/${handle}`);
  if (!info.url) throw new MediaError(`the content is ${info.status}`);
  return info.url;
}

async function put(signed: Schemas["SignedUpload"], content: Blob, progress: (part: number) => void): Promise<void> {
  // Only XMLHttpRequest tells how far an upload is; Node has none.
  if (typeof XMLHttpRequest === "undefined") {
    const response = await fetch(signed.url, { method: signed.method, headers: signed.headers, body: content });
    if (!response.ok) throw new MediaError(`storage refused the file with ${response.status}`);
    return progress(1);
  }
  await new Promise<void>((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(signed.method, signed.url);
    for (const [name, value] of Object.entries(signed.headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => progress(total > 0 ? loaded / total : 0);
    request.onload = () => {
      if (request.status < 300) resolve();
      else reject(new MediaError(`storage refused the file with ${request.status}`));
    };
    request.onerror = () => reject(new MediaError("the upload was interrupted"));
    request.send(content);
  });
}
