//! Finding an entry by what a client calls it.

use crate::{
    ids::{ConversationId, MessageId, Sequence},
    limits::{LOOKBACK_ROWS_MAX, PULL_LIMIT_MAX, TAIL_ROWS},
    log::Entry,
    ports::{Consistency, Log, Unavailable, settle_tail},
};

/// The entry at a sequence. A lagging read that misses it is done again, strongly.
pub async fn entry_at(
    log: &dyn Log,
    conversation: &ConversationId,
    sequence: Sequence,
) -> Result<Option<Entry>, Unavailable> {
    if sequence == Sequence::ZERO {
        return Ok(None);
    }
    if let Some(entry) = log.read_one(conversation, sequence, Consistency::Eventual).await? {
        return Ok(Some(entry));
    }
    log.read_one(conversation, sequence, Consistency::Strong).await
}

/// The entry with a message id, searched from the tail back over the last 2,048 rows. An index
/// would cost a write unit for every message; the messages that people act on are recent.
pub async fn entry_called(
    log: &dyn Log,
    conversation: &ConversationId,
    id: MessageId,
) -> Result<Option<Entry>, Unavailable> {
    let tail = log.read_tail(conversation, Sequence::ZERO, TAIL_ROWS).await?;
    let tail = settle_tail(log, conversation, tail, Sequence::ZERO, Sequence::ZERO).await?;
    if let Some(entry) = tail.find(id) {
        return Ok(Some(entry.clone()));
    }
    let mut before = tail.entries.first().map_or(Sequence::ZERO, |e| e.sequence);
    let stop = Sequence(tail.sequence().0.saturating_sub(LOOKBACK_ROWS_MAX as u64));
    while before > stop.next() {
        let rows = log.read_before(conversation, before, PULL_LIMIT_MAX).await?;
        let Some(first) = rows.first() else { break };
        before = first.sequence;
        if let Some(entry) = rows.iter().find(|e| e.message_id() == id) {
            return Ok(Some(entry.clone()));
        }
    }
    Ok(None)
}
