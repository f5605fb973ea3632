//! The ports on the world.

use std::{collections::BTreeMap, time::Duration};

use tidings_domain::{
    conversation::{
        Advance, Advanced, Agreement, Label, Member, Members, PULLED_BUCKET, PeerRule, PreferencesPatch, Reach,
        ReachMove, Standing, Watermark, activity_bucket,
    },
    ids::{ConnectionId, ConversationId, Sender, Sequence, Timestamp, UserId},
    limits::PUSHED_ROWS_FIRST,
    log::{Entry, Tail, partition_end},
    membership::{GroupChange, GroupView},
    notice::Notice,
    ports::{
        ActivityKey, ActivityPage, Append, BoxFuture, Bus, Clock, Consistency, Conversations, Devices, Gateway, Ingest,
        Log, PortResult, Post, Refresh, Sessions, Tickets,
    },
    ring::Ring,
    send::Pending,
    session::{Device, Grant, Session},
    stream::StreamRecord,
};

use crate::{
    World,
    changes::What,
    faults::FaultKind,
    state::{Agreements, Posted},
    units::{
        Rate, activity_entry_bytes, head_bytes, log_row_bytes, log_rows_bytes, member_bytes, one_row_bytes,
        session_bytes, subscriber_bytes,
    },
};

impl Log for World {
    fn read_tail<'a>(
        &'a self,
        conversation: &'a ConversationId,
        known: Sequence,
        rows_max: usize,
    ) -> PortResult<'a, Tail> {
        Box::pin(self.call("read_tail", move |state| {
            let log = state.log(conversation);
            let end = log.last().map_or(Sequence::ZERO, |e| e.sequence);
            let looked_at = |e: &Entry| known > Sequence::ZERO || e.sequence <= partition_end(0);
            let rows = &log[..log.partition_point(looked_at)];
            let entries = rows[rows.len().saturating_sub(rows_max)..].to_vec();
            state.meter.tail(&entries, end, known, rows_max);
            Tail { entries }
        }))
    }

    fn read_after<'a>(
        &'a self,
        conversation: &'a ConversationId,
        after: Sequence,
        limit: usize,
        consistency: Consistency,
    ) -> PortResult<'a, Vec<Entry>> {
        Box::pin(self.call("read_after", move |state| {
            let log = state.log_at(conversation, consistency);
            let rows = &log[log.partition_point(|e| e.sequence <= after)..];
            let rows = rows[..rows.len().min(limit)].to_vec();
            state.meter.query(consistency.into(), || log_rows_bytes(&rows));
            rows
        }))
    }

    fn read_before<'a>(
        &'a self,
        conversation: &'a ConversationId,
        before: Sequence,
        limit: usize,
    ) -> PortResult<'a, Vec<Entry>> {
        Box::pin(self.call("read_before", move |state| {
            let log = state.log_seen(conversation);
            let rows = &log[..log.partition_point(|e| e.sequence < before)];
            let rows = rows[rows.len().saturating_sub(limit)..].to_vec();
            state.meter.query(Rate::Eventual, || log_rows_bytes(&rows));
            rows
        }))
    }

    fn read_one<'a>(
        &'a self,
        conversation: &'a ConversationId,
        sequence: Sequence,
        consistency: Consistency,
    ) -> PortResult<'a, Option<Entry>> {
        Box::pin(self.call("read_one", move |state| {
            let log = state.log_at(conversation, consistency);
            let row = log.binary_search_by_key(&sequence, |e| e.sequence).ok().map(|at| log[at].clone());
            state.meter.query(consistency.into(), || row.as_ref().map_or(0, one_row_bytes));
            row
        }))
    }

    fn append<'a>(&'a self, entries: &'a [Entry]) -> PortResult<'a, Append> {
        Box::pin(self.call("append", move |state| {
            let Some(first) = entries.first() else { return Append::Done };
            let log = state.logs.entry(first.conversation.clone()).or_default();
            match log.binary_search_by_key(&first.sequence, |e| e.sequence) {
                Ok(at) => {
                    // A condition that fails is charged by the row that stands there.
                    state.meter.write(|| log_row_bytes(&log[at..=at]));
                    Append::Taken
                }
                Err(at) => {
                    state.meter.write(|| log_row_bytes(entries));
                    log.splice(at..at, entries.iter().cloned());
                    state.row_appended(entries);
                    Append::Done
                }
            }
        }))
    }
}

