import assert from "node:assert/strict";
import { accessible, browser, browserTest, choose, letIn, messageOf, named, shot, signIn, startChat, write } from "./support.mjs";

const narrow = { width: 390, height: 780 };

browserTest("a group that asks, mentions, pins, plans and is administered", async () => {
  const [alice, bob, carol] = ["ask-alice", "ask-bob", "ask-carol"].map(named);
  const [one, other] = [await signIn(browser, alice), await signIn(browser, bob)];
  const { page } = one;
  await page.getByRole("button", { name: "New conversation" }).click();
  await shot(page, "new-chat-light");
  await accessible(page, "a new conversation");
  await page.getByRole("button", { name: "Make a group instead" }).click();
  await page.getByRole("textbox", { name: "Name" }).fill("Harbour");
  await page.getByRole("textbox", { name: "Members" }).fill(bob);
  await page.getByRole("button", { name: "Make the group" }).click();
  await page.getByText("You made the group").first().waitFor();
  await other.page.getByRole("button", { name: /Harbour/ }).click();

  // A mention is completed by the keyboard.
  const field = page.getByRole("textbox", { name: "Message" });
  await page.getByText(`You, ${bob}`).waitFor();
  await field.pressSequentially("Ahoy @");
  await page.getByRole("option", { name: "all: everyone" }).waitFor();
  await field.press("ArrowDown");
  await shot(page, "mention-light");
  await accessible(page, "names that are offered");
  await field.press("Enter");
  await field.pressSequentially("look");
  assert.equal(await field.inputValue(), `Ahoy @${bob} look`);
  await field.press("Enter");
  await messageOf(other.page, "Ahoy").locator(".mention-me").waitFor();

  // A poll, by the menu.
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await accessible(page, "what can be added");
  await page.getByRole("menuitem", { name: "Poll" }).click();
  await page.getByRole("textbox", { name: "Question" }).fill("Where do we land?");
  await page.getByRole("textbox", { name: "Answer 1" }).fill("North quay");
  await page.getByRole("textbox", { name: "Answer 2" }).fill("South quay");
  await accessible(page, "a new poll");
  await page.getByRole("button", { name: "Ask", exact: true }).click();
  await other.page.getByRole("button", { name: /South quay ?0 votes/ }).click();
  await page.getByRole("button", { name: /South quay ?1 vote/ }).waitFor();

  await choose(messageOf(page, "Ahoy"), "Pin");
  await other.page.getByRole("button", { name: /Pinned Ahoy/ }).waitFor();
  await choose(messageOf(page, "Ahoy"), "Who has read it");
  await page.getByRole("dialog").getByText("Read by").waitFor();
  await accessible(page, "who has read it");
  await page.keyboard.press("Escape");
  await shot(page, "group-light");

  // Later, and taken back. The service keeps it until then: so only where the user writes in the clear.
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByRole("menuitem", { name: "Poll" }).waitFor();
  assert.equal(await page.getByRole("menuitem", { name: "Send later" }).count(), 0);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "New conversation" }).click();
  await page.getByRole("button", { name: "Notes to yourself" }).click();
  await page.getByRole("main").getByRole("button", { name: "More", exact: true }).click();
  await page.getByRole("menuitem", { name: "Write without encryption" }).click();
  await shot(page, "in-the-clear-light");
  await accessible(page, "writing in the clear");
  await page.getByRole("button", { name: "Write in the clear" }).click();
  await page.getByText("Not encrypted", { exact: true }).waitFor();
  await field.fill("Good morning, harbour");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByRole("menuitem", { name: "Send later" }).click();
  await shot(page, "later-light");
  await accessible(page, "sending later");
  await page.getByRole("button", { name: /^Tomorrow/ }).click();
  await page.getByText("It will be sent").waitFor();
  await page.getByRole("main").getByRole("button", { name: "More", exact: true }).click();
  await shot(page, "menu-light");
  await accessible(page, "the menu of a conversation");
  await page.getByRole("menuitem", { name: "Scheduled messages" }).click();
  await page.getByRole("complementary", { name: "Scheduled messages" }).getByText("Good morning, harbour").waitFor();
  await shot(page, "scheduled-light");
  await accessible(page, "scheduled messages");
  await page.getByRole("button", { name: "Do not send: Good morning, harbour" }).click();
  await page.getByText("Nothing waits to be sent").waitFor();
  await page.getByRole("navigation").getByRole("button", { name: /Harbour/ }).click();
  await page.getByRole("main").getByRole("button", { name: "More", exact: true }).click();
  await page.getByRole("menuitem", { name: "Pinned messages" }).click();
  await page.getByRole("complementary", { name: "Pinned messages" }).getByText("Ahoy").waitFor();
  await accessible(page, "pinned messages");
  await page.getByRole("button", { name: "Close: Pinned messages" }).click();

  // A link lets somebody in, who then is made admin.
  await page.getByRole("button", { name: "Group members" }).click();
  await page.getByRole("tab", { name: "Invites" }).click();
  await page.getByRole("button", { name: "Make a link for a week" }).click();
  const link = await page.getByRole("textbox", { name: "Invite link" }).inputValue();
  await shot(page, "invites-light");
  await accessible(page, "invites");
  const third = await signIn(browser, carol);
  await third.page.goto(link);
  await third.page.getByRole("dialog", { name: "Invitation" }).getByText("Harbour").waitFor();
  await shot(third.page, "join-light");
  await accessible(third.page, "an invitation");
  await third.page.getByRole("button", { name: "Join the group" }).click();
  await third.page.getByRole("heading", { name: "Harbour", level: 2 }).waitFor();
  await page.getByRole("tab", { name: "Settings" }).click();
  await page.getByRole("textbox", { name: "Description" }).fill("Who is at sea, and who is not");
  await page.getByRole("button", { name: "Save" }).click();
  await shot(page, "group-settings-light");
  await accessible(page, "a group's settings");
  await page.getByRole("tab", { name: "Members" }).click();
  await page.getByRole("button", { name: `More about ${carol}` }).click();
  await page.getByRole("menuitem", { name: "Make admin" }).click();
  await page.getByRole("listitem").filter({ hasText: carol }).getByText("admin", { exact: true }).waitFor();
  await page.getByRole("dialog").getByText("Who is at sea").waitFor();
  await page.getByRole("button", { name: `More about ${bob}` }).click();
  await page.getByRole("menuitem", { name: `Remove ${bob}` }).click();
  await page.getByRole("dialog").getByRole("listitem").filter({ hasText: bob }).waitFor({ state: "detached" });
  await other.page.getByText("You removed").or(other.page.getByText(`${alice} removed you`)).first().waitFor();
  await third.page.getByRole("button", { name: "Group members" }).click();
  await third.page.getByRole("button", { name: "Leave the group" }).click();
  await accessible(third.page, "leaving a group");
  await third.page.getByRole("button", { name: "Leave", exact: true }).click();
  await third.page.getByText("Pick a conversation").waitFor();
  assert.deepEqual([...one.faults, ...other.faults, ...third.faults], []);
  await Promise.all([one, other, third].map(({ context }) => context.close()));
});

