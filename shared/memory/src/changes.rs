//! What changes in the world, in order: for whoever checks it after every step.

use std::sync::Arc;

use tidings_domain::{
    conversation::{Member, Reach},
    ids::{ConversationId, Sender, Timestamp, UserId},
    log::Entry,
    send::Pending,
    session::Session,
    stream::StreamRecord,
};
use tokio::sync::Notify;

use crate::{
    World,
    faults::FaultKind,
    state::{Posted, State},
};

/// A change of the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: What,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A row of the log was written: one entry, or several.
    Appended(Vec<Entry>),
    /// An entry of the log is gone.
    Erased(Box<Entry>),
    /// A member row changed.
    Member {
        /// The conversation.
        conversation: ConversationId,
        /// The member.
        user: UserId,
        /// The row before; none where there was none.
        before: Option<Box<Member>>,
        /// The row now; none where it was removed.
        after: Option<Box<Member>>,
    },
    /// How far a group that is pulled has been seen has changed.
    Reach {
        /// The conversation.
        conversation: ConversationId,
        /// Before.
        before: Option<Reach>,
        /// Now.
        after: Option<Reach>,
    },
    /// A session row changed.
    Session {
        /// The device.
        owner: Sender,
        /// The row before; none where there was none.
        before: Option<Box<Session>>,
        /// The row now; none where it was removed.
        after: Option<Box<Session>>,
    },
    /// The stream took a record.
    Published(Box<StreamRecord>),
    /// The batch sequencer's stream took a send.
    Ingested(Box<Pending>),
    /// The gateway took a notice for a socket.
    Posted(Box<Posted>),
    /// The gateway closed a socket because it was told to.
    Closed(Box<Session>),
    /// A call failed, or misbehaved.
    Fault {
        /// Which call.
        operation: &'static str,
        /// How.
        kind: FaultKind,
    },
}

/// Collects changes for a watcher.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    changes: Vec<Change>,
    news: Arc<Notify>,
}

impl World {
    /// From now on changes are kept for [`World::take_changes`]. What is published and posted is
    /// told there alone.
    pub fn watch(&self) {
        self.state().journal.get_or_insert_default();
    }

    /// Takes the changes since the last time.
    pub fn take_changes(&self) -> Vec<Change> {
        self.state().journal.as_mut().map(|journal| std::mem::take(&mut journal.changes)).unwrap_or_default()
    }

    /// Waits until there are changes.
    pub async fn changed(&self) {
        let news = self.state().journal.get_or_insert_default().news.clone();
        news.notified().await;
    }
}

impl State {
    pub(crate) fn is_watched(&self) -> bool {
        self.journal.is_some()
    }

    /// Tells the watcher, where there is one.
    pub(crate) fn note(&mut self, what: impl FnOnce() -> What) {
        let at = self.now;
        if let Some(journal) = &mut self.journal {
            journal.changes.push(Change { at, what: what() });
            journal.news.notify_one();
        }
    }
}
