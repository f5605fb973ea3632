//! The durable lane: moves member rows, then pushes to every live socket not yet reached.
//!
//! Member rows move *before* sessions are read: a device that connects in between finds the
//! entry in its drain, and one that was there before gets the push. Everything here may be
//! repeated: at least once is the promise. A group that is pulled is another matter: see `pulled`.

mod pulled;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{
    StreamExt,
    future::{join_all, try_join_all},
    stream,
};
use tracing::info;

use crate::{
    conversation::{Advance, Advanced, Member, Members, PULLED_BUCKET, Reach, ReachMove, Watermark},
    ids::{ConversationId, DeviceId, Sender, Sequence, Timestamp, UserId},
    limits::{GAP_ENTRIES_MAX, GROUP_SETTLE_MS, PULL_LIMIT_MAX},
    log::Entry,
    mailbox::{Mail, deposit, welcomes},
    notice::Notice,
    ports::{
        Clock, Consistency, Conversations, Gateway, Log, Mailboxes, Post, PrivacyRules, PushQueue, Sessions,
        Unavailable, live_sessions,
    },
    privacy::{Pair, PrivacyPorts, hidden_reads},
    push::{PushJob, jobs_for},
    ring::RingEntry,
    send::{post_or_remove, within},
    session::Session,
    signals::{Metric, Stage, is_heard, measure, stage},
    stream::{Receipt, StreamRecord},
};

pub(crate) use pulled::subscribe;

/// What the durable lane needs of the world.
#[derive(Clone, Copy)]
pub struct FanoutPorts<'a> {
    /// The log, for what the stream has not brought.
    pub log: &'a dyn Log,
    /// Members.
    pub conversations: &'a dyn Conversations,
    /// Live sockets.
    pub sessions: &'a dyn Sessions,
    /// The sockets.
    pub gateway: &'a dyn Gateway,
    /// The queue of pushes.
    pub pushes: &'a dyn PushQueue,
    /// The mailboxes of devices.
    pub mailboxes: &'a dyn Mailboxes,
    /// What users show of themselves.
    pub rules: &'a dyn PrivacyRules,
    /// Time.
    pub clock: &'a dyn Clock,
}

/// Conversations of one batch that are worked on at once.
const CONVERSATIONS_AT_ONCE: usize = 16;

/// The records of one conversation in one batch.
#[derive(Debug, Default)]
struct Work {
    /// By sequence: of two records of an entry, the later, which knows who was missed.
    entries: BTreeMap<Sequence, (Entry, Vec<Sender>)>,
    /// By member and mark: the highest is all that counts.
    receipts: BTreeMap<(UserId, Watermark), Receipt>,
    /// By member who may have missed something: up to where.
    behind: BTreeMap<UserId, Sequence>,
    /// The highest of all that the records tell of: an older view of the members names some who have gone.
    membership_version: Sequence,
}

impl Work {
    /// Where the entries end.
    fn end(&self) -> Reach {
        let last = self.entries.values().next_back().map(|(entry, _)| entry);
        last.map_or_else(Reach::default, |e| Reach { last_sequence: e.sequence, last_ts: e.ts, since: Sequence::ZERO })
    }

    /// There is nothing but receipts that nobody hears of but who gave them.
    fn is_for_readers_alone(&self) -> bool {
        self.entries.is_empty() && self.behind.is_empty() && self.receipts.values().all(|r| r.is_own_alone)
    }
}

/// Fans out a batch; in a group that is pulled each message is announced to so many subscribers at
/// most, beside those whom it is about. Answers with the conversations that failed and why; their
/// records are to come again. One conversation's failure is no other's.
pub async fn fan_out(
    ports: FanoutPorts<'_>,
    announce_max: usize,
    records: impl IntoIterator<Item = StreamRecord>,
) -> BTreeMap<ConversationId, Unavailable> {
    stream::iter(by_conversation(records))
        .map(|(conversation, work)| async move {
            let done = fan_out_conversation(ports, announce_max, &conversation, work).await;
            done.err().map(|error| (conversation, error))
        })
        .buffer_unordered(CONVERSATIONS_AT_ONCE)
        .filter_map(|failure| async { failure })
        .collect()
        .await
}

