//! Receipts are watermarks: a mark per member that only rises. The state of one message is
//! computed from the marks and never stored.

use std::collections::BTreeMap;

use thiserror::Error;
use tracing::warn;

use crate::{
    conversation::{Member, Watermark},
    history::{ReadError, visible_from},
    ids::{ConversationId, MessageId, Sender, Sequence, Timestamp, UserId},
    limits::RECEIPTS_PAGE_MAX,
    log::Entry,
    lookup::{entry_at, entry_called},
    ports::{Bus, Clock, Consistency, Conversations, Log, PrivacyRules, Unavailable},
    privacy::{PrivacyPorts, hidden_reads},
    signals::{Metric, Stage, is_heard, measure, stage},
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
    /// In a group of more members nobody is told of another's receipts: they are asked for.
    pub aggregate_members: u64,
}

/// A mark that has risen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raised {
    /// When the entry was appended.
    pub appended_at: Timestamp,
    /// When the mark rose.
    pub at: Timestamp,
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

/// Raises a member's mark and tells the other members, or, in a group of many, the member's own
/// other devices of what was read. A mark that is as high already is no error and tells nobody: none.
pub async fn raise(
    ports: ReceiptPorts<'_>,
    by: &Sender,
    conversation: &ConversationId,
    mark: Watermark,
    at: MarkAt,
) -> Result<Option<Raised>, ReceiptError> {
    let Reader { visible_from, is_own_alone } = reader(ports, conversation, &by.user).await?;
    let entry = match at {
        MarkAt::Sequence(sequence) => {
            let entry = entry_at(ports.log, conversation, sequence).await?;
            entry.filter(|e| e.sequence >= visible_from).ok_or(ReceiptError::NoSuchSequence(sequence))?
        }
        MarkAt::Message(id) => {
            let entry = entry_called(ports.log, conversation, id).await?;
            entry.filter(|e| e.sequence >= visible_from).ok_or(ReceiptError::NoSuchMessage(id))?
        }
    };
    let now = ports.clock.now();
    if !ports.conversations.raise(conversation, &by.user, mark, entry.sequence, now).await? {
        return Ok(None);
    }
    let raised = Some(Raised { appended_at: entry.ts, at: now });
    let step = match mark {
        Watermark::Delivered => Stage::Delivered,
        Watermark::Read => {
            measure(Metric::ReadMs, now.ms_since(entry.ts));
            Stage::Read
        }
    };
    if is_heard() {
        stage(entry.message_id(), entry.sequence, step, entry.ts, now, "");
    }
    if is_own_alone && mark == Watermark::Delivered {
        // Of what was delivered not even the member's own devices are told.
        return Ok(raised);
    }
    let receipt = Receipt {
        conversation: conversation.clone(),
        by: by.clone(),
        mark,
        up_to: entry.sequence,
        message_id: entry.message_id(),
        membership_version: entry.state.membership_version,
        ts: now,
        is_own_alone,
    };
    // The mark is stored and the next receipt covers this one, so the frame has not failed.
    if let Err(error) = ports.bus.publish(&StreamRecord::Raised(receipt)).await {
        warn!(%error, %conversation, up_to = %entry.sequence, "receipt not published");
    }
    Ok(raised)
}

/// A member whose mark is to rise.
struct Reader {
    visible_from: Sequence,
    /// Only their own devices are told.
    is_own_alone: bool,
}

async fn reader(ports: ReceiptPorts<'_>, conversation: &ConversationId, user: &UserId) -> Result<Reader, ReceiptError> {
    if conversation.direct_members().is_some() {
        let visible_from = authorise(ports, conversation, user).await?;
        return Ok(Reader { visible_from, is_own_alone: false });
    }
    // One read tells of the membership and of how many there are.
    let view = ports.conversations.group(conversation, std::slice::from_ref(user)).await?;
    let member = view.members.first().ok_or_else(|| ReceiptError::NotAMember(conversation.clone()))?;
    let member_count = view.group.map_or(0, |group| group.member_count);
    Ok(Reader { visible_from: member.joined_at, is_own_alone: member_count > ports.aggregate_members })
}

