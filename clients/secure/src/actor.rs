//! The background task: what the service says goes through the account, and what waits in the account goes to the service.
//!
//! One thing is done at a time, so that nothing here races with itself. A call that is waited for holds up the rest; each
//! has a timeout.

mod groups;
mod mail;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    time::Duration,
};

use tidings_mls::Device;
use tidings_sdk::{
    Client, Event as ClientEvent, Events as ClientEvents, Http, SendError,
    protocol::{DeviceChanged, ErrorCode, ErrorFrame, MessageEvent, MessageNew, MessageSend, MessageSent},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until},
};

pub(crate) use self::groups::set_of;
use crate::{
    account::{Account, Effect},
    error::{AccountError, SecureSendError},
    event::{Event, Waiting},
};

/// With nothing to wait for.
const IDLE_MAX: Duration = Duration::from_hours(1);
/// A Welcome comes within this of the commit that it belongs to; after it, it is asked for.
const WELCOME_PATIENCE: Duration = Duration::from_secs(2);
/// Between two tries of what failed, at first and at most.
const RETRY_BASE: Duration = Duration::from_millis(500);
const RETRY_CAP: Duration = Duration::from_mins(1);
/// Ciphertexts of one message that the service may refuse as stale.
const STALE_MAX: u32 = 20;
/// Steps for one conversation at a stretch.
const STEPS_MAX: u32 = 16;

pub(crate) type Work = Box<dyn FnOnce(&mut Account) + Send>;
pub(crate) type SendReply = oneshot::Sender<Result<MessageSent, SecureSendError>>;

/// A wish of the application.
pub(crate) enum Command {
    Send {
        send: Box<MessageSend>,
        /// It is in the vault.
        kept: oneshot::Sender<()>,
        reply: SendReply,
    },
    Withdraw {
        conversation: String,
        client_msg_id: String,
        reply: oneshot::Sender<bool>,
    },
    /// Do something with the account.
    With(Work),
    /// Bring the group of a conversation up to date, though nothing is to be sent.
    Drive(String),
    /// The devices of somebody may have changed.
    Refresh {
        user: String,
        reply: oneshot::Sender<Result<(), tidings_sdk::HttpError>>,
    },
    /// Answer when the directory has this device's keys.
    PublishKeys(oneshot::Sender<bool>),
    /// Answer when everything that the service had is here.
    CatchUp(oneshot::Sender<()>),
    Close(oneshot::Sender<()>),
}

/// What is going on in a conversation.
#[derive(Debug, Default)]
struct Talk {
    /// The message that the service has not answered for.
    in_flight: Option<String>,
    /// When to look again.
    due: Option<Instant>,
    /// Tries without success in a row.
    failures: u32,
    /// The group is to be brought up to date, whether or not something is to be sent.
    is_eager: bool,
    /// Somebody else has encrypted it.
    is_founded_elsewhere: bool,
    members: Option<Vec<String>>,
    /// Devices whose key packages cannot be used or had: they are left out for now.
    left_out: BTreeSet<Device>,
    stale: u32,
    asked: u32,
    asked_again: Option<Instant>,
    told: Option<Waiting>,
    /// Who was added, and when: whoever asked for it at that time has what they asked for.
    added_anew: HashMap<Device, Instant>,
}

/// What came of one step for a conversation.
#[derive(Debug)]
enum Step {
    /// There may be more to do at once.
    Again,
    Done,
    /// Look again after a while; tell why, where there is a reason to tell.
    Later(Duration, Option<Waiting>),
    /// The same after a pause that grows.
    Retry(Option<Waiting>),
}

pub(crate) struct Actor {
    pub(crate) account: Account,
    pub(crate) client: Client,
    pub(crate) http: Http,
    pub(crate) inner: ClientEvents,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) work: Progress,
}

/// What the task remembers for as long as it runs.
#[derive(Default)]
pub(crate) struct Progress {
    replies: HashMap<String, SendReply>,
    talks: HashMap<String, Talk>,
    /// Users whose devices may be others than those that are known.
    dirty: HashSet<String>,
    /// Users whose devices were asked for since the start.
    asked: HashSet<String>,
    /// Commits that were made since the start: any other may have been sent before it.
    begun: HashMap<String, u32>,
    is_synced: bool,
    has_looked: bool,
    keys_due: Option<Instant>,
    catching_up: Vec<oneshot::Sender<()>>,
}

/// The task ends.
struct Stop;

