/** Finding messages: by words, sender, kind and time, in one conversation or all. */
import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { isWanted, type Message, plain, textOf, type Wanted } from "@tidings/client";
import { mediaOf } from "./message.tsx";
import { Avatar, Icon, IconButton, reasonOf, shortTime } from "./parts.tsx";
import { describe, type Session } from "./session.ts";

/** What is searched in, while something is: all conversations, or one. */
export const searching = signal<{ conversationId?: string } | undefined>(undefined);

const narrow = matchMedia("(max-width: 720px)");

/** Whether there is room for one pane only. */
export const isNarrow = signal(narrow.matches);
narrow.addEventListener("change", () => { isNarrow.value = narrow.matches; });

const PAUSE_MS = 150;
/** Not a kind of message: those that the user has marked. */
const STARRED = "*";
const KINDS = [["", "All"], ["image", "Photos"], ["video", "Films"], ["audio", "Voice"], ["doc", "Files"], [STARRED, "Starred"]] as const;
const DAY_MS = 24 * 3600_000;
const TIMES = [[0, "Any time"], [DAY_MS, "Last day"], [7 * DAY_MS, "Last week"], [30 * DAY_MS, "Last month"], [365 * DAY_MS, "Last year"]] as const;
const BEFORE_CHARS = 30;

