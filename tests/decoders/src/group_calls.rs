//! Calls about groups, read as the function `groups` reads them.

use serde_json::{Value, json};
use tidings_domain::{group::GroupSettings, ids::MediaHandle, limits};
use tidings_events::HttpRequest;
use tidings_protocol::{
    ParseError, convert,
    groups::{GroupCreate, GroupUpdate, MembersAdd, RoleUpdate},
    invites::InviteCreate,
};

use crate::{
    Seed,
    http_event::{body, call},
    ids,
};

/// What the call asks for; false where there is no such call.
pub(crate) fn taken(request: &HttpRequest) -> Result<bool, ParseError> {
    match request.route_key.as_str() {
        "POST /groups" => {
            let mut body: GroupCreate = body(request)?;
            body.client_group_id.get_or_insert_with(|| "1".into());
            let wanted = convert::create_request(body)?;
            assert!(ids::check(wanted.client_group_id.as_str()));
            assert!(wanted.members.len() < limits::GROUP_CHANGE_MEMBERS_MAX);
            assert!(!wanted.settings.title.is_empty(), "a group has a title");
            within_limits(&wanted.settings);
        }
        "PATCH /groups/{id}" => {
            group(request)?;
            let patch = convert::update_request(body::<GroupUpdate>(request)?)?;
            within_limits(&patch.applied_to(&GroupSettings::default()));
        }
        "GET /groups/{id}" | "DELETE /groups/{id}" | "GET /groups/{id}/invites" => group(request)?,
        "GET /groups/{id}/members" => {
            group(request)?;
            let limit = convert::limit(request.query_number("limit")?, limits::MEMBERS_PAGE_MAX)?;
            assert!((1..=limits::MEMBERS_PAGE_MAX).contains(&limit));
            request.query("after").map(|user| convert::user_id("after", user)).transpose()?;
        }
        "POST /groups/{id}/members" => {
            group(request)?;
            let users = convert::members_to_add(&body::<MembersAdd>(request)?)?;
            assert!((1..limits::GROUP_CHANGE_MEMBERS_MAX).contains(&users.len()));
        }
        "PATCH /groups/{id}/members/{userId}" => {
            group(request)?;
            convert::user_id("userId", request.path("userId"))?;
            body::<RoleUpdate>(request)?;
        }
        "PUT /groups/{id}/members/{userId}" | "DELETE /groups/{id}/members/{userId}" => {
            group(request)?;
            assert!(ids::check(convert::user_id("userId", request.path("userId"))?.as_str()));
        }
        "POST /groups/{id}/invites" => {
            group(request)?;
            let terms = convert::invite_terms(body::<InviteCreate>(request)?)?;
            let lives = limits::INVITE_LIFE_SECONDS_MIN..=limits::INVITE_LIFE_SECONDS_MAX;
            assert!(terms.life_seconds.is_none_or(|seconds| lives.contains(&seconds)));
            assert!(terms.uses_max.is_none_or(|uses| (1..=limits::INVITE_USES_MAX).contains(&uses)));
        }
        "DELETE /groups/{id}/invites/{inviteId}" => {
            group(request)?;
            assert_eq!(convert::invite_id(request.path("inviteId"))?.as_str(), request.path("inviteId"));
        }
        "GET /invites/{token}" | "POST /invites/{token}" => {
            let token = convert::invite_token(request.path("token"))?;
            assert_eq!(token.to_string(), request.path("token"));
        }
        "GET /groups/{id}/requests" => {
            group(request)?;
            convert::limit(request.query_number("limit")?, limits::MEMBERS_PAGE_MAX)?;
            request.query("after").map(|user| convert::user_id("after", user)).transpose()?;
        }
        "POST /groups/{id}/requests/{userId}" | "DELETE /groups/{id}/requests/{userId}" => {
            group(request)?;
            convert::user_id("userId", request.path("userId"))?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn group(request: &HttpRequest) -> Result<(), ParseError> {
    let id = convert::group_id("id", request.path("id"))?;
    assert!(id.direct_members().is_none(), "a group is no conversation of two");
    assert_eq!(id.to_string(), request.path("id"));
    Ok(())
}

fn within_limits(settings: &GroupSettings) {
    assert!(settings.title.chars().count() <= limits::TITLE_CHARS_MAX);
    assert!(!settings.title.chars().any(char::is_control));
    assert!(settings.description.as_ref().is_none_or(|d| d.chars().count() <= limits::DESCRIPTION_CHARS_MAX));
    assert!(settings.avatar.as_ref().is_none_or(|handle| MediaHandle::parse(handle).is_ok()));
    assert!(settings.slow_mode_seconds <= limits::SLOW_MODE_SECONDS_MAX);
    assert!(settings.ttl_seconds.is_none_or(|s| (1..=limits::TTL_SECONDS_MAX).contains(&s)));
}

const INVITE: &str = "AbCdEfGhIjKlMnOpQrSt-_";

pub(crate) fn seeds() -> Vec<Seed> {
    let nothing = json!({});
    let create = json!({ "title": "the team", "members": ["alice", "bob"], "clientGroupId": "1", "description": "d",
        "mayPost": "admins", "mayAdd": "all", "slowModeSeconds": 5, "ttlSeconds": 60 });
    let update = json!({ "title": "all", "description": null, "ttlSeconds": null, "avatar": "md:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d" });
    let invite = json!({ "expiresInSeconds": 60, "maxUses": 3, "approval": true, "clientInviteId": "poster" });
    let on = |route: &str, query: &Value, body: Option<&Value>| {
        let mut event = call(route, "/groups/g:team", query, body);
        event["pathParameters"] =
            json!({ "id": "g:team", "userId": "bob", "inviteId": INVITE, "token": format!("{INVITE}.team") });
        event
    };
    vec![
        Seed::new("group-create", call("POST /groups", "/groups", &nothing, Some(&create))),
        Seed::new("group-update", on("PATCH /groups/{id}", &nothing, Some(&update))),
        Seed::new("group-members", on("GET /groups/{id}/members", &json!({ "after": "alice", "limit": "5" }), None)),
        Seed::new("group-add", on("POST /groups/{id}/members", &nothing, Some(&json!({ "userIds": ["bob"] })))),
        Seed::new("group-role", on("PATCH /groups/{id}/members/{userId}", &nothing, Some(&json!({ "role": "admin" })))),
        Seed::new("group-remove", on("DELETE /groups/{id}/members/{userId}", &nothing, None)),
        Seed::new("invite-create", on("POST /groups/{id}/invites", &nothing, Some(&invite))),
        Seed::new("invite-revoke", on("DELETE /groups/{id}/invites/{inviteId}", &nothing, None)),
        Seed::new("invite-join", on("POST /invites/{token}", &nothing, None)),
        Seed::new("invite-approve", on("POST /groups/{id}/requests/{userId}", &nothing, None)),
    ]
}
