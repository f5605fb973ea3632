/** Finding messages: by words, sender, kind and time, in one conversation or all, on this device and with the service. */
import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { type Finder, type FoundMessage, type FoundPage, isWanted, type Message, plain, type Wanted } from "@tidings/client";
import { Found } from "./found.tsx";
import { Avatar, Icon, IconButton, reasonOf } from "./parts.tsx";
import { ASK_SERVICE, type Session } from "./session.ts";

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

export function Search({ session, scope }: { session: Session; scope: { conversationId?: string } }) {
  const [text, setText] = useState("");
  const [kind, setKind] = useState("");
  const [age, setAge] = useState(0);
  const [sender, setSender] = useState("");
  const [asksService, setAsksService] = useState(localStorage.getItem(ASK_SERVICE) === "on");
  const [found, setFound] = useState<readonly FoundMessage[]>([]);
  const [hasMore, setMore] = useState(false);
  const [opened, setOpened] = useState<string>();
  const [state, setState] = useState<"idle" | "busy" | "done">("idle");
  const [error, setError] = useState<string>();
  /** Why the service found nothing, where it was asked. */
  const [missing, setMissing] = useState<string>();
  const finder = useRef<Finder | undefined>(undefined);
  const field = useRef<HTMLInputElement>(null);
  const id = scope.conversationId;
  const isAsked = text.trim().length > 0 || kind !== "" || sender.trim() !== "";
  useEffect(() => field.current?.focus(), [id]);
  const take = (page: FoundPage, before: readonly FoundMessage[]) => {
    setFound([...before, ...page.found]);
    setMore(page.hasMore);
    setMissing(page.serviceError && reasonOf(page.serviceError));
    setState("done");
  };
  const fail = (reason: unknown) => {
    setError(reasonOf(reason));
    setState("done");
  };
  useEffect(() => {
    setError(undefined);
    setMissing(undefined);
    setMore(false);
    finder.current = undefined;
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
      const one = kind === STARRED ? undefined : session.finder(wanted, asksService);
      finder.current = one;
      const asked = one?.next() ?? session.starred().then((all): FoundPage => ({
        found: all.filter((message) => isWanted(message, wanted)).map((message) => ({ is: "here", message })), hasMore: false,
      }));
      asked.then((page) => { if (!aborter.signal.aborted) take(page, []); }, (reason: unknown) => { if (!aborter.signal.aborted) fail(reason); });
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      aborter.abort();
    };
  }, [text, kind, age, sender, id, asksService]);
  const close = () => { searching.value = undefined; };
  const open = (conversationId: string, sequence: number) => {
    // On a narrow screen the search stands where the conversation is to be.
    if (isNarrow.value) close();
    setOpened(`${conversationId} ${sequence}`);
    void session.open(conversationId, sequence);
  };
  const more = () => {
    const one = finder.current;
    if (!one) return;
    setState("busy");
    one.next().then((page) => { if (finder.current === one) take(page, found); }, (reason: unknown) => { if (finder.current === one) fail(reason); });
  };
  const ask = (on: boolean) => {
    localStorage.setItem(ASK_SERVICE, on ? "on" : "off");
    setAsksService(on);
  };
  const unstar = (message: Message) => void session.unstar(message).then(
    () => setFound((all) => all.filter((one) => one.is !== "here" || one.message.messageId !== message.messageId)), (reason: unknown) => setError(reasonOf(reason)));
  const words = plain(text).split(/\s+/).filter(Boolean);
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
        <label class="check small"><input type="checkbox" role="switch" checked={asksService} onChange={(event) => ask(event.currentTarget.checked)} />Ask the service, too</label>
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
        <ul>
          {found.map((one) => {
            const { conversationId, sequence } = one.is === "here" ? one.message : one.hit;
            const { message } = one.is === "here" ? one : { message: undefined };
            const name = `${conversationId} ${sequence}`;
            return <Found key={name} session={session} found={one} words={words} isOpened={name === opened} open={open} unstar={kind === STARRED && message ? () => unstar(message) : undefined} />;
          })}
        </ul>
        {state === "idle" && (
          <p class="nothing">
            <Icon name="search" /><br />{asksService
              ? "Find what was said, on this device and with the service: it learns what you look for."
              : "Find what was said, on this device. The service finds older messages, too, where you let it hear what you look for."}
          </p>
        )}
        {state === "done" && found.length === 0 && titles.length === 0 && !error && <p class="nothing">Nothing found{text.trim() && ` for “${text.trim()}”`}{hasMore && " so far"}.</p>}
        {missing && <p class="note" role="status"><Icon name="info" />Only this device was searched: {missing}</p>}
        {hasMore && <button class="more" disabled={state === "busy"} onClick={more}>{state === "busy" ? "Looking …" : "More results"}</button>}
      </div>
    </div>
  );
}

