import { describe, expect, it } from "vitest";
import type { EntryFrame } from "../../src/frames.ts";
import { Backoff } from "../../src/machine/backoff.ts";
import { Inbox } from "../../src/machine/inbox.ts";
import { Outbox } from "../../src/machine/outbox.ts";
import { Receipts } from "../../src/machine/receipts.ts";
import { CONVERSATION, entry } from "./support.ts";

const send = (clientMsgId: string, conversationId = CONVERSATION): EntryFrame => (
  { type: "message.send", conversationId, clientMsgId, payload: clientMsgId, ts: 0 });
const sequences = (delivery: { entries: { sequence: number }[] }) => delivery.entries.map((one) => one.sequence);

describe("backoff", () => {
  it("doubles up to the cap", () => {
    const backoff = new Backoff();
    const delays = Array.from({ length: 9 }, () => backoff.down(0, 1));
    expect(delays).toEqual([250, 500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]);
  });

  it("is reset by a stable connection alone", () => {
    const backoff = new Backoff();
    backoff.down(0, 1);
    backoff.up(10_000);
    expect(backoff.down(12_000, 1)).toBe(500);
    backoff.up(20_000);
    expect(backoff.down(41_000, 1)).toBe(250);
  });
});

describe("outbox", () => {
  const outbox = (capacity = 10) => new Outbox({ capacity, answerTimeoutMs: 1000 });
  const held = () => 7;

  it("has one of a conversation unanswered, and conversations side by side up to the window", () => {
    const box = outbox();
    for (const frame of [send("a1", "g:a"), send("a2", "g:a"), send("b1", "g:b"), send("c1", "g:c")]) box.push(frame);
    box.connected(2);
    expect([box.next(0, held), box.next(0, held), box.next(0, held)].map((frame) => frame?.clientMsgId))
      .toEqual(["a1", "b1", undefined]);
    expect(box.accepted("g:a", "a1")).toBe(true);
    expect([box.next(0, held), box.next(0, held)].map((frame) => frame?.clientMsgId)).toEqual(["c1", undefined]);
  });

  it("marks a resend, with the place of the first attempt", () => {
    const box = outbox();
    box.push(send("a"));
    box.connected(2);
    expect(box.next(0, () => 7)).toMatchObject({ attempt: 1, baseSequence: 7 });
    expect(box.next(999, held)).toBeUndefined();
    expect(box.next(1000, () => 9)).toMatchObject({ attempt: 2, baseSequence: 7 });
    box.disconnected();
    box.connected(2);
    expect(box.next(1001, () => 9)).toMatchObject({ attempt: 3, baseSequence: 7 });
  });

  it("waits for a place, retries what passes and gives up what does not", () => {
    const box = outbox();
    box.push(send("a"));
    box.connected(1);
    expect(box.next(0, () => undefined)).toBeUndefined();
    box.next(0, held);
    expect(box.refused("a", 100, 0, 1)).toEqual({ kind: "retry" });
    expect(box.wake()).toBe(200);
    box.next(200, held);
    expect(box.refused("a", undefined, 200, 1)).toMatchObject({ kind: "failed", frame: { clientMsgId: "a" } });
    expect(box.size).toBe(0);
    expect(box.isInFlight).toBe(false);
  });

  it("refuses a second of a name, and more than it holds", () => {
    const box = outbox(1);
    expect([box.push(send("a")), box.push(send("a")), box.push(send("b"))]).toEqual(["taken", "duplicate", "full"]);
  });

  it("sends nothing while the service asks for a pause", () => {
    const box = outbox();
    box.push(send("a"));
    box.connected(2);
    box.flowControl(1, 500, 0);
    expect(box.next(499, held)).toBeUndefined();
    expect(box.next(500, held)?.clientMsgId).toBe("a");
  });
});

