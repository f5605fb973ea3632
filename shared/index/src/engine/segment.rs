//! Segments, made of documents or of others.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tidings_domain::ids::Timestamp;
use tidings_search::{
    document::{Document, Shard},
    query::Matcher,
    text::tokens,
};

use super::{
    Columns, Damaged, Posting,
    words::{Dictionary, Words, Writer},
};
use crate::manifest::{Absent, Segment};

/// The parts of a segment's object, in their order.
const PARTS: [&str; 4] = ["positions", "postings", "dictionary", "columns"];

/// The bytes of a segment's object, from a place on.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    /// Where they begin in the object.
    pub(crate) from: u64,
    pub(crate) bytes: Arc<Vec<u8>>,
}

impl Held {
    /// Where the bytes begin that are needed.
    pub(crate) fn needed_from(segment: &Segment, needs_positions: bool) -> u64 {
        let positions = segment.parts.first().map_or(0, |(_, length)| *length);
        if needs_positions { 0 } else { positions }
    }
}

/// What is written of a segment: its object, and what its manifest says of it.
pub(crate) struct Parts {
    pub(crate) segment: Segment,
    pub(crate) object: Vec<u8>,
}

/// A segment that can be searched.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) columns: Columns,
    dictionary: Dictionary,
    held: Held,
    /// Where each part begins and ends in the object.
    bounds: [(u64, u64); 4],
}

impl Open {
    pub(crate) fn new(segment: &Segment, held: &Held) -> Result<Self, Damaged> {
        let mut bounds = [(0, 0); 4];
        let mut start = 0u64;
        for (bound, (_, length)) in bounds.iter_mut().zip(&segment.parts) {
            *bound = (start, start.saturating_add(*length));
            start = bound.1;
        }
        let mut open =
            Self { columns: Columns::default(), dictionary: Dictionary::default(), held: held.clone(), bounds };
        open.columns = Columns::parse(open.part(3)?)?;
        open.dictionary = Dictionary::parse(open.part(2)?)?;
        Ok(open)
    }

    fn part(&self, part: usize) -> Result<&[u8], Damaged> {
        let (start, end) = self.bounds.get(part).copied().unwrap_or_default();
        let place = |at: u64| at.checked_sub(self.held.from).and_then(|at| usize::try_from(at).ok());
        let range = place(start).zip(place(end)).ok_or(Damaged("a part that was not read"))?;
        self.held.bytes.get(range.0..range.1).ok_or(Damaged("a part that is not there"))
    }

    fn words_from(&self, word: &str) -> Result<Words<'_>, Damaged> {
        Ok(self.dictionary.seek(self.part(2)?, word))
    }

    /// The words, at the one that is wanted; none where it is not there.
    fn at(&self, wanted: &str) -> Result<Option<Words<'_>>, Damaged> {
        let mut words = self.words_from(wanted)?;
        while words.advance()? && words.word() <= wanted {
            if words.word() == wanted {
                return Ok(Some(words));
            }
        }
        Ok(None)
    }

    /// The messages that have what is asked for, in order, and how often.
    pub(crate) fn matching(&self, matcher: &Matcher) -> Result<Vec<Posting>, Damaged> {
        match matcher {
            Matcher::Phrase(words) => match words.as_slice() {
                [(_, word)] => match self.at(word)? {
                    Some(words) => words.read_postings(self.part(1)?),
                    None => Ok(Vec::new()),
                },
                words => self.phrase(words),
            },
            Matcher::Prefix(stem) => {
                let mut words = self.words_from(stem)?;
                let mut lists = Vec::new();
                while words.advance()? {
                    if words.word().starts_with(stem.as_str()) {
                        lists.push(words.read_postings(self.part(1)?)?);
                    } else if words.word() > stem.as_str() {
                        break;
                    }
                }
                Ok(united(lists))
            }
            Matcher::Fuzzy { .. } => {
                let mut words = self.words_from("")?;
                let mut lists = Vec::new();
                while words.advance()? {
                    if matcher.is_like(words.word()) {
                        lists.push(words.read_postings(self.part(1)?)?);
                    }
                }
                Ok(united(lists))
            }
        }
    }

    fn phrase(&self, words: &[(u32, String)]) -> Result<Vec<Posting>, Damaged> {
        // For each message the places at which the phrase may begin, fewer with each word.
        let mut starts: Option<BTreeMap<u32, BTreeSet<u32>>> = None;
        for (offset, word) in words {
            let Some(at) = self.at(word)? else { return Ok(Vec::new()) };
            let postings = at.read_postings(self.part(1)?)?;
            let positions = at.read_positions(self.part(0)?, &postings)?;
            let mut here: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
            for (posting, positions) in postings.iter().zip(positions) {
                let before = starts.as_ref().map(|starts| starts.get(&posting.doc));
                let may = positions.iter().filter_map(|position| position.checked_sub(*offset));
                let kept: BTreeSet<u32> = match before {
                    None => may.collect(),
                    Some(None) => continue,
                    Some(Some(before)) => may.filter(|start| before.contains(start)).collect(),
                };
                if !kept.is_empty() {
                    here.insert(posting.doc, kept);
                }
            }
            starts = Some(here);
        }
        let count = |starts: &BTreeSet<u32>| u32::try_from(starts.len()).unwrap_or(u32::MAX);
        let found = starts.unwrap_or_default();
        Ok(found.iter().map(|(doc, starts)| Posting { doc: *doc, count: count(starts) }).collect())
    }
}

