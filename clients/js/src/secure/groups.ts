/**
 * Groups: who should be in them, the commits that make it so, and what is said in them. What was planned in an epoch that has passed is planned
 * again.
 */
import type { Outgoing } from "../client.ts";
import { RequestError } from "../engine.ts";
import type { EntryFrame, ErrorFrame } from "../frames.ts";
import { CallError } from "../http.ts";
import { upload } from "../media.ts";
import type { Offered } from "./account.ts";
import { type Device, userOf } from "./device.ts";
import type { Directory } from "./directory.ts";
import type { ContentFrame } from "./entries.ts";
import { errorFrame, isOffline, isRefusal, messageOf, passesAfterMs } from "./failures.ts";
import type { Joining } from "./joining.ts";
import type { PendingCommit } from "./outbox.ts";
import type { Plan } from "./roster.ts";
import type { Running } from "./running.ts";
import { AGAIN, DONE, type Schedule, type Step } from "./schedule.ts";

/** Ciphertexts of one message that the service may refuse as stale. */
const STALE_MAX = 20;
/** Users whose device versions a message names; with more members it names none. */
const VERSIONS_MAX = 64;
/** Somebody without keys is looked for again after this. */
const KEYS_PATIENCE_MS = 5_000;
/** An own commit that lost is followed by the winner's, which comes by the log within this. */
const LOG_PATIENCE_MS = 300;
const LOST_COMMITS_MAX = 5;
/** When the first commit of a group is for others, it is looked for again after this. */
const FOUNDING_PATIENCE_MS = 5_000;

export class Groups {
  /** Commits that were made since the start: any other may have been sent before it. */
  private readonly begun = new Map<string, number>();

  constructor(
    private readonly run: Running, private readonly schedule: Schedule, private readonly directory: Directory, private readonly joining: Joining,
  ) {}

  /** The next thing to do for a conversation. */
  async step(conversation: string): Promise<Step> {
    const account = this.run.opened();
    const talk = this.schedule.talk(conversation);
    const outs = (await account.outbox()).filter((out) => out.conversationId === conversation);
    for (const out of outs) if ("commit" in out) return this.offer(conversation, out.commit);
    if (talk.inFlight !== undefined) return DONE;
    const membership = await account.membership(conversation);
    const next = outs.find((out) => "frame" in out);
    if (!next || !("frame" in next)) {
      if (membership === "in") {
        const hasRejoins = (await account.rejoins(conversation)).length > 0;
        return hasRejoins || talk.isEager ? this.renew(conversation, undefined) : DONE;
      }
      if (membership === "out" || (await this.isElsewhere(conversation))) return this.joining.ask(conversation);
      return talk.isEager ? this.renew(conversation, undefined) : DONE;
    }
    // It was encrypted before a restart: the same bytes go again.
    if (next.sealed) return this.transmit(next.frame, (await account.sealedFrame(conversation, next.clientMsgId)) ?? next.frame);
    if (membership === "none" && (await account.isClear(conversation))) return this.transmit(next.frame, next.frame);
    if (membership === "out" || (membership === "none" && (await this.isElsewhere(conversation)))) return this.joining.ask(conversation);
    return this.renew(conversation, next.frame);
  }

  /** Whether somebody else has encrypted a conversation that this device has no group of. */
  async isElsewhere(conversation: string): Promise<boolean> {
    return this.schedule.talk(conversation).isFoundedElsewhere || (await this.run.opened().held()).includes(conversation);
  }