impl Actor {
    pub(crate) async fn run(mut self) {
        self.work.keys_due = Some(Instant::now());
        loop {
            let due = self.due();
            let go_on = tokio::select! {
                command = self.commands.recv() => match command {
                    Some(Command::Close(reply)) => {
                        self.client.close().await;
                        // Whoever asked may have gone.
                        let _ = reply.send(());
                        Err(Stop)
                    }
                    Some(command) => self.command(command).await,
                    None => {
                        self.client.close().await;
                        Err(Stop)
                    }
                },
                event = self.inner.next() => match event {
                    Some(event) => self.event(event).await,
                    None => Err(Stop),
                },
                () = sleep_until(due) => self.due_now().await,
            };
            if go_on.is_err() {
                break;
            }
        }
        while let Ok(Some(event)) = tokio::time::timeout(Duration::from_secs(1), self.inner.next()).await {
            if let ClientEvent::MessageSent(sent) = &event {
                let _ = self.account.sent(sent);
            }
            let _ = self.events.try_send(Event::Client(Box::new(event)));
        }
    }

    fn due(&self) -> Instant {
        let talks = self.work.talks.values().filter_map(|talk| talk.due);
        let first = talks.chain(self.work.keys_due).min();
        first.unwrap_or_else(|| Instant::now() + IDLE_MAX)
    }

    async fn due_now(&mut self) -> Result<(), Stop> {
        let now = Instant::now();
        if self.work.keys_due.is_some_and(|at| at <= now) {
            self.tend_keys().await?;
        }
        let due: Vec<String> = self
            .work
            .talks
            .iter()
            .filter(|(_, talk)| talk.due.is_some_and(|at| at <= now))
            .map(|(conversation, _)| conversation.clone())
            .collect();
        for conversation in due {
            self.drive(&conversation).await?;
        }
        Ok(())
    }

    /// Tells the application; one that does not listen is told nothing.
    async fn tell(&mut self, event: Event) {
        let _ = self.events.send(event).await;
    }

    /// The account cannot be written: what is not kept must not be acknowledged.
    async fn fail<T>(&mut self, error: AccountError) -> Result<T, Stop> {
        tracing::error!(%error, "the account cannot be used");
        self.tell(Event::Failed { error: chain(&error) }).await;
        self.client.close().await;
        Err(Stop)
    }

    async fn kept<T>(&mut self, result: Result<T, AccountError>) -> Result<T, Stop> {
        match result {
            Ok(value) => Ok(value),
            Err(error) => self.fail(error).await,
        }
    }

    fn talk(&mut self, conversation: &str) -> &mut Talk {
        self.work.talks.entry(conversation.to_owned()).or_default()
    }

    fn look_within(&mut self, conversation: &str, pause: Duration) {
        let at = Instant::now() + pause;
        let talk = self.talk(conversation);
        talk.due = Some(talk.due.map_or(at, |due| due.min(at)));
    }

    async fn command(&mut self, command: Command) -> Result<(), Stop> {
        match command {
            Command::Send { send, kept, reply } => {
                if let Err(error) = self.account.queue(&send) {
                    let _ = reply.send(Err(error.into()));
                    return Ok(());
                }
                // Whoever asked may not wait.
                let _ = kept.send(());
                self.work.replies.insert(send.client_msg_id.clone(), reply);
                self.drive(&send.conversation_id).await
            }
            Command::Withdraw { conversation, client_msg_id, reply } => {
                let is_in_flight = self.talk(&conversation).in_flight.as_ref() == Some(&client_msg_id);
                let withdrawn = if is_in_flight {
                    false
                } else {
                    let result = self.account.withdraw(&conversation, &client_msg_id);
                    self.kept(result).await?
                };
                let _ = reply.send(withdrawn);
                Ok(())
            }
            Command::With(work) => {
                work(&mut self.account);
                Ok(())
            }
            Command::Drive(conversation) => {
                self.talk(&conversation).is_eager = true;
                self.drive(&conversation).await
            }
            Command::Refresh { user, reply } => {
                let _ = reply.send(self.fetch_devices(&user).await?.map(drop));
                Ok(())
            }
            Command::PublishKeys(reply) => {
                let _ = reply.send(self.tend_keys().await?);
                Ok(())
            }
            Command::CatchUp(reply) => {
                self.work.catching_up.push(reply);
                self.caught_up().await
            }
            Command::Close(_) => Ok(()),
        }
    }

