import type { FunctionComponent } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { type Message, peerOf } from "@tidings/client";
import { Composer } from "./composer.tsx";
import { describe } from "./describe.ts";
import { DeleteMessage, Disappearing, Forward, MessageInfo, NewPoll, Once, Searchable, SendLater } from "./dialogs.tsx";
import { GroupInfo } from "./group.tsx";
import { Linking } from "./linking.tsx";
import type { Context } from "./message.tsx";
import { type PanelName, Pins, ScheduledList, Thread, Threads } from "./panels.tsx";
import { Avatar, Confirm, dayOf, Icon, IconButton, Menu, MenuItem, reasonOf, timeOf } from "./parts.tsx";
import { InTheClear, ProtectionMark, SafetyNumber, SecureBar } from "./secure.tsx";
import type { Session } from "./session.ts";
import { Gate, Report } from "./strangers.tsx";
import { Messages } from "./timeline.tsx";
import type { ViewerProps } from "./viewer.tsx";

/** Above this a group's names are not all loaded to be offered. */
const MEMBERS_OFFERED_MAX = 200;
const MUTE_MS = 8 * 3600_000;
/** For good, as the service counts. */
const FOREVER = Date.UTC(2100, 0, 1);

type Asked =
  | { name: "forward" | "delete" | "info" | "once" | "report"; message: Message }
  | { name: "group" | "poll" | "block" | "disappearing" | "safety" | "clear" | "link" | "searchable" }
  | { name: "later"; text: string; done: () => void };

