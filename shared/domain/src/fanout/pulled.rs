//! Groups that are pulled: what a message costs there does not grow with the members.
//!
//! The durable lane moves the rows of those who sent, for their rings, and the reach in the head.
//! Then it announces how far the log has got: to those whom the message is about at once, and of
//! the others who are connected to so many as one message may cost. Who is left out is told by a
//! later message or by the next heartbeat, and holds everything after the next pull.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{join_all, try_join, try_join_all};

use super::{FanoutPorts, Work, advance_of, fill_gaps, is_told_of, post_in_order, put_jobs, read_between, welcome};
use crate::{
    conversation::{Member, PULLED_BUCKET, Reach, ReachMove},
    ids::{ConversationId, Sender, Sequence, UserId},
    limits::{ANNOUNCED_AT_ONCE_MAX, CONNECTION_MS_MAX},
    notice::Notice,
    ports::{Post, Sessions, Unavailable, live_sessions},
    push::jobs_for,
    session::Session,
};

/// Fans out in a group that is pulled and has a reach.
pub(super) async fn fan_out_pulled(
    ports: FanoutPorts<'_>,
    announce_max: usize,
    conversation: &ConversationId,
    reach: Reach,
    mut work: Work,
) -> Result<(), Unavailable> {
    rise(ports, conversation, reach, &mut work).await?;
    welcome(ports, &work).await?;
    announce(ports, announce_max, conversation, &work).await
}

/// Completes the rings of all senders up to the end of the batch, then lets the reach say so.
async fn rise(
    ports: FanoutPorts<'_>,
    conversation: &ConversationId,
    reach: Reach,
    work: &mut Work,
) -> Result<(), Unavailable> {
    let Some(first) = work.entries.keys().next().copied() else { return Ok(()) };
    fill_gaps(ports, conversation, work).await?;
    if reach.last_sequence < first.previous() {
        let missing = read_between(ports.log, conversation, reach.last_sequence, first.previous()).await?;
        work.entries.extend(missing.into_iter().map(|entry| (entry.sequence, (entry, Vec::new()))));
    }
    let senders: BTreeSet<UserId> = work.entries.values().map(|(entry, _)| entry.sender.user.clone()).collect();
    try_join_all(senders.iter().map(|user| async {
        let advance = advance_of(user, Sequence::ZERO, &work.entries, PULLED_BUCKET);
        ports.conversations.advance(conversation, user, &advance).await
    }))
    .await?;
    let end = work.end();
    if end.last_sequence > reach.last_sequence {
        ports.conversations.move_reach(conversation, &ReachMove::Rise(end)).await?;
    }
    Ok(())
}

/// A group has become pulled, and every row has been moved and filed as that of such a group:
/// registers who is connected, and says from where on the head tells. Those who were pushed to
/// until now are all told.
pub(super) async fn begin(
    ports: FanoutPorts<'_>,
    conversation: &ConversationId,
    since: Sequence,
    users: &[UserId],
    work: &Work,
) -> Result<(), Unavailable> {
    welcome(ports, work).await?;
    let sessions = live_sessions(ports.sessions, users, ports.clock.now()).await?;
    try_join_all(sessions.iter().map(|session| subscribe(ports.sessions, conversation, session))).await?;
    let reach = Reach { since, ..work.end() };
    ports.conversations.move_reach(conversation, &ReachMove::Begin(reach)).await?;
    let there = post_to_members(ports, conversation, work, &sessions, &BTreeSet::new()).await?;
    queue_mentions(ports, conversation, work, &there).await
}