impl Conversations for World {
    fn standing<'a>(&'a self, conversation: &'a ConversationId, user: &'a UserId) -> PortResult<'a, Standing> {
        Box::pin(async move {
            let early = match conversation {
                ConversationId::Direct(..) => None,
                ConversationId::Group(_) => self.member(conversation, user),
            };
            self.call("standing", move |state| {
                let mut standing = state.standing(conversation, user);
                // A batch of single items is not of one moment: the row may be read before the head, as
                // far as it is of the same membership.
                if let (Some(early), Some(now)) = (&early, &standing.member)
                    && (early.joined_at, early.role) == (now.joined_at, now.role)
                {
                    standing.member = Some(early.clone());
                }
                let row_bytes = |m: &Member| member_bytes(conversation, m);
                match conversation {
                    ConversationId::Direct(..) => {
                        let rows = state.members.get(conversation);
                        let bytes = || rows.into_iter().flat_map(BTreeMap::values).map(row_bytes).sum();
                        state.meter.query(Rate::Strong, bytes);
                    }
                    ConversationId::Group(_) => state.meter.batch(|| {
                        let member = standing.member.as_ref().map_or(0, row_bytes);
                        vec![head_bytes(conversation, standing.group.as_ref()), member]
                    }),
                }
                standing
            })
            .await
        })
    }

    fn settled_standing<'a>(&'a self, conversation: &'a ConversationId, user: &'a UserId) -> PortResult<'a, Standing> {
        Box::pin(self.call("settled_standing", move |state| {
            let standing = state.standing(conversation, user);
            state.meter.transact_read(|| {
                let member = standing.member.as_ref().map_or(0, |m| member_bytes(conversation, m));
                vec![head_bytes(conversation, standing.group.as_ref()), member]
            });
            standing
        }))
    }

    fn group<'a>(&'a self, conversation: &'a ConversationId, users: &'a [UserId]) -> PortResult<'a, GroupView> {
        Box::pin(self.call("group", move |state| {
            let (version, group) = state.groups.get(conversation).cloned().unzip();
            let members: Vec<Member> =
                users.iter().filter_map(|user| state.member(conversation, user)).cloned().collect();
            state.meter.batch(|| {
                let rows = members.iter().map(|m| member_bytes(conversation, m));
                let missing = std::iter::repeat_n(0, users.len() - members.len());
                std::iter::once(head_bytes(conversation, group.as_ref())).chain(rows).chain(missing).collect()
            });
            GroupView { group, version: version.unwrap_or_default(), members }
        }))
    }

    fn members_after<'a>(
        &'a self,
        conversation: &'a ConversationId,
        after: Option<&'a UserId>,
        limit: usize,
    ) -> PortResult<'a, Vec<Member>> {
        Box::pin(self.call("members_after", move |state| {
            let beyond = |m: &Member| after.is_none_or(|after| m.user > *after);
            let members: Vec<Member> = state
                .members_seen(conversation, Consistency::Eventual)
                .rows
                .into_iter()
                .filter(beyond)
                .take(limit)
                .collect();
            state.meter.query(Rate::Eventual, || members.iter().map(|m| member_bytes(conversation, m)).sum());
            members
        }))
    }

    fn change_group<'a>(&'a self, change: &'a GroupChange) -> PortResult<'a, Append> {
        Box::pin(self.call("change_group", move |state| {
            if !state.allows(change) {
                return Append::Taken;
            }
            state.apply(change);
            Append::Done
        }))
    }

    fn members<'a>(&'a self, conversation: &'a ConversationId, consistency: Consistency) -> PortResult<'a, Members> {
        Box::pin(self.call("members", move |state| {
            let members = state.members_seen(conversation, consistency);
            let group = state.groups.get(conversation).map(|(_, group)| group);
            let head = group.map_or(0, |group| head_bytes(conversation, Some(group)));
            let rows = || members.rows.iter().map(|m| member_bytes(conversation, m)).sum::<usize>();
            state.meter.query(consistency.into(), || head + rows());
            members
        }))
    }

    fn pushed_members<'a>(
        &'a self,
        conversation: &'a ConversationId,
        consistency: Consistency,
    ) -> PortResult<'a, Members> {
        Box::pin(self.call("members", move |state| {
            let mut members = state.members_seen(conversation, consistency);
            let is_pulled = members.settled_reach().is_some();
            let group = state.groups.get(conversation).map(|(_, group)| group);
            let head = group.map_or(0, |group| head_bytes(conversation, Some(group)));
            let read = if is_pulled { PUSHED_ROWS_FIRST } else { usize::MAX };
            let rows = || members.rows.iter().take(read).map(|m| member_bytes(conversation, m)).sum::<usize>();
            state.meter.query(consistency.into(), || head + rows());
            if is_pulled {
                members.rows.clear();
            }
            members
        }))
    }

    fn reaches<'a>(&'a self, conversations: &'a [ConversationId]) -> PortResult<'a, Vec<(ConversationId, Reach)>> {
        Box::pin(self.call("reaches", move |state| {
            let reaches = conversations.iter().filter_map(|c| Some((c.clone(), *state.reaches.get(c)?))).collect();
            let heads = || conversations.iter().map(|c| head_bytes(c, state.groups.get(c).map(|(_, group)| group)));
            state.meter.batch(|| heads().collect());
            reaches
        }))
    }

    fn move_reach<'a>(&'a self, conversation: &'a ConversationId, change: &'a ReachMove) -> PortResult<'a, bool> {
        Box::pin(self.call("move_reach", move |state| {
            let group = state.groups.get(conversation).map(|(_, group)| group);
            state.meter.write(|| head_bytes(conversation, group));
            state.move_reach(conversation, change)
        }))
    }

    fn memberships<'a>(
        &'a self,
        user: &'a UserId,
        conversations: &'a [ConversationId],
    ) -> PortResult<'a, Vec<(ConversationId, Member)>> {
        Box::pin(self.call("memberships", move |state| {
            let row = |c: &ConversationId| Some((c.clone(), state.member(c, user)?.clone()));
            let rows: Vec<(ConversationId, Member)> = conversations.iter().filter_map(row).collect();
            let missing = conversations.len() - rows.len();
            let row_bytes = |(c, m): &(ConversationId, Member)| member_bytes(c, m);
            state.meter.batch(|| rows.iter().map(row_bytes).chain(std::iter::repeat_n(0, missing)).collect());
            rows
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
            let mut keys: Vec<ActivityKey> = state
                .memberships_seen(user)
                .into_iter()
                .map(|(conversation, m)| ActivityKey { bucket: m.active_at, conversation })
                .filter(|key| key.bucket >= since)
                .collect();
            keys.sort_by(|a, b| (b.bucket, &a.conversation).cmp(&(a.bucket, &b.conversation)));
            if let Some(from) = from {
                // The place counts, whether or not something is still there.
                keys.retain(|key| (from.bucket, &key.conversation) > (key.bucket, &from.conversation));
            }
            let more = keys.len() > limit;
            keys.truncate(limit);
            let key_bytes = |key: &ActivityKey| activity_entry_bytes(&key.conversation, user, key.bucket);
            state.meter.query(Rate::Eventual, || keys.iter().map(key_bytes).sum());
            ActivityPage { next: if more { keys.last().cloned() } else { None }, keys }
        }))
    }

    fn advance<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        advance: &'a Advance,
    ) -> PortResult<'a, Advanced> {
        Box::pin(self.call("advance", move |state| {
            let got_to = state.member(conversation, user).map(|row| row.last_sequence);
            let is_member = got_to.is_some() || matches!(conversation, ConversationId::Direct(..));
            let got_to = got_to.unwrap_or_default();
            if is_member && got_to < advance.after {
                state.meter.write(|| 0);
                return Advanced::Behind(got_to);
            }
            let mut more_writes = 0;
            state.change_row(conversation, user, |row| {
                let moves = advance.last_sequence > row.last_sequence;
                if moves {
                    row.last_sequence = advance.last_sequence;
                    row.last_ts = advance.last_ts;
                    row.sent_at = row.sent_at.max(advance.sent_at.unwrap_or_default());
                    row.active_at = activity_bucket(advance.moved_at);
                }
                for (device, entries) in &advance.sent {
                    let ring = row.rings.entry(device.clone()).or_default();
                    // What a later entry has overtaken is added by a write of its own, and so is a
                    // ring trimmed that has outgrown its slack.
                    more_writes += usize::from(!moves && !entries.iter().all(|entry| ring.contains(*entry)));
                    let all = Ring::new(ring.entries().iter().chain(entries).copied().collect());
                    more_writes += usize::from(!all.surplus().is_empty());
                    *ring = Ring::new(all.entries()[all.surplus().len()..].to_vec());
                }
            });
            for _ in 0..more_writes {
                state.meter.write(|| 0);
            }
            Advanced::Done
        }))
    }

    fn heat<'a>(&'a self, conversation: &'a ConversationId, until: Timestamp) -> PortResult<'a, ()> {
        Box::pin(self.call("heat", move |state| {
            state.meter.write(|| head_bytes(conversation, None));
            let hot_until = state.hot_until.entry(conversation.clone()).or_default();
            *hot_until = until.max(*hot_until);
        }))
    }

    fn raise<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        mark: Watermark,
        up_to: Sequence,
        now: Timestamp,
    ) -> PortResult<'a, bool> {
        Box::pin(self.call("raise", move |state| {
            let mut is_second_write = false;
            let rises = state.change_row(conversation, user, |row| {
                let rises = match mark {
                    Watermark::Delivered => up_to > row.delivered_up_to,
                    Watermark::Read => up_to > row.read_up_to,
                };
                // More was delivered than is read now: the write that raises both is refused first.
                is_second_write = rises && row.delivered_up_to > up_to;
                row.delivered_up_to = row.delivered_up_to.max(up_to);
                // A read moves the conversation in the lists of the user's other devices.
                let is_filed = row.active_at == Timestamp::default() || mark == Watermark::Read;
                if rises && is_filed && row.active_at != PULLED_BUCKET {
                    row.active_at = activity_bucket(now);
                }
                if mark == Watermark::Read {
                    row.read_up_to = row.read_up_to.max(up_to);
                }
                rises
            });
            if is_second_write {
                state.meter.write(|| 0);
            }
            rises
        }))
    }

    fn set_preferences<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        patch: &'a PreferencesPatch,
        now: Timestamp,
    ) -> PortResult<'a, Option<Member>> {
        Box::pin(self.call("set_preferences", move |state| {
            state.change_row(conversation, user, |row| {
                patch.apply_to(row, now);
                Some(row.clone())
            })
        }))
    }

    fn flag_hidden<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        now: Timestamp,
    ) -> PortResult<'a, bool> {
        Box::pin(self.call("flag_hidden", move |state| {
            state.change_row(conversation, user, |row| {
                row.has_hidden = true;
                if row.active_at == Timestamp::default() {
                    row.active_at = activity_bucket(now);
                }
                true
            })
        }))
    }

    fn set_peer_rule<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        rule: PeerRule,
    ) -> PortResult<'a, ()> {
        Box::pin(self.call("set_peer_rule", move |state| {
            state.change_row(conversation, user, |row| {
                rule.apply_to(row);
                true
            });
        }))
    }

    fn set_direct_ttl<'a>(&'a self, conversation: &'a ConversationId, ttl_seconds: Option<u64>) -> PortResult<'a, ()> {
        Box::pin(self.call("set_direct_ttl", move |state| {
            state.meter.write(|| head_bytes(conversation, None));
            match ttl_seconds {
                Some(ttl_seconds) => state.direct_ttls.insert(conversation.clone(), ttl_seconds),
                None => state.direct_ttls.remove(conversation),
            };
        }))
    }

    fn note_agreement<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        agreement: Agreement,
        now: Timestamp,
    ) -> PortResult<'a, bool> {
        Box::pin(self.call("note_agreement", move |state| {
            let is_member = state.change_row(conversation, user, |row| {
                row.agrees_to_search = agreement == Agreement::Given;
                if row.active_at == Timestamp::default() {
                    row.active_at = activity_bucket(now);
                }
                true
            });
            state.meter.write(|| head_bytes(conversation, None));
            if is_member {
                let agreements = state.agreements.entry(conversation.clone()).or_default();
                agreements.count += 1;
                if let Agreement::Withdrawn { text_since } = agreement {
                    agreements.indexes_text = false;
                    agreements.text_since = text_since;
                }
            }
            is_member
        }))
    }

    fn index_text<'a>(
        &'a self,
        conversation: &'a ConversationId,
        version: Sequence,
        agreements: u64,
    ) -> PortResult<'a, bool> {
        Box::pin(self.call("index_text", move |state| {
            state.meter.write(|| head_bytes(conversation, None));
            let known = state.groups.get(conversation).map(|(version, _)| *version).unwrap_or_default();
            let said = state.agreements.entry(conversation.clone()).or_default();
            let holds = known == version && said.count == agreements;
            said.indexes_text |= holds;
            holds
        }))
    }

    fn labels<'a>(&'a self, conversations: &'a [ConversationId]) -> PortResult<'a, BTreeMap<ConversationId, Label>> {
        Box::pin(self.call("labels", move |state| {
            let group_of = |c: &ConversationId| state.groups.get(c).map(|(_, group)| group);
            let label_of = |c: &ConversationId| match group_of(c) {
                Some(group) => Label {
                    title: Some(group.settings.title.clone()),
                    avatar: group.settings.avatar.clone(),
                    ttl_seconds: group.settings.ttl_seconds,
                    ..Label::default()
                },
                None => Label { ttl_seconds: state.direct_ttls.get(c).copied(), ..Label::default() },
            };
            let found = conversations.iter().map(|c| {
                let Agreements { indexes_text, text_since, .. } = state.agreements(c);
                (c.clone(), Label { indexes_text, text_since, ..label_of(c) })
            });
            let found = found.collect();
            let heads = conversations.iter().map(|c| group_of(c).map_or(0, |group| head_bytes(c, Some(group))));
            let heads: Vec<usize> = heads.collect();
            state.meter.batch(|| heads);
            found
        }))
    }
}