/** One conversation. */
export function Chat({ session, id, search }: { session: Session; id: string; search: () => void }) {
  const [replyTo, setReplyTo] = useState<Message>();
  const [editing, setEditing] = useState<Message>();
  const [panel, setPanel] = useState<PanelName>();
  const [asked, setAsked] = useState<Asked>();
  const [files, setFiles] = useState<readonly File[]>([]);
  const [isDragged, setDragged] = useState(false);
  const [viewed, setViewed] = useState<Message>();
  const [members, setMembers] = useState<readonly string[]>([]);
  const messages = session.history.timeline(id).value;
  const title = session.title(id);
  const peer = peerOf(id, session.me);
  const context = useMemo((): Context => ({
    session, id, reply: (message) => { setEditing(undefined); setReplyTo(message); }, edit: (message) => { setReplyTo(undefined); setEditing(message); },
    thread: (root) => setPanel({ name: "thread", root }), view: setViewed, forward: (message) => setAsked({ name: "forward", message }),
    remove: (message) => setAsked({ name: "delete", message }), info: (message) => setAsked({ name: "info", message }),
    openOnce: (message) => setAsked({ name: "once", message }), report: (message) => setAsked({ name: "report", message }),
    show: (messageId, sequence) => {
      const known = sequence ?? session.history.timeline(id).value.find((one) => one.messageId === messageId)?.sequence;
      if (known !== undefined) void session.open(id, known);
      else session.place(id, messageId).then((found) => session.open(id, found), (error: unknown) => session.say(reasonOf(error)));
    },
    fail: (error) => session.say(reasonOf(error)),
  }), [session, id]);
  useEffect(() => {
    if (peer !== undefined) return;
    session.members(id, MEMBERS_OFFERED_MAX).then((all) => setMembers(["all", ...all.map((one) => one.userId).filter((user) => user !== session.me)]), () => undefined);
  }, [id, session.summaries.value.get(id)?.title]);
  const pinned = useMemo(() => messages.findLast((one) => one.isPinned && !one.gone), [messages]);
  const editLast = () => {
    const last = messages.findLast((one) => one.senderUserId === session.me && one.event === "message" && !one.gone && !one.isEncrypted && one.kind === "text");
    if (last) context.edit(last);
  };
  const theirs = messages.findLast((one) => one.senderUserId !== session.me && one.event === "message" && !one.gone);
  const close = () => setAsked(undefined);
  return (
    <main
      class={`chat ${isDragged ? "dragged" : ""} ${panel ? "has-panel" : ""}`}
      onDragOver={(event) => { if (event.dataTransfer?.types.includes("Files")) { event.preventDefault(); setDragged(true); } }}
      onDragLeave={(event) => { if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setDragged(false); }}
      onDrop={(event) => { event.preventDefault(); setDragged(false); setFiles([...files, ...(event.dataTransfer?.files ?? [])]); }}
    >
      <div class="chat-main">
        <header class="chat-head">
          <IconButton icon="back" label="Back" class="icon-button back" onClick={() => void session.open(undefined)} />
          <Avatar name={title} isGroup={id.startsWith("g:")} online={peer !== undefined && session.presence.value.get(peer)?.state === "online"} />
          <div class="who">
            <h2>{title}</h2>
            <p class="muted with-mark"><ProtectionMark session={session} id={id} peer={peer} /><span class="sub"><Subtitle session={session} id={id} members={members} /></span></p>
          </div>
          <IconButton icon="search" label="Search in this conversation" onClick={search} />
          {peer === undefined && <IconButton icon="group" label="Group members" onClick={() => setAsked({ name: "group" })} />}
          <ChatMenu session={session} id={id} show={setPanel} ask={(name) => setAsked({ name })} report={theirs && (() => context.report(theirs))} />
        </header>
        {pinned && !panel && (
          <button class="pin-bar" onClick={() => context.show(pinned.messageId, pinned.sequence)}><Icon name="pin" /><span><b>Pinned</b> {describe(pinned)}</span></button>
        )}
        <Messages context={context} messages={messages} />
        <SecureBar session={session} id={id} peer={peer} compare={() => setAsked({ name: "safety" })} link={() => setAsked({ name: "link" })} />
        <Gate session={session} id={id} report={() => { if (theirs) context.report(theirs); }}><Composer
          context={context} replyTo={replyTo} editing={editing} clear={() => { setReplyTo(undefined); setEditing(undefined); }} files={files} setFiles={setFiles}
          members={members} makePoll={() => setAsked({ name: "poll" })} sendLater={(text, done) => setAsked({ name: "later", text, done })} editLast={editLast}
        /></Gate>
      </div>
      {panel?.name === "thread" && <Thread key={panel.root.messageId} context={context} root={messages.find((one) => one.messageId === panel.root.messageId) ?? panel.root} members={members} close={() => setPanel(undefined)} />}
      {panel?.name === "threads" && <Threads context={context} show={setPanel} close={() => setPanel(undefined)} />}
      {panel?.name === "pins" && <Pins context={context} close={() => setPanel(undefined)} />}
      {panel?.name === "scheduled" && <ScheduledList context={context} close={() => setPanel(undefined)} />}
      {asked?.name === "forward" && <Forward session={session} message={asked.message} close={close} />}
      {asked?.name === "delete" && <DeleteMessage session={session} message={asked.message} close={close} />}
      {asked?.name === "info" && <MessageInfo session={session} message={asked.message} close={close} />}
      {asked?.name === "report" && <Report session={session} message={asked.message} close={close} />}
      {asked?.name === "once" && <Once session={session} message={asked.message} close={close} />}
      {asked?.name === "safety" && peer !== undefined && <SafetyNumber session={session} user={peer} close={close} />}
      {asked?.name === "clear" && <InTheClear session={session} id={id} close={close} />}
      {asked?.name === "searchable" && <Searchable session={session} id={id} close={close} />}
      {asked?.name === "link" && <Linking session={session} what="show" close={close} />}
      {asked?.name === "group" && <GroupInfo session={session} id={id} close={close} />}
      {asked?.name === "poll" && <NewPoll session={session} id={id} close={close} />}
      {asked?.name === "disappearing" && <Disappearing session={session} id={id} close={close} />}
      {asked?.name === "later" && <SendLater session={session} id={id} text={asked.text} done={asked.done} close={close} />}
      {asked?.name === "block" && peer !== undefined && (
        <Confirm title={`Block ${peer}?`} action="Block" close={close} act={() => void session.privacy.block(peer).catch(context.fail)}>
          What {peer} sends in this conversation does not come to you, and neither of you sees whether the other is there. They are not told.
        </Confirm>
      )}
      {viewed && <LazyViewer session={session} messages={messages} first={viewed} close={() => setViewed(undefined)} />}
    </main>
  );
}

