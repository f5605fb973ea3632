// Encryption as people see it: with the terminal, between browsers, and when a device is linked.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { Terminal } from "../../js/tests/stack/cli.mjs";
import { accessible, browser, browserTest, executablePath, letIn, named, shot, signIn, stack, startChat, write } from "./support.mjs";

const folder = mkdtempSync(join(tmpdir(), "tidings-browser-"));

const heard = (page, text) => page.getByRole("log").getByText(text, { exact: true }).first().waitFor();
const openDevices = async (page) => {
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("tab", { name: "Devices" }).click();
  await page.getByText("This device").first().waitFor();
};
/** Tries again until it is so. */
async function eventually(what, work, ms = 60_000) {
  for (const end = Date.now() + ms; ;) {
    try {
      return await work();
    } catch (error) {
      if (Date.now() > end) throw new Error(`${what}: ${error.message}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

browserTest("an encrypted group of two browsers and the terminal, with sealed pictures", async () => {
  const [alice, bob, carol] = [named("sec-alice"), named("sec-bob"), named("sec-carol")];
  const terminal = new Terminal(stack, bob);
  const [one, other] = await Promise.all([signIn(browser, alice), signIn(browser, carol), terminal.run("tail", "--timeout", "1")]);
  await one.page.getByRole("button", { name: "New conversation" }).click();
  await one.page.getByRole("button", { name: "Make a group instead" }).click();
  await one.page.getByRole("textbox", { name: "Name" }).fill("Harbour");
  await one.page.getByRole("textbox", { name: "Members" }).fill(`${bob}, ${carol}`);
  await one.page.getByRole("button", { name: "Make the group" }).click();
  await write(one.page, "The ferry leaves at seven");
  await one.page.getByText("Encrypted", { exact: true }).waitFor();
  await other.page.getByRole("button", { name: /Harbour/ }).click();
  await heard(other.page, "The ferry leaves at seven");
  const [group] = (await terminal.json("list")).map((row) => row.conversationId).filter((id) => id.startsWith("g:"));
  await eventually("the terminal hears", async () => {
    await terminal.run("tail", "--timeout", "1");
    assert.match(await terminal.run("history", group), /The ferry leaves at seven/);
  });
  await terminal.run("send", group, "I bring the tickets");
  await Promise.all([heard(one.page, "I bring the tickets"), heard(other.page, "I bring the tickets")]);
  const picture = await other.page.screenshot({ clip: { x: 0, y: 0, width: 320, height: 200 } });
  writeFileSync(join(folder, "pier.png"), picture);
  await terminal.run("media", "send", group, join(folder, "pier.png"), "--text", "the pier");
  await heard(one.page, "the pier");
  await one.page.getByLabel("Files to send").setInputFiles({ name: "deck.png", mimeType: "image/png", buffer: picture });
  await write(one.page, "the deck");
  await heard(other.page, "the deck");
  for (const { page } of [one, other]) {
    await page.waitForFunction(() => [...document.querySelectorAll(".picture img")].filter((one) => one.src.startsWith("blob:") && one.naturalWidth === 320).length === 2);
  }
  await shot(one.page, "secure-group-light");
  await accessible(one.page, "an encrypted group");
  await other.page.emulateMedia({ colorScheme: "dark" });
  await other.page.setViewportSize({ width: 390, height: 780 });
  await shot(other.page, "secure-group-dark-narrow");
  await accessible(other.page, "an encrypted group, dark and narrow");
  await other.page.setViewportSize({ width: 1180, height: 760 });
  await terminal.run("tail", "--timeout", "1");
  const sent = (await terminal.json("history", group)).find((entry) => entry.payload?.text === "the deck");
  await terminal.run("media", "get", group, String(sent.sequence), "--to", join(folder, "deck.png"));
  assert.deepEqual(readFileSync(join(folder, "deck.png")), picture);
  // Nothing of it was with the service in a form that it can read.
  const log = await one.page.evaluate(async ({ url, issuer, user, id }) => {
    const { access_token: token } = await (await fetch(`${issuer}/token`, { method: "POST", body: JSON.stringify({ user }) })).json();
    const answer = await fetch(`${url}/conversations/${encodeURIComponent(id)}/messages?since=0`, { headers: { authorization: `Bearer ${token}`, "x-device-id": "any" } });
    return answer.text();
  }, { url: stack.httpUrl, issuer: stack.oidcIssuer, user: alice, id: group });
  assert.match(log, /"event":"commit"/);
  assert.doesNotMatch(log, /ferry|tickets|the pier|deck/);
  assert.deepEqual([...one.faults, ...other.faults], []);
  await Promise.all([one.context.close(), other.context.close()]);
});

browserTest("safety numbers are compared, and their change is told; devices are signed out", async () => {
  const [alice, bob] = [named("num-alice"), named("num-bob")];
  const one = await signIn(browser, alice);
  await startChat(one.page, bob);
  await write(one.page, "Are you there?");
  await one.page.getByText(`Waiting for ${bob}`).waitFor();
  await shot(one.page, "secure-waiting-light");
  await accessible(one.page, "waiting for somebody's keys");
  const other = await signIn(browser, bob);
  await letIn(other.page, alice);
  await heard(other.page, "Are you there?");
  await one.page.getByText(`Waiting for ${bob}`).waitFor({ state: "detached" });
  const digits = [];
  for (const { page } of [one, other]) {
    await page.getByRole("button", { name: "More", exact: true }).click();
    await page.getByRole("menuitem", { name: "Safety number" }).click();
    digits.push(await page.locator(".digits").innerText());
  }
  assert.equal(digits[0].replaceAll(/\D/g, "").length, 60);
  assert.equal(digits[0].replaceAll(/\D/g, ""), digits[1].replaceAll(/\D/g, ""));
  await shot(one.page, "safety-number-light");
  await accessible(one.page, "a safety number");
  await other.page.emulateMedia({ colorScheme: "dark" });
  await shot(other.page, "safety-number-dark");
  await accessible(other.page, "a safety number, dark");
  await other.page.keyboard.press("Escape");
  await one.page.getByRole("button", { name: "They are the same" }).click();
  await one.page.getByText("You have compared this number").waitFor();
  await one.page.keyboard.press("Escape");
  await one.page.getByText("Encrypted and verified").waitFor();
  // Bob signs in on another device.
  const tablet = await signIn(browser, bob);
  await one.page.getByText("has changed since you compared it").waitFor();
  await shot(one.page, "safety-number-changed-light");
  await accessible(one.page, "a changed safety number");
  await write(one.page, "For both of you");
  await tablet.page.getByRole("button", { name: new RegExp(alice) }).click();
  await heard(tablet.page, "For both of you");
  await tablet.page.getByText("A message that this device cannot read").first().waitFor();
  await shot(tablet.page, "secure-unreadable-light");
  // And is signed out of it from the first.
  await openDevices(other.page);
  await other.page.getByText("reads encrypted messages").nth(1).waitFor();
  await shot(other.page, "secure-devices-dark");
  await accessible(other.page, "devices, dark");
  await other.page.getByRole("button", { name: "Sign out", exact: true }).first().click();
  await other.page.getByRole("dialog", { name: /^Sign .* out\?$/ }).getByRole("button", { name: "Sign out", exact: true }).click();
  await tablet.page.getByText(/You were signed out of this device/).waitFor();
  await write(one.page, "Only for the first");
  await other.page.keyboard.press("Escape");
  await heard(other.page, "Only for the first");
  assert.deepEqual([...one.faults, ...other.faults], []);
  await Promise.all([one.context.close(), other.context.close(), tablet.context.close()]);
});

/** What a camera sees that looks at this: a film of one picture. */
function filmOf({ width, height, luma }, file) {
  const [across, down] = [640, 480];
  const y = Buffer.alloc(across * down, 200);
  const [left, top] = [Math.floor((across - width) / 2), Math.floor((down - height) / 2)];
  for (let row = 0; row < height; row += 1) Buffer.from(luma.slice(row * width, (row + 1) * width)).copy(y, (top + row) * across + left);
  const frame = Buffer.concat([Buffer.from("FRAME\n"), y, Buffer.alloc((across * down) / 2, 128)]);
  writeFileSync(file, Buffer.concat([Buffer.from(`YUV4MPEG2 W${across} H${down} F10:1 Ip A1:1 C420jpeg\n`), frame, frame, frame]));
}

browserTest("a new device is linked by the QR code that it shows, and gets the history", async () => {
  const [alice, bob] = [named("qr-alice"), named("qr-bob")];
  const film = join(folder, "camera.y4m");
  const withCamera = await chromium.launch({
    executablePath, args: ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", `--use-file-for-fake-video-capture=${film}`],
  });
  try {
    const old = await signIn(withCamera, alice, { permissions: ["camera"] });
    const other = await signIn(browser, bob);
    await startChat(old.page, bob);
    await write(old.page, "An old story");
    await letIn(other.page, alice);
    await heard(other.page, "An old story");
    await write(other.page, "And its ending");
    await heard(old.page, "And its ending");

    const fresh = await signIn(browser, alice);
    await openDevices(fresh.page);
    await fresh.page.getByRole("button", { name: "Get the history" }).click();
    const code = fresh.page.getByRole("img", { name: "QR code to link this device by" });
    await code.waitFor();
    await shot(fresh.page, "link-code-light");
    await accessible(fresh.page, "the code of a new device");
    const seen = await code.evaluate(async (svg) => {
      const size = 360;
      const image = new Image();
      const styled = svg.cloneNode(true);
      styled.setAttribute("width", size);
      styled.setAttribute("height", size);
      image.src = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(styled))}`;
      await image.decode();
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = size;
      const context = canvas.getContext("2d");
      context.fillStyle = "#ffffff";
      context.fillRect(0, 0, size, size);
      context.drawImage(image, 0, 0, size, size);
      const { data } = context.getImageData(0, 0, size, size);
      return { width: size, height: size, luma: Array.from({ length: size * size }, (_, at) => data[at * 4]) };
    });
    filmOf(seen, film);

    await openDevices(old.page);
    await old.page.getByRole("button", { name: "Link a new device" }).click();
    await old.page.getByRole("button", { name: "Scan the code" }).waitFor();
    await shot(old.page, "link-enter-light");
    await accessible(old.page, "linking a device");
    await old.page.getByRole("button", { name: "Scan the code" }).click();
    await old.page.getByText("is linked, and gets the history").waitFor();
    await fresh.page.getByText("This device is linked. 2 messages are here now.").waitFor();
    await shot(fresh.page, "link-done-light");
    await fresh.page.getByRole("button", { name: "Done" }).click();
    await fresh.page.keyboard.press("Escape");
    await fresh.page.getByRole("button", { name: new RegExp(bob) }).click();
    await heard(fresh.page, "An old story");
    await heard(fresh.page, "And its ending");
    await write(other.page, "For all your devices");
    await Promise.all([heard(fresh.page, "For all your devices"), old.page.getByText("For all your devices").first().waitFor({ state: "attached" })]);
    await shot(fresh.page, "linked-light");
    assert.deepEqual([...old.faults, ...fresh.faults, ...other.faults], []);
  } finally {
    await withCamera.close();
  }
});
