// Against a running stack: TIDINGS_STATUS is what `cargo dev status --json` says.
import { expect, it, vi } from "vitest";
import WebSocket from "ws";
import { CallError, Client, type ClientEvent, directConversation, fold, type SocketLike, upload } from "../../src/index.ts";

const stack = JSON.parse(process.env.TIDINGS_STATUS ?? "null") as
  { httpUrl: string; wsUrl: string; oidcIssuer: string } | null;
if (!stack) throw new Error("TIDINGS_STATUS is not set: run `cargo dev test browser`");
const { httpUrl, wsUrl, oidcIssuer } = stack;

const suffix = Math.random().toString(36).slice(2, 8);
const [alice, bob] = [`js-alice-${suffix}`, `js-bob-${suffix}`];
const conversationId = directConversation(alice, bob);

function device(user: string, blockSockets = false) {
  let token: string | undefined;
  const client = new Client({
    url: httpUrl, socketUrl: wsUrl, deviceId: "node",
    token: async () => {
      if (!token) {
        const answer = await fetch(`${oidcIssuer}/token`, { method: "POST", body: JSON.stringify({ user }) });
        token = ((await answer.json()) as { access_token: string }).access_token;
      }
      return token;
    },
    // A port that nobody listens on: what a proxy that knows no sockets looks like.
    connect: (url) => new WebSocket(blockSockets ? "ws://127.0.0.1:9" : url) as unknown as SocketLike,
  });
  const events: ClientEvent[] = [];
  client.on((event) => events.push(event));
  const messages = () => fold(events.flatMap((event) => (event.type === "entries" ? event.entries : [])));
  return { client, events, messages };
}

const wait = { timeout: 15_000, interval: 50 };

it("talks with another device, with receipts, changes and media", async () => {
  const [one, other] = [device(alice), device(bob)];
  await Promise.all([one.client.start(), other.client.start()]);
  await one.client.send({ type: "message.send", conversationId, payload: "hello" });
  await vi.waitFor(() => expect(other.messages().map((message) => message.payload)).toEqual(["hello"]), wait);
  other.client.read(conversationId, 1);
  await vi.waitFor(() => expect(one.events).toContainEqual(expect.objectContaining({
    type: "notice", frame: expect.objectContaining({ type: "message.read", upTo: 1, userId: bob }),
  })), wait);
  const { messageId } = one.messages()[0] ?? { messageId: "" };
  await other.client.send({ type: "message.react", conversationId, messageId, reaction: "👍" });
  await one.client.send({ type: "message.edit", conversationId, messageId, payload: "hello!" });
  await vi.waitFor(() => {
    expect(one.messages()[0]).toMatchObject({ payload: "hello!", isEdited: true });
    expect(one.messages()[0]?.reactions.get(bob)).toBe("👍");
  }, wait);
  const handle = await upload(one.client.http, conversationId, new Blob(["some text"], { type: "text/plain" }));
  await one.client.send({ type: "message.send", conversationId, kind: "doc", mediaHandle: handle, payload: {} });
  await vi.waitFor(() => expect(other.messages().at(-1)?.mediaHandle).toBe(handle), wait);
  // Above 16 MiB it goes in parts; what was cancelled can be begun again.
  const large = new Blob([new Uint8Array(17 * 1024 * 1024).map((_, index) => (index * 31) % 251), suffix]);
  const told: number[] = [];
  const broken = new AbortController();
  const first = upload(one.client.http, conversationId, large, (part) => {
    told.push(part);
    broken.abort(new Error("enough"));
  }, broken.signal);
  await expect(first).rejects.toThrow("enough");
  expect(told[0]).toBeLessThan(1);
  const parts = await upload(one.client.http, conversationId, large, (part) => told.push(part));
  expect(told.at(-1)).toBe(1);
  await one.client.send({ type: "message.send", conversationId, kind: "doc", mediaHandle: parts, payload: {} });
  await vi.waitFor(() => expect(other.messages().at(-1)?.mediaHandle).toBe(parts), wait);
  await Promise.all([one.client.stop(), other.client.stop()]);
}, 60_000);

it("goes on by calls where sockets are blocked", async () => {
  const [one, other] = [device(alice), device(bob, true)];
  await Promise.all([one.client.start(), other.client.start()]);
  await vi.waitFor(() => expect(other.client.status).toEqual({ name: "online", by: "calls" }), wait);
  await one.client.send({ type: "message.send", conversationId, payload: "through calls" });
  await vi.waitFor(() => expect(other.messages().at(-1)?.payload).toBe("through calls"), wait);
  await other.client.send({ type: "message.send", conversationId, payload: "and back" });
  await vi.waitFor(() => expect(one.messages().at(-1)?.payload).toBe("and back"), wait);
  const { sequence = 0 } = one.messages().at(-1) ?? {};
  one.client.read(conversationId, sequence);
  await vi.waitFor(() => expect(other.events).toContainEqual(expect.objectContaining({
    type: "notice", frame: expect.objectContaining({ type: "message.read", upTo: sequence, userId: alice }),
  })), wait);
  await Promise.all([one.client.stop(), other.client.stop()]);
}, 60_000);

it("is told what is wrong with a call", async () => {
  const { client } = device(alice);
  const refused = await client.http.call("POST", "/groups", { body: { title: "" } }).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(CallError);
  expect(refused).toMatchObject({ status: 400, body: { code: "bad_request", details: { field: "title" } } });
}, 30_000);
