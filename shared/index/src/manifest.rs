//! What a shard is made of: one object, replaced on the condition that it is still the one that was read. So
//! concurrent writers lose nothing, and whoever reads it sees a whole shard.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidings_domain::{
    ids::{Sequence, Timestamp},
    limits::SEARCH_GONE_MS,
};
use tidings_search::document::{Document, Key, Tag};

/// The form that is written.
const VERSION: u8 = 2;
/// So many segments of about one size are put together.
const TIER_SEGMENTS: usize = 4;
/// A segment of more messages than this is written anew once a day at most.
const LARGE_DOCUMENTS: u32 = 50_000;
const DAY_MS: u64 = 24 * 3600 * 1000;

/// A shard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    v: u8,
    /// How often something was said to be gone.
    pub(crate) told: u64,
    pub(crate) segments: Vec<Segment>,
    /// Messages that are gone, or whose earlier versions are.
    pub(crate) gone: Vec<Gone>,
    /// Conversations whose words are not to be found any more.
    pub(crate) forgotten: Vec<Forgotten>,
    /// Its text was dropped.
    #[serde(default)]
    pub(crate) is_downsampled: bool,
}

impl Default for Manifest {
    fn default() -> Self {
        Self {
            v: VERSION,
            told: 0,
            segments: Vec::new(),
            gone: Vec::new(),
            forgotten: Vec::new(),
            is_downsampled: false,
        }
    }
}

/// A piece of a shard: one object, never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Segment {
    /// Its name.
    pub(crate) id: String,
    pub(crate) documents: u32,
    /// The bytes of the object, and how many of them at its beginning phrases and merging alone need.
    pub(crate) bytes: u64,
    pub(crate) head: u64,
    pub(crate) has_text: bool,
    /// The times of its messages.
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// When the first of its messages expires; none where none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<u64>,
    /// It is free of what was said to be gone up to here.
    pub(crate) freed: u64,
    /// When it was made.
    pub(crate) made: u64,
}

