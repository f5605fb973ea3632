import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { type Config, type Identity, loadConfig, resume, signInAtIssuer, signInLocally, signOut } from "./auth.ts";
import { Chat } from "./chat.tsx";
import { NewChat, NewGroup, Settings } from "./dialogs.tsx";
import { Icon, reasonOf } from "./parts.tsx";
import { Session } from "./session.ts";
import { Sidebar } from "./sidebar.tsx";
import "./style.css";

type Stage =
  | { name: "loading" }
  | { name: "signedOut"; config: Config | undefined; error?: string }
  | { name: "elsewhere"; config: Config; identity: Identity }
  | { name: "in"; session: Session };

export type DialogName = "chat" | "group" | "settings" | undefined;

function App() {
  const [stage, setStage] = useState<Stage>({ name: "loading" });

  const enter = async (config: Config, identity: Identity, steal = false) => {
    try {
      // A device has one socket: of several tabs of one user, one is it.
      if (!(await takeLock(`tidings-${identity.user}`, steal, () => setStage({ name: "elsewhere", config, identity })))) {
        return setStage({ name: "elsewhere", config, identity });
      }
      const session = await Session.open(config, identity);
      document.title = "Tidings";
      setStage({ name: "in", session });
      const wanted = /^#c=(.+)$/.exec(location.hash)?.[1];
      if (wanted) void session.open(decodeURIComponent(wanted));
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
      return <main class="centre" aria-busy="true"><h1 class="visually-hidden">Tidings</h1><div class="spinner" role="status"><span class="visually-hidden">Loading</span></div></main>;
    case "signedOut":
      return <SignIn config={stage.config} error={stage.error} enter={(identity) => stage.config && void enter(stage.config, identity)} />;
    case "elsewhere":
      return (
        <main class="centre">
          <div class="card">
            <Brand />
            <p>Tidings is open in another tab.</p>
            <button class="primary" onClick={() => void enter(stage.config, stage.identity, true)}>Use it here</button>
          </div>
        </main>
      );
    case "in":
      return <Home session={stage.session} />;
  }
}

function Brand() {
  return <h1 class="brand"><img src="/icon.svg" alt="" width="40" height="40" />Tidings</h1>;
}

function SignIn({ config, error, enter }: { config: Config | undefined; error: string | undefined; enter: (identity: Identity) => void }) {
  const [user, setUser] = useState("");
  const [failure, setFailure] = useState(error);
  const local = async (name: string) => {
    try {
      if (config) enter(await signInLocally(config, name.trim()));
    } catch (reason) {
      setFailure(reasonOf(reason));
    }
  };
  return (
    <main class="centre">
      <div class="card">
        <Brand />
        <p class="muted">Messages, in order and never lost.</p>
        {failure && <p class="error" role="alert">{failure}</p>}
        {!config && <button class="primary" onClick={() => location.reload()}>Try again</button>}
        {config && !config.local && <button class="primary" onClick={() => void signInAtIssuer(config).catch((reason: unknown) => setFailure(reasonOf(reason)))}>Sign in</button>}
        {config?.local && (
          <>
            <form class="stack" onSubmit={(event) => { event.preventDefault(); if (user.trim()) void local(user); }}>
              <label>User name<input autofocus value={user} onInput={(event) => setUser(event.currentTarget.value)} pattern="[A-Za-z0-9._\-]{1,64}" autocomplete="username" required /></label>
              <button class="primary">Sign in</button>
            </form>
            <p class="or"><span>or try as</span></p>
            <div class="row">{config.local.users.map((name) => <button key={name} onClick={() => void local(name)}>{name}</button>)}</div>
          </>
        )}
      </div>
    </main>
  );
}

function Home({ session }: { session: Session }) {
  const [dialog, setDialog] = useState<DialogName>();
  const [, setTheme] = useState(localStorage.getItem("tidings-theme") ?? "auto");
  const current = session.current.value;
  const unread = session.rows.value.filter((row) => row.unread > 0 && !row.muted).length;
  useEffect(() => { document.title = unread > 0 ? `(${unread}) Tidings` : "Tidings"; }, [unread]);
  useEffect(() => {
    const keys = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !document.querySelector("dialog[open]") && session.current.value && !event.defaultPrevented) void session.open(undefined);
      if ((event.ctrlKey || event.metaKey) && event.key === "k") {
        event.preventDefault();
        document.querySelector<HTMLInputElement>("#search")?.focus();
      }
    };
    addEventListener("keydown", keys);
    return () => removeEventListener("keydown", keys);
  }, [session]);
  const leave = async () => {
    await session.end().catch(() => undefined);
    signOut();
    location.replace("/");
  };
  const { status } = session;
  const close = () => setDialog(undefined);
  return (
    <div class={`home ${current ? "has-chat" : ""}`}>
      <header class="visually-hidden"><h1>Tidings</h1></header>
      {status.value.name === "refused" && (
        <div class="banner bad" role="alert">You were signed out of this device. <button onClick={() => void leave()}>Sign in again</button></div>
      )}
      {status.value.name === "offline" && <div class="banner" role="status">You are offline. Messages wait here and are sent when you are back.</div>}
      {status.value.name === "online" && status.value.by === "calls" && <div class="banner" role="status">Slow connection: messages come every few seconds.</div>}
      <div class="panes">
        <Sidebar session={session} show={setDialog} />
        {current
          ? <Chat key={current} session={session} id={current} />
          : <section class="empty-chat" aria-label="No conversation"><div><img src="/icon.svg" alt="" width="64" height="64" /><h2>Pick a conversation</h2><p class="muted">Or begin one: <button class="link" onClick={() => setDialog("chat")}>write to somebody</button></p></div></section>}
      </div>
      {dialog === "chat" && <NewChat session={session} close={close} group={() => setDialog("group")} />}
      {dialog === "group" && <NewGroup session={session} close={close} />}
      {dialog === "settings" && <Settings session={session} close={close} leave={() => void leave()} setTheme={(theme) => { applyTheme(theme); setTheme(theme); }} />}
      {session.notice.value && <div class="toast" role="alert"><Icon name="info" />{session.notice.value}</div>}
    </div>
  );
}

/** Holds the lock until the page ends or another takes it; false where another has it. */
function takeLock(name: string, steal: boolean, lost: () => void): Promise<boolean> {
  return new Promise((resolve) => {
    const options = steal ? { steal: true } : { ifAvailable: true };
    navigator.locks.request(name, options, (lock) => {
      resolve(lock !== null);
      return lock === null ? undefined : new Promise(() => undefined);
    }).catch(() => {
      lost();
      // The connection goes with the page's state.
      location.reload();
    });
  });
}

function applyTheme(theme: string): void {
  localStorage.setItem("tidings-theme", theme);
  document.documentElement.dataset["theme"] = theme;
}

applyTheme(localStorage.getItem("tidings-theme") ?? "auto");
if ("serviceWorker" in navigator && import.meta.env.PROD) void navigator.serviceWorker.register("/sw.js").catch(() => undefined);
const root = document.getElementById("app");
if (root) render(<App />, root);
