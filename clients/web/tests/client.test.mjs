import assert from "node:assert/strict";
import { accessible, browser, browserTest, choose, eventually, letIn, messageOf, named, PATIENCE_MS, shot, signIn, site, slowFrames, startChat, visit, write } from "./support.mjs";

browserTest("two users chat, with ticks, replies, reactions, edits, deletions and threads", async () => {
  const [alice, bob] = [named("alice"), named("bob")];
  const one = await signIn(browser, alice, { prepare: slowFrames });
  await startChat(one.page, bob);
  await write(one.page, "Hello, Bob");
  // Nobody can read it before Bob has a device.
  await one.page.getByRole("img", { name: "Waiting to be sent" }).waitFor();
  const other = await signIn(browser, bob);
  await one.page.getByRole("img", { name: "Delivered" }).waitFor();
  await letIn(other.page, alice);
  await one.page.getByRole("img", { name: "Read" }).waitFor();

  const bubble = other.page.getByRole("article").filter({ hasText: "Hello, Bob" }).first();
  await bubble.hover();
  await bubble.getByRole("button", { name: "Reply" }).click();
  await write(other.page, "And hello to you");
  await one.page.getByRole("article").filter({ hasText: "And hello to you" }).getByText("Hello, Bob").waitFor();
  await bubble.hover();
  await bubble.getByRole("button", { name: "React", exact: true }).click();
  await bubble.getByRole("button", { name: "React with ❤️" }).click();
  await one.page.getByRole("button", { name: `❤️ by ${bob}` }).waitFor();

  await choose(one.page.getByRole("article").filter({ hasText: /Hello, (dear )?Bob/ }).first(), "Edit");
  await write(one.page, "Hello, dear Bob");
  await other.page.getByRole("article").filter({ hasText: "Hello, dear Bob" }).getByText("edited").first().waitFor();

  const first = one.page.getByRole("article").filter({ hasText: "Hello, dear Bob" }).first();
  await first.hover();
  await first.getByRole("button", { name: "Open thread" }).click();
  const thread = one.page.getByRole("complementary", { name: "Thread" });
  await thread.getByRole("textbox").fill("In the thread");
  await thread.getByRole("textbox").press("Enter");
  await other.page.getByRole("button", { name: "1 reply" }).waitFor();
  await shot(one.page, "thread-light");
  await accessible(one.page, "a thread");
  await thread.getByRole("button", { name: "Close: Thread" }).click();

  await write(one.page, "A slip");
  await other.page.getByRole("log").getByText("A slip").waitFor();
  const slip = messageOf(one.page, "A slip");
  await slip.getByRole("img", { name: /Delivered|Read/ }).waitFor();
  await choose(slip, "Delete");
  await one.page.getByRole("button", { name: "Delete for everyone" }).click();
  await other.page.getByRole("log").getByText("This message was deleted").waitFor();
  await shot(one.page, "chat-light");
  await accessible(one.page, "a conversation");

  // One message has the focus and another the pointer: the actions of one are there, of whichever is used.
  const shown = (texts) => eventually(async () => JSON.stringify(texts) === JSON.stringify(await one.page.getByRole("article").evaluateAll((all) => all
    .filter((article) => { const bar = article.querySelector(".actions"); return bar && getComputedStyle(bar).opacity !== "0"; })
    .map((article) => article.querySelector(".text").textContent))));
  await one.page.getByRole("log").press("ArrowUp");
  await one.page.keyboard.press("ArrowUp");
  await first.hover();
  await shown(["Hello, dear Bob"]);
  await one.page.keyboard.press("Tab");
  await shown(["And hello to you"]);
  await first.hover({ position: { x: 20, y: 20 } });
  await first.getByRole("button", { name: "More about the message" }).click();
  await messageOf(one.page, "And hello to you").hover();
  await shown(["Hello, dear Bob"]);
  await shot(one.page, "actions-light");
  await one.page.keyboard.press("Escape");

  // How far messages are is known again after a reload.
  await one.page.reload();
  await one.page.getByRole("navigation").getByRole("button").first().click();
  await one.page.getByRole("article").filter({ hasText: "Hello, dear Bob" }).first().getByRole("img", { name: "Read" }).waitFor();

  // The whole by the keyboard, narrow and dark.
  await other.page.emulateMedia({ colorScheme: "dark" });
  await other.page.setViewportSize({ width: 390, height: 780 });
  await shot(other.page, "chat-dark-narrow");
  await accessible(other.page, "a conversation, dark and narrow");
  await other.page.getByRole("button", { name: "Back" }).press("Enter");
  await other.page.getByRole("heading", { name: "Chats" }).waitFor();
  await shot(other.page, "list-dark-narrow");
  await accessible(other.page, "the list, dark and narrow");
  await other.page.getByRole("navigation").getByRole("button").first().press("Enter");
  await other.page.getByRole("textbox", { name: "Message" }).press("Escape");
  await other.page.getByRole("heading", { name: "Chats" }).waitFor();
  assert.deepEqual([...one.faults, ...other.faults], []);
  await Promise.all([one.context.close(), other.context.close()]);
});

