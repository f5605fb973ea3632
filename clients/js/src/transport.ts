/** What carries frames: a socket, or calls where sockets do not come through. */
import type { ClientFrame, ConversationSummary, LogEntry, MessageSent, ServerFrame } from "./frames.ts";
import { CallError, type Http, path } from "./http.ts";

/** The part of a WebSocket that is used. */
export interface SocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(): void;
}

const POLL_MS = 3_000;
/** What a session by calls is told of itself: the heartbeat has nothing to keep alive. */
const POLL_HEARTBEAT_S = 60;
const CALLS = {
  "message.send": "/messages",
  "message.edit": "/edits",
  "message.delete": "/deletes",
  "message.react": "/reactions",
  "message.vote": "/votes",
  "message.pin": "/pins",
} as const;

/**
 * Answers frames by calls of the HTTP API, and asks for what is new every few seconds: the same entries and the same promises as a
 * socket, later. Receipts and presence of others are not told.
 */
export class CallTransport implements SocketLike {
  onopen: SocketLike["onopen"] = null;
  onmessage: SocketLike["onmessage"] = null;
  onclose: SocketLike["onclose"] = null;
  onerror: SocketLike["onerror"] = null;
  private isOpen = true;
  private next: string | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly http: Http,
    private readonly userId: string,
    private readonly deviceId: string,
    private readonly pollMs = POLL_MS,
  ) {
    queueMicrotask(() => this.isOpen && this.onopen?.(undefined as never));
  }

  send(text: string): void {
    const frame = JSON.parse(text) as ClientFrame & { id?: string };
    void this.answer(frame).catch((error: unknown) => this.refuse(frame, error));
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    clearTimeout(this.timer);
    this.onclose?.(undefined as never);
  }

  private async answer(frame: ClientFrame & { id?: string }): Promise<void> {
    const replyTo = frame.id;
    switch (frame.type) {
      case "session.hello": {
        // The list tells whether the way is open at all.
        const changed = await this.changed();
        this.say({
          type: "session.ready", userId: this.userId, deviceId: this.deviceId, resumeToken: frame.resumeToken ?? "",
          heartbeatSeconds: POLL_HEARTBEAT_S, sendWindow: 4, maxFrameBytes: 32 * 1024,
          reconnectBefore: Date.now() + 24 * 3600_000, serverTs: Date.now(), replyTo,
        } as ServerFrame);
        this.tell(changed);
        this.say({ type: "sync.complete", conversations: changed.length, replyTo } as ServerFrame);
        this.timer = setTimeout(() => void this.poll(), this.pollMs);
        return;
      }
      case "message.send": case "message.edit": case "message.delete":
      case "message.react": case "message.vote": case "message.pin": {
        const { type, id: _, ...body } = frame;
        const sent = await this.http.call<Omit<MessageSent, "type">>("POST", CALLS[type], { body });
        return this.say({ ...sent, type: "message.sent", replyTo } as ServerFrame);
      }
      case "message.ack": case "message.read": {
        const { type, id: _, ...body } = frame;
        await this.http.call("POST", type === "message.ack" ? "/acks" : "/reads", { body });
        return;
      }
      case "sync.pull": {
        const page = await this.http.call<{ messages: LogEntry[]; next: number; hasMore: boolean }>(
          "GET", path`/conversations/${frame.conversationId}/messages`,
          { query: { since: frame.since, limit: frame.limit ?? 100 } });
        return this.say({ ...page, type: "sync.page", conversationId: frame.conversationId, replyTo } as ServerFrame);
      }
      case "presence.heartbeat":
        return this.say({ type: "presence.ok", serverTs: Date.now(), replyTo } as ServerFrame);
      default:
        return;
    }
  }

  private async poll(): Promise<void> {
    try {
      this.tell(await this.changed());
    } catch {
      // No way at all: whoever drives this finds out by trying again.
      return this.close();
    }
    if (this.isOpen) this.timer = setTimeout(() => void this.poll(), this.pollMs);
  }

  private async changed(): Promise<ConversationSummary[]> {
    const page = await this.http.call<{ conversations: ConversationSummary[]; next: string }>(
      "GET", "/sync", { query: { since: this.next, limit: 100 } });
    this.next = page.next;
    return page.conversations;
  }

  private tell(changed: ConversationSummary[]): void {
    for (const { conversationId, lastSequence } of changed) {
      this.say({ type: "conversation.updated", conversationId, lastSequence });
    }
  }

  private refuse(frame: ClientFrame & { id?: string }, error: unknown): void {
    if (!(error instanceof CallError)) return this.close();
    const body = { code: error.status >= 500 ? "unavailable" : "bad_request", message: error.message, ...error.body };
    this.say({ ...body, type: "error", replyTo: frame.id } as ServerFrame);
  }

  private say(frame: ServerFrame): void {
    if (this.isOpen) this.onmessage?.({ data: JSON.stringify(frame) });
  }
}
