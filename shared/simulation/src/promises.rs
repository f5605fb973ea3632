//! What is promised, as `docs/protocol.md` says it, and how a run breaks it.

use std::fmt;

use tidings_domain::ids::ConversationId;

/// A promise of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Promise {
    /// 1. After `message.sent`, the message survives any single fault and is readable by every member.
    Survives,
    /// 2. One (conversation, sender device, `clientMsgId`) is one `messageId` and one sequence.
    Once,
    /// 3. Sequences start at 1 and have no gaps and no repeats; an entry is never rewritten.
    Order,
    /// 4. Delivery is at least once: a device that is there can be posted to.
    AtLeastOnce,
    /// 5. Marks only rise. Delivered follows durability and the client's own ack; read implies delivered.
    Marks,
    /// 6. Every device reaches the whole log after any reconnect.
    WholeLog,
    /// 7. Nothing of a conversation reaches a non-member; who joins later sees from the joining on.
    Members,
    /// Bounded staleness: once faults end, every message reaches every live device within a bound.
    Fresh,
}

impl Promise {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Survives,
        Self::Once,
        Self::Order,
        Self::AtLeastOnce,
        Self::Marks,
        Self::WholeLog,
        Self::Members,
        Self::Fresh,
    ];

    /// Its number in the protocol, or its name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Survives => "1 (survives)",
            Self::Once => "2 (once)",
            Self::Order => "3 (order)",
            Self::AtLeastOnce => "4 (at least once)",
            Self::Marks => "5 (marks)",
            Self::WholeLog => "6 (whole log)",
            Self::Members => "7 (members)",
            Self::Fresh => "bounded staleness",
        }
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub promise: Promise,
    /// In which conversation.
    pub conversation: Option<ConversationId>,
    /// What was seen.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "promise {}", self.promise)?;
        if let Some(conversation) = &self.conversation {
            write!(f, ", in {conversation}")?;
        }
        write!(f, ": {}", self.what)
    }
}
