//! Sending in a hot conversation: the batch sequencer's stream takes the message, and the
//! sequencer answers.

use std::sync::Arc;

use super::{
    Draft, Outcome, Refusal, SendError, SendPorts, SendRequest, SendTerms, Sent, authorise, check_pause, dedupe,
    pause_ms, recipients, rights::settled,
};
use crate::{
    conversation::Standing,
    ids::{ClientMsgId, Sequence, Timestamp},
    limits::{HOT_MS, QUEUED_MS_MAX},
    media,
    ports::read_since,
    sessions::Socket,
};

/// A send that waits for the batch sequencer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// What is to be appended.
    pub draft: Draft,
    /// The message is not in the log up to here. The sequencer reads on from here, and so sees
    /// every row that an earlier attempt may have appended, its own included.
    pub after: Sequence,
    /// The membership version at which the sender was a member.
    pub membership_version: Sequence,
    /// How long the sender waits after a message of theirs, in milliseconds; zero: not at all.
    pub pause_ms: u64,
    /// Until when the sender saw the conversation to be hot.
    pub hot_until: Timestamp,
    /// Where to answer; none where the sender looks for itself.
    pub answer_to: Option<AnswerTo>,
}

/// Where a sender waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerTo {
    /// The socket.
    pub socket: Socket,
    /// The `id` of the frame, to be echoed.
    pub reply_to: Option<Arc<str>>,
}

/// What became of a send, as its sender is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendAnswer {
    /// The `id` of the frame.
    pub reply_to: Option<Arc<str>>,
    /// The sender's name for the message.
    pub client_msg_id: ClientMsgId,
    /// Accepted, or why not.
    pub outcome: Result<Sent, Refusal>,
}

/// Sends without reading the tail, which many write to, where the conversation is hot as the
/// function remembers it; none where it is no longer.
pub(super) async fn send_if_hot(
    ports: SendPorts<'_>,
    terms: SendTerms<'_>,
    request: &SendRequest,
) -> Result<Option<Outcome>, SendError> {
    let Draft { conversation, sender, .. } = &request.draft;
    let standing = ports.conversations.standing(conversation, &sender.user).await?;
    let standing = settled(ports.conversations, ports.clock, conversation, &sender.user, standing).await?;
    authorise(&request.draft, &standing)?;
    // The durable lane leaves no gap: up to here, the ring tells.
    let after = standing.known_sequence();
    terms.known.note(conversation, after, standing.hot_until);
    if standing.hot_until <= ports.clock.now() {
        return Ok(None);
    }
    if let Some(entry) = dedupe::find_before(ports.log, request, after.next(), &standing).await? {
        return Ok(Some(Sent { entry, duplicate: true, races_lost: 0 }.into()));
    }
    let sets = recipients::device_sets(ports, request).await?;
    recipients::check_recipients(ports, request, &sets, &standing).await??;
    let withheld = super::withheld(request, &standing);
    let request = withheld.as_ref().unwrap_or(request);
    media::claim(ports.media, &request.draft, ports.clock.now()).await??;
    hand_over(ports, request, &standing, after).await.map(Some)
}

/// Makes the conversation hot, and hands the message over.
pub(super) async fn heat_and_hand_over(
    ports: SendPorts<'_>,
    terms: SendTerms<'_>,
    request: &SendRequest,
    standing: &Standing,
    after: Sequence,
) -> Result<Outcome, SendError> {
    let hot_until = ports.clock.now().plus_ms(HOT_MS);
    let conversation = &request.draft.conversation;
    ports.conversations.heat(conversation, hot_until).await?;
    terms.known.note(conversation, after, hot_until);
    hand_over(ports, request, &Standing { hot_until, ..standing.clone() }, after).await
}

/// Puts the message on the batch sequencer's stream; without a socket, waits for its row.
pub(super) async fn hand_over(
    ports: SendPorts<'_>,
    request: &SendRequest,
    standing: &Standing,
    after: Sequence,
) -> Result<Outcome, SendError> {
    let mut draft = request.draft.clone();
    draft.content.ttl_seconds = draft.content.ttl_seconds.or(standing.ttl_seconds());
    let pause_ms = pause_ms(&draft, standing);
    let sent_at = standing.member.as_ref().map(|m| m.sent_at).unwrap_or_default();
    check_pause(pause_ms, &draft.sender.user, sent_at, [], ports.clock.now())?;
    let pending = Pending {
        draft,
        pause_ms,
        after,
        membership_version: standing.membership_version,
        hot_until: standing.hot_until,
        answer_to: request.answer_to.clone(),
    };
    ports.ingest.put(&pending).await?;
    if request.answer_to.is_some() { Ok(Outcome::Queued) } else { wait_for_row(ports, &request.draft, after).await }
}

/// Looks for the row again and again, ever more slowly. A refusal is not seen here: the resend
/// that follows gets it.
async fn wait_for_row(ports: SendPorts<'_>, draft: &Draft, mut after: Sequence) -> Result<Outcome, SendError> {
    let started_at = ports.clock.now();
    let mut pause_ms = 50;
    while ports.clock.now().ms_since(started_at) < QUEUED_MS_MAX {
        ports.clock.sleep_ms(pause_ms).await;
        pause_ms *= 2;
        let rows = read_since(ports.log, &draft.conversation, after).await?;
        after = rows.last().map_or(after, |e| e.sequence);
        if let Some(entry) = rows.into_iter().find(|e| draft.is(e)) {
            return Ok(Sent { entry, duplicate: false, races_lost: 0 }.into());
        }
    }
    Err(SendError::Queued)
}
