//! Reading what is known of single messages: for members, of what they may see.

use thiserror::Error;

use crate::{
    annotations::{Annotations, Opening, Pin, TallyKind, TallyPage, Thread},
    history::{ReadError, ReadPorts, visible_from},
    ids::{ConversationId, MessageId, Sender, Sequence, Timestamp, UserId},
    limits::{OPEN_AGAIN_MS, PINS_MAX, PULL_LIMIT_MAX, THREADS_PAGE_MAX, UNREAD_ROWS_MAX},
    log::{Entry, Erasure, EventKind},
    lookup::{entry_at, entry_called},
    personal::leave_out,
    ports::{Consistency, Log, Unavailable},
    send::TargetRef,
    timers::{Timer, Timers},
};

/// What reading about messages needs of the world.
#[derive(Clone, Copy)]
pub struct MessagePorts<'a> {
    /// The log, members and time.
    pub read: ReadPorts<'a>,
    /// Rows about single messages.
    pub annotations: &'a dyn Annotations,
    /// For content that has been opened.
    pub timers: &'a dyn Timers,
}

/// Why something about a message cannot be told.
#[derive(Debug, Error)]
pub enum MessageError {
    /// The user is not in the conversation, or the world did not answer.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is no such message that the user may see.
    #[error("there is no message {0}")]
    NoSuchMessage(MessageId),
    /// It is not one to be opened.
    #[error("the message is not one that is opened once")]
    NotViewOnce,
    /// The sender opens nothing.
    #[error("a message is opened by those who get it")]
    OwnMessage,
    /// It was opened before.
    #[error("the message was opened before")]
    Opened,
}

impl From<Unavailable> for MessageError {
    fn from(error: Unavailable) -> Self {
        Self::Read(error.into())
    }
}

/// A message that a user may see, as it is now.
pub async fn message(
    ports: ReadPorts<'_>,
    user: &UserId,
    conversation: &ConversationId,
    about: TargetRef,
) -> Result<Entry, MessageError> {
    let visible_from = visible_from(ports.conversations, user, conversation).await?;
    let found = find(ports.log, conversation, about).await?;
    let entry =
        found.filter(|entry| entry.sequence >= visible_from && entry.event == EventKind::Message && entry.is_for(user));
    let shown = leave_out(ports.personal, user, conversation, entry.into_iter().collect()).await?;
    shown.into_iter().next().ok_or(MessageError::NoSuchMessage(about.message))
}

/// The entry of a message that a client names.
pub(crate) async fn find(
    log: &dyn Log,
    conversation: &ConversationId,
    about: TargetRef,
) -> Result<Option<Entry>, Unavailable> {
    let found = match about.sequence {
        Some(sequence) => entry_at(log, conversation, sequence).await?,
        None => entry_called(log, conversation, about.message).await?,
    };
    Ok(found.filter(|entry| entry.message_id() == about.message))
}

/// Entries that do not follow one another: a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacesPage {
    places: Vec<Sequence>,
    /// The entries, oldest first, as far as the user sees them.
    pub entries: Vec<Entry>,
    /// Where the next page starts.
    pub next: Sequence,
    /// Whether there is more now.
    pub has_more: bool,
}

impl PlacesPage {
    /// Of places that were read with one more than the page may have; its entries are to be read.
    fn of(mut places: Vec<Sequence>, after: Sequence, limit: usize) -> Self {
        let has_more = places.len() > limit;
        places.truncate(limit);
        let next = places.last().copied().unwrap_or(after);
        Self { places, entries: Vec::new(), next, has_more }
    }
}

/// Reactions or votes: how many, and whose.
pub async fn tallies(
    ports: MessagePorts<'_>,
    user: &UserId,
    conversation: &ConversationId,
    about: TargetRef,
    kind: TallyKind,
    after: Option<&UserId>,
    limit: usize,
) -> Result<TallyPage, MessageError> {
    let entry = message(ports.read, user, conversation, about).await?;
    if entry.erased == Some(Erasure::Deleted) {
        return Ok(TallyPage::default());
    }
    Ok(ports.annotations.tallies(about.message, kind, after, limit).await?)
}

/// The edits of a message after a place, oldest first, with the content that each brought.
pub async fn edits(
    ports: MessagePorts<'_>,
    user: &UserId,
    conversation: &ConversationId,
    about: TargetRef,
    after: Sequence,
    limit: usize,
) -> Result<PlacesPage, MessageError> {
    message(ports.read, user, conversation, about).await?;
    let places = ports.annotations.edits(about.message, after, limit + 1).await?;
    let mut page = PlacesPage::of(places, after, limit);
    page.entries = entries_at(ports.read, conversation, &page.places).await?;
    Ok(page)
}

