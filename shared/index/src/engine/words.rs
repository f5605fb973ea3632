//! The dictionary of a segment, and in which messages each word is and where.

use super::{
    Damaged,
    bytes::{Reader, put, put_bytes},
};

/// Words of a block of the dictionary: its first is written whole, the others by what they have in common with it.
const BLOCK_WORDS: usize = 16;

/// A message that has a word, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Posting {
    pub(crate) doc: u32,
    pub(crate) count: u32,
}

/// Where the postings and positions of a word are.
#[derive(Clone, Copy, Debug, Default)]
struct Lists {
    documents: u64,
    postings: (u64, u64),
    positions: (u64, u64),
}

/// Writes words in their order.
#[derive(Default)]
pub(crate) struct Writer {
    pub(crate) positions: Vec<u8>,
    pub(crate) postings: Vec<u8>,
    dictionary: Vec<u8>,
    first: String,
    words: usize,
}

impl Writer {
    /// Adds a word, with the documents that have it, in order, and its positions in each.
    pub(crate) fn add(&mut self, word: &str, documents: &[(u32, Vec<u32>)]) {
        let (postings_from, positions_from) = (self.postings.len(), self.positions.len());
        let mut before = 0;
        for (doc, positions) in documents {
            put(&mut self.postings, u64::from(doc - before));
            put(&mut self.postings, positions.len() as u64);
            before = *doc;
            let mut last = 0;
            for position in positions {
                put(&mut self.positions, u64::from(position - last));
                last = *position;
            }
        }
        let is_first = self.words.is_multiple_of(BLOCK_WORDS);
        let common = if is_first { 0 } else { common(&self.first, word) };
        put(&mut self.dictionary, common as u64);
        put_bytes(&mut self.dictionary, word.get(common..).unwrap_or_default().as_bytes());
        let lengths = [documents.len(), self.postings.len() - postings_from, self.positions.len() - positions_from];
        for length in lengths {
            put(&mut self.dictionary, length as u64);
        }
        if is_first {
            word.clone_into(&mut self.first);
        }
        self.words += 1;
    }

    pub(crate) fn into_dictionary(self) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
        (self.positions, self.postings, self.dictionary)
    }
}

/// Bytes that two words begin with alike, whole characters.
fn common(one: &str, other: &str) -> usize {
    let alike = one.chars().zip(other.chars()).take_while(|(a, b)| a == b);
    alike.map(|(a, _)| a.len_utf8()).sum()
}

/// A block of the dictionary.
#[derive(Debug)]
struct Block {
    first: String,
    /// Where it begins in the dictionary, in the postings and in the positions.
    at: usize,
    postings: u64,
    positions: u64,
}

/// A dictionary that can be looked into.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    blocks: Vec<Block>,
}

impl Dictionary {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Damaged> {
        let (mut words, mut blocks) = (Words::new(bytes, 0, 0), Vec::new());
        let mut count = 0usize;
        while !words.reader.is_at_end() {
            let (at, postings, positions) = (bytes.len() - words.reader.left(), words.postings, words.positions);
            let word = words.step()?;
            if count.is_multiple_of(BLOCK_WORDS) {
                blocks.push(Block { first: word, at, postings, positions });
            }
            count += 1;
        }
        Ok(Self { blocks })
    }

    /// The words from the block on in which a word would be.
    pub(crate) fn seek<'a>(&self, bytes: &'a [u8], word: &str) -> Words<'a> {
        let place = self.blocks.partition_point(|block| block.first.as_str() <= word).saturating_sub(1);
        match self.blocks.get(place) {
            Some(block) => Words::new(bytes.get(block.at..).unwrap_or_default(), block.postings, block.positions),
            None => Words::new(&[], 0, 0),
        }
    }
}

/// Words of a dictionary in their order.
pub(crate) struct Words<'a> {
    reader: Reader<'a>,
    count: usize,
    first: String,
    word: String,
    postings: u64,
    positions: u64,
    lists: Lists,
}

impl<'a> Words<'a> {
    fn new(bytes: &'a [u8], postings: u64, positions: u64) -> Self {
        Self {
            reader: Reader::new(bytes),
            count: 0,
            first: String::new(),
            word: String::new(),
            postings,
            positions,
            lists: Lists::default(),
        }
    }

    fn step(&mut self) -> Result<String, Damaged> {
        let common = usize::try_from(self.reader.number()?).unwrap_or(usize::MAX);
        let rest = std::str::from_utf8(self.reader.take()?).map_err(|_| Damaged("a word is no text"))?;
        let start = if common == 0 { "" } else { self.first.get(..common).ok_or(Damaged("a word is too short"))? };
        let word = format!("{start}{rest}");
        if self.count.is_multiple_of(BLOCK_WORDS) {
            self.first.clone_from(&word);
        }
        self.count += 1;
        let (documents, postings, positions) = (self.reader.number()?, self.reader.number()?, self.reader.number()?);
        let end = |from: u64, length: u64| from.checked_add(length).ok_or(Damaged("a list is too long"));
        let (postings_end, positions_end) = (end(self.postings, postings)?, end(self.positions, positions)?);
        self.lists =
            Lists { documents, postings: (self.postings, postings_end), positions: (self.positions, positions_end) };
        (self.postings, self.positions) = (postings_end, positions_end);
        Ok(word)
    }

    /// Goes to the next word; false at the end.
    pub(crate) fn advance(&mut self) -> Result<bool, Damaged> {
        if self.reader.is_at_end() {
            return Ok(false);
        }
        self.word = self.step()?;
        Ok(true)
    }

    /// The word that it is at.
    pub(crate) fn word(&self) -> &str {
        &self.word
    }

    /// The messages that have it.
    pub(crate) fn read_postings(&self, postings: &[u8]) -> Result<Vec<Posting>, Damaged> {
        let mut reader = Reader::new(part(postings, self.lists.postings)?);
        let (mut read, mut doc) = (Vec::new(), 0u32);
        for _ in 0..self.lists.documents {
            doc = doc.checked_add(reader.small()?).ok_or(Damaged("a document is too far"))?;
            read.push(Posting { doc, count: reader.small()? });
        }
        Ok(read)
    }

    /// Where it is in each of them.
    pub(crate) fn read_positions(&self, positions: &[u8], postings: &[Posting]) -> Result<Vec<Vec<u32>>, Damaged> {
        let mut reader = Reader::new(part(positions, self.lists.positions)?);
        let of_one = |posting: &Posting| {
            let (mut read, mut position) = (Vec::new(), 0u32);
            for _ in 0..posting.count {
                position = position.checked_add(reader.small()?).ok_or(Damaged("a position is too far"))?;
                read.push(position);
            }
            Ok::<_, Damaged>(read)
        };
        postings.iter().map(of_one).collect()
    }
}

fn part(bytes: &[u8], (from, end): (u64, u64)) -> Result<&[u8], Damaged> {
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    bytes.get(place(from)..place(end)).ok_or(Damaged("a list that is not there"))
}
