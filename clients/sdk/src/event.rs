//! What the client tells the application.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::Stream;
use tidings_protocol::{
    ConversationSettings, ConversationUpdated, DeviceChanged, Draft as KeptDraft, MessageHidden, MessageNew,
    MessageSent, Receipt, SessionReady, Typing, UserPresence,
    keys::{KeysLow, MailNew},
};
use tokio::sync::mpsc;

use crate::{
    error::{ConnectError, SendError},
    token::TokenError,
};

/// Something happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The socket is open; the service has not answered the hello yet.
    Connected,
    /// The service knows this connection. What was missed comes next.
    Ready(SessionReady),
    /// What was missed has been handed over, or is being pulled: in how many conversations.
    Synced {
        /// As `sync.complete` says.
        conversations: u64,
    },
    /// The connection is gone, or was not made.
    Disconnected {
        /// Why.
        reason: DisconnectReason,
        /// When the next try is; none if there will be none.
        retry_in: Option<Duration>,
    },
    /// The next message of its conversation, in order. Those that this device sent itself since
    /// the client was started are told by [`Event::MessageSent`] instead.
    Message(Box<MessageNew>),
    /// The service accepted a message of this client.
    MessageSent(MessageSent),
    /// A message of this client will not be sent again.
    SendFailed {
        /// The conversation.
        conversation_id: String,
        /// The message.
        client_msg_id: String,
        /// Why.
        error: SendError,
    },
    /// A member's devices received everything up to here. What changed while there was no
    /// connection is not told again: [`Http::receipts`](crate::Http::receipts) knows it.
    Delivered(Receipt),
    /// A member read everything up to here. As above.
    Read(Receipt),
    /// How users are.
    Presence(Vec<UserPresence>),
    /// A member types.
    Typing(Typing),
    /// The user hid a message for themselves.
    Hidden(MessageHidden),
    /// The devices of somebody in a conversation of the user, or of the user, changed.
    DeviceChanged(DeviceChanged),
    /// Mail for this device, to be acknowledged with [`Http::acknowledge_mail`](crate::Http::acknowledge_mail).
    Mail(Box<MailNew>),
    /// Few of the device's key packages are left: it is to upload more.
    KeysLow(KeysLow),
    /// The user has set something for a conversation, on this device or another.
    Settings(ConversationSettings),
    /// The user changed or deleted a draft on another device.
    Draft(KeptDraft),
    /// A large conversation moved on. The client pulls what is new.
    ConversationUpdated(ConversationUpdated),
}

/// Why a connection ended or was not made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The service or something on the way closed it.
    Closed {
        /// The close code, where there was one.
        code: Option<u16>,
        /// The text with it.
        reason: String,
    },
    /// The network failed.
    Lost(String),
    /// Nothing was heard for too long.
    TimedOut,
    /// The handshake was answered with another status than 101, 401 and 403.
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// There is no access token.
    NoToken(TokenError),
    /// The connection comes to its age, or the application asked for a new one.
    Renewed,
    /// The client stopped.
    Stopped(ConnectError),
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { code: Some(code), reason } if reason.is_empty() => write!(f, "closed ({code})"),
            Self::Closed { code: Some(code), reason } => write!(f, "closed ({code}: {reason})"),
            Self::Closed { code: None, .. } => f.write_str("closed"),
            Self::Lost(why) => f.write_str(why),
            Self::TimedOut => f.write_str("no answer"),
            Self::Refused { status } => write!(f, "the service answered {status}"),
            Self::NoToken(error) => write!(f, "no access token: {error}"),
            Self::Renewed => f.write_str("renewing the connection"),
            Self::Stopped(error) => write!(f, "{error}"),
        }
    }
}

/// How the connection is now.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Status {
    /// On the way to a connection.
    Connecting,
    /// The service knows this connection.
    Ready(SessionReady),
    /// Waiting before the next try.
    Waiting,
    /// Stopped for good.
    Stopped(ConnectError),
}

/// The stream of events; it ends when the client has stopped.
///
/// A slow reader slows the client down, down to not reading from the socket. It loses nothing.
#[derive(Debug)]
pub struct Events<T = Event>(mpsc::Receiver<T>);

impl<T> Events<T> {
    /// The stream of what a channel brings, for a client that is built on this one.
    pub fn new(receiver: mpsc::Receiver<T>) -> Self {
        Self(receiver)
    }

    /// The next event; none when the client has stopped.
    pub async fn next(&mut self) -> Option<T> {
        self.0.recv().await
    }

    /// The next event, if there is one now.
    pub fn try_next(&mut self) -> Option<T> {
        self.0.try_recv().ok()
    }
}

impl<T> Stream for Events<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_recv(context)
    }
}
