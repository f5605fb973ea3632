/** The messages of a conversation, of which those that are seen are in the page. */
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type Message, textOf } from "@tidings/client";
import type { Upload } from "./files.ts";
import { type Context, Entry, Ticks } from "./message.tsx";
import { Icon, IconButton, timeOf } from "./parts.tsx";
import { VirtualList } from "./virtual.tsx";

const MARKED_MS = 2_500;

/** How tall a message may be that was not drawn yet: near enough for the scroll bar. */
function guess(message: Message | undefined): number {
  if (!message) return 40;
  if (message.kind === "image" || message.kind === "video") return 300;
  return 48 + 21 * Math.floor(Math.min(textOf(message.payload).length, 4000) / 60);
}

export function Messages({ context, messages }: { context: Context; messages: readonly Message[] }) {
  const { session, id } = context;
  const list = useRef<VirtualList>(null);
  const loading = useRef(false);
  const [isAway, setAway] = useState(false);
  const [missed, setMissed] = useState(0);
  const [marked, setMarked] = useState<string>();
  const unreadFrom = session.unreadFrom.get(id);
  const index = useMemo(() => {
    const byId = new Map(messages.map((one) => [one.messageId, one]));
    const replies = new Map<string, number>();
    for (const { threadRoot } of messages) if (threadRoot) replies.set(threadRoot, (replies.get(threadRoot) ?? 0) + 1);
    // Replies of a thread stand there, and a commit after the first says nothing new.
    const first = messages.find((one) => one.event === "commit");
    const shown = messages.filter((one) => !(one.threadRoot && byId.has(one.threadRoot)) && (one.event !== "commit" || one === first));
    const firstUnread = unreadFrom === undefined ? undefined : shown.find((one) => one.sequence > unreadFrom && one.senderUserId !== session.me)?.messageId;
    return { byId, replies, shown, firstUnread, keys: shown.map((one) => one.messageId) };
  }, [messages, unreadFrom]);

  const target = session.target.value;
  useEffect(() => {
    if (target?.conversationId !== id) return;
    // The nearest, where it is a change of another message or was hidden.
    const found = index.shown.findLast((one) => one.sequence <= target.sequence);
    if (!found || (index.shown[0]?.sequence ?? Infinity) > target.sequence) return;
    session.target.value = undefined;
    list.current?.show(found.messageId);
    setMarked(found.messageId);
    setTimeout(() => setMarked((now) => (now === found.messageId ? undefined : now)), MARKED_MS);
  }, [target, index]);

  const isSeeking = target?.conversationId === id && (messages[0]?.sequence ?? Infinity) > target.sequence && !session.history.isWhole(id);

  const latest = index.shown.at(-1);
  const before = useRef(latest);
  useEffect(() => {
    const { current } = before;
    before.current = latest;
    if (!latest || latest === current || !current || latest.sequence <= current.sequence) return;
    if (latest.senderUserId === session.me) list.current?.toEnd();
    else if (isAway) setMissed(missed + index.shown.filter((one) => one.sequence > current.sequence).length);
  }, [latest]);

  const pending = session.pending.value.filter((frame) => frame.conversationId === id && frame.type === "message.send" && !frame.threadRoot);
  const failed = session.failed.value.filter(({ frame }) => frame.conversationId === id);
  const uploads = session.files.uploads.value.filter((one) => one.conversationId === id);
  const outgoing = pending.length + uploads.length;
  const sent = useRef(outgoing);
  useEffect(() => {
    if (outgoing > sent.current) list.current?.toEnd();
    sent.current = outgoing;
  }, [outgoing]);

  const reachedStart = useCallback(() => {
    if (loading.current || session.history.isWhole(id)) return;
    loading.current = true;
    void session.history.older(id).then((hasCome) => {
      loading.current = false;
      // It may have been changes of other messages alone, by which nothing has moved.
      if (hasCome) requestAnimationFrame(() => list.current?.look());
    });
  }, [id]);
  const moved = useCallback((atEnd: boolean) => {
    setAway(!atEnd);
    if (atEnd) setMissed(0);
  }, []);
  const row = (at: number) => {
    const message = index.shown[at];
    if (!message) return null;
    return (
      <Entry
        key={message.messageId} context={context} message={message} before={index.shown[at - 1]} at={at + 1} of={index.shown.length}
        answered={message.inReplyTo === undefined ? undefined : index.byId.get(message.inReplyTo)} replies={index.replies.get(message.messageId) ?? 0}
        isFirstUnread={message.messageId === index.firstUnread} isMarked={message.messageId === marked}
      />
    );
  };
  return (
    <div class="timeline-frame">
      {isSeeking && <p class="seeking" role="status"><span class="spinner" aria-hidden="true" />Going back to the message</p>}
      <VirtualList
        handle={list} keys={index.keys} row={row} guess={(key) => guess(index.byId.get(key))} label="Messages" reachedStart={reachedStart} moved={moved} onKeyDown={walk}
        empty={outgoing === 0 && <div class="nothing"><p>No messages yet.</p><p>Say hello.</p></div>}
        tail={(
          <>
            {pending.map((frame) => frame.type === "message.send" && (
              <div class="line mine" key={frame.clientMsgId}>
                <div class="bubble"><p class="text">{textOf(frame.payload) || "File"}</p><span class="meta"><time>{timeOf(frame.ts)}</time><Ticks tick="waiting" /></span></div>
              </div>
            ))}
            {uploads.map((one) => <Sending key={one.id} upload={one} />)}
            {failed.map((one) => (
              <div class="line mine failed" key={one.frame.clientMsgId} role="alert">
                <div class="bubble">
                  <p class="text">{"payload" in one.frame ? textOf(one.frame.payload) || "File" : "A change"}</p>
                  <p class="error">Not sent: {one.reason}</p>
                  <span class="row"><button class="link" onClick={() => void session.retry(one).catch(context.fail)}>Try again</button><button class="link" onClick={() => session.dismiss(one)}>Discard</button></span>
                </div>
              </div>
            ))}
          </>
        )}
      />
      {isAway && (
        <button type="button" class="icon-button to-end" aria-label={missed > 0 ? `To the latest message, ${missed} new` : "To the latest message"} title="To the latest message" onClick={() => list.current?.toEnd()}>
          <Icon name="down" />{missed > 0 && <span class="badge">{missed}</span>}
        </button>
      )}
    </div>
  );
}

