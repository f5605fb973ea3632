import type { LogEntry, ServerFrame } from "../../src/index.ts";

export const CONVERSATION = "u:alice|u:bob";

/** An entry of a log that bob wrote. */
export function entry(sequence: number, more: Partial<LogEntry> = {}): LogEntry {
  return {
    conversationId: CONVERSATION, messageId: `m:${sequence}`, sequence, senderUserId: "bob", senderDeviceId: "phone",
    clientMsgId: `c${sequence}`, event: "message", kind: "text", payload: `text ${sequence}`, ts: sequence, clientTs: sequence,
    ...more,
  };
}

export function ready(more: object = {}): ServerFrame {
  return {
    type: "session.ready", userId: "alice", deviceId: "web", resumeToken: "token", heartbeatSeconds: 60, sendWindow: 2,
    maxFrameBytes: 32768, encodings: ["gzip"], reconnectBefore: 6_600_000, serverTs: 0, replyTo: "hello", ...more,
  } as ServerFrame;
}