browserTest("what is written offline waits, and is sent once when one is back, also after a reload", async () => {
  const [alice, bob] = [named("off-alice"), named("off-bob")];
  const one = await signIn(browser, alice);
  const other = await signIn(browser, bob);
  await startChat(one.page, bob);
  await write(one.page, "Before");
  await letIn(other.page, alice);
  // The worker has kept the application by then.
  await one.page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  await one.page.reload();
  await one.page.getByText("Before").first().click();
  await one.context.setOffline(true);
  await one.page.evaluate(() => window.dispatchEvent(new Event("offline")));
  await one.page.reload();
  await one.page.getByText("You are offline").waitFor();
  await one.page.getByText("Before").first().click();
  await write(one.page, "From the tunnel");
  await one.page.getByRole("img", { name: "Waiting to be sent" }).waitFor();
  await shot(one.page, "offline-light");
  await accessible(one.page, "offline");
  await one.page.reload();
  await one.page.getByText("Before").first().click();
  await one.page.getByRole("img", { name: "Waiting to be sent" }).waitFor();
  await one.context.setOffline(false);
  await other.page.getByRole("log").getByText("From the tunnel").waitFor();
  await one.page.getByText("You are offline").waitFor({ state: "detached" });
  assert.equal(await other.page.getByRole("log").getByText("From the tunnel").count(), 1);
  assert.equal(await one.page.getByRole("log").getByText("From the tunnel").count(), 1);
  await Promise.all([one.context.close(), other.context.close()]);
});

browserTest("a group with media, where sockets are blocked for one", async () => {
  const [alice, bob] = [named("grp-alice"), named("grp-bob")];
  const one = await signIn(browser, alice);
  const context = await browser.newContext({ viewport: { width: 1180, height: 760 }, colorScheme: "dark" });
  // What a proxy that knows no sockets looks like.
  await context.addInitScript(() => {
    globalThis.WebSocket = class extends EventTarget {
      constructor() {
        super();
        setTimeout(() => this.onerror?.(new Event("error")), 5);
      }
      close() {}
    };
  });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  await visit(page, `${site}/#user=${bob}`);
  await page.getByText("Slow connection").waitFor();
  await one.page.getByRole("button", { name: "New conversation" }).click();
  await one.page.getByRole("button", { name: "Make a group instead" }).click();
  await one.page.getByRole("textbox", { name: "Name" }).fill("Crew");
  await one.page.getByRole("textbox", { name: "Members" }).fill(bob);
  await accessible(one.page, "a new group");
  await one.page.getByRole("button", { name: "Make the group" }).click();
  await one.page.getByText("made the group").first().waitFor();
  await page.getByRole("button", { name: /Crew/ }).click();
  await write(one.page, `Welcome @${bob}`);
  await page.getByRole("log").getByText("Welcome").waitFor();
  await write(page, "Thank you");
  await one.page.getByRole("log").getByText("Thank you").waitFor();
  const picture = await page.screenshot({ clip: { x: 0, y: 0, width: 320, height: 200 } });
  await one.page.getByLabel("Files to send").setInputFiles({ name: "screen.png", mimeType: "image/png", buffer: picture });
  await one.page.getByRole("textbox", { name: "Message" }).fill("What I see");
  await shot(one.page, "attach-light");
  await accessible(one.page, "files to be sent");
  await one.page.getByRole("button", { name: "Send", exact: true }).click();
  const shown = page.getByRole("button", { name: "Show screen.png" });
  await shown.waitFor();
  await page.waitForFunction(() => document.querySelector(".picture img")?.naturalWidth === 320);
  await shot(page, "group-dark");
  await accessible(page, "a group, dark");
  await shown.click();
  await page.getByRole("dialog").getByRole("img", { name: "screen.png" }).waitFor();
  await shot(page, "viewer-dark");
  await page.keyboard.press("Escape");
  await one.page.getByRole("button", { name: "Group members" }).click();
  await one.page.getByRole("dialog").getByText(bob).waitFor();
  await shot(one.page, "group-info-light");
  await accessible(one.page, "a group's members");
  await one.page.keyboard.press("Escape");
  assert.deepEqual(one.faults, []);
  await Promise.all([one.context.close(), context.close()]);
});

browserTest("the first look, and a second tab of one user", async () => {
  const context = await browser.newContext({ viewport: { width: 1180, height: 760 } });
  const page = await context.newPage();
  await visit(page, site);
  await page.getByRole("button", { name: "alice" }).waitFor();
  await shot(page, "sign-in-light");
  await accessible(page, "signing in");
  await page.emulateMedia({ colorScheme: "dark" });
  await page.setViewportSize({ width: 390, height: 780 });
  await shot(page, "sign-in-dark-narrow");
  await accessible(page, "signing in, dark and narrow");
  await page.getByRole("textbox", { name: "User name" }).fill(named("tabs"));
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("No conversations yet").waitFor();
  await shot(page, "empty-dark-narrow");
  // A device has one socket, whichever of its tabs it is in.
  const user = named("tabs");
  const second = await context.newPage();
  second.setDefaultTimeout(PATIENCE_MS);
  let sockets = 0;
  second.on("websocket", () => { sockets += 1; });
  await visit(second, `${site}/#user=${user}`);
  await second.getByRole("button", { name: "New conversation" }).click();
  await second.getByRole("button", { name: "Notes to yourself" }).click();
  await write(second, "A note from the second tab");
  await messageOf(second, "A note").getByRole("img", { name: "Sent" }).waitFor();
  assert.equal(sockets, 0);
  await page.getByRole("navigation").getByRole("button", { name: /Notes to yourself/ }).click();
  await messageOf(page, "A note from the second tab").waitFor();
  await page.close();
  await write(second, "And when the first has gone");
  await messageOf(second, "when the first has gone").getByRole("img", { name: "Sent" }).waitFor();
  assert.equal(sockets, 1);
  await context.close();
});
