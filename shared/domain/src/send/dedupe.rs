//! Finding a message where it was appended before.

use super::{SendRequest, ring_end};
use crate::{
    conversation::Standing,
    ids::Sequence,
    limits::{PULL_LIMIT_MAX, RESEND_ROWS_MAX},
    log::{Entry, Tail},
    ports::{Consistency, Log, Unavailable},
};

/// Finds this message among the rows of the tail, those that the ring names, those that the ring
/// cannot name yet, and, for a marked resend, all rows since its first attempt.
pub(super) async fn find_earlier(
    log: &dyn Log,
    request: &SendRequest,
    tail: &Tail,
    standing: &Standing,
) -> Result<Option<Entry>, Unavailable> {
    if let Some(entry) = tail.entries.iter().rev().find(|e| request.draft.is(e)) {
        return Ok(Some(entry.clone()));
    }
    let oldest_read = tail.entries.first().map_or(Sequence::ZERO, |e| e.sequence);
    find_before(log, request, oldest_read, standing).await
}

/// Finds this message in the rows before a sequence.
pub(super) async fn find_before(
    log: &dyn Log,
    request: &SendRequest,
    before: Sequence,
    standing: &Standing,
) -> Result<Option<Entry>, Unavailable> {
    let draft = &request.draft;
    let ring = standing.member.as_ref().and_then(|m| m.rings.get(&draft.sender.device));
    for sequence in ring.map(|r| r.candidates(draft.message_id())).unwrap_or_default() {
        if sequence < before {
            let row = log.read_one(&draft.conversation, sequence, Consistency::Strong).await?;
            if let Some(entry) = row.filter(|e| draft.is(e)) {
                return Ok(Some(entry));
            }
        }
    }
    let mut after = request.resend_after.unwrap_or_else(|| beyond_ring(standing, before));
    while after.next() < before {
        let rows = log.read_after(&draft.conversation, after, PULL_LIMIT_MAX, Consistency::Strong).await?;
        let Some(last) = rows.last() else { break };
        after = last.sequence;
        if let Some(entry) = rows.into_iter().find(|e| draft.is(e)) {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

/// Where the durable lane, whose work the ring is, has got to. Nearly always that is within the
/// tail that was read, and nothing more is to be looked at.
fn beyond_ring(standing: &Standing, before: Sequence) -> Sequence {
    ring_end(standing, Sequence(before.0.saturating_sub(RESEND_ROWS_MAX)))
}
