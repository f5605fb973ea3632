import { useEffect, useState } from "preact/hooks";
import { browserName, type Device, NOTIFY } from "./device.ts";
import { Failure, USER_PATTERN, useTask } from "./dialogs.tsx";
import { canInstall, install } from "./install.ts";
import { Linking } from "./linking.tsx";
import { Avatar, Confirm, dayOf, Dialog, Icon, IconButton, Tabs, timeOf } from "./parts.tsx";
import type { Session, UserSettings } from "./session.ts";
import { setTheme, theme } from "./theme.ts";

export function Settings({ session, close, leave }: { session: Session; close: () => void; leave: () => void }) {
  return (
    <Dialog title="Settings" close={close}>
      <Tabs
        label="Settings"
        tabs={[
          { name: "Profile", icon: "person", view: () => <Profile session={session} leave={leave} /> },
          { name: "Notifications", icon: "bell", view: () => <Notifications session={session} /> },
          { name: "Privacy", icon: "lock", view: () => <Privacy session={session} /> },
          { name: "Devices", icon: "device", view: () => <Devices session={session} /> },
          { name: "Appearance", icon: "theme", view: () => <Appearance /> },
        ]}
      />
    </Dialog>
  );
}

function Profile({ session, leave }: { session: Session; leave: () => void }) {
  const [asked, setAsked] = useState(false);
  return (
    <>
      <div class="account"><Avatar name={session.me} /><div><b>{session.me}</b><p class="muted">Others write to you by this name.</p></div></div>
      {canInstall.value && <button onClick={() => void install()}><Icon name="download" /> Install the app</button>}
      <button class="danger" onClick={() => setAsked(true)}><Icon name="leave" /> Sign out</button>
      {asked && (
        <Confirm title="Sign out?" action="Sign out" close={() => setAsked(false)} act={leave}>
          Your messages are taken from this device. They are on your other devices and with the service{session.pending.value.length > 0 ? ", except those that wait here to be sent" : ""}.
        </Confirm>
      )}
    </>
  );
}

