//! A call of the HTTP API, read as the functions `api`, `events`, `groups` and `personal` read it.

use serde_json::{Value, json};
use tidings_domain::{
    events::Place,
    ids::{ConnectionId, DeviceId, FrameKey, Sequence, Timestamp},
    limits::{EVENTS_PAGE_MAX, LIST_LIMIT_MAX, PULL_LIMIT_MAX},
};
use tidings_events::HttpRequest;
use tidings_protocol::{
    Ack, FRAME_BYTES_MAX, MessageSend, ParseError, Read, TypingNow, convert,
    cursor::{events_cursor_from_text, events_cursor_to_text, list_cursor_from_text},
    http::TicketRequest,
    keys::MessageCommit,
};

use crate::{
    Seed, abuse_calls,
    client_frame::{self, refused},
    group_calls, ids, key_calls, personal_calls, search_calls,
};

pub(crate) fn check(data: &[u8]) -> bool {
    let Ok(event) = serde_json::from_slice::<Value>(data) else { return false };
    let Ok(request) = HttpRequest::parse(event) else { return false };
    if let Some(token) = request.bearer() {
        assert_eq!(token, token.trim());
    }
    if let Some(device) = request.header("X-Device-Id")
        && DeviceId::parse(device).is_ok()
    {
        assert!(ids::check(device));
    }
    match taken(&request) {
        Ok(known) => known,
        Err(error) => {
            assert!(!error.message.is_empty());
            refused(&error)
        }
    }
}

/// What the call asks for; false where there is no such call.
fn taken(request: &HttpRequest) -> Result<bool, ParseError> {
    match request.route_key.as_str() {
        "POST /tickets" => {
            let body: TicketRequest = request.body()?;
            assert!(ids::check(convert::device_id("deviceId", &body.device_id)?.as_str()));
        }
        "GET /sync" => {
            list_cursor_from_text(request.query("since").unwrap_or_default())?;
            let limit = convert::limit(request.query_number("limit")?, LIST_LIMIT_MAX)?;
            assert!((1..=LIST_LIMIT_MAX).contains(&limit));
        }
        "GET /events" => {
            let place = request.query("cursor").map(events_cursor_from_text).transpose()?;
            assert!(place.is_none_or(|place| place.taken.len() <= EVENTS_PAGE_MAX));
            request.query_number("timeout")?;
        }
        "GET /conversations/{id}/messages" => {
            conversation(request)?;
            let (since, before) = (request.query_number("since")?, request.query_number("before")?);
            convert::span(since, before)?;
            assert!([since, before].into_iter().flatten().all(|at| Sequence(at) < Sequence(1 << 40)));
            let limit = convert::limit(request.query_number("limit")?, PULL_LIMIT_MAX)?;
            assert!((1..=PULL_LIMIT_MAX).contains(&limit));
        }
        "GET /conversations/{id}/receipts" => {
            conversation(request)?;
            let message = request.query("messageId").unwrap_or_default();
            assert_eq!(convert::message_id("messageId", message)?.to_string(), message);
        }
        "POST /messages" => client_frame::send(&body::<MessageSend>(request)?)?,
        "POST /commits" => client_frame::commit(&body::<MessageCommit>(request)?)?,
        "POST /acks" => client_frame::ack(&body::<Ack>(request)?)?,
        "POST /typing" => client_frame::typing(&body::<TypingNow>(request)?)?,
        "POST /reads" => client_frame::read(&body::<Read>(request)?)?,
        _ => {
            return Ok(group_calls::taken(request)?
                || personal_calls::taken(request)?
                || key_calls::taken(request)?
                || abuse_calls::taken(request)?
                || search_calls::taken(request)?);
        }
    }
    Ok(true)
}

pub(crate) fn conversation(request: &HttpRequest) -> Result<(), ParseError> {
    let id = convert::conversation_id("id", request.path("id"))?;
    assert_eq!(id.to_string(), request.path("id"));
    Ok(())
}

