//! Segments, made of documents or of others.

use std::collections::BTreeSet;

use tantivy::{
    BitSet, DocId, Index, IndexSettings, Searcher, SegmentReader, TantivyDocument, Term,
    directory::{OwnedBytes, RamDirectory},
    fastfield::{AliveBitSet, write_alive_bitset},
    index::{IndexSortByField, Order},
    indexer::{SingleSegmentIndexWriter, merge_filtered_segments},
    query::{BooleanQuery, EnableScoring, Occur, PhraseQuery, Query, TermQuery},
    schema::IndexRecordOption,
};
use tidings_domain::ids::Timestamp;
use tidings_search::{
    document::{Document, Shard},
    query::{Matcher, Words},
};

use super::{Columns, FIELDS, Held, SegmentError, TIME, alike::Alike, object, tokenizers};
use crate::manifest::{Absent, Segment};

/// What a writer reserves at first; it takes more as it needs it.
const WRITER_BYTES: usize = 1 << 20;

/// What is written of a segment: its object, and what its manifest says of it.
pub(crate) struct Written {
    pub(crate) segment: Segment,
    pub(crate) object: Vec<u8>,
}

/// Segments of a shard that can be searched.
pub(crate) struct Open {
    index: Index,
    searcher: Searcher,
    pub(crate) segments: Vec<Columns>,
}

impl Open {
    pub(crate) fn new(held: &[Held]) -> Result<Self, SegmentError> {
        let (index, reader) = object::open(held)?;
        let searcher = reader.searcher();
        let segments = searcher.segment_readers().iter().map(Columns::open).collect::<Result<_, _>>()?;
        Ok(Self { index, searcher, segments })
    }

    /// Takes the messages that have what is asked for, by segment, and how well they fit.
    pub(crate) fn matching(&self, words: &Words, mut take: impl FnMut(usize, DocId, f32)) -> Result<(), SegmentError> {
        let all = words.all.iter().map(|matcher| (Occur::Must, clause_of(matcher))).collect();
        let all = BooleanQuery::new(all).weight(EnableScoring::enabled_from_searcher(&self.searcher))?;
        // Not by the library's own exclusion: in 0.27 that asks a phrase for messages before the one that it is at.
        let without = EnableScoring::disabled_from_searcher(&self.searcher);
        let none = words.none.iter().map(|matcher| clause_of(matcher).weight(without));
        let none = none.collect::<Result<Vec<_>, _>>()?;
        for (segment, reader) in self.searcher.segment_readers().iter().enumerate() {
            let mut excluded = BitSet::with_max_value(reader.max_doc());
            for weight in &none {
                weight.for_each_no_score(reader, &mut |docs| {
                    for doc in docs {
                        excluded.insert(*doc);
                    }
                })?;
            }
            all.for_each(reader, &mut |doc, score| {
                if !excluded.contains(doc) {
                    take(segment, doc, score);
                }
            })?;
        }
        Ok(())
    }
}

fn clause_of(matcher: &Matcher) -> Box<dyn Query> {
    let term = |word: &str| Term::from_field_text(FIELDS.text, word);
    match matcher {
        Matcher::Phrase(words) => match words.as_slice() {
            [(_, word)] => Box::new(TermQuery::new(term(word), IndexRecordOption::WithFreqs)),
            words => {
                let placed = words.iter().map(|(offset, word)| (*offset as usize, term(word)));
                Box::new(PhraseQuery::new_with_offset(placed.collect()))
            }
        },
        Matcher::Prefix(stem) => Box::new(Alike::beginning(stem)),
        Matcher::Fuzzy { word, edits } => Box::new(Alike::within(word, *edits)),
    }
}

/// What a segment is called, and what it was made of.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) id: String,
    /// It is free of what was said to be gone up to here.
    pub(crate) freed: u64,
    pub(crate) at: Timestamp,
}

/// What a manifest says of the messages of a segment.
struct Summary {
    documents: u32,
    from: u64,
    to: u64,
    expires: Option<u64>,
}

impl Summary {
    fn new() -> Self {
        Self { documents: 0, from: u64::MAX, to: 0, expires: None }
    }

    fn add(&mut self, ts: Timestamp, expires_at: Option<Timestamp>) {
        self.documents += 1;
        (self.from, self.to) = (self.from.min(ts.0), self.to.max(ts.0));
        self.expires = self.expires.into_iter().chain(expires_at.map(|at| at.0)).min();
    }
}

