/** Search in all that an encrypted device has: by the index of what was decrypted, and by what is said in the clear. */
import { fold, type Message } from "../fold.ts";
import type { LogEntry } from "../frames.ts";
import { searchStore, type Wanted } from "../search.ts";
import type { Store } from "../store.ts";
import type { Found, SearchQuery } from "./search.ts";

const LIMIT = 50;

/**
 * Messages of the device that are as wanted, the latest first. `index` is `search` of a `SecureClient`, where that is: words may be misspelt in
 * it. Files are found by their names, which are in the store alone.
 */
export async function searchDevice(store: Store, index: (query: SearchQuery, limit: number) => Promise<Found[]>, wanted: Wanted): Promise<Message[]> {
  const { text, conversationId, senderUserId, kind, since, until, limit = LIMIT } = wanted;
  const named = searchStore(store, wanted);
  const query: SearchQuery = {
    text: text ?? "", isPrefix: true, editsMax: 1, kinds: kind === undefined ? [] : [kind], ...(conversationId === undefined ? {} : { conversationId }),
    ...(senderUserId === undefined ? {} : { fromUserId: senderUserId }), ...(since === undefined ? {} : { afterMs: since }), ...(until === undefined ? {} : { beforeMs: until }),
  };
  // Without words the store has all of it.
  const indexed = text?.trim() ? Promise.all((await index(query, limit)).map((one) => messageOf(store, one))) : [];
  const all = new Map([...(await named), ...(await indexed).flat()].map((one) => [`${one.conversationId} ${one.sequence}`, one]));
  return [...all.values()].sort((one, other) => other.ts - one.ts).slice(0, limit);
}

/** What the index has found, as it is shown: with the text as of its last edit. */
async function messageOf(store: Store, found: Found): Promise<Message[]> {
  const { conversationId, sequence, messageId, senderUserId, sentMs: ts, kind, text } = found;
  const [kept] = await store.entries(conversationId, sequence + 1, 1);
  const entry = kept?.messageId === messageId
    ? kept : { conversationId, sequence, messageId, senderUserId, senderDeviceId: "", clientMsgId: messageId, ts, clientTs: ts, opened: true };
  return fold([{ ...entry, event: "message", kind, payload: { text } } as LogEntry]);
}
