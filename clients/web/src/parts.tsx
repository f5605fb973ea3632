/** Small things that all views use. */
import { Component, type ComponentChildren, type FunctionComponent, type JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

const ICONS = {
  back: "M15 5l-7 7 7 7", send: "M4 12l16-8-6 16-3-7z", attach: "M8 12l6-6a3 3 0 014 4l-8 8a5 5 0 01-7-7l8-8", close: "M6 6l12 12M18 6L6 18",
  add: "M12 5v14M5 12h14", group: "M9 11a3 3 0 100-6 3 3 0 000 6zm-6 8a6 6 0 0112 0M16 5a3 3 0 010 6m2 2a6 6 0 013 6",
  settings: "M4 7.5h8.5m5 0H20M4 16.5h2.5m5 0H20M12.5 7.5a2.5 2.5 0 105 0 2.5 2.5 0 10-5 0M6.5 16.5a2.5 2.5 0 105 0 2.5 2.5 0 10-5 0", search: "M11 18a7 7 0 100-14 7 7 0 000 14zm5-2l4 4", reply: "M9 7l-5 5 5 5M4 12h9a7 7 0 017 7",
  edit: "M4 20l4-1L19 8l-3-3L5 16zM14 7l3 3", remove: "M5 7h14M9 7V4h6v3m-8 0l1 13h8l1-13", pin: "M9 4h6l-1 6 3 3H7l3-3zM12 13v7",
  smile: "M12 21a9 9 0 100-18 9 9 0 000 18zM8 14a5 5 0 008 0M9 9h.01M15 9h.01", thread: "M5 5h14v10H11l-4 4v-4H5z", info: "M12 21a9 9 0 100-18 9 9 0 000 18zM12 11v6M12 7h.01",
  forward: "M15 7l5 5-5 5M20 12h-9a7 7 0 00-7 7", more: "M11 5.5a1 1 0 102 0 1 1 0 10-2 0M11 12a1 1 0 102 0 1 1 0 10-2 0M11 18.5a1 1 0 102 0 1 1 0 10-2 0", star: "M12 4l2.5 5.2 5.5.8-4 4 1 5.7-5-2.8-5 2.8 1-5.7-4-4 5.5-.8z",
  copy: "M9 9h10v11H9zM5 15V4h10", clock: "M12 21a9 9 0 100-18 9 9 0 000 18zM12 7v5l3 2", poll: "M5 20V10m7 10V4m7 16v-7", mic: "M12 15a3 3 0 003-3V7a3 3 0 00-6 0v5a3 3 0 003 3zm-6-3a6 6 0 0012 0M12 18v3",
  play: "M8 5l11 7-11 7z", pause: "M8 5v14M16 5v14", stop: "M7 7h10v10H7z", download: "M12 4v11m-5-5l5 5 5-5M5 20h14", plus: "M11 18a7 7 0 100-14 7 7 0 000 14zm5-2l4 4M8 11h6m-3-3v6", minus: "M11 18a7 7 0 100-14 7 7 0 000 14zm5-2l4 4M8 11h6",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9h.01", bell: "M6 16V11a6 6 0 0112 0v5l2 2H4zM10 21h4", link: "M10 14a4 4 0 006 0l3-3a4 4 0 00-6-6l-1 1M14 10a4 4 0 00-6 0l-3 3a4 4 0 006 6l1-1",
  person: "M12 12a4 4 0 100-8 4 4 0 000 8zm-8 8a8 8 0 0116 0", check: "M5 12l5 5 9-10", eye: "M2 12s4-6 10-6 10 6 10 6-4 6-10 6S2 12 2 12zm10 3a3 3 0 100-6 3 3 0 000 6z", theme: "M12 3a9 9 0 100 18zM12 21a9 9 0 000-18",
  device: "M4 5h16v11H4zM2 20h20", block: "M12 21a9 9 0 100-18 9 9 0 000 18zM6 6l12 12", leave: "M14 4H5v16h9M10 12h10m-4-4l4 4-4 4",
  flag: "M6 21V4h11l-2 4 2 4H6",
  unlock: "M6 11h12v9H6zM9 11V8a3 3 0 015.6-1.5", shield: "M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6zM9 12l2 2 4-4",
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

/** A component that is drawn again only where one of its properties is another, or a signal that it reads. */
export function memo<Props extends object>(view: FunctionComponent<Props>): FunctionComponent<Props> {
  class Memo extends Component<Props> {
    override shouldComponentUpdate(next: Props): boolean {
      const before = this.props as Record<string, unknown>;
      const after = next as Record<string, unknown>;
      return Object.keys(after).some((name) => after[name] !== before[name]) || Object.keys(before).some((name) => !(name in after));
    }

    override render(): JSX.Element {
      const View = view as FunctionComponent<Record<string, unknown>>;
      return <View {...(this.props as Record<string, unknown>)} />;
    }
  }
  return Memo as unknown as FunctionComponent<Props>;
}

/** Whether a menu that would be cut off beneath its button has room above it. */
function fitsAbove(menu: HTMLElement | null): boolean {
  const list = menu?.querySelector(".menu-list")?.getBoundingClientRect();
  const frame = menu?.closest(".timeline")?.getBoundingClientRect();
  if (!menu || !list || !frame || list.bottom <= frame.bottom) return false;
  return menu.getBoundingClientRect().top - frame.top > list.height;
}

/** A button with a menu, by mouse and by keyboard: arrows, Home, End, Escape. */
export function Menu({ label, icon, children, up = false }: { label: string; icon: keyof typeof ICONS; children: ComponentChildren; up?: boolean }) {
  const [isOpen, setOpen] = useState(false);
  const [isAbove, setAbove] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const items = () => [...(box.current?.querySelectorAll<HTMLElement>("[role^=menuitem]") ?? [])];
  const close = (toButton: boolean) => {
    setOpen(false);
    if (toButton) box.current?.querySelector<HTMLElement>("button")?.focus();
  };
  useLayoutEffect(() => {
    if (!isOpen) return setAbove(false);
    setAbove(fitsAbove(box.current));
    items()[0]?.focus({ preventScroll: true });
  }, [isOpen]);
  useLayoutEffect(() => {
    if (!isOpen) return;
    const outside = (event: Event) => { if (!box.current?.contains(event.target as Node)) setOpen(false); };
    addEventListener("pointerdown", outside);
    return () => removeEventListener("pointerdown", outside);
  }, [isOpen]);
  const keys = (event: KeyboardEvent) => {
    const all = items();
    const at = all.indexOf(document.activeElement as HTMLElement);
    const next = { ArrowDown: at + 1, ArrowUp: at < 0 ? all.length - 1 : at - 1 + all.length, Home: 0, End: all.length - 1 }[event.key];
    if (event.key === "Escape" && isOpen) {
      event.preventDefault();
      event.stopPropagation();
      close(true);
    } else if (event.key === "Tab") setOpen(false);
    else if (isOpen && next !== undefined) {
      event.preventDefault();
      event.stopPropagation();
      all[next % all.length]?.focus();
    }
  };
  return (
    <div class={`menu ${up ? "up" : ""} ${isAbove ? "above" : ""}`} ref={box} onKeyDown={keys}>
      <button type="button" class="icon-button" aria-label={label} title={label} aria-haspopup="menu" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}><Icon name={icon} /></button>
      {isOpen && <div class="menu-list" role="menu" aria-label={label} onClick={() => close(true)}>{children}</div>}
    </div>
  );
}

export function MenuItem({ icon, children, ...more }: { icon?: keyof typeof ICONS; children: ComponentChildren } & JSX.IntrinsicElements["button"]) {
  return <button type="button" role="menuitem" tabIndex={-1} {...more}>{icon && <Icon name={icon} />}<span>{children}</span></button>;
}

/** Pages behind tabs: one at a time, chosen by arrows too. */
export function Tabs({ tabs, label }: { tabs: readonly { name: string; icon: keyof typeof ICONS; view: () => ComponentChildren }[]; label: string }) {
  const [chosen, setChosen] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const step = (event: KeyboardEvent) => {
    const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!move) return;
    event.preventDefault();
    const next = (chosen + move + tabs.length) % tabs.length;
    setChosen(next);
    list.current?.querySelectorAll<HTMLElement>("[role=tab]")[next]?.focus();
  };
  return (
    <div class="tabs">
      <div class="tab-list" role="tablist" aria-label={label} ref={list} onKeyDown={step}>
        {tabs.map((tab, index) => (
          <button
            type="button" key={tab.name} role="tab" id={`tab-${tab.name}`} aria-selected={index === chosen} aria-controls={`page-${tab.name}`}
            tabIndex={index === chosen ? 0 : -1} onClick={() => setChosen(index)}
          ><Icon name={tab.icon} /><span>{tab.name}</span></button>
        ))}
      </div>
      {tabs.map((tab, index) => (
        <div key={tab.name} class="tab-page" role="tabpanel" id={`page-${tab.name}`} aria-labelledby={`tab-${tab.name}`} hidden={index !== chosen} tabIndex={0}>
          {index === chosen && tab.view()}
        </div>
      ))}
    </div>
  );
}

/** What is asked for before something cannot be taken back. */
export function Confirm({ title, children, action, act, close }: { title: string; children: ComponentChildren; action: string; act: () => void; close: () => void }) {
  return (
    <Dialog title={title} close={close}>
      <p>{children}</p>
      <div class="row end"><button type="button" onClick={close}>Cancel</button><button type="button" class="danger solid" onClick={() => { close(); act(); }}>{action}</button></div>
    </Dialog>
  );
}

/** A dialog of the platform: keeps the focus, ends by Escape. */
export function Dialog({ title, close, children, wide = false }: { title: string; close: () => void; children: ComponentChildren; wide?: boolean }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => dialog.current?.showModal(), []);
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

export function durationOf(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

export const timeOf = (ts: number) => clock.format(ts);
const daysAgo = (ts: number) => Math.round((new Date().setHours(0, 0, 0, 0) - new Date(ts).setHours(0, 0, 0, 0)) / DAY_MS);

export function dayOf(ts: number): string {
  const days = daysAgo(ts);
  if (days === 0) return "Today";
  if (days === -1) return "Tomorrow";
  if (days < 0) return fullDate.format(ts);
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
