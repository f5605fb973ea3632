//! `cargo dev trace`: the way of a message, put together of what the functions have told of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::clock::time_of_day;
use crate::commands::logs;
use crate::failure::{Failure, Result};
use crate::paths::Paths;

/// As many messages as a list shows.
const LISTED_MAX: usize = 20;
/// The width of the longest bar, in characters.
const BAR_WIDTH: u64 = 40;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A message (`m:…`, or the beginning of it), or the trace id of a `traceparent` that its sender gave. Without: the
    /// latest messages.
    message: Option<String>,
    /// How far back: 30s, 10m, 2h.
    #[arg(long, default_value = "10m", value_parser = logs::duration)]
    since: Duration,
}

/// A stage of a message's way, as a function tells it.
#[derive(Clone, Debug, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names of the line's fields")]
struct Stage {
    trace: String,
    function: String,
    stage: String,
    sequence: u64,
    from_ms: u64,
    to_ms: u64,
    note: String,
}

pub(crate) fn run(paths: &Paths, args: &Args) -> Result<()> {
    let lines = logs::reader(paths, None, args.since)?.next_objects()?;
    let traces = traces(lines);
    let lines = match &args.message {
        None => list(&traces),
        Some(wanted) => {
            let (message, stages) = find(&traces, wanted)?;
            waterfall(message, stages)
        }
    };
    for line in lines {
        println!("{line}");
    }
    Ok(())
}

/// The stages of each message, in the order in which they began.
fn traces(lines: Vec<Value>) -> BTreeMap<String, Vec<Stage>> {
    let mut traces: BTreeMap<String, Vec<Stage>> = BTreeMap::new();
    for stage in lines.into_iter().filter_map(|line| serde_json::from_value::<Stage>(line).ok()) {
        traces.entry(stage.trace.clone()).or_default().push(stage);
    }
    for stages in traces.values_mut() {
        stages.sort_by_key(|stage| (stage.from_ms, stage.to_ms));
    }
    traces
}

fn find<'a>(traces: &'a BTreeMap<String, Vec<Stage>>, wanted: &str) -> Result<(&'a str, &'a [Stage])> {
    // A whole traceparent is as good as the trace id in it.
    let trace_id = wanted.split('-').find(|part| part.len() == 32).unwrap_or(wanted);
    let is_wanted = |(message, stages): &(&String, &Vec<Stage>)| {
        message.starts_with(wanted)
            || (trace_id.len() == 32 && stages.iter().any(|stage| stage.note.contains(trace_id)))
    };
    let mut found = traces.iter().filter(is_wanted);
    match (found.next(), found.next()) {
        (Some((message, stages)), None) => Ok((message, stages)),
        (Some(_), Some(_)) => Err(Failure::new(format!("several messages begin with {wanted:?}"))),
        (None, _) => Err(Failure::new(format!("there is no trace of {wanted:?}"))
            .with_help("look further back with --since 1h, or list the latest with `cargo dev trace`")),
    }
}

/// The latest messages, the latest last.
fn list(traces: &BTreeMap<String, Vec<Stage>>) -> Vec<String> {
    let mut latest: Vec<(&String, &Vec<Stage>)> = traces.iter().collect();
    latest.sort_by_key(|(_, stages)| stages.first().map(|stage| stage.from_ms));
    if latest.is_empty() {
        return vec!["no message has left a trace".into()];
    }
    let first = latest.len().saturating_sub(LISTED_MAX);
    latest[first..]
        .iter()
        .map(|(message, stages)| {
            let begin = stages.first().map_or(0, |stage| stage.from_ms);
            let names: Vec<&str> = stages.iter().map(|stage| stage.stage.as_str()).collect();
            format!("{} {message}  {}", time_of_day(begin), names.join(", "))
        })
        .collect()
}

fn waterfall(message: &str, stages: &[Stage]) -> Vec<String> {
    let begin = stages.iter().map(|stage| stage.from_ms).min().unwrap_or_default();
    let end = stages.iter().map(|stage| stage.to_ms).max().unwrap_or_default();
    let total = (end - begin).max(1);
    let sequence = stages.first().map_or(0, |stage| stage.sequence);
    let mut lines = vec![format!("{message}, sequence {sequence}, {}, {} ms", time_of_day(begin), end - begin)];
    for stage in stages {
        let (from, took) = (stage.from_ms - begin, stage.to_ms - stage.from_ms);
        let indent = from * BAR_WIDTH / total;
        let width = (took * BAR_WIDTH / total).clamp(1, (BAR_WIDTH - indent).max(1));
        let bar = format!("{}{}", " ".repeat(count(indent)), "▇".repeat(count(width)));
        let line =
            format!("{from:>7} ms {took:>6} ms  {bar:<41} {:<11} {:<10} {}", stage.stage, stage.function, stage.note);
        lines.push(line.trim_end().to_owned());
    }
    lines
}

fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";

    fn line(message: &str, stage: &str, from_ms: u64, to_ms: u64, note: &str) -> Value {
        json!({
            "trace": message, "function": "send", "stage": stage, "sequence": 3, "from_ms": from_ms, "to_ms": to_ms,
            "note": note,
        })
    }

    fn some() -> BTreeMap<String, Vec<Stage>> {
        traces(vec![
            line("m:1", "delivered", 1_000, 1_080, ""),
            line("m:1", "sent", 990, 1_030, &format!("00-{TRACE_ID}-b7ad6b7169203331-01")),
            line("m:2", "sent", 2_000, 2_010, ""),
            json!({ "message": "another line" }),
        ])
    }

    #[test]
    fn a_message_is_found_by_its_id_and_by_its_senders_trace() {
        let traces = some();
        for wanted in ["m:1", TRACE_ID, &format!("00-{TRACE_ID}-b7ad6b7169203331-01")] {
            assert_eq!(find(&traces, wanted).unwrap().0, "m:1", "{wanted}");
        }
        assert!(find(&traces, "m:").unwrap_err().to_string().contains("several"));
        assert!(find(&traces, "m:3").unwrap_err().help().is_some());
    }

    #[test]
    fn stages_are_drawn_in_the_order_in_which_they_began() {
        let traces = some();
        let lines = waterfall("m:1", &traces["m:1"]);
        assert!(lines[0].starts_with("m:1, sequence 3,") && lines[0].ends_with("90 ms"), "{}", lines[0]);
        assert!(lines[1].contains("sent") && lines[1].trim_start().starts_with("0 ms     40 ms"), "{}", lines[1]);
        assert!(lines[2].contains("delivered") && lines[2].trim_start().starts_with("10 ms     80 ms"), "{}", lines[2]);
        assert!(lines[2].find('▇') > lines[1].find('▇'), "what began later stands further right");
        assert_eq!(list(&traces).len(), 2);
    }
}
