/** The wire, by short names. The types are made of the protocol documents. */
import type { ClientFrame, http, ServerFrame, socket } from "./wire.gen.ts";

export type { ClientFrame, http, ServerFrame, socket };

type Frames = socket.components["schemas"];

/** An entry of a conversation's log. `opened` is this client's word: it was encrypted, and is as it was decrypted here. */
export type LogEntry = Frames["MessageNew"] & { opened?: boolean };
/** `session.ready`. */
export type SessionReady = Frames["Frame.server.session.ready"];
/** `error`, as a frame and as the body of a refused call. */
export type ErrorFrame = Frames["Frame.server.error"];
/** `message.sent`. */
export type MessageSent = Frames["Frame.server.message.sent"];
/** What becomes an entry of the log: sent, resent and answered alike. */
export type EntryFrame = Extract<
  ClientFrame,
  { type: "message.send" | "message.edit" | "message.delete" | "message.react" | "message.vote" | "message.pin" }
>;
/** The types of what becomes an entry. */
export type EntryType = EntryFrame["type"];
/** A conversation as `GET /sync` tells it. */
export type ConversationSummary = http.components["schemas"]["ConversationSummary"];

/** The conversation of two users. */
export function directConversation(one: string, other: string): string {
  const [first, second] = [one, other].sort();
  return `u:${first}|u:${second}`;
}

/** Of a conversation of two, the other; of one's notes, oneself; of a group nobody. */
export function peerOf(conversation: string, me: string): string | undefined {
  const match = /^u:([^|]+)\|u:(.+)$/.exec(conversation);
  if (!match) return undefined;
  return match[1] === me ? match[2] : match[1];
}
