//! What a user sets for a conversation: mute, pin, archive, and the life of its messages.

use crate::{
    conversation::{Agreement, Member, PreferencesPatch},
    group::SettingsPatch,
    ids::{ConversationId, Sender, Timestamp, UserId},
    limits::SEARCH_WITHDRAWAL_MS,
    membership::{Command, GroupError, GroupPorts, change},
    notice::{Notice, OwnSettings},
    ports::{Consistency, Conversations, Gateway, Sessions, Unavailable},
    sessions::tell,
};

/// Tries to let text be indexed: members and their agreements may change meanwhile.
const AGREEMENT_TRIES_MAX: usize = 4;

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
    /// Whether the user agrees that the text of what is said is indexed for search; it is only where all members do.
    pub agrees_to_search: Option<bool>,
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
    if let Some(agrees) = wanted.agrees_to_search {
        agree(conversations, user, conversation, agrees, now).await?;
    }
    let member = conversations.set_preferences(conversation, user, &wanted.own, now).await?;
    let member = member.ok_or_else(|| GroupError::NotAMember(conversation.clone()))?;
    let label = conversations.labels(std::slice::from_ref(conversation)).await?.remove(conversation);
    let label = label.unwrap_or_default();
    let (ttl_seconds, indexes_text) = (label.ttl_seconds, label.indexes_text);
    let settings = OwnSettings { conversation: conversation.clone(), member, ttl_seconds, indexes_text };
    tell_owner(ports, &settings).await;
    if let Some(other) = other.filter(|_| changes_direct_ttl) {
        move_others_row(ports, &settings, &other, now).await?;
    }
    Ok(settings)
}

/// Notes whether a user agrees that text is indexed, and lets it be where all members do.
///
/// What is counted is how often anybody has agreed or withdrawn: text is let in on the condition that neither that nor
/// the members have changed since all of them were seen to agree.
async fn agree(
    conversations: &dyn Conversations,
    user: &UserId,
    conversation: &ConversationId,
    agrees: bool,
    now: Timestamp,
) -> Result<(), GroupError> {
    let agreement =
        if agrees { Agreement::Given } else { Agreement::Withdrawn { text_since: now.plus_ms(SEARCH_WITHDRAWAL_MS) } };
    if !conversations.note_agreement(conversation, user, agreement, now).await? {
        return Err(GroupError::NotAMember(conversation.clone()));
    }
    for _ in 0..AGREEMENT_TRIES_MAX {
        let members = conversations.members(conversation, Consistency::Strong).await?;
        let named = conversation.direct_members().unwrap_or_default();
        let has_agreed = |user: &UserId| members.rows.iter().any(|row| row.user == *user && row.agrees_to_search);
        let do_all = members.rows.iter().all(|row| row.agrees_to_search) && named.iter().all(has_agreed);
        if !agrees || !do_all || members.indexes_text {
            return Ok(());
        }
        if conversations.index_text(conversation, members.version, members.agreements).await? {
            return Ok(());
        }
    }
    // Others agree and come and go: whoever agrees next looks again.
    Ok(())
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
