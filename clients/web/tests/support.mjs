// Browsers of users, each of whom has a context of their own. TIDINGS_STATUS is what `cargo dev status --json` says.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

export const stack = JSON.parse(process.env.TIDINGS_STATUS ?? "null");
assert(stack?.oidcIssuer, "TIDINGS_STATUS is not set: run `cargo dev test browser`");
export const site = stack.oidcIssuer;

const shots = new URL("../screenshots/", import.meta.url).pathname;
mkdirSync(shots, { recursive: true });
export const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const hasBrowser = executablePath !== undefined;
if (!hasBrowser && process.env.CI === "true") throw new Error("there is no Chromium");
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const suffix = Math.random().toString(36).slice(2, 7);

/** A call that is lost is made again after 20 s. */
export const PATIENCE_MS = Number(process.env.TIDINGS_PATIENCE_MS ?? 60_000);

/** A name that no other run has. */
export const named = (name) => `${name}-${suffix}`;
/** With a microphone that hears a tone. */
export let browser;
before(async () => {
  if (!hasBrowser) return;
  browser = await chromium.launch({
    executablePath, args: ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--autoplay-policy=no-user-gesture-required"],
  });
});
after(() => browser?.close());

/** A test that, where it fails, says what every page shows. */
export const browserTest = (name, body) => test(name, { skip: hasBrowser ? false : "there is no Chromium" }, async (context) => {
  try {
    await body(context);
  } catch (error) {
    for (const page of browser.contexts().flatMap((one) => one.pages())) {
      const seen = await page.locator("body").ariaSnapshot({ timeout: 5_000 }).catch(String);
      context.diagnostic(`${page.url()} shows\n${seen}`);
    }
    throw error;
  }
});

/** As on a busy machine: what waits for a frame comes after what the user does next. */
export const slowFrames = (context) => context.addInitScript(() => {
  window.requestAnimationFrame = (frame) => setTimeout(() => frame(performance.now()), 300);
  window.cancelAnimationFrame = clearTimeout;
});

/**
 * Loads a page, anew where it does not come. What serves it keeps a thread for each connection; of two that come at once it may leave one without
 * until another has ended, and a browser keeps its connections open.
 */
export async function visit(page, url) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await page.goto(url, { timeout: PATIENCE_MS / 3 });
    } catch (error) {
      if (tries === 4) throw error;
      await page.goto("about:blank");
    }
  }
}

/** A page of a user who is signed in; `prepare` has the context before it loads anything. */
export async function signIn(browser, user, { prepare = async () => {}, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1180, height: 760 }, serviceWorkers: "allow", ...options });
  await prepare(context);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const faults = [];
  page.on("pageerror", (error) => {
    console.error(user, error);
    faults.push(String(error));
  });
  page.on("console", (message) => /Content Security Policy/.test(message.text()) && faults.push(message.text()));
  await visit(page, `${site}/#user=${user}`);
  await page.getByRole("heading", { name: "Chats" }).waitFor();
  return { context, page, faults };
}

/** A call of a user who has no browser. */
export async function callAs(user, method, target, body) {
  const { access_token } = await (await fetch(`${site}/token`, { method: "POST", body: JSON.stringify({ user }) })).json();
  const response = await fetch(stack.httpUrl + target, {
    method, headers: { authorization: `Bearer ${access_token}`, "content-type": "application/json" }, ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const answer = await response.text();
  assert(response.ok, `${method} ${target}: ${response.status} ${answer}`);
  return answer && JSON.parse(answer);
}

export async function write(page, text) {
  await page.getByRole("textbox", { name: "Message", exact: true }).fill(text);
  await page.keyboard.press("Enter");
}

export async function startChat(page, user) {
  await page.getByRole("button", { name: "New conversation" }).click();
  await page.getByRole("textbox", { name: "User name" }).fill(user);
  await page.getByRole("button", { name: "Write", exact: true }).click();
  await page.getByRole("heading", { name: user, level: 2 }).waitFor();
}

/** Opens what somebody writes for the first time, and lets them in. */
export async function letIn(page, user) {
  await page.getByRole("button", { name: /Message requests/ }).click();
  await page.getByRole("navigation").getByRole("button", { name: new RegExp(user) }).click();
  await page.getByRole("group", { name: "Message request" }).getByRole("button", { name: "Accept" }).click();
}

/** Chooses from the menu of a message. */
export async function choose(bubble, name) {
  await bubble.hover();
  await bubble.getByRole("button", { name: "More about the message" }).click();
  await bubble.getByRole("menuitem", { name, exact: true }).click();
}

export const messageOf = (page, text) => page.getByRole("log", { name: "Messages" }).getByRole("article").filter({ hasText: text }).last();

export const shot = (page, name) => page.screenshot({ path: `${shots}${name}.png` });

/** No violation of what axe knows of WCAG 2.2 AA and good practice. */
export async function accessible(page, where) {
  // The page's policy lets no script in but its own; the protocol of the browser does.
  const session = await page.context().newCDPSession(page);
  const evaluate = async (expression) => {
    const { result, exceptionDetails } = await session.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    assert(!exceptionDetails, exceptionDetails?.exception?.description);
    return result.value;
  };
  await evaluate(axe);
  const found = await evaluate(`axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
    violations.map(({ id, nodes }) => id + ": " + nodes.map((node) => node.target + " " + node.failureSummary).join("; ")))`);
  await session.detach();
  assert.deepEqual(found, [], where);
}

/** Asks until there is an answer. */
export async function eventually(ask) {
  const until = Date.now() + PATIENCE_MS;
  while (Date.now() < until) {
    const answer = await ask();
    if (answer) return answer;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("it did not come");
}
