import { useEffect, useState } from "preact/hooks";
import { path } from "@tidings/client";
import { Avatar, dayOf, Dialog, IconButton, reasonOf, timeOf } from "./parts.tsx";
import type { Device, Group, Member, Session } from "./session.ts";

const USER = "[A-Za-z0-9._\\-]{1,64}";

/** Who to write to. */
export function NewChat({ session, close, group }: { session: Session; close: () => void; group: () => void }) {
  const [user, setUser] = useState("");
  return (
    <Dialog title="New conversation" close={close}>
      <form class="stack" onSubmit={(event) => { event.preventDefault(); session.startDirect(user.trim()); close(); }}>
        <label>User name<input autofocus required pattern={USER} title="Letters, digits, dot, hyphen and underscore" value={user} onInput={(event) => setUser(event.currentTarget.value)} /></label>
        <button class="primary" disabled={!user.trim()}>Write</button>
      </form>
      <button class="link" onClick={group}>Make a group instead</button>
    </Dialog>
  );
}

export function NewGroup({ session, close }: { session: Session; close: () => void }) {
  const [title, setTitle] = useState("");
  const [users, setUsers] = useState("");
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);
  const submit = async () => {
    setBusy(true);
    try {
      await session.createGroup(title.trim(), namesIn(users).filter((user) => user !== session.me));
      close();
    } catch (reason) {
      setError(reasonOf(reason));
      setBusy(false);
    }
  };
  return (
    <Dialog title="New group" close={close}>
      <form class="stack" onSubmit={(event) => { event.preventDefault(); void submit(); }}>
        <label>Name<input autofocus required maxLength={100} value={title} onInput={(event) => setTitle(event.currentTarget.value)} /></label>
        <label>Members<input placeholder="bob, carol" value={users} onInput={(event) => setUsers(event.currentTarget.value)} /></label>
        {error && <p class="error" role="alert">{error}</p>}
        <button class="primary" disabled={busy || !title.trim()}>Make the group</button>
      </form>
    </Dialog>
  );
}

/** A group's members, and what its admins can do. */
export function GroupInfo({ session, id, close }: { session: Session; id: string; close: () => void }) {
  const [group, setGroup] = useState<Group>();
  const [members, setMembers] = useState<Member[]>([]);
  const [user, setUser] = useState("");
  const [error, setError] = useState<string>();
  const load = async () => {
    setGroup(await session.group(id));
    setMembers(await session.members(id));
  };
  const act = (task: () => Promise<unknown>) => {
    setError(undefined);
    task().then(load).catch((reason: unknown) => setError(reasonOf(reason)));
  };
  useEffect(() => act(async () => undefined), []);
  const isAdmin = group?.role === "owner" || group?.role === "admin";
  const mayAdd = isAdmin || group?.mayAdd === "all";
  return (
    <Dialog title={group?.title ?? "Group"} close={close}>
      {error && <p class="error" role="alert">{error}</p>}
      {group?.description && <p>{group.description}</p>}
      {group && <p class="muted">{group.memberCount} {group.memberCount === 1 ? "member" : "members"}</p>}
      {mayAdd && (
        <form class="inline" onSubmit={(event) => { event.preventDefault(); act(async () => { await session.call("POST", path`/groups/${id}/members`, { userIds: namesIn(user) }); setUser(""); }); }}>
          <input aria-label="User to add" placeholder="Add somebody" value={user} onInput={(event) => setUser(event.currentTarget.value)} />
          <button disabled={!user.trim()}>Add</button>
        </form>
      )}
      <ul class="members">
        {members.map((member) => (
          <li key={member.userId}>
            <Avatar name={member.userId} />
            <span class="grow">{member.userId === session.me ? "You" : member.userId}</span>
            {member.role !== "member" && <span class="role">{member.role}</span>}
            {isAdmin && member.role === "member" && <button class="link" onClick={() => act(() => session.call("PATCH", path`/groups/${id}/members/${member.userId}`, { role: "admin" }))}>Make admin</button>}
            {isAdmin && member.role !== "owner" && member.userId !== session.me && (
              <IconButton icon="remove" label={`Remove ${member.userId}`} onClick={() => act(() => session.call("DELETE", path`/groups/${id}/members/${member.userId}`))} />
            )}
          </li>
        ))}
      </ul>
      {group && group.role !== "owner" && (
        <button class="danger" onClick={() => { if (confirm("Leave this group?")) act(async () => { await session.call("DELETE", path`/groups/${id}/members/${session.me}`); close(); await session.open(undefined); }); }}>Leave the group</button>
      )}
    </Dialog>
  );
}

export function Settings({ session, close, leave, setTheme }: { session: Session; close: () => void; leave: () => void; setTheme: (theme: string) => void }) {
  const [devices, setDevices] = useState<Device[]>();
  const [error, setError] = useState<string>();
  const [push, setPush] = useState<string>();
  const load = () => session.devices().then((list) => setDevices(list.devices), (reason: unknown) => setError(reasonOf(reason)));
  useEffect(() => void load(), []);
  const revoke = (id: string) => {
    if (confirm("Sign this device out?")) session.call("DELETE", path`/devices/${id}`).then(load, (reason: unknown) => setError(reasonOf(reason)));
  };
  const theme = localStorage.getItem("tidings-theme") ?? "auto";
  return (
    <Dialog title="Settings" close={close}>
      <div class="account"><Avatar name={session.me} /><div><b>{session.me}</b><p class="muted">{session.deviceId}</p></div></div>
      <fieldset class="themes">
        <legend>Appearance</legend>
        {["auto", "light", "dark"].map((name) => (
          <label key={name}><input type="radio" name="theme" checked={theme === name} onChange={() => setTheme(name)} />{({ auto: "As the system", light: "Light", dark: "Dark" })[name]}</label>
        ))}
      </fieldset>
      <h3>Notifications</h3>
      <button onClick={() => session.enablePush().then(() => setPush("On in this browser."), (reason: unknown) => setPush(reasonOf(reason)))}>Turn on notifications</button>
      {push && <p role="status">{push}</p>}
      <h3>Devices</h3>
      {error && <p class="error" role="alert">{error}</p>}
      <ul class="members">
        {devices?.map((device) => (
          <li key={device.deviceId}>
            <span class="grow"><b>{device.name || device.deviceId}</b><small class="muted">{device.current ? "This device" : device.lastSeen ? `Seen ${dayOf(device.lastSeen)}, ${timeOf(device.lastSeen)}` : ""}</small></span>
            {!device.current && <button class="link" onClick={() => revoke(device.deviceId)}>Sign out</button>}
          </li>
        ))}
      </ul>
      <button class="danger" onClick={leave}>Sign out</button>
    </Dialog>
  );
}

export function Viewer({ address, name, close }: { address: string; name: string; close: () => void }) {
  return <Dialog title={name} close={close} wide><img class="viewer" src={address} alt={name} /></Dialog>;
}

function namesIn(text: string): string[] {
  return [...new Set(text.split(/[\s,;]+/).filter(Boolean))];
}
