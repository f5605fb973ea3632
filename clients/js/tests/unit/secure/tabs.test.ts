// As in a browser: the database, the keys in a worker, and tabs.
import "fake-indexeddb/auto";
import { expect, it, vi } from "vitest";
import { type ChannelLike, type ClientEvent, fold, type LocksLike, SharedClient } from "../../../src/index.ts";
import { inWorker, type KeysAt, SecureClient, SecureStore, type WorkerLike } from "../../../src/secure/index.ts";
import { serve } from "../../../src/secure/port.ts";
import { Phone, World, WorldSocket } from "./world.ts";

const direct = "u:alice|u:bob";
const wait = { timeout: 30_000, interval: 10 };

/** A worker: the other end of a channel, by which nothing goes that cannot be cloned. */
function worker(): WorkerLike {
  const { port1, port2 } = new MessageChannel();
  serve(port2 as unknown as WorkerLike);
  return Object.assign(port1, { terminate: () => port1.close() }) as unknown as WorkerLike;
}

/** Tabs of one browser. */
class Browser {
  private readonly queues = new Map<string, { grant: () => void; end: () => void }[]>();
  private readonly channels = new Set<ChannelLike>();

  constructor(private readonly world: World, private readonly user: string, private readonly keys: KeysAt) {}

  async open() {
    const { world, user, keys } = this;
    const name = `${user}-web-${world.id}`;
    const store = await SecureStore.open(name);
    const client = new SharedClient({
      url: "http://world/v1", socketUrl: "ws://world/v1", deviceId: "web", store, name, token: async () => "t",
      fetch: world.fetchAs(user, "web"), connect: () => new WorldSocket(world, user, "web"), locks: this.locks, channel: () => this.channel(),
      make: (config) => new SecureClient({ ...config, store, userId: user, keys }),
    });
    const events: ClientEvent[] = [];
    client.on((event) => events.push(event));
    const texts = () => fold(events.flatMap((event) => (event.type === "entries" ? event.entries : [])))
      .filter((one) => one.event === "message").map((one) => (one.payload as { text?: string } | null)?.text);
    return { client, store, events, texts };
  }

  private readonly locks: LocksLike = {
    request: (name, { signal }, held) => new Promise((resolve, reject) => {
      const queue = this.queues.get(name) ?? [];
      this.queues.set(name, queue);
      const end = () => {
        const at = queue.indexOf(one);
        queue.splice(at, 1);
        if (at === 0) queue[0]?.grant();
      };
      const one = { grant: () => void held().then(resolve, reject).finally(end), end };
      signal?.addEventListener("abort", () => { if (queue.indexOf(one) > 0) end(); });
      queue.push(one);
      if (queue.length === 1) queueMicrotask(one.grant);
    }),
  };

  private channel(): ChannelLike {
    const channel: ChannelLike = {
      onmessage: null, close: () => this.channels.delete(channel),
      postMessage: (message) => {
        const data = structuredClone(message);
        for (const other of this.channels) if (other !== channel) queueMicrotask(() => other.onmessage?.({ data }));
      },
    };
    this.channels.add(channel);
    return channel;
  }
}

it("has its keys in a worker, and its tabs read, write and ask as one", async () => {
  const world = new World();
  const browser = new Browser(world, "alice", inWorker(worker));
  const [one, other] = [await browser.open(), await browser.open()];
  await one.client.start();
  await other.client.start();
  const bob = await Phone.start(world, "bob", "web");
  // Whichever tab: the one that is connected sends, and both hear.
  await vi.waitFor(() => expect(other.client.status).toEqual({ name: "online", by: "socket" }), wait);
  await other.client.send({ type: "message.send", conversationId: direct, payload: "from the other tab" });
  await vi.waitFor(async () => expect(await bob.texts(direct)).toEqual(["from the other tab"]), wait);
  await bob.say(direct, "to both tabs");
  for (const tab of [one, other]) {
    await vi.waitFor(() => expect(tab.texts()).toEqual(["from the other tab", "to both tabs"]), wait);
    expect((await tab.store.entries(direct, 1e9, 10)).map((entry) => (entry.payload as { text?: string } | null)?.text)).toEqual(
      [undefined, "from the other tab", "to both tabs"]);
    expect(await tab.client.ask<object[]>("search", { text: "both" }, 5)).toHaveLength(1);
  }
  const digits = await other.client.ask<string>("safetyNumber", "bob");
  expect(digits).toBe(await bob.client.safetyNumber("alice"));
  await expect(other.client.ask("link", "no code")).rejects.toThrow("This is no code");
  await expect(other.client.ask("nothing")).rejects.toThrow("the client has no nothing");
  // The tab that is connected is closed: the other takes over, with the same keys.
  await one.client.stop();
  // It is asked while it takes over.
  await other.client.send({ type: "message.send", conversationId: direct, payload: "still here" });
  await bob.say(direct, "I see");
  await vi.waitFor(async () => expect(new Set(await bob.texts(direct))).toEqual(new Set(["from the other tab", "to both tabs", "still here", "I see"])), wait);
  await vi.waitFor(() => expect(new Set(other.texts())).toEqual(new Set(["from the other tab", "to both tabs", "still here", "I see"])), wait);
  expect(world.user("alice").version).toBe(1);
  expect(await other.client.pending()).toEqual([]);
  await other.client.stop();
  await bob.client.stop();
}, 90_000);

it("says where the worker cannot be started", async () => {
  const world = new World();
  const broken: WorkerLike = { onmessage: null, onerror: null, postMessage: () => queueMicrotask(() => broken.onerror?.({ message: "" } as ErrorEvent)), terminate: () => {} };
  const client = new SecureClient({
    url: "http://world/v1", socketUrl: "ws://world/v1", deviceId: "web", userId: "alice", token: async () => "t", store: await SecureStore.open(`broken-${world.id}`),
    fetch: world.fetchAs("alice", "web"), connect: () => new WorldSocket(world, "alice", "web"), keys: inWorker(() => broken),
  });
  await expect(client.start()).rejects.toThrow("the worker cannot be started");
});
