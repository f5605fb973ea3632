/** A list of thousands, of which what is seen is in the page. */
import type { ComponentChildren, VNode } from "preact";
import { Component, createRef } from "preact";
import { Heights } from "./heights.ts";

/** Beyond the edges of what is seen, so that a fast wheel finds something there. */
const BESIDE_PX = 700;
const NEAR_END_PX = 48;

interface Props {
  /** Gets the list itself, to be told where to go: Preact 11 hands a `ref` to what it makes as any other property. */
  handle: { current: VirtualList | null };
  keys: readonly string[];
  /** One thing; the same vnode as before where nothing has changed spares the work. */
  row: (index: number) => ComponentChildren;
  guess: (key: string) => number;
  label: string;
  /** Stands at the end, and stays in view there. */
  tail?: ComponentChildren;
  empty?: ComponentChildren;
  /** The beginning is near. */
  reachedStart: () => void;
  /** How far it is from the end. */
  moved?: (atEnd: boolean) => void;
  onKeyDown?: (event: KeyboardEvent) => void;
}

interface State {
  start: number;
  end: number;
}

export class VirtualList extends Component<Props, State> {
  override state: State = { start: 0, end: 0 };
  private readonly box = createRef<HTMLDivElement>();
  private readonly inner = createRef<HTMLDivElement>();
  private readonly heights = new Heights((key) => this.props.guess(key));
  private atEnd = true;
  private isFirst = true;
  /**
   * What must not move while things around it get other heights: the end of the first that is seen, and how far it is from the top. Its beginning
   * may move, out of view: a day stands above the first of all, and above another one once older ones have come.
   */
  private anchor: { key: string; bottom: number } | undefined;
  /** Where it was scrolled to when that was noted. */
  private seenTop = 0;
  /** What was asked for, until the user scrolls: it is looked for again as heights become known. */
  private wanted: string | undefined;
  private watcher: ResizeObserver | undefined;
  private hasFocus = false;
  private frame = 0;

  override componentDidMount(): void {
    this.props.handle.current = this;
    this.watcher = new ResizeObserver(() => this.settle());
    if (this.box.current) this.watcher.observe(this.box.current);
    if (this.inner.current) this.watcher.observe(this.inner.current);
    this.settle();
  }

  /** Before anything moves: a turn of the wheel that was not told yet counts for where the user is. */
  override shouldComponentUpdate(): boolean {
    const box = this.box.current;
    if (box && Math.abs(box.scrollTop - this.seenTop) >= 1) this.note(box);
    return true;
  }

  override componentDidUpdate(): void {
    // What had the focus has left the page: the keyboard goes on from the list.
    if (this.hasFocus && document.activeElement === document.body) this.box.current?.focus({ preventScroll: true });
    this.settle();
  }

  override componentWillUnmount(): void {
    this.props.handle.current = null;
    this.watcher?.disconnect();
    cancelAnimationFrame(this.frame);
  }

  /** Shows the end, and stays there. */
  toEnd(): void {
    this.wanted = undefined;
    this.atEnd = true;
    this.anchor = undefined;
    this.settle();
  }

  /** Shows one thing in the middle; false where it is not in the list. */
  show(key: string): boolean {
    if (this.heights.indexOf(key) < 0) return false;
    this.wanted = key;
    this.atEnd = false;
    this.settle();
    return true;
  }

  /** Looks once more whether the beginning is near: what came may be nothing that is seen. */
  look(): void {
    this.reach();
  }

  private readonly scrolled = (): void => {
    // Once for each picture that is drawn, however often the wheel turns.
    if (this.frame !== 0) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      const box = this.box.current;
      if (!box) return;
      this.note(box);
      this.reach();
    });
  };

  private readonly touched = (): void => {
    this.wanted = undefined;
  };

  /** Keeps where the user is. */
  private note(box: HTMLElement): void {
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_END_PX;
    if (atEnd !== this.atEnd) {
      this.atEnd = atEnd;
      this.props.moved?.(atEnd);
    }
    const top = box.scrollTop;
    // It was not this list that scrolled: whoever did wants to be there.
    if (Math.abs(top - this.seenTop) >= 1) this.wanted = undefined;
    this.seenTop = top;
    const index = this.heights.at(top);
    const key = this.props.keys[index];
    this.anchor = key === undefined ? undefined : { key, bottom: this.heights.offset(index + 1) - top };
  }

  /** Puts what is to be seen into the page. */
  private reach(): void {
    const box = this.box.current;
    if (!box) return;
    const start = this.heights.at(box.scrollTop - BESIDE_PX);
    const end = Math.min(this.heights.length, this.heights.at(box.scrollTop + box.clientHeight + BESIDE_PX) + 1);
    this.hasFocus = this.inner.current?.contains(document.activeElement) ?? false;
    if (start !== this.state.start || end !== this.state.end) this.setState({ start, end });
    if (box.scrollTop < BESIDE_PX) this.props.reachedStart();
  }

  /** Measures what is in the page, and keeps what is seen where it was. */
  private settle(): void {
    const box = this.box.current;
    if (!box || box.clientHeight === 0) return;
    for (const row of box.querySelectorAll<HTMLElement>(":scope > div > [data-key]")) {
      this.heights.measured(row.dataset["key"] ?? "", row.getBoundingClientRect().height);
    }
    const inner = this.inner.current;
    const first = this.state.start;
    if (inner) {
      inner.style.paddingTop = `${this.heights.offset(first)}px`;
      inner.style.paddingBottom = `${Math.max(0, this.heights.total - this.heights.offset(this.state.end))}px`;
    }
    const place = this.placeOf(box);
    if (place !== undefined && Math.abs(place - box.scrollTop) >= 1) box.scrollTop = place;
    this.seenTop = box.scrollTop;
    if (this.isFirst && this.heights.length > 0) {
      this.isFirst = false;
      this.props.moved?.(this.atEnd);
    }
    this.reach();
  }

  private placeOf(box: HTMLElement): number | undefined {
    if (this.wanted !== undefined) {
      const index = this.heights.indexOf(this.wanted);
      if (index >= 0) return Math.max(0, this.heights.offset(index) - box.clientHeight / 3);
    }
    if (this.atEnd) return box.scrollHeight - box.clientHeight;
    if (!this.anchor) return undefined;
    const index = this.heights.indexOf(this.anchor.key);
    return index < 0 ? undefined : this.heights.offset(index + 1) - this.anchor.bottom;
  }

  override render({ keys, row, label, tail, empty, onKeyDown }: Props, { start, end }: State): VNode {
    this.heights.use(keys);
    const rows = [];
    for (let index = start; index < Math.min(end, keys.length); index += 1) rows.push(row(index));
    return (
      <div
        class="timeline" ref={this.box} tabIndex={0} role="log" aria-label={label} aria-live="off" onScroll={this.scrolled}
        onWheel={this.touched} onTouchMove={this.touched} onPointerDown={this.touched} onKeyDown={(event) => { this.touched(); onKeyDown?.(event); }}
      >
        {keys.length === 0 && empty}
        <div ref={this.inner} class="rows">{rows}</div>
        {tail}
      </div>
    );
  }
}
