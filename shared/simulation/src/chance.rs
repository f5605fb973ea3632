//! Chance, by the seed. Each actor has its own, so that what one draws changes nothing for another.

use std::ops::Range;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tidings_memory::streams::hash_of;

/// A source of chance.
#[derive(Debug)]
pub(crate) struct Chance(ChaCha8Rng);

impl Chance {
    /// The chance of one actor of a seed.
    pub(crate) fn of(seed: u64, actor: &str) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(hash_of(actor));
        Self(rng)
    }

    /// A number below a bound; zero where the bound is zero.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.0.random_range(0..bound) }
    }

    /// A number of a range.
    pub(crate) fn within(&mut self, range: Range<u64>) -> u64 {
        range.start + self.below(range.end.saturating_sub(range.start))
    }

    /// From 0 to below 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        self.0.random()
    }

    /// Whether something of this chance happens.
    pub(crate) fn hits(&mut self, chance: f64) -> bool {
        chance > 0.0 && self.0.random_bool(chance)
    }

    /// One of some; none of none.
    pub(crate) fn pick<'a, T>(&mut self, some: &'a [T]) -> Option<&'a T> {
        let at = usize::try_from(self.below(some.len() as u64)).unwrap_or_default();
        some.get(at)
    }
}
