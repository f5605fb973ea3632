/** A service of encrypted conversations in memory: directory, mailbox, log with epochs. Its clients are devices with their keys. */
import type { LogEntry } from "../../../src/index.ts";
import { here } from "../../../src/secure/here.ts";
import { SecureClient, SecureStore, type SecureEvent } from "../../../src/secure/index.ts";
import type { ClientEvent, SocketLike } from "../../../src/index.ts";
import { fold, type Message } from "../../../src/index.ts";

interface Directory {
  version: number;
  devices: Map<string, { identityKey: string; packages: string[]; lastResort: string | undefined }>;
}
type Json = Record<string, any>;

const ok = (value: unknown) => new Response(JSON.stringify(value), { status: 200 });
const refused = (status: number, code: string, more: Json = {}) => (
  new Response(JSON.stringify({ type: "error", code, message: code, ...more }), { status }));

export class World {
  readonly id = Math.random().toString(36).slice(2);
  readonly logs = new Map<string, { epoch: number; entries: LogEntry[] }>();
  readonly directory = new Map<string, Directory>();
  readonly mailboxes = new Map<string, Json[]>();
  readonly sockets = new Map<string, WorldSocket>();
  readonly media = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly members = new Map<string, string[]>();
  /** Welcomes do not come. */
  losesWelcomes = false;
  calls: string[] = [];
  private ids = 0;

  log(conversation: string) {
    let log = this.logs.get(conversation);
    if (!log) this.logs.set(conversation, (log = { epoch: 0, entries: [] }));
    return log;
  }

  membersOf(conversation: string): string[] {
    const direct = /^u:([^|]+)\|u:(.+)$/.exec(conversation);
    return direct ? [...new Set(direct.slice(1))] : (this.members.get(conversation) ?? []);
  }

  user(user: string): Directory {
    let found = this.directory.get(user);
    if (!found) this.directory.set(user, (found = { version: 0, devices: new Map() }));
    return found;
  }

  changed(user: string, deviceId: string, change: string): void {
    for (const socket of this.sockets.values()) socket.say({ type: "device.changed", userId: user, deviceId, change });
  }

  post(user: string, device: string, mail: Json): void {
    this.ids += 1;
    const made = { ...mail, mailId: `mail-${this.ids}`, ts: Date.now() };
    const box = this.mailboxes.get(`${user}/${device}`) ?? [];
    this.mailboxes.set(`${user}/${device}`, [...box, made]);
    this.sockets.get(`${user}/${device}`)?.say({ type: "mailbox.new", ...made });
  }

  append(conversation: string, entry: Partial<LogEntry>): LogEntry {
    const log = this.log(conversation);
    const sequence = log.entries.length + 1;
    const made = {
      conversationId: conversation, messageId: `m${sequence}`, sequence, event: "message", kind: "text", ts: Date.now(), clientTs: Date.now(), ...entry,
    } as LogEntry;
    log.entries.push(made);
    for (const [name, socket] of this.sockets) {
      if (this.membersOf(conversation).includes(name.split("/")[0] ?? "")) socket.say({ type: "message.new", ...made });
    }
    return made;
  }

  /** A send or an edit; answers `message.sent` or an error. */
  write(user: string, device: string, frame: Json): Json {
    const log = this.log(frame.conversationId);
    const known = log.entries.find((one) => one.clientMsgId === frame.clientMsgId && one.senderDeviceId === device && one.senderUserId === user);
    const sent = (entry: LogEntry, duplicate: boolean) => ({
      type: "message.sent", conversationId: entry.conversationId, clientMsgId: entry.clientMsgId, messageId: entry.messageId, sequence: entry.sequence,
      ts: entry.ts, duplicate,
    });
    if (known) return sent(known, true);
    const stale = this.stale(frame.devices);
    if ((frame.epoch ?? 0) !== log.epoch) return { type: "error", code: "stale_epoch", message: "stale", details: { epoch: log.epoch } };
    if (stale) return { type: "error", code: "stale_devices", message: "stale", details: { users: stale } };
    const { payload, clientMsgId, mentions, kind } = frame;
    const isEdit = frame.type === "message.edit";
    return sent(this.append(frame.conversationId, {
      senderUserId: user, senderDeviceId: device, clientMsgId, payload, event: isEdit ? "edit" : "message", ...(kind ? { kind } : {}),
      ...(isEdit ? { targetMessageId: frame.messageId, targetSequence: frame.messageSequence } : {}),
      ...(mentions ? { mentions } : {}), ...(frame.epoch ? { epoch: frame.epoch } : {}),
    }), false);
  }

