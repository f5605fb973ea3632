//! The machine documents say what the types say, and cover what the template routes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::{collections::BTreeSet, fs, path::Path};

use proptest::prelude::*;
use regex_lite::Regex;
use serde_json::Value;
use tidings_domain::ids::{ClientMsgId, ConversationId, DeviceId, MessageId, UserId};
use tidings_protocol::{
    ErrorCode, FrameType, ServerFrame,
    schema::{asyncapi, openapi, to_yaml},
};

fn repository_file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What the file says below its first line, which tells how it is made.
fn assert_current(path: &str, document: &Value) {
    let text = repository_file(path);
    let (_, kept) = text.split_once('\n').unwrap();
    let made = to_yaml(document);
    let differing = kept.lines().zip(made.lines()).position(|(a, b)| a != b);
    assert!(
        kept == made,
        "{path} is out of date from line {:?} on: run `cargo run -p tidings-protocol --example documents`",
        differing.map(|line| line + 2)
    );
}

#[test]
fn the_documents_are_current() {
    assert_current("docs/asyncapi.yaml", &asyncapi());
    assert_current("docs/openapi.yaml", &openapi());
}

/// The route keys of the template: of the WebSocket API, and of the HTTP API.
fn template_routes() -> (BTreeSet<String>, BTreeSet<String>) {
    let template = repository_file("template.yaml");
    let keys = template.lines().filter_map(|line| line.trim().strip_prefix("RouteKey: ")).map(str::to_owned);
    keys.filter(|key| !key.starts_with('$')).partition(|key| !key.contains(' '))
}

#[test]
fn every_frame_route_has_an_operation() {
    let (frames, _) = template_routes();
    let document = asyncapi();
    let operations = document["operations"].as_object().unwrap();
    let received: BTreeSet<String> =
        operations.keys().filter_map(|key| key.strip_prefix("receive.")).map(str::to_owned).collect();
    assert_eq!(received, frames, "operations and the routes of template.yaml");
    let known: BTreeSet<String> = FrameType::ALL.iter().map(|(_, name)| (*name).to_owned()).collect();
    assert_eq!(received, known, "operations and FrameType::ALL");
}

#[test]
fn every_frame_has_a_message_with_its_fields() {
    let document = asyncapi();
    let messages = document["components"]["messages"].as_object().unwrap();
    let client = FrameType::ALL.iter().map(|(_, name)| format!("client.{name}"));
    let server = ServerFrame::TYPES.iter().map(|name| format!("server.{name}"));
    let expected: BTreeSet<String> = client.chain(server).collect();
    assert_eq!(messages.keys().cloned().collect::<BTreeSet<_>>(), expected);
    for (key, message) in messages {
        let (_, name) = key.split_once('.').unwrap();
        let payload = &message["payload"];
        assert_eq!(payload["properties"]["type"]["const"], name, "{key}");
        assert_eq!(payload["required"][0], "type", "{key}");
        assert!(payload["properties"].as_object().unwrap().len() > 1, "{key} has no fields");
        assert!(message["summary"].as_str().is_some_and(|text| !text.is_empty()), "{key} has no summary");
    }
}

#[test]
fn every_frame_of_the_service_is_sent_or_a_reply() {
    let document = asyncapi();
    let operations = serde_json::to_string(&document["operations"]).unwrap();
    for name in ServerFrame::TYPES {
        assert!(operations.contains(&format!("#/channels/socket/messages/server.{name}\"")), "{name}");
    }
}

#[test]
fn every_http_route_is_a_path() {
    let (_, routes) = template_routes();
    let document = openapi();
    let paths = document["paths"].as_object().unwrap();
    let calls: BTreeSet<String> = paths
        .iter()
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    assert_eq!(calls, routes);
}

#[test]
fn every_call_needs_a_token_and_says_how_it_fails() {
    let document = openapi();
    assert_eq!(document["security"][0]["bearer"], serde_json::json!([]));
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, call) in methods.as_object().unwrap() {
            assert!(call["security"].is_null(), "{method} {path} must not opt out");
            for status in ["400", "401", "403", "429", "500", "503"] {
                assert!(call["responses"][status].is_object(), "{method} {path} {status}");
            }
        }
    }
    for response in document["components"]["responses"].as_object().unwrap().values() {
        for code in response["x-error-codes"].as_array().into_iter().flatten() {
            let code: ErrorCode = serde_json::from_value(code.clone()).unwrap();
            assert!(ErrorCode::ALL.contains(&code));
        }
    }
}

#[test]
fn every_reference_leads_somewhere_and_nothing_is_left_over() {
    for document in [asyncapi(), openapi()] {
        let mut references = BTreeSet::new();
        collect_references(&document, &mut references);
        for reference in &references {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
        }
        for section in ["messages", "schemas", "parameters", "responses"] {
            let Some(definitions) = document["components"][section].as_object() else { continue };
            for name in definitions.keys() {
                assert!(references.contains(&format!("#/components/{section}/{name}")), "{section}/{name} is unused");
            }
        }
    }
}

fn collect_references(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            into.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
            object.values().for_each(|value| collect_references(value, into));
        }
        Value::Array(items) => items.iter().for_each(|value| collect_references(value, into)),
        _ => {}
    }
}

fn pattern(document: &Value, name: &str) -> Regex {
    Regex::new(document["components"]["schemas"][name]["pattern"].as_str().unwrap()).unwrap()
}

proptest! {
    /// Texts near the rules: the patterns and the parsers take the same ones.
    #[test]
    fn patterns_are_the_parsers_rules(
        id in "[A-Za-z0-9._:@ é-]{0,5}|[a-z]{63,66}",
        other in "[A-Za-z0-9._:-]{0,5}",
        prefix in "u:|g:|m:|",
        any in "\\PC{0,3}[\u{0}-\u{a0}]{0,2}",
    ) {
        let document = openapi();
        prop_assert_eq!(pattern(&document, "UserId").is_match(&id), UserId::parse(&id).is_ok());
        prop_assert_eq!(pattern(&document, "DeviceId").is_match(&id), DeviceId::parse(&id).is_ok());
        let is_client_msg_id = pattern(&document, "ClientMsgId").is_match(&any) && any.chars().count() <= 64;
        prop_assert_eq!(is_client_msg_id, ClientMsgId::parse(&any).is_ok());
        // The order of the two ids is beyond a pattern.
        let mut pair = [id.as_str(), other.as_str()];
        pair.sort_unstable();
        for text in [format!("{prefix}{id}"), format!("u:{}|u:{}", pair[0], pair[1])] {
            prop_assert_eq!(pattern(&document, "ConversationId").is_match(&text), ConversationId::parse(&text).is_ok());
        }
    }

    #[test]
    fn message_ids_have_their_pattern(conversation in "g:[a-z]{1,9}", user in "[a-z]{1,9}", id in "[a-z]{1,9}") {
        let sender = tidings_domain::ids::Sender {
            user: UserId::parse(&user).unwrap(),
            device: DeviceId::parse(&user).unwrap(),
        };
        let conversation = ConversationId::parse(&conversation).unwrap();
        let made = MessageId::of(&conversation, &sender, &ClientMsgId::parse(&id).unwrap()).to_string();
        prop_assert!(pattern(&openapi(), "MessageId").is_match(&made));
    }
}
