/** Who the user is: the local stack's issuer, or any OIDC issuer by the code flow with PKCE. */

/** `config.json` of the deployment. */
export interface Config {
  httpUrl: string;
  socketUrl: string;
  issuer: string;
  /** Of an OIDC issuer: who this client is there. */
  clientId?: string;
  scope?: string;
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
  expiresAt: number;
}

const KEPT = "tidings-tokens";
const FLOW = "tidings-sign-in";
const LOCAL_USER = "tidings-user";

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
    // Of this tab alone: two users can be tried side by side.
    const user = wanted ?? sessionStorage.getItem(LOCAL_USER);
    return user ? signInLocally(config, user) : undefined;
  }
  const answer = new URLSearchParams(location.search);
  if (answer.has("code") || answer.has("error")) return finish(config, answer);
  const kept = sessionStorage.getItem(KEPT);
  return kept ? identity(config, JSON.parse(kept) as Tokens) : undefined;
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
  return { user, token: async (again) => (again || !token ? take() : token) };
}

/** Leaves the page for the issuer's. */
export async function signInAtIssuer(config: Config): Promise<void> {
  const verifier = random(48);
  const state = random(16);
  sessionStorage.setItem(FLOW, JSON.stringify({ verifier, state }));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  const url = new URL((await discover(config)).authorization_endpoint);
  url.search = new URLSearchParams({
    response_type: "code", client_id: config.clientId ?? "", redirect_uri: `${location.origin}/`, state,
    scope: config.scope ?? "openid offline_access", code_challenge: base64url(new Uint8Array(digest)), code_challenge_method: "S256",
  }).toString();
  location.assign(url);
}

export function signOut(): void {
  sessionStorage.removeItem(KEPT);
  sessionStorage.removeItem(LOCAL_USER);
}

async function finish(config: Config, answer: URLSearchParams): Promise<Identity> {
  const flow = JSON.parse(sessionStorage.getItem(FLOW) ?? "{}") as { verifier?: string; state?: string };
  sessionStorage.removeItem(FLOW);
  history.replaceState(null, "", "/");
  const code = answer.get("code");
  if (!code) throw new Error(answer.get("error_description") ?? "You were not signed in.");
  if (!flow.verifier || answer.get("state") !== flow.state) throw new Error("This sign-in was begun elsewhere. Try again.");
  return identity(config, await exchange(config, {
    grant_type: "authorization_code", code, redirect_uri: `${location.origin}/`, code_verifier: flow.verifier,
  }));
}

function identity(config: Config, first: Tokens): Identity {
  let tokens = first;
  const [, claims = ""] = tokens.access.split(".");
  const { sub } = JSON.parse(atob(claims.replaceAll("-", "+").replaceAll("_", "/"))) as { sub: string };
  return {
    user: sub,
    token: async (again) => {
      if ((again || tokens.expiresAt < Date.now() + 30_000) && tokens.refresh) {
        tokens = await exchange(config, { grant_type: "refresh_token", refresh_token: tokens.refresh });
      }
      return tokens.access;
    },
  };
}

async function exchange(config: Config, fields: Record<string, string>): Promise<Tokens> {
  const response = await fetch((await discover(config)).token_endpoint, {
    method: "POST", body: new URLSearchParams({ ...fields, client_id: config.clientId ?? "" }),
  });
  if (!response.ok) throw new Error("The issuer did not sign you in. Try again.");
  const answer = (await response.json()) as { access_token: string; refresh_token?: string; expires_in?: number };
  const refresh = answer.refresh_token ?? fields["refresh_token"];
  const tokens = {
    access: answer.access_token, ...(refresh ? { refresh } : {}), expiresAt: Date.now() + (answer.expires_in ?? 300) * 1000,
  };
  sessionStorage.setItem(KEPT, JSON.stringify(tokens));
  return tokens;
}

async function discover(config: Config): Promise<{ authorization_endpoint: string; token_endpoint: string }> {
  return (await fetch(`${config.issuer.replace(/\/$/, "")}/.well-known/openid-configuration`)).json();
}

function random(length: number): string {
  return base64url(crypto.getRandomValues(new Uint8Array(length)));
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
