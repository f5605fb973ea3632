//! The ports on the world.

use std::time::Duration;

use tidings_domain::{
    conversation::{Advance, Member, Standing, Watermark, activity_bucket},
    ids::{ConnectionId, ConversationId, Sender, Sequence, Timestamp, UserId},
    log::{Entry, Tail, partition_end},
    notice::Notice,
    ports::{
        ActivityKey, ActivityPage, Append, BoxFuture, Bus, Clock, Consistency, Conversations, Devices, Gateway, Log,
        PortResult, Post, Refresh, Sessions, Tickets,
    },
    ring::Ring,
    session::{Device, Grant, Session},
    stream::StreamRecord,
};
use tokio::time::sleep;

use crate::{World, state::Posted};

impl Log for World {
    fn read_tail<'a>(
        &'a self,
        conversation: &'a ConversationId,
        known: Sequence,
        rows_max: usize,
    ) -> PortResult<'a, Tail> {
        Box::pin(self.call("read_tail", move |state| {
            let looked_at = |e: &&Entry| known > Sequence::ZERO || e.sequence <= partition_end(0);
            let rows: Vec<Entry> = state.log(conversation).iter().filter(looked_at).cloned().collect();
            Tail { entries: rows[rows.len().saturating_sub(rows_max)..].to_vec() }
        }))
    }

    fn read_after<'a>(
        &'a self,
        conversation: &'a ConversationId,
        after: Sequence,
        limit: usize,
        _: Consistency,
    ) -> PortResult<'a, Vec<Entry>> {
        Box::pin(self.call("read_after", move |state| {
            state.log(conversation).iter().filter(|e| e.sequence > after).take(limit).cloned().collect()
        }))
    }

    fn read_before<'a>(
        &'a self,
        conversation: &'a ConversationId,
        before: Sequence,
        limit: usize,
    ) -> PortResult<'a, Vec<Entry>> {
        Box::pin(self.call("read_before", move |state| {
            let rows: Vec<Entry> = state.log(conversation).iter().filter(|e| e.sequence < before).cloned().collect();
            rows[rows.len().saturating_sub(limit)..].to_vec()
        }))
    }

    fn read_one<'a>(
        &'a self,
        conversation: &'a ConversationId,
        sequence: Sequence,
        _: Consistency,
    ) -> PortResult<'a, Option<Entry>> {
        Box::pin(
            self.call("read_one", move |state| {
                state.log(conversation).iter().find(|e| e.sequence == sequence).cloned()
            }),
        )
    }

    fn append<'a>(&'a self, entry: &'a Entry) -> PortResult<'a, Append> {
        Box::pin(self.call("append", move |state| {
            let log = state.logs.entry(entry.conversation.clone()).or_default();
            if log.iter().any(|e| e.sequence == entry.sequence) {
                return Append::Taken;
            }
            log.push(entry.clone());
            log.sort_by_key(|e| e.sequence);
            Append::Done
        }))
    }
}

impl Conversations for World {
    fn standing<'a>(&'a self, conversation: &'a ConversationId, user: &'a UserId) -> PortResult<'a, Standing> {
        Box::pin(self.call("standing", move |state| Standing {
            membership_version: state.heads.get(conversation).copied().unwrap_or_default(),
            member: state.members.get(&(conversation.clone(), user.clone())).cloned(),
        }))
    }

    fn members<'a>(&'a self, conversation: &'a ConversationId) -> PortResult<'a, Vec<Member>> {
        Box::pin(self.call("members", move |state| {
            state.members.iter().filter(|((c, _), _)| c == conversation).map(|(_, m)| m.clone()).collect()
        }))
    }

    fn memberships<'a>(
        &'a self,
        user: &'a UserId,
        conversations: &'a [ConversationId],
    ) -> PortResult<'a, Vec<(ConversationId, Member)>> {
        Box::pin(self.call("memberships", move |state| {
            let row = |c: &ConversationId| {
                let row = state.members.get(&(c.clone(), user.clone()))?;
                Some((c.clone(), row.clone()))
            };
            conversations.iter().filter_map(row).collect()
        }))
    }

    fn by_activity<'a>(
        &'a self,
        user: &'a UserId,
        since: Timestamp,
        from: Option<&'a ActivityKey>,
        limit: usize,
    ) -> PortResult<'a, ActivityPage> {
        Box::pin(self.call("by_activity", move |state| {
            let of_user = state.members.iter().filter(|((_, u), _)| u == user);
            let mut keys: Vec<ActivityKey> = of_user
                .map(|((c, _), m)| ActivityKey { bucket: activity_bucket(m.last_ts), conversation: c.clone() })
                .filter(|key| key.bucket >= since)
                .collect();
            keys.sort_by(|a, b| (b.bucket, &a.conversation).cmp(&(a.bucket, &b.conversation)));
            if let Some(from) = from {
                let after = keys.iter().position(|key| key == from).map_or(0, |at| at + 1);
                keys.drain(..after);
            }
            let more = keys.len() > limit;
            keys.truncate(limit);
            ActivityPage { next: if more { keys.last().cloned() } else { None }, keys }
        }))
    }

    fn advance<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        advance: &'a Advance,
    ) -> PortResult<'a, ()> {
        Box::pin(self.call("advance", move |state| {
            let Some(row) = state.row(conversation, user) else { return };
            if advance.last_sequence > row.last_sequence {
                row.last_sequence = advance.last_sequence;
                row.last_ts = advance.last_ts;
            }
            for (device, entries) in &advance.sent {
                let ring = row.rings.entry(device.clone()).or_default();
                let all = Ring::new(ring.entries().iter().chain(entries).copied().collect());
                *ring = Ring::new(all.entries()[all.surplus().len()..].to_vec());
            }
        }))
    }

    fn raise<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        mark: Watermark,
        up_to: Sequence,
        _: Timestamp,
    ) -> PortResult<'a, bool> {
        Box::pin(self.call("raise", move |state| {
            let Some(row) = state.row(conversation, user) else { return false };
            let rises = match mark {
                Watermark::Delivered => up_to > row.delivered_up_to,
                Watermark::Read => up_to > row.read_up_to,
            };
            row.delivered_up_to = row.delivered_up_to.max(up_to);
            if mark == Watermark::Read {
                row.read_up_to = row.read_up_to.max(up_to);
            }
            rises
        }))
    }
}

