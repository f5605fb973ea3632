//! The seeds that are always run: a fixed range, and those that once broke a promise.

use crate::{Mutation, Options, Violation, run};

/// What once broke a promise, a seed a line; what follows `#` says what it found.
const REGRESSIONS: &str = include_str!("../regressions.txt");
/// The range.
const FIXED_SEEDS: std::ops::Range<u64> = 0..200;

/// A bug that is switched on is to be found within so many seeds.
pub const MUTATION_SEEDS_MAX: u64 = 8_000;

/// What a bug that was switched on came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Seeds that were run until it was found.
    pub seeds: u64,
    /// The promise that it broke first.
    pub violation: Violation,
}

/// Runs seeds, from the first of the fixed ones on, with a bug switched on until a promise is broken.
pub fn hunt(mutation: Mutation, seeds_max: u64) -> std::io::Result<Option<Found>> {
    for seed in 0..seeds_max {
        let outcome = run(seed, Options { mutation: Some(mutation), ..Options::default() })?;
        if let Some(violation) = outcome.violation {
            return Ok(Some(Found { seeds: seed + 1, violation }));
        }
    }
    Ok(None)
}

/// The seeds that are always run.
pub fn fixed_seeds() -> Vec<u64> {
    let regressions = REGRESSIONS.lines().filter_map(|line| line.split('#').next()?.trim().parse().ok());
    regressions.chain(FIXED_SEEDS).collect()
}