/// A segment of documents.
pub(crate) fn build(documents: &[Document], made: Made) -> Result<Written, SegmentError> {
    let files = RamDirectory::create();
    let mut summary = Summary::new();
    for document in documents {
        summary.add(document.ts, document.expires_at);
    }
    let index = index_of(documents, &files)?;
    written(&index, &files, &summary, made)
}

fn index_of(documents: &[Document], files: &RamDirectory) -> Result<Index, SegmentError> {
    let mut sorted: Vec<&Document> = documents.iter().collect();
    sorted.sort_by_key(|document| (document.ts, document.key));
    let mut writer: SingleSegmentIndexWriter = Index::builder()
        .schema(FIELDS.schema.clone())
        .settings(settings(None))
        .tokenizers(tokenizers())
        .single_segment_index_writer(files.clone(), WRITER_BYTES)?;
    for document in sorted {
        writer.add_document(row(document))?;
    }
    Ok(writer.finalize()?)
}

/// Documents are added in the order of their time; segments that are put together have to be brought into it.
fn settings(sort_by_field: Option<IndexSortByField>) -> IndexSettings {
    IndexSettings { sort_by_field, docstore_compress_dedicated_thread: false, ..IndexSettings::default() }
}

fn row(document: &Document) -> TantivyDocument {
    let fields = &FIELDS;
    let mut row = TantivyDocument::new();
    row.add_bytes(fields.conversation, &document.key.conversation.0.to_be_bytes());
    row.add_u64(fields.sequence, document.key.sequence.0);
    row.add_u64(fields.version, document.version.0);
    row.add_u64(fields.time, document.ts.0);
    if let Some(at) = document.expires_at {
        row.add_u64(fields.expires, at.0);
    }
    row.add_bytes(fields.sender, &document.sender.0.to_be_bytes());
    for tag in &document.tags {
        row.add_bytes(fields.tag, &tag.0.to_be_bytes());
    }
    if let Some(text) = &document.text {
        row.add_text(fields.text, text);
    }
    row
}

fn written(index: &Index, files: &RamDirectory, summary: &Summary, made: Made) -> Result<Written, SegmentError> {
    let mut has_text = false;
    for segment in index.searchable_segments()? {
        has_text |= SegmentReader::open(&segment)?.inverted_index(FIELDS.text)?.terms().num_terms() > 0;
    }
    let (object, head) = object::pack(index, files)?;
    let segment = Segment {
        id: made.id,
        documents: summary.documents,
        head,
        bytes: object.len() as u64,
        has_text,
        from: summary.from,
        to: summary.to,
        expires: summary.expires,
        freed: made.freed,
        made: made.at.0,
    };
    Ok(Written { segment, object })
}

/// One segment of what is still there of others; none where nothing is.
pub(crate) fn merge(
    sources: &[Held],
    shard: Shard,
    absent: &Absent,
    drops_text: bool,
    made: Made,
) -> Result<Option<Written>, SegmentError> {
    let open = Open::new(sources)?;
    let (mut summary, mut seen) = (Summary::new(), BTreeSet::new());
    // Those that lose their words are written anew, of what the columns say.
    let mut stripped = Vec::new();
    let (mut segments, mut kept) = (Vec::new(), Vec::new());
    for (segment, columns) in open.index.searchable_segments()?.into_iter().zip(&open.segments) {
        let mut alive = BitSet::with_max_value_and_full(columns.len());
        for doc in 0..columns.len() {
            let (key, version, ts) = (columns.key(doc), columns.version(doc), columns.ts(doc));
            let expires_at = columns.expires_at(doc);
            let is_gone = absent.is_gone(key, version)
                || expires_at.is_some_and(|at| at <= made.at)
                || !seen.insert((key, version));
            let loses_text = drops_text || absent.is_text_gone(key.conversation, ts);
            if is_gone {
                alive.remove(doc);
                continue;
            }
            summary.add(ts, expires_at);
            if loses_text && columns.has_words(doc) {
                alive.remove(doc);
                stripped.push(columns.document(doc, shard));
            }
        }
        if alive.len() > 0 {
            segments.push(segment);
            kept.push(Some(alive_set(&alive)?));
        }
    }
    if !stripped.is_empty() {
        segments.extend(index_of(&stripped, &RamDirectory::create())?.searchable_segments()?);
        kept.resize_with(segments.len(), || None);
    }
    if segments.is_empty() {
        return Ok(None);
    }
    let files = RamDirectory::create();
    let by_time = IndexSortByField { field: TIME.into(), order: Order::Asc };
    let merged = merge_filtered_segments(&segments, settings(Some(by_time)), kept, files.clone())?;
    written(&merged, &files, &summary, made).map(Some)
}

