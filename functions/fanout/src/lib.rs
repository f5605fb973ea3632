//! The durable lane: consumes the stream of events.

use serde_json::Value;
use tidings_bus::{FailureQueue, SqsPushQueue};
use tidings_domain::{
    fanout::{FanoutPorts, fan_out},
    limits::ANNOUNCED_AT_ONCE_MAX,
    ports::BoxFuture,
};
use tidings_gateway::ApiGateway;
use tidings_runtime::{
    Adapters, Function, FunctionError, SystemClock,
    config::{self, ConfigError},
    finish_batch, stream_records,
};
use tidings_store::{DynamoConversations, DynamoLog, DynamoMailboxes, DynamoRules, DynamoSessions};

/// The function.
pub struct Fanout {
    log: DynamoLog,
    conversations: DynamoConversations,
    sessions: DynamoSessions,
    gateway: ApiGateway,
    failures: FailureQueue,
    pushes: SqsPushQueue,
    mailboxes: DynamoMailboxes,
    rules: DynamoRules,
    announce_max: usize,
}

impl Fanout {
    /// Builds the function from its configuration.
    pub fn build(adapters: &Adapters) -> Result<Self, ConfigError> {
        Ok(Self {
            log: adapters.log()?,
            conversations: adapters.conversations()?,
            sessions: adapters.sessions()?,
            gateway: adapters.gateway()?,
            failures: adapters.failures("fanout")?,
            pushes: adapters.pushes()?,
            mailboxes: adapters.mailboxes()?,
            rules: adapters.rules()?,
            announce_max: config::number("ANNOUNCE_MAX", 1, ANNOUNCED_AT_ONCE_MAX)?,
        })
    }
}

impl Function for Fanout {
    fn call(&self, event: Value) -> BoxFuture<'_, Result<Value, FunctionError>> {
        Box::pin(async move {
            let batch = stream_records(event)?;
            let ports = FanoutPorts {
                log: &self.log,
                conversations: &self.conversations,
                sessions: &self.sessions,
                gateway: &self.gateway,
                pushes: &self.pushes,
                mailboxes: &self.mailboxes,
                rules: &self.rules,
                clock: &SystemClock,
            };
            let failures = fan_out(ports, self.announce_max, batch.items).await;
            Ok(finish_batch(batch.answer, &self.failures, &failures).await)
        })
    }

    fn warm_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.conversations.warm_up())
    }
}
