import { expect, it } from "vitest";
import { fold, textOf } from "../../src/index.ts";
import { entry } from "./support.ts";

const about = (sequence: number, target: number, more: object) =>
  entry(sequence, { targetMessageId: `m:${target}`, payload: null, ...more });

it("shows a message as its changes leave it", () => {
  const [message, ...others] = fold([
    entry(1),
    about(2, 1, { event: "edit", payload: "better" }),
    about(3, 1, { event: "reaction", reaction: "👍" }),
    about(4, 1, { event: "reaction", reaction: "🎉", senderUserId: "carol" }),
    about(5, 1, { event: "reaction" }),
    about(6, 1, { event: "pin" }),
    about(7, 1, { event: "vote", choices: ["tea"] }),
  ]);
  expect(others).toEqual([]);
  expect(message).toMatchObject({ payload: "better", isEdited: true, isPinned: true });
  expect([...(message?.reactions ?? [])]).toEqual([["carol", "🎉"]]);
  expect(message?.votes.get("bob")).toEqual(["tea"]);
});

it("keeps what was deleted empty, also by a later edit", () => {
  const [message] = fold([entry(1), about(2, 1, { event: "delete" }), about(3, 1, { event: "edit", payload: "back" })]);
  expect(message).toMatchObject({ payload: null, gone: "deleted", isEdited: false });
});

it("is free of the order of its entries, and leaves out what has no target", () => {
  const entries = [entry(1), entry(2), about(3, 1, { event: "edit", payload: "x" }), about(4, 99, { event: "pin" })];
  expect(fold([...entries].reverse())).toEqual(fold(entries));
  expect(fold(entries)).toHaveLength(2);
});

it("tells content that is gone or encrypted", () => {
  const messages = fold([entry(1, { expired: true, payload: null }), entry(2, { epoch: 3 }), entry(3, { event: "commit", epoch: 3 })]);
  expect(messages.map((one) => [one.gone, one.isEncrypted])).toEqual([["expired", false], [undefined, true], [undefined, false]]);
});

it("finds the text of a payload", () => {
  expect([textOf("a"), textOf({ text: "b" }), textOf({ text: 1 }), textOf(null)]).toEqual(["a", "b", "", ""]);
});

it("shows nothing of what has come to the end of its life, wherever it was kept", () => {
  const log = [entry(1, { ts: 1_000, ttlSeconds: 5 }), entry(2, { event: "edit", targetMessageId: "m:1", payload: "edited" })];
  expect(fold(log, 5_999)[0]).toMatchObject({ payload: "edited", gone: undefined });
  expect(fold(log, 6_000)[0]).toMatchObject({ payload: null, gone: "expired", isEdited: false });
});
