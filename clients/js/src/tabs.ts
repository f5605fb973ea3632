/**
 * One device in several tabs: one of them is connected, and works for all.
 *
 * A device has one socket, so tabs that each made one would close each other's in turns. Who holds the lock of the device has the
 * client; the others hear its events and have it do what they are asked for. When it goes, another gets the lock.
 */
import { Client, type ClientConfig, type ClientEvent, type Outgoing, type Status } from "./client.ts";
import { RequestError } from "./engine.ts";
import type { ClientFrame, ConversationSummary, EntryFrame, ErrorFrame, LogEntry, ServerFrame } from "./frames.ts";
import { CallError, Http } from "./http.ts";
import { report } from "./report.ts";
import type { Store } from "./store.ts";

/** The part of `navigator.locks` that is used. */
export interface LocksLike {
  request(name: string, options: { signal?: AbortSignal }, held: () => Promise<unknown>): Promise<unknown>;
}

/** The part of a `BroadcastChannel` that is used. */
export interface ChannelLike {
  onmessage: ((event: { data: unknown }) => void) | null;
  postMessage(message: unknown): void;
  close(): void;
}

/** What is used of a {@link Client}, and of one that encrypts. */
export type ClientLike = Pick<
  Client, "status" | "on" | "start" | "stop" | "reconnect" | "send" | "pending" | "read" | "typing" | "setActive" | "watch" | "request" | "list" | "history"
>;

/** A client that tabs share. */
export interface SharedConfig extends ClientConfig {
  /** Makes the client of the tab that is connected; a {@link Client} where left out. */
  make?: (config: ClientConfig) => ClientLike;
  /** The store that the tabs have in common. */
  store: Store;
  /** Of user and device, the same in each tab. */
  name: string;
  /** The platform's where left out. */
  locks?: LocksLike;
  channel?: (name: string) => ChannelLike;
}

interface Refused {
  message: string;
  /** Of a refused call. */
  status?: number;
  body?: Partial<ErrorFrame> | undefined;
}
type Method = "send" | "request" | "list" | "history" | "ask";
/** What tabs say to each other. */
type Said =
  | { say: "leads"; status: Status }
  | { say: "event"; event: ClientEvent }
  | { say: "tab"; tab: string; isActive: boolean; watched: string[] }
  | { say: "read"; conversationId: string; upTo: number }
  | { say: "typing"; conversationId: string; active: boolean }
  | { say: "reconnect" }
  | { say: "call"; tab: string; id: number; method: Method; args: unknown[]; again: boolean }
  | { say: "answer"; tab: string; id: number; value?: unknown; refused?: Refused };

interface Waiting {
  method: Method;
  args: unknown[];
  resolve: (value: never) => void;
  reject: (error: unknown) => void;
}

/** A {@link Client} that all tabs of a browser have together; used like one. */
export class SharedClient {
  readonly http: Http;
  readonly store: Store;
  private readonly tab = crypto.randomUUID();
  private readonly channel: ChannelLike;
  private readonly locks: LocksLike;
  private readonly leaving = new AbortController();
  private readonly listeners = new Set<(event: ClientEvent) => void>();
  private readonly waiting = new Map<number, Waiting>();
  /** Up to where each conversation was told here. */
  private readonly told = new Map<string, number>();
  /** What the tabs want, where this one leads. */
  private readonly tabs = new Map<string, { isActive: boolean; watched: string[] }>();
  private client: ClientLike | undefined;
  private starting: ClientLike | undefined;
  private leave: (() => void) | undefined;
  private now: Status = { name: "stopped" };
  private isActive = true;
  private watched: string[] = [];
  private isStarted = false;
  private ids = 0;

  constructor(private readonly config: SharedConfig) {
    this.http = new Http(config);
    this.store = config.store;
    this.locks = config.locks ?? navigator.locks;
    this.channel = config.channel?.(config.name) ?? (new BroadcastChannel(config.name) as ChannelLike);
    this.channel.onmessage = ({ data }) => this.heard(data as Said);
  }

  get status(): Status {
    return this.now;
  }

  /** Whether this tab is the one that is connected. */
  get leads(): boolean {
    return this.client !== undefined;
  }

