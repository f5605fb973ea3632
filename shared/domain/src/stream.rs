//! What travels on the stream from writers to consumers.

use crate::{
    conversation::Watermark,
    ids::{ConversationId, MessageId, Sender, Sequence, Timestamp, UserId},
    log::Entry,
};

/// One record. Records of a conversation share a partition key; two writers' records may
/// still arrive in the other order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamRecord {
    /// Entries of one conversation were appended; nearly always one.
    Appended {
        /// The conversation.
        conversation: ConversationId,
        /// The entries, whole, at least one.
        entries: Vec<Entry>,
        /// Devices that the express lane posts to.
        reached: Vec<Sender>,
    },
    /// A watermark rose.
    Raised(Receipt),
    /// A member who is connected may have missed something.
    Behind {
        /// The conversation.
        conversation: ConversationId,
        /// The member.
        user: UserId,
        /// The end of what they may have missed.
        last_sequence: Sequence,
        /// The membership version of the entry there.
        membership_version: Sequence,
    },
}

impl StreamRecord {
    /// The partition key.
    pub fn conversation(&self) -> &ConversationId {
        match self {
            Self::Appended { conversation, .. } | Self::Behind { conversation, .. } => conversation,
            Self::Raised(receipt) => &receipt.conversation,
        }
    }

    /// The membership version of what the record is about; zero for a direct conversation, which has none.
    pub fn membership_version(&self) -> Sequence {
        match self {
            Self::Appended { entries, .. } => {
                entries.iter().map(|e| e.state.membership_version).max().unwrap_or_default()
            }
            Self::Raised(receipt) => receipt.membership_version,
            Self::Behind { membership_version, .. } => *membership_version,
        }
    }
}

/// A member's watermark rose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The conversation.
    pub conversation: ConversationId,
    /// The member, and the device that said so: it need not be told.
    pub by: Sender,
    /// Which mark.
    pub mark: Watermark,
    /// To where.
    pub up_to: Sequence,
    /// The entry there.
    pub message_id: MessageId,
    /// The membership version of that entry: who is told is read no older than it.
    pub membership_version: Sequence,
    /// When.
    pub ts: Timestamp,
    /// Only the member's own devices are told: there are too many others.
    pub is_own_alone: bool,
}
