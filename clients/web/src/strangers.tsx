/** Strangers who write, users who are blocked, and reports. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { type Message, peerOf } from "@tidings/client";
import { describe } from "./describe.ts";
import { Failure, useTask } from "./dialogs.tsx";
import { Confirm, Dialog, Icon } from "./parts.tsx";
import type { Ground } from "./privacy.ts";
import type { Session } from "./session.ts";

const GROUNDS = [
  ["spam", "Spam"], ["abuse", "Abuse or harassment"], ["impersonation", "Somebody pretends to be another"], ["illegal", "Something illegal"], ["other", "Something else"],
] as const satisfies readonly (readonly [Ground, string])[];
const COMMENT_CHARS_MAX = 1000;

/** What stands over the field where a message is written, while there is something to decide; the field itself where writing is possible. */
export function Gate({ session, id, report, children }: { session: Session; id: string; report: () => void; children: ComponentChildren }) {
  const [asked, setAsked] = useState(false);
  const { busy, error, run } = useTask();
  const peer = peerOf(id, session.me);
  if (peer === undefined || peer === session.me) return <>{children}</>;
  if (session.privacy.blocked.value.has(peer)) {
    return (
      <div class="gate" role="group" aria-label="Blocked">
        <p><Icon name="block" /> You have blocked {peer}: what they send does not come to you.</p>
        <Failure error={error} />
        <div class="row"><button disabled={busy} onClick={() => run(() => session.privacy.unblock(peer))}>Unblock</button></div>
      </div>
    );
  }
  if (!session.summaries.value.get(id)?.request) return <>{children}</>;
  return (
    <div class="gate" role="group" aria-label="Message request">
      <p><b>{peer}</b> has written to you for the first time. They do not see whether you have read it until you accept.</p>
      <Failure error={error} />
      <div class="row">
        <button class="primary" disabled={busy} onClick={() => run(() => session.acceptRequest(id))}>Accept</button>
        <button disabled={busy} onClick={() => setAsked(true)}>Decline</button>
        <button class="danger" disabled={busy} onClick={report}>Report</button>
      </div>
      {asked && (
        <Confirm title={`Decline ${peer}?`} action="Decline" close={() => setAsked(false)} act={() => run(() => session.declineRequest(id))}>
          The conversation goes to the archive, and {peer} is blocked. They are not told.
        </Confirm>
      )}
    </div>
  );
}

/** What is wrong with a message. */
export function Report({ session, message, close }: { session: Session; message: Message; close: () => void }) {
  const user = message.senderUserId;
  const [ground, setGround] = useState<Ground>();
  const [comment, setComment] = useState("");
  const [blocks, setBlocks] = useState(!session.privacy.blocked.value.has(user));
  const { busy, error, run } = useTask();
  const submit = () => run(async () => {
    if (!ground) return;
    await session.privacy.report(message, ground, comment.trim());
    if (blocks) await session.privacy.block(user);
    close();
    session.say(blocks ? `Reported. ${user} is blocked.` : "Reported.");
  });
  return (
    <Dialog title={`Report ${user}`} close={close}>
      <form class="stack" onSubmit={(event) => { event.preventDefault(); submit(); }}>
        <p class="quoted">{describe(message)}</p>
        <fieldset class="options">
          <legend>What is wrong with it?</legend>
          {GROUNDS.map(([name, label], at) => <label key={name}><input type="radio" name="ground" autofocus={at === 0} checked={ground === name} onChange={() => setGround(name)} />{label}</label>)}
        </fieldset>
        <label>In your words<textarea rows={2} maxLength={COMMENT_CHARS_MAX} value={comment} onInput={(event) => setComment(event.currentTarget.value)} /></label>
        {!session.privacy.blocked.value.has(user) && <label class="check"><input type="checkbox" checked={blocks} onChange={(event) => setBlocks(event.currentTarget.checked)} />Block {user}, too</label>}
        <p class="muted">Whoever runs the service sees the message{message.isSecure ? ", which you decrypt for them," : ""} and your name. {user} is not told.</p>
        <Failure error={error} />
        <button class="danger solid" disabled={busy || !ground}>Report</button>
      </form>
    </Dialog>
  );
}
