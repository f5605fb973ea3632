import { afterEach, expect, it, vi } from "vitest";
import {
  CallError, type ChannelLike, type ClientEvent, type LocksLike, MemoryStore, type ServerFrame, SharedClient,
} from "../../src/index.ts";
import { FakeSocket, Service } from "./service.ts";
import { CONVERSATION, entry } from "./support.ts";

type Holder = { tab: number; grant: () => void };

/** A browser: its locks, its channel, and tabs that can crash. */
class Browser {
  readonly service = new Service();
  readonly store = new MemoryStore();
  private readonly queues = new Map<string, Holder[]>();
  private readonly channels = new Map<number, ChannelLike>();
  private readonly alive = new Set<number>();
  private tabs = 0;

  open() {
    this.tabs += 1;
    const tab = this.tabs;
    this.alive.add(tab);
    const sockets: FakeSocket[] = [];
    const client = new SharedClient({
      url: "http://service/v1", socketUrl: "ws://service/v1", deviceId: "web", store: this.store, name: "tidings-alice",
      token: () => `h.${btoa('{"sub":"alice"}')}.s`, chance: () => 0,
      // A crashed tab asks for nothing and hears nothing any more.
      fetch: (input, init) => (this.alive.has(tab) ? this.service.fetch(input, init) : new Promise<Response>(() => {})),
      connect: () => {
        const socket = new FakeSocket(this.service);
        sockets.push(socket);
        return socket;
      },
      locks: this.locks(tab), channel: () => this.channel(tab),
    });
    const events: ClientEvent[] = [];
    client.on((event) => events.push(event));
    const got = () => events.flatMap((event) => (event.type === "entries" ? event.entries.map((one) => one.sequence) : []));
    const crash = () => {
      this.alive.delete(tab);
      this.channels.delete(tab);
      for (const socket of sockets) socket.onmessage = socket.onclose = null;
      for (const name of this.queues.keys()) this.release(name, tab);
    };
    return { client, events, got, crash };
  }

  private locks(tab: number): LocksLike {
    return {
      request: (name, { signal }, held) => new Promise((resolve, reject) => {
        const queue = this.queues.get(name) ?? [];
        this.queues.set(name, queue);
        const grant = () => void held().then(resolve, reject).finally(() => this.release(name, tab));
        signal?.addEventListener("abort", () => {
          if (queue[0]?.tab !== tab) this.release(name, tab);
        });
        queue.push({ tab, grant });
        if (queue.length === 1) queueMicrotask(grant);
      }),
    };
  }

  private release(name: string, tab: number): void {
    const queue = this.queues.get(name) ?? [];
    const at = queue.findIndex((one) => one.tab === tab);
    if (at < 0) return;
    queue.splice(at, 1);
    if (at === 0) queue[0]?.grant();
  }

  private channel(tab: number): ChannelLike {
    const channel: ChannelLike = {
      onmessage: null,
      postMessage: (message) => {
        // Only what can be cloned goes from tab to tab.
        for (const [other, { onmessage }] of this.alive.has(tab) ? this.channels : []) {
          const data = structuredClone(message);
          if (other !== tab) queueMicrotask(() => this.channels.has(other) && onmessage?.({ data }));
        }
      },
      close: () => this.channels.delete(tab),
    };
    this.channels.set(tab, channel);
    return channel;
  }
}

const opened: SharedClient[] = [];
async function two() {
  const browser = new Browser();
  const first = browser.open();
  await first.client.start();
  await vi.waitFor(() => expect(first.got()).toEqual([1, 2]));
  const second = browser.open();
  opened.push(first.client, second.client);
  await second.client.start();
  await vi.waitFor(() => expect(second.client.status).toEqual({ name: "online", by: "socket" }));
  return { browser, first, second };
}
afterEach(async () => {
  await Promise.all(opened.splice(0).map((client) => client.stop()));
});
const message = { type: "message.send", conversationId: CONVERSATION } as const;