impl Sessions for World {
    fn put<'a>(&'a self, session: &'a Session) -> PortResult<'a, Option<Session>> {
        Box::pin(self.call("put_session", move |state| state.sessions.insert(session.owner.clone(), session.clone())))
    }

    fn of_user<'a>(&'a self, user: &'a UserId) -> PortResult<'a, Vec<Session>> {
        Box::pin(self.call("sessions_of_user", move |state| {
            state.sessions.values().filter(|s| s.owner.user == *user).cloned().collect()
        }))
    }

    fn refresh<'a>(
        &'a self,
        sender: &'a Sender,
        connection: &'a ConnectionId,
        now: Timestamp,
        expires_at: Timestamp,
        active: bool,
    ) -> PortResult<'a, Refresh> {
        Box::pin(self.call("refresh_session", move |state| match state.sessions.get_mut(sender) {
            Some(session) if session.is_live(now) && session.connection == *connection => {
                session.expires_at = expires_at;
                if active {
                    session.active_at = now;
                }
                Refresh::Prolonged
            }
            Some(session) if session.is_live(now) => Refresh::Superseded,
            _ => Refresh::Lost,
        }))
    }

    fn remove<'a>(&'a self, sender: &'a Sender, connection: &'a ConnectionId) -> PortResult<'a, ()> {
        Box::pin(self.call("remove_session", move |state| {
            if state.sessions.get(sender).is_some_and(|s| s.connection == *connection) {
                state.sessions.remove(sender);
            }
        }))
    }
}

impl Devices for World {
    fn touch<'a>(&'a self, device: &'a Sender, now: Timestamp) -> PortResult<'a, ()> {
        Box::pin(self.call("touch_device", move |state| {
            let new = Device { owner: device.clone(), seen_at: now, revoked: false };
            state.devices.entry(device.clone()).or_insert(new).seen_at = now;
        }))
    }

    fn find<'a>(&'a self, device: &'a Sender) -> PortResult<'a, Option<Device>> {
        Box::pin(self.call("find_device", move |state| state.devices.get(device).cloned()))
    }

    fn of_user<'a>(&'a self, user: &'a UserId) -> PortResult<'a, Vec<Device>> {
        Box::pin(self.call("devices_of_user", move |state| {
            state.devices.values().filter(|d| d.owner.user == *user).cloned().collect()
        }))
    }
}

impl Tickets for World {
    fn put<'a>(&'a self, hash: &'a str, grant: &'a Grant) -> PortResult<'a, ()> {
        Box::pin(self.call("put_ticket", move |state| {
            state.tickets.insert(hash.to_owned(), grant.clone());
        }))
    }

    fn take<'a>(&'a self, hash: &'a str) -> PortResult<'a, Option<Grant>> {
        Box::pin(self.call("take_ticket", move |state| state.tickets.remove(hash)))
    }
}

impl Bus for World {
    fn publish<'a>(&'a self, record: &'a StreamRecord) -> PortResult<'a, ()> {
        Box::pin(self.call("publish", move |state| state.published.push(record.clone())))
    }
}

impl Gateway for World {
    fn post<'a>(&'a self, session: &'a Session, notice: &'a Notice) -> PortResult<'a, Post> {
        Box::pin(self.call("post", move |state| {
            if !state.sockets.contains(&session.connection) {
                return Post::Gone;
            }
            state.posted.push(Posted {
                to: session.owner.clone(),
                connection: session.connection.clone(),
                notice: notice.clone(),
            });
            Post::Accepted
        }))
    }

    fn close<'a>(&'a self, session: &'a Session) -> PortResult<'a, ()> {
        Box::pin(self.call("close", move |state| {
            state.sockets.remove(&session.connection);
        }))
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        Self::now(self)
    }

    fn sleep_ms(&self, ms: u64) -> BoxFuture<'_, ()> {
        Box::pin(sleep(Duration::from_millis(ms)))
    }

    fn random_below(&self, bound: u64) -> u64 {
        Self::random_below(self, bound)
    }
}
