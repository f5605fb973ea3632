import { useEffect, useState } from "preact/hooks";
import { type http, type LogEntry, type Message, path, textOf } from "@tidings/client";
import { describe } from "./describe.ts";
import { Avatar, dayOf, Dialog, Icon, IconButton, reasonOf, timeOf } from "./parts.tsx";
import type { Session } from "./session.ts";

type Schemas = http.components["schemas"];

export const USER_PATTERN = "[A-Za-z0-9._\\-]{1,64}";
const TITLE_CHARS_MAX = 100;
const CHOICES_MAX = 12;
const CHOICE_CHARS_MAX = 60;
const FORWARD_MAX = 10;

/** Does something, and shows that it is being done and how it failed. */
export function useTask(): { busy: boolean; error: string | undefined; run: (task: () => Promise<unknown>) => void } {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const run = (task: () => Promise<unknown>) => {
    setBusy(true);
    setError(undefined);
    task().catch((reason: unknown) => setError(reasonOf(reason))).finally(() => setBusy(false));
  };
  return { busy, error, run };
}

export function Failure({ error }: { error: string | undefined }) {
  return error ? <p class="error" role="alert">{error}</p> : null;
}

/** Who to write to. */
export function NewChat({ session, close, group }: { session: Session; close: () => void; group: () => void }) {
  const [user, setUser] = useState("");
  return (
    <Dialog title="New conversation" close={close}>
      <form class="stack" onSubmit={(event) => { event.preventDefault(); session.startDirect(user.trim()); close(); }}>
        <label>User name<input autofocus required pattern={USER_PATTERN} title="Letters, digits, dot, hyphen and underscore" value={user} onInput={(event) => setUser(event.currentTarget.value)} /></label>
        <button class="primary" disabled={!user.trim()}>Write</button>
      </form>
      <div class="row"><button class="grow" onClick={group}><Icon name="group" /> Make a group instead</button><button class="grow" onClick={() => { session.startDirect(session.me); close(); }}><Icon name="edit" /> Notes to yourself</button></div>
    </Dialog>
  );
}

export function NewGroup({ session, close }: { session: Session; close: () => void }) {
  const [title, setTitle] = useState("");
  const [users, setUsers] = useState("");
  const { busy, error, run } = useTask();
  const submit = () => run(async () => {
    const id = await session.createGroup(title.trim(), namesIn(users).filter((user) => user !== session.me));
    // Before the conversation is there: what the user writes into it would go into the dialog.
    close();
    await session.open(id);
  });
  return (
    <Dialog title="New group" close={close}>
      <form class="stack" onSubmit={(event) => { event.preventDefault(); submit(); }}>
        <label>Name<input autofocus required maxLength={TITLE_CHARS_MAX} value={title} onInput={(event) => setTitle(event.currentTarget.value)} /></label>
        <label>Members<input placeholder="bob, carol" value={users} onInput={(event) => setUsers(event.currentTarget.value)} /></label>
        <Failure error={error} />
        <button class="primary" disabled={busy || !title.trim()}>Make the group</button>
      </form>
    </Dialog>
  );
}

/** What an invite link shows. */
export function Join({ session, token, close }: { session: Session; token: string; close: () => void }) {
  const [invite, setInvite] = useState<Schemas["InvitePreview"]>();
  const { busy, error, run } = useTask();
  useEffect(() => run(async () => setInvite(await session.call("GET", path`/invites/${token}`))), []);
  const join = () => run(async () => {
    const joined = await session.call<Schemas["InviteJoined"]>("POST", path`/invites/${token}`);
    if (joined.admission !== "member") return setInvite((now) => now && { ...now, admission: joined.admission });
    await session.client.list();
    close();
    await session.open(joined.conversationId);
  });
  return (
    <Dialog title="Invitation" close={close}>
      {invite && (
        <div class="account"><Avatar name={invite.title} isGroup /><div><b>{invite.title}</b><p class="muted">{invite.memberCount} {invite.memberCount === 1 ? "member" : "members"}</p></div></div>
      )}
      {invite?.description && <p>{invite.description}</p>}
      <Failure error={error} />
      {!invite && !error && <div class="spinner" role="status"><span class="visually-hidden">Loading</span></div>}
      {invite?.admission === "asked" && <p role="status">You have asked to join. A member lets you in.</p>}
      {invite?.admission === "member" && <button class="primary" onClick={() => { close(); void session.open(invite.conversationId); }}>Open the group</button>}
      {invite?.admission === "outside" && <button class="primary" disabled={busy} onClick={join}>{invite.approval ? "Ask to join" : "Join the group"}</button>}
    </Dialog>
  );
}

