//! Groups: settings, roles, and who may do what.

use std::{collections::BTreeSet, sync::Arc};

use thiserror::Error;

use crate::{
    ids::{MediaHandle, Sequence, Timestamp, UserId},
    limits::{SLOW_MODE_SECONDS_MAX, TTL_SECONDS_MAX},
};

/// What a member is in a group; each may do all that the ones before may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// One of many.
    #[default]
    Member,
    /// Runs the group.
    Admin,
    /// Has the group; there is one.
    Owner,
}

/// Who may do something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Audience {
    /// Every member.
    #[default]
    All,
    /// The owner and the admins.
    Admins,
}

impl Audience {
    fn has(self, role: Role) -> bool {
        self == Self::All || role >= Role::Admin
    }
}

/// What the admins of a group set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupSettings {
    /// The name.
    pub title: Arc<str>,
    /// What it is about.
    pub description: Option<Arc<str>>,
    /// The picture, in object storage.
    pub avatar: Option<Arc<str>>,
    /// Who may send.
    pub may_post: Audience,
    /// Who may add members.
    pub may_add: Audience,
    /// Seconds that a member waits between two messages; zero: none. Admins need not.
    pub slow_mode_seconds: u64,
    /// Life of messages that name none, in seconds.
    pub ttl_seconds: Option<u64>,
}

/// A group, as its head has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What its admins set.
    pub settings: GroupSettings,
    /// Who has it.
    pub owner: UserId,
    /// How many members it has.
    pub member_count: u64,
    /// Who is in it, while they are few; see [`ROSTER_MEMBERS_MAX`](crate::limits::ROSTER_MEMBERS_MAX).
    pub roster: Option<BTreeSet<UserId>>,
    /// The event that gave it its picture: in its name the content is claimed.
    pub avatar_since: Option<Sequence>,
    /// Messages are announced and pulled since the event of this sequence, for there are too many
    /// members to push to; none where they are pushed.
    pub pulled_since: Option<Sequence>,
    /// Nobody may change it or write to it any more.
    pub is_dissolved: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its membership or settings last changed.
    pub changed_at: Timestamp,
}

impl Group {
    /// Whether messages are announced and pulled.
    pub fn is_pulled(&self) -> bool {
        self.pulled_since.is_some()
    }

    /// Whether a group of so many members is pulled. It goes back to being pushed only once it is
    /// an eighth smaller, so that one who comes and goes does not turn it over each time.
    pub fn is_pulled_at(member_count: u64, was_pulled: bool, push_members_max: u64) -> bool {
        if was_pulled {
            member_count > push_members_max - push_members_max / 8
        } else {
            member_count >= push_members_max
        }
    }
}

/// What somebody wants to do in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a message, edit one's own.
    Post,
    /// React to a message, vote in a poll.
    React,
    /// Take a message back for everyone: one's own.
    DeleteOwn,
    /// Take a message of somebody else back for everyone.
    DeleteOthers,
    /// Pin a message for everyone, or unpin it.
    Pin,
    /// Mention everyone at once.
    MentionAll,
    /// Add a member.
    Add,
    /// Remove a member of this role.
    Remove(Role),
    /// Make a member of the first role one of the second.
    SetRole(Role, Role),
    /// Change the settings.
    Configure,
    /// Commit to the next epoch of what is encrypted: for devices that come and go.
    Commit,
    /// Leave.
    Leave,
    /// End the group for everyone.
    Dissolve,
}

