/** Where a message is written: text with mentions, files, polls, voice notes, now or later. */
import type { FunctionComponent } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { type Message, textOf } from "@tidings/client";
import { describe } from "./describe.ts";
import type { Context } from "./message.tsx";
import { Avatar, Icon, IconButton, Menu, MenuItem, sizeOf } from "./parts.tsx";

const TEXT_CHARS_MAX = 20_000;
const HEIGHT_PX_MAX = 160;
const SUGGESTIONS_MAX = 6;

interface Props {
  context: Context;
  replyTo?: Message | undefined;
  editing?: Message | undefined;
  clear: () => void;
  /** What was picked and waits to be sent with the text; a thread takes none. */
  files?: readonly File[];
  setFiles?: (files: readonly File[]) => void;
  threadRoot?: string;
  /** Whose names are offered after an @. */
  members?: readonly string[];
  makePoll?: () => void;
  sendLater?: (text: string, done: () => void) => void;
  editLast?: () => void;
}

export function Composer({ context, replyTo, editing, clear, files = [], setFiles, threadRoot, members = [], makePoll, sendLater, editLast }: Props) {
  const { session, id } = context;
  // What is sent later is kept by the service, which has no keys.
  const isEncrypted = session.security.protection(id, session.isEncrypted(id)) !== "clear";
  const [text, setText] = useState(() => (threadRoot ? "" : (session.drafts.value[id] ?? "")));
  const [Recorder, setRecorder] = useState<FunctionComponent<RecorderProps>>();
  const area = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const hasTyped = useRef(false);
  const names = useMentions(area, members, text, setText);
  // Both before the next key, and not when there is time: on a busy machine, what was written by then would be lost.
  useLayoutEffect(() => { if (matchMedia("(hover: hover)").matches) area.current?.focus(); }, [replyTo, editing, files.length]);
  useLayoutEffect(() => { if (editing) setText(textOf(editing.payload)); }, [editing]);
  useLayoutEffect(() => {
    if (!area.current) return;
    area.current.style.height = "auto";
    area.current.style.height = `${Math.min(area.current.scrollHeight, HEIGHT_PX_MAX)}px`;
    if (threadRoot || editing) return;
    session.setDraft(id, text);
    // A draft that is only taken up again is no typing.
    if (hasTyped.current) session.client.typing(id, text !== "");
  }, [text]);
  useEffect(() => () => { if (hasTyped.current) session.client.typing(id, false); }, []);
  const canSend = text.trim() !== "" || files.length > 0;
  const submit = () => {
    // What stands in the field: a key may come before the state has followed it.
    const trimmed = (area.current?.value ?? text).trim();
    if (trimmed === "" && files.length === 0) return;
    if (files.length > 0) {
      // What is said stands under the first.
      files.forEach((file, index) => session.files.send(id, file, index === 0 ? trimmed : ""));
      setFiles?.([]);
    } else if (editing) session.edit(editing, trimmed).catch(context.fail);
    else session.sendText(id, trimmed, { ...(replyTo ? { inReplyTo: replyTo.messageId } : {}), ...(threadRoot ? { threadRoot } : {}) }).catch(context.fail);
    setText("");
    if (area.current) area.current.value = "";
    clear();
  };
  const stopEditing = () => {
    if (editing) setText("");
    clear();
  };
  const record = () => void import("./recorder.tsx").then((found) => setRecorder(() => found.Recorder), context.fail);
  const keys = (event: KeyboardEvent) => {
    if (names.key(event)) return;
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      submit();
    } else if (event.key === "Escape" && (editing || replyTo || files.length > 0)) {
      event.preventDefault();
      setFiles?.([]);
      stopEditing();
    } else if (event.key === "ArrowUp" && area.current?.value === "" && editLast) {
      event.preventDefault();
      editLast();
    }
  };
  const aboutWhat = editing ?? replyTo;
  const label = threadRoot ? "Reply in the thread" : "Message";
  if (Recorder) {
    const end = () => setRecorder(undefined);
    return <div class="composer"><Recorder done={(file, about) => { end(); session.files.send(id, file, "", about); }} cancel={end} fail={context.fail} /></div>;
  }
  return (
    <form class="composer" onSubmit={(event) => { event.preventDefault(); submit(); }}>
      {aboutWhat && (
        <div class="about">
          <Icon name={editing ? "edit" : "reply"} />
          <span><b>{editing ? "Edit" : `Reply to ${aboutWhat.senderUserId === session.me ? "yourself" : aboutWhat.senderUserId}`}</b><span>{describe(aboutWhat)}</span></span>
          <IconButton icon="close" label="Cancel" onClick={stopEditing} />
        </div>
      )}
      {files.length > 0 && <Tray files={files} setFiles={(all) => setFiles?.(all)} />}
      {names.list}
      <div class="compose-row">
        {setFiles && !editing && (
          <>
            <input
              ref={picker} type="file" multiple hidden aria-label="Files to send"
              onChange={(event) => { setFiles([...files, ...(event.currentTarget.files ?? [])]); event.currentTarget.value = ""; }}
            />
            <Menu label="Add" icon="add" up>
              <MenuItem icon="attach" onClick={() => picker.current?.click()}>Photos and files</MenuItem>
              {makePoll && <MenuItem icon="poll" onClick={makePoll}>Poll</MenuItem>}
              {/* The service sends it then, so it cannot be sealed: the keys are on this device. */}
              {sendLater && !isEncrypted && <MenuItem icon="clock" disabled={text.trim() === "" || files.length > 0} onClick={() => sendLater(text.trim(), () => setText(""))}>Send later</MenuItem>}
            </Menu>
          </>
        )}
        <textarea
          ref={area} rows={1} aria-label={label} placeholder={files.length > 0 ? "Add a caption" : label} value={text} maxLength={TEXT_CHARS_MAX} {...names.area}
          onInput={(event) => { hasTyped.current = true; setText(event.currentTarget.value); names.look(); }} onKeyUp={names.look} onClick={names.look} onKeyDown={keys} onBlur={names.hide}
          onPaste={(event) => {
            const pasted = [...(event.clipboardData?.files ?? [])];
            if (pasted.length > 0 && setFiles && !editing) {
              event.preventDefault();
              setFiles([...files, ...pasted]);
            }
          }}
        />
        {canSend || editing || threadRoot || !setFiles
          ? <button class="icon-button send" aria-label="Send" title="Send" disabled={!canSend}><Icon name="send" /></button>
          : <IconButton icon="mic" label="Record a voice note" onClick={record} />}
      </div>
    </form>
  );
}

