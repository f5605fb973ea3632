//! The write path: append by compare-and-swap on the tail, then the express lane.
//!
//! Three sequential trips before the answer: read (log tail, standing, the recipient's sessions),
//! append (and read the sessions of a small group), then stream and sockets together. A hot conversation's messages go to the batch
//! sequencer instead (see [`crate::sequencer`]): one read, one put on its stream.

mod append;
mod dedupe;
mod deliver;
mod hot;
mod recipients;
mod request;
mod rights;
mod target;

use futures_util::future::{join, try_join4};

use self::rights::settled;
pub(crate) use self::{
    append::backoff_ms,
    deliver::{post_or_remove, publish, within},
    rights::{authorise, check_epoch, check_pause, pause_ms},
};
pub use self::{
    hot::{AnswerTo, Pending, SendAnswer},
    request::{Draft, Known, KnownTails, Outcome, Refusal, SendError, SendRequest, SendTerms, Sent},
    target::{TargetRef, Windows, send_about},
};
use crate::{
    conversation::Standing,
    ids::{Sequence, UserId},
    limits::TAIL_ROWS,
    media::{self, Claims},
    ports::{Bus, Clock, Conversations, DeviceSets, Gateway, Ingest, Log, Sessions, live_sessions, settle_tail},
    strangers::{Strangers, is_first_word},
};

/// What the write path needs of the world.
#[derive(Clone, Copy)]
pub struct SendPorts<'a> {
    /// The log.
    pub log: &'a dyn Log,
    /// Members.
    pub conversations: &'a dyn Conversations,
    /// Live sockets.
    pub sessions: &'a dyn Sessions,
    /// Which devices there are to encrypt for.
    pub keys: &'a dyn DeviceSets,
    /// The stream.
    pub bus: &'a dyn Bus,
    /// The batch sequencer's stream.
    pub ingest: &'a dyn Ingest,
    /// Who may write to strangers.
    pub strangers: &'a dyn Strangers,
    /// Media, which messages claim that refer to it.
    pub media: &'a dyn Claims,
    /// The sockets.
    pub gateway: &'a dyn Gateway,
    /// Time and chance.
    pub clock: &'a dyn Clock,
}

/// Appends a message, or finds it where it was appended before, and posts it to the live
/// sockets of a small conversation.
pub async fn send(ports: SendPorts<'_>, terms: SendTerms<'_>, request: &SendRequest) -> Result<Outcome, SendError> {
    let Draft { conversation, sender, .. } = &request.draft;
    let known = terms.known.get(conversation);
    if known.hot_until > ports.clock.now()
        && let Some(outcome) = hot::send_if_hot(ports, terms, request).await?
    {
        return Ok(outcome);
    }
    let recipients = express_recipients(&request.draft);
    let (tail, standing, sessions, sets) = try_join4(
        ports.log.read_tail(conversation, known.sequence, TAIL_ROWS),
        ports.conversations.standing(conversation, &sender.user),
        live_sessions(ports.sessions, &recipients, ports.clock.now()),
        recipients::device_sets(ports, request),
    )
    .await?;
    let standing = settled(ports.conversations, ports.clock, conversation, &sender.user, standing).await?;
    authorise(&request.draft, &standing)?;
    let known_now = standing.known_sequence();
    let tail = settle_tail(ports.log, conversation, tail, known.sequence, known_now).await?;
    terms.known.note(conversation, tail.sequence(), standing.hot_until);

    if let Some(entry) = dedupe::find_earlier(ports.log, request, &tail, &standing).await? {
        return Ok(Sent { entry, duplicate: true, races_lost: 0 }.into());
    }
    if request.resend_after.is_some_and(|base| base > tail.sequence()) {
        return Err(Refusal::BaseBeyondEnd { end: tail.sequence() }.into());
    }
    recipients::check_recipients(ports, request, &sets, &standing).await??;
    if is_first_word(&request.draft, &standing, &tail) {
        ports.strangers.admit(&request.draft).await?;
    }
    let withheld = withheld(request, &standing);
    let request = withheld.as_ref().unwrap_or(request);
    // Before the append: a message that is in the log refers to what is there.
    media::claim(ports.media, &request.draft, ports.clock.now()).await??;
    if standing.hot_until > ports.clock.now() {
        return hot::hand_over(ports, request, &standing, tail.sequence()).await;
    }
    let (version, roster) = (standing.membership_version, small_group(&request.draft, terms, &standing));
    let appending = Box::pin(append::append(ports, terms, request, tail, standing));
    let (appended, group_sessions) = join(appending, deliver::sessions_in_time(ports, &roster)).await;
    match appended? {
        append::Appended::Done(sent) => {
            terms.known.note(conversation, sent.entry.sequence, known.hot_until);
            // Who is in the group may have changed while races were lost.
            let is_of_version = sent.entry.state.membership_version == version;
            let is_shown = !sent.entry.content.is_withheld;
            let sessions = if is_of_version && is_shown { [sessions, group_sessions].concat() } else { Vec::new() };
            deliver::deliver(ports, terms.express_sockets_max, &sent.entry, &sessions).await;
            Ok(sent.into())
        }
        append::Appended::Crowded { after, standing } => {
            hot::heat_and_hand_over(ports, terms, request, &standing, after).await
        }
    }
}

/// The request as it is appended where the other one has blocked the sender: it is in the log, goes to nobody, and the sender is
/// told nothing of that; none where it is as it was made.
fn withheld(request: &SendRequest, standing: &Standing) -> Option<SendRequest> {
    let is_withheld = standing.is_blocked() && rights::has_content(request.draft.event);
    is_withheld.then(|| {
        let mut request = request.clone();
        request.draft.content.is_withheld = true;
        request
    })
}

/// The recipient of a direct conversation, whose sockets the express lane may post to. The sender's other devices are
/// left to the durable lane: their copy is not urgent and their look-up not free.
fn express_recipients(draft: &Draft) -> Vec<UserId> {
    let members = draft.conversation.direct_members().unwrap_or_default();
    members.into_iter().filter(|user| *user != draft.sender.user).collect()
}

/// The other members of a group that is pushed, and small enough for the express lane. Their sessions are read
/// during the append: only the read before it tells who they are.
fn small_group(draft: &Draft, terms: SendTerms<'_>, standing: &Standing) -> Vec<UserId> {
    let group = standing.group.as_ref().filter(|group| terms.express_sockets_max > 0 && !group.is_pulled());
    let roster = group.and_then(|group| group.roster.as_ref());
    roster.into_iter().flatten().filter(|user| **user != draft.sender.user).cloned().collect()
}

/// The sequence up to which the durable lane has been: what lies beyond it no ring knows.
fn ring_end(standing: &Standing, at_least: Sequence) -> Sequence {
    standing.known_sequence().max(at_least)
}
