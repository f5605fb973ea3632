/** One message, and what can be done with it. */
import { useEffect, useState } from "preact/hooks";
import { type Message, textOf, UNREADABLE } from "@tidings/client";
import { describe, describeMembership } from "./describe.ts";
import type { Tick } from "./marks.ts";
import { dayOf, durationOf, Icon, IconButton, Menu, MenuItem, memo, sizeOf, timeOf } from "./parts.tsx";
import type { Session } from "./session.ts";
import { VoiceNote } from "./voice.tsx";

const REACTIONS = ["👍", "❤️", "😂", "😮", "😢", "🙏"];
/** Messages of one user that follow within this time stand together. */
const TOGETHER_MS = 300_000;

/** What a message needs of the conversation that it is in. The functions are the same as long as that is open. */
export interface Context {
  session: Session;
  id: string;
  reply: (message: Message) => void;
  edit: (message: Message) => void;
  thread: (message: Message) => void;
  view: (message: Message) => void;
  forward: (message: Message) => void;
  remove: (message: Message) => void;
  info: (message: Message) => void;
  openOnce: (message: Message) => void;
  report: (message: Message) => void;
  show: (messageId: string, sequence?: number) => void;
  fail: (error: unknown) => void;
}

/** What others say about a message. */
export interface Place {
  before: Message | undefined;
  answered: Message | undefined;
  replies: number;
  at: number;
  of: number;
  isFirstUnread: boolean;
  isMarked: boolean;
}

type EntryProps = { context: Context; message: Message } & Place;

/** A message with what stands above it. */
export const Entry = memo(function Entry({ context, message, before, isFirstUnread, ...more }: EntryProps) {
  const day = dayOf(message.ts);
  const isNewDay = before === undefined || dayOf(before.ts) !== day;
  const isNext = !isNewDay && !isFirstUnread && before.event === "message" && before.senderUserId === message.senderUserId && message.ts - before.ts < TOGETHER_MS;
  return (
    <div data-key={message.messageId} class="entry">
      {isNewDay && <div class="day"><span>{day}</span></div>}
      {isFirstUnread && <div class="unread-line"><span>New messages</span></div>}
      {message.event === "membership" && <p class="event">{describeMembership(message.payload, context.session.me)}</p>}
      {message.event === "commit" && <p class="event"><Icon name="lock" /> Messages are end-to-end encrypted from here on</p>}
      {message.event === "message" && <Bubble context={context} message={message} isNext={isNext} {...more} />}
    </div>
  );
});

type BubbleProps = { context: Context; message: Message; isNext: boolean } & Pick<Place, "answered" | "replies" | "at" | "of" | "isMarked">;

export function Bubble({ context, message, isNext, answered, replies, at, of, isMarked }: BubbleProps) {
  const { session } = context;
  const isMine = message.senderUserId === session.me;
  const tallies = new Map<string, string[]>();
  for (const [user, reaction] of message.reactions) tallies.set(reaction, [...(tallies.get(reaction) ?? []), user]);
  const react = (reaction: string | undefined) => void session.react(message, reaction).catch(context.fail);
  return (
    <article
      class={`line ${isMine ? "mine" : ""} ${isNext ? "next" : ""} ${isMarked ? "marked" : ""}`} tabIndex={-1} aria-posinset={at} aria-setsize={of}
      aria-label={`${isMine ? "You" : message.senderUserId}, ${timeOf(message.ts)}`}
    >
      <div class="bubble">
        {!isMine && !isNext && context.id.startsWith("g:") && <p class="sender">{message.senderUserId}</p>}
        {message.forwards > 0 && <p class="pinned"><Icon name="forward" /> {message.forwards > 4 ? "Forwarded many times" : "Forwarded"}</p>}
        {message.isPinned && <p class="pinned"><Icon name="pin" /> Pinned</p>}
        {message.inReplyTo && (
          <button class="quote" onClick={() => context.show(message.inReplyTo ?? "", answered?.sequence)}>
            <b>{answered ? (answered.senderUserId === session.me ? "You" : answered.senderUserId) : "Message"}</b>
            <span>{answered ? describe(answered) : "An earlier message"}</span>
          </button>
        )}
        <Content context={context} message={message} />
        <span class="meta">
          {message.expiresAt !== undefined && !message.gone && <span title={`Disappears ${dayOf(message.expiresAt)}, ${timeOf(message.expiresAt)}`}><Icon name="clock" /><span class="visually-hidden">Disappears</span></span>}
          {!message.isSecure && !message.isEncrypted && !message.gone && session.isEncrypted(context.id) && <span class="in-clear"><Icon name="unlock" /> not encrypted</span>}
          {message.isEdited && !message.gone && <span>edited</span>}
          <time dateTime={new Date(message.ts).toISOString()}>{timeOf(message.ts)}</time>
          {isMine && <Ticks tick={session.marks.tick(message)} />}
        </span>
      </div>
      {!message.gone && !message.isEncrypted && message.kind !== UNREADABLE && <Actions context={context} message={message} isMine={isMine} react={react} />}
      {tallies.size > 0 && (
        <div class="reactions">
          {[...tallies].map(([reaction, users]) => {
            const isOwn = users.includes(session.me);
            return (
              <button
                key={reaction} class={isOwn ? "own" : ""} title={users.join(", ")} aria-pressed={isOwn} aria-label={`${reaction} by ${users.join(", ")}`}
                onClick={() => react(isOwn ? undefined : reaction)}
              >{reaction}{users.length > 1 && <span> {users.length}</span>}</button>
            );
          })}
        </div>
      )}
      {replies > 0 && <button class="link replies" onClick={() => context.thread(message)}>{replies === 1 ? "1 reply" : `${replies} replies`}</button>}
    </article>
  );
}