/// Queues pushes for those who are mentioned by name and have no live session; whether they are members
/// the notifier looks. Nobody else is pushed to, so the cost does not grow with the members: a mention
/// of everyone is announced to who is connected, and found by the others when they come.
async fn queue_mentions(
    ports: FanoutPorts<'_>,
    conversation: &ConversationId,
    work: &Work,
    there: &BTreeSet<UserId>,
) -> Result<(), Unavailable> {
    let entries = || work.entries.values().map(|(entry, _)| entry);
    let mentioned: BTreeSet<&UserId> = entries().flat_map(|entry| &entry.content.mentions).collect();
    let away = mentioned.into_iter().filter(|user| !there.contains(*user));
    let now = ports.clock.now();
    let jobs = away.flat_map(|user| {
        let naming = entries().filter(|entry| entry.content.mentions.contains(user));
        jobs_for(conversation, user, naming, now)
    });
    put_jobs(ports, jobs.collect()).await
}

/// Registers a session as a subscriber for as long as its connection may last.
pub(crate) async fn subscribe(
    sessions: &dyn Sessions,
    conversation: &ConversationId,
    session: &Session,
) -> Result<(), Unavailable> {
    let expires_at = session.connected_at.plus_ms(CONNECTION_MS_MAX);
    sessions.subscribe(conversation, &Session { expires_at, ..session.clone() }).await
}

/// Tells those whom the batch is about, and a part of the other subscribers.
async fn announce(
    ports: FanoutPorts<'_>,
    announce_max: usize,
    conversation: &ConversationId,
    work: &Work,
) -> Result<(), Unavailable> {
    let concerned: Vec<UserId> = concerned(work).into_iter().collect();
    let (mut sessions, subscribers) = try_join(
        live_sessions(ports.sessions, &concerned, ports.clock.now()),
        slice(ports, announce_max, conversation, work),
    )
    .await?;
    let registered: BTreeSet<Sender> = subscribers.iter().map(|s| s.owner.clone()).collect();
    sessions.retain(|session| !registered.contains(&session.owner));
    sessions.extend(subscribers);
    let there = post_to_members(ports, conversation, work, &sessions, &registered).await?;
    queue_mentions(ports, conversation, work, &there).await
}

/// Users whom the batch is about: who wrote (their other devices), is mentioned, comes or goes,
/// has read, or may be behind.
fn concerned(work: &Work) -> BTreeSet<UserId> {
    let of_entries = work.entries.values().flat_map(|(entry, _)| {
        let event = entry.membership.iter().flat_map(|event| &event.users);
        std::iter::once(&entry.sender.user).chain(&entry.content.mentions).chain(event)
    });
    let of_receipts = work.receipts.keys().map(|(user, _)| user);
    of_entries.chain(of_receipts).chain(work.behind.keys()).cloned().collect()
}

/// As many subscribers as the batch's messages may cost, from a place that its last sequence
/// gives: each time another part, so that everybody has their turn. No state is kept, and a batch
/// that comes again tells the same.
async fn slice(
    ports: FanoutPorts<'_>,
    announce_max: usize,
    conversation: &ConversationId,
    work: &Work,
) -> Result<Vec<Session>, Unavailable> {
    let Some(last) = work.entries.keys().next_back() else { return Ok(Vec::new()) };
    let limit = announce_max.saturating_mul(work.entries.len()).min(ANNOUNCED_AT_ONCE_MAX.max(announce_max));
    let from = first_place(*last);
    let mut found = ports.sessions.subscribers(conversation, from, limit).await?;
    if found.len() < limit && from > 0 {
        let rest = ports.sessions.subscribers(conversation, 0, limit - found.len()).await?;
        found.extend(rest.into_iter().take_while(|session| session.place() < from));
    }
    let now = ports.clock.now();
    Ok(found.into_iter().filter(|session| session.is_live(now)).collect())
}

/// Multiples of the golden ratio, which spread evenly however many there are.
fn first_place(sequence: Sequence) -> u32 {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    u32::try_from(sequence.0.wrapping_mul(GOLDEN) >> 32).unwrap_or_default()
}

