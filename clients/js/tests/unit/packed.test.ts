import { gzipSync } from "node:zlib";
import { expect, it, vi } from "vitest";
import { Client, MemoryStore } from "../../src/index.ts";
import { packedOf, readable, unpack } from "../../src/packed.ts";
import { FakeSocket, Service } from "./service.ts";
import { CONVERSATION, entry } from "./support.ts";

const pack = (text: string) => gzipSync(text).toString("base64");

it("unpacks what was packed, with what it answers", async () => {
  const page = { type: "sync.page", conversationId: CONVERSATION, messages: [], next: 3, hasMore: false, note: "héllo 🎈" };
  const packed = packedOf(JSON.stringify({ type: "packed", encoding: "gzip", frame: pack(JSON.stringify(page)), replyTo: "r1" }));
  expect(JSON.parse((await unpack(packed!))!)).toEqual({ ...page, replyTo: "r1" });
});

it("takes nothing else for one", async () => {
  expect(packedOf('{"type":"sync.page"}')).toBeUndefined();
  expect(packedOf('{"type":"packed"')).toBeUndefined();
  const good = pack(JSON.stringify({ type: "sync.page" }));
  const odd = [
    {}, { encoding: "br", frame: good }, { encoding: "gzip" }, { encoding: "gzip", frame: "%" }, { encoding: "gzip", frame: good.slice(0, 20) },
    { encoding: "gzip", frame: pack("not JSON") }, { encoding: "gzip", frame: pack('{"type":"packed"}') },
    // What would unpack to more than a frame has.
    { encoding: "gzip", frame: pack(JSON.stringify({ type: "sync.page", note: "a".repeat(10_000_000) })) },
  ];
  for (const packed of odd) expect(await unpack(packed)).toBeUndefined();
  expect(readable(undefined)).toBeUndefined();
  expect(readable(["br"])).toBeUndefined();
  expect(readable(["br", "gzip"])).toBe("gzip");
});

it("asks for packed pages, and closes a gap by one", async () => {
  const service = new Service();
  const store = new MemoryStore();
  const client = new Client({
    url: "http://service/v1", socketUrl: "ws://service/v1", deviceId: "web", store, fetch: service.fetch,
    token: () => `h.${btoa('{"sub":"alice"}')}.s`, connect: () => new FakeSocket(service), chance: () => 0, waitS: 1, probeMs: 50,
  });
  await client.start();
  await vi.waitFor(() => expect(client.status.name).toBe("online"));
  // One that was never told of stands before it.
  const last = service.log.length;
  service.log.push(entry(last + 1), entry(last + 2));
  service.sockets.at(-1)!.say({ ...service.log.at(-1)!, type: "message.new" });
  await vi.waitFor(async () => expect((await store.entries(CONVERSATION, last + 2, 9)).map((one) => one.sequence)).toContain(last + 1));
  expect(service.encodings).toEqual(["gzip"]);
  await client.stop();
});
