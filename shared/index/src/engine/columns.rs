//! What is known of each message but its words: numbers, a column of each.

use std::collections::{BTreeMap, BTreeSet};

use tidings_domain::ids::{Sequence, Timestamp};
use tidings_search::document::{Document, Key, Shard, Tag};

use super::{
    Damaged,
    bytes::{Reader, put},
};

const FORM: u64 = 1;

/// The columns of a segment, in memory.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    /// Every conversation and every tag, once; documents name them by their place.
    names: Vec<Tag>,
    conversations: Vec<u32>,
    sequences: Vec<u64>,
    versions: Vec<u64>,
    times: Vec<u64>,
    senders: Vec<u32>,
    lengths: Vec<u32>,
    /// Of the few that expire.
    expires: BTreeMap<u32, u64>,
    /// Where the tags of each document end.
    tag_ends: Vec<u32>,
    tags: Vec<u32>,
}

impl Columns {
    /// The columns of documents in the order of their time, with the number of words of each.
    pub(crate) fn of(documents: &[(Document, u32)]) -> Self {
        let mut names = BTreeSet::new();
        for (document, _) in documents {
            names.insert(document.key.conversation);
            names.insert(document.sender);
            names.extend(&document.tags);
        }
        let mut columns = Self { names: names.into_iter().collect(), ..Self::default() };
        for (document, length) in documents {
            columns.push(document, *length);
        }
        columns
    }

    fn push(&mut self, document: &Document, length: u32) {
        let place = |tag: &Tag| self.names.binary_search(tag).map_or(0, small);
        let (conversation, sender) = (place(&document.key.conversation), place(&document.sender));
        let tags: Vec<u32> = document.tags.iter().map(place).collect();
        if let Some(at) = document.expires_at {
            self.expires.insert(small(self.conversations.len()), at.0);
        }
        self.conversations.push(conversation);
        self.sequences.push(document.key.sequence.0);
        self.versions.push(document.version.0);
        self.times.push(document.ts.0);
        self.senders.push(sender);
        self.lengths.push(length);
        self.tags.extend(tags);
        self.tag_ends.push(small(self.tags.len()));
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for number in [FORM, self.names.len() as u64, self.len() as u64] {
            put(&mut out, number);
        }
        let mut before = 0;
        for name in &self.names {
            put(&mut out, name.0 - before);
            before = name.0;
        }
        let mut time = 0;
        for doc in 0..small(self.len()) {
            let at = doc as usize;
            put(&mut out, u64::from(self.conversations[at]));
            put(&mut out, self.sequences[at]);
            // Nearly all are as they were sent.
            put(&mut out, self.versions[at].saturating_sub(self.sequences[at]));
            put(&mut out, self.times[at].saturating_sub(time));
            time = self.times[at];
            put(&mut out, u64::from(self.senders[at]));
            put(&mut out, u64::from(self.lengths[at]));
            put(&mut out, self.expires.get(&doc).map_or(0, |expires| expires.saturating_add(1)));
            let tags = self.tag_places(doc);
            put(&mut out, tags.len() as u64);
            for tag in tags {
                put(&mut out, u64::from(*tag));
            }
        }
        out
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut reader = Reader::new(bytes);
        if reader.number()? != FORM {
            return Err(Damaged("columns of a form that is not known"));
        }
        let (names, documents) = (reader.count()?, reader.count()?);
        let mut columns = Self::default();
        let mut name = 0u64;
        for _ in 0..names {
            name = name.checked_add(reader.number()?).ok_or(Damaged("a name is too large"))?;
            columns.names.push(Tag(name));
        }
        let place = |reader: &mut Reader<'_>| {
            let place = reader.small()?;
            if (place as usize) < names { Ok(place) } else { Err(Damaged("a name that is not there")) }
        };
        let mut time = 0u64;
        for doc in 0..documents {
            columns.conversations.push(place(&mut reader)?);
            let sequence = reader.number()?;
            columns.sequences.push(sequence);
            columns.versions.push(sequence.saturating_add(reader.number()?));
            time = time.saturating_add(reader.number()?);
            columns.times.push(time);
            columns.senders.push(place(&mut reader)?);
            columns.lengths.push(reader.small()?);
            if let Some(expires) = reader.number()?.checked_sub(1) {
                columns.expires.insert(small(doc), expires);
            }
            for _ in 0..reader.count()? {
                columns.tags.push(place(&mut reader)?);
            }
            columns.tag_ends.push(small(columns.tags.len()));
        }
        Ok(columns)
    }

    /// How many documents there are.
    pub(crate) fn len(&self) -> usize {
        self.conversations.len()
    }

    /// Words of all documents.
    pub(crate) fn words(&self) -> u64 {
        self.lengths.iter().map(|length| u64::from(*length)).sum()
    }

    pub(crate) fn length(&self, doc: u32) -> u32 {
        self.lengths.get(doc as usize).copied().unwrap_or_default()
    }

    fn name(&self, places: &[u32], doc: u32) -> Tag {
        let place = places.get(doc as usize).copied().unwrap_or_default();
        self.names.get(place as usize).copied().unwrap_or(Tag(0))
    }

    pub(crate) fn key(&self, doc: u32) -> Key {
        let sequence = self.sequences.get(doc as usize).copied().unwrap_or_default();
        Key { conversation: self.name(&self.conversations, doc), sequence: Sequence(sequence) }
    }

    pub(crate) fn version(&self, doc: u32) -> Sequence {
        Sequence(self.versions.get(doc as usize).copied().unwrap_or_default())
    }

    pub(crate) fn ts(&self, doc: u32) -> Timestamp {
        Timestamp(self.times.get(doc as usize).copied().unwrap_or_default())
    }

    pub(crate) fn sender(&self, doc: u32) -> Tag {
        self.name(&self.senders, doc)
    }

    pub(crate) fn expires_at(&self, doc: u32) -> Option<Timestamp> {
        self.expires.get(&doc).copied().map(Timestamp)
    }

    fn tag_places(&self, doc: u32) -> &[u32] {
        let end = |doc: usize| self.tag_ends.get(doc).copied().unwrap_or_default() as usize;
        let start = (doc as usize).checked_sub(1).map_or(0, end);
        self.tags.get(start..end(doc as usize)).unwrap_or_default()
    }

    /// Which names of the segment are in a set, by their places.
    pub(crate) fn places(&self, tags: &BTreeSet<Tag>) -> BTreeSet<u32> {
        tags.iter().filter_map(|tag| self.names.binary_search(tag).ok()).map(small).collect()
    }

    /// Whether a document has one of these tags, by their places.
    pub(crate) fn has_any(&self, doc: u32, places: &BTreeSet<u32>) -> bool {
        self.tag_places(doc).iter().any(|place| places.contains(place))
    }

    /// All that is known of a document but its words.
    pub(crate) fn document(&self, doc: u32, shard: Shard) -> Document {
        let tags = self.tag_places(doc).iter().filter_map(|place| self.names.get(*place as usize)).copied();
        Document {
            key: self.key(doc),
            shard,
            version: self.version(doc),
            ts: self.ts(doc),
            expires_at: self.expires_at(doc),
            sender: self.sender(doc),
            tags: tags.collect(),
            text: None,
        }
    }
}

/// A segment has fewer documents, names and tags than that.
fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
