/** The keys of this device for the directory, and what is known of others' devices and their safety numbers. */
import { base64, type Bytes, fromBase64 } from "./bytes.ts";
import { type Device, type DeviceSet, userOf } from "./device.ts";
import type { Kept } from "./kept.ts";
import { KEY_PACKAGE_RENEW_SECONDS, KEY_PACKAGES, KEY_PACKAGES_LOW, WELCOME_GRACE_SECONDS } from "./limits.ts";
import * as mls from "./mls.ts";
import { names } from "./names.ts";
import { safetyNumber } from "./safety.ts";
import { type Reader, type Vault, VaultError } from "./vault.ts";

/** The keys for the directory. */
export interface KeyUpload {
  identityKey: string;
  keyPackages: string[];
  lastResort?: string;
}

/** A safety number that was compared. */
export interface Verified {
  digits: string;
  verifiedMs: number;
}

export class People {
  constructor(private readonly vault: Vault, private readonly identity: mls.Identity, private readonly kept: Kept) {}

  /** The keys to put into the directory, given what it has; none where that suffices. */
  keyUpload(directoryKey: string | undefined, count: number, hasLastResort: boolean): Promise<KeyUpload | undefined> {
    return this.kept.change(async (tx) => {
      const now = nowSeconds();
      const identityKey = base64(this.identity.publicKey);
      const all = await tx.list<mls.OwnKeyPackage>(names.keyPackages);
      const own = all.filter(([, one]) => one.notAfterSeconds + WELCOME_GRACE_SECONDS >= now);
      for (const entry of all) if (!own.includes(entry)) tx.delete(entry[0]);
      const isOver = (one: mls.OwnKeyPackage) => one.isReplaced || one.notAfterSeconds < now + KEY_PACKAGE_RENEW_SECONDS;
      const isNew = directoryKey !== identityKey || own.some(([, one]) => !one.isReplaced && isOver(one));
      const needsLast = isNew || !hasLastResort || !own.some(([, one]) => one.isLastResort && !isOver(one));
      if (!needsLast && count > KEY_PACKAGES_LOW) return undefined;
      // They stay for Welcomes that are on their way, and are no reason to make others once more.
      for (const [name, one] of own) if (isNew && !one.isReplaced) tx.put(name, { ...one, isReplaced: true });
      const make = async (isLastResort: boolean) => {
        const made = await mls.makeKeyPackage(this.identity, now, isLastResort);
        tx.put(names.keyPackage(made.own.reference), made.own);
        return made.payload;
      };
      const keyPackages: string[] = [];
      const wanted = KEY_PACKAGES - (isNew ? 0 : Math.min(count, KEY_PACKAGES));
      while (keyPackages.length < wanted) keyPackages.push(await make(false));
      return { identityKey, keyPackages, ...(needsLast ? { lastResort: await make(true) } : {}) };
    });
  }

  /**
   * Keeps what the directory says of a user's devices. Tells whether they are others than those that were seen before, and whether their
   * safety number had been compared.
   */
  setDevices(user: string, set: DeviceSet): Promise<{ hasChanged: boolean; wasVerified: boolean }> {
    return this.kept.change(async (tx) => {
      const before = await tx.get<DeviceSet>(names.devices(user));
      const wasVerified = (await this.verifiedIn(tx, user)) === true;
      tx.put(names.devices(user), set);
      const isOther = before !== undefined && Object.keys(before.devices).length > 0 && !isSameSet(before.devices, set.devices);
      return { hasChanged: isOther, wasVerified };
    });
  }

  /** What the directory last said of a user's devices. */
  devices(user: string): Promise<DeviceSet | undefined> {
    return this.vault.get<DeviceSet>(names.devices(user));
  }

  /** The 60 digits of the user and another, of the devices that the directory last named; none where it named none. */
  async safetyNumber(user: string): Promise<string | undefined> {
    return this.numberIn(this.vault, user);
  }

  private async numberIn(reader: Reader, user: string): Promise<string | undefined> {
    const me = userOf(this.identity.device);
    const [own, theirs] = [await reader.get<DeviceSet>(names.devices(me)), await reader.get<DeviceSet>(names.devices(user))];
    if (!own || !theirs || Object.keys(theirs.devices).length === 0) return undefined;
    const keys = (set: Record<Device, string>) => Object.values(set).map(bytesOf);
    const ours = { ...own.devices, [this.identity.device]: base64(this.identity.publicKey) };
    return safetyNumber([me, keys(ours)], [user, keys(theirs.devices)]);
  }

  /** Keeps that the user has compared the safety number with somebody: it is this one. */
  verify(user: string, digits: string): Promise<void> {
    return this.kept.change(async (tx) => tx.put(names.verified(user), { digits, verifiedMs: Date.now() } satisfies Verified));
  }

  /** Whether the number was compared and is the same still; none where it never was. */
  isVerified(user: string): Promise<boolean | undefined> {
    return this.verifiedIn(this.vault, user);
  }

  private async verifiedIn(reader: Reader, user: string): Promise<boolean | undefined> {
    const verified = await reader.get<Verified>(names.verified(user));
    return verified && (await this.numberIn(reader, user)) === verified.digits;
  }
}

export function bytesOf(text: string): Bytes {
  const bytes = fromBase64(text);
  if (!bytes) throw new VaultError("what is kept is not base64");
  return bytes;
}

export const nowSeconds = (): number => Math.floor(Date.now() / 1000);

function isSameSet(one: Record<string, string>, other: Record<string, string>): boolean {
  const devices = Object.keys(one);
  return devices.length === Object.keys(other).length && devices.every((device) => one[device] === other[device]);
}
