import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { type Message, peerOf, textOf } from "@tidings/client";
import { GroupInfo, Viewer } from "./dialogs.tsx";
import { Avatar, dayOf, Icon, IconButton, reasonOf, sizeOf, timeOf } from "./parts.tsx";
import { describe, describeMembership, type Session, type Tick } from "./session.ts";

/** Messages in the page at once: enough for any screen, few enough to scroll without a hitch. */
const WINDOW = 120;
const STEP = 60;
const NEAR_PX = 600;
const REACTIONS = ["👍", "❤️", "😂", "😮", "😢", "🙏"];

interface Context {
  session: Session;
  id: string;
  reply: (message: Message) => void;
  edit: (message: Message) => void;
  thread: (message: Message) => void;
  view: (address: string, name: string) => void;
}

/** One conversation. */
export function Chat({ session, id }: { session: Session; id: string }) {
  const [replyTo, setReplyTo] = useState<Message>();
  const [editing, setEditing] = useState<Message>();
  const [root, setRoot] = useState<Message>();
  const [info, setInfo] = useState(false);
  const [viewed, setViewed] = useState<{ address: string; name: string }>();
  const [uploads, setUploads] = useState<readonly { name: string; part: number; error?: string }[]>([]);
  const [dragged, setDragged] = useState(false);
  const peer = peerOf(id, session.me);
  const messages = session.timeline(id).value;
  const title = session.title(id);
  const encrypted = session.summaries.value.get(id)?.encrypted ?? false;
  const context: Context = {
    session, id, reply: (message) => { setEditing(undefined); setReplyTo(message); },
    edit: (message) => { setReplyTo(undefined); setEditing(message); }, thread: setRoot,
    view: (address, name) => setViewed({ address, name }),
  };
  const attach = async (files: Iterable<File>) => {
    for (const file of files) {
      const show = (change: { part?: number; error?: string } | undefined) => setUploads((all) => {
        const others = all.filter((one) => one.name !== file.name);
        return change ? [...others, { name: file.name, part: 0, ...change }] : others;
      });
      show({});
      try {
        await session.sendFile(id, file, (part) => show({ part }));
        show(undefined);
      } catch (error) {
        show({ error: reasonOf(error) });
      }
    }
  };
  return (
    <main
      class={`chat ${dragged ? "dragged" : ""}`}
      onDragOver={(event) => { event.preventDefault(); setDragged(true); }}
      onDragLeave={(event) => event.currentTarget === event.target && setDragged(false)}
      onDrop={(event) => { event.preventDefault(); setDragged(false); void attach([...(event.dataTransfer?.files ?? [])]); }}
    >
      <header class="chat-head">
        <IconButton icon="back" label="Back" class="icon-button back" onClick={() => void session.open(undefined)} />
        <Avatar name={title} isGroup={id.startsWith("g:")} />
        <div class="who">
          <h2>{title}</h2>
          <p class="muted">{peer === undefined ? "Group" : presenceText(session.presence.value.get(peer))}</p>
        </div>
        <ChatMenu session={session} id={id} showInfo={() => setInfo(true)} />
      </header>
      <Timeline context={context} messages={messages} />
      {uploads.map((one) => (
        <div class="upload" key={one.name} role={one.error ? "alert" : "status"}>
          <Icon name="file" /><span>{one.name}: {one.error ?? (one.part < 1 ? `${Math.round(one.part * 100)} %` : "checking")}</span>
          {one.error ? <IconButton icon="close" label="Dismiss" onClick={() => setUploads((all) => all.filter((other) => other !== one))} /> : <progress value={one.part} max={1} aria-label={`Upload of ${one.name}`} />}
        </div>
      ))}
      {encrypted
        ? <p class="sealed"><Icon name="lock" /> This conversation is end-to-end encrypted, which this client cannot do yet. Use an app that can.</p>
        : <Composer context={context} replyTo={replyTo} editing={editing} clear={() => { setReplyTo(undefined); setEditing(undefined); }} attach={(files) => void attach(files)} />}
      {root && <Thread context={context} root={messages.find((one) => one.messageId === root.messageId) ?? root} close={() => setRoot(undefined)} />}
      {info && <GroupInfo session={session} id={id} close={() => setInfo(false)} />}
      {viewed && <Viewer {...viewed} close={() => setViewed(undefined)} />}
    </main>
  );
}