  private stale(devices: Record<string, number> = {}): Json | undefined {
    const found = Object.entries(devices).filter(([user, version]) => this.user(user).version !== version);
    return found.length > 0 ? Object.fromEntries(found.map(([user]) => [user, { version: this.user(user).version }])) : undefined;
  }

  commit(user: string, device: string, body: Json): Response {
    const log = this.log(body.conversationId);
    const known = log.entries.find((one) => one.clientMsgId === body.clientMsgId);
    if (!known) {
      if (log.epoch !== body.epoch) return refused(409, "stale_epoch", { details: { epoch: log.epoch } });
      const stale = this.stale(body.devices);
      if (stale) return refused(409, "stale_devices", { details: { users: stale } });
      log.epoch += 1;
      const entry = this.append(body.conversationId, {
        senderUserId: user, senderDeviceId: device, clientMsgId: body.clientMsgId, payload: body.payload, event: "commit", epoch: log.epoch,
        ...(body.mediaHandle ? { mediaHandle: body.mediaHandle } : {}),
      });
      for (const to of this.losesWelcomes ? [] : body.welcomed) {
        this.post(to.userId, to.deviceId, {
          kind: "welcome", fromUserId: user, fromDeviceId: device, conversationId: body.conversationId, sequence: entry.sequence,
          payload: body.mediaHandle ? null : body.welcome,
        });
      }
    }
    return ok({ type: "message.sent" });
  }

  fetchAs(user: string, device: string): typeof fetch {
    return async (input, init) => {
      const url = new URL(String(input));
      const parts = url.pathname.split("/").slice(2).map(decodeURIComponent);
      const method = init?.method ?? "GET";
      const body: Json = typeof init?.body === "string" ? JSON.parse(init.body) : {};
      this.calls.push(`${method} ${url.pathname}`);
      if (this.user(user).devices.get(device) === undefined && this.mailboxes.get(`${user}/${device}`)?.[0]?.["revoked"]) return refused(403, "forbidden");
      switch (`${method} ${parts[0]}`) {
        case "POST tickets":
          return ok({ ticket: "t" });
        case "GET sync": {
          const mine = [...this.logs].filter(([id]) => this.membersOf(id).includes(user));
          const conversations = mine.map(([conversationId, { epoch, entries }]) => (
            { conversationId, lastSequence: entries.length, deliveredUpTo: 0, readUpTo: 0, unread: 0, encrypted: epoch > 0 }));
          return ok({ conversations, next: "n", hasMore: false });
        }
        case "POST commits":
          return this.commit(user, device, body);
        case "GET devices":
        case "PUT devices": {
          const set = this.user(user);
          let mine = set.devices.get(device);
          if (method === "PUT") {
            if (mine?.identityKey !== body.identityKey) {
              mine = { identityKey: body.identityKey, packages: [], lastResort: undefined };
              set.devices.set(device, mine);
              set.version += 1;
              queueMicrotask(() => this.changed(user, device, "added"));
            }
            mine?.packages.push(...body["keyPackages"]);
            if (mine && body["lastResort"]) mine.lastResort = body["lastResort"];
          }
          return ok({ identityKey: mine?.identityKey, count: mine?.packages.length ?? 0, hasLastResort: mine?.lastResort !== undefined });
        }
        case "DELETE devices": {
          this.user(user).devices.delete(parts[1] ?? "");
          this.user(user).version += 1;
          this.changed(user, parts[1] ?? "", "removed");
          return new Response(null, { status: 204 });
        }
        case "GET users": {
          const set = this.user(parts[1] ?? "");
          const wanted = url.searchParams.get("deviceId")?.split(",");
          const devices = [...set.devices].filter(([id]) => wanted?.includes(id) ?? true).map(([deviceId, one]) => ({
            deviceId, identityKey: one.identityKey, ...(parts[2] === "keys" ? { keyPackage: one.packages.shift() ?? one.lastResort } : {}),
          }));
          return ok({ userId: parts[1], devicesVersion: set.version, devices });
        }
        case "GET mailbox":
          return ok({ mail: this.mailboxes.get(`${user}/${device}`) ?? [], hasMore: false, dropped: 0 });
        case "POST mailbox": {
          if (parts[1] === "acks") {
            const box = this.mailboxes.get(`${user}/${device}`) ?? [];
            this.mailboxes.set(`${user}/${device}`, box.filter((mail) => !body.mailIds.includes(mail.mailId)));
          } else this.post(parts[1] ?? "", parts[2] ?? "", { ...body, fromUserId: user, fromDeviceId: device });
          return new Response(null, { status: 204 });
        }
        case "GET groups":
          return ok({ members: this.membersOf(parts[1] ?? "").map((userId) => ({ userId, role: "member" })) });
        case "GET conversations": {
          const { entries } = this.log(parts[1] ?? "");
          const before = Number(url.searchParams.get("before") ?? Infinity);
          const since = Number(url.searchParams.get("since") ?? 0);
          const messages = entries.filter((one) => one.sequence > since && one.sequence < before).slice(0, Number(url.searchParams.get("limit") ?? 100));
          return ok({ messages, next: url.searchParams.has("before") ? 1 : (messages.at(-1)?.sequence ?? since), hasMore: false });
        }
        default:
          return refused(404, "not_found");
      }
    };
  }

