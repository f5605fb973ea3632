//! A hunt in one shard.

use std::collections::{BTreeMap, BTreeSet};

use tidings_domain::ids::{Sequence, Timestamp};
use tidings_search::{
    document::Tag,
    index::{Candidate, Hunt, Order, Place, score},
    query::Words,
};

use crate::{
    engine::{Damaged, Open, Posting},
    manifest::Absent,
};

/// How soon a word that comes again counts no more, and how much long texts are held back: BM25's usual.
const SATURATION: f32 = 1.2;
const LENGTH_WEIGHT: f32 = 0.75;

/// The first of what is asked for, in one shard.
pub(crate) fn hunt(
    segments: &[Open],
    absent: &Absent,
    scope: &BTreeMap<Tag, Sequence>,
    hunt: &Hunt<'_>,
) -> Result<Vec<Candidate>, Damaged> {
    let mut best = Best { limit: hunt.limit, found: BTreeMap::new() };
    let finding = Finding { absent, scope, hunt };
    if let Some(words) = hunt.words {
        let found = matching(segments, words)?;
        for (open, found) in segments.iter().zip(found) {
            let tags = finding.tags_of(open);
            for (doc, relevance) in found {
                best.take(finding.place(open, doc, relevance, &tags));
            }
        }
    } else {
        for open in segments {
            let tags = finding.tags_of(open);
            // The latest are at the end: what is older than the last that has a place has none.
            for doc in (0..u32::try_from(open.columns.len()).unwrap_or(u32::MAX)).rev() {
                if best.is_beaten_by_all(open.columns.ts(doc)) {
                    break;
                }
                best.take(finding.place(open, doc, 0.0, &tags));
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
    fn tags_of(&self, open: &Open) -> Vec<BTreeSet<u32>> {
        self.hunt.tags.iter().map(|tags| open.columns.places(tags)).collect()
    }

    /// The place of a message, if it is what is asked for.
    fn place(&self, open: &Open, doc: u32, relevance: f32, tags: &[BTreeSet<u32>]) -> Option<(Place, Sequence)> {
        let (columns, hunt) = (&open.columns, self.hunt);
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

/// The messages of each segment that have what words ask for, and how well they fit: by how rare the words are in all
/// segments together.
fn matching(segments: &[Open], words: &Words) -> Result<Vec<Vec<(u32, f32)>>, Damaged> {
    let documents: usize = segments.iter().map(|open| open.columns.len()).sum();
    let all_words: u64 = segments.iter().map(|open| open.columns.words()).sum();
    let average = (real(all_words) / real(documents as u64).max(1.0)).max(1.0);
    let mut found: Vec<Option<Vec<(u32, f32)>>> = segments.iter().map(|_| None).collect();
    for matcher in &words.all {
        let lists = segments.iter().map(|open| open.matching(matcher)).collect::<Result<Vec<_>, Damaged>>()?;
        let having = real(lists.iter().map(Vec::len).sum::<usize>() as u64);
        let rarity = ((real(documents as u64) - having + 0.5) / (having + 0.5)).ln_1p().max(0.0);
        for ((open, list), found) in segments.iter().zip(lists).zip(&mut found) {
            let weighed = list.into_iter().map(|posting| (posting.doc, rarity * weight(open, posting, average)));
            *found = Some(match found.take() {
                None => weighed.collect(),
                Some(before) => both(&before, weighed),
            });
        }
    }
    for matcher in &words.none {
        for (open, found) in segments.iter().zip(&mut found) {
            let without: BTreeSet<u32> = open.matching(matcher)?.iter().map(|posting| posting.doc).collect();
            if let Some(found) = found {
                found.retain(|(doc, _)| !without.contains(doc));
            }
        }
    }
    Ok(found.into_iter().map(Option::unwrap_or_default).collect())
}

fn weight(open: &Open, posting: Posting, average: f32) -> f32 {
    let (count, length) = (real(u64::from(posting.count)), real(u64::from(open.columns.length(posting.doc))));
    let held_back = SATURATION * (1.0 - LENGTH_WEIGHT + LENGTH_WEIGHT * length / average);
    count * (SATURATION + 1.0) / (count + held_back)
}

/// Those that are in both lists, which are in order, with the sum of their weights.
fn both(before: &[(u32, f32)], list: impl Iterator<Item = (u32, f32)>) -> Vec<(u32, f32)> {
    let (mut rest, mut found) = (before, Vec::new());
    for (doc, weight) in list {
        rest = &rest[rest.partition_point(|(other, _)| *other < doc)..];
        match rest.first() {
            Some((other, earlier)) if *other == doc => found.push((doc, earlier + weight)),
            Some(_) => {}
            None => break,
        }
    }
    found
}

#[expect(clippy::cast_precision_loss, reason = "a weight, of which a few digits matter")]
fn real(number: u64) -> f32 {
    number as f32
}
