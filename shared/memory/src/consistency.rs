//! Eventually consistent reads: they are answered by a replica that lags.
//!
//! What was overwritten is kept for as long as a replica may lag, and a lagging read takes it
//! back, latest first. A read that lags sees one moment of the past, not a mixture.

use std::collections::{BTreeMap, VecDeque};

use tidings_domain::{
    conversation::{Member, Members, Reach},
    group::Group,
    ids::{ConversationId, Sender, Sequence, Timestamp, UserId},
    log::Entry,
    ports::Consistency,
    session::Session,
};

use crate::{changes::What, faults::FaultKind, state::State};

/// What stood in a row's place.
#[derive(Debug)]
pub(crate) enum Old {
    /// No entry stood there.
    NoEntry(ConversationId),
    Member(ConversationId, UserId, Option<Member>),
    Session(Sender, Option<Session>),
    Group(ConversationId, Option<(Sequence, Group)>),
    Reach(ConversationId, Option<Reach>),
}

/// What was overwritten lately.
#[derive(Debug, Default)]
pub(crate) struct Past {
    /// Replicas lag no longer than this, in milliseconds; zero keeps nothing.
    pub(crate) lag_ms_max: u64,
    overwritten: VecDeque<(Timestamp, Old)>,
}

impl Past {
    pub(crate) fn keep(&mut self, now: Timestamp, old: impl FnOnce() -> Old) {
        if self.lag_ms_max == 0 {
            return;
        }
        while self.overwritten.front().is_some_and(|(at, _)| now.ms_since(*at) > self.lag_ms_max) {
            self.overwritten.pop_front();
        }
        self.overwritten.push_back((now, old()));
    }

    /// What was overwritten after a moment, latest first.
    fn since(&self, moment: Timestamp) -> impl Iterator<Item = &Old> {
        self.overwritten.iter().rev().take_while(move |(at, _)| *at > moment).map(|(_, old)| old)
    }
}

impl State {
    /// The log as a read of this consistency sees it.
    pub(crate) fn log_at(&mut self, conversation: &ConversationId, consistency: Consistency) -> &[Entry] {
        match consistency {
            Consistency::Strong => self.log(conversation),
            Consistency::Eventual => self.log_seen(conversation),
        }
    }

    /// The log as an eventually consistent read sees it: rows are only added, so it is a part of
    /// the log from its start on.
    pub(crate) fn log_seen(&mut self, conversation: &ConversationId) -> &[Entry] {
        let missing = self.seen_at.map_or(0, |moment| {
            self.past.since(moment).filter(|old| matches!(old, Old::NoEntry(c) if c == conversation)).count()
        });
        self.note_stale(missing > 0);
        let log = self.log(conversation);
        &log[..log.len() - missing]
    }

    /// A conversation's head and member rows as a read of this consistency sees them.
    pub(crate) fn members_seen(&mut self, conversation: &ConversationId, consistency: Consistency) -> Members {
        let mut rows = self.members.get(conversation).cloned().unwrap_or_default();
        let mut head = self.groups.get(conversation).cloned();
        let mut reach = self.reaches.get(conversation).copied();
        let mut is_stale = false;
        if let (Some(moment), Consistency::Eventual) = (self.seen_at, consistency) {
            for old in self.past.since(moment) {
                match old {
                    Old::Member(c, user, row) if c == conversation => {
                        is_stale = true;
                        restore(&mut rows, user, row.as_ref());
                    }
                    Old::Group(c, group) if c == conversation => {
                        is_stale = true;
                        head.clone_from(group);
                    }
                    Old::Reach(c, old) if c == conversation => {
                        is_stale = true;
                        reach = *old;
                    }
                    _ => {}
                }
            }
        }
        self.note_stale(is_stale);
        let (version, group) = head.unzip();
        Members {
            version: version.unwrap_or_default(),
            changed_at: group.as_ref().map(|group| group.changed_at).unwrap_or_default(),
            pulled_since: group.and_then(|group| group.pulled_since),
            reach,
            agreements: self.agreements(conversation).count,
            indexes_text: self.agreements(conversation).indexes_text,
            rows: rows.into_values().collect(),
        }
    }

    /// A user's member rows as the index of activity shows them.
    pub(crate) fn memberships_seen(&mut self, user: &UserId) -> BTreeMap<ConversationId, Member> {
        let of_user = self.members.iter().filter_map(|(c, rows)| Some((c.clone(), rows.get(user)?.clone())));
        let mut rows: BTreeMap<ConversationId, Member> = of_user.collect();
        let mut is_stale = false;
        if let Some(moment) = self.seen_at {
            for old in self.past.since(moment) {
                if let Old::Member(conversation, u, row) = old
                    && u == user
                {
                    is_stale = true;
                    restore(&mut rows, conversation, row.as_ref());
                }
            }
        }
        self.note_stale(is_stale);
        rows
    }

    /// A user's sessions as an eventually consistent read sees them.
    pub(crate) fn sessions_seen(&mut self, user: &UserId) -> Vec<Session> {
        let mut rows = self.sessions.get(user).cloned().unwrap_or_default();
        let mut is_stale = false;
        if let Some(moment) = self.seen_at {
            for old in self.past.since(moment) {
                if let Old::Session(owner, row) = old
                    && owner.user == *user
                {
                    is_stale = true;
                    restore(&mut rows, &owner.device, row.as_ref());
                }
            }
        }
        self.note_stale(is_stale);
        rows.into_values().collect()
    }

    fn note_stale(&mut self, is_stale: bool) {
        if is_stale {
            let operation = self.operation;
            self.note(|| What::Fault { operation, kind: FaultKind::Stale });
        }
    }
}

fn restore<K: Ord + Clone, V: Clone>(rows: &mut BTreeMap<K, V>, key: &K, old: Option<&V>) {
    match old {
        Some(row) => rows.insert(key.clone(), row.clone()),
        None => rows.remove(key),
    };
}
