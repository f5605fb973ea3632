//! Between the wire and the domain: invites.

use tidings_domain::{
    ids::{ClientMsgId, ConversationId, Timestamp, UserId},
    invites::{Admission, Invite, InviteSecret, InviteState, InviteTerms, InviteToken, JoinRequest, Preview},
    limits,
};

use super::field;
use crate::{
    ParseError,
    invites::{
        InviteAdmission, InviteCreate, InviteInfo, InviteList, InvitePreview, InviteStatus, JoinRequestInfo,
        JoinRequestPage,
    },
};

/// Checks a `POST /groups/{id}/invites`.
pub fn invite_terms(body: InviteCreate) -> Result<InviteTerms, ParseError> {
    let within = |name: &str, value: Option<u64>, min: u64, max: u64| match value {
        Some(value) if !(min..=max).contains(&value) => {
            Err(ParseError::field(name, format_args!("must be {min} to {max}, or absent")))
        }
        value => Ok(value),
    };
    let (life_min, life_max) = (limits::INVITE_LIFE_SECONDS_MIN, limits::INVITE_LIFE_SECONDS_MAX);
    let client_id = body.client_invite_id.map(|id| field("clientInviteId", ClientMsgId::parse(&id))).transpose()?;
    Ok(InviteTerms {
        client_id: client_id.map(|id| id.as_str().into()),
        life_seconds: within("expiresInSeconds", body.expires_in_seconds, life_min, life_max)?,
        uses_max: within("maxUses", body.max_uses, 1, limits::INVITE_USES_MAX)?,
        needs_approval: body.approval,
    })
}

/// Reads an invite's id.
pub fn invite_id(text: &str) -> Result<InviteSecret, ParseError> {
    field("inviteId", InviteSecret::parse(text))
}

/// Reads what an invite link ends with.
pub fn invite_token(text: &str) -> Result<InviteToken, ParseError> {
    invite_token_at("token", text)
}

/// What an invite link ends with, in a field of this name.
pub fn invite_token_at(name: &str, text: &str) -> Result<InviteToken, ParseError> {
    field(name, InviteToken::parse(text))
}

/// An invite, as those see it who may add members.
pub fn invite_info(conversation: &ConversationId, invite: &Invite, now: Timestamp) -> InviteInfo {
    let token = InviteToken { secret: invite.secret.clone(), group: conversation.clone() };
    InviteInfo {
        invite_id: invite.secret.as_str().to_owned(),
        token: token.to_string(),
        conversation_id: conversation.to_string(),
        created_by: invite.by.to_string(),
        created_at: invite.created_at.0,
        expires_at: invite.expires_at.map(|at| at.0),
        max_uses: invite.uses_max,
        uses: invite.uses,
        approval: invite.needs_approval,
        status: invite.state(now).into(),
    }
}

/// The invites of a group.
pub fn invite_list(conversation: &ConversationId, invites: &[Invite], now: Timestamp) -> InviteList {
    InviteList { invites: invites.iter().map(|invite| invite_info(conversation, invite, now)).collect() }
}

/// A group, as somebody with a link sees it.
pub fn invite_preview(conversation: &ConversationId, preview: &Preview) -> InvitePreview {
    let settings = &preview.group.settings;
    InvitePreview {
        conversation_id: conversation.to_string(),
        title: settings.title.to_string(),
        description: settings.description.as_deref().map(str::to_owned),
        avatar: settings.avatar.as_deref().map(str::to_owned),
        member_count: preview.group.member_count,
        approval: preview.needs_approval,
        admission: preview.admission.into(),
    }
}

/// A page of requests to join.
pub fn join_requests(requests: &[JoinRequest], next: Option<&UserId>) -> JoinRequestPage {
    let one = |request: &JoinRequest| JoinRequestInfo {
        user_id: request.user.to_string(),
        invite_id: request.secret.as_str().to_owned(),
        asked_at: request.asked_at.0,
    };
    JoinRequestPage {
        requests: requests.iter().map(one).collect(),
        next: next.map(ToString::to_string),
        has_more: next.is_some(),
    }
}

super::same_variants!(InviteAdmission, Admission, Member, Asked, Outside);
super::same_variants!(InviteStatus, InviteState, Live, Expired, UsedUp, Revoked);
