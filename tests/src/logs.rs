//! What the functions have logged.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::aws::logs_call;

/// What the logs say in the place of an id: `#` and twelve digits of its SHA-256.
pub fn digest(id: &str) -> String {
    let hash = Sha256::digest(id);
    hash.iter().take(6).fold("#".to_owned(), |digits, byte| digits + &format!("{byte:02x}"))
}

/// The lines of all functions since a moment, those of the runtime left out.
pub async fn function_logs(since_ms: u64) -> Vec<String> {
    let groups = logs_call("DescribeLogGroups", &json!({ "logGroupNamePrefix": "/aws/lambda/tidings-" })).await;
    let names = groups["logGroups"].as_array().into_iter().flatten().filter_map(|group| group["logGroupName"].as_str());
    let mut lines = Vec::new();
    for name in names {
        let events = logs_call("FilterLogEvents", &json!({ "logGroupName": name, "startTime": since_ms })).await;
        let messages = events["events"].as_array().into_iter().flatten().filter_map(|event| event["message"].as_str());
        lines.extend(messages.map(str::to_owned));
    }
    lines
}

/// The lines that are JSON objects.
pub fn objects(lines: &[String]) -> Vec<Value> {
    lines.iter().filter_map(|line| serde_json::from_str(line).ok()).filter(Value::is_object).collect()
}
