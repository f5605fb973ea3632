/** Who the user is: the local stack's issuer, or any OIDC issuer by the code flow with PKCE. */
import { CallError } from "@tidings/client";

/** `config.json` of the deployment. */
export interface Config {
  httpUrl: string;
  socketUrl: string;
  issuer: string;
  /** Of an OIDC issuer: who this client is there. */
  clientId?: string;
  scope?: string;
  /** Of an issuer that makes tokens for an API only when that is asked for. */
  audience?: string;
  /** Of the local stack: who may be tried. */
  local?: { users: string[] };
}

/** A signed-in user. */
export interface Identity {
  user: string;
  token: (again: boolean) => Promise<string>;
}

interface Tokens {
  access: string;
  refresh?: string;
  id?: string;
  expiresAt: number;
}

/** What an issuer says of itself. */
interface Discovery {
  issuer: string;
  authorization_endpoint: string;
  token_endpoint: string;
  revocation_endpoint?: string;
  end_session_endpoint?: string;
}

/** What is remembered while the user is at the issuer's. */
interface Flow {
  verifier: string;
  state: string;
  /** Where in the application the user wanted to go. */
  place: string;
}

const KEPT = "tidings-tokens";
const FLOW = "tidings-sign-in";
const LOCAL_USER = "tidings-user";
const LAST_USER = "tidings-last-user";
const EARLY_MS = 30_000;
const LIFE_S = 300;

export async function loadConfig(): Promise<Config> {
  const response = await fetch("/config.json");
  if (!response.ok) throw new Error("The service is not ready yet. Try again in a moment.");
  return response.json();
}

/** Whoever is signed in already, or comes back from the issuer. */
export async function resume(config: Config): Promise<Identity | undefined> {
  if (config.local) {
    const wanted = /^#user=([A-Za-z0-9._-]{1,64})$/.exec(location.hash)?.[1];
    if (wanted) history.replaceState(null, "", "/");
    // Of this tab alone: two users can be tried side by side. What a notification opens is the last one's.
    const user = wanted ?? sessionStorage.getItem(LOCAL_USER) ?? (location.hash.startsWith("#c=") ? localStorage.getItem(LAST_USER) : null);
    return user ? signInLocally(config, user) : undefined;
  }
  const answer = new URLSearchParams(location.search);
  if (answer.has("state") && (answer.has("code") || answer.has("error"))) return finish(config, answer);
  const kept = readTokens();
  return kept ? identity(config, kept) : undefined;
}

export async function signInLocally(config: Config, user: string): Promise<Identity> {
  let token: string | undefined;
  const take = async () => {
    const response = await fetch(`${config.issuer}/token`, { method: "POST", body: JSON.stringify({ user }) });
    const answer = (await response.json()) as { access_token?: string; error?: string };
    if (!answer.access_token) throw new Error(answer.error ?? "The issuer did not answer with a token.");
    token = answer.access_token;
    return token;
  };
  sessionStorage.setItem(LOCAL_USER, user);
  localStorage.setItem(LAST_USER, user);
  return { user, token: async (again) => (again || !token ? take() : token) };
}

/** Leaves the page for the issuer's. */
export async function signInAtIssuer(config: Config): Promise<void> {
  if (!config.clientId) throw new Error("This deployment has no clientId in its config.json.");
  const flow: Flow = { verifier: random(48), state: random(16), place: location.hash };
  sessionStorage.setItem(FLOW, JSON.stringify(flow));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(flow.verifier));
  const url = new URL((await discover(config)).authorization_endpoint);
  const fields = {
    response_type: "code", client_id: config.clientId, redirect_uri: `${location.origin}/`, state: flow.state,
    scope: config.scope ?? "openid offline_access", code_challenge: base64url(new Uint8Array(digest)), code_challenge_method: "S256",
    ...(config.audience ? { audience: config.audience } : {}),
  };
  // An issuer's address may have a query of its own.
  for (const [name, value] of Object.entries(fields)) url.searchParams.set(name, value);
  location.assign(url);
}

/** Forgets who this tab's user is. */
export function forgetUser(): void {
  sessionStorage.removeItem(LOCAL_USER);
}

/** Ends the session here, and at the issuer where it can. Answers where the issuer wants the user to be then. */
export async function signOut(config: Config): Promise<string> {
  const tokens = readTokens();
  localStorage.removeItem(KEPT);
  localStorage.removeItem(LAST_USER);
  forgetUser();
  if (config.local || !tokens) return "/";
  const issuer = await discover(config).catch(() => undefined);
  if (issuer?.revocation_endpoint && tokens.refresh) {
    await fetch(issuer.revocation_endpoint, {
      method: "POST", body: new URLSearchParams({ token: tokens.refresh, token_type_hint: "refresh_token", client_id: config.clientId ?? "" }),
    }).catch(() => undefined);
  }
  if (!issuer?.end_session_endpoint) return "/";
  const url = new URL(issuer.end_session_endpoint);
  url.searchParams.set("client_id", config.clientId ?? "");
  url.searchParams.set("post_logout_redirect_uri", `${location.origin}/`);
  if (tokens.id) url.searchParams.set("id_token_hint", tokens.id);
  return url.href;
}