impl Sessions for World {
    fn put<'a>(&'a self, session: &'a Session) -> PortResult<'a, Option<Session>> {
        Box::pin(self.call("put_session", move |state| {
            state.meter.write(|| session_bytes(session));
            state.put_session(session)
        }))
    }

    fn of_user<'a>(&'a self, user: &'a UserId) -> PortResult<'a, Vec<Session>> {
        Box::pin(self.call("sessions_of_user", move |state| {
            let sessions = state.sessions_seen(user);
            state.meter.query(Rate::Eventual, || sessions.iter().map(session_bytes).sum());
            sessions
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
        Box::pin(self.call("refresh_session", move |state| {
            let row_bytes = state.session(sender).map_or(0, |session| session_bytes(session));
            state.meter.write(|| row_bytes);
            match state.session(sender).cloned() {
                Some(session) if session.is_live(now) && session.connection == *connection => {
                    let active_at = if active { now } else { session.active_at };
                    state.put_session(&Session { expires_at, active_at, ..session });
                    Refresh::Prolonged
                }
                Some(session) if session.is_live(now) => Refresh::Superseded,
                _ => Refresh::Lost,
            }
        }))
    }

    fn remove<'a>(&'a self, sender: &'a Sender, connection: &'a ConnectionId) -> PortResult<'a, ()> {
        Box::pin(self.call("remove_session", move |state| {
            state.meter.write(|| 0);
            if state.session(sender).is_some_and(|s| s.connection == *connection) {
                state.remove_session(sender);
            }
        }))
    }

    fn subscribe<'a>(&'a self, conversation: &'a ConversationId, session: &'a Session) -> PortResult<'a, ()> {
        Box::pin(self.call("subscribe", move |state| {
            state.meter.write(|| subscriber_bytes(conversation, session));
            let of_group = state.subscribers.entry(conversation.clone()).or_default();
            of_group.insert((session.place(), session.owner.clone()), session.clone());
        }))
    }

    fn subscribers<'a>(
        &'a self,
        conversation: &'a ConversationId,
        from: u32,
        limit: usize,
    ) -> PortResult<'a, Vec<Session>> {
        Box::pin(self.call("subscribers", move |state| {
            let of_group = state.subscribers.get(conversation);
            let from_on = of_group.into_iter().flatten().filter(|((place, _), _)| *place >= from);
            let found: Vec<Session> = from_on.map(|(_, session)| session.clone()).take(limit).collect();
            state.meter.query(Rate::Eventual, || found.iter().map(|s| subscriber_bytes(conversation, s)).sum());
            found
        }))
    }

    fn unsubscribe<'a>(
        &'a self,
        conversation: &'a ConversationId,
        sender: &'a Sender,
        connection: &'a ConnectionId,
    ) -> PortResult<'a, ()> {
        Box::pin(self.call("unsubscribe", move |state| {
            state.meter.write(|| 0);
            if let Some(of_group) = state.subscribers.get_mut(conversation) {
                of_group.retain(|(_, owner), session| owner != sender || session.connection != *connection);
            }
        }))
    }
}

