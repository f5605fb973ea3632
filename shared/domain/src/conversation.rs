//! Conversations, members, and what a member may see.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    group::{Group, Role},
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
    /// The start of the hour in which the row last moved: where the activity index files it.
    pub active_at: Timestamp,
    /// What one of the member's devices has received.
    pub delivered_up_to: Sequence,
    /// What the member has read; never above `delivered_up_to`.
    pub read_up_to: Sequence,
    /// The member sees from here on: the sequence of the joining.
    pub joined_at: Sequence,
    /// What the member is in the group.
    pub role: Role,
    /// When the member last sent something, as the fan-out has seen it.
    pub sent_at: Timestamp,
    /// No pushes until then.
    pub muted_until: Timestamp,
    /// Since when it is pinned; zero: it is not.
    pub pinned_at: Timestamp,
    /// It is put away.
    pub is_archived: bool,
    /// The member has hidden messages: who reads for them looks which.
    pub has_hidden: bool,
    /// The member agrees that the text of what is said is indexed for search.
    pub agrees_to_search: bool,
    /// Of a conversation of two: since when the member has blocked the other; zero: they have not.
    pub blocked_at: Timestamp,
    /// Of a conversation of two: when the member has accepted that the other writes to them; zero: they have not said.
    pub accepted_at: Timestamp,
    /// The dedupe ring of each of the member's devices.
    pub rings: BTreeMap<DeviceId, Ring>,
}

impl Member {
    /// Whether the member has ever sent something, as the fan-out has seen it.
    pub fn has_sent(&self) -> bool {
        self.sent_at > Timestamp::default()
    }

    /// Whether the other one of a conversation of two may be there with them: the member has written, or has accepted that the
    /// other does.
    pub fn has_accepted(&self) -> bool {
        self.has_sent() || self.accepted_at > Timestamp::default()
    }

    /// Of a conversation of two: whether the member has blocked the other.
    pub fn has_blocked(&self) -> bool {
        self.blocked_at > Timestamp::default()
    }

    /// A member of whom nothing is stored yet.
    pub fn new(user: UserId) -> Self {
        Self {
            user,
            last_sequence: Sequence::ZERO,
            last_ts: Timestamp::default(),
            active_at: Timestamp::default(),
            delivered_up_to: Sequence::ZERO,
            read_up_to: Sequence::ZERO,
            joined_at: Sequence::ZERO,
            role: Role::Member,
            sent_at: Timestamp::default(),
            muted_until: Timestamp::default(),
            pinned_at: Timestamp::default(),
            is_archived: false,
            has_hidden: false,
            agrees_to_search: false,
            blocked_at: Timestamp::default(),
            accepted_at: Timestamp::default(),
            rings: BTreeMap::new(),
        }
    }
}

/// What a conversation's head says to those who list it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label {
    /// The name of a group.
    pub title: Option<Arc<str>>,
    /// The picture of a group, in object storage.
    pub avatar: Option<Arc<str>>,
    /// Life of messages that name none, in seconds.
    pub ttl_seconds: Option<u64>,
    /// All members agree that the text of what follows is indexed for search.
    pub indexes_text: bool,
    /// Text of before is not to be found by search: a member withdrew then.
    pub text_since: Timestamp,
}

/// How far the durable lane has come in a group that is pulled, where it moves no member's row but
/// the senders'.
///
/// It has seen every entry up to here, and the rings of all who sent one are complete up to here.
/// While a group is pushed, or the lane has yet to bring the rows into the new mode, there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reach {
    /// The last sequence that was seen.
    pub last_sequence: Sequence,
    /// The server's clock at that entry.
    pub last_ts: Timestamp,
    /// Since which event the group was pulled when its rows were filed as those of such a group. Where it
    /// has been pushed in between, they have yet to be filed again.
    pub since: Sequence,
}

/// How a reach changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReachMove {
    /// The group is pulled since an event, and every member's row has been moved so far and filed
    /// where lists always look. Only where that has not been said of the same event.
    Begin(Reach),
    /// More was seen, whatever the rows. Only where there is a reach, and further than it.
    Rise(Reach),
    /// The group is pushed again and every member's row has been moved so far: rows tell from now
    /// on. Only where it is pushed and the reach is not beyond.
    End {
        /// How far the rows were moved.
        up_to: Sequence,
    },
}

/// The members of a conversation, as they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// The membership version that the head tells of; zero for a direct conversation.
    pub version: Sequence,
    /// When the group last changed.
    pub changed_at: Timestamp,
    /// Since when the group is pulled; none where it is pushed.
    pub pulled_since: Option<Sequence>,
    /// How far a group that is pulled has been seen.
    pub reach: Option<Reach>,
    /// How often a member has agreed to the indexing of text, or withdrawn.
    pub agreements: u64,
    /// All members agree that the text of what follows is indexed for search.
    pub indexes_text: bool,
    /// The rows.
    pub rows: Vec<Member>,
}

impl Members {
    /// The reach of a group that is pulled and whose rows have been filed as those of such a group.
    pub fn settled_reach(&self) -> Option<Reach> {
        self.reach.filter(|reach| self.pulled_since == Some(reach.since))
    }

    /// Whether the rows are as the group's mode has them.
    pub fn is_settled(&self) -> bool {
        if self.pulled_since.is_some() { self.settled_reach().is_some() } else { self.reach.is_none() }
    }
}

