//! A hunt in one shard.

use std::collections::{BTreeMap, BTreeSet};

use tidings_domain::ids::{Sequence, Timestamp};
use tidings_search::{
    document::Tag,
    index::{Candidate, Hunt, Order, Place, score},
};

use crate::{
    engine::{Columns, Open, SegmentError},
    manifest::Absent,
};

/// The first of what is asked for, in one shard.
pub(crate) fn hunt(
    open: &Open,
    absent: &Absent,
    scope: &BTreeMap<Tag, Sequence>,
    hunt: &Hunt<'_>,
) -> Result<Vec<Candidate>, SegmentError> {
    let mut best = Best { limit: hunt.limit, found: BTreeMap::new() };
    let finding = Finding { absent, scope, hunt };
    if let Some(words) = hunt.words {
        let tags: Vec<_> = open.segments.iter().map(|columns| finding.tags_of(columns)).collect();
        open.matching(words, |segment, doc, relevance| {
            if let (Some(columns), Some(tags)) = (open.segments.get(segment), tags.get(segment)) {
                best.take(finding.place(columns, doc, relevance, tags));
            }
        })?;
    } else {
        for columns in &open.segments {
            let tags = finding.tags_of(columns);
            // The latest are at the end: what is older than the last that has a place has none.
            for doc in (0..columns.len()).rev() {
                if best.is_beaten_by_all(columns.ts(doc)) {
                    break;
                }
                best.take(finding.place(columns, doc, 0.0, &tags));
            }
        }
    }
    Ok(best.found.into_iter().rev().map(|(place, version)| Candidate { place, version }).collect())
}

/// The first so many. One that was indexed twice has one place.
struct Best {
    limit: usize,
    found: BTreeMap<Place, Sequence>,
}

impl Best {
    fn take(&mut self, found: Option<(Place, Sequence)>) {
        let Some((place, version)) = found else { return };
        self.found.insert(place, version);
        if self.found.len() > self.limit {
            self.found.pop_first();
        }
    }

    fn is_beaten_by_all(&self, ts: Timestamp) -> bool {
        self.found.len() >= self.limit && self.found.first_key_value().is_some_and(|(worst, _)| ts < worst.ts)
    }
}

struct Finding<'a> {
    absent: &'a Absent,
    scope: &'a BTreeMap<Tag, Sequence>,
    hunt: &'a Hunt<'a>,
}

impl Finding<'_> {
    /// The tags that are asked for, by their places in a segment.
    fn tags_of(&self, columns: &Columns) -> Vec<BTreeSet<u64>> {
        self.hunt.tags.iter().map(|tags| columns.places(tags)).collect()
    }

    /// The place of a message, if it is what is asked for.
    fn place(&self, columns: &Columns, doc: u32, relevance: f32, tags: &[BTreeSet<u64>]) -> Option<(Place, Sequence)> {
        let hunt = self.hunt;
        let ts = columns.ts(doc);
        if !(hunt.since..hunt.until).contains(&ts) || !tags.iter().all(|places| columns.has_any(doc, places)) {
            return None;
        }
        let score = match hunt.order {
            Order::Recent => 0.0,
            Order::Relevant => score(relevance, ts, hunt.asked_at),
        };
        let (key, version) = (columns.key(doc), columns.version(doc));
        let place = Place { score, ts, key };
        let is_wanted = hunt.after.is_none_or(|after| place < after)
            && self.scope.get(&key.conversation).is_some_and(|from| key.sequence >= *from)
            && !hunt.not_from.contains(&columns.sender(doc))
            && columns.expires_at(doc).is_none_or(|at| at > hunt.now)
            && !self.absent.is_gone(key, version)
            && !(hunt.words.is_some() && self.absent.is_text_gone(key.conversation, ts));
        is_wanted.then_some((place, version))
    }
}
