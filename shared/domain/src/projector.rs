//! The projector: makes the rows about single messages from the log's own stream, and takes the
//! content of deleted messages away. Everything here may be repeated and come in any order.

use std::collections::BTreeMap;

use futures_util::{StreamExt, future::try_join_all, stream};

use crate::{
    annotations::{Annotations, Ballot, Eraser, Pin, TallyKind},
    ids::ConversationId,
    log::{Entry, Erasure, EventKind, Target},
    media::{self, ErasePorts, Media, Objects},
    ports::{Clock, Log, Unavailable},
    reports::{Commitments, commit},
    signals::{Metric, Stage, measure, stage},
    timers::{Timer, Timers},
};

/// What the projector needs of the world.
#[derive(Clone, Copy)]
pub struct ProjectorPorts<'a> {
    /// The rows that it makes.
    pub annotations: &'a dyn Annotations,
    /// The log.
    pub log: &'a dyn Log,
    /// Media that messages refer to.
    pub media: &'a dyn Media,
    /// The objects of media.
    pub objects: &'a dyn Objects,
    /// The log's content.
    pub eraser: &'a dyn Eraser,
    /// What is to be proved of what is gone.
    pub commitments: &'a dyn Commitments,
    /// For content whose life ends.
    pub timers: &'a dyn Timers,
    /// Time.
    pub clock: &'a dyn Clock,
}

impl<'a> ProjectorPorts<'a> {
    fn erasing(self) -> ErasePorts<'a> {
        let Self { log, eraser, media, objects, commitments, clock, .. } = self;
        ErasePorts { log, eraser, media, objects, commitments, clock }
    }
}

/// Conversations of one batch that are worked on at once.
const CONVERSATIONS_AT_ONCE: usize = 16;

/// Projects a batch of entries. Answers with the conversations that failed and why; their records
/// are to come again.
pub async fn project(
    ports: ProjectorPorts<'_>,
    entries: impl IntoIterator<Item = Entry>,
) -> BTreeMap<ConversationId, Unavailable> {
    let mut works: BTreeMap<ConversationId, Vec<Entry>> = BTreeMap::new();
    for entry in entries.into_iter().filter(says_something) {
        works.entry(entry.conversation.clone()).or_default().push(entry);
    }
    stream::iter(works)
        .map(|(conversation, entries)| async move {
            for entry in &entries {
                let from = ports.clock.now();
                if let Err(error) = project_one(ports, entry).await {
                    return Some((conversation, error));
                }
                let to = ports.clock.now();
                measure(Metric::ProjectedMs, to.ms_since(entry.ts));
                stage(entry.message_id(), entry.sequence, Stage::Projected, from, to, "");
            }
            None
        })
        .buffer_unordered(CONVERSATIONS_AT_ONCE)
        .filter_map(|failure| async { failure })
        .collect()
        .await
}

/// Whether an entry is anything to the projector.
pub fn says_something(entry: &Entry) -> bool {
    entry.target.is_some()
        || entry.content.thread_root.is_some()
        || entry.content.ttl_seconds.is_some()
        || entry.content.media_handle.is_some()
        || media::avatar_change(entry).is_some()
}

async fn project_one(ports: ProjectorPorts<'_>, entry: &Entry) -> Result<(), Unavailable> {
    media::confirm(ports.media, entry).await?;
    media::move_avatar(ports.erasing(), entry).await?;
    if let Some(due) = entry.expires_at() {
        // The sweeper does not come back to a minute that is long over.
        if due <= ports.clock.now() {
            media::erase(ports.erasing(), &entry.conversation, entry.sequence, Erasure::Expired).await?;
        } else {
            let (conversation, sequence) = (entry.conversation.clone(), entry.sequence);
            ports.timers.set(&Timer { due, conversation, sequence, why: Erasure::Expired }).await?;
        }
    }
    // What nobody else sees counts for nothing in what everybody is told.
    if entry.content.is_withheld {
        return Ok(());
    }
    if let (EventKind::Message, Some(root)) = (entry.event, entry.content.thread_root) {
        ports.annotations.note_reply(&entry.conversation, root, entry.sequence, entry.ts).await?;
    }
    let Some(target) = &entry.target else { return Ok(()) };
    match entry.event {
        EventKind::Edit => {
            // Noted first, and then looked at what was deleted; a deletion does it the other way round.
            // So one of the two sees the other, whichever comes first.
            if ports.annotations.note_edit(target.message, entry.sequence).await? {
                commit(ports.commitments, entry, ports.clock.now()).await?;
                ports.eraser.erase(&entry.conversation, entry.sequence, Erasure::Deleted).await?;
            }
            Ok(())
        }
        EventKind::Delete => delete(ports, &entry.conversation, target).await,
        EventKind::Reaction => tally(ports, entry, target, TallyKind::Reactions).await,
        EventKind::Vote => tally(ports, entry, target, TallyKind::Votes).await,
        EventKind::Pin | EventKind::Unpin => {
            let (message, sequence) = (target.message, target.sequence);
            let pin = Pin { message, sequence, by: entry.sender.user.clone(), ts: entry.ts };
            let is_pinned = entry.event == EventKind::Pin;
            ports.annotations.note_pin(&entry.conversation, &pin, is_pinned, entry.sequence).await
        }
        EventKind::Message | EventKind::Membership | EventKind::Commit => Ok(()),
    }
}

async fn delete(ports: ProjectorPorts<'_>, conversation: &ConversationId, target: &Target) -> Result<(), Unavailable> {
    let edits = ports.annotations.note_deletion(target.message).await?;
    let erased = std::iter::once(target.sequence).chain(edits);
    try_join_all(erased.map(|at| media::erase(ports.erasing(), conversation, at, Erasure::Deleted))).await?;
    Ok(())
}

async fn tally(ports: ProjectorPorts<'_>, entry: &Entry, target: &Target, kind: TallyKind) -> Result<(), Unavailable> {
    let ballot = Ballot {
        message: target.message,
        kind,
        user: entry.sender.user.clone(),
        choices: entry.content.choices.clone(),
        at: entry.sequence,
    };
    ports.annotations.tally(&ballot).await
}
