//! A beginning of words, or words within some edits of one: all that are meant count as one word, which is as rare as the
//! messages are that have any of them. (Those of the library rank all of them alike.)

use std::{collections::BTreeMap, sync::Arc};

use tantivy::{
    DocId, DocSet, Score, SegmentReader, TERMINATED, TantivyError, Term,
    fieldnorm::FieldNormReader,
    index::SegmentId,
    postings::Postings,
    query::{
        Bm25StatisticsProvider, Bm25Weight, DfaWrapper, EnableScoring, Explanation, FuzzyTermQuery, Query, Scorer,
        Weight,
    },
    schema::IndexRecordOption,
};

use super::FIELDS;

/// The messages that have any of the words, in order, and how often they have them.
type Having = Arc<Vec<(DocId, u32)>>;

/// A query for words that are alike.
#[derive(Clone, Debug)]
pub(super) struct Alike(FuzzyTermQuery);

impl Alike {
    /// Words that begin so.
    pub(super) fn beginning(stem: &str) -> Self {
        Self(FuzzyTermQuery::new_prefix(Term::from_field_text(FIELDS.text, stem), 0, true))
    }

    /// Words within so many edits; two neighbours that change places are one.
    pub(super) fn within(word: &str, edits: u8) -> Self {
        Self(FuzzyTermQuery::new(Term::from_field_text(FIELDS.text, word), edits, true))
    }
}

fn having(reader: &SegmentReader, words: &DfaWrapper) -> tantivy::Result<Having> {
    let index = reader.inverted_index(FIELDS.text)?;
    let mut meant = index.terms().search(words).into_stream()?;
    let mut found: Vec<(DocId, u32)> = Vec::new();
    let mut count = 0;
    while meant.advance() {
        let mut postings = index.read_postings_from_terminfo(meant.value(), IndexRecordOption::WithFreqs)?;
        while postings.doc() != TERMINATED {
            found.push((postings.doc(), postings.term_freq()));
            postings.advance();
        }
        count += 1;
    }
    if count > 1 {
        found.sort_unstable();
        found.dedup_by(|next, kept| {
            let is_same = next.0 == kept.0;
            kept.1 = if is_same { kept.1.saturating_add(next.1) } else { kept.1 };
            is_same
        });
    }
    Ok(Arc::new(found))
}

impl Query for Alike {
    fn weight(&self, scoring: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        let no_searcher = || TantivyError::InvalidArgument("needs a searcher".into());
        let searcher = scoring.searcher().ok_or_else(no_searcher)?;
        let words = self.0.automaton()?;
        let mut lists = BTreeMap::new();
        for reader in searcher.segment_readers() {
            lists.insert(reader.segment_id(), having(reader, &words)?);
        }
        let count: usize = lists.values().map(|list| list.len()).sum();
        let documents = searcher.total_num_docs()?;
        let average = real(searcher.total_num_tokens(FIELDS.text)?) / real(documents);
        let rarity = Bm25Weight::for_one_term_without_explain(count as u64, documents, average);
        Ok(Box::new(AlikeWeight { lists, rarity }))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a weight, of which a few digits matter")]
fn real(number: u64) -> Score {
    number as Score
}

struct AlikeWeight {
    lists: BTreeMap<SegmentId, Having>,
    rarity: Bm25Weight,
}

impl Weight for AlikeWeight {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let list = self.lists.get(&reader.segment_id()).cloned().unwrap_or_default();
        let lengths = reader.get_fieldnorms_reader(FIELDS.text)?;
        Ok(Box::new(AlikeScorer { list, at: 0, rarity: self.rarity.boost_by(boost), lengths }))
    }

    fn explain(&self, reader: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        let mut scorer = self.scorer(reader, 1.0)?;
        let is_there = scorer.doc() <= doc && scorer.seek(doc) == doc;
        Ok(Explanation::new("words that are alike", if is_there { scorer.score() } else { 0.0 }))
    }
}

struct AlikeScorer {
    list: Having,
    at: usize,
    rarity: Bm25Weight,
    lengths: FieldNormReader,
}

impl DocSet for AlikeScorer {
    fn advance(&mut self) -> DocId {
        self.at = (self.at + 1).min(self.list.len());
        self.doc()
    }

    fn seek(&mut self, target: DocId) -> DocId {
        let rest = self.list.get(self.at..).unwrap_or_default();
        self.at += rest.partition_point(|(doc, _)| *doc < target);
        self.doc()
    }

    fn doc(&self) -> DocId {
        self.list.get(self.at).map_or(TERMINATED, |(doc, _)| *doc)
    }

    fn size_hint(&self) -> u32 {
        u32::try_from(self.list.len()).unwrap_or(u32::MAX)
    }
}

impl Scorer for AlikeScorer {
    fn score(&mut self) -> Score {
        let Some((doc, count)) = self.list.get(self.at) else { return 0.0 };
        self.rarity.score(self.lengths.fieldnorm_id(*doc), *count)
    }
}
