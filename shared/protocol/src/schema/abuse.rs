//! The calls about reports and requests, and those of administrators.

use serde_json::json;
use tidings_domain::limits;

use super::{
    Schemas,
    openapi::{Call, limit, parameter},
    types,
};
use crate::{
    ErrorCode,
    abuse::{
        AdminKeyList, AdminKeyMade, AdminKeyMake, BanMade, BanMake, DeedPage, ReportMade, ReportMake, ReportPage,
        ReportResolve, UserFile,
    },
};

/// One row for each call.
pub(super) fn calls(schemas: &mut Schemas) -> Vec<Call> {
    [of_users(schemas), bans(schemas), reports(schemas), keys(schemas)].concat()
}

fn of_users(schemas: &mut Schemas) -> Vec<Call> {
    let user = parameter("userId", "path", true, "The user.", &schemas.taken::<types::UserId>());
    vec![
        Call {
            method: "put",
            path: "/requests/{userId}",
            id: "acceptRequest",
            tag: "devices",
            summary: "Accept that a stranger writes to me",
            description: "What they send is no request any more. To write to them does the same. May be said before they write.",
            parameters: vec![user.clone()],
            body: None,
            answer: None,
            errors: &[],
        },
        Call {
            method: "delete",
            path: "/requests/{userId}",
            id: "declineRequest",
            tag: "devices",
            summary: "Turn a stranger down",
            description: "Blocks them, and puts the conversation away. They are not told.",
            parameters: vec![user],
            body: None,
            answer: None,
            errors: &[ErrorCode::TooLarge],
        },
        Call {
            method: "post",
            path: "/reports",
            id: "reportMessage",
            tag: "messages",
            summary: "Report a message of another's",
            description: "Where its content is still there it is in the report. What was deleted or has expired is proved by what the \
                reporter got, for seven days after: `payload` (or `envelope`) must be that to the byte, or it is a `bad_request`. Of \
                what was encrypted the ciphertext is proved; `plaintext` is the reporter's word.",
            parameters: vec![],
            body: Some(schemas.taken::<ReportMake>()),
            answer: Some(("The report.", schemas.given::<ReportMade>())),
            errors: &[ErrorCode::NotAMember, ErrorCode::NotFound, ErrorCode::TooLarge],
        },
    ]
}

const ADMIN: &str = "For administrators: users whom the deployment names, and keys that they have made (`key` of \
    `PUT /admin/keys/{name}` as the bearer token); others are `forbidden`. That it was called is written to the audit log first.";

fn bans(schemas: &mut Schemas) -> Vec<Call> {
    let user = parameter("userId", "path", true, "The user.", &schemas.taken::<types::UserId>());
    vec![
        Call {
            method: "put",
            path: "/admin/bans/{userId}",
            id: "banUser",
            tag: "admin",
            summary: "Ban a user",
            description: "Every token of theirs is refused from then on, and every socket closed, before the answer. May be said again.",
            parameters: vec![user.clone()],
            body: Some(schemas.taken::<BanMake>()),
            answer: Some(("The ban.", schemas.given::<BanMade>())),
            errors: &[],
        },
        Call {
            method: "delete",
            path: "/admin/bans/{userId}",
            id: "unbanUser",
            tag: "admin",
            summary: "End a ban",
            description: ADMIN,
            parameters: vec![user.clone()],
            body: None,
            answer: None,
            errors: &[ErrorCode::NotFound],
        },
        Call {
            method: "get",
            path: "/admin/users/{userId}",
            id: "lookUpUser",
            tag: "admin",
            summary: "What is known of a user",
            description: ADMIN,
            parameters: vec![user],
            body: None,
            answer: Some(("The user.", schemas.given::<UserFile>())),
            errors: &[],
        },
    ]
}

fn reports(schemas: &mut Schemas) -> Vec<Call> {
    let day = parameter(
        "day",
        "query",
        false,
        "Any moment of the day in UTC, in ms since the epoch; absent: today.",
        &schemas.taken::<types::Timestamp>(),
    );
    let before = parameter("before", "query", false, "`next` of the page before.", &json!({ "type": "string" }));
    let report = parameter("reportId", "path", true, "The report.", &json!({ "type": "string" }));
    let page = vec![day, before, limit(limits::ADMIN_PAGE_MAX)];
    vec![
        Call {
            method: "get",
            path: "/admin/reports",
            id: "listReports",
            tag: "admin",
            summary: "What was reported on a day, the latest first",
            description: ADMIN,
            parameters: page.clone(),
            body: None,
            answer: Some(("A page of reports.", schemas.given::<ReportPage>())),
            errors: &[],
        },
        Call {
            method: "post",
            path: "/admin/reports/{reportId}",
            id: "resolveReport",
            tag: "admin",
            summary: "Say what became of a report",
            description: ADMIN,
            parameters: vec![report],
            body: Some(schemas.taken::<ReportResolve>()),
            answer: None,
            errors: &[ErrorCode::NotFound],
        },
        Call {
            method: "get",
            path: "/admin/audit",
            id: "readAudit",
            tag: "admin",
            summary: "What administrators did on a day, the latest first",
            description: ADMIN,
            parameters: page,
            body: None,
            answer: Some(("A page of deeds.", schemas.given::<DeedPage>())),
            errors: &[],
        },
    ]
}

fn keys(schemas: &mut Schemas) -> Vec<Call> {
    let name = parameter("name", "path", true, "What the key is called.", &json!({ "type": "string" }));
    vec![
        Call {
            method: "get",
            path: "/admin/keys",
            id: "listAdminKeys",
            tag: "admin",
            summary: "The keys that are good",
            description: ADMIN,
            parameters: vec![],
            body: None,
            answer: Some(("The keys.", schemas.given::<AdminKeyList>())),
            errors: &[],
        },
        Call {
            method: "put",
            path: "/admin/keys/{name}",
            id: "makeAdminKey",
            tag: "admin",
            summary: "Make a key for a machine that administrates",
            description: "In place of one of that name. The service keeps a hash of it: it is shown this once. A key makes no keys.",
            parameters: vec![name.clone()],
            body: Some(schemas.taken::<AdminKeyMake>()),
            answer: Some(("The key.", schemas.given::<AdminKeyMade>())),
            errors: &[],
        },
        Call {
            method: "delete",
            path: "/admin/keys/{name}",
            id: "dropAdminKey",
            tag: "admin",
            summary: "Forget a key: it is refused from then on",
            description: ADMIN,
            parameters: vec![name],
            body: None,
            answer: None,
            errors: &[ErrorCode::NotFound],
        },
    ]
}