fn alive_set(alive: &BitSet) -> Result<AliveBitSet, SegmentError> {
    let mut bytes = Vec::new();
    write_alive_bitset(alive, &mut bytes)?;
    Ok(AliveBitSet::open(OwnedBytes::new(bytes)))
}

#[cfg(test)]
mod tests {
    use tidings_domain::ids::Sequence;
    use tidings_search::document::{Key, Month, Tag};

    use super::*;
    use crate::manifest::Manifest;

    const SHARD: Shard = Shard { month: Month(24_000), bucket: 7 };
    const NOW: Timestamp = Timestamp(1000);

    fn document(sequence: u64, sender: u64, text: &str) -> Document {
        Document {
            key: Key { conversation: Tag(7), sequence: Sequence(sequence) },
            shard: SHARD,
            version: Sequence(sequence),
            ts: Timestamp(sequence),
            expires_at: None,
            sender: Tag(sender),
            tags: BTreeSet::from([Tag(sender)]),
            text: Some(text.into()),
        }
    }

    fn made() -> Made {
        Made { id: "a".into(), freed: 0, at: NOW }
    }

    fn held(documents: &[Document]) -> Held {
        Held::parse(0, build(documents, made()).unwrap().object).unwrap()
    }

    /// The words of all, in order.
    fn words(open: &Open) -> Vec<String> {
        let mut words = Vec::new();
        for reader in open.searcher.segment_readers() {
            let index = reader.inverted_index(FIELDS.text).unwrap();
            let mut stream = index.terms().stream().unwrap();
            while stream.advance() {
                words.push(String::from_utf8(stream.key().to_vec()).unwrap());
            }
        }
        words
    }

    #[test]
    fn what_is_put_together_holds_nothing_of_what_is_gone_and_is_in_the_order_of_time() {
        let sources = [
            held(&[document(4, 1, "later"), document(1, 2, "secret deed"), document(6, 3, "withdrawn words")]),
            held(&[document(2, 1, "tea"), document(5, 1, "coffee"), document(4, 1, "later")]),
        ];
        let mut manifest = Manifest::default();
        manifest.note_gone(document(1, 2, "").key, u64::MAX, None, NOW);
        let merged = merge(&sources, SHARD, &manifest.absent(), false, made()).unwrap().unwrap();
        let segment = &merged.segment;
        assert_eq!((segment.documents, segment.from, segment.to, segment.has_text), (4, 2, 6, true));
        let open = Open::new(&[Held::parse(0, merged.object).unwrap()]).unwrap();
        let columns = &open.segments[0];
        let order: Vec<u64> = (0..columns.len()).map(|doc| columns.key(doc).sequence.0).collect();
        assert_eq!(order, [2, 4, 5, 6]);
        assert_eq!(words(&open), ["coffee", "later", "tea", "withdrawn", "words"]);
        assert!(columns.places(&BTreeSet::from([Tag(2)])).is_empty(), "who alone had sent what is gone");

        // The words of one conversation until then, and then those of all.
        manifest.note_forgotten(Tag(7), Timestamp(4), NOW);
        let merged = merge(&sources, SHARD, &manifest.absent(), false, made()).unwrap().unwrap();
        let open = Open::new(&[Held::parse(0, merged.object).unwrap()]).unwrap();
        assert_eq!(
            (words(&open), open.segments[0].len()),
            (vec!["coffee".into(), "withdrawn".into(), "words".into()], 4)
        );
        assert_eq!(open.segments[0].document(0, SHARD), Document { text: None, ..document(2, 1, "") });
        let merged = merge(&sources, SHARD, &manifest.absent(), true, made()).unwrap().unwrap();
        assert_eq!((merged.segment.documents, merged.segment.has_text), (4, false));
        let open = Open::new(&[Held::parse(0, merged.object).unwrap()]).unwrap();
        assert_eq!(words(&open), [""; 0]);

        for sequence in 2..=6 {
            manifest.note_gone(document(sequence, 1, "").key, u64::MAX, None, NOW);
        }
        assert!(merge(&sources, SHARD, &manifest.absent(), false, made()).unwrap().is_none(), "nothing is left");
    }
}
