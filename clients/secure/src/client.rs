//! The handle.

use std::{
    collections::BTreeSet,
    future::Future,
    path::Path,
    pin::Pin,
    task::{Context, Poll},
};

use serde_json::{Value, json};
use tidings_mls::{Content, Device, SafetyNumber};
use tidings_sdk::{
    Client, ClientBuilder, ConnectError, Draft, Http, MessageRef, Page, RequestError, SendError, Status,
    protocol::{Kind, MessageNew, MessageSent, Payload, SessionReady, UserPresence, http::MessagePage},
};
use tidings_vault::{Hit, Query, RecoveryKey, Restored, Unlock, VaultError};
use tokio::sync::{mpsc, oneshot};

use crate::{
    account::{Account, Membership},
    actor::{Actor, Command, Progress},
    error::{AccountError, OpenError, SecureError, SecureSendError},
    event::Events,
    now_ms,
    search::{self, Found},
};

const COMMANDS_WAITING_MAX: usize = 256;
/// An application either reads its events or drops them: with so many unread, the client waits.
const EVENTS_READY_MAX: usize = 1024;

/// A client whose conversations are encrypted. Cheap to clone; it ends with [`SecureClient::close`], or when the last
/// handle is dropped.
#[derive(Clone, Debug)]
pub struct SecureClient {
    commands: mpsc::Sender<Command>,
    client: Client,
    http: Http,
    user: String,
}

impl SecureClient {
    /// Opens the account of a device and connects. The builder has addresses, tokens and the same device id. Must be called
    /// within a tokio runtime.
    pub fn start(
        builder: ClientBuilder,
        user: &str,
        device: &str,
        folder: &Path,
        unlock: &Unlock<'_>,
    ) -> Result<(Self, Events), OpenError> {
        let device = Device::new(user, device).map_err(|error| OpenError::Account(AccountError::Device(error)))?;
        let account = Account::open(folder, unlock, device)?;
        let builder = builder.device(account.device().device_id()).auto_ack(false).cursors(account.cursors()?);
        let (client, inner) = builder.connect()?;
        let http = client.http().cloned().ok_or(OpenError::NoHttp)?;
        let (commands, received) = mpsc::channel(COMMANDS_WAITING_MAX);
        let (events, told) = mpsc::channel(EVENTS_READY_MAX);
        let actor = Actor {
            account,
            client: client.clone(),
            http: http.clone(),
            inner,
            commands: received,
            events,
            work: Progress::default(),
        };
        tokio::spawn(actor.run());
        Ok((Self { commands, client, http, user: user.to_owned() }, Events::new(told)))
    }

    /// Takes a message to be sent, and answers a future of what becomes of it. [`Sending::queued`] tells when it is in the
    /// vault: from there on it is sent whatever happens to this process. It is encrypted when it goes.
    pub async fn send(&self, conversation: &str, draft: Draft) -> Sending {
        let send = Box::new(draft.into_send(conversation, now_ms()));
        let ((reply, answer), (kept, queued)) = (oneshot::channel(), oneshot::channel());
        let client_msg_id = send.client_msg_id.clone();
        // If the task has ended, the reply is dropped, and the future says so.
        let _ = self.commands.send(Command::Send { send, kept, reply }).await;
        Sending { conversation_id: conversation.to_owned(), client_msg_id, queued, answer }
    }

    /// Takes a message back that is queued and not on its way. `false` where it is too late.
    pub async fn withdraw(&self, conversation: &str, client_msg_id: &str) -> Result<bool, SecureError> {
        let (conversation, client_msg_id) = (conversation.to_owned(), client_msg_id.to_owned());
        self.ask(|reply| Command::Withdraw { conversation, client_msg_id, reply }).await
    }

    /// Says of a conversation that is not encrypted that it is to be in the clear, for a bot for example, or no more.
    /// Everybody sees it. One that is encrypted stays so.
    pub async fn set_clear(&self, conversation: &str, is_clear: bool) -> Result<(), SecureError> {
        let conversation = conversation.to_owned();
        self.vault(move |account| account.vault_mut().write(|tx| tx.set_clear(&conversation, is_clear))).await
    }

    /// Encrypts a conversation, or brings its devices up to date, though there is nothing to send.
    pub async fn encrypt(&self, conversation: &str) {
        let _ = self.commands.send(Command::Drive(conversation.to_owned())).await;
    }

    /// How this device stands to the group of a conversation.
    pub async fn membership(&self, conversation: &str) -> Result<Membership, SecureError> {
        let conversation = conversation.to_owned();
        Ok(self.with(move |account| account.membership(&conversation)).await??)
    }