impl Devices for World {
    fn touch<'a>(&'a self, device: &'a Sender, now: Timestamp) -> PortResult<'a, bool> {
        Box::pin(self.call("touch_device", move |state| {
            state.meter.write(|| 0);
            let row = state.devices.entry(device.clone()).or_insert_with(|| Device::new(device.clone(), now));
            let is_welcome = !row.revoked && row.banned_until <= now;
            if is_welcome {
                row.seen_at = now;
            }
            is_welcome
        }))
    }

    fn find<'a>(&'a self, device: &'a Sender) -> PortResult<'a, Option<Device>> {
        Box::pin(self.call("find_device", move |state| {
            state.meter.query(Rate::Eventual, || 0);
            state.devices.get(device).cloned()
        }))
    }

    fn of_user<'a>(&'a self, user: &'a UserId) -> PortResult<'a, Vec<Device>> {
        Box::pin(self.call("devices_of_user", move |state| {
            state.meter.query(Rate::Eventual, || 0);
            state.devices.values().filter(|d| d.owner.user == *user).cloned().collect()
        }))
    }

    fn banned_until<'a>(&'a self, user: &'a UserId) -> PortResult<'a, Timestamp> {
        Box::pin(self.call("read_ban", move |state| {
            state.meter.query(Rate::Strong, || 0);
            state.abuse.bans.get(user).map(|ban| ban.until).unwrap_or_default()
        }))
    }
}