impl Segment {
    /// Where the bytes begin that are needed.
    pub(crate) fn needed_from(&self, needs_positions: bool) -> u64 {
        if needs_positions { 0 } else { self.head }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Gone {
    /// Conversation and sequence.
    pub(crate) key: (u64, u64),
    /// Lower versions than this are.
    pub(crate) below: u64,
    /// The time of the message, where it is known.
    pub(crate) ts: Option<u64>,
    /// Which of all that was said.
    pub(crate) told: u64,
    /// When it was said.
    pub(crate) at: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Forgotten {
    pub(crate) conversation: u64,
    pub(crate) until: u64,
    pub(crate) told: u64,
    pub(crate) at: u64,
}

/// What of a shard is gone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Absent {
    below: BTreeMap<Key, u64>,
    forgotten: BTreeMap<Tag, Timestamp>,
}

impl Absent {
    pub(crate) fn is_gone(&self, key: Key, version: Sequence) -> bool {
        self.below.get(&key).is_some_and(|below| version.0 < *below)
    }

    pub(crate) fn is_text_gone(&self, conversation: Tag, ts: Timestamp) -> bool {
        self.forgotten.get(&conversation).is_some_and(|until| ts <= *until)
    }
}

impl Manifest {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let manifest: Self = serde_json::from_slice(bytes)?;
        if manifest.v == VERSION { Ok(manifest) } else { Err(ManifestError::Version(manifest.v)) }
    }

    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, ManifestError> {
        Ok(serde_json::to_vec(self)?)
    }

    pub(crate) fn has(&self, segment: &str) -> bool {
        self.segments.iter().any(|s| s.id == segment)
    }

    pub(crate) fn absent(&self) -> Absent {
        let mut absent = Absent::default();
        for gone in &self.gone {
            let key = Key { conversation: Tag(gone.key.0), sequence: Sequence(gone.key.1) };
            let below = absent.below.entry(key).or_default();
            *below = (*below).max(gone.below);
        }
        for forgotten in &self.forgotten {
            let until = absent.forgotten.entry(Tag(forgotten.conversation)).or_default();
            *until = (*until).max(Timestamp(forgotten.until));
        }
        absent
    }

    /// Notes that the versions of a message below one are gone.
    pub(crate) fn note_gone(&mut self, key: Key, below: u64, ts: Option<Timestamp>, now: Timestamp) {
        let place = (key.conversation.0, key.sequence.0);
        if self.gone.iter().any(|gone| gone.key == place && gone.below >= below) {
            return;
        }
        self.gone.retain(|gone| gone.key != place);
        self.told += 1;
        self.gone.push(Gone { key: place, below, ts: ts.map(|ts| ts.0), told: self.told, at: now.0 });
    }

    /// Notes that the words of a conversation are gone.
    pub(crate) fn note_forgotten(&mut self, conversation: Tag, until: Timestamp, now: Timestamp) {
        if self.forgotten.iter().any(|f| f.conversation == conversation.0 && f.until >= until.0) {
            return;
        }
        self.forgotten.retain(|f| f.conversation != conversation.0);
        self.told += 1;
        let (conversation, until, told, at) = (conversation.0, until.0, self.told, now.0);
        self.forgotten.push(Forgotten { conversation, until, told, at });
    }

    /// Notes what an edit makes of earlier versions.
    pub(crate) fn note_version(&mut self, document: &Document, now: Timestamp) {
        if document.version > document.key.sequence {
            self.note_gone(document.key, document.version.0, Some(document.ts), now);
        }
    }

    /// The segments that are to be written anew, as one: those of about one size, where there are many, and those with
    /// something that is gone.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<Segment> {
        let stale = |segment: &&Segment| self.is_stale(segment, now);
        let mut due: Vec<&Segment> = self.segments.iter().filter(stale).collect();
        let mut tiers: BTreeMap<u32, Vec<&Segment>> = BTreeMap::new();
        for segment in &self.segments {
            tiers.entry((segment.documents.max(1)).ilog2() / 2).or_default().push(segment);
        }
        // A tier that becomes one of the next may fill that, too.
        let mut carried = 0;
        for tier in tiers.values() {
            if tier.len() + carried >= TIER_SEGMENTS {
                due.extend(tier);
                carried = 1;
            } else {
                carried = 0;
            }
        }
        let is_due = |segment: &&Segment| due.iter().any(|d| d.id == segment.id);
        self.segments.iter().filter(is_due).cloned().collect()
    }

    /// Whether a segment holds something that is gone, and may be written anew.
    fn is_stale(&self, segment: &Segment, now: Timestamp) -> bool {
        let is_resting = segment.documents > LARGE_DOCUMENTS && now.0 < segment.made.saturating_add(DAY_MS);
        let reaches = |ts: Option<u64>| ts.is_none_or(|ts| (segment.from..=segment.to).contains(&ts));
        let has_gone = self.gone.iter().any(|gone| gone.told > segment.freed && reaches(gone.ts));
        let has_forgotten = segment.has_text && self.forgotten.iter().any(|f| f.told > segment.freed);
        let has_expired = segment.expires.is_some_and(|at| at <= now.0);
        !is_resting && (has_gone || has_forgotten || has_expired)
    }

    /// Puts one segment, or none where nothing is left, in the place of others; none where they are not all there.
    pub(crate) fn replaced(&self, old: &[Segment], new: Option<&Segment>) -> Option<Self> {
        if !old.iter().all(|segment| self.has(&segment.id)) {
            return None;
        }
        let mut manifest = self.clone();
        manifest.segments.retain(|segment| !old.iter().any(|o| o.id == segment.id));
        manifest.segments.extend(new.cloned());
        Some(manifest)
    }

    /// Forgets what was said to be gone where no segment has it, and no stream brings it again.
    pub(crate) fn forget_told(&mut self, now: Timestamp) {
        let is_kept = |told: u64, at: u64, ts: Option<u64>, segments: &[Segment]| {
            let has_it = |s: &Segment| told > s.freed && ts.is_none_or(|ts| (s.from..=s.to).contains(&ts));
            now.0 < at.saturating_add(SEARCH_GONE_MS) || segments.iter().any(has_it)
        };
        let segments = std::mem::take(&mut self.segments);
        self.gone.retain(|gone| is_kept(gone.told, gone.at, gone.ts, &segments));
        self.forgotten.retain(|f| is_kept(f.told, f.at, None, &segments));
        self.segments = segments;
    }
}

