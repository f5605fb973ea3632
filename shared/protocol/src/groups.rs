//! Bodies of the calls about groups.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use tidings_domain::limits;

use crate::schema::types;

/// What a member is in a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GroupRole {
    /// One of many.
    #[default]
    Member,
    /// Runs the group.
    Admin,
    /// Has the group.
    Owner,
}

/// Who may do something in a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GroupAudience {
    /// Every member.
    #[default]
    All,
    /// The owner and the admins.
    Admins,
}

/// What sort of change a membership event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MembershipChange {
    /// The group was made, with its first members.
    Created,
    /// Members were added by another.
    Added,
    /// Somebody came in by an invite, or was let in who had asked.
    Joined,
    /// A member was removed by another.
    Removed,
    /// A member left.
    Left,
    /// A member got a higher role.
    Promoted,
    /// A member got a lower role.
    Demoted,
    /// The group has another title.
    Renamed,
    /// The group has other settings.
    Configured,
    /// The group has ended.
    Dissolved,
}

/// The payload of an entry whose `event` is `membership`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MembershipPayload {
    /// What sort of change.
    pub change: MembershipChange,
    /// Whom it is about; of several, the first.
    #[schemars(with = "types::UserId")]
    pub user_id: String,
    /// Whom it is about, where they are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<types::UserId>", length(max = limits::GROUP_CHANGE_MEMBERS_MAX))]
    pub user_ids: Vec<String>,
    /// Who made the change.
    #[schemars(with = "types::UserId")]
    pub actor_user_id: String,
    /// The role that they have now, where it changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<GroupRole>,
    /// The title, of a group that was made or renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The picture, a media handle, where it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::MediaHandle>")]
    pub avatar: Option<String>,
}

/// A body with the settings of a group beside fields of its own. (`flatten` would lose the names
/// of fields that are wrong.)
macro_rules! with_settings {
    ($(#[$doc:meta])* $name:ident { $($own:tt)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            $($own)*
            /// What it is about.
            #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
            #[schemars(with = "Option<types::GroupDescription>")]
            pub description: Option<Option<String>>,
            /// The picture, a media handle.
            #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
            #[schemars(with = "Option<types::MediaHandle>")]
            pub avatar: Option<Option<String>>,
            /// Who may send.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub may_post: Option<GroupAudience>,
            /// Who may add members.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub may_add: Option<GroupAudience>,
            /// Seconds that a member waits between two messages; 0: none.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(with = "Option<types::SlowModeSeconds>")]
            pub slow_mode_seconds: Option<u64>,
            /// Life of messages that name none, in seconds.
            #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
            #[schemars(with = "Option<types::TtlSeconds>")]
            pub ttl_seconds: Option<Option<u64>>,
        }

        impl $name {
            /// The settings, but for the title.
            pub fn settings(&mut self) -> GroupPatch {
                GroupPatch {
                    description: self.description.take(),
                    avatar: self.avatar.take(),
                    may_post: self.may_post,
                    may_add: self.may_add,
                    slow_mode_seconds: self.slow_mode_seconds,
                    ttl_seconds: self.ttl_seconds,
                }
            }
        }
    };
}

/// Settings but for the title: what is absent stays; an inner none takes a value away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupPatch {
    /// What it is about.
    pub description: Option<Option<String>>,
    /// The picture, a media handle.
    pub avatar: Option<Option<String>>,
    /// Who may send.
    pub may_post: Option<GroupAudience>,
    /// Who may add members.
    pub may_add: Option<GroupAudience>,
    /// Seconds that a member waits between two messages; 0: none.
    pub slow_mode_seconds: Option<u64>,
    /// Life of messages that name none, in seconds.
    pub ttl_seconds: Option<Option<u64>>,
}

with_settings! {
    /// `POST /groups`
    GroupCreate {
        /// The name.
        #[schemars(with = "types::GroupTitle")]
        pub title: String,
        /// The first members, beside the caller.
        #[serde(default)]
        #[schemars(with = "Vec<types::UserId>", length(max = limits::GROUP_CHANGE_MEMBERS_MAX - 1))]
        pub members: Vec<String>,
        /// The device's own name for the group: the same again answers the same group.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<types::ClientMsgId>")]
        pub client_group_id: Option<String>,
    }
}

with_settings! {
    /// `PATCH /groups/{id}`: what is absent stays; null takes a value away.
    GroupUpdate {
        /// The name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<types::GroupTitle>")]
        pub title: Option<String>,
    }
}

/// `null` is a value here; only what is absent is none.
#[expect(clippy::option_option, reason = "absent, null and a value are three things")]
pub(crate) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A group, as a member sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GroupInfo {
    /// The conversation.
    #[schemars(with = "types::ConversationId")]
    pub conversation_id: String,
    /// The name.
    #[schemars(with = "types::GroupTitle")]
    pub title: String,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The picture, a media handle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::MediaHandle>")]
    pub avatar: Option<String>,
    /// Who has it.
    #[schemars(with = "types::UserId")]
    pub owner_user_id: String,
    /// How many members it has.
    #[schemars(with = "types::Count")]
    pub member_count: u64,
    /// Who may send.
    pub may_post: GroupAudience,
    /// Who may add members.
    pub may_add: GroupAudience,
    /// Seconds that a member waits between two messages; 0: none.
    #[schemars(with = "types::SlowModeSeconds")]
    pub slow_mode_seconds: u64,
    /// Life of messages that name none, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::TtlSeconds>")]
    pub ttl_seconds: Option<u64>,
    /// Messages are announced by `conversation.updated`, to be pulled.
    pub pulled: bool,
    /// The group has ended.
    pub dissolved: bool,
    /// When it was made.
    #[schemars(with = "types::Timestamp")]
    pub created_at: u64,
    /// What the caller is in it.
    pub role: GroupRole,
    /// The sequence from which on the caller sees it.
    #[schemars(with = "types::Sequence")]
    pub joined_at: u64,
}

/// A member, as members see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GroupMember {
    /// The user.
    #[schemars(with = "types::UserId")]
    pub user_id: String,
    /// What they are.
    pub role: GroupRole,
    /// The sequence of their joining.
    #[schemars(with = "types::Sequence")]
    pub joined_at: u64,
}

/// `GET /groups/{id}/members`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberPage {
    /// Members, by their ids.
    #[schemars(length(max = limits::MEMBERS_PAGE_MAX))]
    pub members: Vec<GroupMember>,
    /// `after` of the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::UserId>")]
    pub next: Option<String>,
    /// Whether there is more.
    pub has_more: bool,
}

/// `POST /groups/{id}/members`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MembersAdd {
    /// Who is taken in.
    #[schemars(with = "Vec<types::UserId>", length(min = 1, max = limits::GROUP_CHANGE_MEMBERS_MAX - 1))]
    pub user_ids: Vec<String>,
}

/// `PATCH /groups/{id}/members/{userId}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoleUpdate {
    /// The new role. `owner` hands the group over.
    pub role: GroupRole,
}
