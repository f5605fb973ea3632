//! `presence.heartbeat`, `presence.subscribe` and `presence.unsubscribe`.

use std::sync::Arc;

use tidings_domain::{
    ports::BoxFuture,
    presence::{PresencePorts, presence_of},
    sync::{SessionTerms, SyncPorts, heartbeat},
};
use tidings_gateway::ApiGateway;
use tidings_protocol::{
    FrameType, Heartbeat, PresenceOk, ServerFrame,
    convert::{presence_update, presence_users},
    parse_body,
};
use tidings_runtime::{
    Adapters, Failure, Frame, FrameFunction, FrameHandler, Refusals, SystemClock,
    config::{self, ConfigError},
};
use tidings_store::{DynamoConversations, DynamoDevices, DynamoLog, DynamoPersonal, DynamoRules, DynamoSessions};

struct Presence {
    log: DynamoLog,
    conversations: DynamoConversations,
    personal: DynamoPersonal,
    sessions: DynamoSessions,
    devices: DynamoDevices,
    rules: DynamoRules,
    gateway: ApiGateway,
    terms: SessionTerms,
}

/// Builds the function from its configuration.
pub fn build(adapters: &Adapters) -> Result<FrameFunction, ConfigError> {
    let handler = Presence {
        log: adapters.log()?,
        conversations: adapters.conversations()?,
        personal: adapters.personal()?,
        sessions: adapters.sessions()?,
        devices: adapters.devices()?,
        rules: adapters.rules()?,
        gateway: adapters.gateway()?,
        terms: config::session_terms()?,
    };
    FrameFunction::new(Arc::new(handler), Refusals::Answered)
}

impl Presence {
    async fn heartbeat(&self, frame: &Frame<'_>) -> Result<ServerFrame, Failure> {
        let Heartbeat { active } = parse_body(frame.text)?;
        let ports = SyncPorts {
            log: &self.log,
            conversations: &self.conversations,
            personal: &self.personal,
            sessions: &self.sessions,
            gateway: &self.gateway,
            clock: &SystemClock,
        };
        let now = heartbeat(ports, &self.devices, self.terms, &frame.socket, active).await?;
        Ok(ServerFrame::PresenceOk(PresenceOk { server_ts: now.0 }))
    }

    async fn present(&self, frame: &Frame<'_>) -> Result<ServerFrame, Failure> {
        let users = presence_users(&parse_body(frame.text)?)?;
        let ports = PresencePorts {
            sessions: &self.sessions,
            devices: &self.devices,
            conversations: &self.conversations,
            rules: &self.rules,
            clock: &SystemClock,
        };
        let present = presence_of(ports, &frame.socket.owner.user, &users).await?;
        Ok(ServerFrame::Presence(presence_update(&present)))
    }
}

impl FrameHandler for Presence {
    fn handle<'a>(&'a self, frame: Frame<'a>) -> BoxFuture<'a, Result<Option<ServerFrame>, Failure>> {
        Box::pin(async move {
            match frame.frame_type {
                FrameType::Heartbeat => self.heartbeat(&frame).await.map(Some),
                // Nothing is kept for a subscription: both answer with the present state.
                FrameType::Subscribe | FrameType::Unsubscribe => self.present(&frame).await.map(Some),
                _ => Err(Failure::misrouted()),
            }
        })
    }

    fn warm_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.sessions.warm_up())
    }
}
