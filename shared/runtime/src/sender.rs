//! The write path on AWS, for a socket's frame and for an HTTP call alike.

use tidings_bus::KinesisBus;
use tidings_domain::{
    ids::Sender,
    ports::BoxFuture,
    send::{KnownTails, SendPorts, send},
};
use tidings_gateway::ApiGateway;
use tidings_protocol::{
    MessageSend, MessageSent,
    convert::{message_sent, send_request},
};
use tidings_store::{DynamoConversations, DynamoLog, DynamoSessions};
use tracing::info;

use crate::{
    aws::Adapters,
    clock::SystemClock,
    config::{self, ConfigError},
    failure::Failure,
};

/// Sends messages.
pub struct MessageSender {
    log: DynamoLog,
    conversations: DynamoConversations,
    sessions: DynamoSessions,
    bus: KinesisBus,
    gateway: ApiGateway,
    express_sockets_max: usize,
    known: KnownTails,
}

impl MessageSender {
    /// Builds the write path from its configuration.
    pub fn build(adapters: &Adapters) -> Result<Self, ConfigError> {
        Ok(Self {
            log: adapters.log()?,
            conversations: adapters.conversations()?,
            sessions: adapters.sessions()?,
            bus: adapters.bus()?,
            gateway: adapters.gateway(),
            express_sockets_max: config::number("EXPRESS_SOCKETS_MAX", 0, 1000)?,
            known: KnownTails::default(),
        })
    }

    /// Checks a message and sends it.
    pub fn send<'a>(&'a self, sender: &'a Sender, message: MessageSend) -> BoxFuture<'a, Result<MessageSent, Failure>> {
        Box::pin(async move {
            let client_msg_id = message.client_msg_id.clone();
            self.try_send(sender, message).await.map_err(|failure| failure.about(Some(&client_msg_id)))
        })
    }

    async fn try_send(&self, sender: &Sender, message: MessageSend) -> Result<MessageSent, Failure> {
        let mut request = send_request(sender, message, self.express_sockets_max)?;
        request.known = self.known.get(&request.conversation);
        let ports = SendPorts {
            log: &self.log,
            conversations: &self.conversations,
            sessions: &self.sessions,
            bus: &self.bus,
            gateway: &self.gateway,
            clock: &SystemClock,
        };
        let sent = send(ports, &request).await?;
        self.known.note(&sent.entry);
        if sent.races_lost > 0 {
            info!(races_lost = sent.races_lost, conversation = %request.conversation, "races lost");
        }
        Ok(message_sent(&sent))
    }

    /// As [`crate::Function::warm_up`].
    pub fn warm_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.log.warm_up())
    }
}
