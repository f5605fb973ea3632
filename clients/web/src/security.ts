/** What encryption shows of one user's device, and what can be done about it. */
import { signal } from "@preact/signals";
import { type ClientConfig, type ClientLike, type http, type Message, path, type SharedClient, SharedClient as Shared } from "@tidings/client";
import { type Attachment, inWorker, openSealed, SecureClient, type SecureEvent, SecureStore, uploadSealed, type Waiting } from "@tidings/client/secure";

type Schemas = http.components["schemas"];

/** How it stands with a safety number. */
export type Trust = "unknown" | "verified" | "changed";

/** Whether what is written in a conversation is encrypted. */
export type Protection = "encrypted" | "clear" | "new";

/** Linking waits this long for the other device. */
export const LINK_PATIENCE_MS = 10 * 60_000;
/** Content that was opened stays so long, for whoever scrolls back to it. */
const OPENED_MAX = 60;
/** Until the next message, how often a change of somebody's devices is told. */
const CHANGES_KEPT = "tidings-key-changes";

/** The client of all tabs of this browser, whose conversations are encrypted. */
export async function openSecurely(config: ClientConfig, userId: string, name: string): Promise<SharedClient> {
  const store = await SecureStore.open(name);
  const keys = inWorker(() => new Worker(new URL("./keys.worker.ts", import.meta.url), { type: "module" }));
  const make = (shared: ClientConfig): ClientLike => new SecureClient({ ...shared, store, userId, keys });
  return new Shared({ ...config, store, name, make });
}

export class Security {
  /** What conversations wait for. */
  readonly waiting = signal<ReadonlyMap<string, Waiting>>(new Map());
  /** Users whose devices have changed, and whether their safety number had been compared; until the user has seen it. */
  readonly changed = signal<ReadonlyMap<string, boolean>>(new Map());
  readonly trust = signal<ReadonlyMap<string, Trust>>(new Map());
  /** Conversations that the user wants in the clear. */
  readonly clear = signal<ReadonlySet<string>>(new Set());
  /** Conversations whose groups this device knows, which the service may not say of yet. */
  private readonly grouped = signal<ReadonlySet<string>>(new Set());
  private readonly opened = new Map<string, Promise<string>>();

  constructor(private readonly client: SharedClient, private readonly me: string, private readonly say: (text: string) => void) {
    this.changed.value = new Map(JSON.parse(localStorage.getItem(this.kept) ?? "[]") as [string, boolean][]);
    client.on((event) => { if (event.type === "secure") this.heard(event.event); });
  }

  /** Where changes are kept that the user has not seen. */
  get kept(): string {
    return `${CHANGES_KEPT}-${this.me}`;
  }

  private heard(event: SecureEvent): void {
    switch (event.is) {
      case "waiting": {
        const waiting = new Map(this.waiting.value);
        if (event.reason) waiting.set(event.conversationId, event.reason);
        else waiting.delete(event.conversationId);
        this.waiting.value = waiting;
        return;
      }
      case "joined":
      case "devices":
        this.grouped.value = new Set(this.grouped.value).add(event.conversationId);
        return;
      case "safetyNumberChanged":
        this.setChanged(new Map(this.changed.value).set(event.userId, event.wasVerified || (this.changed.value.get(event.userId) ?? false)));
        void this.look(event.userId);
        return;
      case "failed":
        return this.say(event.message);
      default:
        return;
    }
  }

  private setChanged(changed: ReadonlyMap<string, boolean>): void {
    this.changed.value = changed;
    localStorage.setItem(this.kept, JSON.stringify([...changed]));
  }

  /** The user has seen that somebody's devices have changed. */
  dismiss(user: string): void {
    const changed = new Map(this.changed.value);
    changed.delete(user);
    this.setChanged(changed);
  }

