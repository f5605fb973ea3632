//! Logs, metrics and traces: JSON lines, which Lambda keeps in the function's log group.
//!
//! # Architecture invariants
//! - No user, no content: whatever is logged anywhere goes through [`scrub`], which puts digests in the place of who and where.
//! - Metrics and traces are events of `tracing` (see `tidings_domain::signals`), so whoever measures needs nothing of this crate.

mod emf;
mod scrub;
mod signals;

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use tidings_domain::signals::{METRIC_TARGET, STAGE_TARGET};
use tracing_subscriber::{
    EnvFilter, Layer as _,
    filter::{FilterExt as _, filter_fn},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

pub use scrub::digest;
use signals::{SignalLayer, Signals};

/// How a function tells of itself.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A level or filter such as `info` or `info,tidings_fn_send=debug`. One that cannot be read counts as `info`.
    pub filter: String,
    /// The name of this copy of the stack.
    pub cell: String,
    /// The name of the function.
    pub function: String,
    /// For how long measurements are gathered before they are written. What an idle process has gathered is written at its
    /// next event, or never: it is never more than this.
    pub flush_every: Duration,
    /// Of a thousand messages so many leave a trace.
    pub traced_per_mille: u32,
}

static SIGNALS: OnceLock<Arc<Signals>> = OnceLock::new();

/// Starts logging and measuring.
pub fn start(settings: Settings) {
    let filter = EnvFilter::try_new(&settings.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let is_signal = |target: &str| target == METRIC_TARGET || target == STAGE_TARGET;
    let logs = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_writer(scrub::ScrubbedStderr::default)
        .with_filter(filter.and(filter_fn(move |about| !is_signal(about.target()))));
    let signals = Arc::new(Signals::new(settings));
    // Whatever the level of the logs: a measurement is no log line.
    let layer = SignalLayer(signals.clone()).with_filter(filter_fn(move |about| is_signal(about.target())));
    // A second start, in a test, leaves the first in place.
    if tracing_subscriber::registry().with(logs).with(layer).try_init().is_ok() {
        let _ = SIGNALS.set(signals);
    }
}

/// Says that an invocation is over: what was measured is written if it is time, or if something has failed.
pub fn finish_invocation() {
    if let Some(signals) = SIGNALS.get() {
        signals.flush_if_due(Instant::now());
    }
}
