//! The state machines put together: frames, commands and time in; frames and events out.
//!
//! Like its parts it has no input or output of its own, and no clock. The actor moves bytes.

mod commands;
mod frames;
mod listing;

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    time::Duration,
};

use rand::{Rng, rngs::SmallRng};
use serde::Serialize;
use tidings_protocol::{ClientFrame, Encoding, Heartbeat, Hello, MessageSent, PresenceUsers, Pull, Read, SessionReady};
use tokio::sync::oneshot;

pub(crate) use self::{
    commands::Command,
    listing::{List, ListRequest},
};
use self::{frames::Waiter, listing::Listing};
use crate::{
    error::SendError,
    event::Event,
    machine::{
        Moment, earliest,
        inbox::{Delivery, Inbox},
        outbox::{Outbox, OutboxConfig},
        receipts::{Mark, MarkKind, Receipts},
        requests::Requests,
    },
};

/// The service has this long to answer the hello.
const GREETING_MAX: Duration = Duration::from_secs(15);
/// `sync.complete` may be lost: so long after the last drained message, the drain is over.
const DRAIN_SILENCE_MAX: Duration = Duration::from_secs(15);
/// A heartbeat is said once a day at least, whatever the service asks for.
const HEARTBEAT_SECONDS_MAX: u64 = 24 * 3600;
/// Marks whose refusal can still be told apart.
const MARKS_REMEMBERED: usize = 64;
/// Room in a hello for all but the cursors.
const HELLO_RESERVE_BYTES: usize = 4 * 1024;
/// Users in one `presence.subscribe`.
pub(crate) const PRESENCE_USERS_MAX: usize = 200;

#[derive(Clone, Debug)]
pub(crate) struct EngineConfig {
    pub(crate) device: String,
    pub(crate) outbox: OutboxConfig,
    pub(crate) ack_delay: Duration,
    pub(crate) auto_ack: bool,
    pub(crate) request_timeout: Duration,
    pub(crate) cursors: Vec<(String, u64)>,
    /// Whether the list of conversations can be asked for.
    pub(crate) lists: bool,
}

/// How far the connection is.
#[derive(Debug, PartialEq)]
enum Phase {
    Offline,
    /// The hello was sent; answered by then, or the connection is dead.
    Greeting(Moment),
    /// The service says what was missed; over by then, whether it says so or not.
    Draining(Moment),
    Live,
}

/// Whether the connection may live on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Fine,
    /// The service does not answer.
    Dead,
}

pub(crate) struct Engine {
    config: EngineConfig,
    rng: SmallRng,
    phase: Phase,
    session: Option<SessionReady>,
    resume_token: Option<String>,
    inbox: Inbox,
    outbox: Outbox,
    receipts: Receipts,
    requests: Requests<Waiter>,
    listing: Listing,
    sends: HashMap<String, oneshot::Sender<Result<MessageSent, SendError>>>,
    marks_sent: VecDeque<(String, Mark)>,
    marks_count: u64,
    watched: BTreeSet<String>,
    active: bool,
    heartbeat_due: Option<Moment>,
    dead: bool,
    frames: VecDeque<String>,
    events: VecDeque<Event>,
}

impl Engine {
    pub(crate) fn new(config: EngineConfig, rng: SmallRng) -> Self {
        Self {
            rng,
            phase: Phase::Offline,
            session: None,
            resume_token: None,
            inbox: Inbox::new(config.cursors.iter().cloned()),
            outbox: Outbox::new(config.outbox.clone()),
            receipts: Receipts::new(config.ack_delay, config.auto_ack),
            requests: Requests::new(config.request_timeout),
            listing: Listing::new(config.lists),
            sends: HashMap::new(),
            marks_sent: VecDeque::new(),
            marks_count: 0,
            watched: BTreeSet::new(),
            active: true,
            heartbeat_due: None,
            dead: false,
            frames: VecDeque::new(),
            events: VecDeque::new(),
            config,
        }
    }

