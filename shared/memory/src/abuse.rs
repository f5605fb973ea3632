//! Bans, open sockets, reports, and what administrators do.

use std::collections::{BTreeMap, BTreeSet};

use tidings_domain::{
    bans::{Ban, Bans, OpenSockets},
    ids::{ConnectionId, ConversationId, Sender, Sequence, Timestamp, UserId},
    moderation::{AdminKey, Deed, Filed, Moderation},
    ports::PortResult,
    reports::{Commitment, Commitments, Report, Reports, Resolution},
    session::Session,
    strangers::Reporters,
};

use crate::{World, units::Rate};

const DAY_MS: u64 = 24 * 3600 * 1000;

#[derive(Debug, Default)]
pub(crate) struct Abuse {
    pub(crate) bans: BTreeMap<UserId, Ban>,
    open: BTreeMap<ConnectionId, Session>,
    commitments: BTreeMap<(ConversationId, Sequence), (Commitment, Timestamp)>,
    reports: BTreeMap<Filed, Report>,
    reporters: BTreeMap<UserId, BTreeSet<UserId>>,
    deeds: BTreeMap<Filed, Deed>,
    keys: BTreeMap<String, AdminKey>,
}

impl Bans for World {
    fn ban<'a>(&'a self, user: &'a UserId, now: Timestamp) -> PortResult<'a, Option<Ban>> {
        Box::pin(self.call("read_ban", move |state| {
            state.meter.query(Rate::Strong, || 0);
            state.abuse.bans.get(user).filter(|ban| ban.until > now).cloned()
        }))
    }

    fn put_ban<'a>(&'a self, user: &'a UserId, ban: &'a Ban) -> PortResult<'a, ()> {
        Box::pin(self.call("put_ban", move |state| {
            state.meter.write(|| 0);
            state.abuse.bans.insert(user.clone(), ban.clone());
        }))
    }

    fn lift_ban<'a>(&'a self, user: &'a UserId) -> PortResult<'a, bool> {
        Box::pin(self.call("lift_ban", move |state| {
            state.meter.write(|| 0);
            state.abuse.bans.remove(user).is_some()
        }))
    }

    fn note_ban<'a>(&'a self, device: &'a Sender, until: Timestamp) -> PortResult<'a, ()> {
        Box::pin(self.call("note_ban", move |state| {
            state.meter.write(|| 0);
            if let Some(row) = state.devices.get_mut(device) {
                row.banned_until = until;
            }
        }))
    }
}

impl OpenSockets for World {
    fn note_open<'a>(&'a self, socket: &'a Session) -> PortResult<'a, ()> {
        Box::pin(self.call("note_open", move |state| {
            state.meter.write(|| 0);
            state.abuse.open.insert(socket.connection.clone(), socket.clone());
        }))
    }

    fn open_of<'a>(&'a self, user: &'a UserId) -> PortResult<'a, Vec<Session>> {
        Box::pin(self.call("read_open", move |state| {
            state.meter.query(Rate::Strong, || 0);
            state.abuse.open.values().filter(|socket| socket.owner.user == *user).cloned().collect()
        }))
    }

    fn forget_open<'a>(&'a self, socket: &'a Session) -> PortResult<'a, ()> {
        Box::pin(self.call("forget_open", move |state| {
            state.meter.write(|| 0);
            state.abuse.open.remove(&socket.connection);
        }))
    }
}

impl Commitments for World {
    fn keep<'a>(
        &'a self,
        conversation: &'a ConversationId,
        sequence: Sequence,
        commitment: &'a Commitment,
        until: Timestamp,
    ) -> PortResult<'a, ()> {
        Box::pin(self.call("keep_commitment", move |state| {
            state.meter.write(|| 0);
            let place = (conversation.clone(), sequence);
            state.abuse.commitments.entry(place).or_insert_with(|| (commitment.clone(), until));
        }))
    }

    fn kept<'a>(
        &'a self,
        conversation: &'a ConversationId,
        sequence: Sequence,
        now: Timestamp,
    ) -> PortResult<'a, Option<Commitment>> {
        Box::pin(self.call("read_commitment", move |state| {
            state.meter.query(Rate::Strong, || 0);
            let kept = state.abuse.commitments.get(&(conversation.clone(), sequence));
            kept.filter(|(_, until)| until.as_seconds() > now.as_seconds()).map(|(commitment, _)| commitment.clone())
        }))
    }
}

