//! Who is typing: told to those who are there, and kept nowhere.
//!
//! Best effort, beside the message path: nothing waits for it, nothing fails by it, and what is told is worth a few seconds. A
//! stranger is not told of: only those whom the reader has written to.

use crate::{
    history::{ReadError, visible_from},
    ids::{ConversationId, Sender, UserId},
    notice::Notice,
    ports::{Clock, Conversations, Gateway, PrivacyRules, Sessions, Unavailable},
    sessions::tell,
};

/// What typing needs of the world.
#[derive(Clone, Copy)]
pub struct TypingPorts<'a> {
    /// Members.
    pub conversations: &'a dyn Conversations,
    /// What users have ruled.
    pub rules: &'a dyn PrivacyRules,
    /// Live sockets.
    pub sessions: &'a dyn Sessions,
    /// The sockets.
    pub gateway: &'a dyn Gateway,
    /// Time.
    pub clock: &'a dyn Clock,
}

/// Tells the other members of a small conversation who are connected. Of groups that are larger than what the express lane
/// posts to nobody is told.
pub async fn typing(
    ports: TypingPorts<'_>,
    by: &Sender,
    conversation: &ConversationId,
    is_active: bool,
) -> Result<(), ReadError> {
    visible_from(ports.conversations, &by.user, conversation).await?;
    let told = audience(ports, by, conversation).await?;
    let notice = Notice::Typing { conversation: conversation.clone(), user: by.user.clone(), is_active };
    tell(ports.sessions, ports.gateway, ports.clock, &told, |_| true, &notice).await;
    Ok(())
}

async fn audience(
    ports: TypingPorts<'_>,
    by: &Sender,
    conversation: &ConversationId,
) -> Result<Vec<UserId>, Unavailable> {
    if let Some(members) = conversation.direct_members() {
        let Some(other) = members.into_iter().find(|user| *user != by.user) else { return Ok(Vec::new()) };
        let rows = ports.conversations.memberships(&other, std::slice::from_ref(conversation)).await?;
        if !rows.first().is_some_and(|(_, member)| member.has_accepted()) {
            return Ok(Vec::new());
        }
        let pairs = [(other.clone(), by.user.clone()), (by.user.clone(), other.clone())];
        let is_blocked = !ports.rules.stances(&[], &pairs).await?.blocked.is_empty();
        return Ok(if is_blocked { Vec::new() } else { vec![other] });
    }
    let view = ports.conversations.group(conversation, std::slice::from_ref(&by.user)).await?;
    let roster = view.group.and_then(|group| group.roster);
    Ok(roster.into_iter().flatten().filter(|user| *user != by.user).collect())
}
