// What the platform gives: a first look that is quick, pushes, any issuer.
import assert from "node:assert/strict";
import { createDecipheriv, createECDH, createHash, hkdfSync, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { accessible, browser, browserTest, eventually, messageOf, named, PATIENCE_MS, shot, signIn, site, stack, startChat, visit, write } from "./support.mjs";

const median = (values) => [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)];

browserTest("the first look comes soon after that of a page that has nothing", async () => {
  const looks = { app: [], bare: [] };
  for (let run = 0; run < 5; run += 1) {
    for (const [name, path] of [["bare", "bare"], ["app", ""]]) {
      const context = await browser.newContext({ serviceWorkers: "block" });
      const page = await context.newPage();
      await page.route(`${site}/bare`, (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html><title>Bare</title><p>Bare</p>" }));
      await visit(page, `${site}/${path}`);
      looks[name].push(await page.evaluate(() => new Promise((resolve) => {
        new PerformanceObserver((list) => { for (const one of list.getEntriesByName("first-contentful-paint")) resolve(one.startTime); }).observe({ type: "paint", buffered: true });
      })));
      await context.close();
    }
  }
  const ratio = median(looks.app) / median(looks.bare);
  console.log(`first contentful paint: ${median(looks.app).toFixed(0)} ms, of a bare page ${median(looks.bare).toFixed(0)} ms: ${ratio.toFixed(1)} times`);
  assert.ok(ratio <= 8, `${ratio} times a bare page's`);
});

/** What a browser that is pushed to reads (RFC 8291). */
function decrypt(body, keys, auth) {
  const [salt, sender] = [body.subarray(0, 16), body.subarray(21, 21 + body[20])];
  const secret = keys.computeSecret(sender);
  const derive = (material, seed, info, length) => Buffer.from(hkdfSync("sha256", material, seed, info, length));
  const material = derive(secret, auth, Buffer.concat([Buffer.from("WebPush: info\0"), keys.getPublicKey(), sender]), 32);
  const cipher = createDecipheriv("aes-128-gcm", derive(material, salt, "Content-Encoding: aes128gcm\0", 16), derive(material, salt, "Content-Encoding: nonce\0", 12));
  const sealed = body.subarray(21 + body[20]);
  cipher.setAuthTag(sealed.subarray(-16));
  const opened = Buffer.concat([cipher.update(sealed.subarray(0, -16)), cipher.final()]);
  return opened.subarray(0, opened.lastIndexOf(2)).toString();
}

browserTest("a push comes while the client is closed, is shown, and leads to its conversation", async () => {
  const [alice, bob] = ["push-alice", "push-bob"].map(named);
  const keys = createECDH("prime256v1");
  keys.generateKeys();
  const auth = randomBytes(16);
  const endpoint = `${stack.endpointUrl}/_tidings/web-push/${named("browser")}`;
  const context = await browser.newContext({ viewport: { width: 1180, height: 760 }, permissions: ["notifications"] });
  // Chromium subscribes at its maker's service, which tests cannot reach: the stack's own takes its place, and all else is as it is.
  await context.addInitScript(([url, p256dh, secret]) => {
    const make = (options) => ({
      endpoint: url, options, toJSON: () => ({ endpoint: url, keys: { p256dh, auth: secret } }),
      unsubscribe: async () => { localStorage.removeItem("test-subscription"); return true; },
    });
    PushManager.prototype.subscribe = async ({ applicationServerKey, userVisibleOnly }) => {
      if (!userVisibleOnly || applicationServerKey.length !== 65) throw new DOMException("no good options", "InvalidStateError");
      localStorage.setItem("test-subscription", JSON.stringify([...applicationServerKey]));
      return make({ applicationServerKey: applicationServerKey.buffer });
    };
    PushManager.prototype.getSubscription = async () => {
      const kept = localStorage.getItem("test-subscription");
      return kept ? make({ applicationServerKey: Uint8Array.from(JSON.parse(kept)).buffer }) : null;
    };
  }, [endpoint, keys.getPublicKey("base64url"), auth.toString("base64url")]);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  await visit(page, `${site}/#user=${bob}`);
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("tab", { name: "Notifications" }).click();
  await page.getByRole("switch", { name: "Notify me in this browser" }).click();
  await page.getByText("On, also while Tidings is closed").waitFor();
  await shot(page, "push-light");
  await page.close();

  const one = await signIn(browser, alice);
  await startChat(one.page, bob);
  await write(one.page, "Are you there?");
  const pushed = await eventually(async () => {
    const lines = await (await fetch(`${stack.endpointUrl}/_tidings/pushes`)).text();
    return lines.split("\n").filter(Boolean).map((line) => JSON.parse(line)).find((push) => push.token === endpoint);
  });
  const text = decrypt(Buffer.from(pushed.body, "base64"), keys, auth);
  assert.equal(JSON.parse(text).title, alice);
  assert.ok(!text.includes("there?"), "a push does not say what was written");

  const again = await context.newPage();
  again.setDefaultTimeout(PATIENCE_MS);
  await again.goto(`${site}/icon.svg`);
  const session = await context.newCDPSession(again);
  const registration = new Promise((resolve) => session.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => {
    const found = registrations.find((one) => one.scopeURL.startsWith(site));
    if (found) resolve(found.registrationId);
  }));
  await session.send("ServiceWorker.enable");
  await session.send("ServiceWorker.deliverPushMessage", { origin: site, registrationId: await registration, data: text });
  const shown = await eventually(() => again.evaluate(async () => {
    const found = await (await navigator.serviceWorker.getRegistration("/"))?.getNotifications();
    return found?.map(({ title, body, data }) => ({ title, body, data }))[0];
  }));
  assert.deepEqual([shown.title, shown.body], [alice, "New message"]);
  // What the notification opens, by whoever was signed in here last.
  await again.goto(`${site}/#c=${encodeURIComponent(shown.data.conversationId)}`);
  await messageOf(again, "Are you there?").waitFor();
  await Promise.all([context.close(), one.context.close()]);
});

/** An issuer as they are on the web: discovery, the code flow with PKCE, refresh tokens that are good for one use, sign-out. */
async function issuerOf(user) {
  const codes = new Map();
  const state = { life: 300, refresh: "first", refreshes: 0, revoked: [], refuses: undefined, url: "", tokens: 0 };
  const answer = (response, status, body, headers = {}) => {
    response.writeHead(status, { "content-type": "application/json", "access-control-allow-origin": site, ...headers });
    response.end(JSON.stringify(body));
  };
  const server = createServer((request, response) => {
    const url = new URL(request.url, state.url);
    let body = "";
    request.on("data", (chunk) => { body += chunk; });
    request.on("end", async () => {
      const form = new URLSearchParams(body);
      switch (url.pathname) {
        case "/.well-known/openid-configuration":
          return answer(response, 200, {
            issuer: state.url, authorization_endpoint: `${state.url}/authorize?tenant=1`, token_endpoint: `${state.url}/token`,
            revocation_endpoint: `${state.url}/revoke`, end_session_endpoint: `${state.url}/end`,
          });
        case "/authorize": {
          const asked = url.searchParams;
          const back = new URL(asked.get("redirect_uri"));
          back.searchParams.set("state", state.refuses === "state" ? "another" : asked.get("state"));
          if (state.refuses === "denied") back.searchParams.set("error", "access_denied");
          else {
            const code = randomBytes(8).toString("hex");
            codes.set(code, asked);
            back.searchParams.set("code", code);
            back.searchParams.set("iss", state.url);
          }
          assert.deepEqual(["tenant", "client_id", "response_type", "code_challenge_method"].map((name) => asked.get(name)), ["1", "web", "code", "S256"]);
          return answer(response, 302, {}, { location: back.href });
        }
        case "/token": {
          const asked = codes.get(form.get("code"));
          const isCode = form.get("grant_type") === "authorization_code" && asked?.get("redirect_uri") === form.get("redirect_uri")
            && asked?.get("code_challenge") === createHash("sha256").update(form.get("code_verifier") ?? "").digest("base64url");
          const isRefresh = form.get("grant_type") === "refresh_token" && form.get("refresh_token") === state.refresh && state.refuses !== "refresh";
          codes.delete(form.get("code"));
          if (form.get("client_id") !== "web" || !(isCode || isRefresh)) return answer(response, 400, { error: "invalid_grant" });
          if (isRefresh) state.refreshes += 1;
          // The service trusts the stack's issuer, which makes a token of it for us.
          const { access_token } = await (await fetch(`${site}/token`, { method: "POST", body: JSON.stringify({ user }) })).json();
          state.refresh = randomBytes(8).toString("hex");
          state.tokens += 1;
          return answer(response, 200, { access_token, refresh_token: state.refresh, id_token: "id", expires_in: state.life, token_type: "Bearer" });
        }
        case "/revoke":
          state.revoked.push(form.get("token"));
          return answer(response, 200, {});
        case "/end":
          assert.equal(url.searchParams.get("id_token_hint"), "id");
          return answer(response, 302, {}, { location: url.searchParams.get("post_logout_redirect_uri") });
        default:
          return answer(response, 404, {});
      }
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  state.url = `http://127.0.0.1:${server.address().port}`;
  return { state, close: () => server.close() };
}

browserTest("signing in at an issuer: refused, in, refreshed once for two tabs, out", async () => {
  const user = named("oidc");
  const issuer = await issuerOf(user);
  const { state } = issuer;
  const context = await browser.newContext({ viewport: { width: 1180, height: 760 }, serviceWorkers: "block" });
  const config = { httpUrl: stack.httpUrl, socketUrl: stack.wsUrl, issuer: state.url, clientId: "web" };
  await context.route(`${site}/config.json`, (route) => route.fulfill({ json: config }));
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  await visit(page, site);
  const signInButton = page.getByRole("button", { name: "Sign in", exact: true });
  await signInButton.waitFor();
  for (const [refuses, said] of [["denied", "You cancelled the sign-in."], ["state", "begun elsewhere"]]) {
    state.refuses = refuses;
    await signInButton.click();
    await page.getByRole("alert").filter({ hasText: said }).waitFor();
    assert.equal(new URL(page.url()).search, "");
  }
  await accessible(page, "a sign-in that failed");
  await shot(page, "sign-in-failed-light");
  assert.equal(state.tokens, 0);
  state.refuses = undefined;
  // Every token is about to expire, so whatever is called asks for another.
  state.life = 1;
  await page.goto(`${site}/#c=${encodeURIComponent(`u:${user}|u:${user}`)}`);
  await page.reload();
  await signInButton.click();
  // Where the user wanted to be.
  await page.getByRole("heading", { name: "Notes to yourself", level: 2 }).waitFor();
  const second = await context.newPage();
  second.setDefaultTimeout(PATIENCE_MS);
  await visit(second, site);
  await second.getByRole("navigation").or(second.getByText("No conversations yet")).first().waitFor();
  await eventually(async () => state.refreshes > 1);
  await write(page, "Still here");
  await messageOf(page, "Still here").getByRole("img", { name: "Sent" }).waitFor();
  state.life = 300;
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("dialog", { name: "Sign out?" }).getByRole("button", { name: "Sign out" }).click();
  await signInButton.waitFor();
  await second.getByRole("button", { name: "Sign in", exact: true }).waitFor();
  assert.equal(state.revoked.length, 1);
  assert.equal(await page.evaluate(() => localStorage.getItem("tidings-tokens")), null);

  // A session that the issuer has ended is told as that.
  state.life = 1;
  await signInButton.click();
  await page.getByRole("heading", { name: "Chats" }).waitFor();
  state.refuses = "refresh";
  await page.reload();
  await page.getByRole("alert").filter({ hasText: "Your session has ended" }).waitFor();
  await shot(page, "session-ended-light");
  await accessible(page, "a session that has ended");
  issuer.close();
  await context.close();
});
