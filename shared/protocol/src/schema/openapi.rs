//! The `OpenAPI` document: one row for each call.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use tidings_domain::limits;

use super::{Schemas, info, prune, types};
use crate::{
    Ack, ErrorCode, ErrorFrame, FRAME_BYTES_MAX, MessageSend, MessageSent, Read, TypingNow,
    http::{ConversationPage, EventPage, MessagePage, Receipts, Ticket, TicketRequest},
};

/// A call, beside what all calls have in common.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    pub(super) description: &'static str,
    pub(super) parameters: Vec<Value>,
    pub(super) body: Option<Value>,
    /// What a success says; none is 204.
    pub(super) answer: Option<(&'static str, Value)>,
    /// Why it may fail, beside the reasons that all calls have.
    pub(super) errors: &'static [ErrorCode],
}

/// Why any call may fail.
const COMMON_ERRORS: [ErrorCode; 6] = [
    ErrorCode::BadRequest,
    ErrorCode::Unauthorized,
    ErrorCode::Forbidden,
    ErrorCode::RateLimited,
    ErrorCode::Unavailable,
    ErrorCode::Internal,
];

const ABOUT: &str = "\
What a client without a socket says, and what any client reads. JSON in UTF-8; unknown fields are ignored; \
integers have no fraction and no exponent. An error \
that the service answers is `Error`; one of API Gateway itself (429, or 404 for a path that does not exist) has a `message` alone.";

/// The document.
pub fn openapi() -> Value {
    let mut schemas = Schemas::new(SchemaSettings::draft2020_12());
    let calls = [
        saying(&mut schemas),
        reading(&mut schemas),
        super::groups::calls(&mut schemas),
        super::invites::calls(&mut schemas),
        super::messages::calls(&mut schemas),
        super::media::calls(&mut schemas),
        super::personal::calls(&mut schemas),
        super::devices::calls(&mut schemas),
        super::keys::calls(&mut schemas),
        super::search::calls(&mut schemas),
        super::abuse::calls(&mut schemas),
    ]
    .concat();
    let error_body = schemas.given::<ErrorFrame>();
    let sent_body = schemas.given::<MessageSent>();
    let device = schemas.taken::<types::DeviceId>();
    let mut definitions = schemas.into_definitions();
    give_type(&mut definitions, &error_body, "Error", "error");
    give_type(&mut definitions, &sent_body, "Sent", "message.sent");
    definitions.insert(
        "GatewayError".into(),
        json!({
            "description": "An error of API Gateway itself.",
            "type": "object",
            "properties": { "message": { "type": "string" } },
            "required": ["message"],
        }),
    );
    let mut paths = Map::new();
    let mut failures = Map::new();
    for call in calls {
        let item = paths.entry(call.path).or_insert_with(|| json!({}));
        item[call.method] = operation(&call, &mut failures);
    }
    let paths = Value::Object(paths);
    let components = json!({ "parameters": { "Device": device_parameter(&device) }, "responses": failures });
    prune(&mut definitions, &[&paths, &components]);
    json!({
        "openapi": "3.1.0",
        "info": info("Tidings HTTP API", ABOUT),
        "servers": servers(),
        "security": [{ "bearer": [] }],
        "tags": [
            { "name": "connect", "description": "Before a socket." },
            { "name": "messages", "description": "Sending, and the log." },
            { "name": "receipts", "description": "Delivered and read." },
            { "name": "media", "description": "Pictures, sound, films, documents." },
            { "name": "groups", "description": "Groups and their members." },
            { "name": "personal", "description": "What is one user's own." },
            { "name": "search", "description": "Finding messages." },
            { "name": "devices", "description": "Devices, blocks and quiet times: who is pushed to." },
            { "name": "encryption", "description": "Keys, commits, and mail for one device." },
            { "name": "sync", "description": "What has changed." },
            { "name": "admin", "description": "Bans, reports, and what administrators did." },
        ],
        "paths": paths,
        "components": {
            "schemas": definitions,
            "parameters": components["parameters"],
            "responses": components["responses"],
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An access token of the configured OIDC issuer and audience (RS256, ES256 or EdDSA).",
                },
            },
        },
    })
}