fn by_conversation(records: impl IntoIterator<Item = StreamRecord>) -> BTreeMap<ConversationId, Work> {
    let mut works: BTreeMap<ConversationId, Work> = BTreeMap::new();
    for record in records {
        let work = works.entry(record.conversation().clone()).or_default();
        work.membership_version = record.membership_version().max(work.membership_version);
        match record {
            StreamRecord::Appended { entries, reached, .. } => {
                let entries = entries.into_iter().map(|entry| (entry.sequence, (entry, reached.clone())));
                work.entries.extend(entries);
            }
            StreamRecord::Raised(receipt) => {
                let highest = work.receipts.entry((receipt.by.user.clone(), receipt.mark)).or_insert(receipt.clone());
                if receipt.up_to > highest.up_to {
                    *highest = receipt;
                }
            }
            StreamRecord::Behind { user, last_sequence, .. } => {
                let end = work.behind.entry(user).or_default();
                *end = last_sequence.max(*end);
            }
        }
    }
    for work in works.values_mut() {
        drop_implied(&mut work.receipts);
    }
    works
}

/// Read implies delivered: a delivered mark that is not above the same member's read mark says nothing.
fn drop_implied(receipts: &mut BTreeMap<(UserId, Watermark), Receipt>) {
    let read: BTreeMap<UserId, Sequence> =
        receipts.values().filter(|r| r.mark == Watermark::Read).map(|r| (r.by.user.clone(), r.up_to)).collect();
    receipts.retain(|(user, mark), receipt| {
        *mark == Watermark::Read || read.get(user).is_none_or(|up_to| receipt.up_to > *up_to)
    });
}

async fn fan_out_conversation(
    ports: FanoutPorts<'_>,
    announce_max: usize,
    conversation: &ConversationId,
    work: Work,
) -> Result<(), Unavailable> {
    let from = ports.clock.now();
    let told = if is_heard() { work.entries.len() } else { 0 };
    let entries = work.entries.values().take(told);
    let places: Vec<_> = entries.map(|(e, _)| (e.message_id(), e.sequence, e.ts)).collect();
    let sockets = fan_out_work(ports, announce_max, conversation, work).await?;
    let to = ports.clock.now();
    for (message, sequence, appended_at) in places {
        measure(Metric::FanoutMs, to.ms_since(appended_at));
        let note = sockets.map_or_else(|| "announced".to_owned(), |count| format!("{count} sockets"));
        stage(message, sequence, Stage::FannedOut, from, to, &note);
    }
    Ok(())
}

