//! The `AsyncAPI` document: one channel, an operation for each frame type.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{SCHEMAS, Schemas, info, prune, types};
use crate::{ClientFrame, ErrorCode, FRAME_BYTES_MAX, FrameType, ServerFrame};

/// What the service does not say yet. Clients that ignore unknown types are ready for it.
const RESERVED: [&str; 0] = [];

/// A frame type, as the enum of its direction describes it.
struct Frame {
    name: String,
    description: String,
    /// The name of its body's definition.
    body: String,
}

/// The document.
pub fn asyncapi() -> Value {
    let mut schemas = Schemas::new(SchemaSettings::draft07());
    let taken = frames(&ClientFrame::json_schema(&mut schemas.said_by_client));
    let given = frames(&ServerFrame::json_schema(&mut schemas.said_by_service));
    let frame_id = schemas.taken::<types::FrameId>();
    let mut definitions = schemas.into_definitions();

    let mut messages = Map::new();
    for frame in &taken {
        let extra = json!({
            "id": frame_id,
            "traceparent": {
                "description": "A W3C trace context, to continue a trace.",
                "type": "string",
            },
        });
        let correlation = "$message.payload#/id";
        messages.insert(client_key(&frame.name), message(frame, &definitions, &extra, correlation));
    }
    for frame in &given {
        let extra = if is_answer(&frame.name) { json!({ "replyTo": frame_id }) } else { json!({}) };
        let correlation = "$message.payload#/replyTo";
        messages.insert(server_key(&frame.name), message(frame, &definitions, &extra, correlation));
    }
    let mut operations = Map::new();
    for (frame_type, name) in FrameType::ALL {
        operations.insert(format!("receive.{name}"), received(frame_type, name));
    }
    for frame in given.iter().filter(|frame| !is_answer(&frame.name)) {
        operations.insert(format!("send.{}", frame.name), sent(frame));
    }
    let messages = Value::Object(messages);
    prune(&mut definitions, &[&messages]);
    json!({
        "asyncapi": "3.0.0",
        "info": info("Tidings socket", ABOUT),
        "defaultContentType": "application/json",
        "servers": servers(),
        "channels": { "socket": channel(&messages) },
        "operations": operations,
        "components": {
            "messages": messages,
            "schemas": definitions,
            "securitySchemes": security_schemes(),
        },
    })
}

const ABOUT: &str = "\
One WebSocket carries JSON text frames in both directions; `type` tells what a frame is. Unknown fields are ignored; \
an unknown `type` is answered by `error` with `unknown_type`, and a client ignores unknown types; integers have no fraction \
and no exponent. A frame that fails is answered by `error`, has changed nothing, and leaves \
the socket open. A frame is at most 32 KiB in either direction. The first frame of a connection is `session.hello`. \
Identity, device and server time come from the connection, never from a frame.";

fn client_key(name: &str) -> String {
    format!("client.{name}")
}

fn server_key(name: &str) -> String {
    format!("server.{name}")
}

/// Whether a frame of the service answers one of the client, and so carries `replyTo`.
fn is_answer(name: &str) -> bool {
    name == "error" || FrameType::ALL.iter().any(|(frame_type, _)| answer(*frame_type) == Some(name))
}

/// What a frame is answered with when all is well.
fn answer(frame_type: FrameType) -> Option<&'static str> {
    match frame_type {
        FrameType::Hello => Some("sync.complete"),
        FrameType::Send
        | FrameType::Commit
        | FrameType::Edit
        | FrameType::Delete
        | FrameType::React
        | FrameType::Vote
        | FrameType::Pin => Some("message.sent"),
        FrameType::Ack | FrameType::Read | FrameType::MailAck | FrameType::Typing => None,
        FrameType::Pull => Some("sync.page"),
        FrameType::Heartbeat => Some("presence.ok"),
        FrameType::Subscribe | FrameType::Unsubscribe => Some("presence.update"),
    }
}

