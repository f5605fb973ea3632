import { afterEach, expect, it, vi } from "vitest";
import { Account } from "../../../src/secure/account.ts";
import type { Device } from "../../../src/secure/device.ts";
import { DAY_SECONDS, KEY_PACKAGES } from "../../../src/secure/limits.ts";
import { readKeyPackage } from "../../../src/secure/mls.ts";
import { Vault } from "../../../src/secure/vault.ts";

const device = "alice/web" as Device;
afterEach(() => void vi.useRealTimers());

it("keeps the directory supplied, and what is old replaced", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: 1_800_000_000_000 });
  const vault = await Vault.inMemory();
  const account = await Account.open(vault, device);
  const key = await account.identityKey();
  const first = await account.keyUpload(undefined, 0, false);
  expect([first?.keyPackages.length, first?.identityKey, typeof first?.lastResort]).toEqual([KEY_PACKAGES, key, "string"]);
  const now = () => Math.floor(Date.now() / 1000);
  const [payload = ""] = first?.keyPackages ?? [];
  await expect(readKeyPackage(payload, device, key, now())).resolves.toBeDefined();
  for (const [other, otherKey, at, why] of [
    ["alice/tablet", key, now(), "is one of alice/web"], [device, btoa("k".repeat(32)), now(), "another key"],
    [device, key, now() + 85 * DAY_SECONDS, "out of its lifetime"], [device, key, now() - DAY_SECONDS, "out of its lifetime"],
  ] as const) await expect(readKeyPackage(payload, other as Device, otherKey, at)).rejects.toThrow(why);
  const bytes = Uint8Array.from(atob(payload), (char) => char.charCodeAt(0));
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  await expect(readKeyPackage(btoa(String.fromCharCode(...bytes)), device, key, now())).rejects.toThrow("not valid");
  // There are enough, few, none of the last resort, and those of another device's.
  expect(await account.keyUpload(key, 60, true)).toBeUndefined();
  expect((await account.keyUpload(key, 20, true))?.keyPackages.length).toBe(KEY_PACKAGES - 20);
  expect(await account.keyUpload(key, 60, false)).toMatchObject({ lastResort: expect.any(String) });
  expect((await account.keyUpload("another", 60, true))?.keyPackages.length).toBe(KEY_PACKAGES);
  // After a month they are made anew, once; when their time is long over their private parts are destroyed.
  vi.setSystemTime(Date.now() + 30 * DAY_SECONDS * 1000);
  expect((await account.keyUpload(key, 100, true))?.keyPackages.length).toBe(KEY_PACKAGES);
  expect(await account.keyUpload(key, 100, true)).toBeUndefined();
  vi.setSystemTime(Date.now() + 90 * DAY_SECONDS * 1000);
  await account.keyUpload(key, 100, true);
  expect((await vault.names("package/")).length).toBe(2 * (KEY_PACKAGES + 1));
  const again = await Account.open(vault, device);
  expect(await again.identityKey()).toBe(key);
  await expect(Account.open(vault, "alice/other" as Device)).rejects.toThrow("the account is of alice/web");
});
