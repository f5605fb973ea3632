//! The repair lane: some seconds behind the log, it publishes again what the durable lane has
//! not done, and tells who is there and has acknowledged nothing how far the log has got.
//!
//! The second closes what no write can: an express post that died with its function after the
//! record said "reached", and a session row that a lagging read did not show. Who holds the
//! entry and has only not said so is told nothing new, in one small frame.

use std::collections::{BTreeMap, BTreeSet};

use tracing::info;

use crate::{
    conversation::Member,
    ids::{ConversationId, UserId},
    limits::RING_ENTRIES,
    log::{Entry, rows_of},
    ports::{Bus, Clock, Consistency, Conversations, Sessions, Unavailable, live_sessions},
    ring::RingEntry,
    signals::{Metric, Stage, measure, stage},
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
    entries: impl IntoIterator<Item = Entry>,
) -> BTreeMap<ConversationId, Unavailable> {
    let mut works: BTreeMap<ConversationId, Vec<Entry>> = BTreeMap::new();
    for entry in entries {
        works.entry(entry.conversation.clone()).or_default().push(entry);
    }
    let mut failures = BTreeMap::new();
    for (conversation, mut entries) in works {
        entries.sort_by_key(|e| e.sequence);
        if let Err(error) = repair_conversation(ports, &conversation, entries).await {
            failures.insert(conversation, error);
        }
    }
    failures
}

/// All is well, with one eventually consistent read, where every member's row has reached the
/// last entry, the senders' rings have all of them, and every recipient has acknowledged. In a
/// group that is pulled the reach tells for the rows, those of the senders are read beside the
/// head, and nobody's acknowledgement is looked at.
async fn repair_conversation(
    ports: RepairPorts<'_>,
    conversation: &ConversationId,
    entries: Vec<Entry>,
) -> Result<(), Unavailable> {
    let read = ports.conversations.pushed_members(conversation, Consistency::Eventual).await?;
    let (is_pulled, is_settled, reach) = (read.pulled_since.is_some(), read.is_settled(), read.settled_reach());
    let mut members = read.rows;
    let expected = conversation.direct_members().map_or(members.len(), |m| m.len());
    // Rows that have not been brought into the group's mode are to be, by the durable lane.
    let reached = match is_pulled {
        true => reach.map(|reach| reach.last_sequence),
        false if !is_settled || members.len() < expected => None,
        false => members.iter().map(|m| m.last_sequence).min(),
    };
    if is_pulled {
        let senders: BTreeSet<UserId> = entries.iter().map(|e| e.sender.user.clone()).collect();
        let senders: Vec<UserId> = senders.into_iter().collect();
        members = ports.conversations.group(conversation, &senders).await?.members;
    }
    // The row of the one who is not to see an entry does not move with it: the sender's own tells.
    let sender_has =
        |entry: &Entry| members.iter().any(|m| m.user == entry.sender.user && m.last_sequence >= entry.sequence);
    let has_reached = |entry: &Entry| {
        if entry.content.is_withheld { sender_has(entry) } else { reached.is_some_and(|at| at >= entry.sequence) }
    };
    let was_fanned_out = |entry: &Entry| has_reached(entry) && is_in_ring(&members, entry);
    let laggards = if is_pulled { Vec::new() } else { live_laggards(ports, &members, &entries).await? };
    let missing = entries.into_iter().filter(|e| !was_fanned_out(e)).collect();
    for entries in rows_of(missing) {
        info!(%conversation, first = ?entries.first().map(|e| e.sequence), count = entries.len(), "publishing again");
        let places: Vec<_> = entries.iter().map(|e| (e.message_id(), e.sequence)).collect();
        let (conversation, from) = (conversation.clone(), ports.clock.now());
        ports.bus.publish(&StreamRecord::Appended { conversation, entries, reached: Vec::new() }).await?;
        measure(Metric::Republished, places.len() as u64);
        for (message, at) in places {
            stage(message, at, Stage::Repaired, from, ports.clock.now(), "");
        }
    }
    for behind in laggards {
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

/// Recipients who are connected and have not acknowledged an entry that the durable lane is done with: each with the last entry that is
/// for them, for of another they are not to know.
async fn live_laggards(
    ports: RepairPorts<'_>,
    members: &[Member],
    entries: &[Entry],
) -> Result<Vec<StreamRecord>, Unavailable> {
    let is_behind = |m: &&Member| {
        let seen = |e: &&Entry| e.sequence <= m.last_sequence && e.sequence > m.delivered_up_to;
        entries.iter().filter(seen).any(|e| e.sender.user != m.user && e.is_for(&m.user))
    };
    let laggards: Vec<UserId> = members.iter().filter(is_behind).map(|m| m.user.clone()).collect();
    let live = live_sessions(ports.sessions, &laggards, ports.clock.now()).await?;
    let connected = laggards.into_iter().filter(|user| live.iter().any(|s| s.owner.user == *user));
    Ok(connected.filter_map(|user| behind(user, entries)).collect())
}

fn behind(user: UserId, entries: &[Entry]) -> Option<StreamRecord> {
    let last = entries.iter().rfind(|entry| entry.is_for(&user))?;
    Some(StreamRecord::Behind {
        conversation: last.conversation.clone(),
        user,
        last_sequence: last.sequence,
        membership_version: last.state.membership_version,
    })
}
