//! What the world holds.

use std::collections::{BTreeMap, BTreeSet};

use tidings_domain::{
    conversation::Member,
    ids::{ConnectionId, ConversationId, Sender, Sequence, Timestamp, UserId},
    log::Entry,
    notice::Notice,
    session::{Device, Grant, Session},
    stream::StreamRecord,
};

/// A call that reached the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Which.
    pub operation: &'static str,
    /// When its deed was done.
    pub at: Timestamp,
}

/// A notice that a socket took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// The device.
    pub to: Sender,
    /// The socket.
    pub connection: ConnectionId,
    /// What it was told.
    pub notice: Notice,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) logs: BTreeMap<ConversationId, Vec<Entry>>,
    /// Membership versions, by group.
    pub(crate) heads: BTreeMap<ConversationId, Sequence>,
    pub(crate) members: BTreeMap<(ConversationId, UserId), Member>,
    pub(crate) sessions: BTreeMap<Sender, Session>,
    pub(crate) devices: BTreeMap<Sender, Device>,
    pub(crate) tickets: BTreeMap<String, Grant>,
    pub(crate) sockets: BTreeSet<ConnectionId>,
    pub(crate) published: Vec<StreamRecord>,
    pub(crate) posted: Vec<Posted>,
    pub(crate) calls: Vec<Call>,
    pub(crate) stalled: BTreeSet<&'static str>,
}

impl State {
    pub(crate) fn log(&self, conversation: &ConversationId) -> &[Entry] {
        self.logs.get(conversation).map_or(&[], Vec::as_slice)
    }

    /// The row, made where a direct conversation has none yet; none for who is not in the group.
    pub(crate) fn row(&mut self, conversation: &ConversationId, user: &UserId) -> Option<&mut Member> {
        let key = (conversation.clone(), user.clone());
        match conversation {
            ConversationId::Direct(..) => Some(self.members.entry(key).or_insert_with(|| Member::new(user.clone()))),
            ConversationId::Group(_) => self.members.get_mut(&key),
        }
    }
}