/// The pinned messages, the last pinned first, as far as the user may see them.
pub async fn pins(
    ports: MessagePorts<'_>,
    user: &UserId,
    conversation: &ConversationId,
) -> Result<Vec<Pin>, MessageError> {
    let visible_from = visible_from(ports.read.conversations, user, conversation).await?;
    let mut pins = ports.annotations.pins(conversation, PINS_MAX).await?;
    pins.retain(|pin| pin.sequence >= visible_from);
    Ok(pins)
}

/// A thread, and how much of it a user has not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadSummary {
    /// The thread.
    pub thread: Thread,
    /// Replies after the user's mark: exact up to 100.
    pub unread: usize,
}

/// Threads by their last reply, latest first, as far as they have replies that the user may see.
pub async fn threads(
    ports: MessagePorts<'_>,
    user: &UserId,
    conversation: &ConversationId,
    before: Option<Timestamp>,
    limit: usize,
) -> Result<(Vec<ThreadSummary>, Option<Timestamp>), MessageError> {
    let visible_from = visible_from(ports.read.conversations, user, conversation).await?;
    let limit = limit.clamp(1, THREADS_PAGE_MAX);
    let threads = ports.annotations.threads(conversation, before, limit).await?;
    let next = threads.last().filter(|_| threads.len() == limit).map(|thread| thread.last_ts);
    let seen = threads.into_iter().filter(|thread| thread.last_sequence >= visible_from);
    let summaries = seen.map(|thread| async move {
        let mark = ports.annotations.thread_mark(conversation, thread.root, user).await?.max(visible_from.previous());
        let unread = ports.annotations.replies(conversation, thread.root, mark, UNREAD_ROWS_MAX).await?.len();
        Ok::<_, Unavailable>(ThreadSummary { thread, unread })
    });
    Ok((futures_util::future::try_join_all(summaries).await?, next))
}

/// The replies of a thread after a place, oldest first.
pub async fn thread(
    ports: MessagePorts<'_>,
    user: &UserId,
    conversation: &ConversationId,
    root: MessageId,
    after: Sequence,
    limit: usize,
) -> Result<PlacesPage, MessageError> {
    let visible_from = visible_from(ports.read.conversations, user, conversation).await?;
    let after = after.max(visible_from.previous());
    let places = ports.annotations.replies(conversation, root, after, limit + 1).await?;
    let mut page = PlacesPage::of(places, after, limit);
    let entries = entries_at(ports.read, conversation, &page.places).await?;
    page.entries = leave_out(ports.read.personal, user, conversation, entries).await?;
    Ok(page)
}

/// Notes up to where a user has read a thread.
pub async fn read_thread(
    ports: MessagePorts<'_>,
    user: &UserId,
    conversation: &ConversationId,
    root: MessageId,
    up_to: Sequence,
) -> Result<(), MessageError> {
    let visible_from = visible_from(ports.read.conversations, user, conversation).await?;
    let reply = entry_at(ports.read.log, conversation, up_to).await?;
    let is_reply = |entry: &Entry| entry.sequence >= visible_from && entry.content.thread_root == Some(root);
    if !reply.as_ref().is_some_and(is_reply) {
        return Err(MessageError::NoSuchMessage(root));
    }
    Ok(ports.annotations.raise_thread_mark(conversation, root, user, up_to).await?)
}

/// Opens a message that is opened once: its entry, whole. Once all have opened it, its content goes.
pub async fn open(
    ports: MessagePorts<'_>,
    by: &Sender,
    conversation: &ConversationId,
    about: TargetRef,
) -> Result<Entry, MessageError> {
    let entry = message(ports.read, &by.user, conversation, about).await?;
    let now = ports.read.clock.now();
    if !entry.content.is_view_once {
        return Err(MessageError::NotViewOnce);
    }
    if entry.sender.user == by.user {
        return Err(MessageError::OwnMessage);
    }
    if entry.erased.is_some() || entry.is_expired(now) {
        return Err(MessageError::NoSuchMessage(about.message));
    }
    let standing = ports.read.conversations.standing(conversation, &by.user).await?;
    let Opening::Open { users } = ports.annotations.open(about.message, by, now).await? else {
        return Err(MessageError::Opened);
    };
    let readers = standing.group.map_or(1, |group| group.member_count.saturating_sub(1));
    if users >= readers {
        // Not at once: an answer may be lost, and be asked for again.
        let (due, sequence) = (now.plus_ms(OPEN_AGAIN_MS), entry.sequence);
        ports.timers.set(&Timer { due, conversation: conversation.clone(), sequence, why: Erasure::Viewed }).await?;
    }
    Ok(entry)
}

async fn entries_at(
    ports: ReadPorts<'_>,
    conversation: &ConversationId,
    places: &[Sequence],
) -> Result<Vec<Entry>, Unavailable> {
    debug_assert!(places.len() <= PULL_LIMIT_MAX);
    let reads = places.iter().map(|at| ports.log.read_one(conversation, *at, Consistency::Strong));
    let entries = futures_util::future::try_join_all(reads).await?;
    let now = ports.clock.now();
    Ok(entries.into_iter().flatten().map(|entry| entry.as_read_at(now)).collect())
}
