//! Counts, in the embedded metric format: a line on standard output that CloudWatch makes metrics of.

use std::{
    collections::BTreeMap,
    io::Write as _,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

pub(crate) const NAMESPACE: &str = "Tidings";

/// Counts of one invocation, by metric and the value of its one dimension.
#[derive(Debug, Default)]
pub struct Counts(BTreeMap<(&'static str, &'static str, &'static str), u64>);

impl Counts {
    /// Adds to a count: of `PushDropped` by `Reason`, for example.
    pub fn add(&mut self, metric: &'static str, dimension: &'static str, value: &'static str, count: u64) {
        if count > 0 {
            *self.0.entry((metric, dimension, value)).or_default() += count;
        }
    }

    fn lines(&self, now_ms: u64) -> impl Iterator<Item = Value> {
        self.0.iter().map(move |((metric, dimension, value), count)| {
            json!({
                "_aws": {
                    "Timestamp": now_ms,
                    "CloudWatchMetrics": [{
                        "Namespace": NAMESPACE,
                        "Dimensions": [[dimension]],
                        "Metrics": [{ "Name": metric, "Unit": "Count" }],
                    }],
                },
                *dimension: value,
                *metric: count,
            })
        })
    }

    /// Writes what was counted, a line each.
    pub fn write(&self) {
        write(|now_ms| self.lines(now_ms));
    }
}

/// Writes lines that are stamped with the time now.
pub(crate) fn write<I: Iterator<Item = Value>>(lines: impl FnOnce(u64) -> I) {
    #[expect(clippy::disallowed_methods, reason = "this is the module that stamps metrics")]
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
    let mut out = std::io::stdout().lock();
    for line in lines(now_ms) {
        // A metric that cannot be written is a metric that is missing, and no reason to fail.
        let _ = writeln!(out, "{line}");
    }
    let _ = out.flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_a_metric_with_its_dimension() {
        let mut counts = Counts::default();
        counts.add("PushDropped", "Reason", "muted", 1);
        counts.add("PushDropped", "Reason", "muted", 2);
        counts.add("PushDropped", "Reason", "quiet", 0);
        let lines: Vec<Value> = counts.lines(7).collect();
        assert_eq!(lines.len(), 1, "nothing is said of what did not happen");
        assert_eq!((&lines[0]["PushDropped"], &lines[0]["Reason"]), (&json!(3), &json!("muted")));
        let told = &lines[0]["_aws"]["CloudWatchMetrics"][0];
        assert_eq!((&told["Dimensions"], &told["Metrics"][0]["Name"]), (&json!([["Reason"]]), &json!("PushDropped")));
    }
}
