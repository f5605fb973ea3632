// Two implementations in one conversation, against a running stack: this client, and the one in Rust in the terminal.
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import WebSocket from "ws";
import { type ClientEvent, directConversation, fold, type Message, type SocketLike } from "../../src/index.ts";
import { type Attachment, openSealed, SecureClient, SecureStore, uploadSealed } from "../../src/secure/index.ts";
import { here } from "../../src/secure/here.ts";
import { Terminal } from "./cli.mjs";

const stack = JSON.parse(process.env.TIDINGS_STATUS ?? "null") as
  { httpUrl: string; wsUrl: string; oidcIssuer: string } | null;
if (!stack) throw new Error("TIDINGS_STATUS is not set: run `cargo dev test browser`");
const { httpUrl, wsUrl, oidcIssuer } = stack;
const suffix = Math.random().toString(36).slice(2, 8);
const named = (name: string) => `s-${name}-${suffix}`;
const folder = mkdtempSync(join(tmpdir(), "tidings-secure-"));
const wait = { timeout: 30_000, interval: 50 };
const started: Device[] = [];
afterAll(() => Promise.all(started.map((one) => one.client.stop())));

class Device {
  readonly events: ClientEvent[] = [];

  private constructor(readonly client: SecureClient, readonly store: SecureStore) {
    client.on((event) => this.events.push(event));
  }

  static async start(user: string, deviceId = "node"): Promise<Device> {
    let token: string | undefined;
    const store = await SecureStore.inMemory(`${user}/${deviceId}`);
    const client = new SecureClient({
      url: httpUrl, socketUrl: wsUrl, deviceId, userId: user, store, keys: here,
      token: async (again) => {
        if (!token || again) {
          const answer = await fetch(`${oidcIssuer}/token`, { method: "POST", body: JSON.stringify({ user }) });
          token = ((await answer.json()) as { access_token: string }).access_token;
        }
        return token;
      },
      connect: (url) => new WebSocket(url) as unknown as SocketLike,
    });
    const device = new Device(client, store);
    started.push(device);
    await client.start();
    await vi.waitFor(async () => expect(await client.publishKeys()).toBe(true), wait);
    return device;
  }

  async messages(id: string): Promise<Message[]> {
    return fold(await this.store.entries(id, Number.MAX_SAFE_INTEGER, 1_000)).filter((one) => one.event === "message");
  }

  say(conversationId: string, text: string): Promise<string> {
    return this.client.send({ type: "message.send", conversationId, payload: text });
  }

  /** The message that says this. */
  hears(id: string, text: string): Promise<Message> {
    return vi.waitFor(async () => {
      const all = await this.messages(id);
      const found = all.find((one) => one.isSecure && (one.payload as { text?: string } | null)?.text === text);
      if (!found) throw new Error(`${text} is not among ${JSON.stringify(all.map((one) => one.payload))}`);
      return found;
    }, wait);
  }
}

/** What the terminal reads of a conversation. */
const textsOf = async (terminal: Terminal, other: string) => (await terminal.json("history", other)).map((one) => one["payload"]?.text);
const terminalHears = (terminal: Terminal, other: string, text: string) => vi.waitFor(async () => {
  await terminal.run("tail", other, "--timeout", "1");
  expect(await textsOf(terminal, other)).toContain(text);
}, wait);

it("talks with the terminal, both ways, with changes, safety numbers and sealed media", async () => {
  const [alice, bob] = [named("alice"), named("bob")];
  const conversation = directConversation(alice, bob);
  const web = await Device.start(alice);
  const terminal = new Terminal(stack, bob);
  // Bob has no keys before his terminal runs: the message waits.
  await web.say(conversation, "hello, terminal");
  const [first] = await terminal.json("tail", "--count", "1", "--timeout", "30");
  expect(first).toMatchObject({ payload: { text: "hello, terminal" }, epoch: 1 });
  await terminal.run("send", alice, "hello, web");
  const hello = await web.hears(conversation, "hello, web");
  await terminal.run("message", alice, String(hello.sequence), "edit", "hello, browser");
  await terminal.run("message", alice, String(first?.["sequence"]), "react", "👍");
  await vi.waitFor(async () => {
    const [one, other] = await web.messages(conversation);
    expect([one?.reactions.get(bob), other?.payload, other?.isEdited]).toEqual(["👍", { text: "hello, browser" }, true]);
  }, wait);
  await web.client.send({ type: "message.react", conversationId: conversation, messageId: hello.messageId, messageSequence: hello.sequence, reaction: "🌊" });
  await web.client.send({
    type: "message.edit", conversationId: conversation, messageId: first?.["messageId"], messageSequence: first?.["sequence"], payload: "hello, console",
  });
  await terminalHears(terminal, alice, "hello, console");
  expect(await terminal.json("history", alice)).toContainEqual(expect.objectContaining({ event: "reaction", reaction: "🌊", targetMessageId: hello.messageId }));

  const digits = await web.client.safetyNumber(bob);
  expect((await terminal.run("verify", alice)).replaceAll(/\D/g, "")).toContain(digits);

  const content = Uint8Array.from({ length: 200_000 }, (_, at) => (at * 13) % 256);
  writeFileSync(join(folder, "numbers.bin"), content);
  await terminal.run("media", "send", alice, join(folder, "numbers.bin"), "--text", "from the terminal");
  const theirs = await web.hears(conversation, "from the terminal");
  const { media } = theirs.payload as { media: Attachment };
  const opened = await openSealed(web.client.http, theirs.mediaHandle ?? "", media);
  expect(new Uint8Array(await opened.arrayBuffer())).toEqual(content);
  const sealed = await uploadSealed(web.client.http, conversation, new Blob([content], { type: "image/x-raw" }), "back.bin");
  await web.client.send({
    type: "message.send", conversationId: conversation, kind: "doc", mediaHandle: sealed.mediaHandle, payload: { text: "from the web", media: sealed.media },
  });
  await terminalHears(terminal, alice, "from the web");
  const ours = await web.hears(conversation, "from the web");
  await terminal.run("media", "get", alice, String(ours.sequence), "--to", join(folder, "back.bin"));
  expect(new Uint8Array(readFileSync(join(folder, "back.bin")))).toEqual(content);
}, 120_000);

