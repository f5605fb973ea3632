import { expect, it, vi } from "vitest";
import { Client, type ClientEvent, type LogEntry, MemoryStore, type Place } from "../../src/index.ts";
import { FakeSocket, Service } from "./service.ts";
import { CONVERSATION, entry } from "./support.ts";

function start(service: Service, store = new MemoryStore()) {
  const events: ClientEvent[] = [];
  const client = new Client({
    url: "http://service/v1", socketUrl: "ws://service/v1", deviceId: "web", store, fetch: service.fetch,
    token: () => `h.${btoa('{"sub":"alice"}')}.s`, connect: () => new FakeSocket(service), chance: () => 0, waitS: 1, probeMs: 50,
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

it("goes on by calls where sockets open and nothing comes through", async () => {
  const service = new Service();
  service.socketsHang = true;
  const { client, got } = start(service);
  await client.start();
  await vi.waitFor(() => expect(client.status).toEqual({ name: "online", by: "calls" }), 10_000);
  await vi.waitFor(() => expect(got()).toEqual([1, 2]));
  service.socketsHang = false;
  await vi.waitFor(() => expect(client.status).toEqual({ name: "online", by: "socket" }));
  await client.stop();
});

it("begins anew where the store fails, and acknowledges nothing that is not stored", async () => {
  class FailingStore extends MemoryStore {
    failures = 2;
    override async putEntries(entries: LogEntry[], place: Place): Promise<void> {
      if (entries.length > 0 && this.failures-- > 0) throw new DOMException("no room", "QuotaExceededError");
      return super.putEntries(entries, place);
    }
  }
  const service = new Service();
  const { client, events, got, store } = start(service, new FailingStore());
  await client.start();
  await vi.waitFor(() => expect(got()).toEqual([1, 2]));
  await vi.waitFor(() => expect(service.marks).toEqual(["message.ack 2"]));
  expect(service.sockets).toHaveLength(3);
  expect(events.filter((event) => event.type === "status" && event.status.name === "offline")).toHaveLength(2);
  expect(await store.places()).toEqual([{ conversationId: CONVERSATION, floor: 1, held: 2 }]);
  await client.stop();
});

it("does not queue what no frame holds, nor one name twice", async () => {
  const service = new Service();
  const { client, store } = start(service);
  await client.start();
  const message = { type: "message.send", conversationId: CONVERSATION } as const;
  await expect(client.send({ ...message, payload: "é".repeat(16 * 1024) })).rejects.toThrow("that fit a frame");
  expect(await store.pending()).toEqual([]);
  service.fetch = () => new Promise(() => {});
  await client.send({ ...message, clientMsgId: "a", payload: 1 });
  await client.send({ ...message, clientMsgId: "b", payload: 2 });
  await expect(client.send({ ...message, clientMsgId: "b", payload: 3 })).rejects.toThrow("queued already");
  expect((await store.pending()).map((frame) => "payload" in frame && frame.payload)).toEqual([1, 2]);
  await client.stop();
});

it("reads on where a page of the past is empty", async () => {
  const service = new Service();
  const { client, store } = start(service);
  await store.putEntries([], { conversationId: CONVERSATION, floor: 3, held: 2 });
  await client.start();
  expect((await client.history(CONVERSATION, 3, 10)).map((one) => one.sequence)).toEqual([1]);
  expect(await store.places()).toEqual([{ conversationId: CONVERSATION, floor: 1, held: 2 }]);
  await client.stop();
});

it("keeps nothing of what is deleted", async () => {
  const service = new Service();
  service.log = [
    entry(1, { payload: "secret" }), entry(2),
    entry(3, { event: "edit", targetMessageId: "m:1", targetSequence: 1, payload: "secret too" }),
  ];
  const { client, got, store } = start(service);
  await client.start();
  await vi.waitFor(() => expect(got()).toEqual([1, 2, 3]));
  service.sockets.at(-1)?.say({
    ...entry(4, { event: "delete", targetMessageId: "m:1", targetSequence: 1, payload: null }), type: "message.new",
  });
  await vi.waitFor(() => expect(got()).toEqual([1, 2, 3, 4]));
  const kept = await store.entries(CONVERSATION, 9, 9);
  expect(kept.map((one) => [one.payload, one.deleted])).toEqual([[null, true], ["text 2", undefined], [null, true], [null, undefined]]);
  await client.stop();
});

it("goes on where a listener fails, and tells of it", async () => {
  const reported = vi.fn();
  vi.stubGlobal("reportError", reported);
  const service = new Service();
  const { client, got } = start(service);
  client.on((event) => {
    if (event.type === "entries") throw new Error("of the application");
  });
  const later: string[] = [];
  client.on((event) => later.push(event.type));
  await client.start();
  await vi.waitFor(() => expect(service.marks).toEqual(["message.ack 2"]));
  expect(got()).toEqual([1, 2]);
  expect(later).toContain("entries");
  expect(reported).toHaveBeenCalledWith(new Error("of the application"));
  expect(service.sockets).toHaveLength(1);
  await client.stop();
  vi.unstubAllGlobals();
});
