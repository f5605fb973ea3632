/** How far messages have come: what members have received and read. */
import { signal } from "@preact/signals";
import { type http, type Http, type Message, path } from "@tidings/client";

const RECEIPT_MEMBERS_MAX = 64;

/** How far a message of one's own has come. */
export type Tick = "waiting" | "sent" | "delivered" | "read";

export class Marks {
  private readonly marks = signal<ReadonlyMap<string, ReadonlyMap<string, { delivered: number; read: number }>>>(new Map());

  constructor(private readonly http: Http, private readonly me: string) {}

  /** How far a message of one's own is, by who is the furthest behind. */
  tick(message: Message): Tick {
    const marks = [...(this.marks.value.get(message.conversationId) ?? [])].filter(([user]) => user !== this.me);
    const least = (mark: "delivered" | "read") => Math.min(...marks.map(([, one]) => one[mark]));
    if (marks.length === 0) return "sent";
    if (least("read") >= message.sequence) return "read";
    return least("delivered") >= message.sequence ? "delivered" : "sent";
  }

  /** A mark of somebody, which only rises. */
  mark(id: string, user: string, upTo: number, isRead: boolean): void {
    const users = new Map(this.marks.value.get(id));
    const before = users.get(user) ?? { delivered: 0, read: 0 };
    users.set(user, { delivered: Math.max(before.delivered, upTo), read: Math.max(before.read, isRead ? upTo : 0) });
    this.marks.value = new Map(this.marks.value).set(id, users);
  }

  /** Asks for the marks of all members. */
  async load(id: string, messages: readonly Message[]): Promise<void> {
    // The marks are the same whichever message is asked about.
    const messageId = messages.findLast((one) => one.event === "message" && one.gone === undefined)?.messageId;
    if (messageId === undefined) return;
    const receipts = await this.http.call<http.components["schemas"]["Receipts"]>(
      "GET", path`/conversations/${id}/receipts`, { query: { messageId, limit: RECEIPT_MEMBERS_MAX } }).catch(() => undefined);
    for (const [user, marks] of Object.entries(receipts?.marksByUser ?? {})) {
      this.mark(id, user, marks.deliveredUpTo, false);
      this.mark(id, user, marks.readUpTo, true);
    }
  }
}
