//! What a socket would have received, for a device that cannot have one: it asks, and asks again.
//!
//! Such a device has a session as any other, so that every lane finds it. What is posted to it is put into its inbox, and stays there
//! until the device says, with its next question, that it has it: an answer that gets lost is given once more.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use thiserror::Error;

use crate::{
    ids::{ConnectionId, ConversationId, FrameKey, Sender, Sequence, Timestamp},
    limits::{
        EVENTS_BEAT_MS, EVENTS_BYTES_MAX, EVENTS_PAGE_MAX, EVENTS_PAUSE_MS_MAX, EVENTS_PAUSE_MS_MIN,
        EVENTS_SESSION_SECONDS, EVENTS_WAIT_MS_MAX,
    },
    mailbox,
    notice::Notice,
    ports::{Devices, Gateway, Inboxes, Mailboxes, PortResult, Post, Refresh, Unavailable},
    session::{POLLED, Session},
    sessions::Socket,
    sync::{HelloRequest, ResumeTokens, SessionTerms, SyncError, SyncPorts, heartbeat, hello},
};

/// What asking for events needs of the world.
#[derive(Clone, Copy)]
pub struct EventsPorts<'a> {
    /// For catching up.
    pub sync: SyncPorts<'a>,
    /// When devices were last there.
    pub devices: &'a dyn Devices,
    /// The mailboxes of devices.
    pub mailboxes: &'a dyn Mailboxes,
    /// What was posted to devices that ask.
    pub inboxes: &'a dyn Inboxes,
}

/// A frame that waits in an inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its place, and its name.
    pub key: FrameKey,
    /// The frame, as a socket would have got it.
    pub text: Arc<str>,
}

/// Where a device goes on asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its session.
    pub connection: ConnectionId,
    /// When that began.
    pub connected_at: Timestamp,
    /// When the device was last told of what was active, in case that something got lost.
    pub beat_at: Timestamp,
    /// What the last answer gave, which the device has by now.
    pub taken: Vec<FrameKey>,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It happened while the question was answered.
    Notice(Notice),
    /// All that was missed has been said.
    Complete {
        /// Conversations brought up to date.
        conversations: u64,
        /// For the next session.
        resume_token: String,
    },
    /// It waited in the inbox.
    Frame(Arc<str>),
}

/// What there is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Events {
    /// In order; none where nothing happened in time.
    pub events: Vec<Event>,
    /// For the next question.
    pub place: Place,
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum EventsError {
    /// The device has another session by now.
    #[error("this device has another session by now")]
    Replaced,
    /// The world did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<SyncError> for EventsError {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::SocketGone => Self::Replaced,
            SyncError::Unavailable(error) => Self::Unavailable(error),
        }
    }
}

/// Begins: registers a session in place of the device's earlier one, and answers what a hello brings.
pub async fn begin(
    ports: EventsPorts<'_>,
    tokens: &dyn ResumeTokens,
    terms: SessionTerms,
    owner: &Sender,
    request: &HelloRequest,
) -> Result<Events, EventsError> {
    let clock = ports.sync.clock;
    let now = clock.now();
    let place = Place {
        connection: ConnectionId::of_inbox(now, clock.random_below(u64::MAX)),
        connected_at: now,
        beat_at: now,
        taken: Vec::new(),
    };
    let socket = socket(owner, &place);
    let answer = Answer::of(&socket, ports.sync.gateway);
    let terms = polled(terms);
    let drained = hello(answer.instead(ports.sync), tokens, terms, &socket, request).await?;
    let session = socket.session(clock.now(), terms.session_ttl_seconds);
    mailbox::drain(ports.mailboxes, &answer, clock, &session).await?;
    let mut events = answer.into_events();
    events.push(Event::Complete { conversations: drained.conversations, resume_token: drained.resume_token });
    Ok(Events { events, place })
}