    /// Gives one's own message another content.
    pub async fn edit(&self, message: &MessageRef, body: &Value) -> Result<MessageSent, SecureError> {
        let conversation = message.conversation_id.clone();
        if self.membership(&conversation).await? != Membership::In {
            return Ok(self.http.edit(message, Payload::of(body)).await?);
        }
        let content = Content { kind: "text".to_owned(), body: body.clone() };
        let sealed = self.with(move |account| account.encrypt(&conversation, &content)).await??;
        let sent = self.http.edit_encrypted(message, &sealed.payload, sealed.epoch).await?;
        let (conversation, at, body) = (message.conversation_id.clone(), message.sequence, body.clone());
        self.with(move |account| account.keep_edit(&conversation, at, &body)).await??;
        Ok(sent)
    }

    /// Reacts to a message; none takes the reaction back. In an encrypted conversation nobody else learns which.
    pub async fn react(&self, message: &MessageRef, reaction: Option<&str>) -> Result<MessageSent, SecureSendError> {
        let body = json!({ "messageId": message.message_id, "sequence": message.sequence, "reaction": reaction });
        self.say_about(message, "reaction", &body, self.http.react(message, reaction)).await
    }

    /// Votes in a poll, in place of an earlier vote.
    pub async fn vote(&self, poll: &MessageRef, choices: &[String]) -> Result<MessageSent, SecureSendError> {
        let body = json!({ "messageId": poll.message_id, "sequence": poll.sequence, "choices": choices });
        self.say_about(poll, "vote", &body, self.http.vote(poll, choices)).await
    }

    async fn say_about(
        &self,
        message: &MessageRef,
        kind: &str,
        body: &Value,
        in_the_clear: impl Future<Output = Result<MessageSent, tidings_sdk::HttpError>>,
    ) -> Result<MessageSent, SecureSendError> {
        let membership = self.membership(&message.conversation_id).await.map_err(|_| SecureSendError::Stopped)?;
        if membership == Membership::In {
            let draft = Draft::payload(Payload::of(body)).kind(Kind::Other(kind.to_owned()));
            return self.send(&message.conversation_id, draft).await.accepted().await;
        }
        in_the_clear.await.map_err(SecureSendError::Http)
    }

    /// Opens a message that is opened once.
    pub async fn open(&self, message: &MessageRef) -> Result<MessageNew, SecureError> {
        let opened = self.http.open(message).await?;
        Ok(self.with(move |account| account.open_once(&opened)).await??)
    }

    /// A page of a log, with what this device can read in place of ciphertexts.
    pub async fn messages(&self, conversation: &str, page: Page) -> Result<MessagePage, SecureError> {
        let mut page = self.http.messages(conversation, page).await?;
        let read = self
            .with(move |account| {
                account.read_page(&mut page.messages)?;
                Ok::<_, AccountError>(page)
            })
            .await?;
        Ok(read?)
    }

    /// Puts this device's keys into the directory, where it has none yet or few. The client does so by itself; this waits
    /// for it, and tells whether the service could be reached.
    pub async fn publish_keys(&self) -> Result<bool, SecureError> {
        self.ask(Command::PublishKeys).await
    }

    /// Waits until everything is here that the service had when this was called, and what could be read of it was.
    pub async fn catch_up(&self) -> Result<(), SecureError> {
        self.ask(Command::CatchUp).await
    }

    /// The safety number of the user and another, of the devices that the directory has now; none where the other has
    /// none.
    pub async fn safety_number(&self, user: &str) -> Result<Option<SafetyNumber>, SecureError> {
        for user in [self.user.as_str(), user] {
            let user = user.to_owned();
            self.ask(|reply| Command::Refresh { user, reply }).await??;
        }
        let user = user.to_owned();
        let number = self
            .with(move |account| {
                let has_devices = account.vault().devices(&user)?.is_some_and(|set| !set.devices.is_empty());
                if has_devices { account.safety_number(&user) } else { Ok(None) }
            })
            .await?;
        Ok(number?)
    }

    /// Keeps that the user has compared the safety number with somebody: it is this one.
    pub async fn verify(&self, user: &str, number: &SafetyNumber) -> Result<(), SecureError> {
        let (user, digits) = (user.to_owned(), number.digits().to_owned());
        self.vault(move |account| account.vault_mut().write(|tx| tx.verify(&user, &digits, now_ms()))).await
    }

    /// Whether the safety number with somebody was compared and is the same still; none where it never was.
    pub async fn is_verified(&self, user: &str) -> Result<Option<bool>, SecureError> {
        let user = user.to_owned();
        Ok(self.with(move |account| account.is_verified(&user)).await??)
    }

    /// Searches the history of this device, the newest first.
    pub async fn search(&self, query: Query, limit: usize) -> Result<Vec<Hit>, SecureError> {
        self.vault(move |account| account.vault().search(&query, limit)).await
    }

