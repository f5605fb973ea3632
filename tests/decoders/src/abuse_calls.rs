//! Calls about reports, and those of administrators, read as the functions read them.

use serde_json::json;
use tidings_domain::{ids::Timestamp, limits::COMMENT_CHARS_MAX};
use tidings_events::HttpRequest;
use tidings_protocol::{
    ParseError,
    abuse::{AdminKeyMake, BanMake, ReportMake, ReportResolve},
    convert,
};

use crate::{
    Seed,
    http_event::{body, call},
};

/// What the call asks for; false where there is no such call.
pub(crate) fn taken(request: &HttpRequest) -> Result<bool, ParseError> {
    match request.route_key.as_str() {
        "POST /reports" => {
            let wanted = convert::report_request(&body::<ReportMake>(request)?)?;
            assert!(wanted.comment.is_none_or(|comment| (1..=COMMENT_CHARS_MAX).contains(&comment.chars().count())));
        }
        "PUT /requests/{userId}" | "DELETE /requests/{userId}" | "GET /admin/users/{userId}" => {
            convert::user_id("userId", request.path("userId"))?;
        }
        "PUT /admin/bans/{userId}" => {
            let now = Timestamp(1_800_000_000_000);
            let (_, until) = convert::ban_request(&body::<BanMake>(request)?, now)?;
            assert!(until > now && until.0 < 1 << 53);
        }
        "POST /admin/reports/{reportId}" => {
            convert::filed("reportId", request.path("reportId"))?;
            convert::words("note", &body::<ReportResolve>(request)?.note)?;
        }
        "GET /admin/reports" | "GET /admin/audit" => {
            request.query("before").map(|place| convert::filed("before", place)).transpose()?;
            request.query_number("day")?;
        }
        "PUT /admin/keys/{name}" => {
            convert::key_name(request.path("name"))?;
            assert!(convert::key_life_ms(&body::<AdminKeyMake>(request)?)? >= 60_000);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

pub(crate) fn seeds() -> Vec<Seed> {
    let nothing = json!({});
    let report = json!({
        "conversationId": "u:alice|u:bob", "messageId": "m:6ba7b810-9dad-51d1-80b4-00c04fd430c8", "messageSequence": 3,
        "ground": "abuse", "comment": "look", "payload": { "text": "1e2" }, "plaintext": "x",
    });
    let ban = json!({ "reason": "spam", "seconds": 3600 });
    vec![
        Seed::new("report", call("POST /reports", "/reports", &nothing, Some(&report))),
        Seed::new("ban", call("PUT /admin/bans/{userId}", "/admin/bans/bob", &nothing, Some(&ban))),
        Seed::new(
            "resolve",
            call("POST /admin/reports/{reportId}", "/admin/reports/1", &nothing, Some(&json!({ "note": "done" }))),
        ),
        Seed::new(
            "admin-key",
            call("PUT /admin/keys/{name}", "/admin/keys/n", &nothing, Some(&json!({ "seconds": 60 }))),
        ),
    ]
}
