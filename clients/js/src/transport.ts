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

/** A question for events waits so long at the service, in seconds. */
const WAIT_S = 25;
/** And so much longer on its way. */
const WAY_MS = 10_000;
const CALLS = {
  "message.send": "/messages",
  "message.edit": "/edits",
  "message.delete": "/deletes",
  "message.react": "/reactions",
  "message.vote": "/votes",
  "message.pin": "/pins",
  "message.commit": "/commits",
} as const;

interface EventPage {
  events: ServerFrame[];
  cursor: string;
}

/** Answers frames by calls of the HTTP API, and asks for events: the same frames and the same promises as a socket. */
export class CallTransport implements SocketLike {
  onopen: SocketLike["onopen"] = null;
  onmessage: SocketLike["onmessage"] = null;
  onclose: SocketLike["onclose"] = null;
  onerror: SocketLike["onerror"] = null;
  private isOpen = true;
  private readonly ending = new AbortController();

  constructor(
    private readonly http: Http,
    private readonly waitS = WAIT_S,
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
    this.ending.abort();
    this.onclose?.(undefined as never);
  }

  private async answer(frame: ClientFrame & { id?: string }): Promise<void> {
    const replyTo = frame.id;
    switch (frame.type) {
      case "session.hello": {
        const { events, cursor } = await this.ask({ resumeToken: frame.resumeToken ?? undefined });
        for (const event of events.slice(0, -1)) this.say(event);
        // The service begins where the user is, and this device may have less: it pulls what it lacks.
        if (Object.keys(frame.cursors ?? {}).length > 0) await this.tellChanged();
        for (const event of events.slice(-1)) this.say({ ...event, replyTo } as ServerFrame);
        void this.listen(cursor);
        return;
      }
      case "message.send": case "message.edit": case "message.delete":
      case "message.react": case "message.vote": case "message.pin": case "message.commit": {
        const { type, id: _, ...body } = frame;
        const sent = await this.http.call<Omit<MessageSent, "type">>("POST", CALLS[type], { body });
        return this.say({ ...sent, type: "message.sent", replyTo } as ServerFrame);
      }
      case "message.ack": case "message.read": {
        const { type, id: _, ...body } = frame;
        await this.http.call("POST", type === "message.ack" ? "/acks" : "/reads", { body });
        return;
      }
      case "typing":
        // It is worth six seconds, and nothing else waits for it.
        await this.http.call("POST", "/typing", { body: { conversationId: frame.conversationId, active: frame.active } }).catch(() => undefined);
        return;
      case "mailbox.ack": {
        const { type: _type, id: _id, ...body } = frame;
        await this.http.call("POST", "/mailbox/acks", { body });
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

  private async listen(cursor: string): Promise<void> {
    try {
      while (this.isOpen) {
        const page = await this.ask({ cursor, timeout: this.waitS });
        for (const event of page.events) this.say(event);
        cursor = page.cursor;
      }
    } catch {
      // No way at all, or the device has a socket by now: whoever drives this finds out by trying again.
      this.close();
    }
  }

  private ask(query: { cursor?: string; resumeToken?: string | undefined; timeout?: number }): Promise<EventPage> {
    const timeoutMs = (query.timeout ?? 0) * 1000 + WAY_MS;
    return this.http.call<EventPage>("GET", "/events", { query, timeoutMs, signal: this.ending.signal });
  }

  private async tellChanged(): Promise<void> {
    const { conversations } = await this.http.call<{ conversations: ConversationSummary[] }>("GET", "/sync", { query: { limit: 100 } });
    for (const { conversationId, lastSequence } of conversations) {
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
