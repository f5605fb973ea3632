/** What one device says to another: Welcomes, and what is asked and sent between devices. */
import type { http } from "../frames.ts";
import { path } from "../http.ts";
import type { Running } from "./running.ts";

export type Mail = http.components["schemas"]["MailNew"];

const MAIL_PAGES_MAX = 100;

export class Mailbox {
  constructor(private readonly run: Running) {}

  async list(): Promise<Mail[]> {
    const found: Mail[] = [];
    let after: string | undefined;
    for (let pages = 0; pages < MAIL_PAGES_MAX; pages += 1) {
      const page = await this.run.http.call<{ mail: Mail[]; next?: string | null; hasMore: boolean }>("GET", "/mailbox", { query: { after } });
      found.push(...page.mail);
      after = page.next ?? undefined;
      if (!page.hasMore || after === undefined) break;
    }
    return found;
  }

  async post(user: string, device: string, kind: string, payload: unknown, conversationId?: string): Promise<void> {
    const body = { clientMailId: crypto.randomUUID(), kind, payload, ...(conversationId === undefined ? {} : { conversationId }) };
    await this.run.http.call("POST", path`/mailbox/${user}/${device}`, { body });
  }

  async acknowledge(mail: Mail): Promise<void> {
    // What is not acknowledged comes again, and is known then.
    await this.run.http.call("POST", "/mailbox/acks", { body: { mailIds: [mail.mailId] } }).catch(() => undefined);
  }
}