/// Why a frame may fail.
fn errors(frame_type: FrameType) -> Vec<ErrorCode> {
    let own: &[ErrorCode] = match frame_type {
        FrameType::Hello
        | FrameType::Heartbeat
        | FrameType::Subscribe
        | FrameType::Unsubscribe
        | FrameType::MailAck => &[],
        FrameType::Ack | FrameType::Pull => &[ErrorCode::NotAMember],
        FrameType::Typing => &[ErrorCode::NotAMember, ErrorCode::RateLimited],
        FrameType::Read => &[ErrorCode::NotAMember, ErrorCode::NotFound],
        FrameType::Send | FrameType::Commit => &[
            ErrorCode::NotAMember,
            ErrorCode::Forbidden,
            ErrorCode::RateLimited,
            ErrorCode::StaleEpoch,
            ErrorCode::StaleDevices,
        ],
        FrameType::Edit => &[
            ErrorCode::NotAMember,
            ErrorCode::Forbidden,
            ErrorCode::NotFound,
            ErrorCode::RateLimited,
            ErrorCode::StaleEpoch,
        ],
        FrameType::Delete | FrameType::React | FrameType::Vote | FrameType::Pin => {
            &[ErrorCode::NotAMember, ErrorCode::Forbidden, ErrorCode::NotFound, ErrorCode::RateLimited]
        }
    };
    let common = [ErrorCode::BadRequest, ErrorCode::TooLarge, ErrorCode::Unavailable, ErrorCode::Internal];
    common.into_iter().chain(own.iter().copied()).collect()
}

/// Reads the variants of an internally tagged enum of frames.
fn frames(schema: &schemars::Schema) -> Vec<Frame> {
    let variants = schema.get("oneOf").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let frame = |variant: &Value| Frame {
        name: text(&variant["properties"]["type"]["const"]),
        description: text(&variant["description"]),
        body: text(&variant["$ref"]).replace(SCHEMAS, ""),
    };
    variants.iter().map(frame).collect()
}

/// A message: the fields of the body, with `type` before them and what every frame may carry after.
fn message(frame: &Frame, definitions: &Map<String, Value>, extra: &Value, correlation: &str) -> Value {
    let mut payload = definitions.get(&frame.body).cloned().unwrap_or_else(|| json!({ "type": "object" }));
    let mut properties = Map::new();
    properties.insert("type".into(), json!({ "type": "string", "const": frame.name }));
    if let Some(Value::Object(own)) = payload.get("properties") {
        properties.extend(own.clone());
    }
    if let Value::Object(extra) = extra {
        properties.extend(extra.clone());
    }
    let own_required = payload["required"].as_array().cloned().unwrap_or_default();
    let required: Vec<Value> = std::iter::once(json!("type")).chain(own_required).collect();
    payload["properties"] = Value::Object(properties);
    payload["required"] = Value::Array(required);
    if let Value::Object(payload) = &mut payload {
        payload.remove("description");
    }
    let mut message = json!({
        "name": frame.name,
        "title": frame.name,
        "summary": frame.description,
        "contentType": "application/json",
    });
    let is_correlated = ["id", "replyTo"].iter().any(|field| !payload["properties"][field].is_null());
    if is_correlated {
        message["correlationId"] = json!({ "location": correlation });
    }
    if RESERVED.contains(&frame.name.as_str()) {
        message["description"] = "Reserved: the service does not send it yet.".into();
    }
    message["payload"] = payload;
    message
}

fn reference(section: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/{section}/{name}") })
}

fn in_channel(key: &str) -> Value {
    reference("channels/socket/messages", key)
}

