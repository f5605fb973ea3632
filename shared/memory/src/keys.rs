//! The key directory, mailboxes, and inboxes.

use std::collections::{BTreeMap, BTreeSet};

use tidings_domain::{
    events::Kept,
    ids::{ConnectionId, FrameKey, MailId, Sender, Timestamp, UserId},
    keys::{DeviceSet, KeyPackage, SetChange},
    mailbox::{Deposit, Mail, MailPage},
    ports::{DeviceSets, Inboxes, KeyDirectory, Mailboxes, PortResult},
    session::Session,
};

use crate::{World, units::Rate};

/// A device, and what it signs with.
type Holder = (Sender, String);

#[derive(Debug, Default)]
pub(crate) struct Keys {
    sets: BTreeMap<UserId, DeviceSet>,
    packages: BTreeMap<Holder, BTreeMap<String, KeyPackage>>,
    taken: BTreeSet<(Holder, String)>,
    last_resorts: BTreeMap<Holder, KeyPackage>,
    mail: BTreeMap<Sender, BTreeMap<MailId, Mail>>,
    dropped: BTreeMap<Sender, u64>,
    inboxes: BTreeMap<(Sender, ConnectionId), BTreeMap<FrameKey, Kept>>,
}

fn holder(device: &Sender, identity: &str) -> Holder {
    (device.clone(), identity.to_owned())
}

impl World {
    /// The mail that a device has not acknowledged.
    pub fn mail(&self, owner: &Sender) -> Vec<Mail> {
        self.state().keys.mail.get(owner).into_iter().flat_map(BTreeMap::values).cloned().collect()
    }
}

impl DeviceSets for World {
    fn device_sets<'a>(&'a self, users: &'a [UserId]) -> PortResult<'a, BTreeMap<UserId, DeviceSet>> {
        Box::pin(self.call("read_device_sets", move |state| {
            for _ in users {
                state.meter.query(Rate::Eventual, || 0);
            }
            let sets = users.iter().filter_map(|user| Some((user.clone(), state.keys.sets.get(user)?.clone())));
            sets.collect()
        }))
    }
}

impl KeyDirectory for World {
    fn device_set<'a>(&'a self, user: &'a UserId) -> PortResult<'a, DeviceSet> {
        Box::pin(self.call("read_device_set", move |state| {
            state.meter.query(Rate::Strong, || 0);
            state.keys.sets.get(user).cloned().unwrap_or_default()
        }))
    }

    fn enter<'a>(
        &'a self,
        device: &'a Sender,
        before: &'a DeviceSet,
        after: &'a DeviceSet,
    ) -> PortResult<'a, SetChange> {
        Box::pin(self.call("enter_device_set", move |state| {
            state.meter.write(|| 0);
            if state.devices.get(device).is_none_or(|device| device.revoked) {
                return SetChange::Refused;
            }
            state.keys.replace(&device.user, before, after)
        }))
    }

    fn leave<'a>(&'a self, user: &'a UserId, before: &'a DeviceSet, after: &'a DeviceSet) -> PortResult<'a, SetChange> {
        Box::pin(self.call("leave_device_set", move |state| {
            state.meter.write(|| 0);
            state.keys.replace(user, before, after)
        }))
    }

    fn put_packages<'a>(
        &'a self,
        device: &'a Sender,
        identity: &'a str,
        packages: &'a [KeyPackage],
    ) -> PortResult<'a, ()> {
        Box::pin(self.call("put_key_packages", move |state| {
            let holder = holder(device, identity);
            for package in packages {
                state.meter.write(|| 0);
                let name = package.hash.to_string();
                if !state.keys.taken.contains(&(holder.clone(), name.clone())) {
                    state.keys.packages.entry(holder.clone()).or_default().insert(name, package.clone());
                }
            }
        }))
    }

    fn count<'a>(&'a self, device: &'a Sender, identity: &'a str, now: Timestamp) -> PortResult<'a, usize> {
        Box::pin(self.call("count_key_packages", move |state| {
            state.meter.query(Rate::Strong, || 0);
            state.keys.free(&holder(device, identity), now).count()
        }))
    }

    fn packages<'a>(
        &'a self,
        device: &'a Sender,
        identity: &'a str,
        now: Timestamp,
        limit: usize,
    ) -> PortResult<'a, Vec<KeyPackage>> {
        Box::pin(self.call("read_key_packages", move |state| {
            state.meter.query(Rate::Strong, || 0);
            state.keys.free(&holder(device, identity), now).take(limit).cloned().collect()
        }))
    }

    fn take<'a>(&'a self, device: &'a Sender, identity: &'a str, package: &'a KeyPackage) -> PortResult<'a, bool> {
        Box::pin(self.call("take_key_package", move |state| {
            state.meter.write(|| 0);
            let (holder, name) = (holder(device, identity), package.hash.to_string());
            let is_there = state.keys.packages.get_mut(&holder).is_some_and(|free| free.remove(&name).is_some());
            if is_there {
                state.keys.taken.insert((holder, name));
            }
            is_there
        }))
    }

    fn put_last_resort<'a>(
        &'a self,
        device: &'a Sender,
        identity: &'a str,
        package: &'a KeyPackage,
    ) -> PortResult<'a, ()> {
        Box::pin(self.call("put_last_resort", move |state| {
            state.meter.write(|| 0);
            state.keys.last_resorts.insert(holder(device, identity), package.clone());
        }))
    }

    fn last_resort<'a>(&'a self, device: &'a Sender, identity: &'a str) -> PortResult<'a, Option<KeyPackage>> {
        Box::pin(self.call("read_last_resort", move |state| {
            state.meter.query(Rate::Strong, || 0);
            state.keys.last_resorts.get(&holder(device, identity)).cloned()
        }))
    }
}