function presenceText(state: string | undefined): string {
  return state === "online" ? "online" : state === "recently" ? "here lately" : "";
}

function ChatMenu({ session, id, showInfo }: { session: Session; id: string; showInfo: () => void }) {
  const summary = session.summaries.value.get(id);
  const menu = useRef<HTMLDetailsElement>(null);
  const set = (change: object) => {
    menu.current?.removeAttribute("open");
    session.settings(id, change).catch((error: unknown) => tell(session, error));
  };
  return (
    <>
      {id.startsWith("g:") && <IconButton icon="group" label="Group members" onClick={showInfo} />}
      <details class="menu" ref={menu}>
        <summary aria-label="More" title="More"><Icon name="down" /></summary>
        <div class="menu-list">
          <button onClick={() => set({ pinned: !summary?.pinned })}>{summary?.pinned ? "Unpin" : "Pin to the top"}</button>
          <button onClick={() => set({ archived: !summary?.archived })}>{summary?.archived ? "Take out of the archive" : "Archive"}</button>
          <button onClick={() => set({ mutedUntil: summary?.muted ? null : Date.now() + 8 * 3600_000 })}>{summary?.muted ? "Unmute" : "Mute for 8 hours"}</button>
        </div>
      </details>
    </>
  );
}

function tell(session: Session, error: unknown): void {
  session.notice.value = reasonOf(error);
  setTimeout(() => { session.notice.value = undefined; }, 5000);
}

