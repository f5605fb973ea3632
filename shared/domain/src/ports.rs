//! What the core asks of the world. Ports are shaped by use case, so that a conditional write
//! stays inside its adapter. All are object safe: one copy of each use case is compiled.

use std::{error::Error, future::Future, pin::Pin};

use thiserror::Error;

use crate::{
    conversation::{Advance, Member, Standing, Watermark},
    ids::{ConnectionId, ConversationId, Sender, Sequence, Timestamp, UserId},
    limits::TAIL_ROWS,
    log::{Entry, Tail, partition_end},
    notice::Notice,
    session::{Device, Grant, Session},
    stream::StreamRecord,
};

/// A future that a port returns.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The world did not answer, after the adapter's own bounded retries. What was asked may or
/// may not have happened.
#[derive(Debug, Error)]
#[error("{operation} failed")]
pub struct Unavailable {
    /// What was asked, for example `append to the log`.
    pub operation: &'static str,
    /// Why.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

/// What a port answers.
pub type PortResult<'a, T> = BoxFuture<'a, Result<T, Unavailable>>;

/// How fresh a read must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consistency {
    /// May lag, at half the price.
    Eventual,
    /// Sees every write that was acknowledged before.
    Strong,
}

/// What became of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Append {
    /// The row is there.
    Done,
    /// Another row stands at that sequence.
    Taken,
}

/// The log of messages.
pub trait Log: Send + Sync {
    /// The last `rows` rows, strongly consistent, found from `known` on: any sequence that surely
    /// exists. Zero, where none is known, looks at the first partition alone; see [`settle_tail`].
    fn read_tail<'a>(&'a self, conversation: &'a ConversationId, known: Sequence, rows: usize) -> PortResult<'a, Tail>;

    /// Up to `limit` rows after a sequence, oldest first; fewer come only at the tail.
    fn read_after<'a>(
        &'a self,
        conversation: &'a ConversationId,
        after: Sequence,
        limit: usize,
        consistency: Consistency,
    ) -> PortResult<'a, Vec<Entry>>;

    /// Up to `limit` rows before a sequence, the nearest ones, oldest first; eventually consistent.
    fn read_before<'a>(
        &'a self,
        conversation: &'a ConversationId,
        before: Sequence,
        limit: usize,
    ) -> PortResult<'a, Vec<Entry>>;

    /// One row.
    fn read_one<'a>(
        &'a self,
        conversation: &'a ConversationId,
        sequence: Sequence,
        consistency: Consistency,
    ) -> PortResult<'a, Option<Entry>>;

    /// Puts the row at its sequence if nothing stands there: the compare-and-swap on the tail.
    fn append<'a>(&'a self, entry: &'a Entry) -> PortResult<'a, Append>;
}

/// Conversations and their members.
pub trait Conversations: Send + Sync {
    /// Head and the sender's member row, strongly consistent, in one read.
    fn standing<'a>(&'a self, conversation: &'a ConversationId, user: &'a UserId) -> PortResult<'a, Standing>;

    /// All member rows that exist; eventually consistent.
    fn members<'a>(&'a self, conversation: &'a ConversationId) -> PortResult<'a, Vec<Member>>;

    /// One user's member rows in these conversations, as far as they exist; strongly consistent.
    fn memberships<'a>(
        &'a self,
        user: &'a UserId,
        conversations: &'a [ConversationId],
    ) -> PortResult<'a, Vec<(ConversationId, Member)>>;

    /// Conversations of a user by last activity, latest first: those active in `since` or later,
    /// from after `from` on.
    fn by_activity<'a>(
        &'a self,
        user: &'a UserId,
        since: Timestamp,
        from: Option<&'a ActivityKey>,
        limit: usize,
    ) -> PortResult<'a, ActivityPage>;

    /// Moves a member row to new entries of the log; makes the row of a direct conversation if
    /// it is not there. May be repeated and come in any order.
    fn advance<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        advance: &'a Advance,
    ) -> PortResult<'a, ()>;

    /// Raises a watermark; false where it was as high before.
    fn raise<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        mark: Watermark,
        up_to: Sequence,
        now: Timestamp,
    ) -> PortResult<'a, bool>;
}

/// A place in a user's conversations by activity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivityKey {
    /// The start of the hour of the last activity.
    pub bucket: Timestamp,
    /// The conversation.
    pub conversation: ConversationId,
}

