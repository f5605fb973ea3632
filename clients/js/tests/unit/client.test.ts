import { expect, it, vi } from "vitest";
import { Client, type ClientEvent, type LogEntry, MemoryStore, type ServerFrame, type SocketLike } from "../../src/index.ts";
import { CONVERSATION, entry, ready } from "./support.ts";

/** A service of one conversation: a log, calls, and sockets that can be cut off. */
class Service {
  log: LogEntry[] = [entry(1), entry(2)];
  socketsFail = false;
  sockets: FakeSocket[] = [];
  calls: string[] = [];
  marks: string[] = [];

  append(clientMsgId: string, payload: unknown): LogEntry {
    const before = this.log.find((one) => one.clientMsgId === clientMsgId);
    if (before) return before;
    const made = entry(this.log.length + 1, { clientMsgId, payload, senderUserId: "alice", senderDeviceId: "web" });
    this.log.push(made);
    return made;
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
    if (url.pathname === "/v1/messages") {
      const { messageId, sequence } = this.append(body.clientMsgId, body.payload);
      return answer({ conversationId: CONVERSATION, clientMsgId: body.clientMsgId, messageId, sequence, ts: 1, duplicate: false });
    }
    if (url.pathname === "/v1/acks" || url.pathname === "/v1/reads") {
      this.marks.push(`${url.pathname} ${body.upTo}`);
      return new Response(null, { status: 204 });
    }
    const since = Number(url.searchParams.get("since") ?? 0);
    return answer({ messages: this.log.filter((one) => one.sequence > since), next: this.log.length, hasMore: false });
  };
}

class FakeSocket implements SocketLike {
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
    queueMicrotask(() => {
      if (frame.type === "session.hello") {
        this.say(ready());
        for (const one of this.service.log.slice(frame.cursors[CONVERSATION] ?? 0)) this.say({ ...one, type: "message.new" });
        this.say({ type: "sync.complete", conversations: 1, replyTo: "hello" } as ServerFrame);
      } else if (frame.type === "message.send") {
        const { messageId, sequence } = this.service.append(frame.clientMsgId, frame.payload);
        this.say({ ...frame, type: "message.sent", messageId, sequence, ts: 1, duplicate: false, replyTo: frame.id });
      } else if (frame.type === "message.ack" || frame.type === "message.read") {
        this.service.marks.push(`${frame.type} ${frame.upTo}`);
      }
    });
  }

  close(): void {
    this.onclose?.(undefined as never);
  }
}

function start(service: Service, store = new MemoryStore()) {
  const events: ClientEvent[] = [];
  const client = new Client({
    url: "http://service/v1", socketUrl: "ws://service/v1", deviceId: "web", store, fetch: service.fetch,
    token: () => `h.${btoa('{"sub":"alice"}')}.s`, connect: () => new FakeSocket(service), chance: () => 0, pollMs: 20, probeMs: 50,
  });
  client.on((event) => events.push(event));
  const got = () => events.flatMap((event) => (event.type === "entries" ? event.entries.map((one) => one.sequence) : []));
  return { client, events, got, store };
}

it("connects, stores, and only then acknowledges", async () => {
  const service = new Service();
  const { client, got, store } = start(service);
  await client.start();
  await vi.waitFor(() => expect(got()).toEqual([1, 2]));
  await vi.waitFor(() => expect(service.marks).toEqual(["message.ack 2"]));
  expect((await store.entries(CONVERSATION, 9, 9)).map((one) => one.sequence)).toEqual([1, 2]);
  expect(client.status).toEqual({ name: "online", by: "socket" });
  await client.stop();
});

it("keeps the queue over a restart, and sends each once", async () => {
  const away = new Service();
  away.fetch = async () => {
    throw new TypeError("no network");
  };
  const offline = start(away);
  const { store } = offline;
  await offline.client.start();
  await offline.client.send({ type: "message.send", conversationId: CONVERSATION, clientMsgId: "kept", payload: "hello" });
  await vi.waitFor(() => expect(offline.client.status.name).toBe("offline"));
  await offline.client.stop();
  expect(await store.pending()).toHaveLength(1);

  const back = new Service();
  const { client, got } = start(back, store);
  await client.start();
  await vi.waitFor(() => expect(got()).toEqual([1, 2, 3]));
  expect(back.log.filter((one) => one.clientMsgId === "kept")).toHaveLength(1);
  await vi.waitFor(async () => expect(await store.pending()).toEqual([]));
  await client.stop();
});

it("goes on by calls where sockets fail, and back when they work", async () => {
  const service = new Service();
  service.socketsFail = true;
  const { client, got } = start(service);
  await client.start();
  await vi.waitFor(() => expect(client.status).toEqual({ name: "online", by: "calls" }), 10_000);
  await vi.waitFor(() => expect(got()).toEqual([1, 2]));
  await client.send({ type: "message.send", conversationId: CONVERSATION, payload: "by a call" });
  await vi.waitFor(() => expect(got()).toEqual([1, 2, 3]));
  service.log.push(entry(4));
  await vi.waitFor(() => expect(got()).toEqual([1, 2, 3, 4]));
  await vi.waitFor(() => expect(service.marks.at(-1)).toBe("/v1/acks 4"));
  service.socketsFail = false;
  await vi.waitFor(() => expect(client.status).toEqual({ name: "online", by: "socket" }));
  service.log.push(entry(5));
  service.sockets.at(-1)?.say({ ...entry(5), type: "message.new" });
  await vi.waitFor(() => expect(got()).toEqual([1, 2, 3, 4, 5]));
  await client.stop();
});

it("stops where the service refuses the user", async () => {
  const service = new Service();
  service.fetch = async () => new Response("{}", { status: 401 });
  const { client } = start(service);
  await client.start();
  await vi.waitFor(() => expect(client.status).toEqual({ name: "refused", reason: "unauthorized" }));
});
