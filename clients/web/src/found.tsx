/** A message that was found, and what of it was looked for. */
import { type FoundMessage, type Message, plain, type SearchHit, textOf } from "@tidings/client";
import { describe, kindName } from "./describe.ts";
import { mediaOf } from "./message.tsx";
import { Avatar, IconButton, shortTime } from "./parts.tsx";
import type { Session } from "./session.ts";

const BEFORE_CHARS = 30;
const SHOWN_CHARS = 240;

interface Props {
  session: Session;
  found: FoundMessage;
  words: readonly string[];
  /** It is the one that was opened last. */
  isOpened: boolean;
  open: (conversationId: string, sequence: number) => void;
  unstar: (() => void) | undefined;
}

export function Found({ session, found, words, isOpened, open, unstar }: Props) {
  const { conversationId, sequence, senderUserId, ts } = found.is === "here" ? found.message : found.hit;
  const isGroup = conversationId.startsWith("g:");
  const who = senderUserId === session.me ? "You" : senderUserId;
  const text = found.is === "here" ? textIn(found.message) : (found.hit.snippet ?? kindName(found.hit.kind));
  return (
    <li class="with-button">
      <button class={`item ${isOpened ? "here" : ""}`} aria-current={isOpened ? "true" : undefined} onClick={() => open(conversationId, sequence)}>
        <Avatar name={session.title(conversationId)} isGroup={isGroup} />
        <span class="item-text">
          <span class="item-top"><b>{session.title(conversationId)}</b><time>{shortTime(ts)}</time></span>
          <span class="preview">{isGroup || who === "You" ? `${who}: ` : ""}{found.is === "here" ? highlighted(text, words) : <HitText hit={found.hit} text={text} />}</span>
        </span>
      </button>
      {unstar && <IconButton icon="close" label={`Take the star from: ${text}`} onClick={unstar} />}
    </li>
  );
}

const textIn = (message: Message): string => textOf(message.payload) || mediaOf(message).name || describe(message);

/** What the service has found: its piece of the text, or what sort of message it is. */
function HitText({ hit, text }: { hit: SearchHit; text: string }) {
  return hit.snippet === undefined ? <i>{text}, not on this device</i> : marked(text, hit.highlights ?? []);
}

/** A text from shortly before the first of the stretches that the service names, which counts Unicode characters, all of them marked. */
export function marked(text: string, highlights: readonly { start: number; length: number }[]) {
  const chars = [...text];
  const marks = new Array<boolean>(chars.length).fill(false);
  for (const { start, length } of highlights) marks.fill(true, start, start + length);
  const first = highlights.length > 0 ? Math.min(...highlights.map((one) => one.start)) : 0;
  const start = Math.max(0, first - BEFORE_CHARS);
  return <>{start > 0 && "…"}{partsOf(chars, marks, start)}</>;
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
  return <>{start > 0 && "…"}{partsOf(chars.slice(0, start + SHOWN_CHARS), marks, start)}</>;
}

/** Characters from one on, those that stand together and are marked alike as one. */
function partsOf(chars: readonly string[], marks: readonly boolean[], start: number) {
  const parts: { text: string; isMarked: boolean }[] = [];
  for (let at = start; at < chars.length; at += 1) {
    const last = parts.at(-1);
    if (last && last.isMarked === marks[at]) last.text += chars[at];
    else parts.push({ text: chars[at] ?? "", isMarked: marks[at] ?? false });
  }
  return parts.map((part, index) => (part.isMarked ? <mark key={index}>{part.text}</mark> : part.text));
}
