/** Entries of the log, and what was in them. */
import { UNREADABLE } from "../fold.ts";
import type { EntryFrame, LogEntry } from "../frames.ts";
import { type Content, said } from "./content.ts";
import type { MessageRow } from "./archive.ts";

export const REACTION = "reaction";
export const VOTE = "vote";

/** What is queued with a content that is encrypted. */
export type ContentFrame = Extract<EntryFrame, { type: "message.send" | "message.edit" | "message.react" | "message.vote" }>;

/** Whether the content of an entry is a ciphertext. */
export function isSealed(entry: LogEntry): boolean {
  const hasContent = entry.event === "message" || entry.event === "edit";
  return hasContent && !isGone(entry) && typeof entry.epoch === "number" && entry.epoch > 0;
}

/** Whether the content of an entry is no more. */
export const isGone = (entry: LogEntry): boolean => entry.payload === null || entry.payload === undefined;

/** Whether an entry says something that can be read: a message, or what was inside one. */
export function isReadable(entry: LogEntry): boolean {
  if (entry.event === REACTION || entry.event === VOTE) return entry.opened === true;
  return entry.event === "message" && !isGone(entry) && (entry.opened ? entry.kind !== UNREADABLE : !isSealed(entry));
}

/** An entry with what was in it in place of its ciphertext. A reaction or a vote looks as it does in the clear. */
export function withContent(entry: LogEntry, { kind, body }: Content): LogEntry {
  if ((kind !== REACTION && kind !== VOTE) || entry.event !== "message") return { ...entry, kind, payload: body, opened: true };
  const about = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const { messageId, sequence, reaction, choices } = about;
  if (typeof messageId !== "string") return unreadable(entry, "it is about no message");
  return {
    ...entry, kind: "text", payload: null, opened: true, event: kind, targetMessageId: messageId,
    ...(typeof sequence === "number" ? { targetSequence: sequence } : {}),
    ...(typeof reaction === "string" ? { reaction } : {}),
    ...(Array.isArray(choices) ? { choices: choices.filter((choice) => typeof choice === "string") } : {}),
  };
}

export function unreadable(entry: LogEntry, reason: string): LogEntry {
  return { ...entry, kind: UNREADABLE, payload: { reason }, opened: true };
}

/** What a frame says, inside of it. */
export function contentOf(frame: ContentFrame): Content {
  switch (frame.type) {
    case "message.send":
      return { kind: frame.kind ?? "text", body: frame.payload };
    case "message.edit":
      return { kind: "text", body: frame.payload };
    case "message.react":
      return { kind: REACTION, body: { messageId: frame.messageId, sequence: frame.messageSequence ?? null, reaction: frame.reaction ?? null } };
    case "message.vote":
      return { kind: VOTE, body: { messageId: frame.messageId, sequence: frame.messageSequence ?? null, choices: frame.choices } };
  }
}

/** The frame as it goes to the service: everything but an edit is a message, and its kind is inside. */
export function sealedFrame(frame: ContentFrame, payload: string, epoch: number, devices: Record<string, number>): EntryFrame {
  if (frame.type === "message.edit") return { ...frame, payload, epoch };
  if (frame.type === "message.send") {
    const { kind: _, ...message } = frame;
    return { ...message, payload, epoch, devices };
  }
  const { conversationId, clientMsgId, ts } = frame;
  return { type: "message.send", conversationId, clientMsgId, ts: ts ?? Date.now(), payload, epoch, devices };
}

/** The kind and body of an entry that was decrypted, as they were inside of it. */
export function contentIn(entry: LogEntry): Content {
  const about = { messageId: entry.targetMessageId, sequence: entry.targetSequence ?? null };
  if (entry.event === REACTION) return { kind: REACTION, body: { ...about, reaction: entry.reaction ?? null } };
  if (entry.event === VOTE) return { kind: VOTE, body: { ...about, choices: entry.choices ?? [] } };
  return { kind: entry.kind, body: entry.payload };
}

/** An entry as an archive has it. */
export function rowOf(entry: LogEntry, { kind, body }: Content): MessageRow {
  return {
    row: "message", conversationId: entry.conversationId, sequence: entry.sequence, messageId: entry.messageId,
    senderUserId: entry.senderUserId, senderDeviceId: entry.senderDeviceId, sentMs: entry.ts, kind, body, text: said(body) ?? null,
    mentions: [...(entry.mentions ?? [])],
  };
}
