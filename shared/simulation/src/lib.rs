//! The delivery core under faults, in virtual time, from one seed.
//!
//! Clients, devices and functions run the real use cases of `tidings-domain` against the model of
//! AWS in `tidings-memory`. The promises of `docs/protocol.md` are checked after every change and
//! in the quiet at the end. Equal seeds give equal runs, to the line.

mod admin;
mod chance;
mod client;
mod describe;
mod edge;
mod fixed;
mod functions;
mod invariants;
mod lambda;
mod mapping;
mod mutations;
mod plan;
mod promises;
mod sim;
mod totals;
mod trace;
mod weather;

pub use fixed::{Found, MUTATION_SEEDS_MAX, fixed_seeds, hunt};
pub use mutations::Mutation;
pub use promises::{Promise, Violation};
pub use sim::FRESH_WITHIN_MS;
pub use totals::Totals;
pub use trace::{Line, about, trace_hash};

/// How to run a seed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Keep a line of everything that happens.
    pub trace: bool,
    /// A bug to switch on.
    pub mutation: Option<Mutation>,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// The first promise that was broken.
    pub violation: Option<Violation>,
    /// What happened, where that was asked for.
    pub lines: Vec<Line>,
    /// How much happened.
    pub totals: Totals,
    /// How long it took on the clock of the simulation, in milliseconds.
    pub virtual_ms: u64,
}

/// Runs a seed.
pub fn run(seed: u64, options: Options) -> std::io::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    Ok(tokio::task::LocalSet::new().block_on(&runtime, sim::Sim::run(seed, options)))
}
