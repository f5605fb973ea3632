//! `cargo dev metrics`: what the functions have measured, of the lines that `CloudWatch` would make metrics of.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::commands::logs;
use crate::failure::Result;
use crate::paths::Paths;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// One function, for example `send`; all of them without.
    function: Option<String>,
    /// How far back: 30s, 10m, 2h.
    #[arg(long, default_value = "10m", value_parser = logs::duration)]
    since: Duration,
}

/// What was measured of a metric: sums of counts, and single times.
#[derive(Debug, Default, PartialEq)]
struct Measured {
    sum: u64,
    values: Vec<u64>,
}

pub(crate) fn run(paths: &Paths, args: &Args) -> Result<()> {
    let lines = logs::reader(paths, args.function.as_deref(), args.since)?.next_objects()?;
    let measured = measured(&lines);
    if measured.is_empty() {
        println!("nothing was measured");
        return Ok(());
    }
    println!("{:<32} {:>8} {:>8} {:>8} {:>8} {:>8}", "", "count", "p50", "p95", "p99", "max");
    for (name, Measured { sum, mut values }) in measured {
        if values.is_empty() {
            println!("{name:<32} {sum:>8}");
            continue;
        }
        values.sort_unstable();
        let at = |percent| percentile(&values, percent);
        println!("{name:<32} {:>8} {:>8} {:>8} {:>8} {:>8}", values.len(), at(50), at(95), at(99), at(100));
    }
    Ok(())
}

/// By metric, and by its reason where it has one. A line tells each metric once, whatever it is a metric of.
fn measured(lines: &[Value]) -> BTreeMap<String, Measured> {
    let mut measured: BTreeMap<String, Measured> = BTreeMap::new();
    for line in lines {
        for told in line["_aws"]["CloudWatchMetrics"].as_array().into_iter().flatten() {
            for name in told["Metrics"].as_array().into_iter().flatten().filter_map(|metric| metric["Name"].as_str()) {
                let title =
                    line["Reason"].as_str().map_or_else(|| name.to_owned(), |reason| format!("{name} {reason}"));
                let of = measured.entry(title).or_default();
                match &line[name] {
                    Value::Array(values) => of.values.extend(values.iter().filter_map(Value::as_u64)),
                    value => of.sum += value.as_u64().unwrap_or_default(),
                }
            }
        }
    }
    measured
}

/// The value that so many per cent of the sorted ones do not exceed.
fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_are_put_together_by_metric_and_reason() {
        let line = |name: &str, value: Value, reason: Option<&str>| {
            let mut line = json!({ "_aws": { "CloudWatchMetrics": [{ "Metrics": [{ "Name": name }] }] }, name: value });
            if let Some(reason) = reason {
                line["Reason"] = reason.into();
            }
            line
        };
        let lines = [
            line("Requests", json!(2), None),
            line("Requests", json!(3), None),
            line("SentMs", json!([4, 5]), None),
            line("PushDropped", json!(1), Some("muted")),
            json!({ "message": "no measurement" }),
        ];
        let measured = measured(&lines);
        assert_eq!(measured["Requests"].sum, 5);
        assert_eq!(measured["SentMs"].values, [4, 5]);
        assert_eq!(measured["PushDropped muted"].sum, 1);
        assert_eq!(measured.len(), 3);
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let values: Vec<u64> = (1..=100).collect();
        assert_eq!([50, 95, 99, 100].map(|percent| percentile(&values, percent)), [50, 95, 99, 100]);
        assert_eq!(percentile(&[7], 50), 7);
    }
}
