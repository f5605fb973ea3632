/** Whose devices there are, and with what keys: what the directory says, and what this device keeps there. */
import type { http } from "../frames.ts";
import { CallError, path } from "../http.ts";
import type { Offered } from "./account.ts";
import { fromBase64 } from "./bytes.ts";
import { type Device, deviceIdOf, deviceOf, type DeviceSet, userOf } from "./device.ts";
import { isOffline } from "./failures.ts";
import { KEY_PACKAGES_PER_CALL } from "./limits.ts";
import type { Running } from "./running.ts";

type Schemas = http.components["schemas"];

export class Directory {
  /** Users whose devices may be others than those that are known. */
  private readonly dirty = new Set<string>();
  private readonly asked = new Set<string>();
  private readonly members = new Map<string, string[]>();

  constructor(private readonly run: Running) {}

  /** The devices of a user may be others than those that are known. */
  doubt(user: string): void {
    this.dirty.add(user);
  }

  /** Who is in a conversation. */
  async membersOf(conversation: string): Promise<string[]> {
    const known = this.members.get(conversation);
    if (known) return known;
    const direct = /^u:([^|]+)\|u:(.+)$/.exec(conversation);
    const members = direct ? [...new Set(direct.slice(1))] : [];
    for (let after: string | undefined; !direct;) {
      const page = await this.run.http.call<{ members: { userId: string }[]; next?: string | null }>(
        "GET", path`/groups/${conversation}/members`, { query: { after } });
      members.push(...page.members.map(({ userId }) => userId));
      after = page.next ?? undefined;
      if (after === undefined) break;
    }
    this.members.set(conversation, members);
    return members;
  }

  /** Who is in a conversation may be others than those that are known. */
  forgetMembers(conversation: string): void {
    this.members.delete(conversation);
  }

  /** Asks the directory for the devices of these users, where they may have changed since it was asked last. */
  async ask(users: readonly string[]): Promise<void> {
    const due = users.filter((user) => this.dirty.has(user) || !this.asked.has(user));
    for (let at = 0; at < due.length; at += 8) await Promise.all(due.slice(at, at + 8).map((user) => this.fetch(user)));
  }

  async fetch(user: string): Promise<DeviceSet> {
    return this.take(user, await this.run.http.call<Schemas["KeyBundles"]>("GET", path`/users/${user}/identities`));
  }

  /** Keeps what the directory says, and tells where a safety number has changed. */
  async take(user: string, bundles: Schemas["KeyBundles"]): Promise<DeviceSet> {
    const set = setOf(user, bundles);
    const { hasChanged, wasVerified } = await this.run.opened().setDevices(user, set);
    this.dirty.delete(user);
    this.asked.add(user);
    if (hasChanged && user !== userOf(this.run.own)) this.run.say({ is: "safetyNumberChanged", userId: user, wasVerified });
    return set;
  }

  /** A key package of each device, out of the directory. */
  async packages(devices: readonly Device[], wanted: ReadonlyMap<Device, string>): Promise<Offered[]> {
    const offered: Offered[] = [];
    for (const [user, theirs] of grouped(devices, userOf)) {
      const bundles = await this.run.http.call<Schemas["KeyBundles"]>(
        "GET", path`/users/${user}/keys`, { query: { deviceId: theirs.map(deviceIdOf).join(",") } });
      for (const { deviceId, keyPackage } of bundles.devices) {
        const device = deviceOf(user, deviceId);
        const key = device && wanted.get(device);
        if (device && key !== undefined && keyPackage) offered.push({ device, key, payload: keyPackage });
      }
    }
    return offered;
  }

  /** Keeps the directory supplied with key packages of this device. False where it could not be reached. */
  async supply(): Promise<boolean> {
    const target = path`/devices/${this.run.deviceId}/keys`;
    try {
      const stock = await this.run.http.call<Schemas["KeyStock"]>("GET", target);
      const keys = await this.run.opened().keyUpload(stock.identityKey, stock.count, stock.hasLastResort);
      for (let at = 0; keys && (at === 0 || at < keys.keyPackages.length); at += KEY_PACKAGES_PER_CALL) {
        const { lastResort, ...upload } = { ...keys, keyPackages: keys.keyPackages.slice(at, at + KEY_PACKAGES_PER_CALL) };
        await this.run.http.call("PUT", target, { body: at === 0 && lastResort ? { ...upload, lastResort } : upload });
      }
      return true;
    } catch (error) {
      if (!(error instanceof CallError) && !isOffline(error)) throw error;
      return false;
    }
  }
}

/** What the directory says; a key that is none is left out, and its device is not encrypted for. */
function setOf(user: string, bundles: Schemas["KeyBundles"]): DeviceSet {
  const devices: Record<Device, string> = {};
  for (const { deviceId, identityKey } of bundles.devices) {
    const device = deviceOf(user, deviceId);
    if (device && fromBase64(identityKey)?.length === 32) devices[device] = identityKey;
  }
  return { version: bundles.devicesVersion, devices };
}

export function grouped<Item>(items: readonly Item[], by: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) groups.set(by(item), [...(groups.get(by(item)) ?? []), item]);
  return groups;
}
