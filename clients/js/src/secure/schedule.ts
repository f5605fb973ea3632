/** What is going on in each conversation, and when it is looked at next. */
import type { Device } from "./device.ts";
import type { Waiting } from "./events.ts";
import { messageOf } from "./failures.ts";
import type { Running } from "./running.ts";

/** Between two tries of what failed, at first and at most. */
const RETRY_BASE_MS = 500;
const RETRY_CAP_MS = 60_000;
/** Steps for one conversation at a stretch. */
const STEPS_MAX = 16;
const TIMER_MS_MAX = 3_600_000;

/** What is going on in a conversation. */
export interface Talk {
  /** The message that the service has not answered for. */
  inFlight?: string | undefined;
  due?: number | undefined;
  failures: number;
  /** The group is to be brought up to date, whether or not something is to be sent. */
  isEager: boolean;
  /** Somebody else has encrypted it. */
  isFoundedElsewhere: boolean;
  /** Devices whose key packages cannot be used or had. */
  leftOut: Set<Device>;
  stale: number;
  asked: number;
  askedAgain?: number | undefined;
  /** As it was told. */
  waitsFor?: Waiting | undefined;
  /** Who was added, and when. */
  addedAnew: Map<Device, number>;
}

/** What came of one step for a conversation. */
export type Step =
  | { is: "again" | "done"; reason?: undefined }
  /** Look again after a while; tell why, where there is a reason to tell. */
  | { is: "later"; ms: number; reason?: Waiting }
  /** The same after a pause that grows. */
  | { is: "retry"; reason?: Waiting };
export const AGAIN: Step = { is: "again" };
export const DONE: Step = { is: "done" };

/** What it is that is done. */
export interface Tasks {
  /** The next thing to do for a conversation. */
  step(conversation: string): Promise<Step>;
  /** Looks after the keys in the directory. */
  tend(): Promise<unknown>;
}

/** Does one thing after the other, each when it is due. */
export class Schedule {
  private readonly talks = new Map<string, Talk>();
  private work: Promise<void> = Promise.resolve();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private keysDue: number | undefined;

  constructor(private readonly run: Running, private readonly tasks: Tasks) {}

  /** All conversations in which something has gone on. */
  get all(): Iterable<[string, Talk]> {
    return this.talks;
  }

  /** All that is under way. */
  get done(): Promise<void> {
    return this.work;
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  /** Looks after the keys so many ms from now. */
  tendAfter(ms: number): void {
    this.keysDue = Date.now() + ms;
    this.arm();
  }

  /** After all that is under way. What fails is told, and stops nothing. */
  later(task: () => Promise<unknown>): Promise<void> {
    this.work = this.work.then(async () => {
      if (this.run.isOpen) await task();
    }).catch((error: unknown) => {
      if (this.run.isOpen) this.run.say({ is: "failed", message: messageOf(error) });
    });
    return this.work;
  }

  talk(conversation: string): Talk {
    let talk = this.talks.get(conversation);
    if (!talk) {
      talk = { failures: 0, isEager: false, isFoundedElsewhere: false, leftOut: new Set(), stale: 0, asked: 0, addedAnew: new Map() };
      this.talks.set(conversation, talk);
    }
    return talk;
  }

  look(conversation: string, ms: number): void {
    const talk = this.talk(conversation);
    talk.due = Math.min(talk.due ?? Infinity, Date.now() + ms);
    this.arm();
  }

  private arm(): void {
    clearTimeout(this.timer);
    const due = Math.min(this.keysDue ?? Infinity, ...[...this.talks.values()].map((talk) => talk.due ?? Infinity));
    if (!this.run.isOpen || due === Infinity) return;
    this.timer = setTimeout(() => this.due(), Math.min(Math.max(due - Date.now(), 0), TIMER_MS_MAX));
  }

  private due(): void {
    const now = Date.now();
    if (this.keysDue !== undefined && this.keysDue <= now) {
      this.keysDue = undefined;
      void this.later(() => this.tasks.tend());
    }
    for (const [conversation, talk] of this.talks) {
      if (talk.due === undefined || talk.due > now) continue;
      talk.due = undefined;
      void this.later(() => this.drive(conversation));
    }
    this.arm();
  }

  /** Does for a conversation what there is to do. */
  async drive(conversation: string): Promise<void> {
    const talk = this.talk(conversation);
    talk.due = undefined;
    try {
      for (let steps = 0; steps < STEPS_MAX; steps += 1) {
        const step = await this.tasks.step(conversation);
        if (step.is === "again") continue;
        if (step.is === "done") return;
        let ms = step.is === "later" ? step.ms : 0;
        if (step.is === "retry") {
          ms = Math.min(RETRY_BASE_MS * 2 ** Math.min(talk.failures, 10), RETRY_CAP_MS) * (0.5 + Math.random() / 2);
          talk.failures += 1;
        }
        this.look(conversation, ms);
        if (step.reason) this.waits(conversation, step.reason);
        return;
      }
      this.look(conversation, RETRY_BASE_MS);
    } catch (error) {
      // Nothing was half done: it is tried again.
      talk.failures += 1;
      this.look(conversation, Math.min(RETRY_BASE_MS * 2 ** Math.min(talk.failures, 10), RETRY_CAP_MS));
      throw error;
    }
  }

  waits(conversation: string, reason: Waiting | undefined): void {
    const talk = this.talk(conversation);
    if (JSON.stringify(talk.waitsFor) === JSON.stringify(reason)) return;
    talk.waitsFor = reason;
    this.run.say({ is: "waiting", conversationId: conversation, reason });
  }
}