/// A frame that the service receives, and what it says in return.
fn received(frame_type: FrameType, name: &str) -> Value {
    let codes: Vec<String> = errors(frame_type).iter().map(ToString::to_string).collect();
    let mut replies: Vec<Value> = Vec::new();
    if frame_type == FrameType::Hello {
        let before = ["session.ready", "message.new", "conversation.updated", "mailbox.new"];
        replies.extend(before.iter().map(|name| in_channel(&server_key(name))));
    }
    replies.extend(answer(frame_type).map(|name| in_channel(&server_key(name))));
    replies.push(in_channel(&server_key("error")));
    let mut operation = json!({
        "action": "receive",
        "channel": reference("channels", "socket"),
        "summary": format!("A client says {name}."),
        "messages": [in_channel(&client_key(name))],
        "reply": { "channel": reference("channels", "socket"), "messages": replies },
        "x-error-codes": codes,
    });
    if answer(frame_type).is_none() {
        operation["description"] = "Not answered, but where it fails.".into();
    }
    if frame_type == FrameType::Hello {
        operation["description"] = "Answered by `session.ready`; then what was missed as `message.new`, or as \
            `conversation.updated` where it is too much and is to be pulled; then the mail of the device; then `sync.complete`, \
            which carries `replyTo`."
            .into();
    }
    operation
}

/// A frame that the service sends of its own accord.
fn sent(frame: &Frame) -> Value {
    json!({
        "action": "send",
        "channel": reference("channels", "socket"),
        "summary": frame.description,
        "messages": [in_channel(&server_key(&frame.name))],
    })
}

fn channel(messages: &Value) -> Value {
    let keys = messages.as_object().into_iter().flat_map(Map::keys);
    let all: Map<String, Value> = keys.map(|key| (key.clone(), reference("components/messages", key))).collect();
    json!({
        "address": "/v1",
        "title": "The socket",
        "description": format!("Frames of at most {FRAME_BYTES_MAX} bytes. A socket is closed after 10 minutes of silence and after \
            2 hours in any case; a client comes back, with jitter, before `reconnectBefore`."),
        "messages": all,
        "bindings": {
            "ws": {
                "method": "GET",
                "query": {
                    "type": "object",
                    "properties": {
                        "device": {
                            "description": "Beside a bearer token: the device that connects. Registered on first use.",
                            "type": "string",
                            "pattern": "^[A-Za-z0-9._:-]{1,64}$",
                        },
                        "ticket": {
                            "description": "In place of a bearer token: a ticket of `POST /tickets`. It names the device, works once, and for 30 seconds.",
                            "type": "string",
                        },
                    },
                },
                "headers": {
                    "type": "object",
                    "properties": {
                        "Authorization": { "description": "`Bearer TOKEN`.", "type": "string" },
                    },
                },
            },
        },
    })
}

fn servers() -> Value {
    let security =
        json!([reference("components/securitySchemes", "bearer"), reference("components/securitySchemes", "ticket"),]);
    json!({
        "aws": {
            "host": "{apiId}.execute-api.{region}.amazonaws.com",
            "protocol": "wss",
            "description": "A deployment: the output `WebSocketUrl` of the stack, or a custom domain.",
            "variables": {
                "apiId": { "description": "The output `WebSocketApiId` of the stack." },
                "region": { "default": "us-east-1", "description": "The region of the stack." },
            },
            "security": security,
        },
        "local": {
            "host": "127.0.0.1:{port}",
            "pathname": "/_aws/execute-api/{apiId}",
            "protocol": "ws",
            "description": "The local stack: `wsUrl` of `cargo dev status --json`.",
            "variables": {
                "port": { "default": "4566", "description": "The port of the local stack." },
                "apiId": { "description": "The output `WebSocketApiId` of the stack." },
            },
            "security": security,
        },
    })
}

fn security_schemes() -> Value {
    json!({
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An access token of the configured OIDC issuer and audience (RS256, ES256 or EdDSA), in the \
                handshake's `Authorization` header. 401: bad or expired; 403: the device is revoked.",
        },
        "ticket": {
            "type": "httpApiKey",
            "in": "query",
            "name": "ticket",
            "description": "For browsers, which cannot set a header on a handshake.",
        },
    })
}
