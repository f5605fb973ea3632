//! The compare-and-swap on the tail.

use super::{Draft, SendError, SendPorts, SendRequest, SendTerms, Sent, authorise, check_epoch, check_pause, pause_ms};
use crate::{
    conversation::Standing,
    ids::Sequence,
    limits::APPEND_ATTEMPTS_MAX,
    log::{ConversationState, Tail},
    ports::{Append, read_since},
};

/// What became of an append.
pub(super) enum Appended {
    /// It is in the log.
    Done(Sent),
    /// Too many write at once: it is to go to the batch sequencer.
    Crowded {
        /// The message is not in the log up to here; whether it is beyond is for the sequencer to see.
        after: Sequence,
        /// How the sender stood when last looked at.
        standing: Standing,
    },
}

/// Puts the row after the tail; having lost, reads on from the *first* tail, so that an own
/// earlier put whose answer was lost is always seen, and checks everything again.
pub(super) async fn append(
    ports: SendPorts<'_>,
    terms: SendTerms<'_>,
    request: &SendRequest,
    first_tail: Tail,
    mut standing: Standing,
) -> Result<Appended, SendError> {
    let draft = &request.draft;
    let first_sequence = first_tail.sequence();
    let mut tail = first_tail;
    for races_lost in 0..APPEND_ATTEMPTS_MAX {
        standing = agree_on_members(ports, draft, &tail, standing).await?;
        // Of the same members as the tail, for a change of them and what it does to this are one.
        let state = ConversationState { indexes_text: standing.indexes_text, ..tail.state() };
        check_epoch(draft, state.epoch)?;
        let now = ports.clock.now();
        let sent_at = standing.member.as_ref().map(|m| m.sent_at).unwrap_or_default();
        check_pause(pause_ms(draft, &standing), &draft.sender.user, sent_at, &tail.entries, now)?;
        let mut entry = draft.entry_at(tail.sequence().next(), now, state);
        entry.content.ttl_seconds = entry.content.ttl_seconds.or(standing.ttl_seconds());
        let unanswered = match ports.log.append(std::slice::from_ref(&entry)).await {
            Ok(Append::Done) => return Ok(Appended::Done(Sent { entry, duplicate: false, races_lost })),
            Ok(Append::Taken) => None,
            Err(error) => Some(error),
        };
        if unanswered.is_none() {
            if races_lost + 1 == terms.races_lost_max {
                return Ok(Appended::Crowded { after: first_sequence, standing });
            }
            ports.clock.sleep_ms(ports.clock.random_below(backoff_ms(races_lost))).await;
        }
        let since = read_since(ports.log, &draft.conversation, first_sequence).await?;
        // Found: a concurrent send of the same message, or our own put whose answer was lost.
        // They cannot be told apart, so the caller delivers it once more: harmless.
        if let Some(entry) = since.iter().find(|e| draft.is(e)) {
            return Ok(Appended::Done(Sent { entry: entry.clone(), duplicate: true, races_lost }));
        }
        if let Some(error) = unanswered {
            return Err(error.into());
        }
        if !since.is_empty() {
            tail = Tail { entries: since };
        }
    }
    Err(SendError::Contended { races_lost: APPEND_ATTEMPTS_MAX })
}

/// Full jitter under a bound that doubles, in milliseconds.
pub(crate) fn backoff_ms(races_lost: u32) -> u64 {
    (10 << races_lost.min(5)) + 1
}

/// A sender's member row counts only if the head is of the tail's membership version.
async fn agree_on_members(
    ports: SendPorts<'_>,
    draft: &Draft,
    tail: &Tail,
    standing: Standing,
) -> Result<Standing, SendError> {
    if standing.membership_version == tail.state().membership_version {
        return Ok(standing);
    }
    let standing = ports.conversations.settled_standing(&draft.conversation, &draft.sender.user).await?;
    authorise(draft, &standing)?;
    Ok(standing)
}