/** The messages, of which a window is in the page; it moves with the scrolling. */
function Timeline({ context, messages }: { context: Context; messages: readonly Message[] }) {
  const { session, id } = context;
  const box = useRef<HTMLDivElement>(null);
  // Counted from the end, so that what comes before moves nothing.
  const [skipped, setSkipped] = useState(0);
  const [size, setSize] = useState(WINDOW);
  const anchor = useRef<{ key: string; top: number } | undefined>(undefined);
  const atEnd = useRef(true);
  const loading = useRef(false);
  const [away, setAway] = useState(false);
  const end = messages.length - skipped;
  const start = Math.max(0, end - size);
  const shown = messages.slice(start, end);
  const pending = session.pending.value.filter((frame) => frame.conversationId === id && frame.type === "message.send" && !frame.threadRoot);
  const failed = session.failed.value.filter(({ frame }) => frame.conversationId === id);

  const keepPlace = () => {
    const first = [...(box.current?.querySelectorAll<HTMLElement>("[data-key]") ?? [])].find((one) => one.offsetTop + one.offsetHeight > (box.current?.scrollTop ?? 0));
    if (first && box.current) anchor.current = { key: first.dataset["key"] ?? "", top: first.offsetTop - box.current.scrollTop };
  };
  useLayoutEffect(() => {
    const { current } = box;
    if (!current) return;
    if (atEnd.current && skipped === 0) current.scrollTop = current.scrollHeight;
    else if (anchor.current) {
      const kept = current.querySelector<HTMLElement>(`[data-key="${anchor.current.key}"]`);
      if (kept) current.scrollTop = kept.offsetTop - anchor.current.top;
    }
  }, [start, end, messages, pending.length, failed.length]);

  const scrolled = () => {
    const { current } = box;
    if (!current) return;
    const below = current.scrollHeight - current.scrollTop - current.clientHeight;
    atEnd.current = below < 40 && skipped === 0;
    setAway(below > NEAR_PX || skipped > 0);
    keepPlace();
    if (current.scrollTop < NEAR_PX) {
      if (start > 0) {
        if (size < 2 * WINDOW) setSize(size + STEP);
        else setSkipped(skipped + STEP);
      } else if (!loading.current) {
        loading.current = true;
        void session.older(id).finally(() => { loading.current = false; });
      }
    } else if (below < NEAR_PX && skipped > 0) setSkipped(Math.max(0, skipped - STEP));
  };
  const toEnd = () => {
    atEnd.current = true;
    setSkipped(0);
    setSize(WINDOW);
    requestAnimationFrame(() => { if (box.current) box.current.scrollTop = box.current.scrollHeight; });
  };
  return (
    <div class="timeline-frame">
      <div class="timeline" ref={box} onScroll={scrolled} tabIndex={0} role="log" aria-label="Messages" aria-live="polite">
        {shown.length === 0 && pending.length === 0 && <p class="nothing">No messages yet. Say hello.</p>}
        {shown.map((message, index) => (
          <Entry key={message.messageId} context={context} message={message} before={shown[index - 1]} messages={messages} />
        ))}
        {pending.map((frame) => frame.type === "message.send" && (
          <div class="line mine" key={frame.clientMsgId}>
            <div class="bubble"><p class="text">{textOf(frame.payload) || "File"}</p><span class="meta"><time>{timeOf(frame.ts)}</time><Ticks tick="waiting" /></span></div>
          </div>
        ))}
        {failed.map((one) => (
          <div class="line mine failed" key={one.frame.clientMsgId} role="alert">
            <div class="bubble">
              <p class="text">{"payload" in one.frame ? textOf(one.frame.payload) : "A change"}</p>
              <p class="error">Not sent: {one.reason}</p>
              <span class="row"><button class="link" onClick={() => void session.retry(one)}>Try again</button><button class="link" onClick={() => session.dismiss(one)}>Discard</button></span>
            </div>
          </div>
        ))}
      </div>
      {away && <IconButton icon="down" label="To the latest message" class="icon-button to-end" onClick={toEnd} />}
    </div>
  );
}

function Entry({ context, message, before, messages }: { context: Context; message: Message; before: Message | undefined; messages: readonly Message[] }) {
  const day = dayOf(message.ts);
  const isNewDay = before === undefined || dayOf(before.ts) !== day;
  if (message.threadRoot && messages.some((one) => one.messageId === message.threadRoot)) {
    return isNewDay ? <div class="day" data-key={message.messageId}><span>{day}</span></div> : null;
  }
  const isNext = !isNewDay && before.event === "message" && before.senderUserId === message.senderUserId && message.ts - before.ts < 300_000;
  return (
    <div data-key={message.messageId}>
      {isNewDay && <div class="day"><span>{day}</span></div>}
      {message.event === "membership" && <p class="event">{describeMembership(message.payload)}</p>}
      {message.event === "commit" && before?.event !== "commit" && <p class="event"><Icon name="lock" /> End-to-end encrypted</p>}
      {message.event === "message" && <Bubble context={context} message={message} isNext={isNext} messages={messages} />}
    </div>
  );
}

