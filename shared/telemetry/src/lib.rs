//! Logs: one JSON object a line, on standard error, which Lambda keeps in the function's log group.

mod metrics;
mod times;

use tracing_subscriber::EnvFilter;

pub use metrics::Counts;
pub use times::Times;

/// Starts logging, at a level or filter such as `info` or `info,tidings_fn_send=debug`. A filter
/// that cannot be read counts as `info`.
pub fn start(filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_writer(std::io::stderr)
        .with_env_filter(filter);
    // A second start, in a test, leaves the first in place.
    let _ = logs.try_init();
}