/// Why a manifest cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ManifestError {
    /// It is of a form that is not known here.
    #[error("form {0} is not known")]
    Version(u8),
    /// It is not JSON of this shape.
    #[error("not a manifest")]
    Json(#[from] serde_json::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(id: &str, documents: u32) -> Segment {
        Segment {
            id: id.into(),
            documents,
            bytes: 30,
            head: 10,
            has_text: true,
            from: 100,
            to: 200,
            expires: None,
            freed: 0,
            made: 0,
        }
    }

    fn of(segments: Vec<Segment>) -> Manifest {
        Manifest { segments, ..Manifest::default() }
    }

    fn ids(segments: &[Segment]) -> Vec<&str> {
        segments.iter().map(|s| s.id.as_str()).collect()
    }

    const KEY: Key = Key { conversation: Tag(1), sequence: Sequence(5) };

    #[test]
    fn many_of_one_size_become_one() {
        let mut manifest = of(vec![segment("a", 1), segment("b", 2), segment("c", 3), segment("big", 5000)]);
        assert!(manifest.due(Timestamp(1000)).is_empty());
        manifest.segments.push(segment("d", 1));
        assert_eq!(ids(&manifest.due(Timestamp(1000))), ["a", "b", "c", "d"]);
    }

    #[test]
    fn what_holds_something_gone_is_due_and_then_it_is_forgotten() {
        let mut manifest = of(vec![segment("a", 10), Segment { from: 300, to: 400, ..segment("b", 10) }]);
        manifest.note_gone(KEY, u64::MAX, Some(Timestamp(150)), Timestamp(1000));
        manifest.note_gone(KEY, 7, Some(Timestamp(150)), Timestamp(1000));
        assert_eq!(manifest.gone.len(), 1, "what is gone for good has no versions");
        assert_eq!(ids(&manifest.due(Timestamp(1000))), ["a"]);
        assert!(manifest.absent().is_gone(KEY, Sequence(9)));
        let fresh = Segment { freed: manifest.told, ..segment("c", 9) };
        let old = [manifest.segments[0].clone()];
        let mut merged = manifest.replaced(&old, Some(&fresh)).unwrap();
        assert!(merged.due(Timestamp(1000)).is_empty());
        merged.forget_told(Timestamp(2000));
        assert_eq!(merged.gone.len(), 1, "the stream may bring it again");
        merged.forget_told(Timestamp(1000 + SEARCH_GONE_MS));
        assert!(merged.gone.is_empty());
        assert_eq!(merged.replaced(&old, None), None, "somebody else has replaced it");
    }

    #[test]
    fn a_large_segment_rests_for_a_day() {
        let mut manifest = of(vec![segment("a", LARGE_DOCUMENTS + 1)]);
        manifest.note_gone(KEY, 7, None, Timestamp(1000));
        assert!(manifest.due(Timestamp(1000)).is_empty());
        assert_eq!(ids(&manifest.due(Timestamp(DAY_MS))), ["a"]);
    }

    #[test]
    fn what_expires_is_due_when_it_has() {
        let manifest = of(vec![Segment { expires: Some(500), ..segment("a", 1) }]);
        assert!(manifest.due(Timestamp(499)).is_empty());
        assert_eq!(manifest.due(Timestamp(500)).len(), 1);
    }

    #[test]
    fn a_later_form_is_refused() {
        let mut manifest = Manifest::default();
        assert_eq!(Manifest::parse(&manifest.to_bytes().unwrap()).unwrap(), manifest);
        manifest.v = 3;
        assert!(matches!(Manifest::parse(&manifest.to_bytes().unwrap()), Err(ManifestError::Version(3))));
    }
}