/// Posts to those of these sessions whose users are members now, which is looked at strongly:
/// nothing is told to who has gone, but the going. Registers who has come. Answers whose sockets are there.
async fn post_to_members(
    ports: FanoutPorts<'_>,
    conversation: &ConversationId,
    work: &Work,
    sessions: &[Session],
    registered: &BTreeSet<Sender>,
) -> Result<BTreeSet<UserId>, Unavailable> {
    if sessions.is_empty() {
        return Ok(BTreeSet::new());
    }
    let users: BTreeSet<UserId> = sessions.iter().map(|session| session.owner.user.clone()).collect();
    let users: Vec<UserId> = users.into_iter().collect();
    let view = ports.conversations.group(conversation, &users).await?;
    let members: BTreeMap<&UserId, &Member> = view.members.iter().map(|m| (&m.user, m)).collect();
    let joined = joined(work);
    let posts = sessions.iter().map(|session| {
        let member = members.get(&session.owner.user).copied();
        let is_registered = registered.contains(&session.owner);
        let is_new = member.is_some() && joined.contains(&session.owner.user);
        let notices = match member {
            Some(member) => notices_of_member(conversation, work, session, member),
            None => going(work, session).into_iter().collect(),
        };
        async move {
            if is_new {
                subscribe(ports.sessions, conversation, session).await?;
            }
            let post = post_in_order(ports, session, notices).await?;
            if is_registered && (post == Post::Gone || member.is_none()) {
                ports.sessions.unsubscribe(conversation, &session.owner, &session.connection).await?;
            }
            Ok::<_, Unavailable>((post == Post::Accepted).then(|| session.owner.user.clone()))
        }
    });
    let posted = join_all(posts).await.into_iter().collect::<Result<Vec<_>, Unavailable>>()?;
    Ok(posted.into_iter().flatten().collect())
}

fn joined(work: &Work) -> BTreeSet<&UserId> {
    let events = work.entries.values().filter_map(|(entry, _)| entry.membership.as_ref());
    events.flat_map(|event| event.arrived()).collect()
}

/// How far the log has got, and what was read on another device.
fn notices_of_member(conversation: &ConversationId, work: &Work, session: &Session, member: &Member) -> Vec<Notice> {
    let owner = &session.owner;
    let is_news = |sequence: &Sequence| {
        let (entry, _) = &work.entries[sequence];
        *sequence >= member.joined_at && (entry.sender != *owner || entry.membership.is_some())
    };
    let news = work.entries.keys().any(is_news);
    let end = work.entries.keys().next_back().copied().filter(|_| news);
    let behind = work.behind.get(&owner.user).copied().filter(|last| *last >= member.joined_at);
    let updated =
        end.max(behind).map(|last_sequence| Notice::Updated { conversation: conversation.clone(), last_sequence });
    let is_own = |receipt: &&crate::stream::Receipt| receipt.by.user == owner.user && is_told_of(owner, receipt);
    let receipts = work.receipts.values().filter(|receipt| receipt.up_to >= member.joined_at).filter(is_own);
    updated.into_iter().chain(receipts.cloned().map(Notice::Receipt)).collect()
}

/// The entry by which a user has gone.
fn going(work: &Work, session: &Session) -> Option<Notice> {
    let is_going = |entry: &crate::log::Entry| {
        entry.membership.iter().flat_map(|event| event.departed()).any(|user| *user == session.owner.user)
    };
    let entry = work.entries.values().rev().map(|(entry, _)| entry).find(|entry| is_going(entry))?;
    Some(Notice::Entry(Box::new(entry.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_of_a_tenth_reach_every_place_within_twenty_messages() {
        let starts: BTreeSet<u32> = (1..=20).map(|n| first_place(Sequence(n))).collect();
        for place in (0..1000_u32).map(|n| n * (u32::MAX / 1000)) {
            let is_reached = |start: &u32| place.wrapping_sub(*start) < u32::MAX / 10;
            assert!(starts.iter().any(is_reached), "{place}");
        }
    }
}
