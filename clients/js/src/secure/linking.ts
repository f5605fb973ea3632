/** Linking: a device that the user has had before sends another its history, and adds it to the groups. */
import type { http } from "../frames.ts";
import { path } from "../http.ts";
import { upload } from "../media.ts";
import { userOf } from "./device.ts";
import { type Directory, grouped } from "./directory.ts";
import { isOfAnother } from "./failures.ts";
import { fingerprintOf, LinkError, newLinkCode, parseLinkCode, revealLinkCode } from "./link.ts";
import type { Mailbox } from "./mailbox.ts";
import { download } from "./media.ts";
import type { Running } from "./running.ts";

type Schemas = http.components["schemas"];

const LOOK_EVERY_MS = 1_000;

export class Linking {
  private receiving: AbortController | undefined;

  constructor(private readonly run: Running, private readonly directory: Directory, private readonly mailbox: Mailbox) {}

  /** A code to link this device by. It is good for one archive. */
  async code(): Promise<string> {
    return revealLinkCode(await newLinkCode(this.run.deviceId, await this.run.opened().identityKey()));
  }

  /**
   * Links the device of a code, on a device that the user has had before: checks that the directory has the key that the new device has,
   * and sends it the history.
   */
  async link(text: string): Promise<string> {
    const code = await parseLinkCode(text);
    const me = userOf(this.run.own);
    if (code.deviceId === this.run.deviceId) throw new LinkError("This is the code of this device: show it to another.");
    const bundles = await this.run.http.call<Schemas["KeyBundles"]>("GET", path`/users/${me}/identities`);
    const bundle = bundles.devices.find(({ deviceId }) => deviceId === code.deviceId);
    if (!bundle) throw new LinkError("You have no such device: is it connected, and signed in as you?");
    if ((await fingerprintOf(bundle.identityKey)) !== code.fingerprint) {
      throw new LinkError("The service names another key for this device than the device itself: somebody may sit between.");
    }
    const archive = await this.run.opened().archive(code.secret);
    const blob = new Blob([archive], { type: "application/octet-stream" });
    const mediaHandle = await upload(this.run.http, `u:${me}|u:${me}`, blob);
    await this.mailbox.post(me, code.deviceId, "history", { v: 1, mediaHandle, size: archive.length });
    await this.directory.take(me, bundles);
    return code.deviceId;
  }

  /** Waits for the history that another device sends by this device's code, and takes it in; answers how many messages are new. */
  async receive(text: string, patienceMs: number): Promise<number> {
    const { secret } = await parseLinkCode(text);
    this.receiving?.abort();
    const receiving = new AbortController();
    this.receiving = receiving;
    for (const end = Date.now() + patienceMs; Date.now() < end;) {
      for (const mail of await this.mailbox.list()) {
        const place = mail.kind === "history" ? placeOf(mail.payload) : undefined;
        if (!place) continue;
        const archive = await download(this.run.http, place.mediaHandle, place.size);
        const restored = await this.run.opened().restore(secret, archive).catch((error: unknown) => {
          // Somebody else's, or an older one: it is left for whoever has its code.
          if (isOfAnother(error)) return undefined;
          throw error;
        });
        if (!restored) continue;
        await this.mailbox.acknowledge(mail);
        for (const [conversationId, entries] of grouped(restored.entries, (entry) => entry.conversationId)) {
          this.run.tell({ type: "entries", conversationId, entries });
        }
        return restored.messages;
      }
      await pause(LOOK_EVERY_MS, receiving.signal);
    }
    throw new LinkError("No other device has sent its history in time.");
  }

  /** Waits for no history any more. */
  stop(): void {
    this.receiving?.abort(new LinkError("Linking was cancelled."));
  }
}

function placeOf(payload: unknown): { mediaHandle: string; size: number } | undefined {
  let place = payload;
  try {
    if (typeof payload === "string") place = JSON.parse(payload);
  } catch {
    return undefined;
  }
  const { mediaHandle, size } = (typeof place === "object" && place !== null ? place : {}) as { mediaHandle?: unknown; size?: unknown };
  return typeof mediaHandle === "string" && typeof size === "number" ? { mediaHandle, size } : undefined;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    }, { once: true });
  });
}
