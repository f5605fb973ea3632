//! `message.send`: the write path over a socket.

use std::sync::Arc;

use tidings_bus::KinesisBus;
use tidings_domain::{
    ids::Sequence,
    ports::{BoxFuture, Log, nowhere},
    send::{KnownTails, SendPorts, send},
};
use tidings_gateway::ApiGateway;
use tidings_protocol::{
    ErrorCode, FrameType, MessageSend, ServerFrame,
    convert::{message_sent, send_request},
    parse_body,
};
use tidings_runtime::{
    Adapters, Failure, Frame, FrameFunction, FrameHandler, Refusals, SystemClock,
    config::{self, ConfigError},
};
use tidings_store::{DynamoConversations, DynamoLog, DynamoSessions};
use tracing::info;

struct Send {
    log: DynamoLog,
    conversations: DynamoConversations,
    sessions: DynamoSessions,
    bus: KinesisBus,
    gateway: ApiGateway,
    express_sockets_max: usize,
    known: KnownTails,
}

/// Builds the function from its configuration.
pub fn build(adapters: &Adapters) -> Result<FrameFunction, ConfigError> {
    let handler = Send {
        log: adapters.log()?,
        conversations: adapters.conversations()?,
        sessions: adapters.sessions()?,
        bus: adapters.bus()?,
        gateway: adapters.gateway(),
        express_sockets_max: config::number("EXPRESS_SOCKETS_MAX", 0, 1000)?,
        known: KnownTails::default(),
    };
    FrameFunction::new(Arc::new(handler), Refusals::Answered)
}

impl Send {
    async fn send(&self, frame: &Frame<'_>) -> Result<ServerFrame, Failure> {
        let message: MessageSend = parse_body(frame.text)?;
        let client_msg_id = message.client_msg_id.clone();
        let mut request = send_request(&frame.socket.owner, message, self.express_sockets_max)
            .map_err(|error| Failure::from(error).about(Some(&client_msg_id)))?;
        request.known = self.known.get(&request.conversation);
        let ports = SendPorts {
            log: &self.log,
            conversations: &self.conversations,
            sessions: &self.sessions,
            bus: &self.bus,
            gateway: &self.gateway,
            clock: &SystemClock,
        };
        let sent = send(ports, &request).await.map_err(|error| Failure::from(error).about(Some(&client_msg_id)))?;
        self.known.note(&sent.entry);
        if sent.races_lost > 0 {
            info!(races_lost = sent.races_lost, conversation = %request.conversation, "races lost");
        }
        Ok(ServerFrame::Sent(message_sent(&sent)))
    }
}

impl FrameHandler for Send {
    fn handle<'a>(&'a self, frame: Frame<'a>) -> BoxFuture<'a, Result<Option<ServerFrame>, Failure>> {
        Box::pin(async move {
            match frame.frame_type {
                FrameType::Send => self.send(&frame).await.map(Some),
                _ => Err(Failure::new(ErrorCode::Internal, "the frame was routed to the wrong function")),
            }
        })
    }

    fn warm_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if let Some(nowhere) = nowhere() {
                let _ = self.log.read_tail(&nowhere, Sequence::ZERO, 1).await;
            }
        })
    }
}