    async fn event(&mut self, event: ClientEvent) -> Result<(), Stop> {
        match event {
            ClientEvent::Message(message) => self.message(&message).await,
            ClientEvent::MessageSent(sent) => self.sent(sent).await,
            ClientEvent::SendFailed { conversation_id, client_msg_id, error } => {
                self.refused(conversation_id, client_msg_id, error).await
            }
            ClientEvent::Mail(mail) => self.mail(*mail).await,
            ClientEvent::KeysLow(_) => self.tend_keys().await.map(drop),
            ClientEvent::DeviceChanged(changed) => self.device_changed(changed).await,
            ClientEvent::Synced { conversations } => {
                self.work.is_synced = true;
                self.tell(Event::Client(Box::new(ClientEvent::Synced { conversations }))).await;
                self.look_at_all().await?;
                self.caught_up().await
            }
            ClientEvent::Disconnected { .. } => {
                self.work.is_synced = false;
                self.tell(Event::Client(Box::new(event))).await;
                Ok(())
            }
            other => {
                self.tell(Event::Client(Box::new(other))).await;
                Ok(())
            }
        }
    }

    async fn message(&mut self, message: &MessageNew) -> Result<(), Stop> {
        let conversation = message.conversation_id.as_str();
        let result = self.account.take(message);
        let effects = self.kept(result).await?;
        self.client.ack(conversation, message.sequence);
        if message.event == MessageEvent::Membership {
            self.talk(conversation).members = None;
        }
        if message.event == MessageEvent::Commit {
            self.talk(conversation).is_founded_elsewhere = true;
        }
        self.apply(conversation, effects).await
    }

    /// Tells what the account has made of what came.
    async fn apply(&mut self, conversation: &str, effects: Vec<Effect>) -> Result<(), Stop> {
        let mut has_moved = false;
        for effect in effects {
            match effect {
                Effect::Show(message) => self.tell(Event::Client(Box::new(ClientEvent::Message(message)))).await,
                Effect::Held | Effect::Out => self.look_within(conversation, WELCOME_PATIENCE),
                Effect::Devices { added, removed } => {
                    has_moved = true;
                    let now = Instant::now();
                    self.talk(conversation).added_anew.extend(added.iter().map(|device| (device.clone(), now)));
                    let conversation_id = conversation.to_owned();
                    self.tell(Event::Devices { conversation_id, added, removed }).await;
                }
            }
        }
        if has_moved { self.drive(conversation).await } else { Ok(()) }
    }

    async fn sent(&mut self, sent: MessageSent) -> Result<(), Stop> {
        let result = self.account.sent(&sent);
        self.kept(result).await?;
        let conversation = sent.conversation_id.clone();
        let talk = self.talk(&conversation);
        if talk.in_flight.as_ref() == Some(&sent.client_msg_id) {
            talk.in_flight = None;
        }
        (talk.stale, talk.failures, talk.told) = (0, 0, None);
        if let Some(reply) = self.work.replies.remove(&sent.client_msg_id) {
            let _ = reply.send(Ok(sent.clone()));
        }
        self.tell(Event::Client(Box::new(ClientEvent::MessageSent(sent)))).await;
        self.drive(&conversation).await
    }

    /// The service has refused a message. What is stale is encrypted anew.
    async fn refused(&mut self, conversation: String, id: String, error: SendError) -> Result<(), Stop> {
        let talk = self.talk(&conversation);
        if talk.in_flight.as_ref() == Some(&id) {
            talk.in_flight = None;
        }
        let is_stale = matches!(error.code(), Some(ErrorCode::StaleEpoch | ErrorCode::StaleDevices));
        if is_stale && talk.stale < STALE_MAX {
            talk.stale += 1;
            let result = self.account.unseal(&conversation, &id);
            self.kept(result).await?;
            if let SendError::Rejected(frame) = &error {
                self.learn(&conversation, frame).await?;
            }
            return self.drive(&conversation).await;
        }
        if error == SendError::Stopped {
            // It is kept, and goes at the next start.
            if let Some(reply) = self.work.replies.remove(&id) {
                let _ = reply.send(Err(SecureSendError::Stopped));
            }
            return Ok(());
        }
        self.give_up(&conversation, &id, error).await?;
        self.drive(&conversation).await
    }