  /** Brings the group up to date, and then sends. */
  private async renew(conversation: string, frame: ContentFrame | undefined): Promise<Step> {
    const account = this.run.opened();
    const talk = this.schedule.talk(conversation);
    let members: string[];
    try {
      members = await this.directory.membersOf(conversation);
      await this.directory.ask(members);
    } catch (error) {
      return this.troubled(conversation, error);
    }
    const wanted = new Map<Device, string>();
    let versions: Record<string, number> = {};
    for (const user of members) {
      const set = (await account.devices(user)) ?? { version: 0, devices: {} };
      versions[user] = set.version;
      for (const [device, key] of Object.entries(set.devices)) wanted.set(device as Device, key);
    }
    wanted.set(this.run.own, await account.identityKey());
    // In a conversation of two, a message that the other side cannot read is not sent.
    const lacking = members.find((user) => user !== userOf(this.run.own) && ![...wanted.keys()].some((device) => userOf(device) === user));
    if (lacking !== undefined && !conversation.startsWith("g:")) {
      this.directory.doubt(lacking);
      if (frame) return { is: "later", ms: KEYS_PATIENCE_MS, reason: { for: "keys", userId: lacking } };
      talk.isEager = false;
      return DONE;
    }
    if (members.length > VERSIONS_MAX) versions = {};
    for (const device of talk.leftOut) wanted.delete(device);
    const { membership, epoch, plan } = await account.plan(conversation, [...wanted]);
    if (membership === "out") return AGAIN;
    if (membership !== "in" || plan.add.length + plan.remove.length > 0) return this.commit(conversation, epoch, plan, wanted, versions);
    talk.isEager = false;
    if (!frame) return DONE;
    let sealed: EntryFrame | undefined;
    try {
      sealed = await account.seal(conversation, frame.clientMsgId, epoch, versions);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      // Too large, for example: nothing has changed, and it will not get better.
      await this.giveUp(conversation, frame.clientMsgId, errorFrame("too_large", `payload: ${messageOf(error)}`));
      return AGAIN;
    }
    return sealed ? this.transmit(frame, sealed) : AGAIN;
  }

  /** Hands a message to the connection, which sends it until there is an answer. */
  private async transmit(said: ContentFrame, frame: EntryFrame): Promise<Step> {
    const talk = this.schedule.talk(said.conversationId);
    talk.inFlight = said.clientMsgId;
    try {
      await this.run.client.send(frame as Outgoing);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      // Of an earlier start, or of one that ends.
      const isQueued = (await this.run.client.store.pending()).some(({ clientMsgId }) => clientMsgId === said.clientMsgId);
      if (isQueued || this.run.client.status.name === "stopped") return DONE;
      talk.inFlight = undefined;
      await this.giveUp(said.conversationId, said.clientMsgId, errorFrame("too_large", error.message));
      return AGAIN;
    }
    return DONE;
  }

  /** Makes a commit of a plan; it is offered by the next step. */
  private async commit(
    conversation: string, epoch: number, plan: Plan, wanted: ReadonlyMap<Device, string>, versions: Record<string, number>,
  ): Promise<Step> {
    let offered: Offered[];
    try {
      offered = await this.directory.packages(plan.add, wanted);
      const { leftOut } = await this.run.opened().beginCommit(conversation, epoch, plan, offered, versions);
      for (const device of leftOut) this.schedule.talk(conversation).leftOut.add(device);
    } catch (error) {
      if (error instanceof Error && isRefusal(error)) {
        return { is: "retry", reason: { for: "service", message: error.message } };
      }
      return this.troubled(conversation, error);
    }
    return AGAIN;
  }

  /** Offers a commit that waits to the service. */
  private async offer(conversation: string, pending: PendingCommit): Promise<Step> {
    const account = this.run.opened();
    const talk = this.schedule.talk(conversation);
    const message = { ...pending.message };
    const { clientMsgId } = message;
    if (pending.largeWelcome !== undefined) {
      try {
        message.mediaHandle = await upload(
          this.run.http, conversation, new Blob([pending.largeWelcome], { type: "application/octet-stream" }));
      } catch (error) {
        return { is: "retry", reason: { for: "service", message: messageOf(error) } };
      }
    }
    // One that was begun before this start may have been sent before it.
    message.attempt = this.begun.get(clientMsgId) ?? (message.attempt ?? 0) + 1;
    this.begun.set(clientMsgId, message.attempt + 3);
    const isFounding = (await account.membership(conversation)) === "founding";
    try {
      await this.run.http.call("POST", "/commits", { body: message });
    } catch (error) {
      return this.commitFailed(conversation, pending, isFounding, error);
    }
    await account.commitAccepted(message);
    this.begun.delete(clientMsgId);
    talk.failures = 0;
    if (isFounding) this.run.say({ is: "joined", conversationId: conversation });
    return AGAIN;
  }

