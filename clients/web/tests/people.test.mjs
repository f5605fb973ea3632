// Strangers, who is told what of a user, and who is typing.
import assert from "node:assert/strict";
import { accessible, browser, browserTest, callAs, choose, eventually, messageOf, named, shot, signIn, write } from "./support.mjs";

browserTest("strangers ask, are let in or turned down, and are reported; typing and what is shown of oneself", async () => {
  const [alice, bob, carol] = ["ppl-alice", "ppl-bob", "ppl-carol"].map(named);
  const say = (user, payload) => callAs(user, "POST", "/messages", {
    conversationId: `u:${[alice, user].sort().join("|u:")}`, clientMsgId: crypto.randomUUID(), payload, ts: Date.now(),
  });
  await say(bob, "Hello, we have not met");
  await say(carol, "Buy something");
  const one = await signIn(browser, alice);
  const { page } = one;
  const list = page.getByRole("navigation");
  await page.getByRole("button", { name: /Message requests/ }).waitFor();
  await shot(page, "requests-light");
  await page.getByRole("button", { name: /Message requests/ }).click();
  await list.getByRole("button", { name: new RegExp(carol) }).click();
  const gate = page.getByRole("group", { name: "Message request" });
  await gate.waitFor();
  assert.equal(await page.getByRole("textbox", { name: "Message", exact: true }).count(), 0);
  await shot(page, "request-light");
  await accessible(page, "a message request");
  await gate.getByRole("button", { name: "Decline" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Decline" }).click();
  await list.getByRole("button", { name: new RegExp(carol) }).waitFor({ state: "detached" });
  assert.deepEqual((await callAs(alice, "GET", "/blocks")).blocks.map((block) => block.userId), [carol]);
  await list.getByRole("button", { name: new RegExp(bob) }).click();
  await page.emulateMedia({ colorScheme: "dark" });
  await page.setViewportSize({ width: 390, height: 780 });
  await gate.waitFor();
  await shot(page, "request-dark-narrow");
  await accessible(page, "a message request, dark and narrow");
  await page.setViewportSize({ width: 1180, height: 760 });
  await gate.getByRole("button", { name: "Accept" }).click();
  await page.getByRole("textbox", { name: "Message", exact: true }).waitFor();
  await page.getByRole("heading", { name: "Chats" }).waitFor();
  await list.getByRole("button", { name: new RegExp(bob) }).waitFor();

  // A message is reported, and its sender not blocked.
  await choose(messageOf(page, "we have not met"), "Report");
  const dialog = page.getByRole("dialog", { name: `Report ${bob}` });
  assert.ok(await dialog.getByRole("button", { name: "Report" }).isDisabled());
  await dialog.getByRole("radio", { name: "Spam" }).check();
  await dialog.getByRole("textbox", { name: "In your words" }).fill("They sell something");
  await dialog.getByRole("checkbox", { name: `Block ${bob}, too` }).uncheck();
  await shot(page, "report-dark");
  await accessible(page, "a report, dark");
  await dialog.getByRole("button", { name: "Report" }).click();
  await page.getByText("Reported.").waitFor();
  await dialog.waitFor({ state: "detached" });
  await page.emulateMedia({ colorScheme: "light" });

  // Typing is told while it lasts, to who has written there.
  const other = await signIn(browser, bob);
  const otherList = other.page.getByRole("navigation");
  await write(page, "Good day");
  await otherList.getByRole("button", { name: new RegExp(alice) }).click();
  await messageOf(other.page, "Good day").waitFor();
  const field = page.getByRole("textbox", { name: "Message", exact: true });
  await field.pressSequentially("Well");
  await other.page.getByRole("main").getByText("typing…").waitFor();
  await otherList.getByText("typing…").waitFor();
  await shot(other.page, "typing-light");
  await field.fill("");
  await otherList.getByText("typing…").waitFor({ state: "detached" });

  // Blocked from the conversation's menu, and let back.
  await page.getByRole("button", { name: "More", exact: true }).click();
  await page.getByRole("menuitem", { name: `Block ${bob}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Block" }).click();
  await page.getByRole("group", { name: "Blocked" }).getByRole("button", { name: "Unblock" }).waitFor();
  await shot(page, "blocked-light");
  await accessible(page, "a conversation with somebody who is blocked");
  await page.getByRole("group", { name: "Blocked" }).getByRole("button", { name: "Unblock" }).click();
  await field.waitFor();

  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("tab", { name: "Privacy" }).click();
  await page.getByRole("combobox", { name: "Who sees when I am here" }).selectOption("People I have written to");
  await page.getByRole("combobox", { name: "Who sees what I have read" }).selectOption("Nobody");
  await eventually(async () => {
    const { lastSeen, readReceipts } = await callAs(alice, "GET", "/settings");
    return lastSeen === "contacts" && readReceipts === "nobody";
  });
  await page.getByRole("tabpanel", { name: "Privacy" }).getByText(carol).waitFor();
  await shot(page, "privacy-light");
  await accessible(page, "the settings of privacy");
  assert.deepEqual([...one.faults, ...other.faults], []);
  await Promise.all([one.context.close(), other.context.close()]);
});
