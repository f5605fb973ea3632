//! Catching up: the drain after `session.hello`, and the list of conversations.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{try_join, try_join_all};
use thiserror::Error;

use crate::{
    conversation::{Label, Member, PULLED_BUCKET, Reach, activity_bucket},
    fanout::subscribe,
    history::{ReadError, still_visible},
    ids::{ConversationId, Sequence, Timestamp, UserId},
    limits::{
        ACTIVITY_MARGIN_MS, BADGE_CONVERSATIONS_MAX, BADGE_MAX, DRAIN_CONVERSATIONS_MAX, DRAIN_MESSAGES_MAX,
        DRAIN_MS_MAX, DRAIN_TOTAL_MAX, LIST_LIMIT_MAX, PULL_LIMIT_MAX, RECONNECT_BEFORE_MS, SUBSCRIPTIONS_MAX,
        UNREAD_ROWS_MAX,
    },
    log::Entry,
    notice::{Notice, Ready},
    personal::leave_out,
    ports::{
        ActivityKey, Clock, Consistency, Conversations, Devices, Gateway, Log, Personal, Post, Refresh, Sessions,
        Unavailable, live_sessions,
    },
    session::Session,
    sessions::{Socket, register},
};

/// What catching up needs of the world.
#[derive(Clone, Copy)]
pub struct SyncPorts<'a> {
    /// The log.
    pub log: &'a dyn Log,
    /// Members.
    pub conversations: &'a dyn Conversations,
    /// What readers have hidden.
    pub personal: &'a dyn Personal,
    /// Live sockets.
    pub sessions: &'a dyn Sessions,
    /// The sockets.
    pub gateway: &'a dyn Gateway,
    /// Time.
    pub clock: &'a dyn Clock,
}

/// The terms that a session is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTerms {
    /// How often to say that one is there.
    pub heartbeat_seconds: u64,
    /// The life of a session without a heartbeat.
    pub session_ttl_seconds: u64,
    /// Frames that may be unanswered at once.
    pub send_window: u32,
}

/// What a device says of itself when it connects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HelloRequest {
    /// When this device was last known to be up to date, from its resume token. What was not
    /// active since then need not be looked at.
    pub up_to_date_at: Option<Timestamp>,
    /// The last sequence held, by conversation.
    pub cursors: BTreeMap<ConversationId, Sequence>,
}

/// How a resume token is made and read: a place in time, for one device.
pub trait ResumeTokens: Send + Sync {
    /// A token for a moment.
    fn issue(&self, socket: &Socket, at: Timestamp) -> String;
}

/// Why a hello failed.
#[derive(Debug, Error)]
pub enum SyncError {
    /// The socket went away during the drain; the next hello starts it again.
    #[error("the socket is gone")]
    SocketGone,
    /// The world did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// What a drain came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Conversations brought up to date.
    pub conversations: u64,
    /// For the next hello: everything until the start of this drain has been said.
    pub resume_token: String,
}

/// Registers the session, says that it is ready, and posts what was missed, in order within each
/// conversation.
///
/// What is too much for one drain is told of by `conversation.updated`, to be pulled. The token
/// in `session.ready` starts where this drain did, for the drain may yet fail; the one that is
/// returned starts now.
pub async fn hello(
    ports: SyncPorts<'_>,
    tokens: &dyn ResumeTokens,
    terms: SessionTerms,
    socket: &Socket,
    request: &HelloRequest,
) -> Result<Drained, SyncError> {
    let now = ports.clock.now();
    let session = socket.session(now, terms.session_ttl_seconds);
    register(ports.sessions, ports.gateway, &session).await?;
    let ready = Ready {
        owner: socket.owner.clone(),
        resume_token: tokens.issue(socket, request.up_to_date_at.unwrap_or_default()),
        heartbeat_seconds: terms.heartbeat_seconds,
        send_window: terms.send_window,
        reconnect_before: socket.connected_at.plus_ms(RECONNECT_BEFORE_MS),
        now,
    };
    post(ports, &session, &Notice::Ready(ready)).await?;
    let conversations = drain(ports, &session, request, now).await?;
    Ok(Drained { conversations, resume_token: tokens.issue(socket, now) })
}

