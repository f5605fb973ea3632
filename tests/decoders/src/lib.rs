//! Every decoder of outside input, and what must hold of whatever it takes.
//!
//! A [`Target`] is a check that panics where a rule is broken, and the seeds from which the fuzzer
//! starts. The fuzzer (`tests/fuzz`) runs the checks on what it makes up; the tests here run them
//! on the checked-in corpus and on what chance makes of it, with the pinned compiler.

#![expect(clippy::unwrap_used, reason = "a check that cannot go on has failed")]

mod abuse_calls;
mod access_token;
mod client_frame;
mod entry;
mod group_calls;
mod http_event;
mod ids;
mod key_calls;
mod key_set;
mod keys;
mod object_event;
mod pending_send;
mod personal_calls;
mod preview_event;
mod preview_source;
mod push_event;
mod search_calls;
mod seeds;
mod server_frame;
mod short_text;
mod socket_event;
mod stream_event;
mod table_event;

use std::collections::BTreeSet;

pub use seeds::Seed;
use serde_json::{Value, json};

/// A decoder, or a family of them.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of the fuzz target and of its corpus.
    pub name: &'static str,
    /// Decodes the bytes and panics where a rule is broken; true where they were taken.
    pub check: fn(&[u8]) -> bool,
    /// Where the fuzzer starts.
    pub seeds: fn() -> Vec<Seed>,
}

/// All of them.
pub const TARGETS: [Target; 14] = [
    Target { name: "access_token", check: access_token::check, seeds: access_token::seeds },
    Target { name: "client_frame", check: client_frame::check, seeds: client_frame::seeds },
    Target { name: "http_event", check: http_event::check, seeds: http_event::seeds },
    Target { name: "key_set", check: key_set::check, seeds: key_set::seeds },
    Target { name: "object_event", check: object_event::check, seeds: object_event::seeds },
    Target { name: "pending_send", check: pending_send::check, seeds: pending_send::seeds },
    Target { name: "preview_event", check: preview_event::check, seeds: preview_event::seeds },
    Target { name: "preview_source", check: preview_source::check, seeds: preview_source::seeds },
    Target { name: "push_event", check: push_event::check, seeds: push_event::seeds },
    Target { name: "server_frame", check: server_frame::check, seeds: server_frame::seeds },
    Target { name: "short_text", check: short_text::check, seeds: short_text::seeds },
    Target { name: "socket_event", check: socket_event::check, seeds: socket_event::seeds },
    Target { name: "stream_event", check: stream_event::check, seeds: stream_event::seeds },
    Target { name: "table_event", check: table_event::check, seeds: table_event::seeds },
];

/// Messages made of one input.
const MESSAGES_MAX: usize = 32;

/// The event of a queue that an input is: as it is where it is one, else with a message of each line.
fn queue_event(data: &[u8]) -> Value {
    let whole = serde_json::from_slice::<Value>(data).ok();
    if let Some(event) = whole.filter(|event| event["Records"][0]["body"].is_string()) {
        return event;
    }
    let bodies = data.splitn(MESSAGES_MAX, |byte| *byte == b'\n').map(String::from_utf8_lossy);
    let message = |(n, body): (usize, std::borrow::Cow<'_, str>)| {
        json!({
            "messageId": n.to_string(),
            "receiptHandle": format!("r{n}"),
            "body": body,
            "attributes": { "ApproximateReceiveCount": "1" },
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:queue",
        })
    };
    json!({ "Records": bodies.enumerate().map(message).collect::<Vec<_>>() })
}

/// The target of this name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}

/// The words of the inputs, as libFuzzer reads a dictionary: names and texts of all seeds.
pub fn dictionary() -> String {
    let mut words = BTreeSet::new();
    for seed in TARGETS.iter().flat_map(|target| (target.seeds)()) {
        if let Ok(value) = serde_json::from_slice(&seed.input) {
            words_of(&value, &mut words);
        }
    }
    words.retain(|word| (2..=40).contains(&word.len()) && word.is_ascii());
    // A JSON string has the escapes of a dictionary, where there is no control character.
    let lines: Vec<String> = words.into_iter().map(|word| Value::from(word).to_string()).collect();
    lines.join("\n") + "\n"
}

fn words_of(value: &Value, words: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                words.insert(format!("\"{name}\":"));
                words_of(value, words);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| words_of(value, words)),
        Value::String(text) => match serde_json::from_str(text) {
            Ok(inner @ (Value::Object(_) | Value::Array(_))) => words_of(&inner, words),
            _ => drop(words.insert(text.clone())),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
