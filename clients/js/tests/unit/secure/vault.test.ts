import "fake-indexeddb/auto";
import { expect, it } from "vitest";
import { type Bytes, hex, textOfUtf8 } from "../../../src/secure/bytes.ts";
import { type Backing, Vault, VaultError } from "../../../src/secure/vault.ts";

it("keeps what was written together, and nothing of what failed", async () => {
  const vault = await Vault.open("together");
  await vault.write(async (tx) => {
    tx.put("a/1", { text: "one" });
    tx.put("a/2", new Uint8Array([1, 2, 3]));
    expect(await tx.get("a/1")).toEqual({ text: "one" });
    expect(await tx.names("a/")).toEqual(["a/1", "a/2"]);
  });
  await expect(vault.write(async (tx) => {
    tx.put("a/1", "lost");
    tx.delete("a/2");
    expect(await tx.names("a/")).toEqual(["a/1"]);
    throw new Error("no");
  })).rejects.toThrow("no");
  vault.close();
  const again = await Vault.open("together");
  expect(await again.get("a/1")).toEqual({ text: "one" });
  expect(await again.bytes("a/2")).toEqual(new Uint8Array([1, 2, 3]));
  expect((await again.list("a/", { backwards: true, limit: 1 })).map(([name]) => name)).toEqual(["a/2"]);
  expect((await again.list("a/", { before: "a/2" })).map(([name]) => name)).toEqual(["a/1"]);
  await again.clear();
  expect(await again.names("")).toEqual([]);
  again.close();
});

it("has no plaintext in its database, and a key that nobody takes out of it", async () => {
  const vault = await Vault.open("hidden");
  await vault.write(async (tx) => tx.put("entry/u:alice|u:bob/1", { payload: "attack at dawn" }));
  vault.close();
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open("hidden");
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const all = (store: string) => new Promise<unknown[]>((resolve) => {
    const request = database.transaction(store).objectStore(store).getAll();
    request.onsuccess = () => resolve(request.result);
  });
  const [value] = (await all("values")) as [Bytes];
  expect(hex(value)).not.toContain(hex(new TextEncoder().encode("dawn")));
  const [key] = (await all("key")) as [CryptoKey];
  expect(key.extractable).toBe(false);
  await expect(crypto.subtle.exportKey("raw", key)).rejects.toThrow();
  database.close();
});

it("opens nothing that was changed or moved", async () => {
  const values = new Map<string, Bytes>();
  const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  const backing: Backing = {
    key, get: async (name) => values.get(name), list: async () => [...values], names: async () => [...values.keys()],
    write: async (changes) => changes.forEach((value, name) => (value ? values.set(name, value) : values.delete(name))),
    clear: async () => values.clear(), close: () => {},
  };
  const vault = new Vault(backing);
  await vault.write(async (tx) => tx.put("one", "first"));
  const sealed = values.get("one") ?? new Uint8Array();
  values.set("two", sealed);
  await expect(vault.get("two")).rejects.toThrow(VaultError);
  values.set("one", sealed.map((byte, at) => (at === sealed.length - 1 ? byte ^ 1 : byte)));
  await expect(vault.get("one")).rejects.toThrow("what is kept as one is damaged");
  expect(() => textOfUtf8(sealed)).toThrow();
});

it("is written by one at a time", async () => {
  const locks = { request: async (_: string, options: { signal?: AbortSignal }, held: () => Promise<unknown>) => {
    if (taken) throw new DOMException("in use", String(options.signal?.aborted));
    taken = true;
    await held();
    taken = false;
  } };
  let taken = false;
  const [one, other] = [await Vault.inMemory(), await Vault.inMemory()];
  await one.lock("device", locks);
  await expect(other.lock("device", locks)).rejects.toThrow("in use elsewhere");
  one.close();
  await new Promise((resolve) => setTimeout(resolve));
  await other.lock("device", locks);
});