/// Fans out, and tells to how many sockets; none where it was announced.
async fn fan_out_work(
    ports: FanoutPorts<'_>,
    announce_max: usize,
    conversation: &ConversationId,
    mut work: Work,
) -> Result<Option<usize>, Unavailable> {
    let members = members(ports, conversation, &work).await?;
    if let Some(reach) = members.settled_reach() {
        pulled::fan_out_pulled(ports, announce_max, conversation, reach, work).await?;
        return Ok(None);
    }
    let (pulled_since, reach) = (members.pulled_since, members.reach);
    let audience = audience(conversation, members, &work);
    let users: Vec<UserId> = audience.keys().cloned().collect();
    match (pulled_since, reach) {
        // Just became pulled: the rows are moved once more, and filed where lists always look. Entries of
        // before are pushed as ever: rows that are beyond them would not be filed.
        (Some(since), reach) if work.end().last_sequence >= since => {
            advance(ports, conversation, &users, reach, PULLED_BUCKET, &mut work).await?;
            pulled::begin(ports, conversation, since, &users, &work).await?;
            return Ok(None);
        }
        // Just became pushed: up to the reach every ring is complete, so the rows may be moved from there.
        (None, Some(reach)) if !work.entries.is_empty() => {
            advance(ports, conversation, &users, Some(reach), ports.clock.now(), &mut work).await?;
            let up_to = work.end().last_sequence;
            ports.conversations.move_reach(conversation, &ReachMove::End { up_to }).await?;
        }
        _ => advance(ports, conversation, &users, None, ports.clock.now(), &mut work).await?,
    }
    welcome(ports, &work).await?;
    let mut sessions = live_sessions(ports.sessions, &users, ports.clock.now()).await?;
    let hidden = hidden_from(ports, &work, &sessions).await?;
    let now = ports.clock.now();
    let posts = sessions.iter().map(|session| {
        let visible = audience.get(&session.owner.user).copied().unwrap_or(Visible::NOTHING);
        let mut notices = notices_for(session, &work, visible, &hidden, now);
        let behind = work.behind.get(&session.owner.user).copied();
        if let Some(last_sequence) = behind.filter(|last| visible.has(*last)) {
            notices.push(Notice::Updated { conversation: conversation.clone(), last_sequence });
        }
        async move { post_in_order(ports, session, notices).await }
    });
    let mut posted = join_all(posts).await.into_iter();
    let mut failure = None;
    sessions.retain(|_| match posted.next() {
        Some(Ok(post)) => post == Post::Accepted,
        Some(Err(error)) => {
            failure = Some(error);
            false
        }
        None => false,
    });
    if let Some(error) = failure {
        return Err(error);
    }
    queue_pushes(ports, conversation, &work, &audience, &sessions, now).await?;
    Ok(Some(sessions.len()))
}

/// Puts the Welcomes of commits into mailboxes: before the commit is told, which says that there is one.
async fn welcome(ports: FanoutPorts<'_>, work: &Work) -> Result<(), Unavailable> {
    let mail: Vec<Mail> = work.entries.values().flat_map(|(entry, _)| welcomes(entry)).collect();
    deposit(ports.mailboxes, ports.sessions, ports.gateway, ports.clock, &mail).await
}

/// Queues pushes for those who are away, and for who is connected and has not said that anything came. The sessions
/// are those that were posted to, in the order of their users.
async fn queue_pushes(
    ports: FanoutPorts<'_>,
    conversation: &ConversationId,
    work: &Work,
    audience: &BTreeMap<UserId, Visible>,
    sessions: &[Session],
    now: Timestamp,
) -> Result<(), Unavailable> {
    let is_there = |user: &UserId| sessions.binary_search_by(|session| session.owner.user.cmp(user)).is_ok();
    let away = audience.iter().filter(|(user, _)| !is_there(user)).flat_map(|(user, visible)| {
        let entries = work.entries.values().map(|(entry, _)| entry);
        let entries = entries.filter(|entry| visible.has(entry.sequence) && entry.is_for(user));
        jobs_for(conversation, user, entries, now)
    });
    let behind = work.behind.iter().filter(|(user, last)| audience.get(user).is_some_and(|v| v.has(**last)));
    let behind =
        behind.map(|(user, last)| PushJob { conversation: conversation.clone(), user: user.clone(), sequence: *last });
    let jobs: BTreeSet<PushJob> = away.chain(behind).collect();
    put_jobs(ports, jobs).await
}

async fn put_jobs(ports: FanoutPorts<'_>, jobs: BTreeSet<PushJob>) -> Result<(), Unavailable> {
    if jobs.is_empty() {
        return Ok(());
    }
    let jobs: Vec<PushJob> = jobs.into_iter().collect();
    ports.pushes.put(&jobs).await
}

