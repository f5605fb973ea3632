//! Receipts are watermarks: a mark per member that only rises. The state of one message is
//! computed from the marks and never stored.

use std::collections::BTreeMap;

use thiserror::Error;
use tracing::warn;

use crate::{
    conversation::{Member, Watermark},
    ids::{ConversationId, MessageId, Sender, Sequence, UserId},
    log::Entry,
    lookup::{entry_at, entry_called},
    ports::{Bus, Clock, Conversations, Log, Unavailable},
    stream::{Receipt, StreamRecord},
};

/// What receipts need of the world.
#[derive(Clone, Copy)]
pub struct ReceiptPorts<'a> {
    /// The log.
    pub log: &'a dyn Log,
    /// Members.
    pub conversations: &'a dyn Conversations,
    /// The stream.
    pub bus: &'a dyn Bus,
    /// Time.
    pub clock: &'a dyn Clock,
}

/// Where a mark is to rise to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkAt {
    /// A sequence.
    Sequence(Sequence),
    /// A message.
    Message(MessageId),
}

/// Why a mark was not taken.
#[derive(Debug, Error)]
pub enum ReceiptError {
    /// The user is not in the conversation.
    #[error("not a member of {0}")]
    NotAMember(ConversationId),
    /// There is no entry at that sequence: nobody can have received it.
    #[error("there is no entry {0}")]
    NoSuchSequence(Sequence),
    /// There is no such message, or it is too far back.
    #[error("no message {0} among the latest")]
    NoSuchMessage(MessageId),
    /// The world did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Raises a member's mark and tells the other members. A mark that is as high already is no
/// error and tells nobody.
pub async fn raise(
    ports: ReceiptPorts<'_>,
    by: &Sender,
    conversation: &ConversationId,
    mark: Watermark,
    at: MarkAt,
) -> Result<(), ReceiptError> {
    authorise(ports, conversation, &by.user).await?;
    let entry = match at {
        MarkAt::Sequence(sequence) => {
            entry_at(ports.log, conversation, sequence).await?.ok_or(ReceiptError::NoSuchSequence(sequence))?
        }
        MarkAt::Message(id) => {
            entry_called(ports.log, conversation, id).await?.ok_or(ReceiptError::NoSuchMessage(id))?
        }
    };
    let now = ports.clock.now();
    if !ports.conversations.raise(conversation, &by.user, mark, entry.sequence, now).await? {
        return Ok(());
    }
    let receipt = Receipt {
        conversation: conversation.clone(),
        by: by.clone(),
        mark,
        up_to: entry.sequence,
        message_id: entry.message_id(),
        ts: now,
    };
    // The mark is stored and the next receipt covers this one, so the frame has not failed.
    if let Err(error) = ports.bus.publish(&StreamRecord::Raised(receipt)).await {
        warn!(%error, %conversation, up_to = %entry.sequence, "receipt not published");
    }
    Ok(())
}

/// A direct conversation's id names its members; a group's members are rows.
async fn authorise(ports: ReceiptPorts<'_>, conversation: &ConversationId, user: &UserId) -> Result<(), ReceiptError> {
    let is_member = match conversation.direct_members() {
        Some(members) => members.contains(user),
        None => !ports.conversations.memberships(user, std::slice::from_ref(conversation)).await?.is_empty(),
    };
    if is_member { Ok(()) } else { Err(ReceiptError::NotAMember(conversation.clone())) }
}

/// What a message is to one of its readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Accepted.
    Sent,
    /// Received by a device of the member.
    Delivered,
    /// Read by the member.
    Read,
}

/// The marks of the members of a conversation, and the state of one message by member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusReport {
    /// The state of the message for each member but its sender.
    pub by_user: BTreeMap<UserId, Status>,
    /// The marks: delivered and read.
    pub marks: BTreeMap<UserId, (Sequence, Sequence)>,
}

/// How far a message has got with each member.
pub async fn status(
    ports: ReceiptPorts<'_>,
    user: &UserId,
    conversation: &ConversationId,
    message: MessageId,
) -> Result<StatusReport, ReceiptError> {
    authorise(ports, conversation, user).await?;
    let entry = entry_called(ports.log, conversation, message).await?.ok_or(ReceiptError::NoSuchMessage(message))?;
    let mut members = ports.conversations.members(conversation).await?;
    for user in conversation.direct_members().unwrap_or_default() {
        if members.iter().all(|m| m.user != user) {
            members.push(Member::new(user));
        }
    }
    Ok(report(&entry, &members))
}

fn report(entry: &Entry, members: &[Member]) -> StatusReport {
    let status_of = |member: &Member| {
        if member.read_up_to >= entry.sequence {
            Status::Read
        } else if member.delivered_up_to >= entry.sequence {
            Status::Delivered
        } else {
            Status::Sent
        }
    };
    StatusReport {
        by_user: members
            .iter()
            .filter(|m| m.user != entry.sender.user)
            .map(|m| (m.user.clone(), status_of(m)))
            .collect(),
        marks: members.iter().map(|m| (m.user.clone(), (m.delivered_up_to, m.read_up_to))).collect(),
    }
}
