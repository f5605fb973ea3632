//! Catching up: the drain after `session.hello`, and the list of conversations.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;
use thiserror::Error;

use crate::{
    conversation::{Member, activity_bucket},
    ids::{ConversationId, Sequence, Timestamp, UserId},
    limits::{
        DRAIN_CONVERSATIONS_MAX, DRAIN_MESSAGES_MAX, DRAIN_MS_MAX, DRAIN_TOTAL_MAX, LIST_LIMIT_MAX, PULL_LIMIT_MAX,
        RECONNECT_BEFORE_MS, UNREAD_ROWS_MAX,
    },
    log::Entry,
    notice::{Notice, Ready},
    ports::{
        ActivityKey, Clock, Consistency, Conversations, Devices, Gateway, Log, Post, Refresh, Sessions, Unavailable,
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
/// A session that was lost (past its time, or taken away by a stray 410) has missed pushes: it is
/// registered again and told where it is behind. A socket that the device has replaced is closed.
pub async fn heartbeat(
    ports: SyncPorts<'_>,
    devices: &dyn Devices,
    terms: SessionTerms,
    socket: &Socket,
    active: bool,
) -> Result<Timestamp, SyncError> {
    let now = ports.clock.now();
    let session = socket.session(now, terms.session_ttl_seconds);
    match ports.sessions.refresh(&session.owner, &session.connection, now, session.expires_at, active).await? {
        Refresh::Prolonged => {}
        Refresh::Superseded => ports.gateway.close(&session).await?,
        Refresh::Lost => {
            register(ports.sessions, ports.gateway, &session).await?;
            let since_connected = HelloRequest { up_to_date_at: Some(socket.connected_at), ..HelloRequest::default() };
            for (conversation, _, last_sequence) in behind(ports, &session.owner.user, &since_connected).await? {
                post(ports, &session, &Notice::Updated { conversation, last_sequence }).await?;
            }
        }
    }
    if active {
        devices.touch(&session.owner, now).await?;
    }
    Ok(now)
}

async fn drain(
    ports: SyncPorts<'_>,
    session: &Session,
    request: &HelloRequest,
    started_at: Timestamp,
) -> Result<u64, SyncError> {
    let mut brought_up = 0;
    let mut budget = DRAIN_TOTAL_MAX;
    for (conversation, since, last_sequence) in behind(ports, &session.owner.user, request).await? {
        let in_time = ports.clock.now().ms_since(started_at) < DRAIN_MS_MAX;
        let messages_max = if in_time { budget.min(DRAIN_MESSAGES_MAX) } else { 0 };
        let missed = usize::try_from(last_sequence.0.saturating_sub(since.0)).unwrap_or(usize::MAX);
        if missed > messages_max {
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
        for entry in rows {
            since = entry.sequence;
            messages_max -= 1;
            let entry = entry.as_read_at(ports.clock.now());
            post(ports, session, &Notice::Entry(Box::new(entry))).await?;
        }
        if is_last {
            break;
        }
    }
    Ok(())
}

/// The user's conversations in which the device is behind: from where, and to where at least.
async fn behind(
    ports: SyncPorts<'_>,
    user: &UserId,
    request: &HelloRequest,
) -> Result<Vec<(ConversationId, Sequence, Sequence)>, Unavailable> {
    let since = request.up_to_date_at.map(activity_bucket).unwrap_or_default();
    let mut conversations = Vec::new();
    let mut from = None;
    loop {
        let limit = LIST_LIMIT_MAX.min(DRAIN_CONVERSATIONS_MAX - conversations.len());
        let page = ports.conversations.by_activity(user, since, from.as_ref(), limit).await?;
        conversations.extend(page.keys.into_iter().map(|key| key.conversation));
        from = page.next;
        if from.is_none() || conversations.len() >= DRAIN_CONVERSATIONS_MAX {
            break;
        }
    }
    // A cursor may lag behind what the token says, so what it names is looked at in any case.
    let listed: BTreeSet<ConversationId> = conversations.iter().cloned().collect();
    conversations.extend(request.cursors.keys().filter(|c| !listed.contains(c)).cloned());
    let rows = ports.conversations.memberships(user, &conversations).await?;
    let mut rows: BTreeMap<ConversationId, Member> = rows.into_iter().collect();
    let behind = conversations.into_iter().filter_map(|conversation| {
        let member = rows.remove(&conversation)?;
        let cursor = request.cursors.get(&conversation).copied().unwrap_or(member.delivered_up_to);
        let since = cursor.max(member.joined_at.previous());
        (member.last_sequence > since).then_some((conversation, since, member.last_sequence))
    });
    Ok(behind.collect())
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
    let rows = ports.conversations.memberships(user, &conversations).await?;
    let summaries = rows.into_iter().map(|(conversation, member)| async move {
        let unread = unread(ports.log, user, &conversation, &member).await?;
        Ok::<_, Unavailable>(Summary { conversation, member, unread })
    });
    let mut conversations = try_join_all(summaries).await?;
    conversations.sort_by(|a, b| (b.member.last_ts, &b.conversation).cmp(&(a.member.last_ts, &a.conversation)));
    let has_more = page.next.is_some();
    let next = match page.next {
        Some(key) => ListCursor { since: cursor.since, middle: Some((key, started_at)) },
        None => ListCursor { since: activity_bucket(started_at), middle: None },
    };
    Ok(ListPage { conversations, next, has_more })
}

/// Others' messages after the read mark. One's own lie among them, so the rows are looked at, up
/// to a hundred; beyond, every row counts.
async fn unread(
    log: &dyn Log,
    user: &UserId,
    conversation: &ConversationId,
    member: &Member,
) -> Result<u64, Unavailable> {
    let after = member.read_up_to.max(member.joined_at.previous());
    if member.last_sequence <= after {
        return Ok(0);
    }
    let rows = log.read_after(conversation, after, UNREAD_ROWS_MAX, Consistency::Eventual).await?;
    let others = rows.iter().filter(|e: &&Entry| e.sender.user != *user).count() as u64;
    let beyond = rows.last().map_or(0, |last| member.last_sequence.0.saturating_sub(last.sequence.0));
    Ok(others + beyond)
}