export function Ticks({ tick }: { tick: Tick }) {
  const name = { waiting: "Waiting to be sent", sent: "Sent", delivered: "Delivered", read: "Read" }[tick];
  return (
    <svg class={`ticks ${tick}`} viewBox="0 0 20 12" role="img" aria-label={name}>
      <title>{name}</title>
      {tick === "waiting" ? <path d="M10 1a5 5 0 100 10 5 5 0 000-10zM10 3v3l2 1" /> : <path d={tick === "sent" ? "M5 6l4 4 7-8" : "M1 6l4 4 7-8M9 9l1 1 7-8"} />}
    </svg>
  );
}

function Content({ context, message }: { context: Context; message: Message }) {
  const isUnread = message.isEncrypted || message.kind === UNREADABLE;
  if (message.gone || isUnread) return <p class="text gone">{isUnread && <Icon name="lock" />} {describe(message)}</p>;
  if (message.viewOnce) {
    return message.senderUserId === context.session.me
      ? <p class="text gone"><Icon name="eye" /> To be opened once</p>
      : <button class="file" onClick={() => context.openOnce(message)}><Icon name="eye" /><span><b>Open</b><small>Can be opened once</small></span></button>;
  }
  const text = textOf(message.payload);
  const isKnown = text || message.mediaHandle || message.kind === "poll";
  return (
    <>
      {message.mediaHandle && <Media context={context} message={message} handle={message.mediaHandle} />}
      {message.kind === "poll" && <Poll context={context} message={message} />}
      {text && message.kind !== "poll" && <p class="text">{linked(text, context.session.me)}</p>}
      {!isKnown && <p class="text gone">A message that this client does not know</p>}
    </>
  );
}

