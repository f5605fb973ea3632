//! What is said about an earlier message: edits, deletions, reactions, votes and pins.

use super::{Outcome, Refusal, SendError, SendPorts, SendRequest, SendTerms, Sent, dedupe, send};
use crate::{
    group::Rule,
    history::{ReadError, visible_from},
    ids::{MessageId, Sequence},
    limits::TAIL_ROWS,
    log::{ContentKind, Entry, EventKind, Target},
    messages::find,
    ports::{Unavailable, settle_tail},
};

/// A message, as a client names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetRef {
    /// Its id.
    pub message: MessageId,
    /// Its place, where the client tells: without it only the latest rows are searched.
    pub sequence: Option<Sequence>,
}

/// How long a message may be changed by its author, in milliseconds from its append; none: for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Windows {
    /// Edited.
    pub edit_ms: Option<u64>,
    /// Deleted for everyone.
    pub delete_ms: Option<u64>,
}

/// Appends what is said about an earlier message, which it looks up first.
pub async fn send_about(
    ports: SendPorts<'_>,
    terms: SendTerms<'_>,
    windows: Windows,
    about: TargetRef,
    mut request: SendRequest,
) -> Result<Outcome, SendError> {
    match resolve(ports, windows, about, &request).await? {
        Ok(target) => {
            request.draft.target = Some(target);
            send(ports, terms, &request).await
        }
        // What was accepted before is so, whatever has become of the message since.
        Err(refusal) => match find_accepted(ports, &request).await? {
            Some(entry) => Ok(Sent { entry, duplicate: true, races_lost: 0 }.into()),
            None => Err(refusal.into()),
        },
    }
}

async fn resolve(
    ports: SendPorts<'_>,
    windows: Windows,
    about: TargetRef,
    request: &SendRequest,
) -> Result<Result<Target, Refusal>, Unavailable> {
    let draft = &request.draft;
    let visible_from = match visible_from(ports.conversations, &draft.sender.user, &draft.conversation).await {
        Ok(from) => from,
        Err(ReadError::NotAMember(conversation)) => return Ok(Err(Refusal::NotAMember(conversation))),
        Err(ReadError::Unavailable(error)) => return Err(error),
    };
    let found = find(ports.log, &draft.conversation, about).await?;
    let now = ports.clock.now();
    let is_there = |entry: &Entry| entry.sequence >= visible_from && entry.is_message_at(now);
    let Some(entry) = found.filter(is_there) else { return Ok(Err(Refusal::NoSuchMessage(about.message))) };
    let age_ms = now.ms_since(entry.ts);
    let is_own = entry.sender.user == draft.sender.user;
    let rule = match draft.event {
        EventKind::Edit if !is_own => Some(Rule::OnlyAuthorEdits),
        EventKind::Edit if entry.content.is_view_once || entry.content.kind == ContentKind::Poll => {
            Some(Rule::NotEditable)
        }
        EventKind::Edit if windows.edit_ms.is_some_and(|window| age_ms > window) => Some(Rule::EditWindow),
        // Admins may delete what others sent, however old it is.
        EventKind::Delete if is_own && windows.delete_ms.is_some_and(|window| age_ms > window) => {
            Some(Rule::DeleteWindow)
        }
        EventKind::Vote if entry.content.kind != ContentKind::Poll => Some(Rule::NotAPoll),
        _ => None,
    };
    Ok(match rule {
        Some(rule) => Err(rule.into()),
        None => Ok(Target { message: about.message, sequence: entry.sequence, author: entry.sender.user }),
    })
}

/// The entry of a request that was accepted before.
async fn find_accepted(ports: SendPorts<'_>, request: &SendRequest) -> Result<Option<Entry>, Unavailable> {
    let (conversation, user) = (&request.draft.conversation, &request.draft.sender.user);
    let standing = ports.conversations.standing(conversation, user).await?;
    if standing.visible_from(conversation, user).is_none() {
        return Ok(None);
    }
    let known = standing.known_sequence();
    let tail = ports.log.read_tail(conversation, known, TAIL_ROWS).await?;
    let tail = settle_tail(ports.log, conversation, tail, known, known).await?;
    dedupe::find_earlier(ports.log, request, &tail, &standing).await
}
