//! What is asked of the write path, and what becomes of it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use thiserror::Error;

use super::AnswerTo;
use crate::{
    group::Rule,
    ids::{ClientMsgId, ConversationId, MessageId, Sender, Sequence, Timestamp, UserId},
    keys::Difference,
    limits::{KNOWN_TAILS_MAX, MEDIA_REFERENCES_MAX},
    log::{Content, ConversationState, Entry, EventKind, Target},
    media::Reason,
    ports::Unavailable,
    rate::{LimitError, RateLimited},
};

/// What a device wants to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The device, from the verified connection.
    pub sender: Sender,
    /// The conversation.
    pub conversation: ConversationId,
    /// The sender's name for it.
    pub client_msg_id: ClientMsgId,
    /// What sort of event.
    pub event: EventKind,
    /// The message that the event is about, as [`send_about`](super::send_about) has found it.
    pub target: Option<Target>,
    /// The content.
    pub content: Content,
    /// The MLS epoch that the content was made in, where it is encrypted.
    pub epoch: Option<u64>,
}

impl Draft {
    /// The service's name for the message.
    pub fn message_id(&self) -> MessageId {
        MessageId::of(&self.conversation, &self.sender, &self.client_msg_id)
    }

    /// Whether an entry is this message. Equal names make equal ids, and are compared for the price of
    /// their texts; an id has to be hashed for each entry that is looked at.
    pub fn is(&self, entry: &Entry) -> bool {
        self.client_msg_id == entry.client_msg_id
            && self.sender == entry.sender
            && self.conversation == entry.conversation
    }

    /// The entry that it becomes at a place in the log, after a tail of this state: a commit begins the next epoch.
    pub fn entry_at(&self, sequence: Sequence, ts: Timestamp, before: ConversationState) -> Entry {
        let is_commit = self.event == EventKind::Commit;
        let state = ConversationState { epoch: before.epoch.saturating_add(u64::from(is_commit)), ..before };
        Entry {
            conversation: self.conversation.clone(),
            sequence,
            sender: self.sender.clone(),
            client_msg_id: self.client_msg_id.clone(),
            ts,
            event: self.event,
            target: self.target.clone(),
            content: self.content.clone(),
            membership: None,
            erased: None,
            state,
        }
    }
}

/// What a device wants to append, and how it asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendRequest {
    /// What it wants to say.
    pub draft: Draft,
    /// For whose devices the content was encrypted, by the versions of their sets that the sender knows.
    pub devices: BTreeMap<UserId, u64>,
    /// For a marked resend, the last sequence that the device held at its first attempt.
    pub resend_after: Option<Sequence>,
    /// Where the batch sequencer answers. Without a socket the sender waits.
    pub answer_to: Option<AnswerTo>,
}

/// The terms under which a function sends.
#[derive(Clone, Copy, Debug)]
pub struct SendTerms<'a> {
    /// What the function remembers of its conversations.
    pub known: &'a KnownTails,
    /// Sockets that the express lane posts to at most.
    pub express_sockets_max: usize,
    /// Races that a send may lose before the batch sequencer has it; zero: it never has.
    pub races_lost_max: u32,
}

/// What is known of a conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// A sequence that surely exists; zero if none is known.
    pub sequence: Sequence,
    /// Until then the batch sequencer appends.
    pub hot_until: Timestamp,
}

/// What a function remembers of its latest conversations. The nearer the tail a read starts, the
/// fewer reads it takes. Never wrong, at worst old.
#[derive(Debug, Default)]
pub struct KnownTails(Mutex<HashMap<ConversationId, Known>>);

impl KnownTails {
    /// What is known of a conversation.
    pub fn get(&self, conversation: &ConversationId) -> Known {
        self.lock().get(conversation).copied().unwrap_or_default()
    }

    /// Keeps what was seen.
    pub fn note(&self, conversation: &ConversationId, sequence: Sequence, hot_until: Timestamp) {
        let mut known = self.lock();
        // A function serves few conversations in its life; starting over is as good as choosing.
        if known.len() >= KNOWN_TAILS_MAX {
            known.clear();
        }
        let at = known.entry(conversation.clone()).or_default();
        at.sequence = sequence.max(at.sequence);
        at.hot_until = hot_until;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConversationId, Known>> {
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

impl From<Sent> for Outcome {
    fn from(sent: Sent) -> Self {
        Self::Sent(Box::new(sent))
    }
}

/// What became of a send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the log.
    Sent(Box<Sent>),
    /// The batch sequencer has it, and will answer.
    Queued,
}

/// Why a conversation does not take a message. Nothing has changed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// The sender is not in the conversation.
    #[error("not a member of {0}")]
    NotAMember(ConversationId),
    /// The content was made in another MLS epoch.
    #[error("the epoch is {current}")]
    StaleEpoch {
        /// The epoch of the tail.
        current: u64,
    },
    /// The content was encrypted for other devices than there are.
    #[error("the devices are others by now")]
    StaleDevices(Box<BTreeMap<UserId, Difference>>),
    /// Of those whom a commit welcomes, this user is not in the conversation.
    #[error("{0} is not a member")]
    WelcomesStranger(UserId),
    /// The sender has blocked the other.
    #[error("you have blocked this user")]
    Blocked,
    /// A rule of the group forbids it.
    #[error(transparent)]
    Forbidden(#[from] Rule),
    /// The group is in slow mode, and the sender's last message too young.
    #[error("the group is in slow mode")]
    SlowMode {
        /// When the sender may come back, in milliseconds.
        retry_after_ms: u64,
    },
    /// There is no such message, or not any more.
    #[error("there is no message {0}")]
    NoSuchMessage(MessageId),
    /// There is no such media in the conversation.
    #[error("there is no such media in this conversation")]
    NoSuchMedia,
    /// The media is not uploaded, or was not looked at yet.
    #[error("the media is not ready")]
    MediaNotReady,
    /// The media was refused.
    #[error("the media was refused: {0}")]
    MediaRefused(Reason),
    /// Too many messages refer to the media.
    #[error("at most {MEDIA_REFERENCES_MAX} messages refer to the same media")]
    MediaFull,
    /// `baseSequence` is not in the log.
    #[error("the conversation ends at {end}")]
    BaseBeyondEnd {
        /// The last sequence.
        end: Sequence,
    },
}

impl From<LimitError> for SendError {
    fn from(error: LimitError) -> Self {
        match error {
            LimitError::Limited(limited) => limited.into(),
            LimitError::Unavailable(error) => error.into(),
        }
    }
}

/// Why a message was not accepted. Nothing has changed then, unless `Unavailable` says so.
#[derive(Debug, Error)]
pub enum SendError {
    /// The conversation does not take it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too many writers at once.
    #[error("lost {races_lost} races for the next sequence")]
    Contended {
        /// How many.
        races_lost: u32,
    },
    /// The sender has written to too many strangers.
    #[error(transparent)]
    Limited(#[from] RateLimited),
    /// The batch sequencer has it and has not come to it in time.
    #[error("still queued")]
    Queued,
    /// The world did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}