/// All of several lists, in order, each message once.
fn united(lists: Vec<Vec<Posting>>) -> Vec<Posting> {
    let mut counts: BTreeMap<u32, u32> = BTreeMap::new();
    for posting in lists.into_iter().flatten() {
        let count = counts.entry(posting.doc).or_default();
        *count = count.saturating_add(posting.count);
    }
    counts.into_iter().map(|(doc, count)| Posting { doc, count }).collect()
}

/// What a segment is called, and what it was made of.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) id: String,
    /// It is free of what was said to be gone up to here.
    pub(crate) freed: u64,
    pub(crate) at: Timestamp,
}

/// A segment of documents.
pub(crate) fn build(documents: &[Document], made: Made) -> Parts {
    let mut sorted: Vec<&Document> = documents.iter().collect();
    sorted.sort_by_key(|document| (document.ts, document.key));
    let mut words: BTreeMap<String, Vec<(u32, Vec<u32>)>> = BTreeMap::new();
    let mut rows = Vec::with_capacity(sorted.len());
    for (doc, document) in (0u32..).zip(sorted) {
        let found = document.text.as_deref().map(tokens).unwrap_or_default();
        rows.push((Document { text: None, ..document.clone() }, u32::try_from(found.len()).unwrap_or(u32::MAX)));
        for (position, token) in (0u32..).zip(found) {
            let documents = words.entry(token.text).or_default();
            match documents.last_mut() {
                Some((last, positions)) if *last == doc => positions.push(position),
                _ => documents.push((doc, vec![position])),
            }
        }
    }
    let mut writer = Writer::default();
    for (word, documents) in &words {
        writer.add(word, documents);
    }
    parts(writer, &rows, made)
}

fn parts(writer: Writer, rows: &[(Document, u32)], made: Made) -> Parts {
    let (positions, postings, dictionary) = writer.into_dictionary();
    let has_text = !dictionary.is_empty();
    let columns = Columns::of(rows).to_bytes();
    let all = [positions, postings, dictionary, columns];
    let times = || rows.iter().map(|(document, _)| document.ts.0);
    let segment = Segment {
        id: made.id,
        documents: u32::try_from(rows.len()).unwrap_or(u32::MAX),
        parts: PARTS.iter().zip(&all).map(|(name, part)| ((*name).to_owned(), part.len() as u64)).collect(),
        has_text,
        from: times().min().unwrap_or_default(),
        to: times().max().unwrap_or_default(),
        expires: rows.iter().filter_map(|(document, _)| document.expires_at).min().map(|at| at.0),
        freed: made.freed,
        made: made.at.0,
    };
    Parts { segment, object: all.concat() }
}

/// One document of those that are put together.
struct Kept {
    source: usize,
    doc: u32,
    document: Document,
    length: u32,
}

/// One segment of what is still there of others; none where nothing is.
pub(crate) fn merge(
    sources: &[Open],
    shard: Shard,
    absent: &Absent,
    drops_text: bool,
    made: Made,
) -> Result<Option<Parts>, Damaged> {
    let (mut kept, mut seen) = (Vec::new(), BTreeSet::new());
    for (source, open) in sources.iter().enumerate() {
        for doc in 0..u32::try_from(open.columns.len()).unwrap_or(u32::MAX) {
            let document = open.columns.document(doc, shard);
            let is_gone = absent.is_gone(document.key, document.version)
                || document.expires_at.is_some_and(|at| at <= made.at)
                || !seen.insert((document.key, document.version));
            if is_gone {
                continue;
            }
            let loses_text = drops_text || absent.is_text_gone(document.key.conversation, document.ts);
            let length = if loses_text { 0 } else { open.columns.length(doc) };
            kept.push(Kept { source, doc, document, length });
        }
    }
    if kept.is_empty() {
        return Ok(None);
    }
    kept.sort_by_key(|kept| (kept.document.ts, kept.document.key));
    // The new places of those that keep their words.
    let mut places: Vec<BTreeMap<u32, u32>> = sources.iter().map(|_| BTreeMap::new()).collect();
    for (place, kept) in (0u32..).zip(&kept) {
        if let Some(places) = places.get_mut(kept.source).filter(|_| kept.length > 0) {
            places.insert(kept.doc, place);
        }
    }
    let writer = merged_words(sources, &places)?;
    let rows: Vec<(Document, u32)> = kept.into_iter().map(|kept| (kept.document, kept.length)).collect();
    Ok(Some(parts(writer, &rows, made)))
}

/// The words of all, a word at a time: the smallest that any is at.
fn merged_words(sources: &[Open], places: &[BTreeMap<u32, u32>]) -> Result<Writer, Damaged> {
    let mut writer = Writer::default();
    let mut readers = Vec::new();
    for (open, places) in sources.iter().zip(places) {
        let mut words = open.words_from("")?;
        if words.advance()? {
            readers.push((open, places, words));
        }
    }
    while let Some(word) = readers.iter().map(|(_, _, words)| words.word()).min().map(str::to_owned) {
        let (mut documents, mut left) = (Vec::new(), Vec::new());
        for (open, places, mut words) in readers {
            let mut goes_on = true;
            if words.word() == word {
                let postings = words.read_postings(open.part(1)?)?;
                let positions = words.read_positions(open.part(0)?, &postings)?;
                let here = postings.iter().zip(positions);
                documents.extend(here.filter_map(|(posting, at)| Some((*places.get(&posting.doc)?, at))));
                goes_on = words.advance()?;
            }
            if goes_on {
                left.push((open, places, words));
            }
        }
        readers = left;
        documents.sort_by_key(|(doc, _)| *doc);
        if !documents.is_empty() {
            writer.add(&word, &documents);
        }
    }
    Ok(writer)
}