pub(crate) fn body<T>(request: &HttpRequest) -> Result<T, ParseError>
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let body: T = request.body()?;
    let text = serde_json::to_string(&body).unwrap();
    // Defaults may be written out, escapes may be longer: of the order of what came in.
    assert!(text.len() <= 7 * FRAME_BYTES_MAX);
    client_frame::body(&text)
}

pub(crate) fn call(route: &str, path: &str, query: &Value, body: Option<&Value>) -> Value {
    let (method, _) = route.split_once(' ').unwrap();
    let mut event = json!({
        "version": "2.0",
        "routeKey": route,
        "rawPath": format!("/v1{path}"),
        "rawQueryString": "",
        "headers": {
            "authorization": "Bearer abc.def.ghi",
            "x-device-id": "ios:3f2a",
            "content-type": "application/json",
            "host": "api.example.org",
        },
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "a1",
            "http": { "method": method, "path": format!("/v1{path}"), "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1" },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": route,
            "stage": "v1",
            "timeEpoch": 1_800_000_000_000_u64,
        },
        "isBase64Encoded": false,
    });
    if query.as_object().is_some_and(|query| !query.is_empty()) {
        event["queryStringParameters"] = query.clone();
    }
    if route.contains("{id}") {
        event["pathParameters"] = json!({ "id": "u:alice|u:bob" });
    }
    for (name, value) in [("userId", "bob"), ("reportId", "1800000000000-7"), ("name", "night")] {
        if route.contains("/admin/") && route.contains(&format!("{{{name}}}")) {
            event["pathParameters"] = json!({ name: value });
        }
    }
    if let Some(body) = body {
        event["body"] = body.to_string().into();
    }
    event
}

fn events_cursor() -> String {
    let at = Timestamp(1_800_000_000_000);
    let taken = [1, 2].map(|count| FrameKey::of(at, count, 7)).to_vec();
    events_cursor_to_text(&Place { connection: ConnectionId::of_inbox(at, 7), connected_at: at, beat_at: at, taken })
}

pub(crate) fn seeds() -> Vec<Seed> {
    let message = "m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d";
    let send = json!({ "conversationId": "u:alice|u:bob", "clientMsgId": "1", "payload": { "text": "hey" }, "ts": 1 });
    let ack = json!({ "conversationId": "u:alice|u:bob", "upTo": 3 });
    let typing = json!({ "conversationId": "u:alice|u:bob", "active": true });
    let nothing = json!({});
    let mut encoded = call("POST /acks", "/acks", &nothing, None);
    encoded["body"] = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, ack.to_string()).into();
    encoded["isBase64Encoded"] = true.into();
    let messages = "/conversations/u:alice|u:bob/messages";
    let receipts = "/conversations/u:alice|u:bob/receipts";
    let mut seeds = vec![
        Seed::new("tickets", call("POST /tickets", "/tickets", &nothing, Some(&json!({ "deviceId": "web:1" })))),
        Seed::new(
            "events",
            call("GET /events", "/events", &json!({ "cursor": events_cursor(), "timeout": "5" }), None),
        ),
        Seed::new("sync", call("GET /sync", "/sync", &json!({ "since": "MA", "limit": "10" }), None)),
        Seed::new(
            "messages",
            call(
                "GET /conversations/{id}/messages",
                messages,
                &json!({ "since": "3", "before": "9", "limit": "5" }),
                None,
            ),
        ),
        Seed::new(
            "receipts",
            call("GET /conversations/{id}/receipts", receipts, &json!({ "messageId": message }), None),
        ),
        Seed::new("send", call("POST /messages", "/messages", &nothing, Some(&send))),
        Seed::new("ack", call("POST /acks", "/acks", &nothing, Some(&ack))),
        Seed::new("ack-base64", encoded),
        Seed::new("typing", call("POST /typing", "/typing", &nothing, Some(&typing))),
        Seed::new("read", call("POST /reads", "/reads", &nothing, Some(&ack))),
    ];
    seeds.extend(group_calls::seeds());
    seeds.extend(personal_calls::seeds());
    seeds.extend(abuse_calls::seeds());
    seeds.extend(search_calls::seeds());
    seeds.extend(key_calls::seeds());
    seeds
}
