/** Content: on its way to the service, and where it is to be read. */
import { signal } from "@preact/signals";
import { addressOf, type http, type Message, type Outgoing, path, type SharedClient, upload } from "@tidings/client";
import { mentionsIn } from "./describe.ts";
import { reasonOf } from "./parts.tsx";
import { isSealed, type Security } from "./security.ts";

type PreviewInfo = http.components["schemas"]["PreviewInfo"];

const PREVIEW_TRIES = 10;
const FORWARD_BYTES_MAX = 16 * 1024 * 1024;

/** Content on its way to the service. */
export interface Upload {
  id: string;
  conversationId: string;
  name: string;
  /** From 0 to 1; at 1 the service looks at it. */
  part: number;
  error?: string;
  /** A picture of it that is here. */
  shown?: string;
  cancel: () => void;
  retry: () => void;
}

export class Files {
  readonly uploads = signal<readonly Upload[]>([]);
  private readonly addresses = new Map<string, Promise<string>>();

  constructor(
    private readonly client: SharedClient, private readonly security: Security, private readonly post: (outgoing: Outgoing) => Promise<void>,
  ) {}

  /** Uploads and sends; how far it is stands in `uploads`. What is said of the content goes with it. */
  send(id: string, file: File, text = "", about: object = {}): void {
    const key = crypto.randomUUID();
    const shown = file.type.startsWith("image/") ? URL.createObjectURL(file) : undefined;
    const show = (change: Partial<Upload> | undefined) => {
      const all = this.uploads.value;
      this.uploads.value = change ? all.map((one) => (one.id === key ? { ...one, ...change } : one)) : all.filter((one) => one.id !== key);
      if (!change && shown) URL.revokeObjectURL(shown);
    };
    const begin = () => {
      const aborter = new AbortController();
      const cancel = () => {
        aborter.abort();
        show(undefined);
      };
      const state = { part: 0, cancel, retry: () => { show(undefined); this.send(id, file, text, about); } };
      this.uploads.value = [...this.uploads.value, { id: key, conversationId: id, name: file.name, ...state, ...(shown ? { shown } : {}) }];
      return aborter.signal;
    };
    const aborted = begin();
    const kind = ["image", "audio", "video"].find((one) => file.type.startsWith(`${one}/`)) ?? "doc";
    this.put(id, file, file.name, (part) => show({ part }), aborted)
      .then(({ mediaHandle, media }) => this.post({
        type: "message.send", conversationId: id, kind, mediaHandle, payload: { ...(text ? { text } : {}), media: { ...media, ...about } }, ...mentionsIn(id, text),
      }))
      .then(() => show(undefined), (error: unknown) => { if (!aborted.aborted) show({ error: reasonOf(error) }); });
  }

  /** Uploads content, sealed where the conversation is encrypted, and says what the message is to say of it. */
  async put(
    id: string, content: Blob, name: string | undefined, progress: (part: number) => void, signal?: AbortSignal,
  ): Promise<{ mediaHandle: string; media: object }> {
    if (await this.security.seals(id)) return this.security.upload(id, content, name, progress, signal);
    const mediaHandle = await upload(this.client.http, id, content, progress, signal);
    return { mediaHandle, media: { v: 1, ...(name ? { name } : {}), mime: content.type || "application/octet-stream", size: content.size } };
  }

  /** The content of a message, to be passed on. */
  async content(message: Message): Promise<Blob> {
    if (isSealed(message)) return this.security.content(message);
    const response = await fetch(await this.address(message));
    if (!response.ok) throw new Error("The content is not available any more.");
    const content = await response.blob();
    if (content.size > FORWARD_BYTES_MAX) throw new Error("The file is too large to be forwarded.");
    return content;
  }

  /** Where content can be read: of this page where it is sealed, else with the service, the same for a quarter of an hour at most. */
  address(message: Message): Promise<string> {
    if (isSealed(message)) return this.security.address(message);
    const handle = message.mediaHandle ?? "";
    const known = this.addresses.get(handle);
    if (known) return known;
    const address = addressOf(this.client.http, handle);
    this.addresses.set(handle, address);
    setTimeout(() => this.addresses.delete(handle), 10 * 60_000);
    address.catch(() => this.addresses.delete(handle));
    return address;
  }

  /** What sound looks like, which the service makes of it; nothing where it does not. */
  async soundOf(message: Message): Promise<PreviewInfo | undefined> {
    if (isSealed(message)) return undefined;
    const handle = message.mediaHandle ?? "";
    for (let tries = 0; tries < PREVIEW_TRIES; tries += 1) {
      const preview = await this.client.http.call<PreviewInfo>("GET", path`/media/${handle}/preview`);
      if (preview.status === "ready") return preview;
      if (preview.status !== "pending") return undefined;
      await new Promise((resolve) => setTimeout(resolve, preview.retryAfterMs ?? 1000));
    }
    return undefined;
  }
}
