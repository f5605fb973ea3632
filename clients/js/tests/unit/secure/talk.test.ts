import { afterEach, expect, it, vi } from "vitest";
import { SecureStore } from "../../../src/secure/index.ts";
import { Account } from "../../../src/secure/account.ts";
import type { Bytes } from "../../../src/secure/bytes.ts";
import type { Device } from "../../../src/secure/device.ts";
import { newRecoveryKey } from "../../../src/secure/recovery.ts";
import { type Backing, type ListOptions, Vault } from "../../../src/secure/vault.ts";
import { Phone, World } from "./world.ts";

const direct = "u:alice|u:bob";
const wait = { timeout: 30_000, interval: 10 };
let open: Phone[] = [];

async function start(world: World, user: string, device: string, store?: Phone["store"]): Promise<Phone> {
  const phone = await Phone.start(world, user, device, store);
  open.push(phone);
  return phone;
}
afterEach(async () => {
  await Promise.all(open.map((phone) => phone.client.stop()));
  open = [];
});
const hears = (phone: Phone, conversation: string, texts: unknown[]) => (
  vi.waitFor(async () => expect(await phone.texts(conversation)).toEqual(texts), wait));

it("talks both ways, and nothing is in the clear", async () => {
  const world = new World();
  const alice = await start(world, "alice", "web");
  const bob = await start(world, "bob", "web");
  await alice.say(direct, "the ferry leaves at seven");
  await hears(bob, direct, ["the ferry leaves at seven"]);
  await bob.say(direct, "I will be there");
  await hears(alice, direct, ["the ferry leaves at seven", "I will be there"]);
  await hears(bob, direct, ["the ferry leaves at seven", "I will be there"]);
  expect((await bob.messages(direct)).every((one) => one.isSecure)).toBe(true);
  expect(JSON.stringify([...world.logs])).not.toContain("ferry");
  expect(await alice.client.pending()).toEqual([]);
});

it("edits, reacts and votes inside of the encryption", async () => {
  const world = new World();
  const [alice, bob] = [await start(world, "alice", "web"), await start(world, "bob", "web")];
  await alice.client.send({ type: "message.send", conversationId: direct, kind: "poll", payload: { text: "Tea?", choices: ["yes", "no"] } });
  await hears(bob, direct, ["Tea?"]);
  const [poll] = await bob.messages(direct);
  const target = { conversationId: direct, messageId: poll?.messageId ?? "", messageSequence: poll?.sequence ?? 0 };
  await bob.client.send({ type: "message.vote", ...target, choices: ["yes"] });
  await bob.client.send({ type: "message.react", ...target, reaction: "🫖" });
  await bob.say(direct, "with milc");
  await hears(alice, direct, ["Tea?", "with milc"]);
  const [, said] = await bob.messages(direct);
  await bob.client.send({ type: "message.edit", conversationId: direct, messageId: said?.messageId ?? "", messageSequence: said?.sequence ?? 0, payload: "with milk" });
  await hears(alice, direct, ["Tea?", "with milk"]);
  for (const phone of [alice, bob]) {
    const [first, second] = await phone.messages(direct);
    expect([first?.votes.get("bob"), first?.reactions.get("bob"), first?.kind, second?.isEdited]).toEqual([["yes"], "🫖", "poll", true]);
  }
  expect(JSON.stringify([...world.logs])).not.toMatch(/🫖|yes|milk/);
  await bob.client.send({ type: "message.react", ...target });
  await vi.waitFor(async () => expect((await alice.messages(direct))[0]?.reactions.size).toBe(0), wait);
});

it("refuses what fits no message, and what it has already, when it is said", async () => {
  const world = new World();
  const alice = await start(world, "alice", "web");
  await expect(alice.say(direct, "x".repeat(17 * 1024))).rejects.toThrow("over the limit");
  const clientMsgId = await alice.say(direct, "once");
  await expect(alice.client.send({ type: "message.send", conversationId: direct, payload: "once", clientMsgId })).rejects.toThrow("queued already");
  expect(await alice.client.withdraw(direct, clientMsgId)).toBe(true);
  expect(await alice.client.withdraw(direct, clientMsgId)).toBe(false);
  expect(await alice.client.pending()).toEqual([]);
});

