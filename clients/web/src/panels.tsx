/** What stands beside a conversation: a thread, threads, pinned and scheduled messages. */
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { fold, type http, type LogEntry, type Message, path, textOf } from "@tidings/client";
import { Composer } from "./composer.tsx";
import { describe } from "./describe.ts";
import { Bubble, type Context } from "./message.tsx";
import { dayOf, Icon, IconButton, reasonOf, shortTime, timeOf } from "./parts.tsx";
import type { Scheduled } from "./session.ts";

type Schemas = http.components["schemas"];

export type PanelName = { name: "thread"; root: Message } | { name: "threads" | "pins" | "scheduled" };

function Panel({ title, close, children }: { title: string; close: () => void; children: ComponentChildren }) {
  return (
    <aside class="panel" aria-label={title} onKeyDown={(event) => { if (event.key === "Escape" && !event.defaultPrevented) { event.preventDefault(); close(); } }}>
      <header class="chat-head"><h2>{title}</h2><IconButton icon="close" label={`Close: ${title}`} onClick={close} /></header>
      {children}
    </aside>
  );
}

/** Loads once, and says so where it cannot. */
function useLoaded<Value>(load: () => Promise<Value>): { value?: Value; error?: string; again: () => void } {
  const [state, setState] = useState<{ value?: Value; error?: string }>({});
  const again = () => void load().then((value) => setState({ value }), (error: unknown) => setState({ error: reasonOf(error) }));
  useEffect(again, []);
  return { ...state, again };
}

function Waiting({ error }: { error: string | undefined }) {
  return error ? <p class="error nothing" role="alert">{error}</p> : <div class="centre"><div class="spinner" role="status"><span class="visually-hidden">Loading</span></div></div>;
}

/** What is said about one message, apart from the rest. */
export function Thread({ context, root, members, close }: { context: Context; root: Message; members: readonly string[]; close: () => void }) {
  const { session, id } = context;
  const here = session.history.timeline(id).value;
  // Those that were written before what is here.
  const [earlier, setEarlier] = useState<readonly Message[]>([]);
  const end = useRef<HTMLDivElement>(null);
  const replies = useMemo(() => {
    const recent = here.filter((one) => one.threadRoot === root.messageId);
    const known = new Set(recent.map((one) => one.messageId));
    return [...earlier.filter((one) => !known.has(one.messageId)), ...recent].sort((one, other) => one.sequence - other.sequence);
  }, [here, earlier, root.messageId]);
  const last = replies.at(-1)?.sequence;
  useEffect(() => {
    const target = path`/conversations/${id}/threads/${root.messageId}`;
    // What is encrypted is read from the log on this device, not from the service.
    session.call<{ messages: LogEntry[] }>("GET", target).then((page) => {
      setEarlier(fold(page.messages.filter((one) => one.epoch === undefined)));
      const first = page.messages.find((one) => one.epoch !== undefined);
      return first && session.history.seek(id, first.sequence);
    }).catch(() => undefined);
  }, []);
  useEffect(() => {
    end.current?.scrollIntoView({ block: "end" });
    if (last !== undefined) void session.call("PUT", path`/conversations/${id}/threads/${root.messageId}/mark`, { upTo: last }).catch(() => undefined);
  }, [last]);
  const all = [root, ...replies];
  return (
    <Panel title="Thread" close={close}>
      <div class="timeline" tabIndex={0} role="log" aria-label="Replies">
        {all.map((message, index) => (
          <Bubble key={message.messageId} context={context} message={message} isNext={false} answered={undefined} replies={0} at={index + 1} of={all.length} isMarked={false} />
        ))}
        <div ref={end} />
      </div>
      <Composer context={context} clear={() => undefined} threadRoot={root.messageId} members={members} />
    </Panel>
  );
}

