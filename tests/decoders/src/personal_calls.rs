//! Calls about what is one user's own, read as the function `personal` reads them.

use serde_json::{Value, json};
use tidings_domain::limits;
use tidings_events::HttpRequest;
use tidings_protocol::{
    ParseError, convert,
    cursor::{changes_cursor_from_text, changes_cursor_to_text, place_from_text, place_to_text},
    http::SettingsUpdate,
    personal::DraftUpdate,
};

use crate::{
    Seed,
    http_event::{body, call, conversation},
};

/// What the call asks for; false where there is no such call.
pub(crate) fn taken(request: &HttpRequest) -> Result<bool, ParseError> {
    match request.route_key.as_str() {
        "PUT /conversations/{id}/settings" => {
            conversation(request)?;
            let wanted = convert::settings_request(&body::<SettingsUpdate>(request)?)?;
            assert!(wanted.own.muted_until.is_none_or(|until| until.0 < 1 << 53));
            assert!(wanted.ttl_seconds.flatten().is_none_or(|ttl| (1..=limits::TTL_SECONDS_MAX).contains(&ttl)));
        }
        "GET /personal" => {
            let cursor = changes_cursor_from_text(request.query("since").unwrap_or_default())?;
            assert_eq!(changes_cursor_from_text(&changes_cursor_to_text(&cursor)), Ok(cursor));
        }
        "GET /drafts" => {
            request.query("after").map(|id| convert::conversation_id("after", id)).transpose()?;
        }
        "PUT /drafts/{conversationId}" => {
            convert::conversation_id("conversationId", request.path("conversationId"))?;
            let (payload, _) = convert::draft_request(&body::<DraftUpdate>(request)?)?;
            assert!(payload.is_none_or(|text| text.len() <= limits::PAYLOAD_BYTES_MAX && &*text != "null"));
        }
        "GET /stars" => {
            if let Some(text) = request.query("before") {
                let place = place_from_text("before", text)?;
                assert_eq!(place_from_text("before", &place_to_text(&place)), Ok(place));
            }
        }
        "PUT /stars/{conversationId}/{messageId}"
        | "DELETE /stars/{conversationId}/{messageId}"
        | "PUT /hidden/{conversationId}/{messageId}" => {
            convert::conversation_id("conversationId", request.path("conversationId"))?;
            convert::message_id("messageId", request.path("messageId"))?;
            let sequence = convert::message_sequence(request.query_number("sequence")?)?;
            assert!(sequence.is_none_or(|place| (1..=limits::SEQUENCE_MAX).contains(&place.0)));
        }
        _ => return Ok(false),
    }
    Ok(true)
}

pub(crate) fn seeds() -> Vec<Seed> {
    let nothing = json!({});
    let settings = json!({ "mutedUntil": 1_800_000_000_000_u64, "pinned": true, "archived": null, "ttlSeconds": 60, "searchable": true });
    let draft = json!({ "payload": { "text": "he" }, "ts": 1_800_000_000_000_u64 });
    let on = |route: &str, query: &Value, body: Option<&Value>| {
        let mut event = call(route, "/", query, body);
        let message = "m:5d4f6cde-3f54-5a8e-9d6b-1c2f5b8a7e90";
        event["pathParameters"] = json!({ "id": "g:team", "conversationId": "g:team", "messageId": message });
        event
    };
    let at = json!({ "sequence": "7" });
    vec![
        Seed::new("settings", on("PUT /conversations/{id}/settings", &nothing, Some(&settings))),
        // `0 0 0 s 7 g:team`, and `0 s 7 g:team`
        Seed::new("personal", on("GET /personal", &json!({ "since": "MCAwIDAgcyA3IGc6dGVhbQ" }), None)),
        Seed::new("stars", on("GET /stars", &json!({ "before": "MCBzIDcgZzp0ZWFt" }), None)),
        Seed::new("drafts", on("GET /drafts", &json!({ "after": "g:team" }), None)),
        Seed::new("draft", on("PUT /drafts/{conversationId}", &nothing, Some(&draft))),
        Seed::new("star", on("PUT /stars/{conversationId}/{messageId}", &at, None)),
        Seed::new("hidden", on("PUT /hidden/{conversationId}/{messageId}", &at, None)),
    ]
}