it("writes in the clear where the user says so, until somebody encrypts", async () => {
  const world = new World();
  const alice = await start(world, "alice", "web");
  await alice.client.setClear(direct, true);
  await alice.say(direct, "for a bot");
  await vi.waitFor(() => expect(world.log(direct).entries.map((one) => [one.payload, one.epoch])).toEqual([[{ text: "for a bot" }, undefined]]), wait);
  const bob = await start(world, "bob", "web");
  await hears(bob, direct, ["for a bot"]);
  expect((await bob.messages(direct))[0]?.isSecure).toBe(false);
  await bob.say(direct, "encrypted from here on");
  await hears(alice, direct, ["for a bot", "encrypted from here on"]);
  await alice.say(direct, "and back");
  await hears(bob, direct, ["for a bot", "encrypted from here on", "and back"]);
  expect(await alice.client.isClear(direct)).toBe(true);
  expect((await bob.messages(direct)).map((one) => one.isSecure)).toEqual([false, true, true]);
});

it("waits for whoever has no keys yet, and says so", async () => {
  const world = new World();
  const alice = await start(world, "alice", "web");
  await alice.say(direct, "are you there?");
  await vi.waitFor(() => expect(alice.secure()).toContainEqual(
    { is: "waiting", conversationId: direct, reason: { for: "keys", userId: "bob" } }), wait);
  expect((await alice.client.pending()).map((frame) => "payload" in frame && frame.payload)).toEqual([{ text: "are you there?" }]);
  const bob = await start(world, "bob", "web");
  await hears(bob, direct, ["are you there?"]);
  expect(alice.secure()).toContainEqual({ is: "waiting", conversationId: direct, reason: undefined });
});

it("of two who begin at once one founds the group, and both are heard", async () => {
  const world = new World();
  const [alice, bob] = [await start(world, "alice", "web"), await start(world, "bob", "web")];
  await Promise.all([alice.say(direct, "from alice"), bob.say(direct, "from bob")]);
  for (const phone of [alice, bob]) {
    await vi.waitFor(async () => expect(new Set(await phone.texts(direct))).toEqual(new Set(["from alice", "from bob"])), wait);
  }
  expect(world.log(direct).entries.filter((one) => one.event === "commit")[0]?.epoch).toBe(1);
});

it("adds a device that comes, and takes out one that is revoked", async () => {
  const world = new World();
  const [alice, bob] = [await start(world, "alice", "web"), await start(world, "bob", "web")];
  await alice.say(direct, "before the tablet");
  await hears(bob, direct, ["before the tablet"]);
  const digits = await bob.client.safetyNumber("alice");
  expect(await alice.client.safetyNumber("bob")).toBe(digits);
  await bob.client.verify("alice", digits ?? "");
  const tablet = await start(world, "alice", "tablet");
  await bob.say(direct, "hello, both");
  await hears(alice, direct, ["before the tablet", "hello, both"]);
  await vi.waitFor(async () => expect((await tablet.texts(direct)).at(-1)).toBe("hello, both"), wait);
  expect((await tablet.texts(direct))[0]).toBe("unreadable");
  expect(bob.secure()).toContainEqual({ is: "safetyNumberChanged", userId: "alice", wasVerified: true });
  expect(await bob.client.isVerified("alice")).toBe(false);
  await tablet.say(direct, "from the tablet");
  await vi.waitFor(async () => expect((await bob.texts(direct)).at(-1)).toBe("from the tablet"), wait);
  await alice.client.revokeDevice("tablet");
  await vi.waitFor(async () => expect(await bob.client.roster(direct)).toEqual(["alice/web", "bob/web"]), wait);
  await bob.say(direct, "without the tablet");
  await vi.waitFor(async () => expect((await alice.texts(direct)).at(-1)).toBe("without the tablet"), wait);
  await vi.waitFor(async () => expect((await tablet.texts(direct)).at(-1)).toBe("…"), wait);
});