/// Prolongs the session of a socket.
///
/// What was posted and has got lost is made up for here at the latest: the device is told of what
/// was active lately, and pulls what it lacks. A user's only device is told of what the user has
/// not acknowledged alone; one of several, and one whose session was lost (past its time, or taken
/// away by a stray 410), of all, for another device's ack hides what this one has missed. A socket
/// that the device has replaced is closed. Answers with the time, and whether the session was lost.
pub async fn heartbeat(
    ports: SyncPorts<'_>,
    devices: &dyn Devices,
    terms: SessionTerms,
    socket: &Socket,
    active: bool,
) -> Result<(Timestamp, bool), SyncError> {
    let now = ports.clock.now();
    let session = socket.session(now, terms.session_ttl_seconds);
    let owner = &session.owner;
    let mut was_lost = false;
    match ports.sessions.refresh(owner, &session.connection, now, session.expires_at, active).await? {
        Refresh::Prolonged => {
            let since = now.minus_ms(terms.session_ttl_seconds * 1000);
            let users = std::slice::from_ref(&owner.user);
            let is_only = live_sessions(ports.sessions, users, now).await?.len() < 2;
            tell_of_activity(ports, &session, since, is_only, false).await?;
        }
        Refresh::Superseded => ports.gateway.close(&session).await?,
        Refresh::Lost => {
            was_lost = true;
            register(ports.sessions, ports.gateway, &session).await?;
            tell_of_activity(ports, &session, socket.connected_at, false, true).await?;
        }
    }
    if active {
        devices.touch(&session.owner, now).await?;
    }
    Ok((now, was_lost))
}

/// Tells a device of the conversations of its user that were active since a moment: of all of
/// them, or of those alone that the user has not acknowledged to the end. A session that is new is
/// registered as a subscriber.
async fn tell_of_activity(
    ports: SyncPorts<'_>,
    session: &Session,
    since: Timestamp,
    unacknowledged_alone: bool,
    is_new: bool,
) -> Result<(), SyncError> {
    let since = since.minus_ms(ACTIVITY_MARGIN_MS);
    for (conversation, member) in active_rows(ports, session, is_new, Some(since), &[]).await? {
        let last_sequence = member.last_sequence;
        let seen = if unacknowledged_alone { member.delivered_up_to } else { Sequence::ZERO };
        if member.last_ts >= since && last_sequence > seen.max(member.joined_at.previous()) {
            post(ports, session, &Notice::Updated { conversation, last_sequence }).await?;
        }
    }
    Ok(())
}

async fn drain(
    ports: SyncPorts<'_>,
    session: &Session,
    request: &HelloRequest,
    started_at: Timestamp,
) -> Result<u64, SyncError> {
    let mut brought_up = 0;
    let mut budget = DRAIN_TOTAL_MAX;
    for Behind { conversation, since, last_sequence, is_known_elsewhere } in behind(ports, session, request).await? {
        let in_time = ports.clock.now().ms_since(started_at) < DRAIN_MS_MAX;
        let messages_max = if in_time { budget.min(DRAIN_MESSAGES_MAX) } else { 0 };
        let missed = usize::try_from(last_sequence.0.saturating_sub(since.0)).unwrap_or(usize::MAX);
        if missed > messages_max || is_known_elsewhere {
            post(ports, session, &Notice::Updated { conversation, last_sequence }).await?;
            continue;
        }
        budget -= missed;
        drain_conversation(ports, session, &conversation, since, messages_max).await?;
        brought_up += 1;
    }
    Ok(brought_up)
}