  get latest(): LogEntry | undefined {
    return [...this.logs.values()].at(-1)?.entries.at(-1);
  }
}

export class WorldSocket implements SocketLike {
  onopen: SocketLike["onopen"] = null;
  onmessage: SocketLike["onmessage"] = null;
  onclose: SocketLike["onclose"] = null;
  onerror: SocketLike["onerror"] = null;
  private isOpen = false;

  constructor(private readonly world: World, private readonly user: string, private readonly device: string) {
    queueMicrotask(() => this.onopen?.(undefined as never));
  }

  say(frame: Json): void {
    const text = JSON.stringify(frame);
    setTimeout(() => { if (this.isOpen) this.onmessage?.({ data: text }); });
  }

  send(text: string): void {
    const frame: Json = JSON.parse(text);
    const { world, user, device } = this;
    const name = `${user}/${device}`;
    if (frame["type"] === "session.hello") {
      this.isOpen = true;
      world.sockets.set(name, this);
      this.say({
        type: "session.ready", userId: user, deviceId: device, resumeToken: "r", heartbeatSeconds: 60, sendWindow: 8, maxFrameBytes: 32768,
        reconnectBefore: 7_200_000, serverTs: 0, replyTo: frame["id"],
      });
      for (const [id, { entries }] of world.logs) {
        if (!world.membersOf(id).includes(user)) continue;
        for (const entry of entries.slice(frame["cursors"]?.[id] ?? 0)) this.say({ type: "message.new", ...entry });
      }
      for (const mail of world.mailboxes.get(name) ?? []) this.say({ type: "mailbox.new", ...mail });
      this.say({ type: "sync.complete", conversations: 0, replyTo: frame["id"] });
    } else if (frame["type"] === "message.send" || frame["type"] === "message.edit") {
      this.say({ ...world.write(user, device, frame), replyTo: frame["id"] });
    } else if (frame["type"] === "sync.pull") {
      const { entries } = world.log(frame["conversationId"]);
      this.say({ type: "sync.page", conversationId: frame["conversationId"], messages: entries.slice(frame["since"]), next: entries.length, hasMore: false, replyTo: frame["id"] });
    }
  }

  close(): void {
    this.isOpen = false;
    if (this.world.sockets.get(`${this.user}/${this.device}`) === this) this.world.sockets.delete(`${this.user}/${this.device}`);
    this.onclose?.(undefined as never);
  }
}

/** A device of a user. */
export class Phone {
  readonly events: ClientEvent[] = [];

  private constructor(readonly world: World, readonly user: string, readonly device: string, readonly store: SecureStore, readonly client: SecureClient) {
    client.on((event) => this.events.push(event));
  }

  static async start(world: World, user: string, device: string, store?: SecureStore): Promise<Phone> {
    const kept = store ?? (await SecureStore.inMemory(`${user}/${device}`));
    const client = new SecureClient({
      url: "http://world/v1", socketUrl: "ws://world/v1", deviceId: device, userId: user, token: async () => "t", store: kept, keys: here,
      fetch: world.fetchAs(user, device), connect: () => new WorldSocket(world, user, device),
    });
    const phone = new Phone(world, user, device, kept, client);
    await client.start();
    await client.publishKeys();
    return phone;
  }

  secure(): SecureEvent[] {
    return this.events.flatMap((event) => (event.type === "secure" ? [event.event] : []));
  }

  say(conversationId: string, text: string): Promise<string> {
    return this.client.send({ type: "message.send", conversationId, payload: text });
  }

  async messages(conversationId: string): Promise<Message[]> {
    return fold(await this.store.entries(conversationId, Number.MAX_SAFE_INTEGER, 1_000)).filter((one) => one.event === "message");
  }

  async texts(conversationId: string): Promise<unknown[]> {
    return (await this.messages(conversationId)).map((one) => (one.isEncrypted ? "…" : (one.payload as Json | null)?.["text"] ?? one.kind));
  }
}
