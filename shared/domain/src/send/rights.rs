//! Who may send, and when: by a standing that was read, and by the rows after which the entry goes.

use super::{Draft, Refusal};
use crate::{
    conversation::Standing,
    group::{Action, Role, Rule, permit},
    ids::{ConversationId, Timestamp, UserId},
    limits::GROUP_SETTLE_MS,
    log::{Entry, EventKind},
    ports::{Clock, Conversations, Unavailable},
};

/// Whether the sender may write.
pub(crate) fn authorise(draft: &Draft, standing: &Standing) -> Result<(), Refusal> {
    if standing.visible_from(&draft.conversation, &draft.sender.user).is_none() {
        return Err(Refusal::NotAMember(draft.conversation.clone()));
    }
    if standing.has_blocked() && has_content(draft.event) {
        return Err(Refusal::Blocked);
    }
    let is_own = draft.target.as_ref().is_none_or(|target| target.author == draft.sender.user);
    let Some((group, member)) = standing.group.as_ref().zip(standing.member.as_ref()) else {
        return match draft.event {
            EventKind::Delete if !is_own => Err(Rule::OnlyAuthorOrAdminDeletes.into()),
            _ => Ok(()),
        };
    };
    if draft.content.mentions_all {
        permit(group, member.role, Action::MentionAll)?;
    }
    let action = match draft.event {
        EventKind::Message | EventKind::Edit | EventKind::Membership => Action::Post,
        // The first makes the conversation encrypted, for good.
        EventKind::Commit if draft.epoch == Some(0) => Action::Configure,
        EventKind::Commit => Action::Commit,
        EventKind::Delete if is_own => Action::DeleteOwn,
        EventKind::Delete => Action::DeleteOthers,
        EventKind::Reaction | EventKind::Vote => Action::React,
        EventKind::Pin | EventKind::Unpin => Action::Pin,
    };
    Ok(permit(group, member.role, action)?)
}

/// Whether something is said by such an event: commits and deletions go on across a block, or the two would not agree on the
/// keys, and nobody could take back what they said.
pub(super) fn has_content(event: EventKind) -> bool {
    !matches!(event, EventKind::Delete | EventKind::Commit)
}

/// Whether the content was made in the epoch of the tail. Once there was a commit the conversation is
/// encrypted: nothing is said in the clear any more but what has no content.
pub(crate) fn check_epoch(draft: &Draft, current: u64) -> Result<(), Refusal> {
    match draft.epoch {
        Some(epoch) if epoch != current => Err(Refusal::StaleEpoch { current }),
        None if current > 0 => match draft.event {
            EventKind::Message | EventKind::Edit | EventKind::Commit => Err(Refusal::StaleEpoch { current }),
            EventKind::Reaction | EventKind::Vote => Err(Rule::Encrypted.into()),
            EventKind::Delete | EventKind::Pin | EventKind::Unpin | EventKind::Membership => Ok(()),
        },
        _ => Ok(()),
    }
}

/// How long the sender waits after a message of theirs, in milliseconds; zero: not at all.
pub(crate) fn pause_ms(draft: &Draft, standing: &Standing) -> u64 {
    match (&standing.group, &standing.member) {
        (Some(group), Some(member)) if member.role == Role::Member && draft.event == EventKind::Message => {
            group.settings.slow_mode_seconds * 1000
        }
        _ => 0,
    }
}

/// Whether the sender's last message, as the member row or these entries tell, is old enough.
pub(crate) fn check_pause<'a>(
    pause_ms: u64,
    user: &UserId,
    sent_at: Timestamp,
    entries: impl IntoIterator<Item = &'a Entry>,
    now: Timestamp,
) -> Result<(), Refusal> {
    if pause_ms == 0 {
        return Ok(());
    }
    let is_own = |entry: &&Entry| entry.sender.user == *user && entry.event == EventKind::Message;
    let last = entries.into_iter().filter(is_own).map(|entry| entry.ts).max().unwrap_or_default().max(sent_at);
    let retry_after_ms = last.plus_ms(pause_ms).ms_since(now);
    if retry_after_ms == 0 { Ok(()) } else { Err(Refusal::SlowMode { retry_after_ms }) }
}

/// A standing that is of one moment. Rows of a group that is just being changed may be seen some
/// as before and some as after; a read of all as one costs twice, so only then.
pub(crate) async fn settled(
    conversations: &dyn Conversations,
    clock: &dyn Clock,
    conversation: &ConversationId,
    user: &UserId,
    standing: Standing,
) -> Result<Standing, Unavailable> {
    let standing = match &standing.group {
        Some(group) if clock.now().ms_since(group.changed_at) < GROUP_SETTLE_MS => {
            return conversations.settled_standing(conversation, user).await;
        }
        _ => standing,
    };
    // The head says that the rings are complete up to its reach, and was read beside the row: the
    // row may be older than that. One that is read after the head is not.
    if standing.member.is_none() || standing.known_sequence() == standing.row_sequence() {
        return Ok(standing);
    }
    let rows = conversations.memberships(user, std::slice::from_ref(conversation)).await?;
    Ok(Standing { member: rows.into_iter().next().map(|(_, member)| member), ..standing })
}