export function Search({ session, scope }: { session: Session; scope: { conversationId?: string } }) {
  const [text, setText] = useState("");
  const [kind, setKind] = useState("");
  const [age, setAge] = useState(0);
  const [sender, setSender] = useState("");
  const [found, setFound] = useState<readonly Message[]>([]);
  const [state, setState] = useState<"idle" | "busy" | "done">("idle");
  const [error, setError] = useState<string>();
  const field = useRef<HTMLInputElement>(null);
  const id = scope.conversationId;
  const isAsked = text.trim().length > 0 || kind !== "" || sender.trim() !== "";
  useEffect(() => field.current?.focus(), [id]);
  useEffect(() => {
    setError(undefined);
    if (!isAsked) {
      setFound([]);
      return setState("idle");
    }
    const aborter = new AbortController();
    setState("busy");
    const timer = setTimeout(() => {
      const wanted: Wanted = {
        text, signal: aborter.signal, ...(id ? { conversationId: id } : {}), ...(kind && kind !== STARRED ? { kind } : {}), ...(age ? { since: Date.now() - age } : {}),
        ...(sender.trim() ? { senderUserId: sender.trim() } : {}),
      };
      const asked = kind === STARRED ? session.starred().then((all) => all.filter((one) => isWanted(one, wanted))) : session.search(wanted);
      asked.then((messages) => {
        if (aborter.signal.aborted) return;
        setFound(messages);
        setState("done");
      }, (reason: unknown) => { if (!aborter.signal.aborted) { setError(reasonOf(reason)); setState("done"); } });
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      aborter.abort();
    };
  }, [text, kind, age, sender, id]);
  const close = () => { searching.value = undefined; };
  const unstar = (message: Message) => void session.unstar(message).then(
    () => setFound((all) => all.filter((one) => one.messageId !== message.messageId)), (reason: unknown) => setError(reasonOf(reason)));
  const titles = id ? [] : session.rows.value.filter((row) => text.trim() && plain(row.title).includes(plain(text.trim()))).slice(0, 5);
  return (
    <div class="search-screen" role="search" aria-label="Search" onKeyDown={(event) => { if (event.key === "Escape") { event.preventDefault(); close(); } }}>
      <div class="search">
        <IconButton icon="back" label="End the search" onClick={close} />
        <input ref={field} id="search" type="search" aria-label="Search" placeholder={id ? `Search in ${session.title(id)}` : "Search"} value={text} onInput={(event) => setText(event.currentTarget.value)} />
      </div>
      {id && <p class="scope"><span class="chip">In {session.title(id)}<IconButton icon="close" label="Search in all conversations" onClick={() => { searching.value = {}; }} /></span></p>}
      <div class="filters">
        <div class="chips" role="group" aria-label="Kind">
          {KINDS.map(([name, label]) => <button type="button" key={name} class="chip" aria-pressed={kind === name} onClick={() => setKind(name)}>{label}</button>)}
        </div>
        <div class="inline">
          <input aria-label="From whom" placeholder="From" value={sender} onInput={(event) => setSender(event.currentTarget.value)} />
          <select aria-label="When" value={age} onChange={(event) => setAge(Number(event.currentTarget.value))}>{TIMES.map(([ms, label]) => <option key={ms} value={ms}>{label}</option>)}</select>
        </div>
      </div>
      <p class="visually-hidden" role="status">{state === "done" ? `${found.length} messages found` : ""}</p>
      <div class="list" tabIndex={-1}>
        {error && <p class="error nothing" role="alert">{error}</p>}
        {titles.length > 0 && (
          <>
            <h2 class="section">Conversations</h2>
            <ul>{titles.map((row) => <li key={row.id}><button class="item" onClick={() => { close(); void session.open(row.id); }}><Avatar name={row.title} isGroup={row.id.startsWith("g:")} /><span class="item-text"><b>{row.title}</b></span></button></li>)}</ul>
            {found.length > 0 && <h2 class="section">Messages</h2>}
          </>
        )}
        <ul>{found.map((message) => <Found key={message.messageId} session={session} message={message} words={plain(text).split(/\s+/).filter(Boolean)} unstar={kind === STARRED ? () => unstar(message) : undefined} />)}</ul>
        {state === "idle" && <p class="nothing"><Icon name="search" /><br />Find what was said, on this device.</p>}
        {state === "done" && found.length === 0 && titles.length === 0 && !error && <p class="nothing">Nothing found{text.trim() && ` for “${text.trim()}”`}.</p>}
      </div>
    </div>
  );
}

function Found({ session, message, words, unstar }: { session: Session; message: Message; words: readonly string[]; unstar: (() => void) | undefined }) {
  const isGroup = message.conversationId.startsWith("g:");
  const who = message.senderUserId === session.me ? "You" : message.senderUserId;
  const text = textOf(message.payload) || mediaOf(message).name || describe(message);
  return (
    <li class="with-button">
      <button
        class={`item ${session.current.value === message.conversationId ? "here" : ""}`}
        onClick={() => {
          // On a narrow screen the search stands where the conversation is to be.
          if (isNarrow.value) searching.value = undefined;
          void session.open(message.conversationId, message.sequence);
        }}
      >
        <Avatar name={session.title(message.conversationId)} isGroup={isGroup} />
        <span class="item-text">
          <span class="item-top"><b>{session.title(message.conversationId)}</b><time>{shortTime(message.ts)}</time></span>
          <span class="preview">{isGroup || who === "You" ? `${who}: ` : ""}{highlighted(text, words)}</span>
        </span>
      </button>
      {unstar && <IconButton icon="close" label={`Take the star from: ${text}`} onClick={unstar} />}
    </li>
  );
}

/** The part of a text around the first word that was found, with all words marked. */
export function highlighted(text: string, words: readonly string[]) {
  // One char of the text for each of what is compared, where folding makes no more of it.
  const folded = [...text].map((char) => [...plain(char)][0] ?? " ");
  const chars = [...text];
  const flat = folded.map((char) => (char.length === 1 ? char : " ")).join("");
  const first = Math.min(...words.map((word) => { const at = flat.indexOf(word); return at < 0 ? Infinity : at; }));
  const start = Number.isFinite(first) ? Math.max(0, first - BEFORE_CHARS) : 0;
  const marks = new Array<boolean>(chars.length).fill(false);
  for (const word of words) {
    for (let at = flat.indexOf(word); at >= 0; at = flat.indexOf(word, at + word.length)) marks.fill(true, at, at + word.length);
  }
  const parts: { text: string; isMarked: boolean }[] = [];
  for (let at = start; at < Math.min(chars.length, start + 240); at += 1) {
    const last = parts.at(-1);
    if (last && last.isMarked === marks[at]) last.text += chars[at];
    else parts.push({ text: chars[at] ?? "", isMarked: marks[at] ?? false });
  }
  return <>{start > 0 && "…"}{parts.map((part, index) => (part.isMarked ? <mark key={index}>{part.text}</mark> : part.text))}</>;
}