impl Keys {
    fn replace(&mut self, user: &UserId, before: &DeviceSet, after: &DeviceSet) -> SetChange {
        let set = self.sets.entry(user.clone()).or_default();
        if set.version != before.version {
            return SetChange::Lost;
        }
        *set = after.clone();
        SetChange::Done
    }

    fn free(&self, holder: &Holder, now: Timestamp) -> impl Iterator<Item = &KeyPackage> {
        let packages = self.packages.get(holder).into_iter().flat_map(BTreeMap::values);
        packages.filter(move |package| package.expires_at > now)
    }
}

impl Mailboxes for World {
    fn put<'a>(&'a self, mail: &'a Mail, count_max: u64) -> PortResult<'a, Deposit> {
        Box::pin(self.call("put_mail", move |state| {
            state.meter.write(|| 0);
            let mailbox = state.keys.mail.entry(mail.to.clone()).or_default();
            if mailbox.contains_key(&mail.id) {
                return Deposit::Kept;
            }
            if mailbox.len() as u64 >= count_max {
                *state.keys.dropped.entry(mail.to.clone()).or_default() += 1;
                return Deposit::Full;
            }
            mailbox.insert(mail.id.clone(), mail.clone());
            Deposit::Kept
        }))
    }

    fn page<'a>(&'a self, owner: &'a Sender, after: Option<&'a MailId>, limit: usize) -> PortResult<'a, MailPage> {
        Box::pin(self.call("read_mail", move |state| {
            state.meter.query(Rate::Strong, || 0);
            let mail = state.keys.mail.get(owner).into_iter().flatten();
            let mut rest = mail.filter(|(id, _)| after.is_none_or(|after| *id > after)).map(|(_, mail)| mail.clone());
            let mail: Vec<Mail> = rest.by_ref().take(limit).collect();
            let has_more = rest.next().is_some();
            drop(rest);
            let dropped = if has_more {
                state.keys.dropped.get(owner).copied().unwrap_or_default()
            } else {
                state.keys.dropped.remove(owner).unwrap_or_default()
            };
            MailPage { mail, has_more, dropped }
        }))
    }

    fn remove<'a>(&'a self, owner: &'a Sender, ids: &'a [MailId]) -> PortResult<'a, ()> {
        Box::pin(self.call("remove_mail", move |state| {
            for id in ids {
                state.meter.write(|| 0);
                if let Some(mailbox) = state.keys.mail.get_mut(owner) {
                    mailbox.remove(id);
                }
            }
        }))
    }
}

fn inbox_of(session: &Session) -> (Sender, ConnectionId) {
    (session.owner.clone(), session.connection.clone())
}

impl Inboxes for World {
    fn put<'a>(&'a self, session: &'a Session, frame: &'a Kept) -> PortResult<'a, ()> {
        Box::pin(self.call("put_frame", move |state| {
            state.meter.write(|| frame.text.len());
            state.keys.inboxes.entry(inbox_of(session)).or_default().insert(frame.key.clone(), frame.clone());
        }))
    }

    fn page<'a>(&'a self, session: &'a Session, limit: usize) -> PortResult<'a, Vec<Kept>> {
        Box::pin(self.call("read_frames", move |state| {
            let inbox = state.keys.inboxes.get(&inbox_of(session));
            let frames: Vec<Kept> = inbox.into_iter().flat_map(|inbox| inbox.values()).take(limit).cloned().collect();
            state.meter.query(Rate::Eventual, || frames.iter().map(|frame| frame.text.len()).sum());
            frames
        }))
    }

    fn remove<'a>(&'a self, session: &'a Session, keys: &'a [FrameKey]) -> PortResult<'a, ()> {
        Box::pin(self.call("remove_frames", move |state| {
            for key in keys {
                state.meter.write(|| 0);
                if let Some(inbox) = state.keys.inboxes.get_mut(&inbox_of(session)) {
                    inbox.remove(key);
                }
            }
        }))
    }
}