/** To whom a message is passed on. */
export function Forward({ session, message, close }: { session: Session; message: Message; close: () => void }) {
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const [wanted, setWanted] = useState("");
  const { busy, error, run } = useTask();
  const rows = session.rows.value.filter((row) => row.title.toLocaleLowerCase().includes(wanted.trim().toLocaleLowerCase()));
  const toggle = (id: string) => setChosen(chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id]);
  const submit = () => run(async () => {
    await session.forward(message, chosen);
    close();
    session.say(chosen.length === 1 ? `Forwarded to ${session.title(chosen[0] ?? "")}.` : `Forwarded to ${chosen.length} conversations.`);
  });
  return (
    <Dialog title="Forward to" close={close}>
      <p class="quoted">{describe(message)}</p>
      <input type="search" autofocus aria-label="Find a conversation" placeholder="Find a conversation" value={wanted} onInput={(event) => setWanted(event.currentTarget.value)} />
      <ul class="choices" tabIndex={0} aria-label="Conversations">
        {rows.map((row) => (
          <li key={row.id}>
            <label class="choice-row"><input type="checkbox" checked={chosen.includes(row.id)} disabled={!chosen.includes(row.id) && chosen.length >= FORWARD_MAX} onChange={() => toggle(row.id)} /><Avatar name={row.title} isGroup={row.id.startsWith("g:")} /><span class="grow">{row.title}</span></label>
          </li>
        ))}
      </ul>
      <Failure error={error} />
      <button class="primary" disabled={busy || chosen.length === 0} onClick={submit}>{busy ? "Forwarding" : "Forward"}</button>
    </Dialog>
  );
}

export function DeleteMessage({ session, message, close }: { session: Session; message: Message; close: () => void }) {
  const { busy, error, run } = useTask();
  const isMine = message.senderUserId === session.me;
  const [isAdmin, setAdmin] = useState(false);
  useEffect(() => {
    if (!isMine && message.conversationId.startsWith("g:")) session.group(message.conversationId).then((group) => setAdmin(group.role !== "member"), () => undefined);
  }, []);
  const act = (task: () => Promise<void>) => run(async () => {
    await task();
    close();
  });
  return (
    <Dialog title="Delete this message?" close={close}>
      <p class="quoted">{describe(message)}</p>
      <Failure error={error} />
      <div class="stack">
        {(isMine || isAdmin) && <button class="danger solid" disabled={busy} onClick={() => act(() => session.remove(message))}>Delete for everyone</button>}
        <button class="danger" disabled={busy} onClick={() => act(() => session.hide(message))}>Delete for me</button>
        <button onClick={close}>Cancel</button>
      </div>
    </Dialog>
  );
}

/** Who has it, and who has read it. */
export function MessageInfo({ session, message, close }: { session: Session; message: Message; close: () => void }) {
  const [receipts, setReceipts] = useState<Schemas["Receipts"]>();
  const { error, run } = useTask();
  useEffect(() => run(async () => setReceipts(await session.client.http.call<Schemas["Receipts"]>(
    "GET", path`/conversations/${message.conversationId}/receipts`, { query: { messageId: message.messageId, limit: 500 } }))), []);
  const users = Object.entries(receipts?.statusByUser ?? {});
  const states = [["read", "Read by"], ["delivered", "Delivered to"], ["sent", "Not there yet"]] as const;
  return (
    <Dialog title="Who has read it" close={close}>
      <p class="quoted">{describe(message)}</p>
      <Failure error={error} />
      {!receipts && !error && <div class="spinner" role="status"><span class="visually-hidden">Loading</span></div>}
      {states.map(([state, label]) => {
        const those = users.filter(([, one]) => one === state);
        return those.length > 0 && (
          <section key={state}>
            <h3>{label}</h3>
            <ul class="members">{those.map(([user]) => <li key={user}><Avatar name={user} /><span class="grow">{user}</span></li>)}</ul>
          </section>
        );
      })}
    </Dialog>
  );
}

/** What can be opened once, opened. */
export function Once({ session, message, close }: { session: Session; message: Message; close: () => void }) {
  const [opened, setOpened] = useState<LogEntry>();
  const [address, setAddress] = useState<string>();
  const { error, run } = useTask();
  useEffect(() => run(async () => {
    const entry = await session.openOnce(message);
    setOpened(entry);
    if (entry.mediaHandle) setAddress(await session.files.address({ ...message, payload: entry.payload, mediaHandle: entry.mediaHandle }));
  }), []);
  return (
    <Dialog title="Opened once" close={close} wide>
      <Failure error={error} />
      {opened && address && (opened.kind === "video" ? <video class="once" controls autoplay src={address} aria-label="Film" /> : opened.kind === "image" ? <img class="once" src={address} alt="Photo" /> : <a href={address} download>Download</a>)}
      {opened && <p class="text">{textOf(opened.payload)}</p>}
      <p class="muted">When you close this, it is gone.</p>
    </Dialog>
  );
}