type RecorderProps = Parameters<typeof import("./recorder.tsx").Recorder>[0];

/** What was picked, before it is sent. */
function Tray({ files, setFiles }: { files: readonly File[]; setFiles: (files: readonly File[]) => void }) {
  return (
    <ul class="tray" aria-label="Files to be sent">
      {files.map((file, index) => (
        <li key={`${index}-${file.name}`}>
          <Thumbnail file={file} />
          <span><b>{file.name}</b><small>{sizeOf(file.size)}</small></span>
          <IconButton icon="close" label={`Do not send ${file.name}`} onClick={() => setFiles(files.filter((one) => one !== file))} />
        </li>
      ))}
    </ul>
  );
}

function Thumbnail({ file }: { file: File }) {
  const [address, setAddress] = useState<string>();
  useEffect(() => {
    if (!file.type.startsWith("image/")) return;
    const made = URL.createObjectURL(file);
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [file]);
  return address ? <img src={address} alt="" width="40" height="40" /> : <span class="file-icon"><Icon name="file" /></span>;
}

/** Names that are offered while an @ is written: chosen by arrows and Enter, or by a click. */
function useMentions(area: { current: HTMLTextAreaElement | null }, members: readonly string[], text: string, setText: (text: string) => void) {
  const [begun, setBegun] = useState<{ from: number; written: string }>();
  const [chosen, setChosen] = useState(0);
  // Where it is to stand when the text with the name is in the field.
  const caret = useRef<number | undefined>(undefined);
  useLayoutEffect(() => {
    if (caret.current !== undefined) area.current?.setSelectionRange(caret.current, caret.current);
    caret.current = undefined;
  }, [text]);
  const found = begun ? members.filter((one) => one.toLowerCase().startsWith(begun.written.toLowerCase())).slice(0, SUGGESTIONS_MAX) : [];
  // A name that is written out needs no offer: Enter sends.
  const isOpen = found.length > 1 || (found.length === 1 && found[0] !== begun?.written);
  const look = () => {
    const { current } = area;
    if (!current || members.length === 0) return;
    const before = current.value.slice(0, current.selectionStart);
    const match = /(?:^|[\s(])@([A-Za-z0-9._-]{0,64})$/.exec(before);
    const written = match?.[1];
    if (written === undefined) return setBegun(undefined);
    if (begun?.written !== written) setChosen(0);
    setBegun({ from: before.length - written.length, written });
  };
  const take = (name: string) => {
    const { current } = area;
    if (!begun || !current) return;
    const after = text.slice(begun.from + begun.written.length);
    const at = begun.from + name.length + 1;
    setText(`${text.slice(0, begun.from)}${name}${after.startsWith(" ") ? "" : " "}${after}`);
    setBegun(undefined);
    caret.current = at;
    current.focus();
  };
  const key = (event: KeyboardEvent): boolean => {
    if (!isOpen || event.isComposing) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const name = found[chosen];
    if (step) setChosen((chosen + step + found.length) % found.length);
    else if ((event.key === "Enter" || event.key === "Tab") && name !== undefined) take(name);
    else if (event.key === "Escape") setBegun(undefined);
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  };
  const list = isOpen && (
    <ul class="suggestions" id="mention-names" role="listbox" aria-label="People to mention">
      {found.map((name, index) => (
        <li
          key={name} id={`mention-${index}`} role="option" aria-selected={index === chosen}
          // Before the field loses the focus.
          onPointerDown={(event) => { event.preventDefault(); take(name); }}
        ><Avatar name={name} /><span>{name === "all" ? "all: everyone in the group" : name}</span></li>
      ))}
    </ul>
  );
  return {
    list, key, look, hide: () => setBegun(undefined),
    area: isOpen
      ? { "aria-autocomplete": "list" as const, "aria-controls": "mention-names", "aria-activedescendant": `mention-${chosen}` }
      : {},
  };
}
