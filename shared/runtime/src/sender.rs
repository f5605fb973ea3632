//! The write path on AWS, for a socket's frame and for an HTTP call alike.

use futures_util::future::join;
use tidings_bus::{KinesisBus, KinesisIngest};
use tidings_domain::{
    ids::Sender,
    limits::APPEND_ATTEMPTS_MAX,
    notice::Notice,
    personal::{PersonalPorts, hide},
    ports::{BoxFuture, Clock, Gateway},
    rate::{
        Buckets, Leases, LimitError, REFUSALS_PER_DEVICE, RateLimited, Settlement, Slowed, penalty, settle,
        uses_of_send,
    },
    send::{
        AnswerTo, Draft, KnownTails, Outcome, SendPorts, SendRequest, SendTerms, TargetRef, Windows, send, send_about,
    },
    sessions::Socket,
    signals::{Metric, measure},
    strangers::{Gate, Spam, Strangers},
};
use tidings_gateway::ApiGateway;
use tidings_protocol::{
    MessageDelete, MessageHidden, MessageSend, MessageSent, ParseError,
    convert::{AboutRequest, commit_request, delete_request, message_sent, send_request},
    keys::MessageCommit,
};
use tidings_store::{
    DynamoAbuse, DynamoBuckets, DynamoConversations, DynamoDevices, DynamoLog, DynamoMedia, DynamoPersonal,
    DynamoSessions,
};
use tracing::{info, warn};

use crate::{
    aws::Adapters,
    clock::SystemClock,
    config::{self, ConfigError},
    failure::Failure,
};

/// The longest window: a year, in seconds.
const WINDOW_SECONDS_MAX: u64 = 365 * 24 * 3600;

/// Sends messages.
pub struct MessageSender {
    log: DynamoLog,
    conversations: DynamoConversations,
    sessions: DynamoSessions,
    devices: DynamoDevices,
    bus: KinesisBus,
    ingest: KinesisIngest,
    media: DynamoMedia,
    gateway: ApiGateway,
    personal: DynamoPersonal,
    buckets: DynamoBuckets,
    abuse: DynamoAbuse,
    spam: Spam,
    leases: Leases,
    slowed: Slowed,
    send_window: u32,
    express_sockets_max: usize,
    races_lost_max: u32,
    known: KnownTails,
    windows: Windows,
}

impl MessageSender {
    /// Builds the write path from its configuration.
    pub fn build(adapters: &Adapters) -> Result<Self, ConfigError> {
        Ok(Self {
            log: adapters.log()?,
            conversations: adapters.conversations()?,
            sessions: adapters.sessions()?,
            devices: adapters.devices()?,
            bus: adapters.bus()?,
            ingest: adapters.ingest()?,
            media: adapters.media()?,
            gateway: adapters.gateway()?,
            personal: adapters.personal()?,
            buckets: adapters.buckets()?,
            abuse: adapters.abuse()?,
            spam: config::spam_rules()?,
            leases: Leases::default(),
            slowed: Slowed::default(),
            send_window: config::session_terms()?.send_window,
            express_sockets_max: config::number("EXPRESS_SOCKETS_MAX", 0, 1000)?,
            races_lost_max: config::number("RACES_LOST_MAX", 0, APPEND_ATTEMPTS_MAX - 1)?,
            known: KnownTails::default(),
            windows: Windows {
                edit_ms: window_ms("EDIT_WINDOW_SECONDS")?,
                delete_ms: window_ms("DELETE_WINDOW_SECONDS")?,
            },
        })
    }

