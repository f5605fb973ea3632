/** Whom the user does not hear, who may write to them, and what they report. */
import { signal } from "@preact/signals";
import { type http, type Http, type Message, path } from "@tidings/client";

type Schemas = http.components["schemas"];
export type Ground = Schemas["ReportGround"];

const PAGES_MAX = 10;

export class Privacy {
  /** Whom the user has blocked. */
  readonly blocked = signal<ReadonlySet<string>>(new Set());

  constructor(private readonly calls: Http) {}

  async load(): Promise<void> {
    const found = new Set<string>();
    let after: string | undefined;
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const { blocks, next } = await this.calls.call<Schemas["BlockPage"]>("GET", "/blocks", { query: { after } });
      for (const one of blocks) found.add(one.userId);
      after = next;
      if (after === undefined) break;
    }
    this.blocked.value = found;
  }

  async block(user: string): Promise<void> {
    await this.calls.call("PUT", path`/blocks/${user}`);
    this.blocked.value = new Set(this.blocked.value).add(user);
  }

  async unblock(user: string): Promise<void> {
    await this.calls.call("DELETE", path`/blocks/${user}`);
    this.blocked.value = new Set([...this.blocked.value].filter((one) => one !== user));
  }

  /** Lets a stranger write. */
  async accept(user: string): Promise<void> {
    await this.calls.call("PUT", path`/requests/${user}`);
  }

  /** Turns a stranger down, which blocks them. */
  async decline(user: string): Promise<void> {
    await this.calls.call("DELETE", path`/requests/${user}`);
    this.blocked.value = new Set(this.blocked.value).add(user);
  }

  /** Reports a message. What it says is the user's word where it was encrypted: the service has the ciphertext, and not the key. */
  async report(message: Message, ground: Ground, comment: string): Promise<void> {
    const { conversationId, messageId, sequence: messageSequence, isSecure, payload } = message;
    const body: Schemas["ReportMake"] = {
      conversationId, messageId, messageSequence, ground, ...(comment ? { comment } : {}), ...(isSecure ? { plaintext: payload } : {}),
    };
    await this.calls.call("POST", "/reports", { body });
  }
}