/// A page of a user's conversations by activity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActivityPage {
    /// The conversations, latest first.
    pub keys: Vec<ActivityKey>,
    /// Where the next page starts; none at the end.
    pub next: Option<ActivityKey>,
}

/// What became of a session that was to be prolonged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// It goes on.
    Prolonged,
    /// There is none, or its time has passed.
    Lost,
    /// The device has a later socket.
    Superseded,
}

/// Live sockets.
pub trait Sessions: Send + Sync {
    /// Registers a session in place of the device's earlier one, which is returned.
    fn put<'a>(&'a self, session: &'a Session) -> PortResult<'a, Option<Session>>;

    /// The user's sessions, those included whose time has passed.
    fn of_user<'a>(&'a self, user: &'a UserId) -> PortResult<'a, Vec<Session>>;

    /// Prolongs a session if it is still this connection's and has not expired.
    fn refresh<'a>(
        &'a self,
        sender: &'a Sender,
        connection: &'a ConnectionId,
        now: Timestamp,
        expires_at: Timestamp,
        active: bool,
    ) -> PortResult<'a, Refresh>;

    /// Removes the device's session if it is still this connection's.
    fn remove<'a>(&'a self, sender: &'a Sender, connection: &'a ConnectionId) -> PortResult<'a, ()>;
}

/// Devices, known since their first connection.
pub trait Devices: Send + Sync {
    /// Notes that the device is there now, and makes it known.
    fn touch<'a>(&'a self, device: &'a Sender, now: Timestamp) -> PortResult<'a, ()>;

    /// The device, if it is known.
    fn find<'a>(&'a self, device: &'a Sender) -> PortResult<'a, Option<Device>>;

    /// All devices of a user.
    fn of_user<'a>(&'a self, user: &'a UserId) -> PortResult<'a, Vec<Device>>;
}

/// Connect tickets, held by the hash of their secret.
pub trait Tickets: Send + Sync {
    /// Keeps a ticket.
    fn put<'a>(&'a self, hash: &'a str, grant: &'a Grant) -> PortResult<'a, ()>;

    /// Takes a ticket away and returns it: whoever comes second gets none.
    fn take<'a>(&'a self, hash: &'a str) -> PortResult<'a, Option<Grant>>;
}

/// The stream that carries events to the consumers.
pub trait Bus: Send + Sync {
    /// Publishes one record, keyed by its conversation.
    fn publish<'a>(&'a self, record: &'a StreamRecord) -> PortResult<'a, ()>;
}

/// What became of a post to a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Post {
    /// The gateway took it. That is not delivery: only an ack is.
    Accepted,
    /// There is no such socket any more.
    Gone,
}

/// Live sockets, to post to.
pub trait Gateway: Send + Sync {
    /// Posts a notice to a session's socket.
    fn post<'a>(&'a self, session: &'a Session, notice: &'a Notice) -> PortResult<'a, Post>;

    /// Closes a session's socket.
    fn close<'a>(&'a self, session: &'a Session) -> PortResult<'a, ()>;
}

/// Time and chance.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// Waits.
    fn sleep_ms(&self, ms: u64) -> BoxFuture<'_, ()>;

    /// A number below `bound`, any of them with equal chance; zero where the bound is zero.
    fn random_below(&self, bound: u64) -> u64;
}

/// The sessions of these users that have not expired.
pub async fn live_sessions(
    sessions: &dyn Sessions,
    users: &[UserId],
    now: Timestamp,
) -> Result<Vec<Session>, Unavailable> {
    let all = futures_util::future::try_join_all(users.iter().map(|user| sessions.of_user(user))).await?;
    Ok(all.into_iter().flatten().filter(|session| session.is_live(now)).collect())
}

/// The tail of a log, from a tail that was read with `known` and from what else is known now.
/// A log that fills the first partition may go on, and a member row may know of later entries.
pub async fn settle_tail(
    log: &dyn Log,
    conversation: &ConversationId,
    tail: Tail,
    known: Sequence,
    known_now: Sequence,
) -> Result<Tail, Unavailable> {
    let end = tail.sequence();
    let is_first_partition_full = known == Sequence::ZERO && end == partition_end(0);
    if end >= known_now && !is_first_partition_full {
        return Ok(tail);
    }
    log.read_tail(conversation, end.max(known_now), TAIL_ROWS).await
}
