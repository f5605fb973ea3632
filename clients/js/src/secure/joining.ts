/** How a device gets into a group that others have made, and lets others in. */
import { RequestError } from "../engine.ts";
import type { LogEntry } from "../frames.ts";
import { CallError, path } from "../http.ts";
import type { Effect } from "./account.ts";
import { type Device, deviceIdOf, deviceOf, userOf } from "./device.ts";
import type { Directory } from "./directory.ts";
import type { Waiting } from "./events.ts";
import { messageOf, passesAfterMs } from "./failures.ts";
import type { Mail, Mailbox } from "./mailbox.ts";
import { download } from "./media.ts";
import type { Running } from "./running.ts";
import { AGAIN, DONE, type Schedule, type Step } from "./schedule.ts";

/** A Welcome comes within this of the commit that it belongs to; after it, it is asked for. */
const WELCOME_PATIENCE_MS = 2_000;
const WELCOME_BYTES_MAX = 8 * 1024 * 1024;
const ASK_BASE_MS = 5_000;
const ASK_CAP_MS = 300_000;
/** Who was added is not added again within this: mail may come twice. */
const REJOIN_PAUSE_MS = 4_000;

export class Joining {
  constructor(
    private readonly run: Running, private readonly schedule: Schedule, private readonly directory: Directory, private readonly mailbox: Mailbox,
  ) {}

  /** Asks a device that may be in the group to add this one, another each time. */
  async ask(conversation: string): Promise<Step> {
    const talk = this.schedule.talk(conversation);
    const reason: Waiting = { for: "beingAdded" };
    if (talk.askedAgain !== undefined && talk.askedAgain > Date.now()) return { is: "later", ms: talk.askedAgain - Date.now(), reason };
    // It may be there already, where no socket tells of it.
    if (this.run.client.status.name === "online" && this.run.client.status.by === "calls") {
      for (const mail of await this.mailbox.list().catch(() => [])) await this.mail(mail);
      if ((await this.run.opened().membership(conversation)) === "in") return AGAIN;
    }
    let members: string[];
    try {
      members = await this.directory.membersOf(conversation);
    } catch (error) {
      // Not a member any more: there is nothing to be added to.
      return error instanceof CallError && passesAfterMs(error) === undefined ? DONE : { is: "retry", reason: { for: "service", message: messageOf(error) } };
    }
    for (const user of members) this.directory.doubt(user);
    await this.directory.ask(members).catch(() => undefined);
    const devices: Device[] = [];
    for (const user of members) devices.push(...(Object.keys((await this.run.opened().devices(user))?.devices ?? {}) as Device[]));
    const others = devices.filter((device) => device !== this.run.own);
    const ms = Math.min(ASK_BASE_MS * 2 ** Math.min(talk.asked, 6), ASK_CAP_MS);
    talk.asked += 1;
    talk.askedAgain = Date.now() + ms;
    const device = others[Math.floor(Math.random() * others.length)];
    // Whoever cannot be asked is not; another is, after a while.
    if (device) await this.mailbox.post(userOf(device), deviceIdOf(device), "rejoin", { v: 1 }, conversation).catch(() => undefined);
    return { is: "later", ms, reason };
  }

  /** A piece of mail. It is acknowledged when what it says is kept. */
  async mail(mail: Mail): Promise<void> {
    const { conversationId } = mail;
    if (conversationId === undefined) return;
    if (mail.kind === "welcome") await this.welcome(mail, conversationId);
    else if (mail.kind === "rejoin") await this.rejoin(mail, conversationId);
  }

  private async welcome(mail: Mail, conversation: string): Promise<void> {
    let text: string;
    try {
      text = await this.welcomeText(mail, conversation);
    } catch {
      // It stays in the mailbox, and comes with the next connection.
      return;
    }
    const { fromUserId, fromDeviceId, sequence } = mail;
    const joined = await this.run.opened().join(
      { conversationId: conversation, fromUserId, fromDeviceId, ...(sequence === undefined ? {} : { sequence }) }, text);
    await this.mailbox.acknowledge(mail);
    const talk = this.schedule.talk(conversation);
    if (joined.is === "in") {
      [talk.asked, talk.askedAgain, talk.failures] = [0, undefined, 0];
      this.schedule.waits(conversation, undefined);
      this.run.say({ is: "joined", conversationId: conversation });
      this.affected(conversation, joined.effects);
      // A last-resort package that was used is to be replaced.
      this.schedule.tendAfter(0);
      this.schedule.look(conversation, 0);
    } else if (!joined.isStale && (await this.run.opened().membership(conversation)) !== "in") {
      talk.isFoundedElsewhere = true;
      this.schedule.look(conversation, WELCOME_PATIENCE_MS);
    }
  }

  /** The Welcome itself: in the mail, or, where it is too large, in the media of its commit. */
  private async welcomeText(mail: Mail, conversation: string): Promise<string> {
    if (typeof mail.payload === "string") return mail.payload;
    const page = await this.run.http.call<{ messages: LogEntry[] }>(
      "GET", path`/conversations/${conversation}/messages`, { query: { since: (mail.sequence ?? 1) - 1, limit: 1 } });
    const handle = page.messages[0]?.mediaHandle;
    if (!handle) throw new RequestError("the commit of the Welcome has no media");
    return new TextDecoder("utf-8", { fatal: true }).decode(await download(this.run.http, handle, WELCOME_BYTES_MAX));
  }

  /** A device asks to be added anew. Whether it should be in the group at all is looked up before it is. */
  private async rejoin(mail: Mail, conversation: string): Promise<void> {
    const talk = this.schedule.talk(conversation);
    const device = deviceOf(mail.fromUserId, mail.fromDeviceId);
    const now = Date.now();
    const isDue = device && now - (talk.addedAnew.get(device) ?? 0) > REJOIN_PAUSE_MS;
    if (isDue && (await this.run.opened().membership(conversation)) === "in") {
      await this.run.opened().wantRejoin(conversation, device);
      this.directory.doubt(userOf(device));
      this.directory.forgetMembers(conversation);
      talk.leftOut.delete(device);
      talk.addedAnew.set(device, now);
    }
    await this.mailbox.acknowledge(mail);
    await this.schedule.drive(conversation);
  }

  /** What the account has made of what came. */
  affected(conversation: string, effects: Effect[]): void {
    const talk = this.schedule.talk(conversation);
    const shown: LogEntry[] = [];
    for (const effect of effects) {
      if (effect.is === "show") shown.push(effect.entry);
      else if (effect.is === "devices") {
        const now = Date.now();
        for (const device of effect.added) talk.addedAnew.set(device, now);
        this.run.say({ is: "devices", conversationId: conversation, added: effect.added, removed: effect.removed });
        this.schedule.look(conversation, 0);
      } else this.schedule.look(conversation, WELCOME_PATIENCE_MS);
    }
    if (shown.length > 0) this.run.tell({ type: "entries", conversationId: conversation, entries: shown });
  }
}