  /** Tells events until the answer is called. */
  on(listener: (event: ClientEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Takes up what the store has, and connects or listens to the tab that does. */
  async start(): Promise<void> {
    for (const { conversationId, held } of await this.store.places()) this.tellUpTo(conversationId, held);
    const { signal } = this.leaving;
    const failed = (error: unknown) => {
      if (signal.aborted) return;
      this.tellStatus({ name: "stopped" });
      report(error);
    };
    // Held as long as this tab lives: whoever leads learns so that it has gone.
    void this.locks.request(`${this.config.name}:${this.tab}`, { signal }, () => this.untilLeft()).catch(failed);
    this.isStarted = true;
    this.announce();
    void this.locks.request(this.config.name, { signal }, () => this.lead()).catch(failed);
  }

  /** Leaves; another tab takes over where this one was connected. It cannot be started again. */
  async stop(): Promise<void> {
    this.leaving.abort();
    await (this.client ?? this.starting)?.stop();
    this.leave?.();
    this.client = undefined;
    this.channel.onmessage = null;
    this.channel.close();
    for (const { reject } of this.waiting.values()) reject(new RequestError("the client is stopped"));
    this.waiting.clear();
    this.tellStatus({ name: "stopped" });
  }

  reconnect(): void {
    if (this.client) this.client.reconnect();
    else this.say({ say: "reconnect" });
  }

  /** As of {@link Client}. */
  async send(outgoing: Outgoing): Promise<string> {
    // Named here: whoever takes over from a tab that has gone asks for the same entry.
    const named = { clientMsgId: crypto.randomUUID(), ts: Date.now(), ...outgoing } as Outgoing;
    return this.call<string>("send", [named]);
  }

  pending(): Promise<EntryFrame[]> {
    return this.store.waiting?.() ?? this.store.pending();
  }

  /** Has the client of the tab that is connected do what no {@link Client} does, such as one that encrypts. */
  ask<Answer>(method: string, ...args: unknown[]): Promise<Answer> {
    return this.call("ask", [method, args]);
  }

  read(conversationId: string, upTo: number): void {
    if (this.client) this.client.read(conversationId, upTo);
    else this.say({ say: "read", conversationId, upTo });
  }

  /** The user is typing, or has stopped. */
  typing(conversationId: string, active: boolean): void {
    if (this.client) this.client.typing(conversationId, active);
    else this.say({ say: "typing", conversationId, active });
  }

  /** Whether the user is at this tab; they are there where they are at any. */
  setActive(isActive: boolean): void {
    this.isActive = isActive;
    this.announce();
  }

  /** Whose presence this tab wants told. */
  watch(users: Iterable<string>): void {
    this.watched = [...users];
    this.announce();
  }

  request(frame: ClientFrame): Promise<ServerFrame> {
    return this.call("request", [frame]);
  }

  list(): Promise<ConversationSummary[]> {
    return this.call("list", []);
  }

  history(conversationId: string, before: number, limit?: number): Promise<LogEntry[]> {
    return this.call("history", limit === undefined ? [conversationId, before] : [conversationId, before, limit]);
  }

  private say(said: Said): void {
    this.channel.postMessage(said);
  }

  private untilLeft(): Promise<void> {
    return new Promise((resolve) => this.leaving.signal.addEventListener("abort", () => resolve()));
  }

  /** This tab has the lock: it connects, for as long as it lives. */
  private async lead(): Promise<void> {
    if (this.leaving.signal.aborted) return;
    const left = new Promise<void>((resolve) => (this.leave = resolve));
    const client = this.config.make?.(this.config) ?? new Client(this.config);
    client.on((event) => this.led(event));
    await this.catchUp();
    // What this tab is asked for meanwhile waits. Where it cannot be started another tab may have more luck.
    this.starting = client;
    await client.start();
    this.starting = undefined;
    if (this.leaving.signal.aborted) return;
    this.client = client;
    this.announce();
    this.say({ say: "leads", status: client.status });
    for (const [id, waiting] of [...this.waiting]) {
      void this.run(waiting.method, waiting.args, true).then(
        (value) => this.answered(id, { value }), (error: unknown) => this.answered(id, { refused: refusedOf(error) }));
    }
    await left;
  }

  /** What the client of this tab tells is for all. */
  private led(event: ClientEvent): void {
    this.say({ say: "event", event });
    this.tell(event);
  }

  private tell(event: ClientEvent): void {
    if (event.type === "status") this.now = event.status;
    if (event.type === "entries") {
      const last = event.entries.at(-1)?.sequence ?? 0;
      this.tellUpTo(event.conversationId, last);
    }
    for (const listener of this.listeners) {
      try {
        listener(event);
      } catch (error) {
        report(error);
      }
    }
  }

  private tellStatus(status: Status): void {
    this.tell({ type: "status", status });
  }

  private tellUpTo(conversationId: string, sequence: number): void {
    this.told.set(conversationId, Math.max(this.told.get(conversationId) ?? 0, sequence));
  }

  /** What a tab stored and did not live to tell. */
  private async catchUp(): Promise<void> {
    for (const { conversationId, floor, held } of await this.store.places()) {
      const from = this.told.get(conversationId) ?? floor - 1;
      if (held <= from) continue;
      const entries = (await this.store.entries(conversationId, held + 1, held - from)).filter((one) => one.sequence > from);
      if (entries.length > 0) this.tell({ type: "entries", conversationId, entries });
    }
  }

  private announce(): void {
    const { tab, isActive, watched } = this;
    // Not before it has its lock: whoever leads would take it for gone.
    if (!this.isStarted) return;
    if (this.client) this.hear({ tab, isActive, watched });
    else this.say({ say: "tab", tab, isActive, watched });
  }

  /** What all tabs want together. */
  private hear({ tab, isActive, watched }: { tab: string; isActive: boolean; watched: string[] }): void {
    if (!this.tabs.has(tab) && tab !== this.tab) {
      // Free when that tab has gone, however it went.
      void this.locks.request(`${this.config.name}:${tab}`, { signal: this.leaving.signal }, async () => {
        this.tabs.delete(tab);
        this.want();
      }).catch(() => {});
    }
    this.tabs.set(tab, { isActive, watched });
    this.want();
  }

  private want(): void {
    const all = [...this.tabs.values()];
    this.client?.setActive(all.some(({ isActive }) => isActive));
    this.client?.watch(new Set(all.flatMap(({ watched }) => watched)));
  }

  private heard(said: Said): void {
    const { client } = this;
    switch (said.say) {
      case "leads":
        // It knows nothing of this tab, nor of what the one before was asked for.
        if (client) return;
        this.announce();
        this.tellStatus(said.status);
        void this.catchUp().catch(report);
        for (const [id, { method, args }] of this.waiting) this.say({ say: "call", tab: this.tab, id, method, args, again: true });
        return;
      case "event":
        return client ? undefined : this.tell(said.event);
      case "tab": {
        if (!client) return;
        const isNew = !this.tabs.has(said.tab);
        this.hear(said);
        if (isNew) this.say({ say: "event", event: { type: "status", status: client.status } });
        return;
      }
      case "read":
        return client?.read(said.conversationId, said.upTo);
      case "typing":
        return client?.typing(said.conversationId, said.active);
      case "reconnect":
        return client?.reconnect();
      case "call": {
        if (!client) return;
        const { tab, id } = said;
        void this.run(said.method, said.args, said.again).then(
          (value) => this.say({ say: "answer", tab, id, value }),
          (error: unknown) => this.say({ say: "answer", tab, id, refused: refusedOf(error) }));
        return;
      }
      case "answer":
        if (said.tab === this.tab) this.answered(said.id, said);
        return;
    }
  }

  private call<Answer>(method: Method, args: unknown[]): Promise<Answer> {
    if (this.leaving.signal.aborted) return Promise.reject(new RequestError("the client is stopped"));
    if (this.client) return this.run(method, args, false) as Promise<Answer>;
    return new Promise<Answer>((resolve, reject) => {
      this.ids += 1;
      this.waiting.set(this.ids, { method, args, resolve, reject });
      // Where none leads yet nobody hears it: it is said again to the one that does.
      this.say({ say: "call", tab: this.tab, id: this.ids, method, args, again: false });
    });
  }

  private answered(id: number, { value, refused }: { value?: unknown; refused?: Refused }): void {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (refused) waiting?.reject(errorOf(refused));
    else waiting?.resolve(value as never);
  }

  /** Has the client of this tab do something. */
  private async run(method: Method, args: unknown[], again: boolean): Promise<unknown> {
    const { client } = this;
    if (!client) throw new RequestError("the client is stopped");
    switch (method) {
      case "send": {
        const [outgoing] = args as [Outgoing & { clientMsgId: string }];
        // The one that has gone had queued it already.
        if (again && (await client.pending()).some((frame) => frame.clientMsgId === outgoing.clientMsgId)) return outgoing.clientMsgId;
        return client.send(outgoing);
      }
      case "request":
        return client.request(...(args as [ClientFrame]));
      case "list":
        return client.list();
      case "ask": {
        const [name, given] = args as [string, unknown[]];
        const work = (client as unknown as Record<string, unknown>)[name];
        if (typeof work !== "function") throw new RequestError(`the client has no ${name}`);
        return (work as (...given: unknown[]) => unknown).apply(client, given);
      }
      case "history":
        return client.history(...(args as [string, number]));
    }
  }
}

function refusedOf(error: unknown): Refused {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof CallError) return { message, status: error.status, body: error.body };
  return { message, body: error instanceof RequestError ? error.frame : undefined };
}

function errorOf({ message, status, body }: Refused): Error {
  if (status !== undefined) return new CallError(status, { ...body, message });
  return new RequestError(message, body as ErrorFrame | undefined);
}