function Subtitle({ session, id, members }: { session: Session; id: string; members: readonly string[] }) {
  const peer = peerOf(id, session.me);
  const typing = session.typing.text(id);
  if (typing) return <span class="typing">{typing}</span>;
  if (peer === session.me) return <>Only you see this</>;
  if (peer === undefined) {
    const others = members.slice(1);
    return <>{others.length === 0 ? "Group" : `You${others.length > 0 ? `, ${others.slice(0, 6).join(", ")}` : ""}${others.length > 6 ? " and others" : ""}`}</>;
  }
  const presence = session.presence.value.get(peer);
  if (presence?.state === "online") return <>online</>;
  if (presence?.lastSeen) return <>last seen {dayOf(presence.lastSeen).toLowerCase()}, {timeOf(presence.lastSeen)}</>;
  return <>{presence?.state === "recently" ? "here lately" : ""}</>;
}

interface ChatMenuProps {
  session: Session;
  id: string;
  show: (panel: PanelName) => void;
  ask: (name: "block" | "disappearing" | "safety" | "clear" | "searchable") => void;
  /** Reports the other's latest message, where there is one. */
  report: (() => void) | undefined;
}

function ChatMenu({ session, id, show, ask, report }: ChatMenuProps) {
  const summary = session.summaries.value.get(id);
  const peer = peerOf(id, session.me);
  const set = (change: object) => void session.settings(id, change).catch((error: unknown) => session.say(reasonOf(error)));
  return (
    <Menu label="More" icon="more">
      <MenuItem icon="pin" onClick={() => show({ name: "pins" })}>Pinned messages</MenuItem>
      <MenuItem icon="thread" onClick={() => show({ name: "threads" })}>Threads</MenuItem>
      <MenuItem icon="clock" onClick={() => show({ name: "scheduled" })}>Scheduled messages</MenuItem>
      <hr />
      {summary?.muted
        ? <MenuItem icon="bell" onClick={() => set({ mutedUntil: null })}>Unmute</MenuItem>
        : (
          <>
            <MenuItem icon="mute" onClick={() => set({ mutedUntil: Date.now() + MUTE_MS })}>Mute for 8 hours</MenuItem>
            <MenuItem icon="mute" onClick={() => set({ mutedUntil: FOREVER })}>Mute always</MenuItem>
          </>
        )}
      <MenuItem icon="pin" onClick={() => set({ pinned: !summary?.pinned })}>{summary?.pinned ? "Unpin" : "Pin to the top"}</MenuItem>
      <MenuItem icon="file" onClick={() => set({ archived: !summary?.archived })}>{summary?.archived ? "Take out of the archive" : "Archive"}</MenuItem>
      {peer !== undefined && peer !== session.me && <MenuItem icon="shield" onClick={() => ask("safety")}>Safety number</MenuItem>}
      {!session.isEncrypted(id) && <MenuItem icon={session.security.clear.value.has(id) ? "lock" : "unlock"} onClick={() => ask("clear")}>{session.security.clear.value.has(id) ? "Encrypt from now on" : "Write without encryption"}</MenuItem>}
      {summary && !session.isEncrypted(id) && <MenuItem icon="search" onClick={() => ask("searchable")}>Search with the service</MenuItem>}
      {peer !== undefined && <MenuItem icon="clock" onClick={() => ask("disappearing")}>Disappearing messages</MenuItem>}
      {peer !== undefined && peer !== session.me && !session.privacy.blocked.value.has(peer) && <MenuItem icon="block" onClick={() => ask("block")}>Block {peer}</MenuItem>}
      {peer !== undefined && session.privacy.blocked.value.has(peer) && <MenuItem icon="block" onClick={() => void session.privacy.unblock(peer).catch((error: unknown) => session.say(reasonOf(error)))}>Unblock {peer}</MenuItem>}
      {peer !== undefined && report && <MenuItem icon="flag" onClick={report}>Report {peer}</MenuItem>}
    </Menu>
  );
}

/** What shows pictures and films is loaded when the first is looked at. */
function LazyViewer(props: ViewerProps) {
  const [Viewer, setViewer] = useState<FunctionComponent<ViewerProps>>();
  useEffect(() => {
    import("./viewer.tsx").then((found) => setViewer(() => found.Viewer), (error: unknown) => {
      props.session.say(reasonOf(error));
      props.close();
    });
  }, []);
  return Viewer ? <Viewer {...props} /> : null;
}