export function NewPoll({ session, id, close }: { session: Session; id: string; close: () => void }) {
  const [question, setQuestion] = useState("");
  const [choices, setChoices] = useState<readonly string[]>(["", ""]);
  const { busy, error, run } = useTask();
  const given = [...new Set(choices.map((one) => one.trim()).filter(Boolean))];
  const set = (index: number, value: string) => {
    const next = choices.map((one, at) => (at === index ? value : one));
    // There is always one more to fill in.
    setChoices(next.at(-1) !== "" && next.length < CHOICES_MAX ? [...next, ""] : next);
  };
  const submit = () => run(async () => {
    await session.sendPoll(id, question.trim(), given);
    close();
  });
  return (
    <Dialog title="New poll" close={close}>
      <form class="stack" onSubmit={(event) => { event.preventDefault(); submit(); }}>
        <label>Question<input autofocus required maxLength={500} value={question} onInput={(event) => setQuestion(event.currentTarget.value)} /></label>
        <fieldset class="stack tight">
          <legend>Answers</legend>
          {choices.map((choice, index) => (
            <div class="inline" key={index}>
              <input aria-label={`Answer ${index + 1}`} placeholder={`Answer ${index + 1}`} maxLength={CHOICE_CHARS_MAX} value={choice} onInput={(event) => set(index, event.currentTarget.value)} />
              {choices.length > 2 && <IconButton icon="close" label={`Take answer ${index + 1} out`} onClick={() => setChoices(choices.filter((_, at) => at !== index))} />}
            </div>
          ))}
        </fieldset>
        <Failure error={error} />
        <button class="primary" disabled={busy || !question.trim() || given.length < 2}>Ask</button>
      </form>
    </Dialog>
  );
}

const HOUR_MS = 3600_000;

/** As a field for a date and a time takes it. */
const localTime = (ts: number) => new Date(ts - new Date(ts).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);

/** At what time a message is to be sent. */
export function SendLater({ session, id, text, done, close }: { session: Session; id: string; text: string; done: () => void; close: () => void }) {
  const evening = new Date().setHours(18, 0, 0, 0);
  const morning = new Date(Date.now() + 24 * HOUR_MS).setHours(9, 0, 0, 0);
  const [at, setAt] = useState(localTime(Date.now() + HOUR_MS));
  const { busy, error, run } = useTask();
  const submit = (time: number) => run(async () => {
    await session.sendLater(id, text, time);
    done();
    close();
    session.say(`It will be sent ${dayOf(time).toLowerCase()} at ${timeOf(time)}.`);
  });
  return (
    <Dialog title="Send later" close={close}>
      <p class="quoted">{text}</p>
      <div class="row">
        {evening > Date.now() + 10 * 60_000 && <button class="grow" disabled={busy} onClick={() => submit(evening)}>Today, {timeOf(evening)}</button>}
        <button class="grow" disabled={busy} onClick={() => submit(morning)}>Tomorrow, {timeOf(morning)}</button>
      </div>
      <form class="stack" onSubmit={(event) => { event.preventDefault(); submit(new Date(at).getTime()); }}>
        <label>Another time<input type="datetime-local" required min={localTime(Date.now())} value={at} onInput={(event) => setAt(event.currentTarget.value)} /></label>
        <Failure error={error} />
        <button class="primary" disabled={busy || !(new Date(at).getTime() > Date.now())}>Schedule</button>
      </form>
    </Dialog>
  );
}

export const LIVES = [[0, "Off"], [3600, "1 hour"], [86_400, "1 day"], [604_800, "1 week"], [2_592_000, "30 days"]] as const;

/** How long messages of a conversation of two live. */
export function Disappearing({ session, id, close }: { session: Session; id: string; close: () => void }) {
  const now = session.summaries.value.get(id)?.ttlSeconds ?? 0;
  const { busy, error, run } = useTask();
  const set = (seconds: number) => run(() => session.settings(id, { ttlSeconds: seconds === 0 ? null : seconds }));
  return (
    <Dialog title="Disappearing messages" close={close}>
      <p class="muted">What either of you writes from now on disappears for both after this time.</p>
      <fieldset class="options" disabled={busy}>
        <legend class="visually-hidden">Messages live for</legend>
        {LIVES.map(([seconds, name]) => <label key={seconds}><input type="radio" name="life" checked={now === seconds} onChange={() => set(seconds)} />{name}</label>)}
      </fieldset>
      <Failure error={error} />
    </Dialog>
  );
}

/** Whether the service may index what is said in a conversation that is not encrypted. */
export function Searchable({ session, id, close }: { session: Session; id: string; close: () => void }) {
  const [state, setState] = useState<Schemas["ConversationSettings"]>();
  const { busy, error, run } = useTask();
  const set = (agrees?: boolean) => run(async () => setState(await session.searchable(id, agrees)));
  useEffect(() => set(), []);
  return (
    <Dialog title="Search with the service" close={close}>
      <p>What is written here without encryption from now on can be found with the service, on all your devices, while everybody in the conversation agrees to it.</p>
      <label class="check"><input type="checkbox" role="switch" checked={state?.searchable ?? false} disabled={busy || !state} onChange={(event) => set(event.currentTarget.checked)} />I agree that the text is indexed</label>
      <Failure error={error} />
      {state && (
        <p class={`state ${state.textIndexed ? "good" : ""}`} role="status">
          <Icon name={state.textIndexed ? "check" : "info"} />
          {state.textIndexed ? "Everybody agrees, so the text is indexed. Turning it off takes it out of the index." : state.searchable ? "Not everybody agrees yet, so the text is not indexed." : "The text is not indexed."}
        </p>
      )}
    </Dialog>
  );
}

export function namesIn(text: string): string[] {
  return [...new Set(text.split(/[\s,;]+/).filter(Boolean))];
}
