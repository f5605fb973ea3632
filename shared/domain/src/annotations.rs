//! What the log says about single messages, kept so that it can be read without reading the log:
//! edits, reactions, votes, pins, threads, and who has opened what is opened once.
//!
//! The log is the truth; these rows are made from it by the projector, and may be made again.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    ids::{ConversationId, MessageId, Sender, Sequence, Timestamp, UserId},
    log::Erasure,
    ports::PortResult,
};

/// What is counted of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TallyKind {
    /// Reactions, one of each user.
    Reactions,
    /// Votes in a poll.
    Votes,
}

/// What one user has said last of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ballot {
    /// The message.
    pub message: MessageId,
    /// A reaction or a vote.
    pub kind: TallyKind,
    /// Whose.
    pub user: UserId,
    /// The choices; none where it was taken back.
    pub choices: Vec<Arc<str>>,
    /// The place of the event: the latest counts.
    pub at: Sequence,
}

/// What users have said of a message: a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TallyPage {
    /// How many users chose what; of all users.
    pub counts: BTreeMap<Arc<str>, u64>,
    /// Who chose what, by name, of those who chose something.
    pub by_user: Vec<(UserId, Vec<Arc<str>>)>,
    /// The last user that was looked at, where there are more.
    pub next: Option<UserId>,
}

/// A pinned message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The message.
    pub message: MessageId,
    /// Its place.
    pub sequence: Sequence,
    /// Who pinned it.
    pub by: UserId,
    /// When.
    pub ts: Timestamp,
}

/// A message, and what was said in reply to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// The message.
    pub root: MessageId,
    /// How many replies.
    pub replies: u64,
    /// The place of the last of them.
    pub last_sequence: Sequence,
    /// Its time.
    pub last_ts: Timestamp,
}

/// What became of an attempt to open a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// It is open: for the first time, or again on the same device within a minute.
    Open {
        /// Users who have opened it.
        users: u64,
    },
    /// The user had opened it before.
    Before,
}

/// Rows about single messages.
pub trait Annotations: Send + Sync {
    /// Notes an edit of a message, then tells whether the message is deleted.
    fn note_edit(&self, message: MessageId, edit: Sequence) -> PortResult<'_, bool>;

    /// Notes that a message is deleted, then tells the edits that are noted.
    fn note_deletion(&self, message: MessageId) -> PortResult<'_, Vec<Sequence>>;

    /// Up to `limit` edits of a message after a place, oldest first.
    fn edits(&self, message: MessageId, after: Sequence, limit: usize) -> PortResult<'_, Vec<Sequence>>;

    /// Counts what a user says, in place of what they said before; what is older than that is left out.
    fn tally<'a>(&'a self, ballot: &'a Ballot) -> PortResult<'a, ()>;

    /// What users have said of a message, by name, after one of them.
    fn tallies<'a>(
        &'a self,
        message: MessageId,
        kind: TallyKind,
        after: Option<&'a UserId>,
        limit: usize,
    ) -> PortResult<'a, TallyPage>;

    /// Pins a message, or unpins it, unless a later event has said something else.
    fn note_pin<'a>(
        &'a self,
        conversation: &'a ConversationId,
        pin: &'a Pin,
        is_pinned: bool,
        at: Sequence,
    ) -> PortResult<'a, ()>;

    /// Up to `limit` pinned messages, the last pinned first.
    fn pins<'a>(&'a self, conversation: &'a ConversationId, limit: usize) -> PortResult<'a, Vec<Pin>>;

    /// Counts a reply once.
    fn note_reply<'a>(
        &'a self,
        conversation: &'a ConversationId,
        root: MessageId,
        reply: Sequence,
        ts: Timestamp,
    ) -> PortResult<'a, ()>;

    /// Up to `limit` threads by their last reply, latest first, from before a moment on.
    fn threads<'a>(
        &'a self,
        conversation: &'a ConversationId,
        before: Option<Timestamp>,
        limit: usize,
    ) -> PortResult<'a, Vec<Thread>>;

    /// Up to `limit` replies after a place, oldest first.
    fn replies<'a>(
        &'a self,
        conversation: &'a ConversationId,
        root: MessageId,
        after: Sequence,
        limit: usize,
    ) -> PortResult<'a, Vec<Sequence>>;

    /// Up to where a user has read a thread; zero: nothing of it.
    fn thread_mark<'a>(
        &'a self,
        conversation: &'a ConversationId,
        root: MessageId,
        user: &'a UserId,
    ) -> PortResult<'a, Sequence>;

    /// Raises that mark.
    fn raise_thread_mark<'a>(
        &'a self,
        conversation: &'a ConversationId,
        root: MessageId,
        user: &'a UserId,
        up_to: Sequence,
    ) -> PortResult<'a, ()>;

    /// Opens a message for a user, once.
    fn open<'a>(&'a self, message: MessageId, by: &'a Sender, now: Timestamp) -> PortResult<'a, Opening>;
}

/// The content of log rows, to take away.
pub trait Eraser: Send + Sync {
    /// Takes the content of an entry away, and says why. May be repeated; the first reason stays.
    fn erase<'a>(&'a self, conversation: &'a ConversationId, at: Sequence, why: Erasure) -> PortResult<'a, ()>;
}