    /// Searches the history of this device and asks the service, at once; the newest first. The service hears the words.
    pub async fn search_all(&self, query: Query, limit: usize) -> Result<Found, SecureError> {
        let there = search::ask(&self.http, &query, limit);
        let (here, there) = tokio::join!(self.search(query.clone(), limit), there);
        let (there, service_error) = match there {
            Ok(there) => (there, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        Ok(Found { hits: search::merge(here?, there, limit), service_error })
    }

    /// Writes the history of this device into a file, under a recovery key.
    pub async fn back_up(&self, key: &RecoveryKey, to: &Path) -> Result<(), SecureError> {
        let (key, mut file) = (key.clone(), std::fs::File::create(to)?);
        let made = self.with(move |account| account.vault().back_up(&key, &mut file)).await?;
        Ok(made.map_err(AccountError::from)?)
    }

    /// Takes in the history of a backup.
    pub async fn restore(&self, key: &RecoveryKey, from: &Path) -> Result<Restored, SecureError> {
        let (key, mut file) = (key.clone(), std::fs::File::open(from)?);
        let restored = self.with(move |account| account.vault_mut().restore(&key, &mut file)).await?;
        Ok(restored.map_err(AccountError::from)?)
    }

    /// Lets a device of the user's connect no more, and takes it out of the groups.
    pub async fn revoke_device(&self, device: &str) -> Result<(), SecureError> {
        self.http.revoke_device(device).await?;
        let user = self.user.clone();
        self.ask(|reply| Command::Refresh { user, reply }).await??;
        let gone = Device::new(&self.user, device).map_err(AccountError::Device)?;
        self.bring_up_to_date(move |roster| roster.contains(&gone)).await
    }

    /// Brings the devices of all groups up to date whose roster is wanted.
    pub(crate) async fn bring_up_to_date(
        &self,
        wanted: impl Fn(&BTreeSet<Device>) -> bool + Send + 'static,
    ) -> Result<(), SecureError> {
        for conversation in self.with(move |account| account.groups(wanted)).await?? {
            self.encrypt(&conversation).await;
        }
        Ok(())
    }

    /// Does something with the account, between two other things.
    pub async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Account) -> T + Send + 'static,
    ) -> Result<T, SecureError> {
        let (reply, answer) = oneshot::channel();
        let work = Box::new(move |account: &mut Account| {
            // Whoever asked may have gone.
            let _ = reply.send(work(account));
        });
        self.commands.send(Command::With(work)).await.map_err(|_| self.stopped())?;
        answer.await.map_err(|_| self.stopped())
    }

    /// Why nobody answers.
    fn stopped(&self) -> SecureError {
        match &*self.client.status().borrow() {
            Status::Stopped(ConnectError::Closed) => SecureError::Stopped,
            Status::Stopped(error) => SecureError::Refused(*error),
            _ => SecureError::Stopped,
        }
    }

    async fn vault<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Account) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, SecureError> {
        Ok(self.with(work).await?.map_err(AccountError::from)?)
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, SecureError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| self.stopped())?;
        answer.await.map_err(|_| self.stopped())
    }

    /// Says that the user has read everything up to this sequence.
    pub fn mark_read(&self, conversation: &str, up_to: u64) {
        self.client.mark_read(conversation, up_to);
    }

    /// Whether the user is at the device; others see it as presence.
    pub fn set_active(&self, active: bool) {
        self.client.set_active(active);
    }

    /// Watches the presence of users.
    pub async fn watch(&self, users: impl IntoIterator<Item = String>) -> Result<Vec<UserPresence>, RequestError> {
        self.client.watch(users).await
    }

    /// Waits until the service knows this client, or until it has refused it for good.
    pub async fn ready(&self) -> Result<SessionReady, ConnectError> {
        self.client.ready().await
    }

    /// The HTTP API: for everything that has no content.
    pub fn http(&self) -> &Http {
        &self.http
    }

    /// The user.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The device.
    pub fn device(&self) -> &str {
        self.client.device()
    }

    /// Connects anew, now.
    pub fn reconnect(&self) {
        self.client.reconnect();
    }

    /// Stops. What is queued is kept, and goes at the next start.
    pub async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.commands.send(Command::Close(reply)).await.is_ok() {
            // Answered, or dropped by a task that ended otherwise: closed in both cases.
            let _ = closed.await;
        }
        // The task has let go of the account when it takes no more commands.
        self.commands.closed().await;
    }
}

/// A message on its way. Dropped, it is sent all the same, unless the process ends before it is queued.
#[derive(Debug)]
#[must_use = "await it to know whether the message was accepted"]
pub struct Sending {
    conversation_id: String,
    client_msg_id: String,
    queued: oneshot::Receiver<()>,
    answer: oneshot::Receiver<Result<MessageSent, SecureSendError>>,
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

    /// Waits until the message is in the vault. `false` where it could not be put there: awaiting says why.
    pub async fn queued(&mut self) -> bool {
        (&mut self.queued).await.is_ok()
    }

    /// Waits until the service has accepted the message, or it has failed.
    pub async fn accepted(self) -> Result<MessageSent, SecureSendError> {
        self.await
    }
}

impl Future for Sending {
    type Output = Result<MessageSent, SecureSendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.answer)
            .poll(context)
            .map(|answer| answer.unwrap_or(Err(SecureSendError::Send(SendError::Stopped))))
    }
}
