//! The write path: append by compare-and-swap on the tail, then the express lane.
//!
//! Three sequential trips before the answer: read (log tail, standing, recipients' sessions),
//! append, then stream and sockets together.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures_util::future::{Either, join, join_all, select, try_join3};
use thiserror::Error;
use tracing::{info, warn};

use crate::{
    conversation::Standing,
    ids::{ClientMsgId, ConversationId, MessageId, Sender, Sequence, UserId},
    limits::{APPEND_ATTEMPTS_MAX, DELIVERY_MS_MAX, KNOWN_TAILS_MAX, PULL_LIMIT_MAX, RESEND_ROWS_MAX, TAIL_ROWS},
    log::{Content, Entry, EventKind, Tail},
    notice::Notice,
    ports::{
        Append, Bus, Clock, Consistency, Conversations, Gateway, Log, Post, Sessions, Unavailable, live_sessions,
        settle_tail,
    },
    session::Session,
    stream::StreamRecord,
};

/// What the write path needs of the world.
#[derive(Clone, Copy)]
pub struct SendPorts<'a> {
    /// The log.
    pub log: &'a dyn Log,
    /// Members.
    pub conversations: &'a dyn Conversations,
    /// Live sockets.
    pub sessions: &'a dyn Sessions,
    /// The stream.
    pub bus: &'a dyn Bus,
    /// The sockets.
    pub gateway: &'a dyn Gateway,
    /// Time and chance.
    pub clock: &'a dyn Clock,
}

/// What a device wants to append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendRequest {
    /// The device, from the verified connection.
    pub sender: Sender,
    /// The conversation.
    pub conversation: ConversationId,
    /// The sender's name for it.
    pub client_msg_id: ClientMsgId,
    /// What sort of event.
    pub event: EventKind,
    /// The message that the event is about.
    pub target: Option<MessageId>,
    /// The content.
    pub content: Content,
    /// The MLS epoch that the content was made in, where it is encrypted.
    pub epoch: Option<u64>,
    /// For a marked resend, the last sequence that the device held at its first attempt.
    pub resend_after: Option<Sequence>,
    /// A sequence of the conversation that surely exists; zero if none is known.
    pub known: Sequence,
    /// Sockets that the express lane posts to at most.
    pub express_sockets_max: usize,
}

/// The last sequence that a function knows of in each of its latest conversations: the nearer the
/// tail a read starts, the fewer reads it takes. Never wrong, at worst old.
#[derive(Debug, Default)]
pub struct KnownTails(Mutex<HashMap<ConversationId, Sequence>>);

impl KnownTails {
    /// What is known of a conversation; zero where nothing is.
    pub fn get(&self, conversation: &ConversationId) -> Sequence {
        self.lock().get(conversation).copied().unwrap_or_default()
    }

