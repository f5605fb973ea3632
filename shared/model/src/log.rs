//! The log: entries in rows. A row is keyed by the sequence of its first entry.

use crate::config::Break;

/// A sequence; zero is before the first.
pub(crate) type Seq = u8;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum What {
    /// A message, by its place in the configuration.
    Message(u8),
    /// The second sender came or went.
    MembersChange,
}

/// `ConversationState`: what every entry carries of the conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Carried {
    pub(crate) epoch: u8,
    /// The sequence of the last membership event.
    pub(crate) version: Seq,
}

/// `Entry`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) what: What,
    pub(crate) carried: Carried,
}

/// The rows of one conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Log {
    entries: Vec<Entry>,
    /// The keys of the rows.
    keys: Vec<Seq>,
    /// A row was put where it overlaps another, or leaves a gap.
    pub(crate) is_torn: bool,
}

impl Log {
    pub(crate) fn end(&self) -> Seq {
        Seq::try_from(self.entries.len()).unwrap_or(Seq::MAX)
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (Seq, &Entry)> {
        (1..).zip(&self.entries)
    }

    pub(crate) fn at(&self, sequence: Seq) -> Option<&Entry> {
        self.entries.get(usize::from(sequence).checked_sub(1)?)
    }

    /// `Tail::state`, of the tail that ends at this sequence.
    pub(crate) fn carried_at(&self, sequence: Seq) -> Carried {
        self.at(sequence).map(|entry| entry.carried).unwrap_or_default()
    }

    /// Where a message stands after one sequence and up to another: rows never change, so what a
    /// read up to a tail has seen can be told at any time later.
    pub(crate) fn find(&self, message: u8, after: Seq, up_to: Seq) -> Option<Seq> {
        let is_it = |(sequence, entry): &(Seq, &Entry)| {
            *sequence > after && *sequence <= up_to && entry.what == What::Message(message)
        };
        self.entries().find(is_it).map(|(sequence, _)| sequence)
    }

    /// `read_tail`, its last sequence.
    pub(crate) fn tail(&self, broken: Option<Break>) -> Seq {
        if broken == Some(Break::TailIsKey) { self.last_key() } else { self.end() }
    }

    /// From where a read after a sequence really starts: at once, or with the next row.
    pub(crate) fn read_start(&self, after: Seq, broken: Option<Break>) -> Seq {
        if broken != Some(Break::ReadMissesStraddling) {
            return after;
        }
        self.keys.iter().find(|key| **key > after).map_or(self.end(), |key| key - 1)
    }

    fn last_key(&self) -> Seq {
        self.keys.last().copied().unwrap_or_default()
    }

    /// `Log::append`: one conditional put, "if no row has that key". False where one has.
    #[must_use]
    pub(crate) fn put(&mut self, key: Seq, entries: &[Entry], broken: Option<Break>) -> bool {
        let is_taken = self.keys.contains(&key);
        if is_taken && broken != Some(Break::NoCondition) {
            return false;
        }
        if is_taken {
            if let (Some(place), [entry]) = (usize::from(key).checked_sub(1), entries) {
                self.entries[place] = *entry;
            }
            return true;
        }
        self.is_torn |= key != self.end() + 1;
        self.keys.push(key);
        self.entries.extend_from_slice(entries);
        true
    }

    /// Whether a row of several stands beside a row of one.
    pub(crate) fn has_mixed_rows(&self) -> bool {
        let ends = self.keys.iter().skip(1).copied().chain([self.end() + 1]);
        let lengths: Vec<Seq> = self.keys.iter().zip(ends).map(|(key, next)| next - key).collect();
        lengths.contains(&1) && lengths.iter().any(|length| *length > 1)
    }
}
