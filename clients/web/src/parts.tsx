/** Small things that all views use. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

const ICONS = {
  back: "M15 5l-7 7 7 7", send: "M4 12l16-8-6 16-3-7z", attach: "M8 12l6-6a3 3 0 014 4l-8 8a5 5 0 01-7-7l8-8", close: "M6 6l12 12M18 6L6 18",
  add: "M12 5v14M5 12h14", group: "M9 11a3 3 0 100-6 3 3 0 000 6zm-6 8a6 6 0 0112 0M16 5a3 3 0 010 6m2 2a6 6 0 013 6",
  settings: "M4 7h10m4 0h2M4 17h2m4 0h10M14 4v6M6 14v6", search: "M11 18a7 7 0 100-14 7 7 0 000 14zm5-2l4 4", reply: "M9 7l-5 5 5 5M4 12h9a7 7 0 017 7",
  edit: "M4 20l4-1L19 8l-3-3L5 16zM14 7l3 3", remove: "M5 7h14M9 7V4h6v3m-8 0l1 13h8l1-13", pin: "M9 4h6l-1 6 3 3H7l3-3zM12 13v7",
  smile: "M12 21a9 9 0 100-18 9 9 0 000 18zM8 14a5 5 0 008 0M9 9h.01M15 9h.01", thread: "M5 5h14v10H11l-4 4v-4H5z", info: "M12 21a9 9 0 100-18 9 9 0 000 18zM12 11v6M12 7h.01",
  mute: "M6 9v6h4l5 4V5l-5 4zM18 9l4 6m0-6l-4 6", lock: "M6 11h12v9H6zM9 11V8a3 3 0 016 0v3", down: "M6 9l6 6 6-6", file: "M7 3h7l4 4v14H7zM14 3v4h4", retry: "M5 12a7 7 0 0112-5l2 2m0-5v5h-5M19 12a7 7 0 01-12 5l-2-2m0 5v-5h5",
} as const;

export function Icon({ name }: { name: keyof typeof ICONS }) {
  return <svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d={ICONS[name]} /></svg>;
}

/** A button that is an icon: its name is read aloud, and shown over it. */
export function IconButton({ icon, label, ...more }: { icon: keyof typeof ICONS; label: string } & JSX.IntrinsicElements["button"]) {
  return <button type="button" class="icon-button" aria-label={label} title={label} {...more}><Icon name={icon} /></button>;
}

export function Avatar({ name, isGroup = false, online = false }: { name: string; isGroup?: boolean; online?: boolean }) {
  const hue = [...name].reduce((sum, char) => (sum * 31 + (char.codePointAt(0) ?? 0)) % 8, 0);
  return (
    <span class={`avatar hue-${hue}`} aria-hidden="true">
      {isGroup ? <Icon name="group" /> : ([...name][0] ?? "?").toLocaleUpperCase()}
      {online && <span class="online" />}
    </span>
  );
}

/** A dialog of the platform: keeps the focus, ends by Escape. */
export function Dialog({ title, close, children, wide = false }: { title: string; close: () => void; children: ComponentChildren; wide?: boolean }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class={wide ? "wide" : ""} aria-label={title} onClose={close} onClick={(event) => event.target === dialog.current && close()}>
      <header class="dialog-head"><h2>{title}</h2><IconButton icon="close" label="Close" onClick={close} /></header>
      <div class="dialog-body">{children}</div>
    </dialog>
  );
}

const DAY_MS = 24 * 3600_000;
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const fullDate = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });

export const timeOf = (ts: number) => clock.format(ts);
const daysAgo = (ts: number) => Math.round((new Date().setHours(0, 0, 0, 0) - new Date(ts).setHours(0, 0, 0, 0)) / DAY_MS);

export function dayOf(ts: number): string {
  const days = daysAgo(ts);
  if (days <= 0) return "Today";
  if (days === 1) return "Yesterday";
  return days < 7 ? weekday.format(ts) : fullDate.format(ts);
}

export function shortTime(ts: number): string {
  const days = daysAgo(ts);
  if (days <= 0) return timeOf(ts);
  return days < 7 ? (days === 1 ? "Yesterday" : weekday.format(ts)) : date.format(ts);
}

export function sizeOf(bytes: number): string {
  return bytes < 1024 * 1024 ? `${Math.max(1, Math.round(bytes / 1024))} kB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

/** What went wrong, for the user. */
export function reasonOf(error: unknown): string {
  if (error instanceof TypeError) return "There is no connection. Try again when you are online.";
  return error instanceof Error ? error.message : "Something went wrong.";
}