/// Moves the member rows, never over entries that they have not got: a row and its rings tell of
/// everything up to its `last_sequence`. What the stream has not brought, because a record was
/// refused or overtaken, is read from the log and fanned out with the rest. Where there is a reach,
/// it tells for all rows.
async fn advance(
    ports: FanoutPorts<'_>,
    conversation: &ConversationId,
    users: &[UserId],
    reach: Option<Reach>,
    moved_at: Timestamp,
    work: &mut Work,
) -> Result<(), Unavailable> {
    let Some(mut after) = work.entries.keys().next().map(|first| first.previous()) else { return Ok(()) };
    fill_gaps(ports, conversation, work).await?;
    if let Some(Reach { last_sequence: at, .. }) = reach {
        if at < after {
            let missing = read_between(ports.log, conversation, at, after).await?;
            work.entries.extend(missing.into_iter().map(|entry| (entry.sequence, (entry, Vec::new()))));
        }
        after = Sequence::ZERO;
    }
    let mut users: Vec<UserId> = users.to_vec();
    loop {
        // The row of who is to see none of it stays: the next entry that they see brings it along.
        let concerned = |user: &UserId| work.entries.values().any(|(entry, _)| entry.is_for(user));
        let moves = users.into_iter().filter(concerned).map(|user| {
            let advance = advance_of(&user, after, &work.entries, moved_at);
            async move {
                let advanced = ports.conversations.advance(conversation, &user, &advance).await?;
                Ok::<_, Unavailable>((user, advanced))
            }
        });
        let mut behind = Vec::new();
        for (user, advanced) in try_join_all(moves).await? {
            if let Advanced::Behind(at) = advanced {
                behind.push((user, at));
            }
        }
        let Some(at) = behind.iter().map(|(_, at)| *at).min() else { return Ok(()) };
        info!(%conversation, from = %at, to = %after, "reading what the stream has not brought");
        let missing = read_between(ports.log, conversation, at, after).await?;
        work.entries.extend(missing.into_iter().map(|entry| (entry.sequence, (entry, Vec::new()))));
        after = at;
        users = behind.into_iter().map(|(user, _)| user).collect();
    }
}

/// Reads what is missing between the entries of a batch: a row moves over all of it at once.
async fn fill_gaps(ports: FanoutPorts<'_>, conversation: &ConversationId, work: &mut Work) -> Result<(), Unavailable> {
    let places: Vec<Sequence> = work.entries.keys().copied().collect();
    for (one, next) in places.iter().zip(&places[1..]).filter(|(one, next)| one.next() < **next) {
        let missing = read_between(ports.log, conversation, *one, next.previous()).await?;
        work.entries.extend(missing.into_iter().map(|entry| (entry.sequence, (entry, Vec::new()))));
    }
    Ok(())
}

/// The last entries after one sequence and up to another, strongly consistent.
async fn read_between(
    log: &dyn Log,
    conversation: &ConversationId,
    after: Sequence,
    up_to: Sequence,
) -> Result<Vec<Entry>, Unavailable> {
    let mut after = after.max(Sequence(up_to.0.saturating_sub(GAP_ENTRIES_MAX as u64)));
    let mut entries: Vec<Entry> = Vec::new();
    while after < up_to {
        let rows = log.read_after(conversation, after, PULL_LIMIT_MAX, Consistency::Strong).await?;
        let Some(last) = rows.last() else { break };
        after = last.sequence;
        entries.extend(rows.into_iter().filter(|entry| entry.sequence <= up_to));
    }
    Ok(entries)
}

fn advance_of(
    user: &UserId,
    after: Sequence,
    entries: &BTreeMap<Sequence, (Entry, Vec<Sender>)>,
    moved_at: Timestamp,
) -> Advance {
    let entries = || entries.values().map(|(entry, _)| entry);
    let last = entries().next_back();
    Advance {
        after,
        last_sequence: last.map(|e| e.sequence).unwrap_or_default(),
        last_ts: last.map(|e| e.ts).unwrap_or_default(),
        moved_at,
        sent_at: entries().filter(|e| e.sender.user == *user).map(|e| e.ts).max(),
        sent: sent_by(user, entries()),
    }
}

