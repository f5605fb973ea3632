//! Bodies of the calls about invites.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings_domain::limits;

use crate::{groups::GroupInfo, schema::types};

/// `POST /groups/{id}/invites`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InviteCreate {
    /// The life of the link, in seconds; absent: until it is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::InviteSeconds>")]
    pub expires_in_seconds: Option<u64>,
    /// How many it lets in; absent: as many as come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::InviteUses>")]
    pub max_uses: Option<u64>,
    /// A member who may add others must agree to each.
    #[serde(default)]
    pub approval: bool,
    /// The device's own name for the invite: the same again answers the same invite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::ClientMsgId>")]
    pub client_invite_id: Option<String>,
}

/// Whether an invite lets anybody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum InviteStatus {
    /// It does.
    Live,
    /// Its time is over.
    Expired,
    /// It has let in as many as it may.
    UsedUp,
    /// It was taken back.
    Revoked,
}

/// An invite, as those see it who may add members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InviteInfo {
    /// Its name.
    #[schemars(with = "types::InviteId")]
    pub invite_id: String,
    /// What its link ends with: whoever has it may join.
    #[schemars(with = "types::InviteToken")]
    pub token: String,
    /// The group.
    #[schemars(with = "types::ConversationId")]
    pub conversation_id: String,
    /// Who made it. When they may add members no more, it lets nobody in.
    #[schemars(with = "types::UserId")]
    pub created_by: String,
    /// When.
    #[schemars(with = "types::Timestamp")]
    pub created_at: u64,
    /// From when on it lets nobody in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::Timestamp>")]
    pub expires_at: Option<u64>,
    /// How many it lets in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::InviteUses>")]
    pub max_uses: Option<u64>,
    /// How many it has let in.
    #[schemars(with = "types::Count")]
    pub uses: u64,
    /// A member who may add others must agree to each.
    pub approval: bool,
    /// Whether it lets anybody in.
    pub status: InviteStatus,
}

/// `GET /groups/{id}/invites`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InviteList {
    /// The latest first.
    #[schemars(length(max = limits::INVITES_MAX))]
    pub invites: Vec<InviteInfo>,
}

/// How a user stands to a group that they have a link to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InviteAdmission {
    /// They are in it.
    Member,
    /// They have asked to be let in, and wait.
    Asked,
    /// Neither.
    Outside,
}

/// `GET /invites/{token}`: the group, as somebody with a link sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvitePreview {
    /// The group.
    #[schemars(with = "types::ConversationId")]
    pub conversation_id: String,
    /// Its name.
    #[schemars(with = "types::GroupTitle")]
    pub title: String,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its picture, a media handle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::MediaHandle>")]
    pub avatar: Option<String>,
    /// How many members it has.
    #[schemars(with = "types::Count")]
    pub member_count: u64,
    /// A member must agree to those who come.
    pub approval: bool,
    /// How the caller stands to it.
    pub admission: InviteAdmission,
}

/// `POST /invites/{token}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InviteJoined {
    /// The group.
    #[schemars(with = "types::ConversationId")]
    pub conversation_id: String,
    /// `member`, or `asked` where a member must agree first.
    pub admission: InviteAdmission,
    /// The group, for who is in it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupInfo>,
}

/// Somebody asks to be let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JoinRequestInfo {
    /// Who.
    #[schemars(with = "types::UserId")]
    pub user_id: String,
    /// By which invite.
    #[schemars(with = "types::InviteId")]
    pub invite_id: String,
    /// When they first asked.
    #[schemars(with = "types::Timestamp")]
    pub asked_at: u64,
}

/// `GET /groups/{id}/requests`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JoinRequestPage {
    /// By the users' ids.
    #[schemars(length(max = limits::MEMBERS_PAGE_MAX))]
    pub requests: Vec<JoinRequestInfo>,
    /// `after` of the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::UserId>")]
    pub next: Option<String>,
    /// Whether there is more.
    pub has_more: bool,
}
