/** This browser as a device: what it is called, and whether it is told of what comes. */
import { type http, type Http, path } from "@tidings/client";

type Schemas = http.components["schemas"];
export type Device = Schemas["DeviceInfo"];

/** Whether this browser shows what comes. */
export const NOTIFY = "tidings-notify";

export class ThisDevice {
  private isRegistered = false;

  constructor(private readonly http: Http, private readonly deviceId: string, private readonly me: string) {}

  /** All devices of the user. */
  all(): Promise<Schemas["DeviceList"]> {
    return this.http.call("GET", "/devices");
  }

  /** Asks to be shown what comes, also while the page is closed where this browser and the service can do that. */
  async enablePush(): Promise<"push" | "open"> {
    if (!("Notification" in window)) throw new Error("This browser shows no notifications.");
    if ((await Notification.requestPermission()) !== "granted") throw new Error("Notifications are blocked in this browser. Allow them in its settings.");
    localStorage.setItem(NOTIFY, "on");
    const { webPushKey } = await this.all();
    const registration = await navigator.serviceWorker.ready;
    if (!webPushKey || !registration.pushManager) return "open";
    const wanted = bytesOf(webPushKey);
    const before = await registration.pushManager.getSubscription();
    // One for another key is none that this service can sign for.
    if (before && !isSame(new Uint8Array(before.options?.applicationServerKey ?? new ArrayBuffer(0)), wanted)) await before.unsubscribe();
    await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: wanted });
    await this.register(true);
    return "push";
  }

  async disablePush(): Promise<void> {
    localStorage.setItem(NOTIFY, "off");
    const registration = await navigator.serviceWorker?.getRegistration();
    await (await registration?.pushManager?.getSubscription())?.unsubscribe();
    await this.register(true);
  }

  /** Says once at every start what this device is called, and where pushes go if they are wanted. */
  async register(again = false): Promise<void> {
    if (this.isRegistered && !again) return;
    const registration = await navigator.serviceWorker?.getRegistration();
    const subscription = (await registration?.pushManager?.getSubscription())?.toJSON();
    const push = subscription && { service: "webpush", subscription: { endpoint: subscription.endpoint, keys: subscription.keys } };
    const name = localStorage.getItem(this.nameKey) ?? browserName();
    await this.http.call("PUT", path`/devices/${this.deviceId}`, { body: { name, platform: "web", ...(push ? { push } : {}) } });
    this.isRegistered = true;
  }

  /** What this device is called in the user's list of devices. */
  async rename(name: string): Promise<void> {
    localStorage.setItem(this.nameKey, name);
    await this.register(true);
  }

  /** Nothing is to come here any more: the user signs out. A service that is away must not keep them from it. */
  async leave(): Promise<void> {
    await this.http.call("DELETE", path`/devices/${this.deviceId}`).catch(() => undefined);
    const registration = await navigator.serviceWorker?.getRegistration();
    await (await registration?.pushManager?.getSubscription())?.unsubscribe().catch(() => false);
    for (const name of [this.nameKey, NOTIFY]) localStorage.removeItem(name);
  }

  private get nameKey(): string {
    return `tidings-device-name-${this.me}`;
  }
}

export function browserName(): string {
  const browser = ["Edg", "OPR", "Firefox", "Chrome", "Safari"].find((name) => navigator.userAgent.includes(name)) ?? "Browser";
  const names: Record<string, string> = { Edg: "Edge", OPR: "Opera" };
  return names[browser] ?? browser;
}

function bytesOf(base64url: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64url.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
}

const isSame = (one: Uint8Array, other: Uint8Array) => one.length === other.length && one.every((byte, at) => byte === other[at]);