function Bubble({ context, message, isNext, messages }: { context: Context; message: Message; isNext: boolean; messages: readonly Message[] }) {
  const { session } = context;
  const isMine = message.senderUserId === session.me;
  const answered = message.inReplyTo ? messages.find((one) => one.messageId === message.inReplyTo) : undefined;
  const replies = messages.filter((one) => one.threadRoot === message.messageId).length;
  const tallies = new Map<string, string[]>();
  for (const [user, reaction] of message.reactions) tallies.set(reaction, [...(tallies.get(reaction) ?? []), user]);
  return (
    <article class={`line ${isMine ? "mine" : ""} ${isNext ? "next" : ""}`} aria-label={`${isMine ? "You" : message.senderUserId}, ${timeOf(message.ts)}`}>
      <div class="bubble">
        {!isMine && !isNext && context.id.startsWith("g:") && <p class="sender">{message.senderUserId}</p>}
        {message.isPinned && <p class="pinned"><Icon name="pin" /> Pinned</p>}
        {message.inReplyTo && (
          <button class="quote" onClick={() => document.querySelector(`[data-key="${message.inReplyTo}"]`)?.scrollIntoView({ block: "center" })}>
            <b>{answered ? (answered.senderUserId === session.me ? "You" : answered.senderUserId) : "Message"}</b>
            <span>{answered ? describe(answered) : "An earlier message"}</span>
          </button>
        )}
        <Content context={context} message={message} />
        <span class="meta">
          {message.isEdited && !message.gone && <span>edited</span>}
          <time dateTime={new Date(message.ts).toISOString()}>{timeOf(message.ts)}</time>
          {isMine && <Ticks tick={session.tick(message)} />}
        </span>
      </div>
      {!message.gone && !message.isEncrypted && <Actions context={context} message={message} isMine={isMine} />}
      {tallies.size > 0 && (
        <div class="reactions">
          {[...tallies].map(([reaction, users]) => (
            <button
              key={reaction} class={users.includes(session.me) ? "own" : ""} title={users.join(", ")} aria-pressed={users.includes(session.me)}
              aria-label={`${reaction} by ${users.join(", ")}`} onClick={() => react(context, message, users.includes(session.me) ? undefined : reaction)}
            >{reaction}{users.length > 1 && <span> {users.length}</span>}</button>
          ))}
        </div>
      )}
      {replies > 0 && <button class="link replies" onClick={() => context.thread(message)}>{replies === 1 ? "1 reply" : `${replies} replies`}</button>}
    </article>
  );
}

function Ticks({ tick }: { tick: Tick }) {
  const name = { waiting: "Waiting to be sent", sent: "Sent", delivered: "Delivered", read: "Read" }[tick];
  return (
    <svg class={`ticks ${tick}`} viewBox="0 0 20 12" role="img" aria-label={name}>
      <title>{name}</title>
      {tick === "waiting" ? <path d="M10 1a5 5 0 100 10 5 5 0 000-10zM10 3v3l2 1" /> : <path d={tick === "sent" ? "M5 6l4 4 7-8" : "M1 6l4 4 7-8M9 9l1 1 7-8"} />}
    </svg>
  );
}

function Content({ context, message }: { context: Context; message: Message }) {
  if (message.gone || message.isEncrypted || message.viewOnce) {
    return <p class="text gone">{message.isEncrypted && <Icon name="lock" />} {describe(message)}</p>;
  }
  const text = textOf(message.payload);
  return (
    <>
      {message.mediaHandle && <Media context={context} message={message} handle={message.mediaHandle} />}
      {message.kind === "poll" && <Poll context={context} message={message} />}
      {text && message.kind !== "poll" && <p class="text">{linked(text, context.session.me)}</p>}
      {!text && !message.mediaHandle && message.kind !== "poll" && <p class="text gone">A message that this client does not know</p>}
    </>
  );
}