/// Posts everything after a sequence; new entries that come in meanwhile are posted too, up to
/// the most that one conversation may have.
async fn drain_conversation(
    ports: SyncPorts<'_>,
    session: &Session,
    conversation: &ConversationId,
    mut since: Sequence,
    mut messages_max: usize,
) -> Result<(), SyncError> {
    while messages_max > 0 {
        let limit = messages_max.min(PULL_LIMIT_MAX);
        let rows = ports.log.read_after(conversation, since, limit, Consistency::Strong).await?;
        let is_last = rows.len() < limit;
        since = rows.last().map_or(since, |last| last.sequence);
        messages_max -= rows.len();
        let user = &session.owner.user;
        let rows = match still_visible(ports.conversations, user, conversation, rows).await {
            Ok((rows, true)) => leave_out(ports.personal, user, conversation, rows).await?,
            Ok((rows, false)) => rows,
            Err(ReadError::NotAMember(_)) => break,
            Err(ReadError::Unavailable(error)) => return Err(error.into()),
        };
        for entry in rows.into_iter().filter(|entry| entry.is_for(user)) {
            let entry = entry.as_read_at(ports.clock.now());
            post(ports, session, &Notice::Entry(Box::new(entry))).await?;
        }
        if is_last {
            break;
        }
    }
    Ok(())
}

/// A conversation in which a device is behind.
struct Behind {
    conversation: ConversationId,
    /// Where what it lacks begins.
    since: Sequence,
    last_sequence: Sequence,
    /// Another device of the user has acknowledged all of it, and this one does not name it: it is
    /// told of it, for it may never have heard.
    is_known_elsewhere: bool,
}

/// The user's conversations in which the device is behind.
async fn behind(ports: SyncPorts<'_>, session: &Session, request: &HelloRequest) -> Result<Vec<Behind>, Unavailable> {
    // A cursor may lag behind what the token says, so what it names is looked at in any case.
    let named: Vec<ConversationId> = request.cursors.keys().cloned().collect();
    let up_to_date_at = request.up_to_date_at.map(|at| at.minus_ms(ACTIVITY_MARGIN_MS));
    let rows = active_rows(ports, session, true, up_to_date_at, &named).await?;
    let behind = rows.into_iter().filter_map(|(conversation, member)| {
        let last_sequence = member.last_sequence;
        let cursor = request.cursors.get(&conversation).copied();
        let hidden = member.joined_at.previous();
        let since = cursor.unwrap_or(member.delivered_up_to).max(hidden);
        let is_known_elsewhere = cursor.is_none() && up_to_date_at.is_some() && last_sequence <= since;
        let is_behind = last_sequence > since || (is_known_elsewhere && last_sequence > hidden);
        is_behind.then_some(Behind { conversation, since, last_sequence, is_known_elsewhere })
    });
    Ok(behind.collect())
}

/// The rows of a session's user in the conversations that were active since a moment, latest first,
/// and in those that are named. Groups that are pulled are always among them; a session that is new
/// is registered as their subscriber, before it is read how far they have got.
async fn active_rows(
    ports: SyncPorts<'_>,
    session: &Session,
    is_new: bool,
    since: Option<Timestamp>,
    named: &[ConversationId],
) -> Result<Vec<(ConversationId, Member)>, Unavailable> {
    let user = &session.owner.user;
    let since = since.map(activity_bucket).unwrap_or_default();
    let (mut conversations, mut pulled) = (Vec::new(), Vec::new());
    let mut from = None;
    loop {
        let limit = LIST_LIMIT_MAX.min(DRAIN_CONVERSATIONS_MAX - conversations.len());
        let page = ports.conversations.by_activity(user, since, from.as_ref(), limit).await?;
        pulled.extend(page.keys.iter().filter(|key| key.bucket == PULLED_BUCKET).map(|key| key.conversation.clone()));
        conversations.extend(page.keys.into_iter().map(|key| key.conversation));
        from = page.next;
        if from.is_none() || conversations.len() >= DRAIN_CONVERSATIONS_MAX {
            break;
        }
    }
    if is_new {
        let subscribing = pulled.iter().take(SUBSCRIPTIONS_MAX);
        try_join_all(subscribing.map(|conversation| subscribe(ports.sessions, conversation, session))).await?;
    }
    let listed: BTreeSet<ConversationId> = conversations.iter().cloned().collect();
    conversations.extend(named.iter().filter(|c| !listed.contains(c)).cloned());
    let rows = member_rows(ports.conversations, user, &conversations).await?;
    let mut rows: BTreeMap<ConversationId, Member> = rows.into_iter().collect();
    Ok(conversations.into_iter().filter_map(|c| rows.remove(&c).map(|member| (c, member))).collect())
}

