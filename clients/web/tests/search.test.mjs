// Finding what this device does not have, with the service.
import assert from "node:assert/strict";
import { accessible, browser, browserTest, callAs, eventually, messageOf, named, shot, signIn, stack } from "./support.mjs";

browserTest("what all agree to is found with the service, shown as text, and opened in its place", async () => {
  const [alice, bob] = ["find-alice", "find-bob"].map(named);
  const conversationId = `u:${[alice, bob].sort().join("|u:")}`;
  const settings = `/conversations/${encodeURIComponent(conversationId)}/settings`;
  const say = (user, payload) => callAs(user, "POST", "/messages", { conversationId, clientMsgId: crypto.randomUUID(), payload, ts: Date.now() });
  await say(alice, "Have you found it?");
  await say(bob, "Looking");
  await callAs(bob, "PUT", settings, { searchable: true });

  const { page, context, faults } = await signIn(browser, alice);
  await page.getByRole("navigation").getByRole("button", { name: new RegExp(bob) }).click();
  await messageOf(page, "Looking").waitFor();
  await page.getByRole("button", { name: "More", exact: true }).click();
  await page.getByRole("menuitem", { name: "Search with the service" }).click();
  const dialog = page.getByRole("dialog", { name: "Search with the service" });
  await dialog.getByText("The text is not indexed").waitFor();
  await dialog.getByRole("switch", { name: "I agree that the text is indexed" }).click();
  await dialog.getByText("Everybody agrees").waitFor();
  await shot(page, "searchable-light");
  await accessible(page, "whether text is indexed");
  await context.close();

  const text = "There: the <b>kedgeree</b> recipe is in the blue binder";
  await say(bob, text);
  await eventually(async () => (await callAs(alice, "GET", "/search?q=kedgeree")).hits.length > 0);

  // A new device, which cannot load what was said.
  const history = `${stack.httpUrl}/conversations/*/messages?**`;
  const other = await signIn(browser, alice, { prepare: (fresh) => fresh.route(history, (route) => route.abort()) });
  const search = other.page.getByRole("search");
  await other.page.getByRole("button", { name: "Search", exact: true }).click();
  await other.page.getByRole("searchbox", { name: "Search" }).fill("KEDGEREE");
  await search.getByText("Nothing found").waitFor();
  await search.getByRole("switch", { name: "Ask the service, too" }).click();
  const hit = search.getByRole("button", { name: /the <b>kedgeree<\/b> recipe/ });
  await hit.waitFor();
  assert.deepEqual(await hit.locator("mark").allTextContents(), ["kedgeree"]);
  assert.equal(await hit.locator(".preview b").count(), 0);
  await shot(other.page, "search-service-light");
  await accessible(other.page, "a search with the service");
  await search.getByRole("textbox", { name: "From whom" }).fill(alice);
  await search.getByText("Nothing found").waitFor();
  await search.getByRole("textbox", { name: "From whom" }).fill(bob);
  await hit.waitFor();
  await search.getByRole("button", { name: "Files" }).click();
  await search.getByText("Nothing found").waitFor();
  await search.getByRole("button", { name: "All" }).click();
  await other.page.emulateMedia({ colorScheme: "dark" });
  await other.page.setViewportSize({ width: 390, height: 780 });
  await hit.waitFor();
  await shot(other.page, "search-service-dark-narrow");
  await accessible(other.page, "a search with the service, dark and narrow");
  await other.context.unroute(history);
  await hit.click();
  const found = messageOf(other.page, text);
  await found.and(other.page.locator(".marked")).waitFor();
  assert.deepEqual([...faults, ...other.faults], []);
  await other.context.close();
});
