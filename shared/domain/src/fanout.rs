//! The durable lane: moves member rows, then pushes to every live socket not yet reached.
//!
//! Member rows move *before* sessions are read: a device that connects in between finds the
//! entry in its drain, and one that was there before gets the push. Everything here may be
//! repeated: at least once is the promise.

use std::collections::BTreeMap;

use futures_util::{
    StreamExt,
    future::{join_all, try_join_all},
    stream,
};

use crate::{
    conversation::{Advance, Watermark},
    ids::{ConversationId, DeviceId, Sender, Sequence, Timestamp, UserId},
    log::Entry,
    notice::Notice,
    ports::{Clock, Conversations, Gateway, Post, Sessions, Unavailable, live_sessions},
    ring::RingEntry,
    send::post_or_remove,
    session::Session,
    stream::{Receipt, StreamRecord},
};

/// What the durable lane needs of the world.
#[derive(Clone, Copy)]
pub struct FanoutPorts<'a> {
    /// Members.
    pub conversations: &'a dyn Conversations,
    /// Live sockets.
    pub sessions: &'a dyn Sessions,
    /// The sockets.
    pub gateway: &'a dyn Gateway,
    /// Time.
    pub clock: &'a dyn Clock,
}

/// Conversations of one batch that are worked on at once.
const CONVERSATIONS_AT_ONCE: usize = 16;

/// The records of one conversation in one batch.
#[derive(Debug, Default)]
struct Work {
    /// By sequence: of two records of an entry, the later, which knows who was missed.
    entries: BTreeMap<Sequence, (Entry, Vec<Sender>)>,
    /// By member and mark: the highest is all that counts.
    receipts: BTreeMap<(UserId, Watermark), Receipt>,
    /// By member who may have missed something: up to where.
    behind: BTreeMap<UserId, Sequence>,
}

/// Fans out a batch. Answers with the conversations that failed and why; their records are to
/// come again. One conversation's failure is no other's.
pub async fn fan_out(
    ports: FanoutPorts<'_>,
    push_members_max: usize,
    records: impl IntoIterator<Item = StreamRecord>,
) -> BTreeMap<ConversationId, Unavailable> {
    stream::iter(by_conversation(records))
        .map(|(conversation, work)| async move {
            let done = fan_out_conversation(ports, push_members_max, &conversation, work).await;
            done.err().map(|error| (conversation, error))
        })
        .buffer_unordered(CONVERSATIONS_AT_ONCE)
        .filter_map(|failure| async { failure })
        .collect()
        .await
}

fn by_conversation(records: impl IntoIterator<Item = StreamRecord>) -> BTreeMap<ConversationId, Work> {
    let mut works: BTreeMap<ConversationId, Work> = BTreeMap::new();
    for record in records {
        let work = works.entry(record.conversation().clone()).or_default();
        match record {
            StreamRecord::Appended { entry, reached } => {
                work.entries.insert(entry.sequence, (*entry, reached));
            }
            StreamRecord::Raised(receipt) => {
                let highest = work.receipts.entry((receipt.by.user.clone(), receipt.mark)).or_insert(receipt.clone());
                if receipt.up_to > highest.up_to {
                    *highest = receipt;
                }
            }
            StreamRecord::Behind { user, last_sequence, .. } => {
                let end = work.behind.entry(user).or_default();
                *end = last_sequence.max(*end);
            }
        }
    }
    for work in works.values_mut() {
        drop_implied(&mut work.receipts);
    }
    works
}

/// Read implies delivered: a delivered mark that is not above the same member's read mark says nothing.
fn drop_implied(receipts: &mut BTreeMap<(UserId, Watermark), Receipt>) {
    let read: BTreeMap<UserId, Sequence> =
        receipts.values().filter(|r| r.mark == Watermark::Read).map(|r| (r.by.user.clone(), r.up_to)).collect();
    receipts.retain(|(user, mark), receipt| {
        *mark == Watermark::Read || read.get(user).is_none_or(|up_to| receipt.up_to > *up_to)
    });
}