fn reading(schemas: &mut Schemas) -> Vec<Call> {
    let conversation = parameter("id", "path", true, "The conversation.", &schemas.taken::<types::ConversationId>());
    let message_id = parameter("messageId", "query", true, "The message.", &schemas.taken::<types::MessageId>());
    let after = schemas.taken::<types::SequenceOrZero>();
    vec![
        Call {
            method: "get",
            path: "/sync",
            id: "listConversations",
            tag: "sync",
            summary: "Conversations that changed for me, latest first",
            description: "Activity is filed by the hour, so a list repeats what changed in the hour in which it starts.",
            parameters: vec![
                parameter(
                    "since",
                    "query",
                    false,
                    "`next` of an earlier answer; absent or 0: from the beginning. Opaque.",
                    &json!({ "type": "string" }),
                ),
                limit(limits::LIST_LIMIT_MAX),
            ],
            body: None,
            answer: Some(("A page of the list.", schemas.given::<ConversationPage>())),
            errors: &[],
        },
        events(schemas),
        Call {
            method: "get",
            path: "/conversations/{id}/messages",
            id: "listMessages",
            tag: "messages",
            summary: "A page of the log",
            description: "With `since`, or neither: entries after it, in order; `before` then ends the page early. With `before` \
                alone: the nearest entries before it, in order, and `next` is the `before` of the page before.",
            parameters: vec![
                conversation.clone(),
                parameter("since", "query", false, "Entries after this sequence.", &after),
                parameter("before", "query", false, "Entries before this sequence.", &after),
                limit(limits::PULL_LIMIT_MAX),
            ],
            body: None,
            answer: Some(("A page of the log.", schemas.given::<MessagePage>())),
            errors: &[ErrorCode::NotAMember],
        },
        Call {
            method: "get",
            path: "/conversations/{id}/receipts",
            id: "getReceipts",
            tag: "receipts",
            summary: "How far a message has got with each member",
            description: "Computed from the members' marks, a page of members by user id at a time. `counts` are of the page; \
                with no `cursor` and `hasMore` false they are of all. A message too far back among the latest is `not_found`.",
            parameters: vec![
                conversation,
                message_id,
                parameter("cursor", "query", false, "`next` of the page before.", &schemas.taken::<types::UserId>()),
                limit(limits::RECEIPTS_PAGE_MAX),
            ],
            body: None,
            answer: Some((
                "A page of members: the state for each but the sender, and the marks.",
                schemas.given::<Receipts>(),
            )),
            errors: &[ErrorCode::NotAMember, ErrorCode::NotFound],
        },
    ]
}

fn events(schemas: &mut Schemas) -> Call {
    let text = json!({ "type": "string" });
    let seconds = limits::EVENTS_WAIT_MS_MAX / 1000;
    let timeout = json!({ "type": "integer", "minimum": 0, "maximum": seconds, "default": seconds });
    Call {
        method: "get",
        path: "/events",
        id: "listEvents",
        tag: "sync",
        summary: "What a socket would have received",
        description: "For a device that can have no socket. Without `cursor` it begins a session, in place of the device's earlier one, \
            and is answered at once as `session.hello` is; with `cursor`, it waits until there is something, for `timeout` at most. The \
            device asks again at once: not for a minute, and its session is over; what it missed is then told as after a hello. An \
            answer that got lost is given again to the same cursor. `conflict`: the device has another session by now. \
            With `Accept: text/event-stream` each frame is an event of a stream, which ends where an answer would; the id of the last \
            is the cursor, so that an `EventSource` goes on by itself.",
        parameters: vec![
            parameter("cursor", "query", false, "`cursor` of the answer before. Opaque.", &text),
            parameter("Last-Event-ID", "header", false, "The same, of an `EventSource`; `cursor` comes first.", &text),
            parameter("resumeToken", "query", false, "Of an earlier session, where there is no `cursor`.", &text),
            parameter("timeout", "query", false, "How long to wait at most, in seconds.", &timeout),
        ],
        body: None,
        answer: Some(("What happened.", schemas.given::<EventPage>())),
        errors: &[ErrorCode::Conflict],
    }
}

