/** What waits to be sent, as the vault has it. */
import type { ContentFrame } from "./entries.ts";
import { names } from "./names.ts";
import type { Reader } from "./vault.ts";

/** A ciphertext that is sent until the service refuses it. */
export interface Sealed {
  epoch: number;
  payload: string;
}

/** The body of `message.commit`. */
export interface CommitMessage {
  conversationId: string;
  clientMsgId: string;
  payload: string;
  ts: number;
  epoch: number;
  welcome?: string;
  welcomed: { userId: string; deviceId: string }[];
  mediaHandle?: string;
  devices: Record<string, number>;
  attempt?: number;
  baseSequence: number;
}

/** A commit that waits for the service. A Welcome that is too large for a frame goes as media. */
export interface PendingCommit {
  message: CommitMessage;
  largeWelcome?: string;
}

/** What waits to be sent. */
export type Outgoing =
  | { order: number; conversationId: string; clientMsgId: string; frame: ContentFrame; sealed?: Sealed }
  | { order: number; conversationId: string; clientMsgId: string; commit: PendingCommit };

/** What waits, in the order in which it was queued. */
export async function outboxIn(reader: Reader): Promise<Outgoing[]> {
  return (await reader.list<Outgoing>(names.outbox)).map(([, out]) => out);
}