  /** Looks up what is known of a conversation that is opened. */
  async follow(id: string, peer: string | undefined): Promise<void> {
    const isClear = await this.client.ask<boolean>("isClear", id);
    if (isClear !== this.clear.value.has(id)) {
      const clear = new Set(this.clear.value);
      clear[isClear ? "add" : "delete"](id);
      this.clear.value = clear;
    }
    if (peer !== undefined && peer !== this.me) await this.look(peer);
  }

  private async look(user: string): Promise<void> {
    const isVerified = await this.client.ask<boolean | undefined>("isVerified", user);
    this.trust.value = new Map(this.trust.value).set(user, isVerified === undefined ? "unknown" : isVerified ? "verified" : "changed");
  }

  /** What is said of a conversation: `isEncrypted` is the service's word that it is. */
  protection(id: string, isEncrypted: boolean): Protection {
    if (isEncrypted || this.grouped.value.has(id)) return "encrypted";
    return this.clear.value.has(id) ? "clear" : "new";
  }

  async setClear(id: string, isClear: boolean): Promise<void> {
    await this.client.ask("setClear", id, isClear);
    await this.follow(id, undefined);
  }

  /** The 60 digits to compare with somebody; none where they have no device. */
  safetyNumber(user: string): Promise<string | undefined> {
    return this.client.ask("safetyNumber", user);
  }

  async verify(user: string, digits: string): Promise<void> {
    await this.client.ask("verify", user, digits);
    await this.look(user);
    this.dismiss(user);
  }

  async revoke(deviceId: string): Promise<void> {
    await this.client.ask("revokeDevice", deviceId);
  }

  linkCode(): Promise<string> {
    return this.client.ask("linkCode");
  }

  receiveHistory(code: string): Promise<number> {
    return this.client.ask("receiveHistory", code, LINK_PATIENCE_MS);
  }

  stopReceiving(): Promise<void> {
    return this.client.ask("stopReceiving");
  }

  link(code: string): Promise<string> {
    return this.client.ask("link", code);
  }

  /** The identity keys that the service names for a user's devices, to tell devices with keys from others. */
  async keysOf(user: string): Promise<ReadonlyMap<string, string>> {
    const { devices } = await this.client.http.call<Schemas["KeyBundles"]>("GET", path`/users/${user}/identities`);
    return new Map(devices.map((one) => [one.deviceId, one.identityKey]));
  }

  /** Whether content that goes to this conversation is sealed. */
  async seals(id: string): Promise<boolean> {
    return !(await this.client.ask<boolean>("isClear", id)) || (await this.client.ask<string>("membership", id)) !== "none";
  }

  upload(
    id: string, content: Blob, name: string | undefined, progress: (part: number) => void, signal?: AbortSignal,
  ): Promise<{ mediaHandle: string; media: Attachment }> {
    return uploadSealed(this.client.http, id, content, name, progress, signal);
  }

  /** Content that was sealed, as an address of this page's. */
  address(message: Message): Promise<string> {
    const handle = message.mediaHandle ?? "";
    const known = this.opened.get(handle);
    if (known) return known;
    const address = this.content(message).then((content) => URL.createObjectURL(content));
    this.opened.set(handle, address);
    address.catch(() => this.opened.delete(handle));
    for (const [oldest, url] of this.opened) {
      if (this.opened.size <= OPENED_MAX) break;
      this.opened.delete(oldest);
      void url.then((made) => URL.revokeObjectURL(made), () => undefined);
    }
    return address;
  }

  /** Content that was sealed. */
  content(message: Message): Promise<Blob> {
    const { media } = (message.payload ?? {}) as { media?: Attachment };
    if (!media || !message.mediaHandle) throw new Error("The content is not there.");
    return openSealed(this.client.http, message.mediaHandle, media);
  }
}

/** Whether a message's content is sealed. */
export function isSealed(message: Message): boolean {
  const { media } = (message.payload ?? {}) as { media?: { sealing?: unknown } };
  return media?.sealing !== undefined;
}