/** Addresses become links and one's own name stands out; all the rest is text. */
function linked(text: string, me: string) {
  return text.split(/(https?:\/\/[^\s<>"]+|(?<=^|\s)@[A-Za-z0-9._-]{1,64})/g).map((part, index) => {
    if (/^https?:\/\//.test(part)) return <a key={index} href={part} target="_blank" rel="noreferrer noopener">{part}</a>;
    if (part.startsWith("@") && index % 2 === 1) return <span key={index} class={part === `@${me}` || part === "@all" ? "mention-me" : "mention"}>{part}</span>;
    return part;
  });
}

function Media({ context, message, handle }: { context: Context; message: Message; handle: string }) {
  const [address, setAddress] = useState<string>();
  const [failed, setFailed] = useState(false);
  const media = ((message.payload ?? {}) as { media?: { name?: string; size?: number; mime?: string; sealing?: unknown } }).media ?? {};
  const name = media.name ?? "File";
  const isSealed = media.sealing !== undefined;
  useEffect(() => {
    if (isSealed || message.kind === "doc") return;
    context.session.address(handle).then(setAddress, () => setFailed(true));
  }, [handle]);
  const download = async () => {
    const link = document.createElement("a");
    link.href = await context.session.address(handle);
    link.download = name;
    link.click();
  };
  if (isSealed) return <p class="file"><Icon name="lock" /> {name}: encrypted content, which this client cannot open yet</p>;
  if (failed) return <p class="file"><Icon name="file" /> {name} is not available</p>;
  if (message.kind === "image") {
    return address
      ? <button class="picture" onClick={() => context.view(address, name)} aria-label={`Show ${name}`}><img src={address} alt={name} loading="lazy" onError={() => setFailed(true)} /></button>
      : <div class="picture loading" />;
  }
  if (message.kind === "video" && address) return <video controls preload="metadata" src={address} aria-label={name} />;
  if (message.kind === "audio" && address) return <audio controls preload="metadata" src={address} aria-label={name} />;
  return (
    <button class="file" onClick={() => void download().catch((error: unknown) => tell(context.session, error))}>
      <Icon name="file" /><span><b>{name}</b>{media.size !== undefined && <small>{sizeOf(media.size)}</small>}</span>
    </button>
  );
}

function Poll({ context, message }: { context: Context; message: Message }) {
  const { text = "", choices = [] } = (message.payload ?? {}) as { text?: string; choices?: string[] };
  const votes = [...message.votes.values()].flat();
  const own = message.votes.get(context.session.me) ?? [];
  const vote = (choice: string) => send(context, { type: "message.vote", ...target(message), choices: own.includes(choice) ? [] : [choice] });
  return (
    <fieldset class="poll">
      <legend>{text}</legend>
      {choices.map((choice) => {
        const count = votes.filter((one) => one === choice).length;
        return (
          <button key={choice} aria-pressed={own.includes(choice)} onClick={() => vote(choice)}>
            <span>{choice}</span><span>{count}</span><progress value={count} max={Math.max(1, message.votes.size)} aria-label={`${count} for ${choice}`} />
          </button>
        );
      })}
    </fieldset>
  );
}

const target = (message: Message) => ({
  conversationId: message.conversationId, messageId: message.messageId, messageSequence: message.sequence,
});

function send(context: Context, outgoing: Parameters<Session["send"]>[0]): void {
  context.session.send(outgoing).catch((error: unknown) => tell(context.session, error));
}

function react(context: Context, message: Message, reaction: string | undefined): void {
  send(context, { type: "message.react", ...target(message), ...(reaction === undefined ? {} : { reaction }) });
}

function Actions({ context, message, isMine }: { context: Context; message: Message; isMine: boolean }) {
  const [picking, setPicking] = useState(false);
  const remove = () => {
    if (confirm("Delete this message for everyone?")) send(context, { type: "message.delete", ...target(message), for: "everyone" });
  };
  return (
    <div class="actions" role="group" aria-label="Actions on the message">
      {picking
        ? REACTIONS.map((one) => <button key={one} class="emoji" aria-label={`React with ${one}`} onClick={() => { setPicking(false); react(context, message, one); }}>{one}</button>)
        : (
          <>
            <IconButton icon="smile" label="React" onClick={() => setPicking(true)} />
            <IconButton icon="reply" label="Reply" onClick={() => context.reply(message)} />
            <IconButton icon="thread" label="Open thread" onClick={() => context.thread(message)} />
            <IconButton icon="pin" label={message.isPinned ? "Unpin" : "Pin"} onClick={() => send(context, { type: "message.pin", ...target(message), pinned: !message.isPinned })} />
            {isMine && message.kind === "text" && <IconButton icon="edit" label="Edit" onClick={() => context.edit(message)} />}
            {isMine && <IconButton icon="remove" label="Delete" onClick={remove} />}
          </>
        )}
    </div>
  );
}

function Composer({ context, replyTo, editing, clear, attach, threadRoot }: {
  context: Context; replyTo?: Message | undefined; editing?: Message | undefined; clear: () => void; attach?: (files: Iterable<File>) => void; threadRoot?: string;
}) {
  const { session, id } = context;
  const key = `tidings-draft-${session.me}-${id}`;
  const [text, setText] = useState(() => (threadRoot ? "" : (sessionStorage.getItem(key) ?? "")));
  const area = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  useEffect(() => { if (matchMedia("(hover: hover)").matches) area.current?.focus(); }, [replyTo, editing]);
  useEffect(() => { if (editing) setText(textOf(editing.payload)); }, [editing]);
  useLayoutEffect(() => {
    if (!area.current) return;
    area.current.style.height = "auto";
    area.current.style.height = `${Math.min(area.current.scrollHeight, 160)}px`;
    if (!threadRoot && !editing) sessionStorage.setItem(key, text);
  }, [text]);
  const submit = () => {
    const trimmed = text.trim();
    if (!trimmed) return;
    const done = editing
      ? session.send({ type: "message.edit", ...target(editing), payload: trimmed })
      : session.sendText(id, trimmed, { ...(replyTo ? { inReplyTo: replyTo.messageId } : {}), ...(threadRoot ? { threadRoot } : {}) });
    done.catch((error: unknown) => tell(session, error));
    setText("");
    clear();
  };
  const about = editing ?? replyTo;
  return (
    <form class="composer" onSubmit={(event) => { event.preventDefault(); submit(); }}>
      {about && (
        <div class="about">
          <Icon name={editing ? "edit" : "reply"} />
          <span><b>{editing ? "Edit" : `Reply to ${about.senderUserId === session.me ? "yourself" : about.senderUserId}`}</b><span>{describe(about)}</span></span>
          <IconButton icon="close" label="Cancel" onClick={() => { if (editing) setText(""); clear(); }} />
        </div>
      )}
      <div class="compose-row">
        {attach && !editing && (
          <>
            <input ref={picker} type="file" multiple hidden aria-label="Files to send" onChange={(event) => { attach([...(event.currentTarget.files ?? [])]); event.currentTarget.value = ""; }} />
            <IconButton icon="attach" label="Attach files" onClick={() => picker.current?.click()} />
          </>
        )}
        <textarea
          ref={area} rows={1} aria-label={threadRoot ? "Reply in the thread" : "Message"} placeholder={threadRoot ? "Reply in the thread" : "Message"} value={text} maxLength={20_000}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
              event.preventDefault();
              submit();
            } else if (event.key === "Escape" && about) {
              event.preventDefault();
              if (editing) setText("");
              clear();
            }
          }}
          onPaste={(event) => {
            const files = [...(event.clipboardData?.files ?? [])];
            if (files.length > 0 && attach) { event.preventDefault(); attach(files); }
          }}
        />
        <button class="icon-button send" aria-label="Send" title="Send" disabled={!text.trim()}><Icon name="send" /></button>
      </div>
    </form>
  );
}

function Thread({ context, root, close }: { context: Context; root: Message; close: () => void }) {
  const all = context.session.timeline(context.id).value;
  const replies = useMemo(() => all.filter((one) => one.threadRoot === root.messageId), [all, root.messageId]);
  return (
    <aside class="thread" aria-label="Thread">
      <header class="chat-head"><h2>Thread</h2><IconButton icon="close" label="Close the thread" onClick={close} /></header>
      <div class="timeline" tabIndex={0} role="log" aria-label="Replies">
        {[root, ...replies].map((message) => <Bubble key={message.messageId} context={context} message={message} isNext={false} messages={[]} />)}
      </div>
      <Composer context={context} clear={() => undefined} threadRoot={root.messageId} />
    </aside>
  );
}
