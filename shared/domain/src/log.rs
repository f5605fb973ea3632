//! The log: entries, the partition they live in, and the tail that a writer stands on.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    ids::{ClientMsgId, ConversationId, DeviceId, MessageId, Sender, Sequence, Timestamp, UserId},
    limits::PARTITION_SEQUENCES,
};

/// What sort of event an entry is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventKind {
    /// A message.
    #[default]
    Message,
    /// A change of an earlier message.
    Edit,
    /// An earlier message taken back, for everyone.
    Delete,
    /// A reaction to an earlier message, or its withdrawal.
    Reaction,
    /// A change of who is in the conversation.
    Membership,
    /// An MLS commit.
    Commit,
}

/// What sort of content a message has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContentKind {
    /// Text.
    #[default]
    Text,
    /// A picture.
    Image,
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
    /// A document.
    Doc,
    /// Said by the service or about the conversation.
    System,
}

/// What the sender said: everything that the service carries and does not look into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// What sort of content.
    pub kind: ContentKind,
    /// JSON text, opaque.
    pub payload: Arc<str>,
    /// The sender's clock, for display only.
    pub client_ts: Timestamp,
    /// Content in object storage.
    pub media_handle: Option<Arc<str>>,
    /// The message answered.
    pub in_reply_to: Option<MessageId>,
    /// The first message of the thread.
    pub thread_root: Option<MessageId>,
    /// Users to draw the attention of.
    pub mentions: Vec<UserId>,
    /// Life in seconds, counted from the append.
    pub ttl_seconds: Option<u64>,
    /// What only one device may read, by device.
    pub envelopes: BTreeMap<DeviceId, Arc<str>>,
}

/// One row of the log, whole: also what the stream and the outbox carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The conversation.
    pub conversation: ConversationId,
    /// The place in it.
    pub sequence: Sequence,
    /// Who sent it.
    pub sender: Sender,
    /// The sender's name for it.
    pub client_msg_id: ClientMsgId,
    /// The server's clock at the append.
    pub ts: Timestamp,
    /// What sort of event.
    pub event: EventKind,
    /// The message that an edit, a delete or a reaction is about.
    pub target: Option<MessageId>,
    /// The content.
    pub content: Content,
    /// State that every row carries, so that the tail tells it exactly.
    pub state: ConversationState,
}

/// What a conversation's tail says of the conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConversationState {
    /// The MLS epoch.
    pub epoch: u64,
    /// The sequence of the last membership event; zero where there was none.
    pub membership_version: Sequence,
}

impl Entry {
    /// The service's name for the entry.
    pub fn message_id(&self) -> MessageId {
        MessageId::of(&self.conversation, &self.sender, &self.client_msg_id)
    }

    /// When it is to vanish from reads.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.content.ttl_seconds.map(|s| self.ts.plus_ms(s.saturating_mul(1000)))
    }

    /// Whether it has vanished by now. Storage lags, so every read asks.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at().is_some_and(|at| at <= now)
    }

    /// The same entry as a reader sees it: without content once it has expired. The row stays
    /// visible, for a hole in the sequences would make every client pull for ever.
    #[must_use]
    pub fn as_read_at(mut self, now: Timestamp) -> Self {
        if self.is_expired(now) {
            self.content.payload = "null".into();
            self.content.media_handle = None;
            self.content.mentions.clear();
            self.content.envelopes.clear();
        }
        self
    }
}

/// The last rows of a log, oldest first, gapless, ending at the tail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    /// The rows.
    pub entries: Vec<Entry>,
}

impl Tail {
    /// The sequence of the last row; zero for an empty log.
    pub fn sequence(&self) -> Sequence {
        self.entries.last().map_or(Sequence::ZERO, |e| e.sequence)
    }

    /// The state that the last row carries.
    pub fn state(&self) -> ConversationState {
        self.entries.last().map(|e| e.state).unwrap_or_default()
    }

    /// The row of this message, where it is among these.
    pub fn find(&self, id: MessageId) -> Option<&Entry> {
        self.entries.iter().rev().find(|e| e.message_id() == id)
    }
}

/// The partition of the log that holds a sequence: 1 to 4,096 are in 0, and so on.
pub fn partition_of(sequence: Sequence) -> u64 {
    sequence.previous().0 / PARTITION_SEQUENCES
}

/// The last sequence that a partition holds.
pub fn partition_end(partition: u64) -> Sequence {
    Sequence((partition + 1) * PARTITION_SEQUENCES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_meet_without_gap_or_overlap() {
        assert_eq!(partition_of(Sequence(1)), 0);
        assert_eq!(partition_of(Sequence(4_096)), 0);
        assert_eq!(partition_of(Sequence(4_097)), 1);
        assert_eq!(partition_end(0), Sequence(4_096));
        assert_eq!(partition_of(partition_end(7)), 7);
        assert_eq!(partition_of(partition_end(7).next()), 8);
    }
}