  private async commitFailed(conversation: string, pending: PendingCommit, isFounding: boolean, error: unknown): Promise<Step> {
    const talk = this.schedule.talk(conversation);
    if (!(error instanceof CallError)) return { is: "retry", reason: { for: "service", message: messageOf(error) } };
    const { code } = error.body;
    // The winner's commit comes by the log, and takes the place of this one.
    if (code === "stale_epoch" && !isFounding) {
      talk.failures += 1;
      if (talk.failures % LOST_COMMITS_MAX === 0) this.run.client.renew();
      return { is: "later", ms: LOG_PATIENCE_MS };
    }
    const later = passing(error);
    if (later) return later;
    await this.run.opened().commitRefused(conversation, pending.message.clientMsgId, code === "stale_epoch" || code === "forbidden");
    await this.learn(conversation, error.body);
    if (code === "stale_epoch") return this.joining.ask(conversation);
    if (code === "stale_devices") return AGAIN;
    if (code === "forbidden" && isFounding) {
      // In a group the first commit is for admins.
      talk.isEager = false;
      return { is: "later", ms: FOUNDING_PATIENCE_MS, reason: { for: "founding" } };
    }
    return this.troubled(conversation, error);
  }

  /** A call has failed: what passes is tried again, else what waits to be sent has failed. */
  private async troubled(conversation: string, error: unknown): Promise<Step> {
    if (!(error instanceof CallError)) {
      if (!isOffline(error)) throw error;
      return { is: "retry", reason: { for: "service", message: messageOf(error) } };
    }
    const later = passing(error);
    if (later) return later;
    this.schedule.talk(conversation).isEager = false;
    const outs = await this.run.opened().outbox();
    const next = outs.find((out) => out.conversationId === conversation && "frame" in out);
    if (!next) return DONE;
    await this.giveUp(conversation, next.clientMsgId, errorFrame(error.body.code ?? "internal", error.message));
    return AGAIN;
  }

  /** The service has refused a message. What is stale is encrypted anew. */
  async refused(frame: EntryFrame, error: ErrorFrame): Promise<void> {
    const { conversationId: conversation, clientMsgId } = frame;
    const talk = this.schedule.talk(conversation);
    if (talk.inFlight === clientMsgId) talk.inFlight = undefined;
    const isStale = error.code === "stale_epoch" || error.code === "stale_devices";
    if (isStale && talk.stale < STALE_MAX && (await this.run.opened().unseal(conversation, clientMsgId))) {
      talk.stale += 1;
      await this.learn(conversation, error);
    } else await this.giveUp(conversation, clientMsgId, error, frame);
    await this.schedule.drive(conversation);
  }

  private async giveUp(conversation: string, clientMsgId: string, error: ErrorFrame, sent?: EntryFrame): Promise<void> {
    const frame = (await this.run.opened().withdraw(conversation, clientMsgId)) ?? sent;
    if (frame) this.run.tell({ type: "failed", frame, error });
  }

  /** Takes in what a refusal says about epoch and devices. */
  private async learn(conversation: string, error: Partial<ErrorFrame>): Promise<void> {
    const talk = this.schedule.talk(conversation);
    if (error.code === "stale_devices") {
      const users = (error.details as { users?: Record<string, unknown> } | undefined)?.users ?? {};
      for (const user of Object.keys(users)) this.directory.doubt(user);
      talk.leftOut.clear();
    } else if (error.code === "stale_epoch") {
      talk.isFoundedElsewhere = true;
      await this.run.opened().setClear(conversation, false);
    }
  }
}

/** When to try again what the service cannot do now; none where that would not help. */
export function passing(error: CallError): Step | undefined {
  const ms = passesAfterMs(error);
  return ms === undefined ? undefined : { is: "later", ms, reason: { for: "service", message: error.message } };
}
