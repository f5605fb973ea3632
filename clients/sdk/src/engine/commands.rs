//! What the application asks for.

use tidings_protocol::{ClientFrame, MessageSend, MessageSent, PresenceUsers, Pull, SyncPage, UserPresence};
use tokio::sync::oneshot;

use super::{Engine, PRESENCE_USERS_MAX, frames::Waiter, text_of};
use crate::{
    error::{RequestError, SendError},
    machine::{Moment, outbox::NotQueued},
};

/// Where an answer goes.
pub(crate) type Reply<T, E> = oneshot::Sender<Result<T, E>>;

/// A wish of the application.
#[derive(Debug)]
pub(crate) enum Command {
    Send {
        message: Box<MessageSend>,
        reply: Reply<MessageSent, SendError>,
    },
    Ack {
        conversation: String,
        up_to: u64,
    },
    Read {
        conversation: String,
        up_to: u64,
    },
    Pull {
        pull: Pull,
        reply: Reply<SyncPage, RequestError>,
    },
    /// Watch these users, or no longer.
    Watch {
        users: Vec<String>,
        on: bool,
        reply: Reply<Vec<UserPresence>, RequestError>,
    },
    Active(bool),
    /// A new connection, now.
    Reconnect,
    /// The end; answered when the socket is closed.
    Close(oneshot::Sender<()>),
}

impl Engine {
    /// Does what the application asks for. Reconnecting and closing are the actor's.
    pub(crate) fn command(&mut self, command: Command, now: Moment) {
        match command {
            Command::Send { message, reply } => self.queue(*message, reply),
            Command::Ack { conversation, up_to } => self.receipts.ack(&conversation, up_to, now),
            Command::Read { conversation, up_to } => self.receipts.read(&conversation, up_to, now),
            Command::Pull { pull, reply } => {
                if self.session().is_none() {
                    return drop(reply.send(Err(RequestError::NotConnected)));
                }
                let id = self.requests.open(Waiter::Page(reply), now);
                let pull = Pull { encoding: self.encoding(), ..pull };
                self.write(&ClientFrame::Pull(pull), Some(&id));
            }
            Command::Watch { users, on, reply } => self.watch(users, on, reply, now),
            Command::Active(active) => {
                if std::mem::replace(&mut self.active, active) != active && self.session().is_some() {
                    self.heartbeat(now);
                }
            }
            Command::Reconnect | Command::Close(_) => {}
        }
    }

    fn queue(&mut self, mut message: MessageSend, reply: Reply<MessageSent, SendError>) {
        let (conversation, id) = (message.conversation_id.clone(), message.client_msg_id.clone());
        // A frame over the limit would cost the connection. Measured with the widest numbers.
        (message.attempt, message.base_sequence) = (Some(u32::MAX), Some(u64::MAX));
        let bytes = text_of(&ClientFrame::Send(Box::new(message.clone())), Some(&id)).len();
        let bytes_max = tidings_protocol::FRAME_BYTES_MAX;
        (message.attempt, message.base_sequence) = (None, None);
        let error = if bytes > bytes_max {
            SendError::TooLarge { bytes, bytes_max }
        } else {
            match self.outbox.push(message) {
                Ok(()) => {
                    self.sends.insert(id, reply);
                    return;
                }
                Err(NotQueued::Full) => SendError::QueueFull,
                // The first of the two goes on: it would be wrong to report that one as failed.
                Err(NotQueued::Duplicate) => return drop(reply.send(Err(SendError::Duplicate))),
            }
        };
        self.sends.insert(id.clone(), reply);
        self.fail(&conversation, id, error);
    }

    fn watch(&mut self, users: Vec<String>, on: bool, reply: Reply<Vec<UserPresence>, RequestError>, now: Moment) {
        if users.len() > PRESENCE_USERS_MAX {
            return drop(reply.send(Err(RequestError::TooMany(PRESENCE_USERS_MAX))));
        }
        for user in &users {
            if on {
                self.watched.insert(user.clone());
            } else {
                self.watched.remove(user);
            }
        }
        if self.session().is_none() {
            // The next connection subscribes to all that is watched.
            return drop(reply.send(Err(RequestError::NotConnected)));
        }
        let id = self.requests.open(Waiter::Watch(Some(reply)), now);
        let body = PresenceUsers { user_ids: users, conversation_id: None };
        let frame = if on { ClientFrame::Subscribe(body) } else { ClientFrame::Unsubscribe(body) };
        self.write(&frame, Some(&id));
    }
}