/// From which sequence on the user may see the conversation.
async fn authorise(
    ports: ReceiptPorts<'_>,
    conversation: &ConversationId,
    user: &UserId,
) -> Result<Sequence, ReceiptError> {
    visible_from(ports.conversations, user, conversation).await.map_err(|error| match error {
        ReadError::NotAMember(conversation) => ReceiptError::NotAMember(conversation),
        ReadError::Unavailable(error) => ReceiptError::Unavailable(error),
    })
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

/// How many members a message has got how far with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Accepted, and no further.
    pub sent: u64,
    /// Received, and not read.
    pub delivered: u64,
    /// Read.
    pub read: u64,
}

/// A page of the members of a conversation: their marks, and the state of one message by member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusReport {
    /// The state of the message for each member of the page who may see it, but its sender.
    pub by_user: BTreeMap<UserId, Status>,
    /// How many of these are in which state.
    pub counts: Counts,
    /// The marks: delivered and read.
    pub marks: BTreeMap<UserId, (Sequence, Sequence)>,
    /// Whether there are members after these.
    pub has_more: bool,
}

/// How far a message has got with up to `limit` members after a name, by name. What members do not show to the user as read
/// counts as delivered.
pub async fn status(
    ports: ReceiptPorts<'_>,
    rules: &dyn PrivacyRules,
    user: &UserId,
    conversation: &ConversationId,
    message: MessageId,
    after: Option<&UserId>,
    limit: usize,
) -> Result<StatusReport, ReceiptError> {
    let visible_from = authorise(ports, conversation, user).await?;
    let entry = entry_called(ports.log, conversation, message).await?;
    let entry = entry.filter(|e| e.sequence >= visible_from).ok_or(ReceiptError::NoSuchMessage(message))?;
    let limit = limit.clamp(1, RECEIPTS_PAGE_MAX);
    let mut members = match conversation.direct_members() {
        None => ports.conversations.members_after(conversation, after, limit + 1).await?,
        Some(users) => {
            let mut rows = ports.conversations.members(conversation, Consistency::Eventual).await?.rows;
            for user in users {
                if rows.iter().all(|m| m.user != user) {
                    rows.push(Member::new(user));
                }
            }
            rows.sort_by(|a, b| a.user.cmp(&b.user));
            rows.retain(|m| after.is_none_or(|after| m.user > *after));
            rows
        }
    };
    let has_more = members.len() > limit;
    members.truncate(limit);
    let pairs = members.iter().map(|member| (member.user.clone(), user.clone())).collect();
    let privacy = PrivacyPorts { rules, conversations: ports.conversations };
    for (reader, _) in hidden_reads(privacy, &pairs).await? {
        for member in members.iter_mut().filter(|member| member.user == reader) {
            member.read_up_to = Sequence::ZERO;
        }
    }
    Ok(report(&entry, &members, has_more))
}

fn report(entry: &Entry, members: &[Member], has_more: bool) -> StatusReport {
    let status_of = |member: &Member| {
        if member.read_up_to >= entry.sequence {
            Status::Read
        } else if member.delivered_up_to >= entry.sequence {
            Status::Delivered
        } else {
            Status::Sent
        }
    };
    // Who has joined since does not see it, though their marks begin beyond it.
    let sees = |m: &&Member| m.user != entry.sender.user && m.joined_at <= entry.sequence;
    let by_user: BTreeMap<UserId, Status> =
        members.iter().filter(sees).map(|m| (m.user.clone(), status_of(m))).collect();
    let count = |status| by_user.values().filter(|of_user| **of_user == status).count() as u64;
    StatusReport {
        counts: Counts { sent: count(Status::Sent), delivered: count(Status::Delivered), read: count(Status::Read) },
        by_user,
        marks: members.iter().map(|m| (m.user.clone(), (m.delivered_up_to, m.read_up_to))).collect(),
        has_more,
    }
}
