//! `message.ack` and `message.read`: watermarks rise; `mailbox.ack`: mail is deleted. No answer on success.

use std::sync::Arc;

use tidings_bus::KinesisBus;
use tidings_domain::{
    ports::{BoxFuture, Mailboxes},
    receipts::{ReceiptPorts, raise},
};
use tidings_protocol::{
    FrameType, ServerFrame,
    convert::{ack_request, mail_ack, read_request},
    parse_body,
};
use tidings_runtime::{
    Adapters, Failure, Frame, FrameFunction, FrameHandler, Refusals, SystemClock,
    config::{self, ConfigError},
};
use tidings_store::{DynamoConversations, DynamoLog, DynamoMailboxes};

struct Ack {
    log: DynamoLog,
    conversations: DynamoConversations,
    bus: KinesisBus,
    mailboxes: DynamoMailboxes,
    aggregate_members: u64,
}

/// Builds the function from its configuration.
pub fn build(adapters: &Adapters) -> Result<FrameFunction, ConfigError> {
    let handler = Ack {
        log: adapters.log()?,
        conversations: adapters.conversations()?,
        bus: adapters.bus()?,
        mailboxes: adapters.mailboxes()?,
        aggregate_members: config::number("AGGREGATE_RECEIPTS_MEMBERS", 2, 10_000)?,
    };
    FrameFunction::new(Arc::new(handler), Refusals::Posted(Box::new(adapters.gateway()?)))
}

impl FrameHandler for Ack {
    fn handle<'a>(&'a self, frame: Frame<'a>) -> BoxFuture<'a, Result<Option<ServerFrame>, Failure>> {
        Box::pin(async move {
            let (conversation, mark, at) = match frame.frame_type {
                FrameType::MailAck => {
                    self.mailboxes.remove(&frame.socket.owner, &mail_ack(&parse_body(frame.text)?)?).await?;
                    return Ok(None);
                }
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
            raise(ports, &frame.socket.owner, &conversation, mark, at).await?;
            Ok(None)
        })
    }

    fn warm_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.log.warm_up())
    }
}
