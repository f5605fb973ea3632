//! Events of the WebSocket API: frames, whose identity is the authorizer's alone, and handshakes.

use serde_json::{Value, json};
use tidings_events::{Handshake, WebSocketEvent};

use crate::{Seed, client_frame, ids};

pub(crate) fn check(data: &[u8]) -> bool {
    let Ok(event) = serde_json::from_slice::<Value>(data) else { return false };
    let handshake = handshake(&event);
    let Ok(parsed) = WebSocketEvent::parse(event.clone()) else { return handshake };
    let Ok(socket) = parsed.socket(&"https://cell".into()) else { return handshake };
    let context = &event["requestContext"];
    assert_eq!(context["authorizer"]["userId"], socket.owner.user.as_str());
    assert_eq!(context["authorizer"]["deviceId"], socket.owner.device.as_str());
    assert_eq!(context["connectionId"], socket.connection.as_str());
    assert!(ids::check(socket.owner.user.as_str()) && ids::check(socket.owner.device.as_str()));
    assert_eq!(parsed.text(), event["body"].as_str().unwrap_or_default());
    client_frame::check_text(parsed.text()) || handshake
}

fn handshake(event: &Value) -> bool {
    let Ok(handshake) = Handshake::parse(event.clone()) else { return false };
    for name in ["ticket", "device"] {
        assert_eq!(handshake.query(name), event["queryStringParameters"][name].as_str());
    }
    let Some(token) = handshake.bearer() else { return handshake.query("ticket").is_some() };
    assert_eq!(token, token.trim());
    true
}

fn context(kind: &str, route: &str) -> Value {
    json!({
        "routeKey": route,
        "eventType": kind,
        "messageDirection": "IN",
        "stage": "v1",
        "connectedAt": 1_800_000_000_000_u64,
        "requestTimeEpoch": 1_800_000_000_001_u64,
        "requestId": "JKJaXmPLvHcESHA=",
        "connectionId": "JKJaXfyvLvHcESHA=",
        "apiId": "a1",
        "identity": { "sourceIp": "192.0.2.1" },
        "authorizer": { "userId": "alice", "deviceId": "ios:3f2a", "principalId": "alice" },
    })
}

pub(crate) fn seeds() -> Vec<Seed> {
    let frame = |route: &str, body: &Value| json!({ "requestContext": context("MESSAGE", route), "body": body.to_string(), "isBase64Encoded": false });
    let send = json!({
        "type": "message.send", "id": "7", "conversationId": "u:alice|u:bob", "clientMsgId": "1",
        "payload": { "text": "hey" }, "ts": 1,
    });
    let shake = |query: &Value, headers: &Value| {
        json!({
            "type": "REQUEST",
            "methodArn": "arn:aws:execute-api:us-east-1:000000000000:a1/v1/$connect",
            "headers": headers,
            "queryStringParameters": query,
            "requestContext": context("CONNECT", "$connect"),
        })
    };
    vec![
        Seed::new("send", frame("message.send", &send)),
        Seed::new("heartbeat", frame("presence.heartbeat", &json!({ "type": "presence.heartbeat", "active": true }))),
        Seed::new("token", shake(&json!({ "device": "ios:3f2a" }), &json!({ "Authorization": "Bearer a.b.c" }))),
        Seed::new("ticket", shake(&json!({ "ticket": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc" }), &json!(null))),
    ]
}