impl Reports for World {
    fn put<'a>(&'a self, report: &'a Report) -> PortResult<'a, ()> {
        Box::pin(self.call("put_report", move |state| {
            state.meter.write(|| 0);
            let of = state.abuse.reporters.entry(report.of.user.clone()).or_default();
            of.insert(report.by.clone());
            state.abuse.reports.insert(Filed { at: report.at, nonce: report.nonce }, report.clone());
        }))
    }
}

impl Reporters for World {
    fn reporters<'a>(&'a self, of: &'a UserId, up_to: usize) -> PortResult<'a, usize> {
        Box::pin(self.call("count_reporters", move |state| {
            state.meter.query(Rate::Eventual, || 0);
            state.abuse.reporters.get(of).map_or(0, BTreeSet::len).min(up_to)
        }))
    }
}

/// Of a day, before a place, the latest first.
fn of_day<T: Clone>(filed: &BTreeMap<Filed, T>, day: Timestamp, before: Option<Filed>, limit: usize) -> Vec<T> {
    let is_of_day = |at: &Filed| at.at.0 / DAY_MS == day.0 / DAY_MS && before.is_none_or(|before| *at < before);
    filed.iter().rev().filter(|(at, _)| is_of_day(at)).take(limit).map(|(_, what)| what.clone()).collect()
}

impl Moderation for World {
    fn note<'a>(&'a self, deed: &'a Deed) -> PortResult<'a, ()> {
        Box::pin(self.call("note_deed", move |state| {
            state.meter.write(|| 0);
            state.abuse.deeds.insert(Filed { at: deed.at, nonce: deed.nonce }, deed.clone());
        }))
    }

    fn deeds(&self, day: Timestamp, before: Option<Filed>, limit: usize) -> PortResult<'_, Vec<Deed>> {
        Box::pin(self.call("read_deeds", move |state| {
            state.meter.query(Rate::Strong, || 0);
            of_day(&state.abuse.deeds, day, before, limit)
        }))
    }

    fn reports(&self, day: Timestamp, before: Option<Filed>, limit: usize) -> PortResult<'_, Vec<Report>> {
        Box::pin(self.call("read_reports", move |state| {
            state.meter.query(Rate::Strong, || 0);
            of_day(&state.abuse.reports, day, before, limit)
        }))
    }

    fn resolve<'a>(&'a self, report: Filed, resolution: &'a Resolution) -> PortResult<'a, bool> {
        Box::pin(self.call("resolve_report", move |state| {
            state.meter.write(|| 0);
            let found = state.abuse.reports.get_mut(&report);
            found.map(|found| found.resolution = Some(resolution.clone())).is_some()
        }))
    }

    fn put_key<'a>(&'a self, key: &'a AdminKey) -> PortResult<'a, ()> {
        Box::pin(self.call("put_admin_key", move |state| {
            state.meter.write(|| 0);
            state.abuse.keys.insert(key.name.to_string(), key.clone());
        }))
    }

    fn key<'a>(&'a self, name: &'a str, now: Timestamp) -> PortResult<'a, Option<AdminKey>> {
        Box::pin(self.call("read_admin_key", move |state| {
            state.meter.query(Rate::Strong, || 0);
            state.abuse.keys.get(name).filter(|key| key.until > now).cloned()
        }))
    }

    fn keys(&self, now: Timestamp) -> PortResult<'_, Vec<AdminKey>> {
        Box::pin(self.call("read_admin_keys", move |state| {
            state.meter.query(Rate::Strong, || 0);
            state.abuse.keys.values().filter(|key| key.until > now).cloned().collect()
        }))
    }

    fn drop_key<'a>(&'a self, name: &'a str) -> PortResult<'a, bool> {
        Box::pin(self.call("drop_admin_key", move |state| {
            state.meter.write(|| 0);
            state.abuse.keys.remove(name).is_some()
        }))
    }
}