impl Tickets for World {
    fn put<'a>(&'a self, hash: &'a str, grant: &'a Grant) -> PortResult<'a, ()> {
        Box::pin(self.call("put_ticket", move |state| {
            state.meter.write(|| 0);
            state.tickets.insert(hash.to_owned(), grant.clone());
        }))
    }

    fn take<'a>(&'a self, hash: &'a str) -> PortResult<'a, Option<Grant>> {
        Box::pin(self.call("take_ticket", move |state| {
            state.meter.write(|| 0);
            state.tickets.remove(hash)
        }))
    }
}

impl Bus for World {
    fn publish<'a>(&'a self, record: &'a StreamRecord) -> PortResult<'a, ()> {
        Box::pin(self.call("publish", move |state| {
            state.meter.publish(record);
            if state.is_watched() {
                state.note(|| What::Published(Box::new(record.clone())));
            } else {
                state.published.push(record.clone());
            }
        }))
    }
}

impl Ingest for World {
    fn put<'a>(&'a self, pending: &'a Pending) -> PortResult<'a, ()> {
        Box::pin(self.call("ingest", move |state| {
            state.meter.ingest(pending);
            if state.is_watched() {
                state.note(|| What::Ingested(Box::new(pending.clone())));
            } else {
                state.ingested.push(pending.clone());
            }
        }))
    }
}

