import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { type Config, type Identity, loadConfig, resume, signInAtIssuer, signInLocally, signOut } from "./auth.ts";
import { Chat } from "./chat.tsx";
import { Join, NewChat, NewGroup } from "./dialogs.tsx";
import { Icon, reasonOf } from "./parts.tsx";
import { searching } from "./search.tsx";
import { Session } from "./session.ts";
import { Settings } from "./settings.tsx";
import { Sidebar } from "./sidebar.tsx";
import "./theme.ts";
import "./modality.ts";
import "./install.ts";
import "./style.css";

type Stage =
  | { name: "loading" }
  | { name: "signedOut"; config: Config | undefined; error?: string }
  | { name: "in"; session: Session; config: Config };

export type DialogName = "chat" | "group" | "settings" | undefined;

function App() {
  const [stage, setStage] = useState<Stage>({ name: "loading" });

  const enter = async (config: Config, identity: Identity) => {
    try {
      const session = await Session.open(config, identity);
      setStage({ name: "in", session, config });
    } catch (error) {
      setStage({ name: "signedOut", config, error: reasonOf(error) });
    }
  };

  useEffect(() => {
    void (async () => {
      let config: Config | undefined;
      try {
        config = await loadConfig();
        const identity = await resume(config);
        if (identity) return await enter(config, identity);
        setStage({ name: "signedOut", config });
      } catch (error) {
        setStage({ name: "signedOut", config, error: reasonOf(error) });
      }
    })();
  }, []);

  switch (stage.name) {
    case "loading":
      return <main class="centre" aria-busy="true"><h1 class="brand splash"><img src="/icon.svg" alt="" width="40" height="40" />Tidings</h1></main>;
    case "signedOut":
      return <SignIn config={stage.config} error={stage.error} enter={(identity) => stage.config && void enter(stage.config, identity)} />;
    case "in":
      return <Home session={stage.session} config={stage.config} />;
  }
}

function Brand() {
  return <h1 class="brand"><img src="/icon.svg" alt="" width="40" height="40" />Tidings</h1>;
}

function SignIn({ config, error, enter }: { config: Config | undefined; error: string | undefined; enter: (identity: Identity) => void }) {
  const [user, setUser] = useState("");
  const [failure, setFailure] = useState(error);
  const [busy, setBusy] = useState(false);
  const attempt = (task: () => Promise<void>) => {
    setBusy(true);
    setFailure(undefined);
    task().catch((reason: unknown) => {
      setFailure(reasonOf(reason));
      setBusy(false);
    });
  };
  const local = (name: string) => attempt(async () => { if (config) enter(await signInLocally(config, name.trim())); });
  return (
    <main class="centre">
      <div class="card">
        <Brand />
        <p class="muted">Messages, in order and never lost.</p>
        {failure && <p class="error" role="alert">{failure}</p>}
        {!config && <button class="primary" onClick={() => location.reload()}>Try again</button>}
        {config && !config.local && <button class="primary" disabled={busy} onClick={() => attempt(() => signInAtIssuer(config))}>Sign in</button>}
        {config?.local && (
          <>
            <form class="stack" onSubmit={(event) => { event.preventDefault(); if (user.trim()) local(user); }}>
              <label>User name<input autofocus value={user} onInput={(event) => setUser(event.currentTarget.value)} pattern="[A-Za-z0-9._\-]{1,64}" autocomplete="username" required /></label>
              <button class="primary" disabled={busy}>Sign in</button>
            </form>
            <p class="or"><span>or try as</span></p>
            <div class="row">{config.local.users.map((name) => <button key={name} disabled={busy} onClick={() => local(name)}>{name}</button>)}</div>
          </>
        )}
      </div>
    </main>
  );
}

function Home({ session, config }: { session: Session; config: Config }) {
  const [dialog, setDialog] = useState<DialogName>();
  const [invite, setInvite] = useState<string>();
  const current = session.current.value;
  const unread = session.rows.value.filter((row) => row.unread > 0 && !row.muted).length;
  useEffect(() => {
    document.title = unread > 0 ? `(${unread}) Tidings` : "Tidings";
    // On the icon of an installed application.
    if ("setAppBadge" in navigator) void (unread > 0 ? navigator.setAppBadge(unread) : navigator.clearAppBadge()).catch(() => undefined);
  }, [unread]);
  useEffect(() => {
    const taken = () => {
      const [, name, value] = /^#(c|join)=(.+)$/.exec(location.hash) ?? [];
      if (location.hash) history.replaceState(null, "", "/");
      if (name === "c" && value) void session.open(decodeURIComponent(value));
      if (name === "join") setInvite(value);
    };
    taken();
    addEventListener("hashchange", taken);
    return () => removeEventListener("hashchange", taken);
  }, [session]);
  useEffect(() => {
    const keys = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !document.querySelector("dialog[open]") && session.current.value && !event.defaultPrevented) void session.open(undefined);
      if ((event.ctrlKey || event.metaKey) && event.key === "k") {
        event.preventDefault();
        searching.value = {};
        document.querySelector<HTMLInputElement>("#search")?.focus();
      }
    };
    addEventListener("keydown", keys);
    return () => removeEventListener("keydown", keys);
  }, [session]);
  const leave = async () => {
    await session.end().catch(() => undefined);
    const place = await signOut(config);
    session.left();
    location.replace(place);
  };
  const { status } = session;
  const close = () => setDialog(undefined);
  return (
    <div class={`home ${current ? "has-chat" : ""} ${searching.value ? "searching" : ""}`}>
      <header class="visually-hidden"><h1>Tidings</h1></header>
      <p class="visually-hidden" role="status">{session.heardLast}</p>
      {status.value.name === "refused" && (
        <div class="banner bad" role="alert">{status.value.reason === "forbidden" ? "You were signed out of this device." : "Your session has ended."} <button onClick={() => void leave()}>Sign in again</button></div>
      )}
      {status.value.name === "offline" && <div class="banner" role="status"><Icon name="info" /> You are offline. Messages wait here and are sent when you are back. <button class="link" onClick={() => session.client.reconnect()}>Try now</button></div>}
      {status.value.name === "online" && status.value.by === "calls" && <div class="banner" role="status"><Icon name="info" /> Slow connection: this network lets no sockets through, so messages may come a little later.</div>}
      <div class="panes">
        <Sidebar session={session} show={setDialog} />
        {current
          ? <Chat key={current} session={session} id={current} search={() => { searching.value = { conversationId: current }; }} />
          : <section class="empty-chat" aria-label="No conversation"><div><img src="/icon.svg" alt="" width="64" height="64" /><h2>Pick a conversation</h2><p class="muted">Or begin one: <button class="link" onClick={() => setDialog("chat")}>write to somebody</button></p></div></section>}
      </div>
      {dialog === "chat" && <NewChat session={session} close={close} group={() => setDialog("group")} />}
      {dialog === "group" && <NewGroup session={session} close={close} />}
      {dialog === "settings" && <Settings session={session} close={close} leave={() => void leave()} />}
      {invite && <Join session={session} token={decodeURIComponent(invite)} close={() => setInvite(undefined)} />}
      <div class="toasts" role="status">{session.notice.value && <div class="toast"><Icon name="info" />{session.notice.value}</div>}</div>
    </div>
  );
}

if ("serviceWorker" in navigator && import.meta.env.PROD) void navigator.serviceWorker.register("/sw.js").catch(() => undefined);
const root = document.getElementById("app");
// What stands there until now is shown before any script runs.
root?.replaceChildren();
if (root) render(<App />, root);