/// The rule that forbids something.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq, Hash)]
pub enum Rule {
    /// The group's setting.
    #[error("only admins may send here")]
    OnlyAdminsPost,
    /// The group's setting.
    #[error("only admins may add members here")]
    OnlyAdminsAdd,
    /// The group's setting.
    #[error("only admins may pin messages here")]
    OnlyAdminsPin,
    /// Everybody's attention is the admins' to ask for.
    #[error("only admins may mention everyone")]
    OnlyAdminsMentionAll,
    /// A message is its author's, and the admins'.
    #[error("only its author or an admin may delete a message for everyone")]
    OnlyAuthorOrAdminDeletes,
    /// A message is its author's.
    #[error("only its author may edit a message")]
    OnlyAuthorEdits,
    /// Messages may be edited for a while.
    #[error("the message is too old to be edited")]
    EditWindow,
    /// Messages may be taken back for a while.
    #[error("the message is too old to be deleted for everyone")]
    DeleteWindow,
    /// What is opened once, and what others have voted on, stays as it is.
    #[error("this kind of message cannot be edited")]
    NotEditable,
    /// One votes in polls.
    #[error("the message is no poll")]
    NotAPoll,
    /// What is encrypted is not said in the clear.
    #[error("the conversation is end-to-end encrypted: say it in an encrypted message")]
    Encrypted,
    /// Members remove nobody.
    #[error("only admins may remove members")]
    OnlyAdminsRemove,
    /// Members make nobody an admin.
    #[error("only admins may change roles")]
    OnlyAdminsSetRoles,
    /// Members do not change the settings.
    #[error("only admins may change the group")]
    OnlyAdminsConfigure,
    /// Admins are the owner's business.
    #[error("only the owner may remove or demote an admin")]
    OnlyOwnerOverAdmins,
    /// The group is the owner's to give.
    #[error("only the owner may hand the group over")]
    OnlyOwnerHandsOver,
    /// The owner stays until another is.
    #[error("the owner can be neither removed nor demoted, and leaves after handing the group over")]
    OwnerStays,
    /// The group is the owner's to end.
    #[error("only the owner may dissolve the group")]
    OnlyOwnerDissolves,
    /// The group has ended.
    #[error("the group was dissolved")]
    Dissolved,
    /// An invite is for a time.
    #[error("the invite has expired")]
    InviteExpired,
    /// An invite is for so many.
    #[error("the invite has been used as often as it may")]
    InviteUsedUp,
    /// An invite can be taken back, and goes with its maker's right to add.
    #[error("the invite was revoked")]
    InviteRevoked,
    /// Somebody must agree to those who come by this invite.
    #[error("a member must agree to who joins by this invite")]
    InviteNeedsApproval,
    /// Who was taken out does not come back by a link.
    #[error("you were removed from the group: a member can add you again")]
    RemovedBefore,
}

impl Rule {
    /// The name of the rule, for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::OnlyAdminsPost => "only_admins_post",
            Self::OnlyAdminsAdd => "only_admins_add",
            Self::OnlyAdminsPin => "only_admins_pin",
            Self::OnlyAdminsMentionAll => "only_admins_mention_all",
            Self::OnlyAuthorOrAdminDeletes => "only_author_or_admin_deletes",
            Self::OnlyAuthorEdits => "only_author_edits",
            Self::EditWindow => "edit_window",
            Self::DeleteWindow => "delete_window",
            Self::NotEditable => "not_editable",
            Self::NotAPoll => "not_a_poll",
            Self::Encrypted => "encrypted",
            Self::OnlyAdminsRemove => "only_admins_remove",
            Self::OnlyAdminsSetRoles => "only_admins_set_roles",
            Self::OnlyAdminsConfigure => "only_admins_configure",
            Self::OnlyOwnerOverAdmins => "only_owner_over_admins",
            Self::OnlyOwnerHandsOver => "only_owner_hands_over",
            Self::OwnerStays => "owner_stays",
            Self::OnlyOwnerDissolves => "only_owner_dissolves",
            Self::Dissolved => "dissolved",
            Self::InviteExpired => "invite_expired",
            Self::InviteUsedUp => "invite_used_up",
            Self::InviteRevoked => "invite_revoked",
            Self::InviteNeedsApproval => "invite_needs_approval",
            Self::RemovedBefore => "removed_before",
        }
    }
}

/// Whether a member of this role may do this: the whole table of rights.
pub fn permit(group: &Group, role: Role, action: Action) -> Result<(), Rule> {
    let is_admin = role >= Role::Admin;
    let is_owner = role == Role::Owner;
    let only = |may: bool, rule: Rule| if may { Ok(()) } else { Err(rule) };
    if group.is_dissolved && action != Action::Leave {
        return Err(Rule::Dissolved);
    }
    match action {
        Action::Post => only(group.settings.may_post.has(role), Rule::OnlyAdminsPost),
        Action::React | Action::DeleteOwn | Action::Commit => Ok(()),
        Action::DeleteOthers => only(is_admin, Rule::OnlyAuthorOrAdminDeletes),
        Action::Pin => only(group.settings.may_post.has(role), Rule::OnlyAdminsPin),
        Action::MentionAll => only(is_admin, Rule::OnlyAdminsMentionAll),
        Action::Add => only(group.settings.may_add.has(role), Rule::OnlyAdminsAdd),
        Action::Configure => only(is_admin, Rule::OnlyAdminsConfigure),
        Action::Dissolve => only(is_owner, Rule::OnlyOwnerDissolves),
        Action::Leave => only(!is_owner || group.member_count == 1 || group.is_dissolved, Rule::OwnerStays),
        Action::Remove(Role::Owner) | Action::SetRole(Role::Owner, _) => Err(Rule::OwnerStays),
        Action::Remove(Role::Member) => only(is_admin, Rule::OnlyAdminsRemove),
        Action::SetRole(_, Role::Owner) => only(is_owner, Rule::OnlyOwnerHandsOver),
        Action::Remove(Role::Admin) | Action::SetRole(Role::Admin, Role::Member) => {
            only(is_owner, Rule::OnlyOwnerOverAdmins)
        }
        Action::SetRole(..) => only(is_admin, Rule::OnlyAdminsSetRoles),
    }
}

