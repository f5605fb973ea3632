import { useState } from "preact/hooks";
import { peerOf } from "@tidings/client";
import type { DialogName } from "./main.tsx";
import { Avatar, Icon, IconButton, shortTime } from "./parts.tsx";
import { describe, type Row, type Session } from "./session.ts";

/** The list of conversations, and what is found in them. */
export function Sidebar({ session, show }: { session: Session; show: (dialog: DialogName) => void }) {
  const [wanted, setWanted] = useState("");
  const [archived, setArchived] = useState(false);
  const text = wanted.trim().toLocaleLowerCase();
  const all = session.rows.value;
  const rows = all.filter((row) => (text ? row.title.toLocaleLowerCase().includes(text) : row.archived === archived));
  const found = text.length > 1 ? session.search(text) : [];
  const put = all.filter((row) => row.archived).length;
  return (
    <div class="sidebar" role={session.current.value ? "complementary" : "main"} aria-label="Conversations">
      <div class="sidebar-head">
        <h2>Chats</h2>
        <IconButton icon="add" label="New conversation" onClick={() => show("chat")} />
        <IconButton icon="settings" label="Settings" onClick={() => show("settings")} />
      </div>
      <div class="search">
        <Icon name="search" />
        <input id="search" type="search" aria-label="Search" placeholder="Search" value={wanted} onInput={(event) => setWanted(event.currentTarget.value)} />
      </div>
      <nav class="list" aria-label="Conversation list" onKeyDown={walk}>
        {rows.length > 0 && <ul>{rows.map((row) => <Item key={row.id} row={row} session={session} />)}</ul>}
        {found.length > 0 && (
          <>
            <h2 class="section">Messages</h2>
            <ul>
              {found.map((message) => (
                <li key={message.messageId}>
                  <button class="item" onClick={() => void session.open(message.conversationId)}>
                    <span class="item-text">
                      <span class="item-top"><b>{session.title(message.conversationId)}</b><time>{shortTime(message.ts)}</time></span>
                      <span class="preview">{describe(message)}</span>
                    </span>
                  </button>
                </li>
              ))}
            </ul>
          </>
        )}
        {rows.length === 0 && found.length === 0 && (
          text
            ? <p class="nothing">Nothing found for “{wanted.trim()}”.</p>
            : session.isListed.value
              ? <p class="nothing">{archived ? "Nothing is archived." : <>No conversations yet.<br /><button class="link" onClick={() => show("chat")}>Write to somebody</button></>}</p>
              : <ul aria-hidden="true">{[1, 2, 3, 4, 5].map((one) => <li key={one} class="skeleton" />)}</ul>
        )}
      </nav>
      {!text && (put > 0 || archived) && (
        <button class="archive" onClick={() => setArchived(!archived)}>{archived ? "Back to all conversations" : `Archived (${put})`}</button>
      )}
    </div>
  );
}

function Item({ row, session }: { row: Row; session: Session }) {
  const peer = peerOf(row.id, session.me);
  const isCurrent = session.current.value === row.id;
  const online = peer !== undefined && session.presence.value.get(peer) === "online";
  return (
    <li>
      <button class="item" aria-current={isCurrent ? "true" : undefined} onClick={() => void session.open(row.id)}>
        <Avatar name={row.title} isGroup={row.id.startsWith("g:")} online={online} />
        <span class="item-text">
          <span class="item-top">
            <b>{row.title}</b>
            {row.ts > 0 && <time>{shortTime(row.ts)}</time>}
          </span>
          <span class="item-bottom">
            <span class="preview">{row.preview}</span>
            {row.muted && <Icon name="mute" />}
            {row.pinned && <Icon name="pin" />}
            {row.mentions > 0 && <span class="badge mention" aria-label="You were mentioned">@</span>}
            {row.unread > 0 && <span class={`badge ${row.muted ? "quiet" : ""}`} aria-label={`${row.unread} unread`}>{row.unread > 99 ? "99+" : row.unread}</span>}
          </span>
        </span>
      </button>
    </li>
  );
}

/** Arrows go from one conversation to the next. */
function walk(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const items = [...event.currentTarget.querySelectorAll<HTMLElement>(".item")];
  const next = items[items.indexOf(document.activeElement as HTMLElement) + step];
  if (next) {
    event.preventDefault();
    next.focus();
  }
}
