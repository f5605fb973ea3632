//! `presence.heartbeat`, `presence.subscribe` and `presence.unsubscribe`.

use std::sync::Arc;

use tidings_bus::SqsLooks;
use tidings_domain::{
    ports::{BoxFuture, Clock},
    presence::{PresencePorts, presence_within, shown},
    sync::{SessionTerms, SyncPorts, heartbeat},
    watching::{WatchPorts, may_have_changed, unwatch, watch},
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
    looks: SqsLooks,
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
        looks: adapters.looks()?,
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
        let (now, was_lost) = heartbeat(ports, &self.devices, self.terms, &frame.socket, active).await?;
        if was_lost {
            may_have_changed(&self.sessions, &self.looks, now, &frame.socket.owner.user).await;
        }
        Ok(ServerFrame::PresenceOk(PresenceOk { server_ts: now.0 }))
    }

    /// Answers with the present state, and begins or ends to watch.
    async fn present(&self, frame: &Frame<'_>, watches: bool) -> Result<ServerFrame, Failure> {
        let (users, via) = presence_users(&parse_body(frame.text)?)?;
        let ports = WatchPorts {
            presence: PresencePorts {
                sessions: &self.sessions,
                devices: &self.devices,
                conversations: &self.conversations,
                rules: &self.rules,
                clock: &SystemClock,
            },
            watches: &self.sessions,
            looks: &self.looks,
            gateway: &self.gateway,
        };
        let owner = &frame.socket.owner;
        let present = presence_within(ports.presence, &owner.user, &users, via.as_ref()).await?;
        if watches {
            let session = frame.socket.session(SystemClock.now(), self.terms.session_ttl_seconds);
            watch(ports, &session, &present, via.as_ref()).await?;
        } else {
            unwatch(ports, owner, &users).await?;
        }
        Ok(ServerFrame::Presence(presence_update(&shown(&present))))
    }
}

impl FrameHandler for Presence {
    fn handle<'a>(&'a self, frame: Frame<'a>) -> BoxFuture<'a, Result<Option<ServerFrame>, Failure>> {
        Box::pin(async move {
            match frame.frame_type {
                FrameType::Heartbeat => self.heartbeat(&frame).await.map(Some),
                FrameType::Subscribe => self.present(&frame, true).await.map(Some),
                FrameType::Unsubscribe => self.present(&frame, false).await.map(Some),
                _ => Err(Failure::misrouted()),
            }
        })
    }

    fn warm_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.sessions.warm_up())
    }
}