/// Changes of the settings; what is absent stays. An inner none takes the value away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingsPatch {
    /// See [`GroupSettings::title`].
    pub title: Option<Arc<str>>,
    /// See [`GroupSettings::description`].
    pub description: Option<Option<Arc<str>>>,
    /// See [`GroupSettings::avatar`].
    pub avatar: Option<Option<Arc<str>>>,
    /// See [`GroupSettings::may_post`].
    pub may_post: Option<Audience>,
    /// See [`GroupSettings::may_add`].
    pub may_add: Option<Audience>,
    /// See [`GroupSettings::slow_mode_seconds`].
    pub slow_mode_seconds: Option<u64>,
    /// See [`GroupSettings::ttl_seconds`].
    pub ttl_seconds: Option<Option<u64>>,
}

impl SettingsPatch {
    /// The settings with the changes.
    #[must_use]
    pub fn applied_to(self, settings: &GroupSettings) -> GroupSettings {
        let now = settings.clone();
        GroupSettings {
            title: self.title.unwrap_or(now.title),
            description: self.description.unwrap_or(now.description),
            avatar: self.avatar.unwrap_or(now.avatar),
            may_post: self.may_post.unwrap_or(now.may_post),
            may_add: self.may_add.unwrap_or(now.may_add),
            slow_mode_seconds: self.slow_mode_seconds.unwrap_or(now.slow_mode_seconds).min(SLOW_MODE_SECONDS_MAX),
            ttl_seconds: self.ttl_seconds.unwrap_or(now.ttl_seconds).map(|ttl| ttl.min(TTL_SECONDS_MAX)),
        }
    }
}

/// What sort of change a membership event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// The group was made, with its first members.
    Created,
    /// Members were added by another.
    Added,
    /// Somebody came in by an invite.
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

/// A membership event, as the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembershipEvent {
    /// What sort of change.
    pub change: Change,
    /// Whom it is about, at least one.
    pub users: Vec<UserId>,
    /// The role that they have now, where it changed.
    pub role: Option<Role>,
    /// The title, of a group that was made or renamed.
    pub title: Option<Arc<str>>,
    /// What became of the picture, where it changed.
    pub avatar: Option<AvatarChange>,
}

/// A change of a group's picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AvatarChange {
    /// The content that it is from now on, claimed in the name of this event.
    pub set: Option<MediaHandle>,
    /// The content that it was, and the event that it was claimed by.
    pub dropped: Option<(MediaHandle, Sequence)>,
}

impl AvatarChange {
    /// The change from one picture to another by the event of a place; none where there is none to tell of.
    pub fn between(before: &Group, after: &GroupSettings) -> Option<Self> {
        let handle = |text: &Option<Arc<str>>| text.as_deref().and_then(|text| MediaHandle::parse(text).ok());
        if before.settings.avatar == after.avatar {
            return None;
        }
        let change =
            Self { set: handle(&after.avatar), dropped: handle(&before.settings.avatar).zip(before.avatar_since) };
        (change != Self::default()).then_some(change)
    }
}

impl MembershipEvent {
    /// Who is a member from this event on.
    pub fn arrived(&self) -> &[UserId] {
        let is_arrival = matches!(self.change, Change::Created | Change::Added | Change::Joined);
        if is_arrival { &self.users } else { &[] }
    }

