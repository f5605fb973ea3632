//! The port of an index: what use cases ask of one, whatever it is made of.
//!
//! An index may lag and may be wrong about what has gone since: whoever asks reads each message from the log before it is
//! shown. What it must not do is miss what it was told, or tell of what lies outside the scope.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use tidings_domain::{
    ids::{Sequence, Timestamp},
    ports::PortResult,
};

use crate::{
    document::{Document, Key, Shard, Tag},
    query::Words,
};

/// A change of the index. Changes may be repeated, and come in any order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A message, or what an edit made of it: its lower versions are gone.
    Put(Document),
    /// A message is gone, whatever its version.
    Remove {
        /// Which.
        key: Key,
        /// Where it was.
        shard: Shard,
        /// Its time.
        ts: Timestamp,
    },
}

impl Change {
    /// The shard that it is about.
    pub fn shard(&self) -> Shard {
        match self {
            Self::Put(document) => document.shard,
            Self::Remove { shard, .. } => *shard,
        }
    }
}

/// What comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The latest.
    #[default]
    Recent,
    /// What fits the words best, the latest of what fits as well.
    Relevant,
}

/// A place in an order: what is greater comes first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// How well it fits; zero where that is not asked.
    pub score: f32,
    /// Its time.
    pub ts: Timestamp,
    /// Which message.
    pub key: Key,
}

impl Eq for Place {}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        let rest = |place: &Self| (place.ts, place.key);
        self.score.total_cmp(&other.score).then_with(|| rest(self).cmp(&rest(other)))
    }
}

/// What an index is asked.
#[derive(Clone, Debug)]
pub struct Hunt<'a> {
    /// In which conversations, from which place on.
    pub scope: &'a BTreeMap<Tag, Sequence>,
    /// With these words.
    pub words: Option<&'a Words>,
    /// With one tag of each of these sets.
    pub tags: &'a [BTreeSet<Tag>],
    /// By none of these senders.
    pub not_from: &'a BTreeSet<Tag>,
    /// From a moment on.
    pub since: Timestamp,
    /// Before a moment.
    pub until: Timestamp,
    /// In which order.
    pub order: Order,
    /// When the first page was asked for: ages are counted from there, so that pages fit together.
    pub asked_at: Timestamp,
    /// Now, for what has expired.
    pub now: Timestamp,
    /// Behind this place.
    pub after: Option<Place>,
    /// So many at most.
    pub limit: usize,
}

/// Something that an index has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Which message, and where it stands in the order.
    pub place: Place,
    /// The version that was indexed.
    pub version: Sequence,
}

/// For how long what is kept, in months; see [`Index::maintain`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    /// Text of so many months is kept, this one included; of older ones the rest.
    pub text_months: u32,
    /// So many months are kept, this one included.
    pub months: u32,
}

/// What maintenance has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Maintained {
    /// Shards that were looked at.
    pub shards: u64,
    /// Shards whose pieces were put together, or freed of what is gone.
    pub merged: u64,
    /// Shards whose text was dropped.
    pub downsampled: u64,
    /// Shards that were dropped.
    pub expired: u64,
    /// Objects that were removed.
    pub removed: u64,
}

/// An index.
pub trait Index: Send + Sync {
    /// Takes changes: they are found from then on.
    fn apply<'a>(&'a self, changes: &'a [Change]) -> PortResult<'a, ()>;

    /// What a conversation has said until then is not to be found by its words any more.
    fn forget_text(&self, conversation: Tag, until: Timestamp, now: Timestamp) -> PortResult<'_, ()>;

    /// The first of what is asked for, in order.
    fn hunt<'a>(&'a self, hunt: &'a Hunt<'a>) -> PortResult<'a, Vec<Candidate>>;

    /// Puts pieces together, frees them of what is gone, drops text and shards that are too old. All shards, or
    /// those that changed since a moment.
    fn maintain(&self, lifecycle: Lifecycle, changed_since: Timestamp, now: Timestamp) -> PortResult<'_, Maintained>;
}

/// How well something fits, by the words and by its age: half as much for each 30 days, and a third for 60.
pub fn score(relevance: f32, ts: Timestamp, asked_at: Timestamp) -> f32 {
    const HALF_AT_HOURS: f32 = 30.0 * 24.0;
    let hours = u16::try_from(asked_at.ms_since(ts) / 3_600_000).unwrap_or(u16::MAX);
    relevance / (1.0 + f32::from(hours) / HALF_AT_HOURS)
}