it("has one socket for all tabs, and tells and does the same in each", async () => {
  const { browser: { service, store }, first, second } = await two();
  expect([first.client.leads, second.client.leads]).toEqual([true, false]);
  service.log.push(entry(3));
  service.sockets.at(-1)?.say({ ...entry(3), type: "message.new" });
  await vi.waitFor(() => expect(second.got()).toEqual([3]));
  await second.client.send({ ...message, payload: "from the second" });
  await vi.waitFor(() => expect(second.got()).toEqual([3, 4]));
  expect(first.got()).toEqual([1, 2, 3, 4]);
  second.client.read(CONVERSATION, 4);
  await vi.waitFor(() => expect(service.marks).toContain("message.read 4"));
  expect((await second.client.history(CONVERSATION, 3, 10)).map((one) => one.sequence)).toEqual([1, 2]);
  expect(await store.pending()).toEqual([]);
  expect(service.sockets).toHaveLength(1);
});

it("asks for the presence that any tab wants, and not for that of a tab that has gone", async () => {
  const { browser: { service }, first, second } = await two();
  const asked: string[][] = [];
  const socket = service.sockets.at(-1) as FakeSocket;
  const send = socket.send.bind(socket);
  socket.send = (text) => {
    const frame = JSON.parse(text);
    if (frame.type === "presence.subscribe") asked.push(frame.userIds);
    send(text);
  };
  first.client.watch(["bob"]);
  second.client.watch(["carol"]);
  await vi.waitFor(() => expect(asked.at(-1)).toEqual(["bob", "carol"]));
  second.crash();
  await vi.waitFor(() => expect(asked.at(-1)).toEqual(["bob"]));
});

it("goes on in another tab where the one that was connected is closed", async () => {
  const { browser: { service }, first, second } = await two();
  await first.client.stop();
  await vi.waitFor(() => expect(second.client.leads).toBe(true));
  await vi.waitFor(() => expect(service.sockets).toHaveLength(2));
  await vi.waitFor(() => expect(second.client.status).toEqual({ name: "online", by: "socket" }));
  await second.client.send({ ...message, payload: "after" });
  await vi.waitFor(() => expect(second.got()).toEqual([3]));
});

it.each(["before", "after"])("sends once what a tab was asked for that crashed %s it stored it", async (when) => {
  const { browser: { service, store }, first, second } = await two();
  const putPending = store.putPending.bind(store);
  vi.spyOn(store, "putPending").mockImplementationOnce(async (frame) => {
    if (when === "after") await putPending(frame);
    queueMicrotask(first.crash);
    return new Promise(() => {});
  });
  await expect(second.client.send({ ...message, clientMsgId: "kept", payload: "once" })).resolves.toBe("kept");
  await vi.waitFor(() => expect(second.got()).toEqual([3]));
  await vi.waitFor(async () => expect(await store.pending()).toEqual([]));
  expect(service.log.map((one) => one.clientMsgId)).toEqual(["c1", "c2", "kept"]);
});

it("has what a tab was asked for before any was connected done by the one that is", async () => {
  const browser = new Browser();
  const { client, got } = browser.open();
  opened.push(client);
  const sent = client.send({ ...message, payload: "early" });
  await client.start();
  await sent;
  await vi.waitFor(() => expect(got()).toEqual([1, 2, 3]));
});

it("tells in each tab what is stored, also where the tab that stored it crashed before it told", async () => {
  const { browser: { store, service }, first, second } = await two();
  service.log.push(entry(3));
  await store.putEntries([entry(3)], { conversationId: CONVERSATION, floor: 1, held: 3 });
  first.crash();
  await vi.waitFor(() => expect(second.got()).toEqual([3]));
});

it("refuses in each tab as the service does", async () => {
  const { browser: { service }, second } = await two();
  service.fetch = async () => new Response('{"code": "forbidden", "message": "no"}', { status: 403 });
  const refused = await second.client.list().catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(CallError);
  expect(refused).toMatchObject({ status: 403, body: { code: "forbidden" }, message: "no" });
  await expect(second.client.send({ ...message, payload: "x".repeat(40_000) })).rejects.toThrow("that fit a frame");
  const socket = service.sockets.at(-1) as FakeSocket;
  socket.send = (text) => socket.say({ type: "error", code: "not_a_member", message: "none", replyTo: JSON.parse(text).id } as ServerFrame);
  await expect(second.client.request({ type: "sync.pull", conversationId: CONVERSATION, since: 0 }))
    .rejects.toMatchObject({ name: "RequestError", message: "none", frame: { code: "not_a_member" } });
  await second.client.stop();
  await expect(second.client.list()).rejects.toThrow("stopped");
});
