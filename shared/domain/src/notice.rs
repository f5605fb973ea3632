//! What the service says to a socket of its own accord.

use crate::{
    conversation::Member,
    ids::{ConversationId, MessageId, Sender, Sequence, Timestamp, UserId},
    log::Entry,
    mailbox::Mail,
    personal::PersonalItem,
    presence::Presence,
    rate::Slowdown,
    send::SendAnswer,
    stream::Receipt,
};

/// A notice; the gateway adapter puts it into the words of the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The session is registered; the drain follows.
    Ready(Ready),
    /// An entry of a log. The adapter adds the envelope of the device it goes to.
    Entry(Box<Entry>),
    /// A member's watermark rose.
    Receipt(Receipt),
    /// What became of a send that was left to the batch sequencer.
    Answer(Box<SendAnswer>),
    /// More than is pushed: pull.
    Updated {
        /// The conversation.
        conversation: ConversationId,
        /// Its last sequence.
        last_sequence: Sequence,
    },
    /// The user has changed their settings of a conversation.
    Settings(Box<OwnSettings>),
    /// The user has changed or deleted a draft on another device.
    Draft(Box<PersonalItem>),
    /// The user has hidden a message from themselves.
    Hidden {
        /// The conversation.
        conversation: ConversationId,
        /// The message.
        message: MessageId,
    },
    /// Mail for this device.
    Mail(Box<Mail>),
    /// The devices of a user have changed.
    Device {
        /// The device, and whose it is.
        device: Sender,
        /// How.
        change: DeviceChange,
    },
    /// A member types, or has stopped.
    Typing {
        /// The conversation.
        conversation: ConversationId,
        /// The member.
        user: UserId,
        /// Typing, or not any more.
        is_active: bool,
    },
    /// How users are, who have come or gone.
    Presence(Vec<(UserId, Presence)>),
    /// The device is to send less for a while, or may send as before.
    Slower(Slowdown),
    /// The device has few key packages left.
    KeysLow {
        /// How many.
        count: usize,
    },
}

/// How a user's devices have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceChange {
    /// There is one more that can be encrypted for.
    Added,
    /// One was revoked.
    Removed,
    /// One has another key.
    Keys,
}

/// What a user has set for a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnSettings {
    /// The conversation.
    pub conversation: ConversationId,
    /// The user's row in it.
    pub member: Member,
    /// Life of messages that name none, in seconds.
    pub ttl_seconds: Option<u64>,
    /// All members agree that the text of what follows is indexed for search.
    pub indexes_text: bool,
}

/// The terms of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The device and its user.
    pub owner: Sender,
    /// For the next hello of this device.
    pub resume_token: String,
    /// How often to say that one is there.
    pub heartbeat_seconds: u64,
    /// Frames that may be unanswered at once.
    pub send_window: u32,
    /// When to come back at the latest.
    pub reconnect_before: Timestamp,
    /// The time now.
    pub now: Timestamp,
}
