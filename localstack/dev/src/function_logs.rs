//! Reads the functions' logs from the local `CloudWatch` Logs.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::clock::time_of_day;
use crate::failure::{Context, Failure, Result};
use crate::state::{Function, REGION};

/// A line may be filed a little after its own time.
const OVERLAP_MS: u64 = 3000;

pub(crate) struct Reader {
    endpoint: String,
    agent: ureq::Agent,
    functions: Vec<Function>,
    since_ms: HashMap<String, u64>,
    seen: HashMap<String, HashSet<String>>,
    start_ms: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(default)]
    log_stream_name: String,
    timestamp: u64,
    message: String,
}

impl Reader {
    pub(crate) fn new(endpoint: String, functions: Vec<Function>, start_ms: u64) -> Self {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(10)))
            .http_status_as_error(false)
            .build()
            .into();
        Self { endpoint, agent, functions, since_ms: HashMap::new(), seen: HashMap::new(), start_ms }
    }

    /// The lines that were not told yet, of all functions, in order of time.
    pub(crate) fn next(&mut self) -> Result<Vec<String>> {
        Ok(self.next_events()?.iter().map(|(name, event)| line(name, event)).collect())
    }

    /// The lines that were not told yet and are a JSON object, of all functions, in order of time.
    pub(crate) fn next_objects(&mut self) -> Result<Vec<Value>> {
        let objects =
            self.next_events()?.into_iter().filter_map(|(_, event)| serde_json::from_str(&event.message).ok());
        Ok(objects.filter(Value::is_object).collect())
    }

    fn next_events(&mut self) -> Result<Vec<(String, Event)>> {
        let mut lines = Vec::new();
        for function in self.functions.clone() {
            let events = self.new_events(&function)?.into_iter().filter(|event| !is_platform_line(&event.message));
            lines.extend(events.map(|event| (function.name.clone(), event)));
        }
        // A stable sort keeps the order within one function.
        lines.sort_by_key(|(_, event)| event.timestamp);
        Ok(lines)
    }

    fn new_events(&mut self, function: &Function) -> Result<Vec<Event>> {
        let name = &function.name;
        let newest = self.since_ms.get(name).copied();
        let since = newest.map_or(self.start_ms, |newest| newest.saturating_sub(OVERLAP_MS).max(self.start_ms));
        let events = self.fetch(&function.log_group, since)?;
        if let Some(newest) = events.iter().map(|event| event.timestamp).max() {
            self.since_ms.insert(name.clone(), newest);
        }
        let already = self.seen.remove(name).unwrap_or_default();
        let keys = keys(&events);
        let fresh =
            events.into_iter().zip(&keys).filter(|(_, key)| !already.contains(*key)).map(|(event, _)| event).collect();
        self.seen.insert(name.clone(), keys.into_iter().collect());
        Ok(fresh)
    }

    fn fetch(&self, group: &str, since_ms: u64) -> Result<Vec<Event>> {
        let failed = || format!("cannot read the logs at {}", self.endpoint);
        let mut response = self
            .agent
            .post(&self.endpoint)
            .header("Content-Type", "application/x-amz-json-1.1")
            .header("X-Amz-Target", "Logs_20140328.FilterLogEvents")
            // Local stacks do not check it, but read the service from it.
            .header(
                "Authorization",
                format!(
                    "AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/logs/aws4_request, SignedHeaders=host, Signature=0"
                ),
            )
            .send_json(json!({ "logGroupName": group, "startTime": since_ms }))
            .context(failed)?;
        let status = response.status();
        let body: Value = response.body_mut().read_json().context(failed)?;
        if status.is_success() {
            return serde_json::from_value(body["events"].clone()).context(failed);
        }
        // A function that never ran has no group yet.
        if body["__type"].as_str().is_some_and(|kind| kind.contains("ResourceNotFound")) {
            return Ok(Vec::new());
        }
        Err(Failure::new(format!("{}: {status}: {body}", failed())))
    }
}

/// Tells lines apart, equal ones of one stream and time too.
fn keys(events: &[Event]) -> Vec<String> {
    let mut count: HashMap<String, usize> = HashMap::new();
    events
        .iter()
        .map(|event| {
            let key = format!("{} {} {}", event.log_stream_name, event.timestamp, event.message);
            let nth = count.entry(key.clone()).or_default();
            *nth += 1;
            format!("{nth} {key}")
        })
        .collect()
}

/// The runtime's own lines: what they tell is in the function's own ones.
fn is_platform_line(message: &str) -> bool {
    ["START RequestId:", "END RequestId:", "REPORT RequestId:"].iter().any(|prefix| message.starts_with(prefix))
}

fn line(name: &str, event: &Event) -> String {
    format!("{} {name:<10} {}", time_of_day(event.timestamp), event.message.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(stream: &str, timestamp: u64, message: &str) -> Event {
        Event { log_stream_name: stream.into(), timestamp, message: message.into() }
    }

    #[test]
    fn equal_lines_are_told_apart_and_known_again() {
        let first = keys(&[event("s", 1, "a"), event("s", 1, "a"), event("t", 1, "a")]);
        assert_eq!(first.iter().collect::<HashSet<_>>().len(), 3);
        assert_eq!(first, keys(&[event("s", 1, "a"), event("s", 1, "a"), event("t", 1, "a")]));
    }

    #[test]
    fn platform_lines_are_left_out() {
        assert!(is_platform_line("REPORT RequestId: 1\tDuration: 2 ms"));
        assert!(!is_platform_line(r#"{"level":"INFO","message":"START"}"#));
    }
}