browserTest("a voice note, content that is cancelled, forwarded, found and looked at", async () => {
  const [alice, bob] = ["say-alice", "say-bob"].map(named);
  const [one, other] = [await signIn(browser, alice), await signIn(browser, bob, { colorScheme: "dark" })];
  const { page } = one;
  await startChat(page, bob);
  await write(page, "The lighthouse is lit");
  await letIn(other.page, alice);

  await page.getByRole("button", { name: "Record a voice note" }).click();
  await page.getByRole("timer", { name: "Recorded" }).getByText("0:01").waitFor();
  await shot(page, "recording-light");
  await accessible(page, "recording");
  await page.getByRole("button", { name: "Send the voice note" }).click();
  const heard = other.page.getByRole("group", { name: "Voice note" });
  await heard.getByRole("button", { name: "Play" }).click();
  await heard.getByRole("button", { name: "Pause" }).waitFor();
  assert.ok(await heard.locator("rect").count() > 5, "it has a picture of its sound");

  // Content that is on its way is taken back, and what is sent arrives in its place.
  await page.route(/\/tidings-media|media%2F|\/media\//, async (route) => {
    if (route.request().method() === "PUT") return; // Never answered.
    await route.continue();
  });
  const picture = await page.screenshot({ clip: { x: 0, y: 0, width: 640, height: 420 } });
  const file = { name: "chart.png", mimeType: "image/png", buffer: picture };
  await page.getByLabel("Files to send").setInputFiles(file);
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await page.getByRole("button", { name: "Cancel the upload of chart.png" }).click();
  await page.getByRole("progressbar").waitFor({ state: "detached" });
  await page.unroute(/\/tidings-media|media%2F|\/media\//);
  await page.getByRole("main").evaluate((main, bytes) => {
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(atob(bytes), (char) => char.charCodeAt(0))], "chart.png", { type: "image/png" }));
    for (const type of ["dragover", "drop"]) main.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: data }));
  }, picture.toString("base64"));
  await page.getByRole("list", { name: "Files to be sent" }).getByText("chart.png").waitFor();
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await other.page.getByRole("button", { name: "Show chart.png" }).click();
  const viewer = other.page.getByRole("dialog", { name: "chart.png" });
  await viewer.getByRole("img", { name: "chart.png" }).waitFor();
  await viewer.getByRole("button", { name: "Larger" }).click();
  await shot(other.page, "viewer-dark");
  await accessible(other.page, "a picture, large");
  await other.page.keyboard.press("Escape");

  // Passed on to oneself, with the content.
  await choose(other.page.getByRole("article").filter({ has: other.page.getByRole("button", { name: "Show chart.png" }) }), "Forward");
  await other.page.getByRole("checkbox", { name: alice }).check();
  await shot(other.page, "forward-dark");
  await accessible(other.page, "forwarding, dark");
  await other.page.getByRole("button", { name: "Forward", exact: true }).click();
  await page.getByText("Forwarded").first().waitFor();

  // Found by words and by kind, and shown in its place.
  await page.keyboard.press("Control+k");
  await page.getByRole("searchbox", { name: "Search" }).fill("LIGHTHOUSE lit");
  const found = page.getByRole("search").getByRole("button", { name: /The lighthouse is lit/ });
  await found.waitFor();
  await shot(page, "search-light");
  await accessible(page, "a search");
  await found.click();
  await page.locator("article.marked").getByText("The lighthouse is lit").waitFor();
  await page.getByRole("searchbox", { name: "Search" }).fill("");
  await page.getByRole("button", { name: "Photos" }).click();
  await page.getByRole("search").getByText("chart.png").first().waitFor();
  await choose(messageOf(page, "The lighthouse"), "Star");
  await page.getByRole("button", { name: "Starred", exact: true }).click();
  await page.getByRole("button", { name: "Take the star from: The lighthouse is lit" }).waitFor();
  await page.emulateMedia({ colorScheme: "dark" });
  await page.setViewportSize(narrow);
  await shot(page, "search-dark-narrow");
  await accessible(page, "a search, dark and narrow");
  await page.getByRole("button", { name: "End the search" }).click();
  await shot(page, "media-dark-narrow");
  await accessible(page, "content, dark and narrow");
  assert.deepEqual([...one.faults, ...other.faults], []);
  await Promise.all([one, other].map(({ context }) => context.close()));
});