/// The part of the log that somebody may see.
#[derive(Clone, Copy)]
struct Visible {
    from: Sequence,
    /// The end, for who has gone.
    until: Option<Sequence>,
}

impl Visible {
    const ALL: Self = Self { from: Sequence::ZERO, until: None };
    const NOTHING: Self = Self { from: Sequence(u64::MAX), until: None };

    fn has(self, sequence: Sequence) -> bool {
        sequence >= self.from && self.until.is_none_or(|until| sequence <= until)
    }
}

/// The members of a group, not older than what the records are about; of one that is pulled the head alone, where
/// its rows have been brought into that mode. Nothing is read where nobody need be known.
async fn members(ports: FanoutPorts<'_>, conversation: &ConversationId, work: &Work) -> Result<Members, Unavailable> {
    if conversation.direct_members().is_some() || work.is_for_readers_alone() {
        return Ok(Members::default());
    }
    let members = ports.conversations.pushed_members(conversation, Consistency::Eventual).await?;
    let is_settling = ports.clock.now().ms_since(members.changed_at) < GROUP_SETTLE_MS;
    if members.version >= work.membership_version && !is_settling && members.is_settled() {
        return Ok(members);
    }
    ports.conversations.pushed_members(conversation, Consistency::Strong).await
}

/// Whom the entries and receipts are for. Who has joined since an entry was appended is a member
/// now, and must not be shown it; who has gone is told of the going, and of nothing after it.
fn audience(conversation: &ConversationId, members: Members, work: &Work) -> BTreeMap<UserId, Visible> {
    if let Some(members) = conversation.direct_members() {
        return members.into_iter().map(|user| (user, Visible::ALL)).collect();
    }
    if work.is_for_readers_alone() {
        // They may see what they have acknowledged: that was checked when the mark rose.
        return work.receipts.keys().map(|(user, _)| (user.clone(), Visible::ALL)).collect();
    }
    let entries = || work.entries.values().map(|(entry, _)| entry);
    let of_member = |m: Member| (m.user, Visible { from: m.joined_at, until: None });
    let mut audience: BTreeMap<UserId, Visible> = members.rows.into_iter().map(of_member).collect();
    for entry in entries() {
        for user in entry.membership.iter().flat_map(|event| event.departed()) {
            let goes = Visible { from: entry.sequence, until: Some(entry.sequence) };
            match audience.get_mut(user) {
                // Gone twice, and back in between: nothing between is told.
                Some(visible) if visible.until.is_some() => *visible = goes,
                // A row that is still seen though it has gone.
                Some(visible) if visible.from <= entry.sequence => *visible = Visible { from: visible.from, ..goes },
                Some(_) => {}
                None => {
                    audience.insert(user.clone(), goes);
                }
            }
        }
    }
    audience
}

fn sent_by<'a>(user: &UserId, entries: impl Iterator<Item = &'a Entry>) -> BTreeMap<DeviceId, Vec<RingEntry>> {
    let mut sent: BTreeMap<DeviceId, Vec<RingEntry>> = BTreeMap::new();
    for entry in entries.filter(|e| e.sender.user == *user) {
        let of_device = sent.entry(entry.sender.device.clone()).or_default();
        of_device.push(RingEntry::of(entry.message_id(), entry.sequence));
    }
    sent
}

