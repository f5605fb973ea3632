/** Frames that come compressed: long pages, where they were asked for so. */

/** A frame has no more text: what would unpack to more is not the service's. */
const UNPACKED_BYTES_MAX = 128 * 1024;

/** How this platform can read answers, of what the service offers. */
export function readable(offered: readonly string[] | undefined): "gzip" | undefined {
  return offered?.includes("gzip") && typeof DecompressionStream === "function" ? "gzip" : undefined;
}

/** A `packed` frame, where the text is one. */
export function packedOf(text: string): { encoding?: unknown; frame?: unknown; replyTo?: unknown } | undefined {
  if (!text.startsWith('{"type":"packed"')) return undefined;
  try {
    return JSON.parse(text) as { encoding?: unknown; frame?: unknown; replyTo?: unknown };
  } catch {
    return undefined;
  }
}

/** The text of the frame that a `packed` one carries, with what it answers; none where it carries none. */
export async function unpack(packed: { encoding?: unknown; frame?: unknown; replyTo?: unknown }): Promise<string | undefined> {
  if (packed.encoding !== "gzip" || typeof packed.frame !== "string") return undefined;
  try {
    const bytes = Uint8Array.from(atob(packed.frame), (char) => char.charCodeAt(0));
    const frame = JSON.parse(await gunzip(bytes)) as Record<string, unknown>;
    if (frame["type"] === "packed") return undefined;
    return JSON.stringify(packed.replyTo === undefined ? frame : { ...frame, replyTo: packed.replyTo });
  } catch {
    return undefined;
  }
}

async function gunzip(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let [text, length] = ["", 0];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    length += value.length;
    if (length > UNPACKED_BYTES_MAX) {
      await reader.cancel();
      throw new RangeError("a frame of too much text");
    }
    text += decoder.decode(value, { stream: true });
  }
}