    /// Keeps what was seen.
    pub fn note(&self, entry: &Entry) {
        let mut known = self.lock();
        // A function serves few conversations in its life; starting over is as good as choosing.
        if known.len() >= KNOWN_TAILS_MAX {
            known.clear();
        }
        let at = known.entry(entry.conversation.clone()).or_default();
        *at = entry.sequence.max(*at);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConversationId, Sequence>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An accepted message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The row in the log.
    pub entry: Entry,
    /// It had been accepted before.
    pub duplicate: bool,
    /// Races lost on the way.
    pub races_lost: u32,
}

/// Why a message was not accepted. Nothing has changed then, unless `Unavailable` says so.
#[derive(Debug, Error)]
pub enum SendError {
    /// The sender is not in the conversation.
    #[error("not a member of {0}")]
    NotAMember(ConversationId),
    /// The content was made in another MLS epoch.
    #[error("the epoch is {current}")]
    StaleEpoch {
        /// The epoch of the tail.
        current: u64,
    },
    /// `baseSequence` is not in the log.
    #[error("the conversation ends at {end}")]
    BaseBeyondEnd {
        /// The last sequence.
        end: Sequence,
    },
    /// Too many writers at once.
    #[error("lost {races_lost} races for the next sequence")]
    Contended {
        /// How many.
        races_lost: u32,
    },
    /// The world did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Appends a message, or finds it where it was appended before, and posts it to the live
/// sockets of a small conversation.
pub async fn send(ports: SendPorts<'_>, request: &SendRequest) -> Result<Sent, SendError> {
    let now = ports.clock.now();
    let recipients = express_recipients(request);
    let (tail, standing, sessions) = try_join3(
        ports.log.read_tail(&request.conversation, request.known, TAIL_ROWS),
        ports.conversations.standing(&request.conversation, &request.sender.user),
        live_sessions(ports.sessions, &recipients, now),
    )
    .await?;
    authorise(request, &standing)?;
    let known_now = standing.known_sequence();
    let tail = settle_tail(ports.log, &request.conversation, tail, request.known, known_now).await?;

    if let Some(entry) = find_earlier(ports, request, &tail, &standing).await? {
        return Ok(Sent { entry, duplicate: true, races_lost: 0 });
    }
    let sent = append(ports, request, tail, standing).await?;
    deliver(ports, request, &sent.entry, &sessions).await;
    Ok(sent)
}

/// The recipients whose sockets the express lane may post to. The sender's other devices are
/// left to the durable lane: their copy is not urgent and their look-up not free.
fn express_recipients(request: &SendRequest) -> Vec<UserId> {
    let members = request.conversation.direct_members().unwrap_or_default();
    members.into_iter().filter(|user| *user != request.sender.user).collect()
}

fn authorise(request: &SendRequest, standing: &Standing) -> Result<(), SendError> {
    match standing.visible_from(&request.conversation, &request.sender.user) {
        Some(_) => Ok(()),
        None => Err(SendError::NotAMember(request.conversation.clone())),
    }
}

/// Finds this message among the rows of the tail, those that the ring names, those that the ring
/// cannot name yet, and, for a marked resend, all rows since its first attempt.
async fn find_earlier(
    ports: SendPorts<'_>,
    request: &SendRequest,
    tail: &Tail,
    standing: &Standing,
) -> Result<Option<Entry>, SendError> {
    let id = MessageId::of(&request.conversation, &request.sender, &request.client_msg_id);
    if let Some(entry) = tail.find(id) {
        return Ok(Some(entry.clone()));
    }
    let oldest_read = tail.entries.first().map_or(Sequence::ZERO, |e| e.sequence);
    let ring = standing.member.as_ref().and_then(|m| m.rings.get(&request.sender.device));
    for sequence in ring.map(|r| r.candidates(id)).unwrap_or_default() {
        if sequence < oldest_read {
            let row = ports.log.read_one(&request.conversation, sequence, Consistency::Strong).await?;
            if let Some(entry) = row.filter(|e| e.message_id() == id) {
                return Ok(Some(entry));
            }
        }
    }
    if request.resend_after.is_some_and(|base| base > tail.sequence()) {
        return Err(SendError::BaseBeyondEnd { end: tail.sequence() });
    }
    let mut after = request.resend_after.unwrap_or_else(|| beyond_ring(standing, oldest_read));
    while after.next() < oldest_read {
        let rows = ports.log.read_after(&request.conversation, after, PULL_LIMIT_MAX, Consistency::Strong).await?;
        let Some(last) = rows.last() else { break };
        after = last.sequence;
        if let Some(entry) = rows.into_iter().find(|e| e.message_id() == id) {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

/// Where the durable lane, whose work the ring is, has got to. Nearly always that is within the
/// tail that was read, and nothing more is to be looked at.
fn beyond_ring(standing: &Standing, oldest_read: Sequence) -> Sequence {
    let far_enough = Sequence(oldest_read.0.saturating_sub(RESEND_ROWS_MAX));
    standing.known_sequence().max(far_enough)
}

/// Puts the row after the tail; having lost, reads on from the *first* tail, so that an own
/// earlier put whose answer was lost is always seen, and checks everything again.
async fn append(
    ports: SendPorts<'_>,
    request: &SendRequest,
    first_tail: Tail,
    mut standing: Standing,
) -> Result<Sent, SendError> {
    let id = MessageId::of(&request.conversation, &request.sender, &request.client_msg_id);
    let first_sequence = first_tail.sequence();
    let mut tail = first_tail;
    for races_lost in 0..APPEND_ATTEMPTS_MAX {
        standing = agree_on_members(ports, request, &tail, standing).await?;
        let state = tail.state();
        if request.epoch.is_some_and(|epoch| epoch != state.epoch) {
            return Err(SendError::StaleEpoch { current: state.epoch });
        }
        let entry = Entry {
            conversation: request.conversation.clone(),
            sequence: tail.sequence().next(),
            sender: request.sender.clone(),
            client_msg_id: request.client_msg_id.clone(),
            ts: ports.clock.now(),
            event: request.event,
            target: request.target,
            content: request.content.clone(),
            state,
        };
        let unanswered = match ports.log.append(&entry).await {
            Ok(Append::Done) => return Ok(Sent { entry, duplicate: false, races_lost }),
            Ok(Append::Taken) => None,
            Err(error) => Some(error),
        };
        if unanswered.is_none() {
            ports.clock.sleep_ms(ports.clock.random_below(backoff_ms(races_lost))).await;
        }
        let since = read_since(ports, &request.conversation, first_sequence).await?;
        // Found: a concurrent send of the same message, or our own put whose answer was lost.
        // They cannot be told apart, so the caller delivers it once more: harmless.
        if let Some(entry) = since.find(id) {
            return Ok(Sent { entry: entry.clone(), duplicate: true, races_lost });
        }
        if let Some(error) = unanswered {
            return Err(error.into());
        }
        if !since.entries.is_empty() {
            tail = since;
        }
    }
    Err(SendError::Contended { races_lost: APPEND_ATTEMPTS_MAX })
}

/// Full jitter under a bound that doubles, in milliseconds.
fn backoff_ms(races_lost: u32) -> u64 {
    (10 << races_lost.min(5)) + 1
}

/// A sender's member row counts only if the head is of the tail's membership version.
async fn agree_on_members(
    ports: SendPorts<'_>,
    request: &SendRequest,
    tail: &Tail,
    standing: Standing,
) -> Result<Standing, SendError> {
    if standing.membership_version == tail.state().membership_version {
        return Ok(standing);
    }
    let standing = ports.conversations.standing(&request.conversation, &request.sender.user).await?;
    authorise(request, &standing)?;
    Ok(standing)
}

/// Every row after a sequence, strongly consistent.
async fn read_since(ports: SendPorts<'_>, conversation: &ConversationId, after: Sequence) -> Result<Tail, Unavailable> {
    let mut tail = Tail::default();
    loop {
        let after = tail.entries.last().map_or(after, |e| e.sequence);
        let rows = ports.log.read_after(conversation, after, PULL_LIMIT_MAX, Consistency::Strong).await?;
        let done = rows.len() < PULL_LIMIT_MAX;
        tail.entries.extend(rows);
        if done {
            return Ok(tail);
        }
    }
}

/// Publishes the entry and posts it to the live sockets, together. Neither can fail the send:
/// the entry is in the log, and the repair lane publishes what was not.
async fn deliver(ports: SendPorts<'_>, request: &SendRequest, entry: &Entry, sessions: &[Session]) {
    let sessions = if sessions.len() <= request.express_sockets_max { sessions } else { &[] };
    let reached = sessions.iter().map(|s| s.owner.clone()).collect();
    let (published, missed) = join(publish(ports, entry, reached), express(ports, entry, sessions)).await;
    // The record said that these were reached; say that they were not.
    if published && !missed.is_empty() {
        let reached = sessions.iter().map(|s| s.owner.clone()).filter(|device| !missed.contains(device)).collect();
        publish(ports, entry, reached).await;
    }
}

async fn publish(ports: SendPorts<'_>, entry: &Entry, reached: Vec<Sender>) -> bool {
    let record = StreamRecord::Appended { entry: Box::new(entry.clone()), reached };
    let failure = match within(ports.clock, ports.bus.publish(&record)).await {
        Some(Ok(())) => return true,
        Some(Err(error)) => error.to_string(),
        None => "no answer in time".into(),
    };
    let (conversation, sequence) = (&entry.conversation, entry.sequence);
    warn!(error = failure, %conversation, %sequence, "not published; the repair lane will");
    false
}

/// Posts the entry to each session; returns the devices that could not be posted to in time.
async fn express(ports: SendPorts<'_>, entry: &Entry, sessions: &[Session]) -> BTreeSet<Sender> {
    let notice = Notice::Entry(Box::new(entry.clone()));
    let posts = sessions.iter().map(|session| {
        let post = Box::pin(post_or_remove(ports.sessions, ports.gateway, session, &notice));
        async move {
            let failure = match within(ports.clock, post).await {
                Some(Ok(_)) => return None,
                Some(Err(error)) => error.to_string(),
                None => "no answer in time".into(),
            };
            info!(error = failure, device = %session.owner.device, "express post left to the durable lane");
            Some(session.owner.clone())
        }
    });
    join_all(posts).await.into_iter().flatten().collect()
}

/// What comes within the time that an answer may wait for delivery.
async fn within<T>(clock: &dyn Clock, work: impl Future<Output = T> + Unpin) -> Option<T> {
    match select(work, clock.sleep_ms(DELIVERY_MS_MAX)).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}

/// Posts to a session; one whose socket is gone is removed, if it still names that socket.
pub(crate) async fn post_or_remove(
    sessions: &dyn Sessions,
    gateway: &dyn Gateway,
    session: &Session,
    notice: &Notice,
) -> Result<Post, Unavailable> {
    let post = gateway.post(session, notice).await?;
    if post == Post::Gone {
        sessions.remove(&session.owner, &session.connection).await?;
    }
    Ok(post)
}