describe("inbox", () => {
  it("hands over in order, each once, whatever order they come in", () => {
    const inbox = new Inbox([[CONVERSATION, 3]]);
    expect(sequences(inbox.entry(entry(5), 0))).toEqual([]);
    expect(sequences(inbox.entry(entry(4), 0))).toEqual([4, 5]);
    expect(sequences(inbox.entry(entry(5), 0))).toEqual([]);
    expect(inbox.held(CONVERSATION)).toBe(5);
  });

  it("pulls a gap that does not close, and tries again where that fails", () => {
    const inbox = new Inbox([[CONVERSATION, 3]]);
    inbox.entry(entry(6), 0);
    expect(inbox.pulls(149)).toEqual([]);
    expect(inbox.pulls(150)).toEqual([{ conversation: CONVERSATION, since: 3 }]);
    expect(inbox.pulls(151)).toEqual([]);
    inbox.pullFailed(CONVERSATION, undefined, 151, 0);
    expect(inbox.wake()).toBe(651);
    expect(inbox.pulls(651)).toHaveLength(1);
    expect(sequences(inbox.page(CONVERSATION, 3, [entry(4), entry(5)], 5, 652))).toEqual([4, 5, 6]);
    expect(inbox.wake()).toBeUndefined();
  });

  it("takes a page for the truth: what is not in it does not exist", () => {
    const inbox = new Inbox([[CONVERSATION, 0]]);
    inbox.exists(CONVERSATION, 9, 0);
    expect(sequences(inbox.page(CONVERSATION, 0, [entry(7), entry(9)], 9, 0))).toEqual([7, 9]);
    expect(inbox.held(CONVERSATION)).toBe(9);
  });

  it("pulls nothing while the service drains", () => {
    const inbox = new Inbox([[CONVERSATION, 0]]);
    inbox.drainBegins();
    inbox.entry(entry(2), 0);
    expect(inbox.pulls(1000)).toEqual([]);
    inbox.drainEnds(1000);
    expect(inbox.pulls(1000)).toHaveLength(1);
  });

  it("keeps what has no place until it has one", () => {
    const inbox = new Inbox([]);
    inbox.entry(entry(8), 0);
    expect(inbox.unplaced()).toEqual([{ conversation: CONVERSATION, first: 8 }]);
    expect(sequences(inbox.place(CONVERSATION, 9, 0))).toEqual([8]);
  });

  it("reaches the whole log in any order, with any loss and any repeat", () => {
    let state = 1;
    const random = (below: number) => {
      state = (state * 48271) % 2147483647;
      return state % below;
    };
    for (let run = 0; run < 200; run += 1) {
      const log = Array.from({ length: 1 + random(30) }, (_, index) => entry(index + 1));
      const inbox = new Inbox([[CONVERSATION, 0]]);
      const got: number[] = [];
      const take = (delivery: { entries: { sequence: number }[] }) => got.push(...sequences(delivery));
      for (let step = 0; step < 40; step += 1) {
        const one = log[random(log.length)];
        if (one) take(inbox.entry(one, step * 20));
        for (const { since } of inbox.pulls(step * 20)) {
          if (random(3) === 0) inbox.pullFailed(CONVERSATION, undefined, step * 20, 0.5);
          else {
            const page = log.slice(since, since + 1 + random(4));
            take(inbox.page(CONVERSATION, since, page, page.at(-1)?.sequence ?? since, step * 20));
          }
        }
      }
      inbox.exists(CONVERSATION, log.length, 1e6);
      for (let now = 1e6; inbox.held(CONVERSATION) !== log.length && now < 1e8; now += 1000) {
        for (const { since } of inbox.pulls(now)) take(inbox.page(CONVERSATION, since, log.slice(since, since + 5), Math.min(since + 5, log.length), now));
      }
      expect(got).toEqual(log.map((one) => one.sequence));
    }
  });
});

describe("receipts", () => {
  it("waits a little, and says several at once", () => {
    const receipts = new Receipts(300);
    receipts.stored(CONVERSATION, 1, 1, 0);
    receipts.stored(CONVERSATION, 2, 2, 100);
    expect(receipts.take(299)).toEqual([]);
    expect(receipts.take(300)).toEqual([{ kind: "ack", conversation: CONVERSATION, upTo: 2 }]);
    expect(receipts.take(9000)).toEqual([]);
  });

  it("says both by a read", () => {
    const receipts = new Receipts(300);
    receipts.stored(CONVERSATION, 2, 2, 0);
    receipts.read(CONVERSATION, 2, 0);
    expect(receipts.take(0)).toEqual([{ kind: "read", conversation: CONVERSATION, upTo: 2 }]);
    expect(receipts.wake()).toBeUndefined();
  });

  it("says nothing of one's own, nothing beyond what is stored, and nothing that the service has", () => {
    const receipts = new Receipts(300);
    receipts.stored(CONVERSATION, 2, undefined, 0);
    expect(receipts.wake()).toBeUndefined();
    receipts.known("g:a", 5, 5);
    receipts.stored("g:a", 5, 5, 0);
    receipts.read("g:a", 9, 0);
    expect(receipts.wake()).toBeUndefined();
  });

  it("says again what a refusal or a loss may have taken", () => {
    const receipts = new Receipts(300);
    receipts.stored(CONVERSATION, 2, 2, 0);
    const [mark] = receipts.take(300);
    if (mark) receipts.refused(mark, 1000, 300);
    expect(receipts.take(1299)).toEqual([]);
    expect(receipts.take(1300)).toHaveLength(1);
    receipts.disconnected(2000);
    expect(receipts.take(2300)).toHaveLength(1);
  });
});