async fn fan_out_conversation(
    ports: FanoutPorts<'_>,
    push_members_max: usize,
    conversation: &ConversationId,
    work: Work,
) -> Result<(), Unavailable> {
    // Each with the sequence from which on they see the conversation: who has joined since an entry
    // was appended is a member now, and must not be shown it.
    let members: BTreeMap<UserId, Sequence> = match conversation.direct_members() {
        Some(members) => members.into_iter().map(|user| (user, Sequence::ZERO)).collect(),
        None => ports.conversations.members(conversation).await?.into_iter().map(|m| (m.user, m.joined_at)).collect(),
    };
    let users: Vec<UserId> = members.keys().cloned().collect();
    if let Some((last, _)) = work.entries.values().next_back() {
        let moves = users.iter().map(|user| {
            let advance = Advance {
                last_sequence: last.sequence,
                last_ts: last.ts,
                sent: sent_by(user, work.entries.values().map(|(entry, _)| entry)),
            };
            async move { ports.conversations.advance(conversation, user, &advance).await }
        });
        try_join_all(moves).await?;
    }
    let sessions = live_sessions(ports.sessions, &users, ports.clock.now()).await?;
    let push = members.len() < push_members_max;
    let now = ports.clock.now();
    let posts = sessions.iter().map(|session| {
        let visible_from = members.get(&session.owner.user).copied().unwrap_or_default();
        let mut notices = if push {
            notices_for(session, &work, visible_from, now)
        } else {
            updated_for(conversation, &work, visible_from)
        };
        if let Some(last_sequence) = work.behind.get(&session.owner.user).copied() {
            notices.push(Notice::Updated { conversation: conversation.clone(), last_sequence });
        }
        async move { post_in_order(ports, session, notices).await }
    });
    join_all(posts).await.into_iter().collect()
}

fn sent_by<'a>(user: &UserId, entries: impl Iterator<Item = &'a Entry>) -> BTreeMap<DeviceId, Vec<RingEntry>> {
    let mut sent: BTreeMap<DeviceId, Vec<RingEntry>> = BTreeMap::new();
    for entry in entries.filter(|e| e.sender.user == *user) {
        let of_device = sent.entry(entry.sender.device.clone()).or_default();
        of_device.push(RingEntry::of(entry.message_id(), entry.sequence));
    }
    sent
}

/// What a session has yet to hear: entries that are not its own and that no express post has
/// taken to it, and receipts of others; of its own user's, only what was read, so that the
/// user's other devices clear their unread marks. Records may come late, so content that has
/// expired on the way is left out here as it is by every read.
fn notices_for(session: &Session, work: &Work, visible_from: Sequence, now: Timestamp) -> Vec<Notice> {
    let entries = work
        .entries
        .range(visible_from..)
        .map(|(_, entry)| entry)
        .filter(|(entry, reached)| entry.sender != session.owner && !reached.contains(&session.owner))
        .map(|(entry, _)| Notice::Entry(Box::new(entry.clone().as_read_at(now))));
    let receipts = work
        .receipts
        .values()
        .filter(|r| r.up_to >= visible_from)
        .filter(|r| r.by.user != session.owner.user || (r.mark == Watermark::Read && r.by != session.owner))
        .map(|receipt| Notice::Receipt(receipt.clone()));
    entries.chain(receipts).collect()
}

/// A large group is pulled: one notice tells how far it has got, and nobody's receipts.
fn updated_for(conversation: &ConversationId, work: &Work, visible_from: Sequence) -> Vec<Notice> {
    let last = work.entries.range(visible_from..).next_back().map(|(sequence, _)| sequence);
    last.map(|last| Notice::Updated { conversation: conversation.clone(), last_sequence: *last }).into_iter().collect()
}

async fn post_in_order(ports: FanoutPorts<'_>, session: &Session, notices: Vec<Notice>) -> Result<(), Unavailable> {
    for notice in &notices {
        if post_or_remove(ports.sessions, ports.gateway, session, notice).await? == Post::Gone {
            break;
        }
    }
    Ok(())
}
