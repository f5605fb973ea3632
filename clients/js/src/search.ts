/** Search in what a device has: the whole of its store, not only what is shown. */
import { fold, type Message, textOf } from "./fold.ts";
import type { LogEntry } from "./frames.ts";
import type { Store } from "./store.ts";

/** What is looked for. All that is named must be so. */
export interface Wanted {
  /** Words, each of which is in the text; case and accents do not count. */
  text?: string;
  /** One conversation; all where left out. */
  conversationId?: string;
  senderUserId?: string;
  kind?: string;
  /** Times of the service: from `since` on, and before `until`. */
  since?: number;
  until?: number;
  limit?: number;
  signal?: AbortSignal;
}

const PAGE = 500;
const LIMIT = 50;

/** A text as it is compared. */
export function plain(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}+/gu, "").toLowerCase();
}

/** Messages of the store that are as wanted, the latest first. What is encrypted is not looked into. */
export async function searchStore(store: Store, wanted: Wanted): Promise<Message[]> {
  const words = wordsOf(wanted);
  const limit = wanted.limit ?? LIMIT;
  const places = (await store.places()).filter(({ conversationId }) => (wanted.conversationId ?? conversationId) === conversationId);
  const found: Message[] = [];
  for (const { conversationId, held } of places) {
    let here = 0;
    // From the end: what changes a message comes after it, and so is known when it is met.
    const changes = new Map<string, LogEntry[]>();
    for (let before = held + 1; before > 1 && here < limit; ) {
      wanted.signal?.throwIfAborted();
      const page = await store.entries(conversationId, before, PAGE);
      for (const entry of page.reverse()) {
        if (entry.event !== "message") {
          if (entry.targetMessageId !== undefined) {
            changes.set(entry.targetMessageId, [...(changes.get(entry.targetMessageId) ?? []), entry]);
          }
          continue;
        }
        const [message] = fold([entry, ...(changes.get(entry.messageId) ?? [])]);
        if (here < limit && message && fits(message, wanted, words)) {
          found.push(message);
          here += 1;
        }
      }
      before = page.at(-1)?.sequence ?? 0;
    }
  }
  return found.sort((one, other) => other.ts - one.ts).slice(0, limit);
}

/** Whether a message is as wanted. */
export function isWanted(message: Message, wanted: Wanted): boolean {
  return fits(message, wanted, wordsOf(wanted));
}

function wordsOf(wanted: Wanted): string[] {
  return plain(wanted.text ?? "").split(/\s+/).filter(Boolean);
}

function fits(message: Message, wanted: Wanted, words: readonly string[]): boolean {
  if (message.conversationId !== (wanted.conversationId ?? message.conversationId)) return false;
  if (message.gone !== undefined || message.isEncrypted || message.viewOnce) return false;
  if (wanted.senderUserId !== undefined && message.senderUserId !== wanted.senderUserId) return false;
  if (wanted.kind !== undefined && message.kind !== wanted.kind) return false;
  if (message.ts < (wanted.since ?? 0) || message.ts >= (wanted.until ?? Infinity)) return false;
  if (words.length === 0) return true;
  const text = plain(`${textOf(message.payload)} ${nameOf(message.payload)}`);
  return words.every((word) => text.includes(word));
}

/** What a file is called. */
function nameOf(payload: unknown): string {
  const media = typeof payload === "object" && payload !== null && "media" in payload ? payload.media : undefined;
  return typeof media === "object" && media !== null && "name" in media && typeof media.name === "string" ? media.name : "";
}
