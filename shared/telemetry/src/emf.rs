//! Measurements, in the embedded metric format: a log line that CloudWatch makes metrics of.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tidings_domain::signals::{Metric, Unit};

const NAMESPACE: &str = "Tidings";
/// As many values as one line may have of a metric.
pub(crate) const VALUES_MAX: usize = 100;

/// What was measured of one metric.
#[derive(Clone, Debug, PartialEq)]
enum Measured {
    Sum(u64),
    Values(Vec<u64>),
}

impl Measured {
    /// Itself, in parts for which a line has room: one batch may bring more values than that.
    fn parts(self) -> Vec<Self> {
        match self {
            Self::Sum(_) => vec![self],
            Self::Values(values) => values.chunks(VALUES_MAX).map(|part| Self::Values(part.to_vec())).collect(),
        }
    }
}

/// What was measured since the last line, by metric and reason.
#[derive(Debug, Default)]
pub(crate) struct Measurements(BTreeMap<(Option<String>, Metric), Measured>);

impl Measurements {
    /// Adds to a metric. False where there is no room for more values of it.
    pub(crate) fn add(&mut self, metric: Metric, reason: Option<&str>, value: u64) -> bool {
        let key = (reason.map(str::to_owned), metric);
        match (metric.unit(), self.0.get_mut(&key)) {
            (Unit::Count, Some(Measured::Sum(sum))) => *sum += value,
            (Unit::Milliseconds, Some(Measured::Values(values))) => {
                values.push(value);
                return values.len() < VALUES_MAX;
            }
            (Unit::Count, _) => {
                self.0.insert(key, Measured::Sum(value));
            }
            (Unit::Milliseconds, _) => {
                self.0.insert(key, Measured::Values(vec![value]));
            }
        }
        true
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The lines that say it, and an end to it. Each metric is one of the cell, and one of the function in it; what is
    /// counted by reason is one of the cell for each reason.
    pub(crate) fn take_lines(&mut self, cell: &str, function: &str, now_ms: u64) -> Vec<Value> {
        let mut lines: BTreeMap<(Option<String>, usize), BTreeMap<Metric, Measured>> = BTreeMap::new();
        for ((reason, metric), measured) in std::mem::take(&mut self.0) {
            for (part, measured) in measured.parts().into_iter().enumerate() {
                lines.entry((reason.clone(), part)).or_default().insert(metric, measured);
            }
        }
        lines
            .into_iter()
            .map(|((reason, _), measured)| line(cell, function, reason.as_deref(), measured, now_ms))
            .collect()
    }
}

fn line(cell: &str, function: &str, reason: Option<&str>, measured: BTreeMap<Metric, Measured>, now_ms: u64) -> Value {
    let dimensions = match reason {
        None => json!([["Cell"], ["Cell", "Function"]]),
        Some(_) => json!([["Cell", "Reason"]]),
    };
    let metrics: Vec<Value> = measured.keys().map(|m| json!({ "Name": m.name(), "Unit": unit(*m) })).collect();
    let mut line = Map::new();
    line.insert(
        "_aws".into(),
        json!({
            "Timestamp": now_ms,
            "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics }],
        }),
    );
    line.insert("Cell".into(), cell.into());
    line.insert("Function".into(), function.into());
    if let Some(reason) = reason {
        line.insert("Reason".into(), reason.into());
    }
    for (metric, measured) in measured {
        let value = match measured {
            Measured::Sum(sum) => sum.into(),
            Measured::Values(values) => values.into(),
        };
        line.insert(metric.name().into(), value);
    }
    Value::Object(line)
}

fn unit(metric: Metric) -> &'static str {
    match metric.unit() {
        Unit::Count => "Count",
        Unit::Milliseconds => "Milliseconds",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_is_a_metric_of_the_cell_and_of_the_function() {
        let mut measured = Measurements::default();
        assert!(measured.add(Metric::Requests, None, 1) && measured.add(Metric::Requests, None, 2));
        assert!(measured.add(Metric::SentMs, None, 40) && measured.add(Metric::SentMs, None, 0));
        let lines = measured.take_lines("tidings", "send", 7);
        assert_eq!(lines.len(), 1, "one line for all");
        let line = &lines[0];
        assert_eq!((&line["Requests"], &line["SentMs"]), (&json!(3), &json!([40, 0])));
        assert_eq!((&line["Cell"], &line["Function"]), (&json!("tidings"), &json!("send")));
        let told = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(told["Dimensions"], json!([["Cell"], ["Cell", "Function"]]));
        assert_eq!(
            told["Metrics"],
            json!([{ "Name": "Requests", "Unit": "Count" }, { "Name": "SentMs", "Unit": "Milliseconds" }])
        );
        assert!(measured.is_empty() && measured.take_lines("tidings", "send", 8).is_empty(), "told once");
    }

    #[test]
    fn what_has_a_reason_is_counted_by_it() {
        let mut measured = Measurements::default();
        measured.add(Metric::PushDropped, Some("muted"), 1);
        measured.add(Metric::PushDropped, Some("muted"), 2);
        measured.add(Metric::PushDropped, Some("late"), 1);
        let lines = measured.take_lines("tidings", "notifier", 7);
        let counted: Vec<_> =
            lines.iter().map(|line| (line["Reason"].as_str(), line["PushDropped"].as_u64())).collect();
        assert_eq!(counted, [(Some("late"), Some(1)), (Some("muted"), Some(3))]);
        assert_eq!(lines[0]["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["Cell", "Reason"]]));
    }

    #[test]
    fn a_line_has_as_many_values_as_it_may() {
        let mut measured = Measurements::default();
        let room = (0..VALUES_MAX).filter(|_| measured.add(Metric::SentMs, None, 1)).count();
        assert_eq!(room, VALUES_MAX - 1, "the last one says that it is time");
        assert!(!measured.add(Metric::SentMs, None, 2) && measured.add(Metric::Requests, None, 1));
        let lines = measured.take_lines("tidings", "send", 7);
        let values = |line: &Value| line["SentMs"].as_array().map(Vec::len);
        assert_eq!(lines.iter().map(values).collect::<Vec<_>>(), [Some(VALUES_MAX), Some(1)]);
        assert_eq!((&lines[0]["Requests"], &lines[1]["Requests"]), (&json!(1), &Value::Null), "a count is told once");
    }
}
