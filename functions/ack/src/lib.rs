//! `message.ack` and `message.read`: watermarks rise; `mailbox.ack`: mail is deleted; `typing` is told. No answer on success.

use std::sync::Arc;

use tidings_bus::KinesisBus;
use tidings_domain::{
    conversation::Watermark,
    ports::{BoxFuture, Mailboxes},
    rate::{Leases, TYPING_PER_DEVICE, beside},
    receipts::{ReceiptPorts, raise},
    signals::{Metric, measure},
    typing::{TypingPorts, typing},
};
use tidings_gateway::ApiGateway;
use tidings_protocol::{
    FrameType, ServerFrame,
    convert::{ack_request, mail_ack, read_request, typing_request},
    parse_body,
};
use tidings_runtime::{
    Adapters, Failure, Frame, FrameFunction, FrameHandler, Refusals, SystemClock,
    config::{self, ConfigError},
};
use tidings_store::{DynamoBuckets, DynamoConversations, DynamoLog, DynamoMailboxes, DynamoRules, DynamoSessions};

struct Ack {
    log: DynamoLog,
    conversations: DynamoConversations,
    bus: KinesisBus,
    mailboxes: DynamoMailboxes,
    rules: DynamoRules,
    sessions: DynamoSessions,
    gateway: ApiGateway,
    buckets: DynamoBuckets,
    leases: Leases,
    aggregate_members: u64,
}

/// Builds the function from its configuration.
pub fn build(adapters: &Adapters) -> Result<FrameFunction, ConfigError> {
    let handler = Ack {
        log: adapters.log()?,
        conversations: adapters.conversations()?,
        bus: adapters.bus()?,
        mailboxes: adapters.mailboxes()?,
        rules: adapters.rules()?,
        sessions: adapters.sessions()?,
        gateway: adapters.gateway()?,
        buckets: adapters.buckets()?,
        leases: Leases::default(),
        aggregate_members: config::number("AGGREGATE_RECEIPTS_MEMBERS", 2, 10_000)?,
    };
    FrameFunction::new(Arc::new(handler), Refusals::Posted(Box::new(adapters.gateway()?)))
}

impl Ack {
    async fn typing(&self, frame: &Frame<'_>) -> Result<(), Failure> {
        let (conversation, is_active) = typing_request(&parse_body(frame.text)?)?;
        let by = &frame.socket.owner;
        let ports = TypingPorts {
            conversations: &self.conversations,
            rules: &self.rules,
            sessions: &self.sessions,
            gateway: &self.gateway,
            clock: &SystemClock,
        };
        let work = async { Ok(typing(ports, by, &conversation, is_active).await?) };
        beside(&self.buckets, &SystemClock, &self.leases, &[TYPING_PER_DEVICE.of_device(by)], work).await
    }
}

impl FrameHandler for Ack {
    fn handle<'a>(&'a self, frame: Frame<'a>) -> BoxFuture<'a, Result<Option<ServerFrame>, Failure>> {
        Box::pin(async move {
            let (conversation, mark, at) = match frame.frame_type {
                FrameType::MailAck => {
                    self.mailboxes.remove(&frame.socket.owner, &mail_ack(&parse_body(frame.text)?)?).await?;
                    return Ok(None);
                }
                FrameType::Typing => return self.typing(&frame).await.map(|()| None),
                FrameType::Ack => ack_request(&parse_body(frame.text)?)?,
                FrameType::Read => read_request(&parse_body(frame.text)?)?,
                _ => return Err(Failure::misrouted()),
            };
            let ports = ReceiptPorts {
                log: &self.log,
                conversations: &self.conversations,
                bus: &self.bus,
                clock: &SystemClock,
                aggregate_members: self.aggregate_members,
            };
            let raised = raise(ports, &frame.socket.owner, &conversation, mark, at).await?;
            // What waited for a device that was away says nothing of the service.
            let live = raised.filter(|r| mark == Watermark::Delivered && r.appended_at >= frame.socket.connected_at);
            if let Some(raised) = live {
                measure(Metric::DeliveredMs, raised.at.ms_since(raised.appended_at));
            }
            Ok(None)
        })
    }

    fn warm_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.log.warm_up())
    }
}