export function Threads({ context, show, close }: { context: Context; show: (panel: PanelName) => void; close: () => void }) {
  const { session, id } = context;
  const { value, error } = useLoaded(async () => {
    const { threads } = await session.call<{ threads: Schemas["ThreadInfo"][] }>("GET", path`/conversations/${id}/threads`);
    return Promise.all(threads.map(async (thread) => ({ thread, root: await session.message(id, thread.rootMessageId).catch(() => undefined) })));
  });
  return (
    <Panel title="Threads" close={close}>
      <div class="panel-body">
        {!value && <Waiting error={error} />}
        {value?.length === 0 && <p class="nothing">No threads yet. Open one from a message.</p>}
        <ul>
          {value?.map(({ thread, root }) => (
            <li key={thread.rootMessageId}>
              <button class="item" disabled={!root} onClick={() => root && show({ name: "thread", root })}>
                <span class="item-text">
                  <span class="item-top"><b>{root ? describe(root) : "A message that is gone"}</b><time>{shortTime(thread.lastTs)}</time></span>
                  <span class="item-bottom"><span class="preview">{thread.replies === 1 ? "1 reply" : `${thread.replies} replies`}</span>{thread.unread > 0 && <span class="badge"><span class="visually-hidden">Unread: </span>{thread.unread}</span>}</span>
                </span>
              </button>
            </li>
          ))}
        </ul>
      </div>
    </Panel>
  );
}

export function Pins({ context, close }: { context: Context; close: () => void }) {
  const { session, id } = context;
  const { value, error, again } = useLoaded(async () => {
    const { pins } = await session.call<{ pins: Schemas["PinnedMessage"][] }>("GET", path`/conversations/${id}/pins`);
    return (await Promise.all(pins.map((pin) => session.message(id, pin.messageId, pin.sequence).catch(() => undefined)))).filter((one) => one !== undefined);
  });
  return (
    <Panel title="Pinned messages" close={close}>
      <div class="panel-body">
        {!value && <Waiting error={error} />}
        {value?.length === 0 && <p class="nothing">Nothing is pinned.</p>}
        <ul>
          {value?.map((message) => (
            <li key={message.messageId} class="with-button">
              <button class="item" onClick={() => context.show(message.messageId, message.sequence)}>
                <span class="item-text">
                  <span class="item-top"><b>{message.senderUserId === session.me ? "You" : message.senderUserId}</b><time>{shortTime(message.ts)}</time></span>
                  <span class="preview">{describe(message)}</span>
                </span>
              </button>
              <IconButton icon="close" label={`Unpin: ${describe(message)}`} onClick={() => void session.pin(message, false).then(again, context.fail)} />
            </li>
          ))}
        </ul>
      </div>
    </Panel>
  );
}

export function ScheduledList({ context, close }: { context: Context; close: () => void }) {
  const { session, id } = context;
  const { value, error, again } = useLoaded(async () => {
    const { scheduled } = await session.call<{ scheduled: Scheduled[] }>("GET", "/scheduled");
    return scheduled.filter((one) => one.conversationId === id).sort((one, other) => one.sendAt - other.sendAt);
  });
  const cancel = (one: Scheduled) => void session.call("DELETE", path`/scheduled/${one.messageId}`).then(again, context.fail);
  return (
    <Panel title="Scheduled messages" close={close}>
      <div class="panel-body">
        {!value && <Waiting error={error} />}
        {value?.length === 0 && <p class="nothing">Nothing waits to be sent. Write a message and choose “Send later”.</p>}
        <ul>
          {value?.map((one) => (
            <li key={one.messageId} class="with-button">
              <span class="item still">
                <Icon name="clock" />
                <span class="item-text"><b>{dayOf(one.sendAt)}, {timeOf(one.sendAt)}</b><span class="preview">{textOf(one.payload)}</span>{one.error && <span class="error">Not sent: {one.error}</span>}</span>
              </span>
              <IconButton icon="remove" label={`Do not send: ${textOf(one.payload)}`} onClick={() => cancel(one)} />
            </li>
          ))}
        </ul>
      </div>
    </Panel>
  );
}
