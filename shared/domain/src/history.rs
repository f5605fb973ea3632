//! Pages of a log, for whoever may see it.

use futures_util::future::try_join;
use thiserror::Error;

use crate::{
    conversation::Member,
    ids::{ConversationId, Sequence, UserId},
    limits::PULL_LIMIT_MAX,
    log::Entry,
    personal::leave_out,
    ports::{Clock, Consistency, Conversations, Log, Personal, Unavailable},
};

/// What reading needs of the world.
#[derive(Clone, Copy)]
pub struct ReadPorts<'a> {
    /// The log.
    pub log: &'a dyn Log,
    /// Members.
    pub conversations: &'a dyn Conversations,
    /// What readers have hidden.
    pub personal: &'a dyn Personal,
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
    /// The entries, oldest first, without those that the user has hidden.
    pub entries: Vec<Entry>,
    /// Where the next page starts: the last sequence that it goes to, or the first where it was
    /// asked for backwards; what was asked for where it goes nowhere.
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
    let reading = match span {
        Span::After(since) | Span::Between(since, _) => {
            ports.log.read_after(conversation, since.max(hidden), limit + 1, Consistency::Strong)
        }
        Span::Before(before) => ports.log.read_before(conversation, before, limit + 1),
    };
    let (mut rows, has_hidden) = if conversation.direct_members().is_some() {
        // Who is in does not change, so the row that tells what is hidden is read meanwhile.
        let own = ports.conversations.memberships(user, std::slice::from_ref(conversation));
        let (rows, own) = try_join(reading, own).await?;
        (rows, own.iter().any(|(_, member)| member.has_hidden))
    } else {
        still_visible(ports.conversations, user, conversation, reading.await?).await?
    };
    let page = match span {
        Span::After(since) => forwards(rows, since.max(hidden), limit),
        Span::Between(since, before) => {
            rows.retain(|e| e.sequence < before);
            forwards(rows, since.max(hidden), limit)
        }
        Span::Before(before) => {
            rows.retain(|e| e.sequence >= visible_from);
            let has_more = rows.len() > limit;
            let entries = rows.split_off(rows.len().saturating_sub(limit));
            let next = entries.first().map_or(before, |e| e.sequence);
            Page { entries, next, has_more }
        }
    };
    let entries =
        if has_hidden { leave_out(ports.personal, user, conversation, page.entries).await? } else { page.entries };
    // After the read: what expires meanwhile has expired for the reader.
    let now = ports.clock.now();
    let entries = entries.into_iter().filter(|e| e.is_for(user)).map(|e| e.as_read_at(now));
    Ok(Page { entries: entries.collect(), ..page })
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

/// Of rows that were read, those that the user may see, and whether the user has hidden any in the
/// conversation. Who was taken out of a group while they were read must not see what came after, so
/// a group's members are looked at once more.
pub(crate) async fn still_visible(
    conversations: &dyn Conversations,
    user: &UserId,
    conversation: &ConversationId,
    mut rows: Vec<Entry>,
) -> Result<(Vec<Entry>, bool), ReadError> {
    if rows.is_empty() {
        return Ok((rows, false));
    }
    let found = conversations.memberships(user, std::slice::from_ref(conversation)).await?;
    let member = found.first().map(|(_, member)| member);
    if conversation.direct_members().is_none() {
        let visible_from = member.ok_or_else(|| ReadError::NotAMember(conversation.clone()))?.joined_at;
        rows.retain(|entry| entry.sequence >= visible_from);
    }
    Ok((rows, member.is_some_and(|member| member.has_hidden)))
}
