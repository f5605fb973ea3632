import { gzipSync } from "node:zlib";
import type { LogEntry, ServerFrame, SocketLike } from "../../src/index.ts";
import { CONVERSATION, entry, ready } from "./support.ts";

/** A service of one conversation: a log, calls, and sockets that can be cut off. */
export class Service {
  log: LogEntry[] = [entry(1), entry(2)];
  socketsFail = false;
  /** A proxy that lets sockets open, and nothing through. */
  socketsHang = false;
  sockets: FakeSocket[] = [];
  calls: string[] = [];
  /** Those that pages were asked for in. */
  readonly encodings: unknown[] = [];
  marks: string[] = [];

  append(clientMsgId: string, payload: unknown): LogEntry {
    const before = this.log.find((one) => one.clientMsgId === clientMsgId);
    if (before) return before;
    const made = entry(this.log.length + 1, { clientMsgId, payload, senderUserId: "alice", senderDeviceId: "web" });
    this.log.push(made);
    return made;
  }

  /** The cursor is how many entries were told. */
  private async events(cursor: string | null): Promise<unknown> {
    const news = (from: number) => this.log.slice(from).map((one) => ({ ...one, type: "message.new" }));
    if (cursor === null) {
      const complete = { type: "sync.complete", conversations: 1 };
      return { events: [ready(), ...news(0), complete], cursor: String(this.log.length) };
    }
    for (let tries = 0; tries < 50 && this.log.length === Number(cursor); tries++) await new Promise((go) => setTimeout(go, 20));
    return { events: news(Number(cursor)), cursor: String(this.log.length) };
  }

  fetch: typeof fetch = async (input, init) => {
    const url = new URL(String(input));
    this.calls.push(`${init?.method} ${url.pathname}`);
    const body = init?.body ? JSON.parse(String(init.body)) : {};
    const answer = (value: unknown) => new Response(JSON.stringify(value), { status: 200 });
    if (url.pathname === "/v1/tickets") return answer({ ticket: "t" });
    if (url.pathname === "/v1/sync") {
      const last = this.log.length;
      return answer({
        conversations: [{ conversationId: CONVERSATION, lastSequence: last, deliveredUpTo: 0, readUpTo: 0, unread: last }],
        next: "n", hasMore: false,
      });
    }
    if (url.pathname === "/v1/events") return answer(await this.events(url.searchParams.get("cursor")));
    if (url.pathname === "/v1/messages") {
      const { messageId, sequence } = this.append(body.clientMsgId, body.payload);
      return answer({ conversationId: CONVERSATION, clientMsgId: body.clientMsgId, messageId, sequence, ts: 1, duplicate: false });
    }
    if (url.pathname === "/v1/acks" || url.pathname === "/v1/reads") {
      this.marks.push(`${url.pathname} ${body.upTo}`);
      return new Response(null, { status: 204 });
    }
    if (url.searchParams.has("before")) {
      const before = Number(url.searchParams.get("before"));
      // As where the user hid what is there: a page of nothing, with more before it.
      if (before === 3) return answer({ messages: [], next: 2, hasMore: true });
      return answer({ messages: this.log.filter((one) => one.sequence < before), next: 1, hasMore: false });
    }
    const since = Number(url.searchParams.get("since") ?? 0);
    return answer({ messages: this.log.filter((one) => one.sequence > since), next: this.log.length, hasMore: false });
  };
}

export class FakeSocket implements SocketLike {
  onopen: SocketLike["onopen"] = null;
  onmessage: SocketLike["onmessage"] = null;
  onclose: SocketLike["onclose"] = null;
  onerror: SocketLike["onerror"] = null;

  constructor(private readonly service: Service) {
    service.sockets.push(this);
    queueMicrotask(() => (service.socketsFail ? this.onerror?.(undefined as never) : this.onopen?.(undefined as never)));
  }

  say(frame: ServerFrame | (LogEntry & { type: string })): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  send(text: string): void {
    const frame = JSON.parse(text);
    if (this.service.socketsHang) return queueMicrotask(() => this.onclose?.(undefined as never));
    queueMicrotask(() => {
      if (frame.type === "session.hello") {
        this.say(ready());
        for (const one of this.service.log.slice(frame.cursors[CONVERSATION] ?? 0)) this.say({ ...one, type: "message.new" });
        this.say({ type: "sync.complete", conversations: 1, replyTo: "hello" } as ServerFrame);
      } else if (frame.type === "message.send") {
        const { messageId, sequence } = this.service.append(frame.clientMsgId, frame.payload);
        this.say({ ...frame, type: "message.sent", messageId, sequence, ts: 1, duplicate: false, replyTo: frame.id });
      } else if (frame.type === "sync.pull") {
        const messages = this.service.log.filter((one) => one.sequence > frame.since);
        const page = { type: "sync.page", conversationId: CONVERSATION, messages, next: this.service.log.length, hasMore: false };
        this.service.encodings.push(frame.encoding);
        if (frame.encoding !== "gzip") return this.say({ ...page, replyTo: frame.id } as ServerFrame);
        const packed = gzipSync(JSON.stringify(page)).toString("base64");
        this.say({ type: "packed", encoding: "gzip", frame: packed, replyTo: frame.id } as ServerFrame);
      } else if (frame.type === "message.ack" || frame.type === "message.read") {
        this.service.marks.push(`${frame.type} ${frame.upTo}`);
      }
    });
  }

  close(): void {
    this.onclose?.(undefined as never);
  }
}
