//! Conversations, members, and what a member may see.

use std::collections::BTreeMap;

use crate::{
    ids::{ConversationId, DeviceId, Sequence, Timestamp, UserId},
    limits::ACTIVITY_BUCKET_MS,
    ring::{Ring, RingEntry},
};

/// One member's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The member.
    pub user: UserId,
    /// The last sequence that the fan-out has seen. The tail is never below it.
    pub last_sequence: Sequence,
    /// The server's clock at that entry.
    pub last_ts: Timestamp,
    /// What one of the member's devices has received.
    pub delivered_up_to: Sequence,
    /// What the member has read; never above `delivered_up_to`.
    pub read_up_to: Sequence,
    /// The member sees from here on: the sequence of the joining.
    pub joined_at: Sequence,
    /// No pushes until then.
    pub muted_until: Timestamp,
    /// The dedupe ring of each of the member's devices.
    pub rings: BTreeMap<DeviceId, Ring>,
}

impl Member {
    /// A member of whom nothing is stored yet.
    pub fn new(user: UserId) -> Self {
        Self {
            user,
            last_sequence: Sequence::ZERO,
            last_ts: Timestamp::default(),
            delivered_up_to: Sequence::ZERO,
            read_up_to: Sequence::ZERO,
            joined_at: Sequence::ZERO,
            muted_until: Timestamp::default(),
            rings: BTreeMap::new(),
        }
    }
}

/// How a user stands in a conversation, as a sender must know it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The membership version of the head; zero for a direct conversation, which has none.
    pub membership_version: Sequence,
    /// The user's member row.
    pub member: Option<Member>,
}

impl Standing {
    /// From which sequence on the user may see the conversation; none if not at all.
    pub fn visible_from(&self, conversation: &ConversationId, user: &UserId) -> Option<Sequence> {
        match conversation {
            ConversationId::Direct(a, b) => (a == user || b == user).then_some(Sequence(1)),
            ConversationId::Group(_) => self.member.as_ref().map(|m| m.joined_at),
        }
    }

    /// The last sequence that the rows tell of.
    pub fn known_sequence(&self) -> Sequence {
        self.member.as_ref().map_or(Sequence::ZERO, |m| m.last_sequence)
    }
}

/// A mark that only rises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Watermark {
    /// One of the member's devices has received everything up to it.
    Delivered,
    /// The member has read everything up to it, and so received it.
    Read,
}

/// New entries of the log, as one member's row takes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advance {
    /// The last of the entries.
    pub last_sequence: Sequence,
    /// The server's clock at that entry.
    pub last_ts: Timestamp,
    /// Those that the member sent, for the rings.
    pub sent: BTreeMap<DeviceId, Vec<RingEntry>>,
}

/// The start of the hour that a moment is in: where the activity index files it.
pub fn activity_bucket(ts: Timestamp) -> Timestamp {
    Timestamp(ts.0 - ts.0 % ACTIVITY_BUCKET_MS)
}
