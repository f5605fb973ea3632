//! The log: entries, the partition they live in, and the tail that a writer stands on.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    group::MembershipEvent,
    ids::{ClientMsgId, ConversationId, DeviceId, KindName, MessageId, Sender, Sequence, Timestamp, UserId},
    limits::{PARTITION_SEQUENCES, SEGMENT_BYTES_MAX, SEGMENT_ENTRIES_MAX},
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
    /// What somebody chooses in a poll; it takes the place of what they chose before.
    Vote,
    /// An earlier message pinned, for everyone.
    Pin,
    /// The end of that.
    Unpin,
    /// A change of who is in the conversation.
    Membership,
    /// An MLS commit.
    Commit,
}

/// What sort of content a message has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// A question with choices.
    Poll,
    /// Said by the service or about the conversation.
    System,
    /// What other clients know: it passes through.
    Other(KindName),
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
    /// Everybody is to take notice.
    pub mentions_all: bool,
    /// Each reader opens it once; nothing else shows its content.
    pub is_view_once: bool,
    /// How often it has been passed on before it came here.
    pub forwards: u64,
    /// A reaction, none where it is taken back; or what is chosen in a poll.
    pub choices: Vec<Arc<str>>,
    /// Life in seconds, counted from the append.
    pub ttl_seconds: Option<u64>,
    /// What only one device may read, by device.
    pub envelopes: BTreeMap<DeviceId, Arc<str>>,
    /// Of a commit: what those need whom it adds.
    pub welcome: Option<Box<Welcome>>,
    /// Nobody is to see it but its sender, whom the other one had blocked.
    pub is_withheld: bool,
}

/// What an MLS commit has for those whom it adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// JSON text, opaque.
    pub payload: Arc<str>,
    /// Whom it is for.
    pub devices: Vec<Sender>,
}

impl Content {
    /// No content.
    pub fn empty(client_ts: Timestamp) -> Self {
        Self {
            kind: ContentKind::Text,
            payload: "null".into(),
            client_ts,
            media_handle: None,
            in_reply_to: None,
            thread_root: None,
            mentions: Vec::new(),
            mentions_all: false,
            is_view_once: false,
            forwards: 0,
            choices: Vec::new(),
            ttl_seconds: None,
            envelopes: BTreeMap::new(),
            welcome: None,
            is_withheld: false,
        }
    }
}

impl Content {
    /// Takes away what the sender said, and leaves what it was.
    pub fn erase(&mut self) {
        self.payload = "null".into();
        self.media_handle = None;
        self.mentions.clear();
        self.mentions_all = false;
        self.choices.clear();
        self.envelopes.clear();
        self.welcome = None;
    }
}

/// The message that an edit, a delete, a reaction, a vote or a pin is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its id.
    pub message: MessageId,
    /// Its place.
    pub sequence: Sequence,
    /// Who sent it.
    pub author: UserId,
}

/// Why the content of an entry is gone from the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erasure {
    /// It was deleted for everyone.
    Deleted,
    /// Its life has ended.
    Expired,
    /// Everybody has opened it who could.
    Viewed,
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
    /// The message that the event is about.
    pub target: Option<Target>,
    /// The content.
    pub content: Content,
    /// What a membership event says.
    pub membership: Option<Box<MembershipEvent>>,
    /// Why the content is gone, where it is.
    pub erased: Option<Erasure>,
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
    /// All members had agreed that the text of what follows is indexed for search.
    pub indexes_text: bool,
}

impl Entry {
    /// The service's name for the entry.
    pub fn message_id(&self) -> MessageId {
        MessageId::of(&self.conversation, &self.sender, &self.client_msg_id)
    }

    /// About how much it takes in a row or a stream record, in bytes: never less than it does.
    pub fn weight_bytes(&self) -> usize {
        const FIELDS_BYTES: usize = 1024;
        const ID_BYTES: usize = 72;
        let content = &self.content;
        let envelopes: usize = content.envelopes.values().map(|envelope| envelope.len() + ID_BYTES).sum();
        // A JSON text within JSON: its quotes, backslashes and line ends take two bytes.
        let escaped = content.payload.bytes().filter(|b| matches!(b, b'"' | b'\\' | 0..0x20)).count();
        let choices: usize = content.choices.iter().map(|choice| choice.len() + 8).sum();
        // Its text is JSON within JSON, and quoted itself.
        let welcome = content.welcome.as_ref();
        let welcome = welcome.map_or(0, |w| w.payload.len() + 8 + w.devices.len() * 2 * ID_BYTES);
        let users = content.mentions.len() + self.membership.as_ref().map_or(0, |event| event.users.len() + 8);
        FIELDS_BYTES + content.payload.len() + escaped + users * ID_BYTES + envelopes + choices + welcome
    }

    /// When it is to vanish from reads.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.content.ttl_seconds.map(|s| self.ts.plus_ms(s.saturating_mul(1000)))
    }

    /// Whether it has vanished by now. Storage lags, so every read asks.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at().is_some_and(|at| at <= now)
    }

    /// Whether it is a message with something to read at a time.
    pub fn is_message_at(&self, now: Timestamp) -> bool {
        self.event == EventKind::Message && self.erased.is_none() && !self.is_expired(now)
    }

    /// Whether a user is to see that it is there: what was withheld, its sender alone.
    pub fn is_for(&self, user: &UserId) -> bool {
        !self.content.is_withheld || self.sender.user == *user
    }

    /// Whether it draws a user's attention, by name or as one of all.
    pub fn mentions(&self, user: &UserId) -> bool {
        self.content.mentions_all || self.content.mentions.contains(user)
    }

    /// The same entry as a reader sees it: without content once it has expired or where it is to be opened. The row stays
    /// visible, for a hole in the sequences would make every client pull for ever.
    #[must_use]
    pub fn as_read_at(mut self, now: Timestamp) -> Self {
        if self.is_expired(now) || self.content.is_view_once {
            self.content.erase();
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

/// Entries in runs that each fit one row, or one record of the stream: pieces of the log, without a
/// gap, or a reader takes them for damaged.
pub fn rows_of(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    let mut rows: Vec<Vec<Entry>> = Vec::new();
    let mut bytes = 0;
    for entry in entries {
        bytes += entry.weight_bytes();
        let fits = |row: &Vec<Entry>| {
            row.len() < SEGMENT_ENTRIES_MAX
                && bytes <= SEGMENT_BYTES_MAX
                && row.last().is_none_or(|last| last.sequence.next() == entry.sequence)
        };
        match rows.last_mut() {
            Some(row) if fits(row) => row.push(entry),
            _ => {
                bytes = entry.weight_bytes();
                rows.push(vec![entry]);
            }
        }
    }
    rows
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
