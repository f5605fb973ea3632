/** What a conversation looks like: its log, with edits, deletions, reactions, votes and pins applied. */
import type { LogEntry } from "./frames.ts";

/** Whether an entry has come to the end of its life: its content is not to be shown, on whatever device it lies. */
export function isExpired(entry: LogEntry, now = Date.now()): boolean {
  return entry.expired === true || (entry.ttlSeconds !== undefined && entry.ts + entry.ttlSeconds * 1000 <= now);
}

/** The kind of what cannot be decrypted on this device; the payload is `{reason}`. */
export const UNREADABLE = "unreadable";

/** A message, or an event that is shown between messages. */
export interface Message {
  conversationId: string;
  messageId: string;
  sequence: number;
  senderUserId: string;
  senderDeviceId: string;
  clientMsgId: string;
  ts: number;
  kind: string;
  /** As of the last edit; `null` where the content is gone. */
  payload: unknown;
  event: "message" | "membership" | "commit";
  isEdited: boolean;
  /** Why the content is gone, if it is. */
  gone: "deleted" | "expired" | "viewed" | undefined;
  /** Whether the payload is ciphertext. */
  isEncrypted: boolean;
  /** Whether it was end-to-end encrypted, and was decrypted on this device. */
  isSecure: boolean;
  isPinned: boolean;
  viewOnce: boolean;
  mentions: readonly string[];
  inReplyTo: string | undefined;
  threadRoot: string | undefined;
  mediaHandle: string | undefined;
  /** How often the content was passed on. */
  forwards: number;
  /** When its content goes, if it does. */
  expiresAt: number | undefined;
  /** By user. */
  reactions: ReadonlyMap<string, string>;
  /** By user. */
  votes: ReadonlyMap<string, readonly string[]>;
}

type Changes = { -readonly [Name in keyof Message]: Message[Name] } & {
  reactions: Map<string, string>;
  votes: Map<string, readonly string[]>;
};

/**
 * Applies the entries of one conversation, which may have their targets before the first of them: those are left out.
 * Of each user the latest reaction and vote counts, and an edit after a deletion counts for nothing.
 */
export function fold(entries: readonly LogEntry[], now = Date.now()): Message[] {
  const messages = new Map<string, Changes>();
  for (const entry of [...entries].sort((one, other) => one.sequence - other.sequence)) {
    if (entry.event === "message" || entry.event === "membership" || entry.event === "commit") {
      messages.set(entry.messageId, begun(entry, entry.event, now));
      continue;
    }
    const target = entry.targetMessageId === undefined ? undefined : messages.get(entry.targetMessageId);
    if (target) change(target, entry);
  }
  return [...messages.values()];
}

function begun(entry: LogEntry, event: Message["event"], now: number): Changes {
  const gone = entry.deleted ? "deleted" : isExpired(entry, now) ? "expired" : entry.viewed ? "viewed" : undefined;
  return {
    conversationId: entry.conversationId,
    messageId: entry.messageId,
    sequence: entry.sequence,
    senderUserId: entry.senderUserId,
    senderDeviceId: entry.senderDeviceId,
    clientMsgId: entry.clientMsgId,
    ts: entry.ts,
    kind: entry.kind,
    payload: gone === undefined ? (entry.payload ?? null) : null,
    event,
    isEdited: false,
    gone,
    isEncrypted: event === "message" && entry.epoch !== undefined && !entry.opened && gone === undefined,
    isSecure: entry.opened === true,
    isPinned: false,
    viewOnce: entry.viewOnce ?? false,
    mentions: entry.mentions ?? [],
    inReplyTo: entry.inReplyTo,
    threadRoot: entry.threadRoot,
    mediaHandle: entry.mediaHandle,
    forwards: entry.forwards ?? 0,
    expiresAt: entry.ttlSeconds === undefined ? undefined : entry.ts + entry.ttlSeconds * 1000,
    reactions: new Map(),
    votes: new Map(),
  };
}

function change(target: Changes, entry: LogEntry): void {
  const hasContent = entry.event === "edit" || entry.event === "reaction" || entry.event === "vote";
  // What is in the clear may be anybody's who runs the service, and what does not open says nothing.
  if (hasContent && target.isSecure && (!entry.opened || entry.kind === UNREADABLE)) return;
  switch (entry.event) {
    case "edit":
      // Its own content goes with the message's. Which message it is about is the service's word alone.
      if (target.gone !== undefined || entry.deleted || entry.expired || entry.senderUserId !== target.senderUserId) return;
      target.payload = entry.payload;
      target.mentions = entry.mentions ?? [];
      target.isEdited = true;
      return;
    case "delete":
      target.gone = "deleted";
      target.payload = null;
      target.isEncrypted = false;
      target.isPinned = false;
      target.reactions.clear();
      return;
    case "reaction":
      if (entry.reaction === undefined) target.reactions.delete(entry.senderUserId);
      else if (target.gone === undefined) target.reactions.set(entry.senderUserId, entry.reaction);
      return;
    case "vote":
      target.votes.set(entry.senderUserId, entry.choices ?? []);
      return;
    case "pin":
    case "unpin":
      target.isPinned = entry.event === "pin";
      return;
    default:
      return;
  }
}

/** The text of a payload: the payload itself, or its `text`. */
export function textOf(payload: unknown): string {
  if (typeof payload === "string") return payload;
  if (typeof payload === "object" && payload !== null && "text" in payload && typeof payload.text === "string") {
    return payload.text;
  }
  return "";
}
