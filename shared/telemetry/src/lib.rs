//! Logs: one JSON object a line, on standard error, which Lambda keeps in the function's log group.

use std::error::Error;

use tracing_subscriber::EnvFilter;

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

/// An error and all that caused it, in one line.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some libraries repeat their cause.
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