/** Content on its way. */
function Sending({ upload }: { upload: Upload }) {
  return (
    <div class={`line mine ${upload.error ? "failed" : ""}`} role={upload.error ? "alert" : undefined}>
      <div class="bubble sending">
        {upload.shown ? <span class="picture"><img src={upload.shown} alt="" /></span> : <span class="file"><span class="file-icon"><Icon name="file" /></span><b>{upload.name}</b></span>}
        {upload.error
          ? <><p class="error">Not sent: {upload.error}</p><span class="row"><button class="link" onClick={upload.retry}>Try again</button><button class="link" onClick={upload.cancel}>Discard</button></span></>
          : (
            <span class="row">
              <progress value={upload.part} max={1} aria-label={`Upload of ${upload.name}`} />
              <small>{upload.part < 1 ? `${Math.round(upload.part * 100)} %` : "Checking"}</small>
              <IconButton icon="close" label={`Cancel the upload of ${upload.name}`} onClick={upload.cancel} />
            </span>
          )}
      </div>
    </div>
  );
}

/** Arrows go from one message to the next; its actions are then a Tab away. */
function walk(event: KeyboardEvent): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const box = event.currentTarget as HTMLElement;
  if (!step || event.altKey || event.ctrlKey || event.metaKey || (event.target as HTMLElement).closest("input, [role=menu]")) return;
  const all = [...box.querySelectorAll<HTMLElement>("article")];
  const at = all.findIndex((one) => one.contains(document.activeElement));
  const next = at < 0 ? all.findLast((one) => one.getBoundingClientRect().top < box.getBoundingClientRect().bottom) : all[at + step];
  if (!next) return;
  event.preventDefault();
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}