async function finish(config: Config, answer: URLSearchParams): Promise<Identity> {
  const flow = JSON.parse(sessionStorage.getItem(FLOW) ?? "{}") as Partial<Flow>;
  sessionStorage.removeItem(FLOW);
  history.replaceState(null, "", `/${flow.place ?? ""}`);
  // Whoever is not the one that was asked may say nothing, not even that it failed.
  const sender = answer.get("iss");
  if (!flow.verifier || answer.get("state") !== flow.state || (sender !== null && sender !== config.issuer)) {
    throw new Error("This sign-in was begun elsewhere. Try again.");
  }
  const code = answer.get("code");
  if (!code) throw new Error(answer.get("error_description") ?? (answer.get("error") === "access_denied" ? "You cancelled the sign-in." : "You were not signed in."));
  return identity(config, await exchange(config, {
    grant_type: "authorization_code", code, redirect_uri: `${location.origin}/`, code_verifier: flow.verifier,
  }));
}

function identity(config: Config, first: Tokens): Identity {
  let refused: string | undefined;
  return {
    user: subjectOf(first.access),
    token: async (again) => {
      const tokens = readTokens() ?? first;
      if (again) refused = tokens.access;
      if (tokens.access !== refused && tokens.expiresAt > Date.now() + EARLY_MS) return tokens.access;
      if (!tokens.refresh) return expired();
      // A refresh token is often good for one use: of several tabs one uses it, and the others take what it got.
      return navigator.locks.request("tidings-refresh", async () => {
        const now = readTokens() ?? tokens;
        if ((now.refresh !== tokens.refresh || now.access !== tokens.access) && now.access !== refused) return now.access;
        return (await exchange(config, { grant_type: "refresh_token", refresh_token: now.refresh ?? "" })).access;
      });
    },
  };
}

/** The user has to sign in again: said as the service says it. */
function expired(): never {
  throw new CallError(401, { code: "unauthorized", message: "Your session has ended. Sign in again." });
}

/** Whose token it is. It is the service that checks it. */
function subjectOf(access: string): string {
  try {
    const [, claims = ""] = access.split(".");
    const { sub } = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(claims.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0)))) as { sub?: unknown };
    if (typeof sub === "string" && /^[A-Za-z0-9._-]{1,64}$/.test(sub)) return sub;
  } catch {
    // Told below.
  }
  throw new Error("The issuer's access token names no user that this service can take.");
}

async function exchange(config: Config, fields: Record<string, string>): Promise<Tokens> {
  const response = await fetch((await discover(config)).token_endpoint, {
    method: "POST", body: new URLSearchParams({ ...fields, client_id: config.clientId ?? "" }),
  });
  if (response.status >= 500) throw new TypeError("the issuer is away");
  const answer = (await response.json().catch(() => ({}))) as {
    access_token?: string; refresh_token?: string; id_token?: string; expires_in?: number; error?: string; error_description?: string;
  };
  if (!response.ok || !answer.access_token) {
    if (fields["grant_type"] === "refresh_token") return expired();
    throw new Error(answer.error_description ?? "The issuer did not sign you in. Try again.");
  }
  const refresh = answer.refresh_token ?? fields["refresh_token"];
  const id = answer.id_token ?? readTokens()?.id;
  const tokens = {
    access: answer.access_token, ...(refresh ? { refresh } : {}), ...(id ? { id } : {}), expiresAt: Date.now() + (answer.expires_in ?? LIFE_S) * 1000,
  };
  subjectOf(tokens.access);
  localStorage.setItem(KEPT, JSON.stringify(tokens));
  return tokens;
}

function readTokens(): Tokens | undefined {
  const kept = localStorage.getItem(KEPT);
  return kept ? (JSON.parse(kept) as Tokens) : undefined;
}

let discovered: Promise<Discovery> | undefined;

function discover(config: Config): Promise<Discovery> {
  discovered ??= (async () => {
    const response = await fetch(`${config.issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
    if (!response.ok) throw new Error("The issuer does not answer. Try again in a moment.");
    const found = (await response.json()) as Discovery;
    // What another says of itself is not to be followed.
    if (found.issuer.replace(/\/$/, "") !== config.issuer.replace(/\/$/, "")) throw new Error("The issuer says that it is another.");
    return found;
  })();
  discovered.catch(() => { discovered = undefined; });
  return discovered;
}

function random(length: number): string {
  return base64url(crypto.getRandomValues(new Uint8Array(length)));
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
