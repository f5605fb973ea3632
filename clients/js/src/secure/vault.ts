/**
 * What a device keeps, encrypted: values by name, each under AES-256-GCM with its name authenticated, by a key that leaves WebCrypto
 * never. Names are in the clear: which conversations there are and how many entries they have can be seen, and nothing of what is in them.
 *
 * All that changes together is one transaction of the database. Reads and ciphers come before it, for such a transaction ends when it
 * waits for anything else; so one at a time writes, and it holds a lock of the browser.
 */
import { type IDBPDatabase, openDB } from "idb";
import type { LocksLike } from "../tabs.ts";
import { type Bytes, concat, random, textOfUtf8, utf8 } from "./bytes.ts";

const KEY = "key";
const VALUES = "values";
const NONCE_BYTES = 12;
/** So long a tab that ends may hold the lock. */
const LOCK_PATIENCE_MS = 15_000;
/** The first byte of what is encrypted. */
const JSON_VALUE = 0;
const BYTES_VALUE = 1;

/** Something about the vault failed. */
export class VaultError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "VaultError";
  }
}

/** Where ciphertexts lie. */
export interface Backing {
  key: CryptoKey;
  get(name: string): Promise<Bytes | undefined>;
  /** The names that begin with this, in order; the last first where `backwards`. Of those before `before`, at most `limit`. */
  list(prefix: string, options: ListOptions): Promise<[name: string, sealed: Bytes][]>;
  names(prefix: string): Promise<string[]>;
  /** All or nothing, and durable when it is done. */
  write(changes: ReadonlyMap<string, Bytes | undefined>): Promise<void>;
  clear(): Promise<void>;
  close(): void;
}

export interface ListOptions {
  backwards?: boolean;
  before?: string;
  limit?: number;
}

/** Reads, and within {@link Vault.write} writes. */
export interface Reader {
  get<Value>(name: string): Promise<Value | undefined>;
  bytes(name: string): Promise<Bytes | undefined>;
  list<Value>(prefix: string, options?: ListOptions): Promise<[name: string, value: Value][]>;
  names(prefix: string): Promise<string[]>;
}

/** The values of one device. */
export class Vault implements Reader {
  private work: Promise<unknown> = Promise.resolve();
  private release: (() => void) | undefined;

  constructor(private readonly backing: Backing) {}

  /** Opens, or makes, the vault of that name in the browser's database. */
  static async open(name: string): Promise<Vault> {
    return new Vault(await IndexedBacking.open(name));
  }

  /** A vault that ends with its process, encrypted all the same. */
  static async inMemory(): Promise<Vault> {
    return new Vault(new MemoryBacking(await newKey()));
  }

  /** Makes this the one that writes, once no other does. */
  async lock(name: string, locks: LocksLike | undefined = globalThis.navigator?.locks as LocksLike | undefined): Promise<void> {
    if (!locks) return;
    const patience = AbortSignal.timeout(LOCK_PATIENCE_MS);
    await new Promise<void>((held, failed) => {
      locks.request(name, { signal: patience }, () => {
        held();
        return new Promise<void>((resolve) => (this.release = resolve));
      }).catch(() => failed(new VaultError("the keys of this device are in use elsewhere")));
    });
  }

  async get<Value>(name: string): Promise<Value | undefined> {
    const opened = await this.read(name, await this.backing.get(name));
    return opened as Value | undefined;
  }

  async bytes(name: string): Promise<Bytes | undefined> {
    const opened = await this.read(name, await this.backing.get(name));
    return opened instanceof Uint8Array ? (opened as Bytes) : undefined;
  }

  async list<Value>(prefix: string, options: ListOptions = {}): Promise<[name: string, value: Value][]> {
    const found = await this.backing.list(prefix, options);
    return Promise.all(found.map(async ([name, sealed]) => [name, (await this.read(name, sealed)) as Value]));
  }

  names(prefix: string): Promise<string[]> {
    return this.backing.names(prefix);
  }

  /** Changes what the work says, together, or nothing where it fails. One at a time. */
  write<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result> {
    const done = this.work.then(async () => {
      const transaction = new Transaction(this);
      const result = await work(transaction);
      const changes = [...transaction.changes].map(async ([name, value]) => (
        [name, value === undefined ? undefined : await this.seal(name, value)] as const));
      if (changes.length > 0) await this.backing.write(new Map(await Promise.all(changes)));
      return result;
    });
    this.work = done.catch(() => undefined);
    return done;
  }

  async clear(): Promise<void> {
    await this.work;
    await this.backing.clear();
  }

  close(): void {
    this.release?.();
    this.backing.close();
  }

  private async seal(name: string, value: unknown): Promise<Bytes> {
    const plain = value instanceof Uint8Array
      ? concat(new Uint8Array([BYTES_VALUE]), value)
      : concat(new Uint8Array([JSON_VALUE]), utf8(JSON.stringify(value)));
    const iv = random(NONCE_BYTES);
    const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: utf8(name) }, this.backing.key, plain);
    return concat(iv, new Uint8Array(sealed));
  }

  private async read(name: string, sealed: Bytes | undefined): Promise<unknown> {
    if (sealed === undefined) return undefined;
    const iv = sealed.slice(0, NONCE_BYTES);
    let plain: Bytes;
    try {
      plain = new Uint8Array(await crypto.subtle.decrypt(
        { name: "AES-GCM", iv, additionalData: utf8(name) }, this.backing.key, sealed.slice(NONCE_BYTES)));
    } catch {
      throw new VaultError(`what is kept as ${name} is damaged`);
    }
    return plain[0] === BYTES_VALUE ? plain.slice(1) : JSON.parse(textOfUtf8(plain.subarray(1)));
  }
}

