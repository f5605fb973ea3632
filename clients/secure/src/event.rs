//! What the client tells the application.

use tidings_mls::Device;

/// Something happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// What the SDK tells. A message is as it was decrypted: `epoch` says that it was encrypted, and one of the kind
    /// `unreadable` has `{"reason": …}` as its payload. Mail is what this crate does not know.
    Client(Box<tidings_sdk::Event>),
    /// A conversation has messages that cannot be sent, or not be read, before something else happens.
    Waiting {
        /// The conversation.
        conversation_id: String,
        /// For what.
        reason: Waiting,
    },
    /// This device can read and write a conversation now.
    Joined {
        /// The conversation.
        conversation_id: String,
    },
    /// The devices in a conversation have changed.
    Devices {
        /// The conversation.
        conversation_id: String,
        /// Who has come.
        added: Vec<Device>,
        /// Who has gone.
        removed: Vec<Device>,
    },
    /// The safety number with somebody has changed, for their devices or one's own have.
    SafetyNumberChanged {
        /// Whose.
        user_id: String,
        /// The user had compared the number before: that counts no more.
        was_verified: bool,
    },
    /// The account cannot be read or written any more. The client has stopped, and nothing that it could not keep was
    /// acknowledged.
    Failed {
        /// Why.
        error: String,
    },
}

/// What a conversation waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Waiting {
    /// The other side has no device with keys yet.
    Keys {
        /// Who.
        user_id: String,
    },
    /// Somebody who is in the group has to add this device.
    BeingAdded,
    /// An admin has to encrypt the group first.
    Founding,
    /// The service cannot be reached, or refuses.
    Service(String),
}

/// The stream of events; it ends when the client has stopped.
pub type Events = tidings_sdk::Events<Event>;
