/** A group: who is in it, how it works, who may come. */
import { useEffect, useState } from "preact/hooks";
import { type http, path } from "@tidings/client";
import { Failure, LIVES, namesIn, useTask } from "./dialogs.tsx";
import { Avatar, Confirm, dayOf, Dialog, Icon, IconButton, Menu, MenuItem, Tabs } from "./parts.tsx";
import type { Group, Member, Session } from "./session.ts";

type Schemas = http.components["schemas"];
type Invite = Schemas["InviteInfo"];
type Request = Schemas["JoinRequestInfo"];

interface View {
  session: Session;
  group: Group;
  /** Does something and shows the group as it is then. */
  act: (task: () => Promise<unknown>) => void;
}

export function GroupInfo({ session, id, close }: { session: Session; id: string; close: () => void }) {
  const [group, setGroup] = useState<Group>();
  const [members, setMembers] = useState<readonly Member[]>([]);
  const { error, run } = useTask();
  const load = async () => {
    const [found, all] = await Promise.all([session.group(id), session.members(id)]);
    setGroup(found);
    setMembers(all);
  };
  const act = (task: () => Promise<unknown>) => run(async () => {
    await task();
    await load();
  });
  useEffect(() => act(async () => undefined), []);
  const isAdmin = group?.role === "owner" || group?.role === "admin";
  const mayAdd = isAdmin || group?.mayAdd === "all";
  const view = group && { session, group, act };
  return (
    <Dialog title={group?.title ?? "Group"} close={close}>
      {group?.description && <p class="description">{group.description}</p>}
      {group?.dissolved && <p class="muted">This group has ended.</p>}
      <Failure error={error} />
      {view && !group.dissolved && (
        <Tabs
          label="Group"
          tabs={[
            { name: "Members", icon: "group", view: () => <Members {...view} members={members} isAdmin={isAdmin} mayAdd={mayAdd} /> },
            ...(mayAdd ? [{ name: "Invites", icon: "link" as const, view: () => <Invites {...view} /> }] : []),
            ...(isAdmin ? [{ name: "Settings", icon: "settings" as const, view: () => <GroupSettings {...view} /> }] : []),
          ]}
        />
      )}
      {view && <Leaving {...view} close={close} alone={members.length === 1} />}
    </Dialog>
  );
}

function Members({ session, group, act, members, isAdmin, mayAdd }: View & { members: readonly Member[]; isAdmin: boolean; mayAdd: boolean }) {
  const id = group.conversationId;
  const [user, setUser] = useState("");
  const isOwner = group.role === "owner";
  const setRole = (member: Member, role: string) => act(() => session.call("PATCH", path`/groups/${id}/members/${member.userId}`, { role }));
  return (
    <>
      {mayAdd && (
        <form class="inline" onSubmit={(event) => { event.preventDefault(); act(async () => { await session.call("POST", path`/groups/${id}/members`, { userIds: namesIn(user) }); setUser(""); }); }}>
          <input aria-label="User to add" placeholder="Add somebody" value={user} onInput={(event) => setUser(event.currentTarget.value)} />
          <button disabled={!user.trim()}>Add</button>
        </form>
      )}
      <p class="muted">{group.memberCount} {group.memberCount === 1 ? "member" : "members"}</p>
      <ul class="members">
        {members.map((member) => {
          const isOther = member.userId !== session.me;
          const mayManage = isAdmin && isOther && member.role !== "owner" && (isOwner || member.role === "member");
          return (
            <li key={member.userId}>
              <Avatar name={member.userId} />
              <span class="grow">{isOther ? member.userId : "You"}</span>
              {member.role !== "member" && <span class="role">{member.role}</span>}
              {isOther && (
                <Menu label={`More about ${member.userId}`} icon="more">
                  <MenuItem icon="send" onClick={() => session.startDirect(member.userId)}>Write to {member.userId}</MenuItem>
                  {isAdmin && member.role === "member" && <MenuItem icon="star" onClick={() => setRole(member, "admin")}>Make admin</MenuItem>}
                  {isOwner && member.role === "admin" && <MenuItem icon="person" onClick={() => setRole(member, "member")}>Take the admin role away</MenuItem>}
                  {isOwner && <MenuItem icon="group" onClick={() => setRole(member, "owner")}>Hand the group over</MenuItem>}
                  {mayManage && <MenuItem icon="remove" onClick={() => act(() => session.call("DELETE", path`/groups/${id}/members/${member.userId}`))}>Remove {member.userId}</MenuItem>}
                </Menu>
              )}
            </li>
          );
        })}
      </ul>
    </>
  );
}

const LINK_LIFE_S = 7 * 86_400;

