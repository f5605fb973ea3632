//! An index that looks at everything: what others are compared with.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tidings_domain::{
    ids::{Sequence, Timestamp},
    ports::PortResult,
};

use crate::{
    document::{Document, Key, Month, Shard, Tag},
    index::{Candidate, Change, Hunt, Index, Lifecycle, Maintained, Order, Place, score},
};

#[derive(Debug, Default)]
struct State {
    documents: BTreeMap<Key, Document>,
    /// Those that are gone, with the version up to which they are.
    gone: BTreeMap<Key, Sequence>,
    forgotten: BTreeMap<Tag, Timestamp>,
}

/// An index in memory.
#[derive(Debug, Default)]
pub struct MemoryIndex(Mutex<State>);

impl MemoryIndex {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it knows of a message.
    pub fn document(&self, key: Key) -> Option<Document> {
        self.state().documents.get(&key).cloned()
    }
}

impl State {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::Put(document) => {
                let is_gone = self.gone.get(&document.key).is_some_and(|version| document.version <= *version);
                let known = self.documents.get(&document.key);
                if !is_gone && known.is_none_or(|known| known.version <= document.version) {
                    self.documents.insert(document.key, document.clone());
                }
            }
            Change::Remove { key, .. } => {
                self.gone.insert(*key, Sequence(u64::MAX));
                self.documents.remove(key);
            }
        }
    }

    fn place(&self, document: &Document, hunt: &Hunt<'_>) -> Option<Place> {
        let from = hunt.scope.get(&document.key.conversation)?;
        let is_wanted = document.key.sequence >= *from
            && (hunt.since..hunt.until).contains(&document.ts)
            && document.expires_at.is_none_or(|at| at > hunt.now)
            && !hunt.not_from.contains(&document.sender)
            && hunt.tags.iter().all(|set| !set.is_disjoint(&document.tags));
        if !is_wanted {
            return None;
        }
        let relevance = match hunt.words {
            None => 0.0,
            Some(words) => {
                let forgotten = self.forgotten.get(&document.key.conversation);
                if forgotten.is_some_and(|until| document.ts <= *until) {
                    return None;
                }
                let found = words.find(document.text.as_deref()?)?;
                f32::from(u16::try_from(found.len()).unwrap_or(u16::MAX))
            }
        };
        let score = match hunt.order {
            Order::Recent => 0.0,
            Order::Relevant => score(relevance, document.ts, hunt.asked_at),
        };
        Some(Place { score, ts: document.ts, key: document.key })
    }
}

impl Index for MemoryIndex {
    fn apply<'a>(&'a self, changes: &'a [Change]) -> PortResult<'a, ()> {
        Box::pin(async move {
            let mut state = self.state();
            for change in changes {
                state.apply(change);
            }
            Ok(())
        })
    }

    fn forget_text(&self, conversation: Tag, until: Timestamp, _: Timestamp) -> PortResult<'_, ()> {
        Box::pin(async move {
            let mut state = self.state();
            let known = state.forgotten.entry(conversation).or_default();
            *known = (*known).max(until);
            Ok(())
        })
    }

    fn hunt<'a>(&'a self, hunt: &'a Hunt<'a>) -> PortResult<'a, Vec<Candidate>> {
        Box::pin(async move {
            let state = self.state();
            let found = state.documents.values().filter_map(|document| {
                let place = state.place(document, hunt)?;
                Some(Candidate { place, version: document.version })
            });
            let mut found: Vec<Candidate> =
                found.filter(|candidate| hunt.after.is_none_or(|after| candidate.place < after)).collect();
            found.sort_by_key(|candidate| Reverse(candidate.place));
            found.truncate(hunt.limit);
            Ok(found)
        })
    }

    fn maintain(&self, lifecycle: Lifecycle, _: Timestamp, now: Timestamp) -> PortResult<'_, Maintained> {
        Box::pin(async move {
            let mut state = self.state();
            let this = Month::of(now);
            let has_ended = |shard: Shard, months: u32| shard.month <= this.minus(months);
            state.documents.retain(|_, document| {
                !has_ended(document.shard, lifecycle.months) && document.expires_at.is_none_or(|at| at > now)
            });
            for document in state.documents.values_mut().filter(|d| has_ended(d.shard, lifecycle.text_months)) {
                document.text = None;
            }
            Ok(Maintained::default())
        })
    }
}
