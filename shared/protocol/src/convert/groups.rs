//! Groups, between the wire and the domain.

use std::sync::Arc;

use tidings_domain::{
    conversation::Member,
    group::{Audience, Change, Group, GroupSettings, MembershipEvent, Role, Rule, SettingsPatch},
    ids::{ClientMsgId, ConversationId, UserId},
    limits,
};

use super::{field, media_handle, ttl_seconds, user_id};
use crate::{
    ErrorCode, ErrorFrame, ParseError, Payload,
    groups::{
        GroupAudience, GroupCreate, GroupInfo, GroupMember, GroupPatch, GroupRole, GroupUpdate, MemberPage, MembersAdd,
        MembershipChange, MembershipPayload,
    },
};

/// A group's id on paths, without or with its `g:`.
pub fn group_id(name: &str, text: &str) -> Result<ConversationId, ParseError> {
    let group = super::conversation_id(name, text)?;
    match group {
        ConversationId::Group(_) => Ok(group),
        ConversationId::Direct(..) => Err(ParseError::field(name, "must be of a group: g:ID")),
    }
}

/// What a new group is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateRequest {
    /// The device's own name for it: the same name again is the same group.
    pub client_group_id: ClientMsgId,
    /// Its settings.
    pub settings: GroupSettings,
    /// Its first members, beside the one who makes it.
    pub members: Vec<UserId>,
}

/// Checks a `POST /groups`.
pub fn create_request(mut body: GroupCreate) -> Result<CreateRequest, ParseError> {
    let members = users("members", &body.members)?;
    let client_group_id =
        field("clientGroupId", ClientMsgId::parse(body.client_group_id.as_deref().unwrap_or_default()))?;
    let patch = SettingsPatch { title: Some(title(&body.title)?), ..patch(body.settings())? };
    if patch.avatar.iter().flatten().next().is_some() {
        return Err(ParseError::field("avatar", "a group gets its picture once it is there: upload it for the group"));
    }
    Ok(CreateRequest { client_group_id, settings: patch.applied_to(&GroupSettings::default()), members })
}

/// Checks a `PATCH /groups/{id}`.
pub fn update_request(mut body: GroupUpdate) -> Result<SettingsPatch, ParseError> {
    let title = body.title.take().map(|text| title(&text)).transpose()?;
    Ok(SettingsPatch { title, ..patch(body.settings())? })
}

/// Checks a `POST /groups/{id}/members`.
pub fn members_to_add(body: &MembersAdd) -> Result<Vec<UserId>, ParseError> {
    if body.user_ids.is_empty() {
        return Err(ParseError::field("userIds", "must name somebody"));
    }
    users("userIds", &body.user_ids)
}

fn users(name: &str, ids: &[String]) -> Result<Vec<UserId>, ParseError> {
    // One who acts is among those whom a change is decided on.
    let max = limits::GROUP_CHANGE_MEMBERS_MAX - 1;
    if ids.len() > max {
        return Err(ParseError::field(name, format_args!("at most {max} at once")));
    }
    ids.iter().enumerate().map(|(i, id)| user_id(&format!("{name}[{i}]"), id)).collect()
}

fn title(text: &str) -> Result<Arc<str>, ParseError> {
    let text = text.trim();
    let is_good = (1..=limits::TITLE_CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    let rule = format_args!("must be 1 to {} characters, none of them a control character", limits::TITLE_CHARS_MAX);
    if is_good { Ok(text.into()) } else { Err(ParseError::field("title", rule)) }
}

fn description(text: &str) -> Result<Arc<str>, ParseError> {
    let is_good = (1..=limits::DESCRIPTION_CHARS_MAX).contains(&text.chars().count());
    let rule = format_args!("must be 1 to {} characters, or null", limits::DESCRIPTION_CHARS_MAX);
    if is_good { Ok(text.into()) } else { Err(ParseError::field("description", rule)) }
}

fn patch(body: GroupPatch) -> Result<SettingsPatch, ParseError> {
    if body.slow_mode_seconds.is_some_and(|seconds| seconds > limits::SLOW_MODE_SECONDS_MAX) {
        let rule = format_args!("must be 0 to {}", limits::SLOW_MODE_SECONDS_MAX);
        return Err(ParseError::field("slowModeSeconds", rule));
    }
    let avatar = body.avatar.map(|handle| match handle.as_deref() {
        Some(handle) => media_handle("avatar", handle).map(|_| Some(handle.into())),
        None => Ok(None),
    });
    Ok(SettingsPatch {
        title: None,
        description: body.description.map(|text| text.map(|text| description(&text)).transpose()).transpose()?,
        avatar: avatar.transpose()?,
        may_post: body.may_post.map(Into::into),
        may_add: body.may_add.map(Into::into),
        slow_mode_seconds: body.slow_mode_seconds,
        ttl_seconds: body.ttl_seconds.map(ttl_seconds).transpose()?,
    })
}

/// A group, as a member sees it.
pub fn group_info(conversation: &ConversationId, group: &Group, own: &Member) -> GroupInfo {
    let settings = &group.settings;
    GroupInfo {
        conversation_id: conversation.to_string(),
        title: settings.title.to_string(),
        description: settings.description.as_deref().map(str::to_owned),
        avatar: settings.avatar.as_deref().map(str::to_owned),
        owner_user_id: group.owner.to_string(),
        member_count: group.member_count,
        may_post: settings.may_post.into(),
        may_add: settings.may_add.into(),
        slow_mode_seconds: settings.slow_mode_seconds,
        ttl_seconds: settings.ttl_seconds,
        pulled: group.is_pulled(),
        dissolved: group.is_dissolved,
        created_at: group.created_at.0,
        role: own.role.into(),
        joined_at: own.joined_at.0,
    }
}

/// A page of members.
pub fn member_page(members: &[Member], has_more: bool) -> MemberPage {
    MemberPage {
        next: members.last().filter(|_| has_more).map(|last| last.user.to_string()),
        members: members
            .iter()
            .map(|m| GroupMember { user_id: m.user.to_string(), role: m.role.into(), joined_at: m.joined_at.0 })
            .collect(),
        has_more,
    }
}

/// The payload of a membership event.
pub(super) fn membership_payload(event: &MembershipEvent, actor: &UserId) -> Payload {
    let payload = MembershipPayload {
        change: event.change.into(),
        user_id: event.users.first().unwrap_or(actor).to_string(),
        user_ids: if event.users.len() > 1 {
            event.users.iter().map(ToString::to_string).collect()
        } else {
            Vec::new()
        },
        actor_user_id: actor.to_string(),
        role: event.role.map(Into::into),
        title: event.title.as_deref().map(str::to_owned),
        avatar: event.avatar.and_then(|avatar| avatar.set).map(|handle| handle.to_string()),
    };
    let text = serde_json::to_string(&payload).unwrap_or_default();
    Payload::from_text(text).unwrap_or_default()
}

/// The error that a forbidden act is answered with: it names the rule.
pub fn rule_frame(rule: Rule) -> ErrorFrame {
    let mut frame = ErrorFrame::new(ErrorCode::Forbidden, rule.to_string());
    frame.details = Some(serde_json::json!({ "rule": rule.name() }));
    frame
}

super::same_variants!(GroupRole, Role, Member, Admin, Owner);
super::same_variants!(GroupAudience, Audience, All, Admins);
super::same_variants!(
    MembershipChange,
    Change,
    Created,
    Added,
    Joined,
    Removed,
    Left,
    Promoted,
    Demoted,
    Renamed,
    Configured,
    Dissolved
);
