//! `session.hello` and `sync.pull`; and `$default`, where frames of no type end up.

use std::sync::Arc;

use tidings_auth::{DeviceResumeTokens, up_to_date_at};
use tidings_bus::SqsLooks;
use tidings_domain::{
    history::{ReadPorts, page},
    mailbox,
    ports::{BoxFuture, Clock},
    sync::{SessionTerms, SyncPorts, hello},
    watching::may_have_changed,
};
use tidings_gateway::ApiGateway;
use tidings_protocol::{
    FrameType, Hello, Pull, ServerFrame, SyncComplete,
    convert::{hello_request, pull_answer, pull_request},
    parse_body,
};
use tidings_runtime::{
    Adapters, Failure, Frame, FrameFunction, FrameHandler, Refusals, SystemClock,
    config::{self, ConfigError},
};
use tidings_store::{DynamoConversations, DynamoLog, DynamoMailboxes, DynamoPersonal, DynamoSessions};

struct Sync {
    log: DynamoLog,
    conversations: DynamoConversations,
    personal: DynamoPersonal,
    sessions: DynamoSessions,
    mailboxes: DynamoMailboxes,
    gateway: ApiGateway,
    looks: SqsLooks,
    terms: SessionTerms,
}

/// Builds the function from its configuration.
pub fn build(adapters: &Adapters) -> Result<FrameFunction, ConfigError> {
    let handler = Sync {
        log: adapters.log()?,
        conversations: adapters.conversations()?,
        personal: adapters.personal()?,
        sessions: adapters.sessions()?,
        mailboxes: adapters.mailboxes()?,
        gateway: adapters.gateway()?,
        looks: adapters.looks()?,
        terms: config::session_terms()?,
    };
    FrameFunction::new(Arc::new(handler), Refusals::Answered)
}

impl Sync {
    /// `session.ready` and what was missed are posted; `sync.complete` is the answer, and so comes last.
    async fn hello(&self, frame: &Frame<'_>) -> Result<ServerFrame, Failure> {
        let body: Hello = parse_body(frame.text)?;
        let token = body.resume_token.as_deref();
        let resumed = token.and_then(|token| up_to_date_at(token, &frame.socket.owner, SystemClock.now()));
        let request = hello_request(&body, resumed)?;
        let ports = SyncPorts {
            log: &self.log,
            conversations: &self.conversations,
            personal: &self.personal,
            sessions: &self.sessions,
            gateway: &self.gateway,
            clock: &SystemClock,
        };
        let drained = hello(ports, &DeviceResumeTokens, self.terms, &frame.socket, &request).await?;
        let session = frame.socket.session(SystemClock.now(), self.terms.session_ttl_seconds);
        mailbox::drain(&self.mailboxes, &self.gateway, &SystemClock, &session).await?;
        may_have_changed(&self.sessions, &self.looks, SystemClock.now(), &frame.socket.owner.user).await;
        Ok(ServerFrame::SyncComplete(SyncComplete {
            conversations: drained.conversations,
            resume_token: Some(drained.resume_token),
        }))
    }

    async fn pull(&self, frame: &Frame<'_>) -> Result<ServerFrame, Failure> {
        let pull: Pull = parse_body(frame.text)?;
        let (conversation, span, limit) = pull_request(&pull)?;
        let ports = ReadPorts {
            log: &self.log,
            conversations: &self.conversations,
            personal: &self.personal,
            clock: &SystemClock,
        };
        let owner = &frame.socket.owner;
        let page = page(ports, &owner.user, &conversation, span, limit).await?;
        Ok(pull_answer(&conversation, &page, &owner.device, SystemClock.now(), pull.encoding))
    }
}

impl FrameHandler for Sync {
    fn handle<'a>(&'a self, frame: Frame<'a>) -> BoxFuture<'a, Result<Option<ServerFrame>, Failure>> {
        Box::pin(async move {
            match frame.frame_type {
                FrameType::Hello => self.hello(&frame).await.map(Some),
                FrameType::Pull => self.pull(&frame).await.map(Some),
                _ => Err(Failure::misrouted()),
            }
        })
    }

    fn warm_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.log.warm_up())
    }
}
