//! Takes out of a log line who it is about: users, devices and conversations, whose ids name users.
//!
//! It is done to the line, in one place, so that no caller can forget it.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Fields whose value names somebody, or a conversation of somebody.
const NAMING: [&str; 8] = ["conversation", "device", "holder", "owner", "sender", "user", "userId", "who"];
/// How an id of a conversation begins that names users.
const NAMING_IDS: [&str; 2] = ["u:", "self:"];
const DIGEST_BYTES: usize = 6;

/// What stands in the place of an id: lines about the same one are found by it. `#` and twelve digits of its SHA-256.
pub fn digest(id: &str) -> String {
    let hash = Sha256::digest(id);
    hash.iter().take(DIGEST_BYTES).fold("#".to_owned(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// Standard error, line by line, without those who it is about.
#[derive(Debug, Default)]
pub(crate) struct ScrubbedStderr;

impl Write for ScrubbedStderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let scrubbed = scrubbed_line(line);
        io::stderr().lock().write_all(&scrubbed)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

fn scrubbed_line(line: &[u8]) -> Vec<u8> {
    // What is no JSON is nothing that this crate has written: better lost than told.
    let Ok(mut value) = serde_json::from_slice::<Value>(line) else {
        return b"{\"level\":\"ERROR\",\"message\":\"a log line was not JSON\"}\n".to_vec();
    };
    scrub(&mut value, "");
    let mut text = value.to_string().into_bytes();
    text.push(b'\n');
    text
}

fn scrub(value: &mut Value, name: &str) {
    match value {
        Value::String(text) if NAMING.contains(&name) => *text = digest(text),
        Value::String(text) => {
            if NAMING_IDS.iter().any(|start| text.contains(start)) {
                *text = scrubbed_text(text);
            }
        }
        Value::Object(fields) => fields.iter_mut().for_each(|(name, value)| scrub(value, name)),
        Value::Array(items) => items.iter_mut().for_each(|item| scrub(item, name)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The text with each id of a conversation that names users replaced.
fn scrubbed_text(text: &str) -> String {
    let is_of_id = |c: char| c.is_ascii_alphanumeric() || "._-:|#".contains(c);
    let mut scrubbed = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_of_id(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let id = word.trim_end_matches([':', '.']);
        if NAMING_IDS.iter().any(|start| id.starts_with(start)) {
            scrubbed.push_str(&digest(id));
            scrubbed.push_str(&word[id.len()..]);
        } else {
            scrubbed.push_str(word);
        }
        let between = after.find(is_of_id).unwrap_or(after.len());
        scrubbed.push_str(&after[..between]);
        rest = &after[between..];
    }
    scrubbed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_it_is_about_is_a_digest() {
        let line = br#"{"message":"refused","conversation":"u:alice|u:bob","span":{"user":"alice","device":"phone","request_id":"r"},"sequence":7}"#;
        let text = String::from_utf8(scrubbed_line(line)).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert!(!text.contains("alice") && !text.contains("bob") && !text.contains("phone"), "{text}");
        assert_eq!(value["span"]["user"], digest("alice"));
        assert_eq!(value["conversation"], digest("u:alice|u:bob"), "lines about it are found by its digest");
        assert_eq!((&value["span"]["request_id"], &value["sequence"]), (&"r".into(), &7.into()));
        assert!(text.ends_with("}\n"));
    }

    #[test]
    fn ids_in_the_midst_of_a_text_are_found() {
        let text = scrubbed_text("conversationId: not a member of u:alice|u:bob, nor of (self:carl).");
        let (direct, own) = (digest("u:alice|u:bob"), digest("self:carl"));
        assert_eq!(text, format!("conversationId: not a member of {direct}, nor of ({own})."));
        assert_eq!(scrubbed_text("menu: u and v"), "menu: u and v");
    }

    #[test]
    fn the_digest_is_what_sha256sum_says() {
        assert_eq!(digest("alice"), "#2bd806c97f0e");
    }

    #[test]
    fn what_is_no_json_is_not_told() {
        let line = String::from_utf8(scrubbed_line(b"alice said\n")).unwrap();
        assert!(!line.contains("alice") && serde_json::from_str::<Value>(&line).is_ok());
    }
}
