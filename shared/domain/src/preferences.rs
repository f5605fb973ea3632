//! What a user sets for a conversation: mute, pin, archive, and the life of its messages.

use crate::{
    conversation::{Member, PreferencesPatch},
    group::SettingsPatch,
    ids::{ConversationId, Sender, Timestamp, UserId},
    membership::{Command, GroupError, GroupPorts, change},
    notice::{Notice, OwnSettings},
    ports::{Conversations, Gateway, Sessions, Unavailable},
    sessions::tell,
};

/// What settings need of the world.
#[derive(Clone, Copy)]
pub struct PreferencePorts<'a> {
    /// Conversations, and what a change of a group needs.
    pub groups: GroupPorts<'a>,
    /// Live sockets.
    pub sessions: &'a dyn Sessions,
    /// The sockets.
    pub gateway: &'a dyn Gateway,
}

/// What is to change; what is absent stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The user's own settings.
    pub own: PreferencesPatch,
    /// Life of messages that name none, in seconds; an inner none takes it away. It is everybody's
    /// in the conversation.
    pub ttl_seconds: Option<Option<u64>>,
}

/// Changes a user's settings of a conversation, and tells the user's connected devices.
///
/// The life of messages is a setting of the group, and changed by its rules; refused, nothing
/// changes. In a direct conversation either of the two may set it, and the other's devices are told.
pub async fn configure(
    ports: PreferencePorts<'_>,
    actor: &Sender,
    conversation: &ConversationId,
    wanted: Wanted,
) -> Result<OwnSettings, GroupError> {
    let (conversations, user) = (ports.groups.conversations, &actor.user);
    let other = other_of(conversation, user)?;
    let changes_direct_ttl = match (wanted.ttl_seconds, conversation) {
        (Some(ttl_seconds), ConversationId::Group(_)) => {
            let patch = SettingsPatch { ttl_seconds: Some(ttl_seconds), ..SettingsPatch::default() };
            change(ports.groups, actor, conversation, &Command::Configure(patch)).await?;
            false
        }
        (Some(ttl_seconds), ConversationId::Direct(..)) => {
            conversations.set_direct_ttl(conversation, ttl_seconds).await?;
            true
        }
        (None, _) => false,
    };
    let now = ports.groups.clock.now();
    let member = conversations.set_preferences(conversation, user, &wanted.own, now).await?;
    let member = member.ok_or_else(|| GroupError::NotAMember(conversation.clone()))?;
    let label = conversations.labels(std::slice::from_ref(conversation)).await?.remove(conversation);
    let ttl_seconds = label.and_then(|label| label.ttl_seconds);
    let settings = OwnSettings { conversation: conversation.clone(), member, ttl_seconds };
    tell_owner(ports, &settings).await;
    if let Some(other) = other.filter(|_| changes_direct_ttl) {
        move_others_row(ports, &settings, &other, now).await?;
    }
    Ok(settings)
}

/// The other of a direct conversation, where there is one.
fn other_of(conversation: &ConversationId, user: &UserId) -> Result<Option<UserId>, GroupError> {
    match conversation.direct_members() {
        None => Ok(None),
        Some(members) if members.contains(user) => Ok(members.into_iter().find(|member| member != user)),
        Some(_) => Err(GroupError::NotAMember(conversation.clone())),
    }
}

/// Shows the other of two the new life of messages, where the conversation is in their list.
async fn move_others_row(
    ports: PreferencePorts<'_>,
    settings: &OwnSettings,
    other: &UserId,
    now: Timestamp,
) -> Result<(), Unavailable> {
    let (conversations, conversation) = (ports.groups.conversations, &settings.conversation);
    if row_of(conversations, conversation, other).await?.is_none() {
        return Ok(());
    }
    let nothing = PreferencesPatch::default();
    if let Some(member) = conversations.set_preferences(conversation, other, &nothing, now).await? {
        tell_owner(ports, &OwnSettings { member, ..settings.clone() }).await;
    }
    Ok(())
}

async fn row_of(
    conversations: &dyn Conversations,
    conversation: &ConversationId,
    user: &UserId,
) -> Result<Option<Member>, Unavailable> {
    let rows = conversations.memberships(user, std::slice::from_ref(conversation)).await?;
    Ok(rows.into_iter().next().map(|(_, member)| member))
}

async fn tell_owner(ports: PreferencePorts<'_>, settings: &OwnSettings) {
    let notice = Notice::Settings(Box::new(settings.clone()));
    let users = std::slice::from_ref(&settings.member.user);
    tell(ports.sessions, ports.gateway, ports.groups.clock, users, |_| true, &notice).await;
}