    /// Who is no member any more: they are told of this event, and of nothing after it.
    pub fn departed(&self) -> &[UserId] {
        if matches!(self.change, Change::Removed | Change::Left) { &self.users } else { &[] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group() -> Group {
        Group {
            settings: GroupSettings { title: "Crew".into(), ..GroupSettings::default() },
            owner: UserId::parse("olga").unwrap(),
            member_count: 3,
            roster: None,
            avatar_since: None,
            pulled_since: None,
            is_dissolved: false,
            created_at: Timestamp(1),
            changed_at: Timestamp(1),
        }
    }

    /// Role × action: what a member, an admin and the owner get.
    #[test]
    fn the_table_of_rights() {
        use Role::{Admin, Member, Owner};
        let table: [(Action, [Option<Rule>; 3]); 18] = [
            (Action::Post, [None, None, None]),
            (Action::React, [None, None, None]),
            (Action::DeleteOwn, [None, None, None]),
            (Action::DeleteOthers, [Some(Rule::OnlyAuthorOrAdminDeletes), None, None]),
            (Action::Pin, [None, None, None]),
            (Action::MentionAll, [Some(Rule::OnlyAdminsMentionAll), None, None]),
            (Action::Add, [None, None, None]),
            (Action::Remove(Member), [Some(Rule::OnlyAdminsRemove), None, None]),
            (Action::Remove(Admin), [Some(Rule::OnlyOwnerOverAdmins), Some(Rule::OnlyOwnerOverAdmins), None]),
            (Action::Remove(Owner), [Some(Rule::OwnerStays); 3]),
            (Action::SetRole(Member, Admin), [Some(Rule::OnlyAdminsSetRoles), None, None]),
            (Action::SetRole(Admin, Member), [Some(Rule::OnlyOwnerOverAdmins), Some(Rule::OnlyOwnerOverAdmins), None]),
            (Action::SetRole(Member, Owner), [Some(Rule::OnlyOwnerHandsOver), Some(Rule::OnlyOwnerHandsOver), None]),
            (Action::SetRole(Admin, Owner), [Some(Rule::OnlyOwnerHandsOver), Some(Rule::OnlyOwnerHandsOver), None]),
            (Action::SetRole(Owner, Member), [Some(Rule::OwnerStays); 3]),
            (Action::Configure, [Some(Rule::OnlyAdminsConfigure), None, None]),
            (Action::Leave, [None, None, Some(Rule::OwnerStays)]),
            (Action::Dissolve, [Some(Rule::OnlyOwnerDissolves), Some(Rule::OnlyOwnerDissolves), None]),
        ];
        for (action, expected) in table {
            let found = [Member, Admin, Owner].map(|role| permit(&group(), role, action).err());
            assert_eq!(found, expected, "{action:?}");
        }
    }

    #[test]
    fn settings_leave_sending_and_adding_to_admins() {
        let mut group = group();
        group.settings.may_post = Audience::Admins;
        group.settings.may_add = Audience::Admins;
        let of = |action| [Role::Member, Role::Admin, Role::Owner].map(|role| permit(&group, role, action).err());
        assert_eq!(of(Action::Post), [Some(Rule::OnlyAdminsPost), None, None]);
        assert_eq!(of(Action::Pin), [Some(Rule::OnlyAdminsPin), None, None]);
        assert_eq!(of(Action::React), [None, None, None]);
        assert_eq!(of(Action::Add), [Some(Rule::OnlyAdminsAdd), None, None]);
    }

    #[test]
    fn nothing_is_done_in_a_dissolved_group_but_leaving() {
        let group = Group { is_dissolved: true, ..group() };
        for action in [
            Action::Post,
            Action::React,
            Action::DeleteOwn,
            Action::Pin,
            Action::Add,
            Action::Configure,
            Action::Dissolve,
            Action::Remove(Role::Member),
        ] {
            assert_eq!(permit(&group, Role::Owner, action), Err(Rule::Dissolved), "{action:?}");
        }
        assert_eq!(permit(&group, Role::Owner, Action::Leave), Ok(()));
    }

    #[test]
    fn the_last_member_may_leave_though_they_are_the_owner() {
        let group = Group { member_count: 1, ..group() };
        assert_eq!(permit(&group, Role::Owner, Action::Leave), Ok(()));
    }

    #[test]
    fn a_group_at_the_boundary_is_not_turned_over_by_one_who_comes_and_goes() {
        let after = |count, was_pulled| Group::is_pulled_at(count, was_pulled, 256);
        assert_eq!([255, 256, 257].map(|count| after(count, false)), [false, true, true]);
        assert_eq!([256, 255, 225, 224].map(|count| after(count, true)), [true, true, true, false]);
    }
}