impl Gateway for World {
    fn post<'a>(&'a self, session: &'a Session, notice: &'a Notice) -> PortResult<'a, Post> {
        Box::pin(self.call("post", move |state| {
            state.meter.plain();
            if !state.sockets.contains(&session.connection) {
                return Post::Gone;
            }
            if state.has_stray_gone {
                state.note(|| What::Fault { operation: "post", kind: FaultKind::StrayGone });
                return Post::Gone;
            }
            let posted = Posted {
                at: self.elapsed(),
                to: session.owner.clone(),
                connection: session.connection.clone(),
                notice: notice.clone(),
            };
            if state.is_watched() {
                state.note(|| What::Posted(Box::new(posted)));
            } else {
                state.posted.push(posted);
            }
            Post::Accepted
        }))
    }

    fn close<'a>(&'a self, session: &'a Session) -> PortResult<'a, ()> {
        Box::pin(self.call("close", move |state| {
            state.meter.plain();
            if state.sockets.remove(&session.connection) {
                state.note(|| What::Closed(Box::new(session.clone())));
            }
        }))
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        Self::now(self)
    }

    fn sleep_ms(&self, ms: u64) -> BoxFuture<'_, ()> {
        Box::pin(self.wait(Duration::from_millis(ms)))
    }

    fn random_below(&self, bound: u64) -> u64 {
        Self::random_below(self, bound)
    }
}