/// How a user stands in a conversation, as a sender must know it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The membership version of the head; zero for a direct conversation, which has none.
    pub membership_version: Sequence,
    /// The user's member row.
    pub member: Option<Member>,
    /// Of a conversation of two: the other's row.
    pub peer: Option<Member>,
    /// Until then the batch sequencer appends.
    pub hot_until: Timestamp,
    /// The group, where it is one.
    pub group: Option<Group>,
    /// Life of messages that name none, in seconds, of a direct conversation.
    pub direct_ttl_seconds: Option<u64>,
    /// All members agree that the text of what follows is indexed for search.
    pub indexes_text: bool,
    /// How far a group that is pulled has been seen.
    pub reach: Option<Reach>,
}

impl Standing {
    /// From which sequence on the user may see the conversation; none if not at all.
    pub fn visible_from(&self, conversation: &ConversationId, user: &UserId) -> Option<Sequence> {
        match conversation {
            ConversationId::Direct(a, b) => (a == user || b == user).then_some(Sequence(1)),
            ConversationId::Group(_) => self.member.as_ref().map(|m| m.joined_at),
        }
    }

    /// Of a conversation of two: whether the user has blocked the other.
    pub fn has_blocked(&self) -> bool {
        self.member.as_ref().is_some_and(Member::has_blocked)
    }

    /// Of a conversation of two: whether the other has blocked the user.
    pub fn is_blocked(&self) -> bool {
        self.peer.as_ref().is_some_and(Member::has_blocked)
    }

    /// Life of messages that name none, in seconds.
    pub fn ttl_seconds(&self) -> Option<u64> {
        self.group.as_ref().map_or(self.direct_ttl_seconds, |group| group.settings.ttl_seconds)
    }

    /// The last sequence that the rows tell of. Up to there the durable lane has completed the
    /// member's rings: either the row says so or, of a group that is pulled, the head.
    pub fn known_sequence(&self) -> Sequence {
        self.row_sequence().max(self.reach.map(|reach| reach.last_sequence).unwrap_or_default())
    }

    /// The last sequence that the member's own row tells of.
    pub fn row_sequence(&self) -> Sequence {
        self.member.as_ref().map_or(Sequence::ZERO, |m| m.last_sequence)
    }
}

/// What a member of a conversation of two rules of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerRule {
    /// The other is blocked since then.
    Block(Timestamp),
    /// The other is not blocked any more.
    Unblock,
    /// The other may write, since then.
    Accept(Timestamp),
}

impl PeerRule {
    /// The row with the rule.
    pub fn apply_to(self, row: &mut Member) {
        match self {
            Self::Block(at) => row.blocked_at = if row.has_blocked() { row.blocked_at } else { at },
            Self::Unblock => row.blocked_at = Timestamp::default(),
            Self::Accept(at) => row.accepted_at = at,
        }
    }
}

/// Changes of what a member has set for themselves; what is absent stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PreferencesPatch {
    /// No pushes until then; zero: pushes.
    pub muted_until: Option<Timestamp>,
    /// Whether it is pinned. What is pinned already keeps its moment.
    pub is_pinned: Option<bool>,
    /// Whether it is put away.
    pub is_archived: Option<bool>,
}

impl PreferencesPatch {
    /// The row with the changes, moved in the member's list to now, unless it is filed where lists
    /// always look.
    pub fn apply_to(self, row: &mut Member, now: Timestamp) {
        row.muted_until = self.muted_until.unwrap_or(row.muted_until);
        row.pinned_at = match self.is_pinned {
            Some(true) if row.pinned_at == Timestamp::default() => now,
            Some(false) => Timestamp::default(),
            _ => row.pinned_at,
        };
        row.is_archived = self.is_archived.unwrap_or(row.is_archived);
        if !row.is_filed_as_pulled() {
            row.active_at = activity_bucket(now);
        }
    }
}

/// Whether a member agrees that the text of what is said is indexed for search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// The member agrees.
    Given,
    /// The member does not, or no more.
    Withdrawn {
        /// Text of before then is not to be found.
        text_since: Timestamp,
    },
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
    /// The row must have got this far: whoever moves it has everything after that. Zero where the
    /// head tells that the rings are complete up to what the caller has.
    pub after: Sequence,
    /// The last of the entries.
    pub last_sequence: Sequence,
    /// The server's clock at that entry.
    pub last_ts: Timestamp,
    /// When the member sent the last of them that is theirs.
    pub sent_at: Option<Timestamp>,
    /// Where to file the row: under the moment of the move, which is when lists can see it (the
    /// entry may be older by far), or, of a group that is pulled, at the far end.
    pub moved_at: Timestamp,
    /// Those that the member sent, for the rings.
    pub sent: BTreeMap<DeviceId, Vec<RingEntry>>,
}

/// What became of a member row that was to be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advanced {
    /// It has got there, or was there; or the user is no member.
    Done,
    /// It has not got to where the entries begin, but to here.
    Behind(Sequence),
}

/// Where the activity index files the rows of groups that are pulled: after every hour, since these
/// rows do not move with each message, so that every list finds them.
pub const PULLED_BUCKET: Timestamp = Timestamp(1_000_000_000 * ACTIVITY_BUCKET_MS);

impl Member {
    /// Whether the row is filed as that of a group that is pulled: the head tells how far that has got.
    pub fn is_filed_as_pulled(&self) -> bool {
        self.active_at == PULLED_BUCKET
    }
}

/// The start of the hour that a moment is in: where the activity index files it.
pub fn activity_bucket(ts: Timestamp) -> Timestamp {
    Timestamp(ts.0 - ts.0 % ACTIVITY_BUCKET_MS)
}