browserTest("the settings, by the keyboard, and what they set", async () => {
  const [alice, bob] = ["set-alice", "set-bob"].map(named);
  const { page, context, faults } = await signIn(browser, alice);
  await page.getByRole("button", { name: "Settings" }).click();
  await shot(page, "settings-light");
  await accessible(page, "the settings");
  await page.getByRole("tab", { name: "Profile" }).press("ArrowRight");
  await page.getByRole("switch", { name: "Quiet hours" }).click();
  await page.getByRole("button", { name: "Sun", exact: true }).click();
  await page.getByRole("button", { name: "8 hours", exact: true }).click();
  await page.getByText("Paused until").waitFor();
  await shot(page, "notifications-light");
  await accessible(page, "notifications");
  await page.getByRole("button", { name: "Resume" }).click();
  await page.getByRole("button", { name: "1 hour" }).waitFor();
  await page.getByRole("tab", { name: "Privacy" }).click();
  await page.getByRole("textbox", { name: "User to block" }).fill(bob);
  await page.getByRole("button", { name: "Block", exact: true }).click();
  await page.getByRole("button", { name: "Unblock" }).waitFor();
  await accessible(page, "privacy");
  await page.getByRole("button", { name: "Unblock" }).click();
  await page.getByText("Nobody is blocked").waitFor();
  await page.getByRole("tab", { name: "Devices" }).click();
  await page.getByRole("button", { name: "Rename this device" }).click();
  await page.getByRole("textbox", { name: "Name of this device" }).fill("Desk");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("listitem").getByText("Desk").waitFor();
  await accessible(page, "devices");
  await page.getByRole("tab", { name: "Appearance" }).click();
  await page.getByRole("radio", { name: "Dark" }).check();
  await page.setViewportSize(narrow);
  await shot(page, "appearance-dark-narrow");
  await accessible(page, "appearance, dark and narrow");
  // What was set is there again; signing out leaves nothing behind.
  await page.reload();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("tab", { name: "Notifications" }).click();
  await page.getByRole("switch", { name: "Quiet hours", checked: true }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Sun", exact: true }).getAttribute("aria-pressed"), "false");
  await shot(page, "notifications-dark-narrow");
  await page.getByRole("tab", { name: "Profile" }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("dialog", { name: "Sign out?" }).getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("button", { name: "alice" }).waitFor();
  assert.deepEqual(await page.evaluate((user) => Object.keys(localStorage).filter((name) => name.includes(user)), alice), []);
  assert.deepEqual(faults, []);
  await context.close();
});