    async fn give_up(&mut self, conversation: &str, id: &str, error: SendError) -> Result<(), Stop> {
        let result = self.account.withdraw(conversation, id);
        self.kept(result).await?;
        if let Some(reply) = self.work.replies.remove(id) {
            let _ = reply.send(Err(SecureSendError::Send(error.clone())));
        }
        let (conversation_id, client_msg_id) = (conversation.to_owned(), id.to_owned());
        let failed = ClientEvent::SendFailed { conversation_id, client_msg_id, error };
        self.tell(Event::Client(Box::new(failed))).await;
        Ok(())
    }

    /// Takes in what a refusal says about epoch and devices.
    async fn learn(&mut self, conversation: &str, error: &ErrorFrame) -> Result<(), Stop> {
        match error.code {
            ErrorCode::StaleDevices => {
                let users = error.details.as_ref().and_then(|details| details.get("users")?.as_object());
                self.work.dirty.extend(users.into_iter().flatten().map(|(user, _)| user.clone()));
                self.talk(conversation).left_out.clear();
            }
            ErrorCode::StaleEpoch => {
                self.talk(conversation).is_founded_elsewhere = true;
                let conversation = conversation.to_owned();
                let result = self.account.vault_mut().write(|tx| tx.set_clear(&conversation, false));
                self.kept(result.map_err(AccountError::from)).await?;
            }
            _ => {}
        }
        Ok(())
    }

    async fn device_changed(&mut self, changed: DeviceChanged) -> Result<(), Stop> {
        self.work.dirty.insert(changed.user_id.clone());
        for talk in self.work.talks.values_mut() {
            talk.left_out.clear();
        }
        let is_ours_gone = changed.user_id == self.account.device().user_id() && changed.change == "removed";
        let user = changed.user_id.clone();
        let gone = Device::new(&changed.user_id, &changed.device_id).ok();
        self.tell(Event::Client(Box::new(ClientEvent::DeviceChanged(changed)))).await;
        // So that people see that a safety number has changed.
        let _ = self.fetch_devices(&user).await?;
        let Some(gone) = gone.filter(|_| is_ours_gone) else { return Ok(()) };
        let result = self.account.groups(|roster| roster.contains(&gone));
        for conversation in self.kept(result).await? {
            self.talk(&conversation).is_eager = true;
            self.drive(&conversation).await?;
        }
        Ok(())
    }

    /// After the log: what waits to be sent, what waits to be read, and encrypted conversations that this device is not
    /// in yet.
    async fn look_at_all(&mut self) -> Result<(), Stop> {
        let result = self.account.waiting();
        let mut wanted = self.kept(result).await?;
        let result = self.account.vault().held();
        wanted.extend(self.kept(result.map_err(AccountError::from)).await?.into_keys());
        if !self.work.has_looked {
            wanted.extend(self.encrypted_elsewhere().await?);
        }
        for conversation in wanted {
            self.look_within(&conversation, Duration::ZERO);
        }
        Ok(())
    }

    /// Answers who waits for everything that the service had: the log is through, and so is the mail.
    async fn caught_up(&mut self) -> Result<(), Stop> {
        if !self.work.is_synced || self.work.catching_up.is_empty() {
            return Ok(());
        }
        if self.read_mailbox().await? {
            for reply in self.work.catching_up.drain(..) {
                let _ = reply.send(());
            }
        }
        Ok(())
    }

    /// Does for a conversation what there is to do.
    async fn drive(&mut self, conversation: &str) -> Result<(), Stop> {
        self.talk(conversation).due = None;
        for _ in 0..STEPS_MAX {
            let (pause, reason) = match self.step(conversation).await? {
                Step::Again => continue,
                Step::Done => return Ok(()),
                Step::Later(pause, reason) => (pause, reason),
                Step::Retry(reason) => {
                    let talk = self.talk(conversation);
                    let pause = RETRY_BASE.saturating_mul(1 << talk.failures.min(10)).min(RETRY_CAP);
                    talk.failures = talk.failures.saturating_add(1);
                    (pause.mul_f64(0.5 + rand::random::<f64>() / 2.0), reason)
                }
            };
            self.look_within(conversation, pause);
            if let Some(reason) = reason
                && self.talk(conversation).told.as_ref() != Some(&reason)
            {
                self.talk(conversation).told = Some(reason.clone());
                self.tell(Event::Waiting { conversation_id: conversation.to_owned(), reason }).await;
            }
            return Ok(());
        }
        self.look_within(conversation, RETRY_BASE);
        Ok(())
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    tidings_sdk::chain(error)
}
