/** Pictures and films of a conversation, large. Loaded when the first is looked at. */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { type Message, textOf } from "@tidings/client";
import { download, mediaOf } from "./message.tsx";
import { dayOf, IconButton, timeOf } from "./parts.tsx";
import type { Session } from "./session.ts";

const ZOOM_MAX = 6;
const ZOOM_STEP = 1.4;

export interface ViewerProps {
  session: Session;
  messages: readonly Message[];
  first: Message;
  close: () => void;
}

export function Viewer({ session, messages, first, close }: ViewerProps) {
  const all = useMemo(() => messages.filter((one) => one.mediaHandle && (one.kind === "image" || one.kind === "video") && !one.gone), [messages]);
  const [id, setId] = useState(first.messageId);
  const at = Math.max(0, all.findIndex((one) => one.messageId === id));
  const message = all[at] ?? first;
  const dialog = useRef<HTMLDialogElement>(null);
  const [zoom, setZoom] = useState(1);
  const name = mediaOf(message).name ?? (message.kind === "video" ? "Film" : "Photo");
  useLayoutEffect(() => dialog.current?.showModal(), []);
  useEffect(() => setZoom(1), [id]);
  const go = (step: number) => {
    const next = all[at + step];
    if (next) setId(next.messageId);
  };
  const keys = (event: KeyboardEvent) => {
    if ((event.target as HTMLElement).tagName === "VIDEO") return;
    const deed = { ArrowLeft: () => go(-1), ArrowRight: () => go(1), "+": () => zoomBy(ZOOM_STEP), "=": () => zoomBy(ZOOM_STEP), "-": () => zoomBy(1 / ZOOM_STEP), 0: () => setZoom(1) }[event.key];
    if (!deed) return;
    event.preventDefault();
    deed();
  };
  const zoomBy = (factor: number) => setZoom((now) => Math.min(ZOOM_MAX, Math.max(1, now * factor)));
  const text = textOf(message.payload);
  return (
    <dialog ref={dialog} class="viewer-frame" aria-label={name} onClose={close} onKeyDown={keys}>
      <header>
        <div class="grow"><h2>{name}</h2><p>{message.senderUserId === session.me ? "You" : message.senderUserId}, {dayOf(message.ts)}, {timeOf(message.ts)}</p></div>
        {message.kind === "image" && (
          <>
            <IconButton icon="minus" label="Smaller" disabled={zoom <= 1} onClick={() => zoomBy(1 / ZOOM_STEP)} />
            <IconButton icon="plus" label="Larger" disabled={zoom >= ZOOM_MAX} onClick={() => zoomBy(ZOOM_STEP)} />
          </>
        )}
        <IconButton icon="download" label="Download" onClick={() => void download(session, message, name).catch(() => undefined)} />
        <IconButton icon="close" label="Close" onClick={close} />
      </header>
      <Stage key={message.messageId} session={session} message={message} name={name} zoom={zoom} zoomBy={zoomBy} />
      {all.length > 1 && (
        <>
          <IconButton icon="back" label="Earlier" class="icon-button earlier" disabled={at === 0} onClick={() => go(-1)} />
          <IconButton icon="back" label="Later" class="icon-button later" disabled={at === all.length - 1} onClick={() => go(1)} />
        </>
      )}
      {text && <p class="caption">{text}</p>}
    </dialog>
  );
}

function Stage({ session, message, name, zoom, zoomBy }: { session: Session; message: Message; name: string; zoom: number; zoomBy: (factor: number) => void }) {
  const [address, setAddress] = useState<string>();
  const [hasFailed, setFailed] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const image = useRef<HTMLImageElement>(null);
  const drag = useRef<{ x: number; y: number; left: number; top: number } | undefined>(undefined);
  useEffect(() => {
    session.files.address(message).then(setAddress, () => setFailed(true));
  }, []);
  useLayoutEffect(() => {
    const { current } = image;
    const stage = box.current;
    if (!current || !stage) return;
    // As it fits, times the zoom: the policy of the page lets no style in but by script.
    const fits = Math.min(1, stage.clientWidth / current.naturalWidth, stage.clientHeight / current.naturalHeight);
    Object.assign(current.style, zoom > 1 ? { width: `${current.naturalWidth * fits * zoom}px`, maxWidth: "none", maxHeight: "none" } : { width: "", maxWidth: "", maxHeight: "" });
  }, [zoom]);
  if (hasFailed) return <p class="stage-note">{name} is not available.</p>;
  if (!address) return <div class="stage-note"><div class="spinner" role="status"><span class="visually-hidden">Loading</span></div></div>;
  if (message.kind === "video") return <div class="stage"><video controls autoplay src={address} aria-label={name} onError={() => setFailed(true)} /></div>;
  return (
    <div
      class={`stage ${zoom > 1 ? "zoomed" : ""}`} ref={box} tabIndex={0} role="group" aria-label="The picture"
      onWheel={(event) => { event.preventDefault(); zoomBy(Math.exp(-event.deltaY / 300)); }}
      onDblClick={() => zoomBy(zoom > 1 ? 1 / ZOOM_MAX : 2.5)}
      onPointerDown={(event) => {
        const { current } = box;
        if (zoom > 1 && current) drag.current = { x: event.clientX, y: event.clientY, left: current.scrollLeft, top: current.scrollTop };
      }}
      onPointerMove={(event) => {
        const { current } = box;
        if (!drag.current || !current) return;
        current.scrollLeft = drag.current.left + drag.current.x - event.clientX;
        current.scrollTop = drag.current.top + drag.current.y - event.clientY;
      }}
      onPointerUp={() => { drag.current = undefined; }} onPointerLeave={() => { drag.current = undefined; }}
    >
      <img
        ref={image} src={address} alt={name} draggable={false} onError={() => setFailed(true)}
      />
    </div>
  );
}
