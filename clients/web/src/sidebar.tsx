import { useState } from "preact/hooks";
import { peerOf } from "@tidings/client";
import type { DialogName } from "./main.tsx";
import { Avatar, Icon, IconButton, shortTime } from "./parts.tsx";
import { isNarrow, Search, searching } from "./search.tsx";
import type { Row, Session } from "./session.ts";

/** Rows drawn at once; more come as the list is scrolled. */
const ROWS = 60;
const NEAR_PX = 400;

/** The list of conversations, or what is searched. */
export function Sidebar({ session, show }: { session: Session; show: (dialog: DialogName) => void }) {
  const [chosen, setList] = useState<"chats" | "requests" | "archive">("chats");
  const [count, setCount] = useState(ROWS);
  const scope = searching.value;
  const all = session.rows.value;
  const put = all.filter((row) => row.archived);
  const requests = all.filter((row) => row.request && !row.archived);
  // Once the last is answered there is nothing to see there.
  const list = chosen === "requests" && requests.length === 0 ? "chats" : chosen;
  const rows = list === "archive" ? put : list === "requests" ? requests : all.filter((row) => !row.archived && !row.request);
  const putUnread = put.filter((row) => row.unread > 0 && !row.muted).length;
  return (
    <div class="sidebar" role={session.current.value && !(scope && isNarrow.value) ? "complementary" : "main"} aria-label="Conversations">
      <div class="sidebar-head">
        <h2>{{ chats: "Chats", requests: "Requests", archive: "Archive" }[list]}</h2>
        <IconButton icon="add" label="New conversation" onClick={() => show("chat")} />
        <IconButton icon="settings" label="Settings" onClick={() => show("settings")} />
      </div>
      {scope
        ? <Search session={session} scope={scope} />
        : (
          <>
            <button class="search-button" aria-keyshortcuts="Control+K" onClick={() => { searching.value = {}; }}><Icon name="search" />Search<kbd aria-hidden="true">Ctrl K</kbd></button>
            {list === "chats" && requests.length > 0 && (
              <button class="requests" onClick={() => setList("requests")}><Icon name="person" /><span class="grow">Message requests</span><span class="badge quiet">{requests.length}</span></button>
            )}
            <nav
              class="list" aria-label="Conversation list" onKeyDown={walk}
              onScroll={(event) => {
                const { scrollTop, clientHeight, scrollHeight } = event.currentTarget;
                if (scrollTop + clientHeight > scrollHeight - NEAR_PX && count < rows.length) setCount(count + ROWS);
              }}
            >
              {rows.length > 0 && <ul>{rows.slice(0, count).map((row) => <Item key={row.id} row={row} session={session} />)}</ul>}
              {rows.length === 0 && (session.isListed.value
                ? <p class="nothing">{list === "archive" ? "Nothing is archived." : <>No conversations yet.<br /><button class="link" onClick={() => show("chat")}>Write to somebody</button></>}</p>
                : <ul aria-hidden="true">{[1, 2, 3, 4, 5].map((one) => <li key={one} class="skeleton" />)}</ul>)}
            </nav>
            {(put.length > 0 || list !== "chats") && (
              <button class="archive" onClick={() => setList(list === "chats" ? "archive" : "chats")}>
                <Icon name={list === "chats" ? "file" : "back"} />{list === "chats" ? `Archived (${put.length})` : "Back to all conversations"}{list === "chats" && putUnread > 0 && <span class="badge quiet">{putUnread}</span>}
              </button>
            )}
          </>
        )}
    </div>
  );
}

function Item({ row, session }: { row: Row; session: Session }) {
  const peer = peerOf(row.id, session.me);
  const isCurrent = session.current.value === row.id;
  const typing = session.typing.text(row.id);
  const online = peer !== undefined && session.presence.value.get(peer)?.state === "online";
  return (
    <li>
      <button class={`item ${row.unread > 0 ? "unread" : ""}`} aria-current={isCurrent ? "true" : undefined} onClick={() => void session.open(row.id)}>
        <Avatar name={row.title} isGroup={row.id.startsWith("g:")} online={online} />
        <span class="item-text">
          <span class="item-top">
            <b>{row.title}</b>
            {online && <span class="visually-hidden">online</span>}
            {row.ts > 0 && <time>{shortTime(row.ts)}</time>}
          </span>
          <span class="item-bottom">
            <span class="preview">{typing ? <span class="typing">{typing}</span> : row.draft ? <><b class="draft">Draft:</b> {row.draft}</> : row.preview}</span>
            {row.muted && <Icon name="mute" />}
            {row.pinned && <Icon name="pin" />}
            {row.mentions > 0 && <span class="badge mention"><span aria-hidden="true">@</span><span class="visually-hidden">You were mentioned</span></span>}
            {row.unread > 0 && <span class={`badge ${row.muted ? "quiet" : ""}`}><span aria-hidden="true">{row.unread > 99 ? "99+" : row.unread}</span><span class="visually-hidden">{row.unread} unread</span></span>}
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