    /// The socket is open: says hello.
    pub(crate) fn opened(&mut self, now: Moment) {
        let (cursors, all) = self.inbox.cursors(tidings_protocol::FRAME_BYTES_MAX - HELLO_RESERVE_BYTES);
        if !all {
            // The rest starts at the user's mark, which another device may have moved.
            self.listing.want(now);
        }
        self.phase = Phase::Greeting(now + GREETING_MAX);
        self.dead = false;
        self.events.push_back(Event::Connected);
        let hello = Hello { resume_token: self.resume_token.clone(), cursors };
        self.write(&ClientFrame::Hello(hello), Some("hello"));
    }

    /// The connection is gone.
    pub(crate) fn lost(&mut self, now: Moment) {
        self.phase = Phase::Offline;
        self.frames.clear();
        self.heartbeat_due = None;
        self.outbox.disconnected();
        self.inbox.disconnected(now);
        self.receipts.disconnected(now);
        self.marks_sent.clear();
        for waiter in self.requests.drain() {
            waiter.not_connected();
        }
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, now: Moment) -> Verdict {
        for waiter in self.requests.expired(now) {
            self.expired(waiter, now);
        }
        match self.phase {
            Phase::Offline => return Verdict::Fine,
            Phase::Greeting(by) if by <= now => return Verdict::Dead,
            Phase::Greeting(_) => return if self.dead { Verdict::Dead } else { Verdict::Fine },
            Phase::Draining(by) if by <= now => {
                tracing::warn!("the service did not say that the drain is over");
                self.drained(now);
            }
            Phase::Draining(_) | Phase::Live => {}
        }
        if self.heartbeat_due.is_some_and(|at| at <= now) {
            self.heartbeat(now);
        }
        self.place_without_list(now);
        for (conversation, since) in self.inbox.pulls(now) {
            let id = self.requests.open(Waiter::Gap { conversation: conversation.clone(), since }, now);
            let pull = Pull { conversation_id: conversation, since, limit: None, encoding: self.encoding() };
            self.write(&ClientFrame::Pull(pull), Some(&id));
        }
        self.send_marks(now);
        self.send_messages(now);
        if self.dead { Verdict::Dead } else { Verdict::Fine }
    }

    /// When to tick again, if nothing else happens before.
    pub(crate) fn wake(&self) -> Option<Moment> {
        let phase = match self.phase {
            Phase::Offline => return self.listing.wake(),
            Phase::Greeting(by) => return earliest(Some(by), self.listing.wake()),
            Phase::Draining(by) => Some(by),
            Phase::Live => None,
        };
        // A first attempt names the last sequence held, so it waits until the places are known.
        let sends = self.outbox.wake().and_then(|at| Some(at.max(self.listing.settled_at()?)));
        [sends, self.inbox.wake(), self.receipts.wake(), self.requests.wake(), self.heartbeat_due, self.listing.wake()]
            .into_iter()
            .fold(phase, earliest)
    }

    /// The next frame to write.
    pub(crate) fn next_frame(&mut self) -> Option<String> {
        self.frames.pop_front()
    }

    /// The next event for the application.
    pub(crate) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(crate) fn events_waiting(&self) -> usize {
        self.events.len()
    }