const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const HOUR_MS = 3600_000;
const clockOf = (minute: number) => `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;
const minuteOf = (clock: string) => clock.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);

/** What a user who sets hours for the first time is offered. */
const usualHours = () => ({ fromMinute: 22 * 60, toMinute: 7 * 60, days: [1, 2, 3, 4, 5, 6, 7], utcOffsetMinutes: -new Date().getTimezoneOffset() });

function Notifications({ session }: { session: Session }) {
  const [settings, setSettings] = useState<UserSettings>();
  const [isOn, setOn] = useState(localStorage.getItem(NOTIFY) === "on" && "Notification" in window && Notification.permission === "granted");
  const [said, setSaid] = useState<string>();
  const { busy, error, run } = useTask();
  useEffect(() => run(async () => setSettings(await session.call<UserSettings>("GET", "/settings"))), []);
  const save = (change: Partial<UserSettings>) => run(async () => {
    const { quietUntil, quietHours, ...others } = { ...settings, ...change };
    setSettings(await session.saveSettings({ ...others, ...(quietUntil ? { quietUntil } : {}), ...(quietHours ? { quietHours } : {}) }));
  });
  const turn = (on: boolean) => run(async () => {
    if (on) setSaid((await session.device.enablePush()) === "push" ? "On, also while Tidings is closed." : "On while Tidings is open: this browser or service has no push.");
    else await session.device.disablePush();
    if (!on) setSaid("Off in this browser.");
    setOn(on);
  });
  const hours = settings?.quietHours;
  const isPaused = (settings?.quietUntil ?? 0) > Date.now();
  return (
    <>
      <label class="check"><input type="checkbox" role="switch" checked={isOn} disabled={busy} onChange={(event) => turn(event.currentTarget.checked)} />Notify me in this browser</label>
      {said && <p class="muted" role="status">{said}</p>}
      <Failure error={error} />
      {settings && (
        <>
          <h3>Pause on all devices</h3>
          {isPaused
            ? <div class="row"><p class="grow">Paused until {dayOf(settings.quietUntil ?? 0).toLowerCase()}, {timeOf(settings.quietUntil ?? 0)}.</p><button disabled={busy} onClick={() => save({ quietUntil: 0 })}>Resume</button></div>
            : <div class="row">{[1, 8, 24].map((count) => <button key={count} class="grow" disabled={busy} onClick={() => save({ quietUntil: Date.now() + count * HOUR_MS })}>{count === 1 ? "1 hour" : `${count} hours`}</button>)}</div>}
          <label class="check"><input type="checkbox" role="switch" checked={hours !== undefined} disabled={busy} onChange={(event) => {
            const { quietHours: _, ...others } = settings;
            run(async () => setSettings(await session.saveSettings(event.currentTarget.checked ? { ...others, quietHours: usualHours() } : others)));
          }} />Quiet hours</label>
          {hours && (
            <fieldset class="quiet" disabled={busy}>
              <legend class="visually-hidden">Quiet hours</legend>
              <div class="row">
                <label class="grow">From<input type="time" value={clockOf(hours.fromMinute)} onChange={(event) => event.currentTarget.value && save({ quietHours: { ...hours, fromMinute: minuteOf(event.currentTarget.value) } })} /></label>
                <label class="grow">To<input type="time" value={clockOf(hours.toMinute)} onChange={(event) => event.currentTarget.value && save({ quietHours: { ...hours, toMinute: minuteOf(event.currentTarget.value) } })} /></label>
              </div>
              <div class="days" role="group" aria-label="On these days">
                {DAYS.map((name, index) => {
                  const day = index + 1;
                  const has = hours.days.includes(day);
                  const days = has ? hours.days.filter((one) => one !== day) : [...hours.days, day].sort();
                  return <button key={name} type="button" aria-pressed={has} disabled={days.length === 0} onClick={() => save({ quietHours: { ...hours, days } })}>{name}</button>;
                })}
              </div>
            </fieldset>
          )}
        </>
      )}
    </>
  );
}

/** To whom something is shown: the service's word for it, and what it is called. */
const AUDIENCES = [["everyone", "Everyone"], ["contacts", "People I have written to"], ["nobody", "Nobody"]] as const;
type Audience = (typeof AUDIENCES)[number][0];

/** What others see of the user, and strangers. */
function Shown({ session }: { session: Session }) {
  const [settings, setSettings] = useState<UserSettings>();
  const { busy, error, run } = useTask();
  useEffect(() => run(async () => setSettings(await session.call<UserSettings>("GET", "/settings"))), []);
  const save = (change: Partial<UserSettings>) => run(async () => setSettings(await session.saveSettings({ ...settings, ...change })));
  const pick = (name: "lastSeen" | "readReceipts", label: string) => (
    <label>{label}
      <select disabled={busy || !settings} value={settings?.[name] ?? "everyone"} onChange={(event) => save({ [name]: event.currentTarget.value as Audience })}>
        {AUDIENCES.map(([value, text]) => <option key={value} value={value}>{text}</option>)}
      </select>
    </label>
  );
  return (
    <>
      {pick("lastSeen", "Who sees when I am here")}
      {pick("readReceipts", "Who sees what I have read")}
      <p class="muted">What you do not show others you do not see of them.</p>
      <label class="check"><input type="checkbox" role="switch" checked={settings?.quietRequests ?? false} disabled={busy || !settings} onChange={(event) => save({ quietRequests: event.currentTarget.checked })} />Strangers wait without a notification</label>
      <Failure error={error} />
    </>
  );
}

function Privacy({ session }: { session: Session }) {
  const [user, setUser] = useState("");
  const { busy, error, run } = useTask();
  const { privacy } = session;
  const blocks = [...privacy.blocked.value].sort();
  useEffect(() => run(() => privacy.load()), []);
  return (
    <>
      <Shown session={session} />
      <h3>Blocked users</h3>
      <p class="muted">What they send you does not come to you, and neither sees whether the other is there. They are not told.</p>
      <form class="inline" onSubmit={(event) => { event.preventDefault(); run(async () => { await privacy.block(user.trim()); setUser(""); }); }}>
        <input aria-label="User to block" placeholder="Block somebody" pattern={USER_PATTERN} value={user} onInput={(event) => setUser(event.currentTarget.value)} />
        <button disabled={busy || !user.trim()}>Block</button>
      </form>
      <Failure error={error} />
      {blocks.length === 0 && !busy && <p class="muted">Nobody is blocked.</p>}
      <ul class="members">
        {blocks.map((name) => <li key={name}><Avatar name={name} /><span class="grow">{name}</span><button class="link" disabled={busy} onClick={() => run(() => privacy.unblock(name))}>Unblock</button></li>)}
      </ul>
    </>
  );
}

function Devices({ session }: { session: Session }) {
  const [devices, setDevices] = useState<readonly Device[]>();
  const [revoked, setRevoked] = useState<Device>();
  const [name, setName] = useState<string>();
  const [linking, setLinking] = useState<"show" | "enter">();
  const [keys, setKeys] = useState<ReadonlyMap<string, string>>(new Map());
  const { busy, error, run } = useTask();
  const load = async () => {
    setDevices((await session.device.all()).devices);
    setKeys(await session.security.keysOf(session.me));
  };
  useEffect(() => run(load), []);
  const act = (task: () => Promise<unknown>) => run(async () => {
    await task();
    await load();
  });
  return (
    <>
      <div class="wide-buttons">
        <button onClick={() => setLinking("enter")}><Icon name="device" /> Link a new device</button>
        <button onClick={() => setLinking("show")}><Icon name="download" /> Get the history</button>
      </div>
      {linking && <Linking session={session} what={linking} close={() => setLinking(undefined)} done={() => run(load)} />}
      <Failure error={error} />
      <ul class="members">
        {devices?.map((device) => (
          <li key={device.deviceId}>
            <span class="file-icon"><Icon name="device" /></span>
            {device.current && name !== undefined
              ? (
                <form class="inline grow" onSubmit={(event) => { event.preventDefault(); act(() => session.device.rename(name.trim())); setName(undefined); }}>
                  <input autofocus aria-label="Name of this device" required maxLength={64} value={name} onInput={(event) => setName(event.currentTarget.value)} /><button disabled={busy || !name.trim()}>Save</button>
                </form>
              )
              : <span class="grow"><b>{device.name || device.deviceId}</b><small class="muted">{device.current ? "This device" : device.lastSeen ? `Seen ${dayOf(device.lastSeen).toLowerCase()}, ${timeOf(device.lastSeen)}` : ""}{keys.has(device.deviceId) ? " · reads encrypted messages" : " · has no keys"}</small></span>}
            {device.current && name === undefined && <IconButton icon="edit" label="Rename this device" onClick={() => setName(device.name || browserName())} />}
            {!device.current && <button class="link" onClick={() => setRevoked(device)}>Sign out</button>}
          </li>
        ))}
      </ul>
      {revoked && (
        <Confirm title={`Sign ${revoked.name || revoked.deviceId} out?`} action="Sign out" close={() => setRevoked(undefined)} act={() => act(() => session.security.revoke(revoked.deviceId))}>
          It is refused from now on, is taken out of your conversations, and cannot come back by itself.
        </Confirm>
      )}
    </>
  );
}

function Appearance() {
  return (
    <fieldset class="options">
      <legend>Colours</legend>
      {(["auto", "light", "dark"] as const).map((name) => (
        <label key={name}><input type="radio" name="theme" checked={theme.value === name} onChange={() => setTheme(name)} />{{ auto: "As the system", light: "Light", dark: "Dark" }[name]}</label>
      ))}
    </fieldset>
  );
}
