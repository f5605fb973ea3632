//! What a device keeps: what it holds of each conversation, and what it has yet to send.

use std::collections::BTreeMap;

use tidings_domain::ids::{ConnectionId, ConversationId, MessageId, Sender, Sequence};

use crate::functions::Message;

/// A device, as its user sees it, and as the checks look at it.
#[derive(Debug)]
pub(crate) struct Holdings {
    pub(crate) owner: Sender,
    pub(crate) store: Store,
    /// It has come back in the last phase of the run, and caught up.
    pub(crate) is_back: bool,
    /// The socket on which it has said hello and was answered.
    pub(crate) synced_on: Option<ConnectionId>,
}

/// What is on a device's disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    pub(crate) token: Option<String>,
    pub(crate) conversations: BTreeMap<ConversationId, Held>,
    pub(crate) outbox: Vec<Outgoing>,
    /// What was accepted, in that order.
    pub(crate) accepted: Vec<Outgoing>,
    /// The device has asked which conversations there are.
    pub(crate) has_listed: bool,
}

/// What is held of a conversation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    pub(crate) entries: BTreeMap<Sequence, MessageId>,
    /// Everything up to here that may be seen is held.
    pub(crate) cursor: Sequence,
    /// The conversation goes up to here at least.
    pub(crate) told: Sequence,
    /// Acknowledged up to here.
    pub(crate) acked: Sequence,
    /// When to acknowledge.
    pub(crate) ack_due_ms: Option<u64>,
    /// A page is on its way, or is not to be asked for before.
    pub(crate) pull_due_ms: u64,
}

/// A message on its way.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) message: Message,
    pub(crate) id: MessageId,
    /// The device's messages are numbered.
    pub(crate) number: u64,
    /// How many of the device's earlier messages may have come to the log after it: those without
    /// an answer when it was written.
    pub(crate) open_before: u64,
    /// How often it was sent.
    pub(crate) attempts: u32,
    /// The last sequence held when it was first sent.
    pub(crate) held_at_first: Sequence,
    pub(crate) due_ms: u64,
    pub(crate) is_in_flight: bool,
}

impl Holdings {
    pub(crate) fn new(owner: &Sender) -> Self {
        Self { owner: owner.clone(), store: Store::default(), is_back: false, synced_on: None }
    }

    pub(crate) fn held(&self, conversation: &ConversationId) -> &BTreeMap<Sequence, MessageId> {
        const NOTHING: &BTreeMap<Sequence, MessageId> = &BTreeMap::new();
        self.store.conversations.get(conversation).map_or(NOTHING, |held| &held.entries)
    }

    /// A message that has no answer yet.
    pub(crate) fn unsent(&self) -> Option<&Message> {
        self.store.outbox.first().map(|outgoing| &outgoing.message)
    }
}

impl Store {
    pub(crate) fn of(&mut self, conversation: &ConversationId) -> &mut Held {
        self.conversations.entry(conversation.clone()).or_default()
    }
}

impl Held {
    /// Takes an entry that came alone. What is next to what is held makes it longer; what is
    /// further tells that something is missing.
    pub(crate) fn take(&mut self, sequence: Sequence, id: MessageId, now_ms: u64) {
        self.told = self.told.max(sequence);
        self.entries.insert(sequence, id);
        self.grow(self.cursor, now_ms);
    }

    /// Takes a page: everything up to its end is held now.
    pub(crate) fn take_page(
        &mut self,
        entries: impl Iterator<Item = (Sequence, MessageId)>,
        end: Sequence,
        now_ms: u64,
    ) {
        self.entries.extend(entries);
        self.told = self.told.max(end);
        self.grow(self.cursor.max(end), now_ms);
    }

    fn grow(&mut self, mut cursor: Sequence, now_ms: u64) {
        while self.entries.contains_key(&cursor.next()) {
            cursor = cursor.next();
        }
        if cursor > self.cursor {
            self.cursor = cursor;
            self.ack_due_ms.get_or_insert(now_ms + ACK_WITHIN_MS);
        }
    }

    pub(crate) fn is_behind(&self) -> bool {
        self.told > self.cursor
    }
}

/// A device waits so long before it acknowledges, to acknowledge several at once.
const ACK_WITHIN_MS: u64 = 300;
