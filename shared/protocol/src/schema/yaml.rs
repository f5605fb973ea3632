//! JSON as YAML: block style, quotes where they are needed.

use serde_json::{Map, Value};

/// The text of a document.
pub fn to_yaml(document: &Value) -> String {
    let mut text = String::new();
    write(document, 0, &mut text);
    text
}

fn write(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(object) if !object.is_empty() => write_object(object, depth, text),
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                indent(depth, text);
                text.push_str("- ");
                match item {
                    // The first key stands on the line of the dash.
                    Value::Object(object) if !object.is_empty() => {
                        let mut inner = String::new();
                        write_object(object, depth + 1, &mut inner);
                        text.push_str(inner.trim_start());
                    }
                    other => write_inline(other, text),
                }
            }
        }
        other => write_inline(other, text),
    }
}

fn write_object(object: &Map<String, Value>, depth: usize, text: &mut String) {
    for (key, value) in object {
        indent(depth, text);
        text.push_str(&scalar(key));
        text.push(':');
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                text.push('\n');
                write(value, depth + 1, text);
            }
            Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
                text.push('\n');
                write(value, depth + 1, text);
            }
            other => {
                text.push(' ');
                write_inline(other, text);
            }
        }
    }
}

/// What takes one line: scalars, what is empty, and lists of scalars.
fn write_inline(value: &Value, text: &mut String) {
    match value {
        Value::String(string) => text.push_str(&scalar(string)),
        Value::Array(items) if !items.iter().any(|item| item.is_object() || item.is_array()) => {
            let items: Vec<String> = items.iter().map(in_list).collect();
            text.extend(["[", &items.join(", "), "]"]);
        }
        other => text.push_str(&other.to_string()),
    }
    text.push('\n');
}

fn in_list(value: &Value) -> String {
    match value {
        Value::String(string) if !string.contains(',') => scalar(string),
        other => other.to_string(),
    }
}

/// Plain where no reader can take it for anything but this string; else quoted, as in JSON.
fn scalar(string: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_-./ ,;()$".contains(c);
    let reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_plain = string.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '$')
        && string.chars().all(is_word)
        && !string.ends_with(' ')
        && !reserved.contains(&string.to_ascii_lowercase().as_str());
    if is_plain { string.to_owned() } else { Value::from(string).to_string() }
}

fn indent(depth: usize, text: &mut String) {
    text.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn blocks_lists_and_quotes() {
        let document = json!({
            "a": { "b": "two words", "c": "yes", "d": "x: y", "e": "" },
            "$ref": [1, "t", "p,q"],
            "list": [{ "k": 1, "l": { "m": [] } }, "s"],
            "none": {},
        });
        let text = "a:\n  b: two words\n  c: \"yes\"\n  d: \"x: y\"\n  e: \"\"\n$ref: [1, t, \"p,q\"]\nlist:\n  \
                    - k: 1\n    l:\n      m: []\n  - s\nnone: {}\n";
        assert_eq!(to_yaml(&document), text);
    }
}