/// Goes on: what was posted since the last answer, at once, or as soon as there is something within `wait_ms`.
pub async fn next(
    ports: EventsPorts<'_>,
    terms: SessionTerms,
    owner: &Sender,
    mut place: Place,
    wait_ms: u64,
) -> Result<Events, EventsError> {
    let clock = ports.sync.clock;
    let deadline = clock.now().plus_ms(wait_ms.min(EVENTS_WAIT_MS_MAX));
    let socket = socket(owner, &place);
    let answer = Answer::of(&socket, ports.sync.gateway);
    keep(ports, terms, &socket, &mut place, &answer).await?;
    let session = socket.session(clock.now(), EVENTS_SESSION_SECONDS);
    ports.inboxes.remove(&session, &place.taken).await?;
    place.taken.clear();
    let mut events = answer.into_events();
    let mut pause_ms = EVENTS_PAUSE_MS_MIN;
    loop {
        let kept = ports.inboxes.page(&session, EVENTS_PAGE_MAX).await?;
        place.taken.extend(kept.iter().map(|frame| frame.key.clone()));
        events.extend(kept.into_iter().map(|frame| Event::Frame(frame.text)));
        let now = clock.now();
        if !events.is_empty() || now >= deadline {
            return Ok(Events { events, place });
        }
        clock.sleep_ms(pause_ms.min(deadline.ms_since(now))).await;
        pause_ms = (pause_ms * 2).min(EVENTS_PAUSE_MS_MAX);
    }
}

/// Prolongs the session; now and then as a heartbeat does, which makes up for what got lost.
async fn keep(
    ports: EventsPorts<'_>,
    terms: SessionTerms,
    socket: &Socket,
    place: &mut Place,
    answer: &Answer<'_>,
) -> Result<(), EventsError> {
    let now = ports.sync.clock.now();
    if now.ms_since(place.beat_at) < EVENTS_BEAT_MS {
        let session = socket.session(now, EVENTS_SESSION_SECONDS);
        let (owner, connection) = (&session.owner, &session.connection);
        match ports.sync.sessions.refresh(owner, connection, now, session.expires_at, true).await? {
            Refresh::Prolonged => return Ok(()),
            Refresh::Superseded => return Err(EventsError::Replaced),
            Refresh::Lost => {}
        }
    }
    heartbeat(answer.instead(ports.sync), ports.devices, polled(terms), socket, true).await?;
    place.beat_at = now;
    if answer.is_closed() { Err(EventsError::Replaced) } else { Ok(()) }
}

fn socket(owner: &Sender, place: &Place) -> Socket {
    Socket {
        owner: owner.clone(),
        connection: place.connection.clone(),
        endpoint: POLLED.into(),
        connected_at: place.connected_at,
    }
}

/// A device that asks says so often that it is there, and is gone soon after it stops.
fn polled(terms: SessionTerms) -> SessionTerms {
    SessionTerms { heartbeat_seconds: EVENTS_WAIT_MS_MAX / 1000, session_ttl_seconds: EVENTS_SESSION_SECONDS, ..terms }
}

/// Takes what is posted to the one who asks; everything else goes its way.
struct Answer<'a> {
    connection: &'a ConnectionId,
    others: &'a dyn Gateway,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    notices: Vec<Notice>,
    bytes: usize,
    /// Conversations of which no more had room: to be pulled up to there.
    cut: BTreeMap<ConversationId, Sequence>,
    is_closed: bool,
}

impl<'a> Answer<'a> {
    fn of(socket: &'a Socket, others: &'a dyn Gateway) -> Self {
        Self { connection: &socket.connection, others, taken: Mutex::default() }
    }

    fn instead<'b>(&'b self, ports: SyncPorts<'b>) -> SyncPorts<'b> {
        SyncPorts { gateway: self, ..ports }
    }

    fn take(&self, notice: &Notice) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Notice::Entry(entry) = notice {
            let is_cut = taken.cut.contains_key(&entry.conversation);
            taken.bytes += entry.weight_bytes();
            if is_cut || taken.bytes > EVENTS_BYTES_MAX {
                taken.cut.insert(entry.conversation.clone(), entry.sequence);
                return;
            }
        }
        taken.notices.push(notice.clone());
    }

    fn is_closed(&self) -> bool {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).is_closed
    }

    fn into_events(self) -> Vec<Event> {
        let taken = self.taken.into_inner().unwrap_or_else(PoisonError::into_inner);
        let cut = taken.cut.into_iter();
        let cut = cut.map(|(conversation, last_sequence)| Notice::Updated { conversation, last_sequence });
        taken.notices.into_iter().chain(cut).map(Event::Notice).collect()
    }
}

impl Gateway for Answer<'_> {
    fn post<'a>(&'a self, session: &'a Session, notice: &'a Notice) -> PortResult<'a, Post> {
        if session.connection != *self.connection {
            return self.others.post(session, notice);
        }
        self.take(notice);
        Box::pin(async { Ok(Post::Accepted) })
    }

    fn close<'a>(&'a self, session: &'a Session) -> PortResult<'a, ()> {
        if session.connection != *self.connection {
            return self.others.close(session);
        }
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).is_closed = true;
        Box::pin(async { Ok(()) })
    }
}