/** Addresses become links and one's own name stands out; all the rest is text. */
export function linked(text: string, me: string) {
  return text.split(/(https?:\/\/[^\s<>"]+|(?<=^|[\s(])@[A-Za-z0-9._-]{1,64})/g).map((part, index) => {
    if (/^https?:\/\//.test(part)) return <a key={index} href={part} target="_blank" rel="noreferrer noopener">{part}</a>;
    if (part.startsWith("@") && index % 2 === 1) return <span key={index} class={part === `@${me}` || part === "@all" ? "mention-me" : "mention"}>{part}</span>;
    return part;
  });
}

/** What the sender says of content. */
export interface MediaInfo {
  name?: string;
  size?: number;
  mime?: string;
  sealing?: unknown;
  preview?: { width?: number; height?: number };
  durationMs?: number;
  peaks?: number[];
}

export const mediaOf = (message: Message): MediaInfo => ((message.payload ?? {}) as { media?: MediaInfo }).media ?? {};

function Media({ context, message, handle }: { context: Context; message: Message; handle: string }) {
  const [address, setAddress] = useState<string>();
  const [hasFailed, setFailed] = useState(false);
  const media = mediaOf(message);
  const name = media.name ?? "File";
  useEffect(() => {
    if (message.kind === "doc") return;
    let isHere = true;
    context.session.files.address(message).then((found) => isHere && setAddress(found), () => isHere && setFailed(true));
    return () => { isHere = false; };
  }, [handle]);
  if (hasFailed) return <p class="file"><Icon name="file" /> {name} is not available</p>;
  if (message.kind === "image") return <Picture context={context} message={message} address={address} media={media} fail={() => setFailed(true)} />;
  if (message.kind === "video") {
    return (
      <button class="picture film" onClick={() => context.view(message)} aria-label={`Play ${name}`}>
        {address ? <video src={`${address}#t=0.1`} preload="metadata" muted tabIndex={-1} aria-hidden="true" /> : <span class="picture loading" />}
        <span class="play"><Icon name="play" /></span>
        {media.durationMs !== undefined && <span class="length">{durationOf(media.durationMs)}</span>}
      </button>
    );
  }
  if (message.kind === "audio") return <VoiceNote address={address} media={media} load={() => context.session.files.soundOf(message)} />;
  return (
    <button class="file" onClick={() => void download(context.session, message, name).catch(context.fail)}>
      <span class="file-icon"><Icon name="file" /></span><span><b>{name}</b>{media.size !== undefined && <small>{sizeOf(media.size)}</small>}</span><Icon name="download" />
    </button>
  );
}

function Picture({ context, message, address, media, fail }: { context: Context; message: Message; address: string | undefined; media: MediaInfo; fail: () => void }) {
  const name = media.name ?? "Photo";
  const { width, height } = media.preview ?? {};
  return (
    <button class="picture" onClick={() => context.view(message)} aria-label={`Show ${name}`}>
      {/* Its place is kept before it is here, so that nothing jumps. */}
      {width && height && <svg class="place" viewBox={`0 0 ${width} ${height}`} width={Math.min(width, 340)} aria-hidden="true" />}
      {address ? <img class={width && height ? "placed" : ""} src={address} alt={name} decoding="async" onError={fail} /> : <span class="loading" />}
    </button>
  );
}

/** Saves content as a file. */
export async function download(session: Session, message: Message, name: string): Promise<void> {
  const link = document.createElement("a");
  link.href = await session.files.address(message);
  link.download = name;
  link.rel = "noreferrer";
  link.click();
}

function Poll({ context, message }: { context: Context; message: Message }) {
  const { text = "", choices = [] } = (message.payload ?? {}) as { text?: string; choices?: string[] };
  const votes = [...message.votes.values()].flat();
  const own = message.votes.get(context.session.me) ?? [];
  const voters = [...message.votes.values()].filter((one) => one.length > 0).length;
  return (
    <fieldset class="poll">
      <legend>{text}</legend>
      {choices.map((choice) => {
        const count = votes.filter((one) => one === choice).length;
        const isOwn = own.includes(choice);
        return (
          <button key={choice} aria-pressed={isOwn} onClick={() => void context.session.vote(message, isOwn ? [] : [choice]).catch(context.fail)}>
            <span class="choice">{isOwn && <Icon name="check" />}{choice}</span><span>{count}<span class="visually-hidden">{count === 1 ? " vote" : " votes"}</span></span><progress value={count} max={Math.max(1, voters)} aria-hidden="true" />
          </button>
        );
      })}
      <p class="muted">{voters === 1 ? "1 vote" : `${voters} votes`}</p>
    </fieldset>
  );
}

function Actions({ context, message, isMine, react }: { context: Context; message: Message; isMine: boolean; react: (reaction: string) => void }) {
  const [picking, setPicking] = useState(false);
  const { session } = context;
  const text = textOf(message.payload);
  const isEditable = isMine && !message.viewOnce && message.kind !== "poll" && text !== "";
  return (
    <div class="actions" role="group" aria-label="Actions on the message">
      {picking
        ? (
          <>
            {REACTIONS.map((one) => <button key={one} class="emoji" aria-label={`React with ${one}`} onClick={() => { setPicking(false); react(one); }}>{one}</button>)}
            <IconButton icon="close" label="No reaction" onClick={() => setPicking(false)} />
          </>
        )
        : (
          <>
            <IconButton icon="smile" label="React" onClick={() => setPicking(true)} />
            <IconButton icon="reply" label="Reply" onClick={() => context.reply(message)} />
            <IconButton icon="thread" label="Open thread" onClick={() => context.thread(message)} />
            <Menu label="More about the message" icon="more">
              {isEditable && <MenuItem icon="edit" onClick={() => context.edit(message)}>Edit</MenuItem>}
              {text && <MenuItem icon="copy" onClick={() => void navigator.clipboard.writeText(text).catch(context.fail)}>Copy</MenuItem>}
              {!message.viewOnce && message.kind !== "poll" && <MenuItem icon="forward" onClick={() => context.forward(message)}>Forward</MenuItem>}
              <MenuItem icon="pin" onClick={() => void session.pin(message, !message.isPinned).catch(context.fail)}>{message.isPinned ? "Unpin" : "Pin"}</MenuItem>
              <MenuItem icon="star" onClick={() => void session.star(message).catch(context.fail)}>Star</MenuItem>
              {isMine && context.id.startsWith("g:") && <MenuItem icon="info" onClick={() => context.info(message)}>Who has read it</MenuItem>}
              <MenuItem icon="remove" onClick={() => context.remove(message)}>Delete</MenuItem>
              {!isMine && <MenuItem icon="flag" onClick={() => context.report(message)}>Report</MenuItem>}
            </Menu>
          </>
        )}
    </div>
  );
}
