//! How much happened, so that one sees that it did.

use std::collections::BTreeMap;

use tidings_memory::FaultKind;

/// Counts of what happened, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    counts: BTreeMap<String, u64>,
    /// Faults of calls, by kind.
    pub faults: BTreeMap<FaultKind, u64>,
}

impl Totals {
    pub(crate) fn count(&mut self, what: &'static str, times: u64) {
        match self.counts.get_mut(what) {
            Some(count) => *count += times,
            None => {
                self.counts.insert(what.to_owned(), times);
            }
        }
    }

    pub(crate) fn count_named(&mut self, whose: &'static str, what: &'static str, times: u64) {
        *self.counts.entry(format!("{whose}: {what}")).or_default() += times;
    }

    pub(crate) fn fault(&mut self, kind: FaultKind) {
        *self.faults.entry(kind).or_default() += 1;
    }

    /// Adds another run's.
    pub fn add(&mut self, other: &Self) {
        for (what, times) in &other.counts {
            *self.counts.entry(what.clone()).or_default() += times;
        }
        for (kind, times) in &other.faults {
            *self.faults.entry(*kind).or_default() += times;
        }
    }

    /// How often something happened.
    pub fn of(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or_default()
    }

    /// All counts, faults last.
    pub fn all(&self) -> impl Iterator<Item = (String, u64)> {
        let counts = self.counts.iter().map(|(what, times)| (what.clone(), *times));
        counts.chain(self.faults.iter().map(|(kind, times)| (format!("calls: {kind}"), *times)))
    }
}