fn saying(schemas: &mut Schemas) -> Vec<Call> {
    vec![
        Call {
            method: "post",
            path: "/tickets",
            id: "createTicket",
            tag: "connect",
            summary: "A single-use connect ticket",
            description: "For browsers, which cannot set a header on a WebSocket handshake. The ticket is the handshake's \
                whole credential: it works once, for 30 seconds, for the device that the body names.",
            parameters: Vec::new(),
            body: Some(schemas.taken::<TicketRequest>()),
            answer: Some(("The ticket.", schemas.given::<Ticket>())),
            errors: &[ErrorCode::TooLarge],
        },
        Call {
            method: "post",
            path: "/messages",
            id: "sendMessage",
            tag: "messages",
            summary: "Send a message, as `message.send`",
            description: "Once answered, the message survives any single fault and is readable by every member. A resend \
                of the same `clientMsgId` by the same device answers the same message with `duplicate: true`.",
            parameters: Vec::new(),
            body: Some(schemas.taken::<MessageSend>()),
            answer: Some(("The message is in the log.", json!({ "$ref": "#/components/schemas/Sent" }))),
            errors: &[ErrorCode::NotAMember, ErrorCode::StaleEpoch, ErrorCode::StaleDevices, ErrorCode::TooLarge],
        },
        Call {
            method: "post",
            path: "/acks",
            id: "acknowledge",
            tag: "receipts",
            summary: "Received up to here, as `message.ack`",
            description: "Marks only rise; one that is as high already is no error.",
            parameters: Vec::new(),
            body: Some(schemas.taken::<Ack>()),
            answer: None,
            errors: &[ErrorCode::NotAMember, ErrorCode::TooLarge],
        },
        Call {
            method: "post",
            path: "/typing",
            id: "typing",
            tag: "receipts",
            summary: "I am typing, as the frame `typing`",
            description: "Told to those who are connected, and kept nowhere. It counts for six seconds.",
            parameters: Vec::new(),
            body: Some(schemas.taken::<TypingNow>()),
            answer: None,
            errors: &[ErrorCode::NotAMember, ErrorCode::TooLarge],
        },
        Call {
            method: "post",
            path: "/reads",
            id: "markRead",
            tag: "receipts",
            summary: "Read up to here, as `message.read`",
            description: "Marks only rise; one that is as high already is no error. Read implies delivered.",
            parameters: Vec::new(),
            body: Some(schemas.taken::<Read>()),
            answer: None,
            errors: &[ErrorCode::NotAMember, ErrorCode::NotFound, ErrorCode::TooLarge],
        },
    ]
}

fn operation(call: &Call, failures: &mut Map<String, Value>) -> Value {
    let mut parameters = call.parameters.clone();
    parameters.push(json!({ "$ref": "#/components/parameters/Device" }));
    let mut answers = Map::new();
    match &call.answer {
        Some((description, schema)) => {
            answers.insert(
                "200".into(),
                json!({
                    "description": description,
                    "content": { "application/json": { "schema": schema } },
                }),
            );
        }
        None => {
            answers.insert("204".into(), json!({ "description": "Done; there is nothing to say." }));
        }
    }
    let mut by_status: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for code in ErrorCode::ALL.iter().filter(|code| COMMON_ERRORS.contains(code) || call.errors.contains(code)) {
        by_status.entry(code.http_status().to_string()).or_default().push(code.to_string());
    }
    for (status, codes) in by_status {
        let name = failure_name(&codes);
        answers.insert(status.clone(), json!({ "$ref": format!("#/components/responses/{name}") }));
        failures.entry(name).or_insert_with(|| failure(&status, &codes));
    }
    answers.sort_keys();
    let mut operation = json!({
        "operationId": call.id,
        "tags": [call.tag],
        "summary": call.summary,
        "description": call.description,
        "parameters": parameters,
    });
    if let Some(schema) = &call.body {
        operation["requestBody"] = json!({
            "description": format!("At most {FRAME_BYTES_MAX} bytes."),
            "required": true,
            "content": { "application/json": { "schema": schema } },
        });
    }
    operation["responses"] = Value::Object(answers);
    operation
}

