//! The repair lane: some seconds behind the log, it publishes again what the durable lane has
//! not done, and what no device has acknowledged although one is there.
//!
//! The second check closes what no write can: an express post that died with its function after
//! the record said "reached", and a session row that a lagging read did not show.

use std::collections::BTreeMap;

use tracing::info;

use crate::{
    conversation::Member,
    ids::{ConversationId, Sequence, UserId},
    log::Entry,
    ports::{Bus, Clock, Conversations, Sessions, Unavailable, live_sessions},
    stream::StreamRecord,
};

/// What the repair lane needs of the world.
#[derive(Clone, Copy)]
pub struct RepairPorts<'a> {
    /// Members.
    pub conversations: &'a dyn Conversations,
    /// Live sockets.
    pub sessions: &'a dyn Sessions,
    /// The stream.
    pub bus: &'a dyn Bus,
    /// Time.
    pub clock: &'a dyn Clock,
}

/// Checks a batch of appended entries. Answers with the conversations that failed and why.
pub async fn repair(
    ports: RepairPorts<'_>,
    push_members_max: usize,
    entries: impl IntoIterator<Item = Entry>,
) -> BTreeMap<ConversationId, Unavailable> {
    let mut works: BTreeMap<ConversationId, Vec<Entry>> = BTreeMap::new();
    for entry in entries {
        works.entry(entry.conversation.clone()).or_default().push(entry);
    }
    let mut failures = BTreeMap::new();
    for (conversation, mut entries) in works {
        entries.sort_by_key(|e| e.sequence);
        if let Err(error) = repair_conversation(ports, push_members_max, &conversation, entries).await {
            failures.insert(conversation, error);
        }
    }
    failures
}

/// All is well, with one eventually consistent read, where every member's row has reached the
/// last entry and every recipient has acknowledged it.
async fn repair_conversation(
    ports: RepairPorts<'_>,
    push_members_max: usize,
    conversation: &ConversationId,
    entries: Vec<Entry>,
) -> Result<(), Unavailable> {
    let members = ports.conversations.members(conversation).await?;
    let expected = conversation.direct_members().map_or(members.len(), |m| m.len());
    let unseen_after = if members.len() < expected {
        Sequence::ZERO
    } else {
        members.iter().map(|m| m.last_sequence).min().unwrap_or_default()
    };
    let unacknowledged_after =
        if members.len() < push_members_max { live_laggard(ports, &members, &entries).await? } else { None };
    let after = unacknowledged_after.map_or(unseen_after, |acknowledged| acknowledged.min(unseen_after));
    for entry in entries.into_iter().filter(|e| e.sequence > after) {
        info!(%conversation, sequence = %entry.sequence, "publishing again");
        ports.bus.publish(&StreamRecord::Appended { entry: Box::new(entry), reached: Vec::new() }).await?;
    }
    Ok(())
}

/// How far the slowest recipient has acknowledged who is connected and behind; none where all is well.
async fn live_laggard(
    ports: RepairPorts<'_>,
    members: &[Member],
    entries: &[Entry],
) -> Result<Option<Sequence>, Unavailable> {
    let is_behind = |m: &&Member| entries.iter().any(|e| e.sender.user != m.user && e.sequence > m.delivered_up_to);
    let laggards: Vec<&Member> = members.iter().filter(is_behind).collect();
    let users: Vec<UserId> = laggards.iter().map(|m| m.user.clone()).collect();
    let live = live_sessions(ports.sessions, &users, ports.clock.now()).await?;
    let is_live = |m: &&&Member| live.iter().any(|s| s.owner.user == m.user);
    Ok(laggards.iter().filter(is_live).map(|m| m.delivered_up_to).min())
}