    pub(crate) fn push_event(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// A number between 0 and 1.
    pub(crate) fn chance(&mut self) -> f64 {
        self.rng.random()
    }

    /// The session, once the service has answered the hello of this connection.
    pub(crate) fn session(&self) -> Option<&SessionReady> {
        match self.phase {
            Phase::Draining(_) | Phase::Live => self.session.as_ref(),
            Phase::Offline | Phase::Greeting(_) => None,
        }
    }

    /// Whether a connection can be renewed without making an answer uncertain.
    pub(crate) fn is_idle(&self) -> bool {
        !self.outbox.is_in_flight() && self.requests.wake().is_none() && self.phase == Phase::Live
    }

    /// Writes the marks that wait, at once: the client closes.
    pub(crate) fn flush(&mut self) {
        if self.session().is_some() {
            self.send_marks(Moment::MAX);
        }
    }

    /// Gives up all that is queued.
    pub(crate) fn stop(&mut self) {
        for send in self.outbox.drain() {
            self.fail(&send.conversation_id, send.client_msg_id, SendError::Stopped);
        }
        for waiter in self.requests.drain() {
            waiter.stopped();
        }
    }

    fn send_messages(&mut self, now: Moment) {
        if self.listing.settled_at().is_none_or(|at| at > now) {
            return;
        }
        let inbox = &self.inbox;
        while let Some(send) = self.outbox.next(now, |conversation| Some(inbox.held(conversation).unwrap_or(0))) {
            let id = send.client_msg_id.clone();
            let text = text_of(&ClientFrame::Send(Box::new(send)), Some(&id));
            self.frames.push_back(text);
        }
    }

    fn send_marks(&mut self, now: Moment) {
        for mark in self.receipts.take(now) {
            self.marks_count += 1;
            let id = format!("m{}", self.marks_count);
            let conversation_id = mark.conversation.clone();
            let frame = match mark.kind {
                MarkKind::Ack => ClientFrame::Ack(tidings_protocol::Ack { conversation_id, up_to: mark.up_to }),
                MarkKind::Read => {
                    ClientFrame::Read(Read { conversation_id, up_to: Some(mark.up_to), message_id: None })
                }
            };
            self.write(&frame, Some(&id));
            if self.marks_sent.len() == MARKS_REMEMBERED {
                self.marks_sent.pop_front();
            }
            self.marks_sent.push_back((id, mark));
        }
    }

    fn heartbeat(&mut self, now: Moment) {
        let Some(session) = &self.session else { return };
        self.heartbeat_due = Some(now + heartbeat_interval(session));
        let id = self.requests.open(Waiter::Heartbeat, now);
        self.write(&ClientFrame::Heartbeat(Heartbeat { active: self.active }), Some(&id));
        self.listing.want(now);
    }

    fn watch_again(&mut self, now: Moment) {
        let users: Vec<String> = self.watched.iter().cloned().collect();
        for some in users.chunks(PRESENCE_USERS_MAX) {
            let id = self.requests.open(Waiter::Watch(None), now);
            self.write(
                &ClientFrame::Subscribe(PresenceUsers { user_ids: some.to_vec(), conversation_id: None }),
                Some(&id),
            );
        }
    }

    fn drained(&mut self, now: Moment) {
        self.phase = Phase::Live;
        self.inbox.drain_ends(now);
    }

    /// Hands messages over, and acknowledges them.
    fn deliver(&mut self, conversation: &str, delivery: Delivery, now: Moment) {
        let me = self.session.as_ref().map(|session| session.user_id.as_str());
        let foreign: Vec<u64> = delivery
            .messages
            .iter()
            .filter(|message| Some(message.sender_user_id.as_str()) != me)
            .map(|message| message.sequence)
            .collect();
        self.events.extend(delivery.messages.into_iter().map(|message| Event::Message(Box::new(message))));
        if let Some(held) = delivery.held {
            self.receipts.received(conversation, held, foreign, now);
        }
    }

    fn fail(&mut self, conversation: &str, client_msg_id: String, error: SendError) {
        if let Some(reply) = self.sends.remove(&client_msg_id) {
            // The caller may not wait for it.
            let _ = reply.send(Err(error.clone()));
        }
        self.events.push_back(Event::SendFailed { conversation_id: conversation.to_owned(), client_msg_id, error });
    }

    /// How pages may be compressed: as the service has said.
    fn encoding(&self) -> Option<Encoding> {
        self.session.as_ref()?.encodings.first().copied()
    }

    fn write(&mut self, frame: &ClientFrame, id: Option<&str>) {
        self.frames.push_back(text_of(frame, id));
    }
}

/// How often the service wants to hear that one is there.
fn heartbeat_interval(session: &SessionReady) -> Duration {
    Duration::from_secs(session.heartbeat_seconds.clamp(1, HEARTBEAT_SECONDS_MAX))
}

/// The text of a frame with its `id`.
fn text_of(frame: &ClientFrame, id: Option<&str>) -> String {
    #[derive(Serialize)]
    struct WithId<'a> {
        #[serde(flatten)]
        frame: &'a ClientFrame,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
    }
    // Strings, numbers and checked JSON always serialise.
    serde_json::to_string(&WithId { frame, id }).unwrap_or_default()
}

#[cfg(test)]
mod tests;