it("asks to be added anew where its Welcome was lost", async () => {
  const world = new World();
  const [alice, bob] = [await start(world, "alice", "web"), await start(world, "bob", "web")];
  world.losesWelcomes = true;
  await alice.say(direct, "not for bob");
  await vi.waitFor(async () => expect(await bob.texts(direct)).toEqual(["…"]), wait);
  world.losesWelcomes = false;
  // Who was just added is not added again at once: the wish is said again.
  await vi.waitFor(async () => expect(await bob.client.membership(direct)).toBe("in"), wait);
  await alice.say(direct, "but this");
  await hears(bob, direct, ["unreadable", "but this"]);
  await bob.say(direct, "I do");
  await hears(alice, direct, ["not for bob", "but this", "I do"]);
}, 90_000);

it("follows a group that grows and shrinks, and replays nothing", async () => {
  const world = new World();
  const group = "g:crew";
  world.members.set(group, ["alice", "bob"]);
  const [alice, bob, carol] = [await start(world, "alice", "web"), await start(world, "bob", "web"), await start(world, "carol", "web")];
  await alice.say(group, "the two of us");
  await hears(bob, group, ["the two of us"]);
  world.members.set(group, ["alice", "bob", "carol"]);
  world.append(group, { senderUserId: "alice", senderDeviceId: "web", clientMsgId: "joins", event: "membership", payload: { change: "added", userId: "carol" } });
  await vi.waitFor(async () => expect((await bob.store.entries(group, 1e9, 100)).at(-1)?.event).toBe("membership"), wait);
  await bob.say(group, "hello, carol");
  await vi.waitFor(async () => expect((await carol.texts(group)).at(-1)).toBe("hello, carol"), wait);
  expect((await carol.texts(group))[0]).toBe("unreadable");
  // The service says once more what was said.
  const said = world.log(group).entries.findLast((one) => one.event === "message");
  world.append(group, { ...said, clientMsgId: "again", sequence: world.log(group).entries.length + 1, messageId: "again" });
  await vi.waitFor(async () => expect((await carol.messages(group)).at(-1)?.payload).toEqual(
    { reason: "the message was processed before, or is too old" }), wait);
  // And what is in the clear, or by another, changes nothing.
  const target = { targetMessageId: said?.messageId ?? "", targetSequence: said?.sequence ?? 0 };
  world.append(group, { senderUserId: "bob", senderDeviceId: "web", clientMsgId: "forged", event: "edit", payload: { text: "forged" }, ...target });
  world.append(group, { ...said, senderUserId: "alice", clientMsgId: "stolen", sequence: world.log(group).entries.length + 1, messageId: "stolen" });
  await vi.waitFor(async () => expect((await carol.messages(group)).at(-1)?.kind).toBe("unreadable"), wait);
  expect((await carol.messages(group)).find((one) => one.messageId === said?.messageId)?.payload).toEqual({ text: "hello, carol" });
  world.members.set(group, ["bob", "carol"]);
  world.append(group, { senderUserId: "alice", senderDeviceId: "web", clientMsgId: "leaves", event: "membership", payload: { change: "left", userId: "alice" } });
  await vi.waitFor(async () => expect((await carol.store.entries(group, 1e9, 100)).at(-1)?.event).toBe("membership"), wait);
  await carol.say(group, "without alice");
  await vi.waitFor(async () => expect((await bob.texts(group)).at(-1)).toBe("without alice"), wait);
  expect(await bob.client.roster(group)).toEqual(["bob/web", "carol/web"]);
}, 90_000);

/** A vault that takes so many writes and then no more, as where the process ends. */
class Fused implements Backing {
  readonly values = new Map<string, Bytes>();
  writes = Infinity;

  constructor(readonly key: CryptoKey) {}

  async get(name: string): Promise<Bytes | undefined> {
    return this.values.get(name);
  }

  async list(prefix: string, { backwards = false, before, limit = Infinity }: ListOptions): Promise<[string, Bytes][]> {
    const found = [...this.values].filter(([name]) => name.startsWith(prefix) && (before === undefined || name < before)).sort();
    return (backwards ? found.reverse() : found).slice(0, limit);
  }

  async names(prefix: string): Promise<string[]> {
    return [...this.values.keys()].filter((name) => name.startsWith(prefix)).sort();
  }

  async write(changes: ReadonlyMap<string, Bytes | undefined>): Promise<void> {
    this.writes -= 1;
    if (this.writes < 0) throw new Error("the process has ended");
    for (const [name, value] of changes) value ? this.values.set(name, value) : this.values.delete(name);
  }

  async clear(): Promise<void> {
    this.values.clear();
  }

