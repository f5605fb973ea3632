//! The handle.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use tidings_protocol::{MessageSent, Pull, SessionReady, SyncPage, UserPresence};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    builder::ClientBuilder,
    clock::wall_ms,
    draft::Draft,
    engine::Command,
    error::{ConnectError, RequestError, SendError},
    event::Status,
    http::Http,
};

/// A client of the service, connected by a background task. Cheap to clone. The connection ends
/// with [`Client::close`], or when the last handle is dropped.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) status: watch::Receiver<Status>,
    pub(crate) http: Option<Http>,
    pub(crate) device: String,
}

impl Client {
    /// Begins to make a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Queues a message, and answers a future of what becomes of it. Waits only where the
    /// background task cannot keep up.
    ///
    /// Messages of one conversation are accepted by the service in the order of these calls.
    pub async fn send(&self, conversation: &str, draft: Draft) -> Sending {
        let message = Box::new(draft.into_send(conversation, wall_ms()));
        let (reply, answer) = oneshot::channel();
        let client_msg_id = message.client_msg_id.clone();
        // If the task has ended, the reply is dropped, and the future says so.
        let _ = self.commands.send(Command::Send { message, reply }).await;
        Sending { conversation_id: conversation.to_owned(), client_msg_id, answer }
    }

    /// Says that the user has read everything up to this sequence.
    pub fn mark_read(&self, conversation: &str, up_to: u64) {
        self.tell(Command::Read { conversation: conversation.to_owned(), up_to });
    }

    /// Says that everything up to this sequence was received. Only for a client that was built
    /// with [`ClientBuilder::auto_ack`] off; else the client does it.
    pub fn ack(&self, conversation: &str, up_to: u64) {
        self.tell(Command::Ack { conversation: conversation.to_owned(), up_to });
    }

    /// Whether the user is at the device; others see it as presence.
    pub fn set_active(&self, active: bool) {
        self.tell(Command::Active(active));
    }

    /// A page of a log, over the socket: up to `limit` entries after `since`.
    pub async fn pull(&self, conversation: &str, since: u64, limit: Option<u32>) -> Result<SyncPage, RequestError> {
        let limit = limit.map(u64::from);
        let pull = Pull { conversation_id: conversation.to_owned(), since, limit, encoding: None };
        self.request(|reply| Command::Pull { pull, reply }).await
    }

    /// Watches the presence of users, from now on and over reconnects, and answers how they are.
    /// Changes come as [`Event::Presence`](crate::Event::Presence).
    pub async fn watch(&self, users: impl IntoIterator<Item = String>) -> Result<Vec<UserPresence>, RequestError> {
        let users = users.into_iter().collect();
        self.request(|reply| Command::Watch { users, on: true, reply }).await
    }

    /// Watches users no longer.
    pub async fn unwatch(&self, users: impl IntoIterator<Item = String>) -> Result<(), RequestError> {
        let users = users.into_iter().collect();
        self.request(|reply| Command::Watch { users, on: false, reply }).await.map(drop)
    }

    /// Waits until the service knows this client, or until it has refused it for good.
    pub async fn ready(&self) -> Result<SessionReady, ConnectError> {
        let mut status = self.status.clone();
        loop {
            match &*status.borrow_and_update() {
                Status::Ready(session) => return Ok(session.clone()),
                Status::Stopped(error) => return Err(*error),
                Status::Connecting | Status::Waiting => {}
            }
            if status.changed().await.is_err() {
                return Err(ConnectError::Closed);
            }
        }
    }

    /// How the connection is, and each change of it.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// The HTTP API, where an address was given.
    pub fn http(&self) -> Option<&Http> {
        self.http.as_ref()
    }

    /// The device that this client is.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// Connects anew, now: for an application that knows that the network has changed.
    pub fn reconnect(&self) {
        self.tell(Command::Reconnect);
    }

    /// Says what is still to be acknowledged, closes the connection and stops. What is queued and
    /// not yet accepted fails with [`SendError::Stopped`].
    pub async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.commands.send(Command::Close(reply)).await.is_ok() {
            // Answered, or dropped by a task that ended otherwise: closed in both cases.
            let _ = closed.await;
        }
    }

    async fn request<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, RequestError>>) -> Command,
    ) -> Result<T, RequestError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| RequestError::Stopped)?;
        answer.await.unwrap_or(Err(RequestError::Stopped))
    }

    /// For wishes without an answer that the next one repeats: none waits, so none blocks.
    fn tell(&self, command: Command) {
        if let Err(mpsc::error::TrySendError::Full(command)) = self.commands.try_send(command) {
            let commands = self.commands.clone();
            tokio::spawn(async move { commands.send(command).await });
        }
    }
}

/// A message on its way. Awaited, it says whether the service has accepted it; dropped, the
/// message is sent all the same.
#[derive(Debug)]
#[must_use = "await it to know whether the message was accepted"]
pub struct Sending {
    conversation_id: String,
    client_msg_id: String,
    answer: oneshot::Receiver<Result<MessageSent, SendError>>,
}

impl Sending {
    /// The conversation.
    pub fn conversation_id(&self) -> &str {
        &self.conversation_id
    }

    /// The name by which events speak of the message.
    pub fn client_msg_id(&self) -> &str {
        &self.client_msg_id
    }
}

impl Future for Sending {
    type Output = Result<MessageSent, SendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.answer).poll(context).map(|answer| answer.unwrap_or(Err(SendError::Stopped)))
    }
}
