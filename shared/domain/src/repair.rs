//! The repair lane: some seconds behind the log, it publishes again what the durable lane has
//! not done, and tells who is there and has acknowledged nothing how far the log has got.
//!
//! The second closes what no write can: an express post that died with its function after the
//! record said "reached", and a session row that a lagging read did not show. Who holds the
//! entry and has only not said so is told nothing new, in one small frame.

use std::collections::BTreeMap;

use tracing::info;

use crate::{
    conversation::Member,
    ids::{ConversationId, UserId},
    limits::RING_ENTRIES,
    log::Entry,
    ports::{Bus, Clock, Conversations, Sessions, Unavailable, live_sessions},
    ring::RingEntry,
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
/// last entry, the senders' rings have all of them, and every recipient has acknowledged.
async fn repair_conversation(
    ports: RepairPorts<'_>,
    push_members_max: usize,
    conversation: &ConversationId,
    entries: Vec<Entry>,
) -> Result<(), Unavailable> {
    let members = ports.conversations.members(conversation).await?;
    let expected = conversation.direct_members().map_or(members.len(), |m| m.len());
    let reached = if members.len() < expected { None } else { members.iter().map(|m| m.last_sequence).min() };
    let was_fanned_out = |entry: &Entry| reached.is_some_and(|at| at >= entry.sequence) && is_in_ring(&members, entry);
    let end = entries.last().map(|e| e.sequence).unwrap_or_default();
    let laggards =
        if members.len() < push_members_max { live_laggards(ports, &members, &entries).await? } else { Vec::new() };
    for entry in entries.into_iter().filter(|e| !was_fanned_out(e)) {
        info!(%conversation, sequence = %entry.sequence, "publishing again");
        ports.bus.publish(&StreamRecord::Appended { entry: Box::new(entry), reached: Vec::new() }).await?;
    }
    for user in laggards {
        let behind = StreamRecord::Behind { conversation: conversation.clone(), user, last_sequence: end };
        ports.bus.publish(&behind).await?;
    }
    Ok(())
}

/// Whether the durable lane has put this very entry into its sender's ring. That the rows have
/// reached its sequence does not say so: a later entry moves them past one that was never
/// published, and the ring would lack it for ever.
fn is_in_ring(members: &[Member], entry: &Entry) -> bool {
    let row = members.iter().find(|m| m.user == entry.sender.user);
    let Some(ring) = row.and_then(|row| row.rings.get(&entry.sender.device)) else {
        // Who has left the group has no row, and no use for a ring.
        return row.is_none();
    };
    let is_past_it = ring.entries().len() >= RING_ENTRIES
        && ring.entries().first().is_some_and(|oldest| oldest.sequence() > entry.sequence);
    is_past_it || ring.contains(RingEntry::of(entry.message_id(), entry.sequence))
}

/// Recipients who are connected and have not acknowledged an entry that the durable lane is done with.
async fn live_laggards(
    ports: RepairPorts<'_>,
    members: &[Member],
    entries: &[Entry],
) -> Result<Vec<UserId>, Unavailable> {
    let is_behind = |m: &&Member| {
        let seen = |e: &&Entry| e.sequence <= m.last_sequence && e.sequence > m.delivered_up_to;
        entries.iter().filter(seen).any(|e| e.sender.user != m.user)
    };
    let laggards: Vec<UserId> = members.iter().filter(is_behind).map(|m| m.user.clone()).collect();
    let live = live_sessions(ports.sessions, &laggards, ports.clock.now()).await?;
    Ok(laggards.into_iter().filter(|user| live.iter().any(|s| s.owner.user == *user)).collect())
}
