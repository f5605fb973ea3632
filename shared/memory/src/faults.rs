//! How the world misbehaves.

use std::fmt;

/// How the world misbehaves. Chances are per call, from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// Nothing happened, and the caller is told so.
    pub refused: f64,
    /// Nothing happened: too much was asked for.
    pub throttled: f64,
    /// Nothing happened: the write met a transaction on the same row.
    pub conflict: f64,
    /// It happened, and the caller is told that it failed.
    pub answer_lost: f64,
    /// It happened, the answer was lost, and the adapter's own retry did it once more: the caller
    /// gets the second answer.
    pub repeated: f64,
    /// An eventually consistent read answers what was so up to [`Faults::stale_ms_max`] ago.
    pub stale: f64,
    /// How far such a read lags at most, in milliseconds.
    pub stale_ms_max: u64,
    /// `@connections` answers 410 though the socket is there.
    pub stray_gone: f64,
    /// The call takes up to [`Faults::slow_ms_max`] longer.
    pub slow: f64,
    /// How much longer a slow call takes at most, in milliseconds.
    pub slow_ms_max: u64,
    /// Each call takes a time up to this, in milliseconds; at least one.
    pub latency_ms_max: u64,
}

/// A fault that occurred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// See [`Faults::refused`].
    Refused,
    /// See [`Faults::throttled`].
    Throttled,
    /// See [`Faults::conflict`].
    Conflict,
    /// See [`Faults::answer_lost`].
    AnswerLost,
    /// See [`Faults::repeated`].
    Repeated,
    /// See [`Faults::stale`]; what was read differed from what is so.
    Stale,
    /// See [`Faults::stray_gone`].
    StrayGone,
    /// See [`Faults::slow`].
    Slow,
    /// Every call of the operation was refused at that time.
    Outage,
}

impl FaultKind {
    /// What the caller is told.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Throttled => "throttled",
            Self::Conflict => "it met a transaction",
            Self::AnswerLost => "the answer was lost",
            Self::Repeated => "done twice",
            Self::Stale => "read what was",
            Self::StrayGone => "a stray 410",
            Self::Slow => "slow",
            Self::Outage => "away",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

/// A call that failed by chance.
#[derive(Debug)]
pub(crate) struct Fault(pub(crate) FaultKind);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::error::Error for Fault {}

/// Calls whose write may meet a transaction.
pub(crate) fn may_conflict(operation: &str) -> bool {
    matches!(operation, "append" | "advance" | "raise" | "move_reach")
}
