//! The stored form of membership events.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tidings_domain::{
    group::{AvatarChange, Change, MembershipEvent, Role},
    ids::{InvalidId, MediaHandle, Sequence, UserId},
};

/// A membership event, within the record of its entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct MembershipRecord {
    ch: ChangeForm,
    us: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ro: Option<RoleForm>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ti: Option<Arc<str>>,
    /// The picture that it is from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    av: Option<String>,
    /// The picture that it was, and the place of the event that it was claimed by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ao: Option<(String, u64)>,
}

/// A variant of the form has the name of the domain's.
macro_rules! form_of {
    ($form:ident of $domain:ty: $($variant:ident),*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum $form { $($variant),* }

        impl From<$domain> for $form {
            fn from(value: $domain) -> Self {
                match value { $(<$domain>::$variant => Self::$variant),* }
            }
        }

        impl From<$form> for $domain {
            fn from(form: $form) -> Self {
                match form { $($form::$variant => Self::$variant),* }
            }
        }
    };
}

form_of!(ChangeForm of Change: Created, Added, Joined, Removed, Left, Promoted, Demoted, Renamed, Configured, Dissolved);
form_of!(RoleForm of Role: Member, Admin, Owner);

impl From<&MembershipEvent> for MembershipRecord {
    fn from(event: &MembershipEvent) -> Self {
        Self {
            ch: event.change.into(),
            us: event.users.iter().map(ToString::to_string).collect(),
            ro: event.role.map(Into::into),
            ti: event.title.clone(),
            av: event.avatar.and_then(|avatar| avatar.set).map(|handle| handle.to_string()),
            ao: event.avatar.and_then(|avatar| avatar.dropped).map(|(handle, at)| (handle.to_string(), at.0)),
        }
    }
}

impl TryFrom<MembershipRecord> for MembershipEvent {
    type Error = InvalidId;

    fn try_from(record: MembershipRecord) -> Result<Self, InvalidId> {
        let set = record.av.as_deref().map(MediaHandle::parse).transpose()?;
        let dropped = record.ao.map(|(handle, at)| Ok::<_, InvalidId>((MediaHandle::parse(&handle)?, Sequence(at))));
        let avatar = AvatarChange { set, dropped: dropped.transpose()? };
        Ok(Self {
            change: record.ch.into(),
            users: record.us.iter().map(|user| UserId::parse(user)).collect::<Result<_, _>>()?,
            role: record.ro.map(Into::into),
            title: record.ti,
            avatar: (avatar != AvatarChange::default()).then_some(avatar),
        })
    }
}
