//! What is known of each message of a segment but its words.

use std::collections::BTreeSet;

use tantivy::{SegmentReader, columnar::Column, fieldnorm::FieldNormReader};
use tidings_domain::ids::{Sequence, Timestamp};
use tidings_search::document::{Document, Key, Shard, Tag};

use super::{FIELDS, SegmentError, TIME};

/// A column of hashes: each is in a dictionary once, messages name them by their place in it.
struct Hashes {
    names: Vec<Tag>,
    places: Option<Column<u64>>,
}

impl Hashes {
    fn open(reader: &SegmentReader, field: &str) -> Result<Self, SegmentError> {
        let Some(column) = reader.fast_fields().bytes(field)? else {
            return Ok(Self { names: Vec::new(), places: None });
        };
        let mut names = Vec::with_capacity(column.num_terms());
        let mut stream = column.dictionary().stream()?;
        while stream.advance() {
            let name = stream.key().try_into().map_err(|_| SegmentError::Damaged("a hash of another length"))?;
            names.push(Tag(u64::from_be_bytes(name)));
        }
        Ok(Self { names, places: Some(column.ords().clone()) })
    }

    fn places(&self, doc: u32) -> impl Iterator<Item = u64> + '_ {
        self.places.iter().flat_map(move |places| places.values_for_doc(doc))
    }

    fn of(&self, doc: u32) -> impl Iterator<Item = Tag> + '_ {
        let name = |place| self.names.get(usize::try_from(place).ok()?).copied();
        self.places(doc).filter_map(name)
    }

    fn first(&self, doc: u32) -> Tag {
        self.of(doc).next().unwrap_or(Tag(0))
    }
}

/// The columns of a segment.
pub(crate) struct Columns {
    documents: u32,
    conversations: Hashes,
    senders: Hashes,
    tags: Hashes,
    sequences: Column<u64>,
    versions: Column<u64>,
    times: Column<u64>,
    /// Of the few that expire.
    expires: Option<Column<u64>>,
    lengths: FieldNormReader,
}

impl Columns {
    pub(super) fn open(reader: &SegmentReader) -> Result<Self, SegmentError> {
        let columns = reader.fast_fields();
        Ok(Self {
            documents: reader.max_doc(),
            conversations: Hashes::open(reader, "conversation")?,
            senders: Hashes::open(reader, "sender")?,
            tags: Hashes::open(reader, "tag")?,
            sequences: columns.u64("sequence")?,
            versions: columns.u64("version")?,
            times: columns.u64(TIME)?,
            expires: columns.column_opt("expires")?,
            lengths: reader.get_fieldnorms_reader(FIELDS.text)?,
        })
    }

    /// How many messages there are.
    pub(crate) fn len(&self) -> u32 {
        self.documents
    }

    pub(crate) fn has_words(&self, doc: u32) -> bool {
        self.lengths.fieldnorm(doc) > 0
    }

    pub(crate) fn key(&self, doc: u32) -> Key {
        let sequence = self.sequences.first(doc).unwrap_or_default();
        Key { conversation: self.conversations.first(doc), sequence: Sequence(sequence) }
    }

    pub(crate) fn version(&self, doc: u32) -> Sequence {
        Sequence(self.versions.first(doc).unwrap_or_default())
    }

    pub(crate) fn ts(&self, doc: u32) -> Timestamp {
        Timestamp(self.times.first(doc).unwrap_or_default())
    }

    pub(crate) fn sender(&self, doc: u32) -> Tag {
        self.senders.first(doc)
    }

    pub(crate) fn expires_at(&self, doc: u32) -> Option<Timestamp> {
        self.expires.as_ref()?.first(doc).map(Timestamp)
    }

    /// Which tags of the segment are in a set, by their places.
    pub(crate) fn places(&self, tags: &BTreeSet<Tag>) -> BTreeSet<u64> {
        tags.iter().filter_map(|tag| self.tags.names.binary_search(tag).ok()).map(|place| place as u64).collect()
    }

    /// Whether a message has one of these tags, by their places.
    pub(crate) fn has_any(&self, doc: u32, places: &BTreeSet<u64>) -> bool {
        self.tags.places(doc).any(|place| places.contains(&place))
    }

    /// All that is known of a message but its words.
    pub(crate) fn document(&self, doc: u32, shard: Shard) -> Document {
        Document {
            key: self.key(doc),
            shard,
            version: self.version(doc),
            ts: self.ts(doc),
            expires_at: self.expires_at(doc),
            sender: self.sender(doc),
            tags: self.tags.of(doc).collect(),
            text: None,
        }
    }
}