function Invites({ session, group, act }: View) {
  const id = group.conversationId;
  const [invites, setInvites] = useState<readonly Invite[]>([]);
  const [requests, setRequests] = useState<readonly Request[]>([]);
  const [approval, setApproval] = useState(false);
  const [copied, setCopied] = useState<string>();
  const load = async () => {
    const [links, asking] = await Promise.all([
      session.call<{ invites: Invite[] }>("GET", path`/groups/${id}/invites`), session.call<{ requests: Request[] }>("GET", path`/groups/${id}/requests`)]);
    setInvites(links.invites.filter((one) => one.status === "live"));
    setRequests(asking.requests);
  };
  const then = (task: () => Promise<unknown>) => act(async () => {
    await task();
    await load();
  });
  useEffect(() => then(async () => undefined), []);
  const address = (invite: Invite) => `${location.origin}/#join=${encodeURIComponent(invite.token)}`;
  const copy = (invite: Invite) => void navigator.clipboard.writeText(address(invite)).then(() => setCopied(invite.inviteId), () => session.say("The browser did not let the link be copied."));
  return (
    <>
      {requests.length > 0 && (
        <section>
          <h3>They ask to join</h3>
          <ul class="members">
            {requests.map(({ userId }) => (
              <li key={userId}>
                <Avatar name={userId} /><span class="grow">{userId}</span>
                <IconButton icon="check" label={`Let ${userId} in`} onClick={() => then(() => session.call("POST", path`/groups/${id}/requests/${userId}`))} />
                <IconButton icon="close" label={`Turn ${userId} away`} onClick={() => then(() => session.call("DELETE", path`/groups/${id}/requests/${userId}`))} />
              </li>
            ))}
          </ul>
        </section>
      )}
      <label class="check"><input type="checkbox" checked={approval} onChange={(event) => setApproval(event.currentTarget.checked)} />Who comes by the link must be let in</label>
      <button onClick={() => then(() => session.call("POST", path`/groups/${id}/invites`, { expiresInSeconds: LINK_LIFE_S, approval, clientInviteId: crypto.randomUUID() }))}><Icon name="link" /> Make a link for a week</button>
      <ul class="members">
        {invites.map((invite) => (
          <li key={invite.inviteId}>
            <span class="grow">
              <input class="link-text" readOnly value={address(invite)} aria-label="Invite link" onFocus={(event) => event.currentTarget.select()} />
              <small class="muted">{invite.approval ? "To be let in" : "Lets in"} · used {invite.uses} times{invite.expiresAt ? ` · until ${dayOf(invite.expiresAt)}` : ""}</small>
            </span>
            <IconButton icon={copied === invite.inviteId ? "check" : "copy"} label={copied === invite.inviteId ? "Copied" : "Copy the link"} onClick={() => copy(invite)} />
            <IconButton icon="remove" label="Revoke the link" onClick={() => then(() => session.call("DELETE", path`/groups/${id}/invites/${invite.inviteId}`))} />
          </li>
        ))}
      </ul>
    </>
  );
}

const WAITS = [[0, "Off"], [10, "10 seconds"], [60, "1 minute"], [600, "10 minutes"], [3600, "1 hour"]] as const;

function GroupSettings({ session, group, act }: View) {
  const [title, setTitle] = useState(group.title);
  const [description, setDescription] = useState(group.description ?? "");
  const change = (settings: object) => act(async () => {
    await session.call("PATCH", path`/groups/${group.conversationId}`, settings);
    await session.client.list();
  });
  const isChanged = title.trim() !== group.title || description.trim() !== (group.description ?? "");
  return (
    <>
      <form class="stack" onSubmit={(event) => { event.preventDefault(); change({ title: title.trim(), description: description.trim() || null }); }}>
        <label>Name<input required maxLength={100} value={title} onInput={(event) => setTitle(event.currentTarget.value)} /></label>
        <label>Description<textarea rows={2} maxLength={512} value={description} onInput={(event) => setDescription(event.currentTarget.value)} /></label>
        <button class="primary" disabled={!isChanged || !title.trim()}>Save</button>
      </form>
      <label>Who may write
        <select value={group.mayPost} onChange={(event) => change({ mayPost: event.currentTarget.value })}><option value="all">Everyone</option><option value="admins">Admins</option></select>
      </label>
      <label>Who may add members
        <select value={group.mayAdd} onChange={(event) => change({ mayAdd: event.currentTarget.value })}><option value="all">Everyone</option><option value="admins">Admins</option></select>
      </label>
      <label>Slow mode
        <select value={group.slowModeSeconds} onChange={(event) => change({ slowModeSeconds: Number(event.currentTarget.value) })}>
          {withCurrent(WAITS, group.slowModeSeconds).map(([seconds, name]) => <option key={seconds} value={seconds}>{name}</option>)}
        </select>
      </label>
      <label>Disappearing messages
        <select value={group.ttlSeconds ?? 0} onChange={(event) => change({ ttlSeconds: Number(event.currentTarget.value) || null })}>
          {withCurrent(LIVES, group.ttlSeconds ?? 0).map(([seconds, name]) => <option key={seconds} value={seconds}>{name}</option>)}
        </select>
      </label>
    </>
  );
}

/** What another client has set is in the list, too. */
function withCurrent(all: readonly (readonly [number, string])[], seconds: number): readonly (readonly [number, string])[] {
  return all.some(([one]) => one === seconds) ? all : [...all, [seconds, `${seconds} seconds`]];
}

function Leaving({ session, group, act, close, alone }: View & { close: () => void; alone: boolean }) {
  const [asked, setAsked] = useState<"leave" | "end">();
  const id = group.conversationId;
  const isOwner = group.role === "owner";
  const gone = async () => {
    close();
    await session.open(undefined);
  };
  return (
    <div class="row">
      {(!isOwner || alone) && <button class="danger" onClick={() => setAsked("leave")}><Icon name="leave" /> Leave the group</button>}
      {isOwner && !group.dissolved && <button class="danger" onClick={() => setAsked("end")}>End the group</button>}
      {asked === "leave" && (
        <Confirm title="Leave this group?" action="Leave" close={() => setAsked(undefined)} act={() => act(async () => { await session.call("DELETE", path`/groups/${id}/members/${session.me}`); await gone(); })}>
          You will see nothing of what is written after this.
        </Confirm>
      )}
      {asked === "end" && (
        <Confirm title="End this group?" action="End the group" close={() => setAsked(undefined)} act={() => act(() => session.call("DELETE", path`/groups/${id}`))}>
          Nobody can write to it any more. What was written can still be read.
        </Confirm>
      )}
    </div>
  );
}
