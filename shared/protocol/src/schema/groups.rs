//! The calls about groups.

use serde_json::Value;
use tidings_domain::limits;

use super::{
    Schemas,
    openapi::{Call, limit, parameter},
    types,
};
use crate::{
    ErrorCode,
    groups::{GroupCreate, GroupInfo, GroupUpdate, MemberPage, MembersAdd, RoleUpdate},
};

const RULES: &str = "A `forbidden` names the rule in `details.rule`.";

/// One row for each call.
pub(super) fn calls(schemas: &mut Schemas) -> Vec<Call> {
    [groups(schemas), members(schemas)].concat()
}

pub(super) fn group_parameter(schemas: &mut Schemas) -> Value {
    parameter("id", "path", true, "The group: `g:ID`.", &schemas.taken::<types::ConversationId>())
}

fn answer(schemas: &mut Schemas) -> (&'static str, Value) {
    ("The group as it is then.", schemas.given::<GroupInfo>())
}

fn groups(schemas: &mut Schemas) -> Vec<Call> {
    let group = group_parameter(schemas);
    vec![
        Call {
            method: "post",
            path: "/groups",
            id: "createGroup",
            tag: "groups",
            summary: "Make a group",
            description: "The caller has it. With `clientGroupId`, the same call again answers the same group.",
            parameters: Vec::new(),
            body: Some(schemas.taken::<GroupCreate>()),
            answer: Some(answer(schemas)),
            errors: &[ErrorCode::Conflict, ErrorCode::TooLarge],
        },
        Call {
            method: "get",
            path: "/groups/{id}",
            id: "getGroup",
            tag: "groups",
            summary: "A group, as one of its members sees it",
            description: "Whoever is no member is answered as if there were no such group.",
            parameters: vec![group.clone()],
            body: None,
            answer: Some(answer(schemas)),
            errors: &[ErrorCode::NotAMember],
        },
        Call {
            method: "patch",
            path: "/groups/{id}",
            id: "updateGroup",
            tag: "groups",
            summary: "Change the settings of a group",
            description: "What is absent stays; null takes a value away. Another title is the event `renamed`, the rest `configured`.",
            parameters: vec![group.clone()],
            body: Some(schemas.taken::<GroupUpdate>()),
            answer: Some(answer(schemas)),
            errors: &[ErrorCode::NotAMember, ErrorCode::TooLarge],
        },
        Call {
            method: "delete",
            path: "/groups/{id}",
            id: "dissolveGroup",
            tag: "groups",
            summary: "End a group for everyone",
            description: "Only the owner may. Nobody writes to it or changes it any more; its members read on what was said.",
            parameters: vec![group],
            body: None,
            answer: None,
            errors: &[ErrorCode::NotAMember],
        },
    ]
}

fn members(schemas: &mut Schemas) -> Vec<Call> {
    let group = group_parameter(schemas);
    let user = schemas.taken::<types::UserId>();
    let member = parameter("userId", "path", true, "The member.", &user);
    vec![
        Call {
            method: "get",
            path: "/groups/{id}/members",
            id: "listMembers",
            tag: "groups",
            summary: "Members, by their ids, a page at a time",
            description: "The list may lag a moment behind a change.",
            parameters: vec![
                group.clone(),
                parameter("after", "query", false, "Members after this one: `next` of the page before.", &user),
                limit(limits::MEMBERS_PAGE_MAX),
            ],
            body: None,
            answer: Some(("A page of members.", schemas.given::<MemberPage>())),
            errors: &[ErrorCode::NotAMember],
        },
        Call {
            method: "post",
            path: "/groups/{id}/members",
            id: "addMembers",
            tag: "groups",
            summary: "Add several members",
            description: RULES,
            parameters: vec![group.clone()],
            body: Some(schemas.taken::<MembersAdd>()),
            answer: Some(answer(schemas)),
            errors: &[ErrorCode::NotAMember, ErrorCode::TooLarge],
        },
        Call {
            method: "put",
            path: "/groups/{id}/members/{userId}",
            id: "addMember",
            tag: "groups",
            summary: "Add a member",
            description: "Who is a member already is no error. Who is added sees the group from the sequence of that event on.",
            parameters: vec![group.clone(), member.clone()],
            body: None,
            answer: Some(answer(schemas)),
            errors: &[ErrorCode::NotAMember],
        },
        Call {
            method: "patch",
            path: "/groups/{id}/members/{userId}",
            id: "setRole",
            tag: "groups",
            summary: "Give a member another role",
            description: "Admins make members admins; only the owner takes that back. `owner` hands the group over, and \
                makes the owner of until then an admin.",
            parameters: vec![group.clone(), member.clone()],
            body: Some(schemas.taken::<RoleUpdate>()),
            answer: Some(answer(schemas)),
            errors: &[ErrorCode::NotAMember, ErrorCode::NotFound, ErrorCode::TooLarge],
        },
        Call {
            method: "delete",
            path: "/groups/{id}/members/{userId}",
            id: "removeMember",
            tag: "groups",
            summary: "Remove a member, or leave",
            description: "`userId` of the caller leaves. Who is no member is no error. The owner leaves only as the last, which \
                ends the group.",
            parameters: vec![group, member],
            body: None,
            answer: None,
            errors: &[ErrorCode::NotAMember],
        },
    ]
}