    /// Checks a message of a socket and sends it. None where the batch sequencer has it, which
    /// answers to the socket.
    pub fn send<'a>(
        &'a self,
        sender: &'a Sender,
        message: MessageSend,
        answer_to: AnswerTo,
    ) -> BoxFuture<'a, Result<Option<MessageSent>, Failure>> {
        Box::pin(self.send_as(sender, message, Some(answer_to)))
    }

    /// Checks a message and sends it; waits for the batch sequencer where that has it.
    pub fn send_and_wait<'a>(
        &'a self,
        sender: &'a Sender,
        message: MessageSend,
    ) -> BoxFuture<'a, Result<MessageSent, Failure>> {
        Box::pin(async move { self.send_as(sender, message, None).await?.ok_or_else(Failure::crowded) })
    }

    /// Checks a commit of a socket and appends it; answers as [`Self::send`].
    pub fn commit<'a>(
        &'a self,
        sender: &'a Sender,
        commit: &'a MessageCommit,
        answer_to: AnswerTo,
    ) -> BoxFuture<'a, Result<Option<MessageSent>, Failure>> {
        Box::pin(self.commit_as(sender, commit, Some(answer_to)))
    }

    /// As [`Self::commit`], and waits as [`Self::send_and_wait`] does.
    pub fn commit_and_wait<'a>(
        &'a self,
        sender: &'a Sender,
        commit: &'a MessageCommit,
    ) -> BoxFuture<'a, Result<MessageSent, Failure>> {
        Box::pin(async move { self.commit_as(sender, commit, None).await?.ok_or_else(Failure::crowded) })
    }

    async fn commit_as(
        &self,
        sender: &Sender,
        commit: &MessageCommit,
        answer_to: Option<AnswerTo>,
    ) -> Result<Option<MessageSent>, Failure> {
        let appended = async {
            let request = SendRequest { answer_to, ..commit_request(sender, commit)? };
            self.append(request, None).await
        };
        appended.await.map_err(|failure: Failure| failure.about(Some(&commit.client_msg_id)))
    }

    /// Checks what a socket says about an earlier message, and appends it; answers as [`Self::send`].
    pub fn say_about<'a>(
        &'a self,
        request: Result<AboutRequest, ParseError>,
        client_msg_id: &'a str,
        answer_to: Option<AnswerTo>,
    ) -> BoxFuture<'a, Result<Option<MessageSent>, Failure>> {
        Box::pin(async move {
            let appended = async {
                let (request, about) = request?;
                self.append(SendRequest { answer_to, ..request }, Some(about)).await
            };
            appended.await.map_err(|failure: Failure| failure.about(Some(client_msg_id)))
        })
    }

    /// As [`Self::say_about`], and waits as [`Self::send_and_wait`] does.
    pub fn say_about_and_wait<'a>(
        &'a self,
        request: Result<AboutRequest, ParseError>,
        client_msg_id: &'a str,
    ) -> BoxFuture<'a, Result<MessageSent, Failure>> {
        Box::pin(async move { self.say_about(request, client_msg_id, None).await?.ok_or_else(Failure::crowded) })
    }

    async fn send_as(
        &self,
        sender: &Sender,
        message: MessageSend,
        answer_to: Option<AnswerTo>,
    ) -> Result<Option<MessageSent>, Failure> {
        let client_msg_id = message.client_msg_id.clone();
        let appended = async {
            let request = SendRequest { answer_to, ..send_request(sender, message)? };
            self.append(request, None).await
        };
        appended.await.map_err(|failure: Failure| failure.about(Some(&client_msg_id)))
    }

    async fn append(&self, request: SendRequest, about: Option<TargetRef>) -> Result<Option<MessageSent>, Failure> {
        let conversation = request.draft.conversation.clone();
        let sender = request.draft.sender.clone();
        let uses = uses_of_send(&sender, &conversation);
        let socket = request.answer_to.as_ref().map(|answer_to| answer_to.socket.clone());
        let settlements = match self.leases.admit(&uses, SystemClock.now()) {
            Ok(settlements) => settlements,
            Err(limited) => {
                Box::pin(self.refused(socket.as_ref())).await;
                return Err(limited.into());
            }
        };
        // Charged beside the work, so that it takes no time. What is let in by now is let in.
        let (outcome, ()) =
            join(self.append_admitted(request, about), Box::pin(self.charge(socket.as_ref(), &settlements))).await;
        let outcome = outcome?;
        let Outcome::Sent(sent) = outcome else {
            info!(%conversation, "left to the batch sequencer");
            measure(Metric::HandedOver, 1);
            return Ok(None);
        };
        measure(Metric::RacesLost, u64::from(sent.races_lost));
        if sent.races_lost > 0 {
            info!(races_lost = sent.races_lost, %conversation, "races lost");
        }
        Ok(Some(message_sent(&sent)))
    }

    async fn append_admitted(&self, request: SendRequest, about: Option<TargetRef>) -> Result<Outcome, Failure> {
        let (ports, terms) = (self.ports(), self.terms());
        Ok(match about {
            None => send(ports, terms, &request).await?,
            Some(about) => Box::pin(send_about(ports, terms, self.windows, about, request)).await?,
        })
    }

    /// Charges what was let in. A device that floods is told to slow down, and when that is over.
    async fn charge(&self, socket: Option<&Socket>, settlements: &[Settlement]) {
        if settlements.is_empty() {
            return;
        }
        let limited = settle(&self.buckets, &SystemClock, &self.leases, settlements).await;
        if let Some(RateLimited { limit, retry_after_ms }) = limited {
            info!(limit, retry_after_ms, "refused from now on");
        }
        let Some(socket) = socket else { return };
        let now = SystemClock.now();
        let Some(slower) = self.slowed.after(&socket.owner, limited, self.send_window, now) else { return };
        // Whoever is not told is refused with a time to come back.
        if let Err(error) = self.gateway.post(&socket.session(now, 0), &Notice::Slower(slower)).await {
            info!(%error, "not told to slow down");
        }
    }

    /// Counts a refusal; puts a device out that sends on whatever it is answered, for some minutes.
    async fn refused(&self, socket: Option<&Socket>) {
        let Some(socket) = socket else { return };
        let now = SystemClock.now();
        let is_flood = match self.leases.admit(&[REFUSALS_PER_DEVICE.of_device(&socket.owner)], now) {
            Ok(settlements) => settle(&self.buckets, &SystemClock, &self.leases, &settlements).await.is_some(),
            Err(_) => true,
        };
        if !is_flood {
            return;
        }
        info!("a device floods: put out");
        measure(Metric::FloodsPutOut, 1);
        let (charge, session) = (penalty(&socket.owner), socket.session(now, 0));
        // What fails here is tried again, for a device that stays goes on.
        let (charged, closed) = join(self.buckets.charge(&charge, now), self.gateway.close(&session)).await;
        if let Err(error) = charged.map(drop).and(closed) {
            warn!(%error, "a device that floods was not put out");
        }
    }

    /// Takes a message back for its reader alone: nothing is appended, all devices of the user are told.
    pub async fn delete_for_me(&self, caller: &Sender, body: &MessageDelete) -> Result<MessageHidden, Failure> {
        let hidden = async {
            let (request, about) = delete_request(caller, body)?;
            let ports = PersonalPorts {
                log: &self.log,
                conversations: &self.conversations,
                personal: &self.personal,
                sessions: &self.sessions,
                gateway: &self.gateway,
                clock: &SystemClock,
            };
            let conversation = &request.draft.conversation;
            hide(ports, caller, conversation, about.message, about.sequence).await?;
            Ok(MessageHidden { conversation_id: conversation.to_string(), message_id: about.message.to_string() })
        };
        hidden.await.map_err(|failure: Failure| failure.about(Some(&body.client_msg_id)))
    }

    /// What the write path needs.
    pub fn ports(&self) -> SendPorts<'_> {
        SendPorts {
            log: &self.log,
            conversations: &self.conversations,
            sessions: &self.sessions,
            keys: &self.devices,
            bus: &self.bus,
            ingest: &self.ingest,
            strangers: self,
            media: &self.media,
            gateway: &self.gateway,
            clock: &SystemClock,
        }
    }

    /// The terms under which it sends.
    pub fn terms(&self) -> SendTerms<'_> {
        SendTerms {
            known: &self.known,
            express_sockets_max: self.express_sockets_max,
            races_lost_max: self.races_lost_max,
        }
    }

    /// As [`crate::Function::warm_up`].
    pub fn warm_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.log.warm_up())
    }
}

impl Strangers for MessageSender {
    fn admit<'a>(&'a self, draft: &'a Draft) -> BoxFuture<'a, Result<(), LimitError>> {
        Box::pin(async move {
            let gate = Gate { buckets: &self.buckets, reporters: &self.abuse, spam: &self.spam, clock: &SystemClock };
            gate.admit(draft).await
        })
    }
}

/// A window in milliseconds; zero seconds are no window at all: for ever.
fn window_ms(name: &'static str) -> Result<Option<u64>, ConfigError> {
    let seconds: u64 = config::number(name, 0, WINDOW_SECONDS_MAX)?;
    Ok(Some(seconds * 1000).filter(|ms| *ms > 0))
}
