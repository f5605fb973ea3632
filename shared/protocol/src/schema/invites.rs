//! The calls about invites.

use tidings_domain::limits;

use super::{
    Schemas,
    openapi::{Call, limit, parameter},
    types,
};
use crate::{
    ErrorCode,
    invites::{InviteCreate, InviteInfo, InviteJoined, InviteList, InvitePreview, JoinRequestPage},
};

const LETS_NOBODY_IN: &str = "A `forbidden` names in `details.rule` why the link lets nobody in: `invite_expired`, \
    `invite_used_up`, `invite_revoked`, `dissolved`, or `removed_before`, for who was taken out by another.";

/// One row for each call.
pub(super) fn calls(schemas: &mut Schemas) -> Vec<Call> {
    [invites(schemas), links(schemas), requests(schemas)].concat()
}

fn invites(schemas: &mut Schemas) -> Vec<Call> {
    let group = super::groups::group_parameter(schemas);
    let invite = parameter("inviteId", "path", true, "The invite.", &schemas.taken::<types::InviteId>());
    vec![
        Call {
            method: "post",
            path: "/groups/{id}/invites",
            id: "createInvite",
            tag: "groups",
            summary: "Make an invite link",
            description: "For members who may add others. With `clientInviteId`, the same call again answers the same invite. A \
                group keeps 50; those that let nobody in make place for new ones, else `conflict`.",
            parameters: vec![group.clone()],
            body: Some(schemas.taken::<InviteCreate>()),
            answer: Some(("The invite.", schemas.given::<InviteInfo>())),
            errors: &[ErrorCode::NotAMember, ErrorCode::Conflict, ErrorCode::TooLarge],
        },
        Call {
            method: "get",
            path: "/groups/{id}/invites",
            id: "listInvites",
            tag: "groups",
            summary: "The invites of a group, the latest first",
            description: "Admins see all, other members who may add see their own.",
            parameters: vec![group.clone()],
            body: None,
            answer: Some(("The invites.", schemas.given::<InviteList>())),
            errors: &[ErrorCode::NotAMember],
        },
        Call {
            method: "delete",
            path: "/groups/{id}/invites/{inviteId}",
            id: "revokeInvite",
            tag: "groups",
            summary: "Take an invite back",
            description: "One's own, or any for admins. It lets nobody in from then on; those who came by it stay.",
            parameters: vec![group, invite],
            body: None,
            answer: None,
            errors: &[ErrorCode::NotAMember, ErrorCode::NotFound],
        },
    ]
}

fn links(schemas: &mut Schemas) -> Vec<Call> {
    let token = parameter("token", "path", true, "What the link ends with.", &schemas.taken::<types::InviteToken>());
    vec![
        Call {
            method: "get",
            path: "/invites/{token}",
            id: "previewInvite",
            tag: "groups",
            summary: "The group that a link leads to",
            description: LETS_NOBODY_IN,
            parameters: vec![token.clone()],
            body: None,
            answer: Some(("The group, for who is not in it.", schemas.given::<InvitePreview>())),
            errors: &[ErrorCode::NotFound],
        },
        Call {
            method: "post",
            path: "/invites/{token}",
            id: "joinByInvite",
            tag: "groups",
            summary: "Join by a link, or ask to",
            description: LETS_NOBODY_IN,
            parameters: vec![token],
            body: None,
            answer: Some(("How the caller stands to the group now.", schemas.given::<InviteJoined>())),
            errors: &[ErrorCode::NotFound],
        },
    ]
}

fn requests(schemas: &mut Schemas) -> Vec<Call> {
    let group = super::groups::group_parameter(schemas);
    let user = schemas.taken::<types::UserId>();
    let asker = parameter("userId", "path", true, "Who asks.", &user);
    vec![
        Call {
            method: "get",
            path: "/groups/{id}/requests",
            id: "listJoinRequests",
            tag: "groups",
            summary: "Who asks to be let in, by their ids, a page at a time",
            description: "For members who may add others. The list may lag a moment behind.",
            parameters: vec![
                group.clone(),
                parameter("after", "query", false, "Those after this one: `next` of the page before.", &user),
                limit(limits::MEMBERS_PAGE_MAX),
            ],
            body: None,
            answer: Some(("A page of requests.", schemas.given::<JoinRequestPage>())),
            errors: &[ErrorCode::NotAMember],
        },
        Call {
            method: "post",
            path: "/groups/{id}/requests/{userId}",
            id: "approveJoinRequest",
            tag: "groups",
            summary: "Let somebody in who asks",
            description: "For members who may add others. Who is in already is no error. It counts as a use of the invite.",
            parameters: vec![group.clone(), asker.clone()],
            body: None,
            answer: None,
            errors: &[ErrorCode::NotAMember, ErrorCode::NotFound],
        },
        Call {
            method: "delete",
            path: "/groups/{id}/requests/{userId}",
            id: "declineJoinRequest",
            tag: "groups",
            summary: "Turn somebody away who asks, or ask no more oneself",
            description: "They may ask again while the link is good. A request that is not there is no error.",
            parameters: vec![group, asker],
            body: None,
            answer: None,
            errors: &[ErrorCode::NotAMember],
        },
    ]
}