/// `not_found` is `NotFound`; several are joined by `Or`.
fn failure_name(codes: &[String]) -> String {
    let pascal = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    let names: Vec<String> = codes.iter().map(|code| code.split('_').map(pascal).collect()).collect();
    names.join("Or")
}

/// A failure with this status: which codes it has, and what it carries.
fn failure(status: &str, codes: &[String]) -> Value {
    let names: Vec<String> = codes.iter().map(|code| format!("`{code}`")).collect();
    let own = json!({ "$ref": "#/components/schemas/Error" });
    // These are also answered for the function when it does not answer itself.
    let schema = match status {
        "429" | "500" | "503" => json!({ "anyOf": [own, { "$ref": "#/components/schemas/GatewayError" }] }),
        _ => own,
    };
    let mut response = json!({
        "description": names.join(", "),
        "content": { "application/json": { "schema": schema } },
        "x-error-codes": codes,
    });
    match status {
        "401" => {
            response["headers"] = json!({
                "WWW-Authenticate": { "description": "`Bearer`.", "schema": { "type": "string" } },
            });
        }
        "503" => {
            response["headers"] = json!({
                "Retry-After": {
                    "description": "Seconds after which to come back; `retryAfterMs` says the same more finely.",
                    "schema": { "type": "integer", "minimum": 1 },
                },
            });
        }
        _ => {}
    }
    response
}

pub(super) fn limit(max: usize) -> Value {
    let schema = json!({ "type": "integer", "minimum": 1, "maximum": max, "default": max });
    parameter("limit", "query", false, "So many at most.", &schema)
}

pub(super) fn parameter(name: &str, place: &str, required: bool, description: &str, schema: &Value) -> Value {
    json!({ "name": name, "in": place, "required": required, "description": description, "schema": schema })
}

fn device_parameter(schema: &Value) -> Value {
    json!({
        "name": "X-Device-Id",
        "in": "header",
        "required": false,
        "description": "The device that calls; `http` where absent. A device that was revoked is refused.",
        "schema": schema,
    })
}

/// Renames a definition and adds the `type` that its frame carries.
fn give_type(definitions: &mut Map<String, Value>, reference: &Value, name: &str, frame_type: &str) {
    let key = reference["$ref"].as_str().unwrap_or_default().replace(super::SCHEMAS, "");
    let mut definition = definitions.remove(&key).unwrap_or_default();
    let mut properties = Map::new();
    properties.insert("type".into(), json!({ "type": "string", "const": frame_type }));
    if let Value::Object(own) = definition["properties"].take() {
        properties.extend(own);
    }
    definition["properties"] = Value::Object(properties);
    if let Value::Array(required) = &mut definition["required"] {
        required.insert(0, "type".into());
    }
    definitions.insert(name.into(), definition);
}

fn servers() -> Value {
    json!([
        {
            "url": "https://{apiId}.execute-api.{region}.amazonaws.com/v1",
            "description": "A deployment: the output `HttpUrl` of the stack, or a custom domain.",
            "variables": {
                "apiId": { "default": "API_ID", "description": "The output `HttpApiId` of the stack." },
                "region": { "default": "us-east-1", "description": "The region of the stack." },
            },
        },
        {
            "url": "http://127.0.0.1:{port}/_aws/execute-api/{apiId}/v1",
            "description": "The local stack: `httpUrl` of `cargo dev status --json`.",
            "variables": {
                "port": { "default": "4566", "description": "The port of the local stack." },
                "apiId": { "default": "API_ID", "description": "The output `HttpApiId` of the stack." },
            },
        },
    ])
}