  close(): void {}
}

it("sends what was queued once, under keys of its own, after whichever write it was cut off", async () => {
  const world = new World();
  const backing = new Fused(await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]));
  const store = await SecureStore.inMemory("alice/web", new Vault(backing));
  let alice = await start(world, "alice", "web", store);
  const bob = await start(world, "bob", "web");
  const expected: string[] = [];
  // The first message founds the group, which is most of the writes; of two at once the second waits in the outbox.
  for (let writes = 1; writes < 16; writes += 1) {
    backing.writes = writes;
    for (const text of [`first ${writes}`, `second ${writes}`]) {
      const isQueued = await alice.say(direct, text).then(() => true, () => false);
      if (isQueued) expected.push(text);
    }
    await vi.waitFor(async () => {
      const isCut = backing.writes < 0;
      const isDone = world.log(direct).entries.length > 0 && (await alice.client.pending()).length === 0;
      expect(isCut || isDone).toBe(true);
    }, wait);
    backing.writes = Infinity;
    open = open.filter((phone) => phone !== alice);
    await alice.client.stop();
    alice = await start(world, "alice", "web", store);
  }
  await hears(bob, direct, expected);
  await hears(alice, direct, expected);
  const payloads = world.log(direct).entries.map((one) => one.payload);
  expect(new Set(payloads).size).toBe(payloads.length);
}, 90_000);

it("takes the history of another device, and shows what it could not read", async () => {
  const world = new World();
  const [alice, bob] = [await start(world, "alice", "web"), await start(world, "bob", "web")];
  await alice.say(direct, "an old story");
  await hears(bob, direct, ["an old story"]);
  await bob.say(direct, "and one");
  await hears(alice, direct, ["an old story", "and one"]);
  const [, said] = await bob.messages(direct);
  await bob.client.send({ type: "message.edit", conversationId: direct, messageId: said?.messageId ?? "", messageSequence: said?.sequence ?? 0, payload: "and another" });
  await hears(alice, direct, ["an old story", "and another"]);
  const vault = await Vault.inMemory();
  const tablet = await start(world, "alice", "tablet", await SecureStore.inMemory("alice/tablet", vault));
  await alice.say(direct, "hello, tablet");
  await hears(tablet, direct, ["unreadable", "unreadable", "hello, tablet"]);
  await tablet.client.stop();
  open = open.filter((phone) => phone !== tablet);
  const key = newRecoveryKey();
  const old = await Account.open(await (alice.store.vaultHere()), "alice/web" as Device);
  const archive = await old.archive(key);
  const account = await Account.open(vault, "alice/tablet" as Device);
  await expect(account.restore(newRecoveryKey(), archive)).rejects.toThrow("the key is wrong");
  expect((await account.restore(key, archive)).messages).toBe(2);
  expect((await account.restore(key, archive)).messages).toBe(0);
  expect(await tablet.texts(direct)).toEqual(["an old story", "and another", "hello, tablet"]);
  expect((await account.search({ text: "another" }, 5)).map((one) => one.text)).toEqual(["and another"]);
});

it("finds what was said", async () => {
  const world = new World();
  const [alice, bob] = [await start(world, "alice", "web"), await start(world, "bob", "web")];
  await alice.say(direct, "Crème brûlée at the Zürich café");
  await hears(bob, direct, ["Crème brûlée at the Zürich café"]);
  await bob.say(direct, "see you at seven");
  await hears(alice, direct, ["Crème brûlée at the Zürich café", "see you at seven"]);
  const find = async (phone: Phone, text: string, more = {}) => (await phone.client.search({ text, ...more }, 10)).map((one) => one.text);
  expect(await find(alice, "creme zurich")).toEqual(["Crème brûlée at the Zürich café"]);
  expect(await find(alice, "bruleee", { editsMax: 1 })).toEqual(["Crème brûlée at the Zürich café"]);
  expect(await find(alice, "sev", { isPrefix: true })).toEqual(["see you at seven"]);
  expect(await find(alice, "seven", { fromUserId: "alice" })).toEqual([]);
  await alice.say(direct, "and bring the 東京 map");
  await vi.waitFor(async () => expect(await find(bob, "東京")).toEqual(["and bring the 東京 map"]), wait);
});