/** Changes that are made together: what was written is what is read. */
export class Transaction implements Reader {
  readonly changes = new Map<string, unknown>();

  constructor(private readonly vault: Vault) {}

  async get<Value>(name: string): Promise<Value | undefined> {
    return this.changes.has(name) ? (this.changes.get(name) as Value | undefined) : this.vault.get<Value>(name);
  }

  async bytes(name: string): Promise<Bytes | undefined> {
    return this.changes.has(name) ? (this.changes.get(name) as Bytes | undefined) : this.vault.bytes(name);
  }

  async list<Value>(prefix: string): Promise<[name: string, value: Value][]> {
    const found = new Map(await this.vault.list<Value>(prefix));
    for (const [name, value] of this.changes) {
      if (!name.startsWith(prefix)) continue;
      if (value === undefined) found.delete(name);
      else found.set(name, value as Value);
    }
    return [...found].sort(([one], [other]) => (one < other ? -1 : 1));
  }

  async names(prefix: string): Promise<string[]> {
    const found = new Set(await this.vault.names(prefix));
    for (const [name, value] of this.changes) {
      if (name.startsWith(prefix)) found[value === undefined ? "delete" : "add"](name);
    }
    return [...found].sort();
  }

  put(name: string, value: unknown): void {
    if (value === undefined) throw new VaultError(`nothing is to be kept as ${name}`);
    this.changes.set(name, value);
  }

  delete(name: string): void {
    this.changes.set(name, undefined);
  }
}

function newKey(): Promise<CryptoKey> {
  return crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

class IndexedBacking implements Backing {
  private constructor(private readonly db: IDBPDatabase, readonly key: CryptoKey) {}

  static async open(name: string): Promise<IndexedBacking> {
    const db = await openDB(name, 1, {
      upgrade(made) {
        made.createObjectStore(KEY);
        made.createObjectStore(VALUES);
      },
    });
    const fresh = await newKey();
    // Of two tabs that open it first, one makes the key.
    const change = db.transaction(KEY, "readwrite");
    const kept: unknown = await change.store.get(KEY);
    if (kept === undefined) await change.store.put(fresh, KEY);
    await change.done;
    return new IndexedBacking(db, (kept ?? fresh) as CryptoKey);
  }

  get(name: string): Promise<Bytes | undefined> {
    return this.db.get(VALUES, name);
  }

  async list(prefix: string, { backwards = false, before, limit }: ListOptions): Promise<[string, Bytes][]> {
    const range = rangeOf(prefix, before);
    if (!range) return [];
    const { store } = this.db.transaction(VALUES);
    if (!backwards) {
      const [names, values] = await Promise.all([store.getAllKeys(range, limit), store.getAll(range, limit)]);
      return names.map((name, at) => [String(name), values[at] as Bytes]);
    }
    const found: [string, Bytes][] = [];
    let cursor = await store.openCursor(range, "prev");
    while (cursor && found.length < (limit ?? Infinity)) {
      found.push([String(cursor.key), cursor.value as Bytes]);
      cursor = await cursor.continue();
    }
    return found;
  }

  async names(prefix: string): Promise<string[]> {
    const range = rangeOf(prefix, undefined);
    return range ? (await this.db.getAllKeys(VALUES, range)).map(String) : [];
  }

  async write(changes: ReadonlyMap<string, Bytes | undefined>): Promise<void> {
    const change = this.db.transaction(VALUES, "readwrite", { durability: "strict" });
    const requests = [...changes].map(([name, value]) => (
      value === undefined ? change.store.delete(name) : change.store.put(value, name)));
    await Promise.all([...requests, change.done]);
  }

  async clear(): Promise<void> {
    await this.db.clear(VALUES);
  }

  close(): void {
    this.db.close();
  }
}

function rangeOf(prefix: string, before: string | undefined): IDBKeyRange | undefined {
  const end = before ?? `${prefix}\uffff`;
  return end > prefix ? IDBKeyRange.bound(prefix, end, false, true) : undefined;
}

class MemoryBacking implements Backing {
  private readonly values = new Map<string, Bytes>();

  constructor(readonly key: CryptoKey) {}

  async get(name: string): Promise<Bytes | undefined> {
    return this.values.get(name);
  }

  async list(prefix: string, { backwards = false, before, limit = Infinity }: ListOptions): Promise<[string, Bytes][]> {
    const found = [...this.values].filter(([name]) => name.startsWith(prefix) && (before === undefined || name < before));
    found.sort(([one], [other]) => (one < other ? -1 : 1));
    return (backwards ? found.reverse() : found).slice(0, limit);
  }

  async names(prefix: string): Promise<string[]> {
    return [...this.values.keys()].filter((name) => name.startsWith(prefix)).sort();
  }

  async write(changes: ReadonlyMap<string, Bytes | undefined>): Promise<void> {
    for (const [name, value] of changes) {
      if (value === undefined) this.values.delete(name);
      else this.values.set(name, value);
    }
  }

  async clear(): Promise<void> {
    this.values.clear();
  }

  close(): void {}
}
