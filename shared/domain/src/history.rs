//! Pages of a log, for whoever may see it.

use thiserror::Error;

use crate::{
    conversation::Member,
    ids::{ConversationId, Sequence, UserId},
    limits::PULL_LIMIT_MAX,
    log::Entry,
    ports::{Clock, Consistency, Conversations, Log, Unavailable},
};

/// What reading needs of the world.
#[derive(Clone, Copy)]
pub struct ReadPorts<'a> {
    /// The log.
    pub log: &'a dyn Log,
    /// Members.
    pub conversations: &'a dyn Conversations,
    /// Time.
    pub clock: &'a dyn Clock,
}

/// Why a page cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The user is not in the conversation.
    #[error("not a member of {0}")]
    NotAMember(ConversationId),
    /// The world did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// A part of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// After a sequence, oldest first.
    After(Sequence),
    /// After the first and before the second, oldest first.
    Between(Sequence, Sequence),
    /// The nearest ones before a sequence.
    Before(Sequence),
}

/// A page of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The entries, oldest first.
    pub entries: Vec<Entry>,
    /// Where the next page starts: the last sequence here, or the first where the page was asked
    /// for backwards; what was asked for where the page is empty.
    pub next: Sequence,
    /// Whether there is more now.
    pub has_more: bool,
}

/// Reads a page. Reads your writes: a page after a sequence is strongly consistent.
pub async fn page(
    ports: ReadPorts<'_>,
    user: &UserId,
    conversation: &ConversationId,
    span: Span,
    limit: usize,
) -> Result<Page, ReadError> {
    let visible_from = visible_from(ports.conversations, user, conversation).await?;
    let limit = limit.clamp(1, PULL_LIMIT_MAX);
    let hidden = visible_from.previous();
    // One more than asked for tells whether there is more.
    let page = match span {
        Span::After(since) => {
            let since = since.max(hidden);
            let rows = ports.log.read_after(conversation, since, limit + 1, Consistency::Strong).await?;
            forwards(rows, since, limit)
        }
        Span::Between(since, before) => {
            let since = since.max(hidden);
            let mut rows = ports.log.read_after(conversation, since, limit + 1, Consistency::Strong).await?;
            rows.retain(|e| e.sequence < before);
            forwards(rows, since, limit)
        }
        Span::Before(before) => {
            let mut rows = ports.log.read_before(conversation, before, limit + 1).await?;
            rows.retain(|e| e.sequence >= visible_from);
            let has_more = rows.len() > limit;
            let entries = rows.split_off(rows.len().saturating_sub(limit));
            let next = entries.first().map_or(before, |e| e.sequence);
            Page { entries, next, has_more }
        }
    };
    // After the read: what expires meanwhile has expired for the reader.
    let now = ports.clock.now();
    Ok(Page { entries: page.entries.into_iter().map(|e| e.as_read_at(now)).collect(), ..page })
}

fn forwards(mut rows: Vec<Entry>, since: Sequence, limit: usize) -> Page {
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().map_or(since, |e| e.sequence);
    Page { entries: rows, next, has_more }
}

/// From which sequence on a user may see a conversation. A direct conversation's id names its
/// members; in a group it is the joining, and the row is gone for who has left.
pub(crate) async fn visible_from(
    conversations: &dyn Conversations,
    user: &UserId,
    conversation: &ConversationId,
) -> Result<Sequence, ReadError> {
    let refused = || ReadError::NotAMember(conversation.clone());
    match conversation.direct_members() {
        Some(members) if members.contains(user) => Ok(Sequence(1)),
        Some(_) => Err(refused()),
        None => {
            let found = conversations.memberships(user, std::slice::from_ref(conversation)).await?;
            found.first().map(|(_, m): &(_, Member)| m.joined_at).ok_or_else(refused)
        }
    }
}
