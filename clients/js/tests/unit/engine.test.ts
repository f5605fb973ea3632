import { expect, it } from "vitest";
import { Engine } from "../../src/index.ts";
import { CONVERSATION, entry, ready } from "./support.ts";

function connected(cursors: [string, number][] = [[CONVERSATION, 3]]) {
  const engine = new Engine({
    deviceId: "web", outbox: { capacity: 10, answerTimeoutMs: 5000 }, ackDelayMs: 300, requestTimeoutMs: 5000, cursors,
    chance: () => 0,
  });
  engine.opened(0);
  const hello = engine.takeFrames();
  const say = (frame: object, now = 1) => engine.frame(JSON.stringify(frame), now);
  const done = () => say({ type: "sync.complete", conversations: 0, resumeToken: "next", replyTo: "hello" });
  return { engine, hello, say, done };
}
const send = { type: "message.send", conversationId: CONVERSATION, clientMsgId: "a", payload: "hi", ts: 5 } as const;
const sent = { type: "message.sent", conversationId: CONVERSATION, clientMsgId: "a", messageId: "m:x", ts: 9, duplicate: false };

it("says hello first, and sends when the drain is over", () => {
  const { engine, hello, say, done } = connected();
  expect(hello).toEqual([{ type: "session.hello", id: "hello", cursors: { [CONVERSATION]: 3 } }]);
  engine.send(send);
  engine.tick(1);
  expect(engine.takeFrames()).toEqual([]);
  say(ready());
  engine.tick(1);
  expect(engine.takeFrames()).toEqual([]);
  done();
  engine.tick(1);
  expect(engine.takeFrames()).toMatchObject([{ clientMsgId: "a", attempt: 1, baseSequence: 3 }]);
  expect(engine.resumeToken).toBe("next");
});

it("hands over what was missed and what this device sent, in order", () => {
  const { engine, say, done } = connected();
  say(ready());
  say({ ...entry(4), type: "message.new" });
  done();
  engine.send(send);
  engine.tick(1);
  engine.takeEvents();
  say({ ...sent, sequence: 6 });
  say({ ...entry(5), type: "message.new" });
  const events = engine.takeEvents();
  expect(events.flatMap((event) => (event.type === "entries" ? event.entries.map((one) => one.sequence) : []))).toEqual([5, 6]);
  expect(events.filter((event) => event.type === "sent")).toHaveLength(1);
});

it("takes the entry itself for the answer where that was lost", () => {
  const { engine, say, done } = connected();
  say(ready());
  done();
  engine.send(send);
  engine.tick(1);
  say({ ...entry(4, { senderUserId: "alice", senderDeviceId: "web", clientMsgId: "a" }), type: "message.new" });
  expect(engine.queued).toBe(0);
  expect(engine.takeEvents().map((event) => event.type)).toContain("sent");
});

it("is dead without an answer to the hello, or to a heartbeat", () => {
  const greeted = connected();
  expect(greeted.engine.tick(14_999)).toBe(true);
  expect(greeted.engine.tick(15_000)).toBe(false);
  const { engine, say, done } = connected();
  say(ready());
  done();
  engine.tick(60_001);
  expect(engine.takeFrames()).toMatchObject([{ type: "presence.heartbeat", active: true }]);
  expect(engine.tick(65_000)).toBe(true);
  expect(engine.tick(65_001)).toBe(false);
});

it("gives up what is refused for good, and tries again what is not", () => {
  const { engine, say, done } = connected();
  say(ready());
  done();
  engine.send(send);
  engine.tick(1);
  engine.takeFrames();
  say({ type: "error", code: "unavailable", message: "later", retryAfterMs: 50, replyTo: "a", clientMsgId: "a" }, 2);
  engine.tick(52);
  expect(engine.takeFrames()).toMatchObject([{ clientMsgId: "a", attempt: 2 }]);
  say({ type: "error", code: "not_a_member", message: "no", replyTo: "a", clientMsgId: "a" });
  expect(engine.takeEvents()).toContainEqual(expect.objectContaining({ type: "failed" }));
});

it("survives what is no frame", () => {
  const { engine } = connected();
  for (const text of ["", "null", "[]", "{}", '{"message":"Internal server error"}', '{"type":"later.version"}',
    '{"type":"message.new","sequence":-1}', '{"type":"message.new","sequence":1e300}', '{"type":"message.sent","sequence":"1"}']) {
    engine.frame(text, 0);
  }
  expect(engine.takeEvents().filter((event) => event.type !== "notice")).toEqual([]);
});

it("does not listen to frames of places that there cannot be", () => {
  const { engine, say, done } = connected();
  say(ready());
  done();
  engine.takeEvents();
  const page = { type: "sync.page", conversationId: CONVERSATION, messages: [], next: 4, hasMore: false };
  for (const bad of [
    { ...entry(4), type: "message.new", sequence: 4.5 },
    { ...entry(4), type: "message.new", sequence: 2 ** 41 },
    { ...entry(4), type: "message.new", conversationId: undefined },
    { type: "conversation.updated", conversationId: CONVERSATION, lastSequence: "9" },
    { ...page, messages: undefined },
    { ...page, next: -1 },
    { ...page, messages: [entry(4, { conversationId: "u:alice|u:carol" })] },
    { ...page, messages: [null] },
  ]) say(bad);
  expect(engine.takeEvents()).toEqual([]);
  expect(engine.held(CONVERSATION)).toBe(3);
});

it("loses nothing of a conversation that its own message places", () => {
  const { engine, say, done } = connected([]);
  say(ready());
  done();
  engine.send(send);
  engine.tick(1);
  // Another's message is here before the answer to one's own.
  say({ ...entry(6), type: "message.new" });
  say({ ...sent, sequence: 5 });
  const events = engine.takeEvents();
  expect(events.flatMap((event) => (event.type === "entries" ? event.entries.map((one) => one.sequence) : []))).toEqual([5, 6]);
});

it("says now and then that the user types, and once that they have stopped while that is news", () => {
  const { engine, say, done } = connected();
  const said = () => engine.takeFrames().flatMap((frame) => (frame.type === "typing" ? [frame.active] : []));
  engine.typing(CONVERSATION, true, 1);
  say(ready());
  done();
  engine.takeFrames();
  for (const now of [1000, 2000, 4999, 5000, 6000]) engine.typing(CONVERSATION, true, now);
  expect(said()).toEqual([true, true]);
  engine.typing(CONVERSATION, false, 7000);
  engine.typing(CONVERSATION, false, 7001);
  expect(said()).toEqual([false]);
  engine.typing(CONVERSATION, true, 8000);
  engine.typing(CONVERSATION, false, 14_000);
  expect(said()).toEqual([true]);
});