it("is in a group with the terminal that grows and shrinks, with devices that come, go and lose their Welcome", async () => {
  const [alice, bob, carol] = [named("a"), named("b"), named("c")];
  const web = await Device.start(alice);
  const other = await Device.start(carol);
  const terminal = new Terminal(stack, bob);
  await terminal.run("tail", "--timeout", "1");
  const { conversationId: group } = await web.client.http.call<{ conversationId: string }>(
    "POST", "/groups", { body: { title: "Crew", members: [bob] } });
  await web.say(group, "two of us");
  await terminalHears(terminal, group, "two of us");
  await terminal.run("send", group, "two indeed");
  await web.hears(group, "two indeed");
  await web.client.http.call("POST", `/groups/${encodeURIComponent(group)}/members`, { body: { userIds: [carol] } });
  await terminal.run("send", group, "hello, carol");
  await other.hears(group, "hello, carol");
  await other.say(group, "hello, all");
  await Promise.all([web.hears(group, "hello, all"), terminalHears(terminal, group, "hello, all")]);

  const second = new Terminal(stack, bob, "second");
  await second.run("tail", "--timeout", "1");
  await web.say(group, "for both terminals");
  await Promise.all([terminalHears(terminal, group, "for both terminals"), terminalHears(second, group, "for both terminals")]);
  await terminal.run("devices", "revoke", "second");
  await web.say(group, "without the second");
  await terminalHears(terminal, group, "without the second");
  await vi.waitFor(async () => expect(await web.client.roster(group)).toEqual([`${alice}/node`, `${bob}/cli`, `${carol}/node`].sort()), wait);

  // A device whose Welcome is thrown away before it reads it asks for another.
  const lost = await Device.start(carol, "lost");
  await web.say(group, "the lost one may not read this");
  await vi.waitFor(async () => expect(await lost.client.membership(group)).toBe("in"), wait);
  await lost.store.clear();
  await lost.client.stop();
  const again = await Device.start(carol, "lost");
  await vi.waitFor(async () => {
    await web.say(group, "but this");
    await again.hears(group, "but this");
  }, { ...wait, timeout: 60_000 });

  await other.client.http.call("DELETE", `/groups/${encodeURIComponent(group)}/members/${carol}`);
  await terminal.run("send", group, "without carol");
  await web.hears(group, "without carol");
  expect((await web.client.roster(group)).some((device) => device.startsWith(`${carol}/`))).toBe(false);
}, 180_000);

it("links devices with the terminal, in both directions", async () => {
  const [alice, bob] = [named("la"), named("lb")];
  const conversation = directConversation(alice, bob);
  const web = await Device.start(alice);
  const terminal = new Terminal(stack, bob);
  await terminal.run("tail", "--timeout", "1");
  await web.say(conversation, "an old story");
  await terminalHears(terminal, alice, "an old story");
  await terminal.run("send", alice, "and another");
  await web.hears(conversation, "and another");

  // A new terminal of alice's, linked by her browser.
  const tablet = new Terminal(stack, alice, "tablet");
  const linking = await tablet.start("link");
  let code = "";
  while (!code) code = /tidings-link:\S+/.exec((await linking.line()) ?? "")?.[0] ?? "";
  await web.client.link(code);
  await linking.ended;
  expect(await textsOf(tablet, bob)).toEqual(expect.arrayContaining(["an old story", "and another"]));
  await expect(web.client.link(code.replace(":tablet:", ":nowhere:"))).rejects.toThrow("no such device");

  // A new browser of bob's, linked by his terminal.
  const browser = await Device.start(bob, "browser");
  const shown = await browser.client.linkCode();
  const received = browser.client.receiveHistory(shown, 60_000);
  await terminal.run("link", shown);
  expect(await received).toBeGreaterThanOrEqual(2);
  expect((await browser.client.search({ text: "story" }, 5)).map((one) => one.text)).toEqual(["an old story"]);
  const entries = await browser.client.history(conversation, 1_000);
  expect(fold(entries).map((one) => (one.payload as { text?: string } | null)?.text)).toEqual(expect.arrayContaining(["an old story", "and another"]));
  await web.say(conversation, "for everybody");
  await browser.hears(conversation, "for everybody");
}, 120_000);
