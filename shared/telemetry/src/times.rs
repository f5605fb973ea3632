//! Times, in the embedded metric format.

use serde_json::{Value, json};

use crate::metrics::{self, NAMESPACE};

/// CloudWatch takes so many values of a metric in a line.
const VALUES_MAX: usize = 100;

/// How long things took, in milliseconds.
#[derive(Debug)]
pub struct Times {
    metric: &'static str,
    ms: Vec<u64>,
}

impl Times {
    /// Times of a metric, `IndexLag` for example.
    pub fn of(metric: &'static str, ms: impl IntoIterator<Item = u64>) -> Self {
        Self { metric, ms: ms.into_iter().collect() }
    }

    fn lines(&self, now_ms: u64) -> impl Iterator<Item = Value> {
        self.ms.chunks(VALUES_MAX).map(move |values| {
            json!({
                "_aws": {
                    "Timestamp": now_ms,
                    "CloudWatchMetrics": [{
                        "Namespace": NAMESPACE,
                        "Dimensions": [[]],
                        "Metrics": [{ "Name": self.metric, "Unit": "Milliseconds" }],
                    }],
                },
                self.metric: values,
            })
        })
    }

    /// Writes them, a line for each hundred.
    pub fn write(&self) {
        metrics::write(|now_ms| self.lines(now_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_values_of_a_metric() {
        let lines: Vec<Value> = Times::of("IndexLag", 0..=100).lines(7).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1]["IndexLag"], json!([100]));
        assert_eq!(lines[0]["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Unit"], "Milliseconds");
        assert_eq!(Times::of("IndexLag", []).lines(7).count(), 0, "nothing is said of what did not happen");
    }
}