/// A user's member rows. In groups that are pulled rows do not move: there the heads tell how far
/// the conversation has got, and are read after the rows.
pub(crate) async fn member_rows(
    port: &dyn Conversations,
    user: &UserId,
    conversations: &[ConversationId],
) -> Result<Vec<(ConversationId, Member)>, Unavailable> {
    let mut rows = port.memberships(user, conversations).await?;
    let pulled = rows.iter().filter(|(_, member)| member.is_filed_as_pulled()).map(|(c, _)| c.clone());
    let pulled: Vec<ConversationId> = pulled.collect();
    if pulled.is_empty() {
        return Ok(rows);
    }
    let reaches: BTreeMap<ConversationId, Reach> = port.reaches(&pulled).await?.into_iter().collect();
    for (conversation, member) in &mut rows {
        if let Some(reach) = reaches.get(conversation).filter(|reach| reach.last_sequence > member.last_sequence) {
            (member.last_sequence, member.last_ts) = (reach.last_sequence, reach.last_ts);
        }
    }
    Ok(rows)
}

async fn post(ports: SyncPorts<'_>, session: &Session, notice: &Notice) -> Result<(), SyncError> {
    match ports.gateway.post(session, notice).await? {
        Post::Accepted => Ok(()),
        Post::Gone => {
            ports.sessions.remove(&session.owner, &session.connection).await?;
            Err(SyncError::SocketGone)
        }
    }
}

/// A conversation as its list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The conversation.
    pub conversation: ConversationId,
    /// The user's row in it.
    pub member: Member,
    /// Messages of others that the user has not read; exact up to 100.
    pub unread: u64,
    /// Those of them that mention the user or everyone, among the first 100.
    pub mentions: u64,
    /// What its head says.
    pub label: Label,
    /// The last entry.
    pub last: Option<Entry>,
}

impl Summary {
    /// Whether a stranger has written in it, to whom the user has not written, and whom they have not accepted.
    pub fn is_request(&self) -> bool {
        let is_direct = self.conversation.direct_members().is_some();
        is_direct && self.member.last_sequence > Sequence::ZERO && !self.member.has_accepted()
    }
}

/// Where a list of conversations goes on: what changed after `since`, from a place on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListCursor {
    /// Conversations active in this hour or later.
    pub since: Timestamp,
    /// In the middle of a list: the place, and the newest activity seen when the list began.
    pub middle: Option<(ActivityKey, Timestamp)>,
}

/// A page of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListPage {
    /// Conversations, latest first.
    pub conversations: Vec<Summary>,
    /// The next page, or, at the end, the next list: what changes from now on. Activity is filed
    /// by the hour, so a list repeats what changed in the hour that it starts in.
    pub next: ListCursor,
    /// Whether there is more now.
    pub has_more: bool,
}

/// Lists a user's conversations that changed, latest first.
pub async fn list(
    ports: SyncPorts<'_>,
    user: &UserId,
    cursor: &ListCursor,
    limit: usize,
) -> Result<ListPage, Unavailable> {
    let limit = limit.clamp(1, LIST_LIMIT_MAX);
    let (from, started_at) = match &cursor.middle {
        Some((key, started_at)) => (Some(key), *started_at),
        None => (None, ports.clock.now()),
    };
    let page = ports.conversations.by_activity(user, cursor.since, from, limit).await?;
    let conversations: Vec<ConversationId> = page.keys.into_iter().map(|key| key.conversation).collect();
    let rows = member_rows(ports.conversations, user, &conversations);
    let (rows, mut labels) = try_join(rows, ports.conversations.labels(&conversations)).await?;
    let summaries = rows.into_iter().map(|(conversation, member)| {
        let label = labels.remove(&conversation).unwrap_or_default();
        async move {
            let (unread, last) = end_of(ports, user, &conversation, &member).await?;
            let (unread, mentions) = (unread.messages, unread.mentions);
            Ok::<_, Unavailable>(Summary { conversation, member, unread, mentions, label, last })
        }
    });
    let mut conversations = try_join_all(summaries).await?;
    conversations.sort_by(|a, b| (b.member.last_ts, &b.conversation).cmp(&(a.member.last_ts, &a.conversation)));
    let has_more = page.next.is_some();
    let next = match page.next {
        Some(key) => ListCursor { since: cursor.since, middle: Some((key, started_at)) },
        None => ListCursor { since: activity_bucket(started_at.minus_ms(ACTIVITY_MARGIN_MS)), middle: None },
    };
    Ok(ListPage { conversations, next, has_more })
}

