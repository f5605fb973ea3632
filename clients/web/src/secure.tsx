/** What is shown of encryption: marks, notices, safety numbers. */
import { useEffect, useState } from "preact/hooks";
import { groupsOf, type Waiting } from "@tidings/client/secure";
import { Failure, useTask } from "./dialogs.tsx";
import { Dialog, Icon, IconButton } from "./parts.tsx";
import type { Session } from "./session.ts";
import "./secure.css";

/** How a conversation is protected, in a few words. */
export function ProtectionMark({ session, id, peer }: { session: Session; id: string; peer: string | undefined }) {
  const { security } = session;
  const protection = security.protection(id, session.summaries.value.get(id)?.encrypted ?? false);
  if (protection === "clear") return <span class="unsafe"><Icon name="unlock" /> Not encrypted</span>;
  if (peer !== undefined && security.trust.value.get(peer) === "verified") return <span class="safe"><Icon name="shield" /> Encrypted and verified</span>;
  return <span class="safe" title="End-to-end"><Icon name="lock" /> {protection === "encrypted" ? "Encrypted" : "Will be encrypted"}</span>;
}

/** What has to be told about the encryption of a conversation that is open. */
export function SecureBar({ session, id, peer, compare, link }: {
  session: Session; id: string; peer: string | undefined; compare: () => void; link: () => void;
}) {
  const { security } = session;
  const known = security.waiting.value.get(id);
  // That there is no connection is told for all conversations.
  const waiting = known?.for === "service" && session.status.value.name !== "online" ? undefined : known;
  const wasVerified = peer === undefined ? undefined : security.changed.value.get(peer);
  useEffect(() => { security.follow(id, peer).catch(() => undefined); }, [id, session.status.value.name]);
  return (
    <>
      {peer !== undefined && wasVerified !== undefined && (
        <div class="secure-bar" role="alert">
          <Icon name="shield" />
          <span>{wasVerified ? `Your safety number with ${peer} has changed since you compared it.` : `${peer} uses another set of devices now.`}</span>
          <button class="link" onClick={compare}>Compare</button>
          <IconButton icon="close" label="Dismiss" onClick={() => security.dismiss(peer)} />
        </div>
      )}
      {waiting && (
        <div class="secure-bar calm" role="status">
          <Icon name={waiting.for === "service" ? "info" : "lock"} /><span>{reasonFor(waiting)}</span>
          {waiting.for === "beingAdded" && <button class="link" onClick={link}>Link this device</button>}
        </div>
      )}
    </>
  );
}

function reasonFor(waiting: Waiting): string {
  switch (waiting.for) {
    case "keys":
      return `Waiting for ${waiting.userId}: they have no device yet that can decrypt. What you write is sent when they have.`;
    case "beingAdded":
      return "Waiting for another device to let this one into the conversation. Open Tidings there, or wait until somebody else is online.";
    case "founding":
      return "Waiting for an admin of the group to write first.";
    case "service":
      return `What you wrote waits here: ${waiting.message}`;
  }
}

/** The number that two people compare. */
export function SafetyNumber({ session, user, close }: { session: Session; user: string; close: () => void }) {
  const { security } = session;
  const [digits, setDigits] = useState<string | undefined>();
  const [isLoaded, setLoaded] = useState(false);
  const { busy, error, run } = useTask();
  useEffect(() => run(async () => {
    setDigits(await security.safetyNumber(user));
    await security.follow("", user);
    setLoaded(true);
  }), [user]);
  const trust = security.trust.value.get(user) ?? "unknown";
  return (
    <Dialog title="Safety number" close={close}>
      {!isLoaded && !error && <p class="working" role="status"><span class="spinner" />Looking up devices…</p>}
      <Failure error={error} />
      {isLoaded && digits === undefined && <p>{user} has no device yet that can encrypt. There is nothing to compare.</p>}
      {digits !== undefined && (
        <>
          {trust === "verified" && <p class="state good"><Icon name="check" /> You have compared this number with {user}.</p>}
          {trust === "changed" && <p class="state bad"><Icon name="shield" /> It is another number than the one that you compared: somebody’s devices have changed.</p>}
          <div class="digits" role="group" aria-label="The number to compare">{groupsOf(digits).map((group, at) => <span key={at}>{group}</span>)}</div>
          <p class="muted">
            Compare it with what {user} sees under your name, side by side or in a call. If both are the same, nobody reads along. It changes
            when one of you adds or loses a device.
          </p>
          {trust !== "verified" && <button class="primary" disabled={busy} onClick={() => run(async () => { await security.verify(user, digits); })}><Icon name="check" /> They are the same</button>}
        </>
      )}
    </Dialog>
  );
}

/** What is asked before a conversation goes on without encryption. */
export function InTheClear({ session, id, close }: { session: Session; id: string; close: () => void }) {
  const { busy, error, run } = useTask();
  const isClear = session.security.clear.value.has(id);
  return (
    <Dialog title={isClear ? "Encrypt this conversation?" : "Write without encryption?"} close={close}>
      <p>{isClear
        ? "What you write from now on is end-to-end encrypted, once the others have a device that can decrypt. It cannot be turned off again."
        : "Whoever runs the service can read what you write, such as a bot that has no keys. A conversation that is encrypted already stays so."}</p>
      <Failure error={error} />
      <div class="row end">
        <button type="button" onClick={close}>Cancel</button>
        <button type="button" class={isClear ? "primary" : "danger solid"} disabled={busy} onClick={() => run(async () => { await session.security.setClear(id, !isClear); close(); })}>
          {isClear ? "Encrypt" : "Write in the clear"}
        </button>
      </div>
    </Dialog>
  );
}