/// What a session has yet to hear: entries that are not its own (a change of a group is, for its
/// answer names no sequence) and that no express post has taken to it, and receipts of others; of its own user's, only what was read, so that the
/// user's other devices clear their unread marks. Records may come late, so content that has
/// expired on the way is left out here as it is by every read.
fn notices_for(
    session: &Session,
    work: &Work,
    visible: Visible,
    hidden: &BTreeSet<Pair>,
    now: Timestamp,
) -> Vec<Notice> {
    let entries = work
        .entries
        .values()
        .filter(|(entry, _)| visible.has(entry.sequence) && entry.is_for(&session.owner.user))
        .filter(|(entry, _)| entry.sender != session.owner || entry.membership.is_some())
        .filter(|(_, reached)| !reached.contains(&session.owner))
        .map(|(entry, _)| Notice::Entry(Box::new(entry.clone().as_read_at(now))));
    let receipts = work
        .receipts
        .values()
        .filter(|r| visible.has(r.up_to))
        .filter(|r| is_told_of(&session.owner, r))
        .map(|receipt| Notice::Receipt(as_shown(receipt, &session.owner.user, hidden)));
    entries.chain(receipts).collect()
}

/// Of what has been read, which of those who are connected are not to see it.
async fn hidden_from(ports: FanoutPorts<'_>, work: &Work, sessions: &[Session]) -> Result<BTreeSet<Pair>, Unavailable> {
    let reads = work.receipts.values().filter(|receipt| receipt.mark == Watermark::Read && !receipt.is_own_alone);
    let pairs = reads.flat_map(|receipt| {
        let readers = sessions.iter().map(|session| (receipt.by.user.clone(), session.owner.user.clone()));
        readers.filter(|(reader, user)| reader != user)
    });
    let pairs: BTreeSet<Pair> = pairs.collect();
    hidden_reads(PrivacyPorts { rules: ports.rules, conversations: ports.conversations }, &pairs).await
}

/// What somebody is told of a receipt: what they are not to see as read has been delivered.
fn as_shown(receipt: &Receipt, to: &UserId, hidden: &BTreeSet<Pair>) -> Receipt {
    let is_hidden = receipt.mark == Watermark::Read && hidden.contains(&(receipt.by.user.clone(), to.clone()));
    let mark = if is_hidden { Watermark::Delivered } else { receipt.mark };
    Receipt { mark, ..receipt.clone() }
}

fn is_told_of(device: &Sender, receipt: &Receipt) -> bool {
    if receipt.by.user == device.user {
        receipt.mark == Watermark::Read && receipt.by != *device
    } else {
        !receipt.is_own_alone
    }
}

/// Posts to a session, one after another. One that does not take a post in time is told how far the log has got in place of the rest, and
/// pulls: nothing waits for it here, and nobody else waits for it.
async fn post_in_order(ports: FanoutPorts<'_>, session: &Session, notices: Vec<Notice>) -> Result<Post, Unavailable> {
    for (place, notice) in notices.iter().enumerate() {
        let post = Box::pin(post_or_remove(ports.sessions, ports.gateway, session, notice));
        match within(ports.clock, post).await {
            Some(posted) if posted.as_ref().is_ok_and(|post| *post == Post::Accepted) => {}
            Some(posted) => return posted,
            None => return hint(ports, session, &notices[place..]).await,
        }
    }
    Ok(Post::Accepted)
}

/// Tells a slow session how far the log has got. If it does not take that in time either, the repair lane or its heartbeat tells it.
async fn hint(ports: FanoutPorts<'_>, session: &Session, rest: &[Notice]) -> Result<Post, Unavailable> {
    let end = rest.iter().rev().find_map(|notice| match notice {
        Notice::Entry(entry) => Some((entry.conversation.clone(), entry.sequence)),
        Notice::Updated { conversation, last_sequence } => Some((conversation.clone(), *last_sequence)),
        _ => None,
    });
    info!(device = %session.owner.device, left = rest.len(), "a session is slow: it is told to pull");
    let Some((conversation, last_sequence)) = end else { return Ok(Post::Accepted) };
    let updated = Notice::Updated { conversation, last_sequence };
    let post = Box::pin(post_or_remove(ports.sessions, ports.gateway, session, &updated));
    within(ports.clock, post).await.unwrap_or(Ok(Post::Accepted))
}