/// What of a conversation is unread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Unread {
    messages: u64,
    mentions: u64,
}

/// Others' messages after the read mark, and the last entry. One's own, reactions and the like lie among
/// them, so the rows are looked at, up to a hundred; beyond, every row counts, and none as a mention.
async fn end_of(
    ports: SyncPorts<'_>,
    user: &UserId,
    conversation: &ConversationId,
    member: &Member,
) -> Result<(Unread, Option<Entry>), Unavailable> {
    let after = member.read_up_to.max(member.joined_at.previous());
    if member.last_sequence == Sequence::ZERO {
        return Ok((Unread::default(), None));
    }
    let shown = async |mut rows: Vec<Entry>| {
        rows.retain(|entry| entry.is_for(user));
        if member.has_hidden { leave_out(ports.personal, user, conversation, rows).await } else { Ok(rows) }
    };
    let last_alone = async || {
        let last = ports.log.read_one(conversation, member.last_sequence, Consistency::Eventual).await?;
        Ok::<_, Unavailable>(shown(last.into_iter().collect()).await?.pop())
    };
    if member.last_sequence <= after {
        return Ok((Unread::default(), last_alone().await?));
    }
    let rows = ports.log.read_after(conversation, after, UNREAD_ROWS_MAX, Consistency::Eventual).await?;
    let beyond = rows.last().map_or(0, |last| member.last_sequence.0.saturating_sub(last.sequence.0));
    let is_last = |e: &Entry| e.sequence == member.last_sequence;
    let has_last = rows.iter().any(is_last);
    let rows = shown(rows).await?;
    let now = ports.clock.now();
    let unread = Unread {
        messages: others_messages(&rows, user, now).count() as u64 + beyond,
        mentions: others_messages(&rows, user, now).filter(|e| e.mentions(user)).count() as u64,
    };
    let last = if has_last { rows.into_iter().find(is_last) } else { last_alone().await? };
    Ok((unread, last))
}

/// Messages of others with something to read.
fn others_messages<'a>(rows: &'a [Entry], user: &'a UserId, now: Timestamp) -> impl Iterator<Item = &'a Entry> {
    let is_new = move |entry: &&Entry| entry.sender.user != *user && entry.is_for(user) && entry.is_message_at(now);
    rows.iter().filter(is_new)
}

/// What a user has not read in all: of the latest conversations in which there is something, as the
/// list counts it. What a user has hidden counts, for a look at it would cost more than it tells.
pub(crate) async fn unread_total(
    log: &dyn Log,
    conversations: &dyn Conversations,
    user: &UserId,
    now: Timestamp,
) -> Result<u64, Unavailable> {
    let page = conversations.by_activity(user, Timestamp::default(), None, LIST_LIMIT_MAX).await?;
    let listed: Vec<ConversationId> = page.keys.into_iter().map(|key| key.conversation).collect();
    let mut rows = member_rows(conversations, user, &listed).await?;
    let after = |member: &Member| member.read_up_to.max(member.joined_at.previous());
    rows.retain(|(_, member)| member.last_sequence > after(member));
    rows.sort_by_key(|(_, member)| std::cmp::Reverse(member.last_ts));
    rows.truncate(BADGE_CONVERSATIONS_MAX);
    let counts = rows.iter().map(|(conversation, member)| async move {
        let rows = log.read_after(conversation, after(member), UNREAD_ROWS_MAX, Consistency::Eventual).await?;
        let beyond = rows.last().map_or(0, |last| member.last_sequence.0.saturating_sub(last.sequence.0));
        Ok::<_, Unavailable>(others_messages(&rows, user, now).count() as u64 + beyond)
    });
    Ok(try_join_all(counts).await?.into_iter().sum::<u64>().min(BADGE_MAX))
}
