//! The durable lane: consumes the stream of events.

use serde_json::Value;
use tidings_bus::FailureQueue;
use tidings_domain::{
    fanout::{FanoutPorts, fan_out},
    ports::BoxFuture,
};
use tidings_gateway::ApiGateway;
use tidings_runtime::{
    Adapters, Function, FunctionError, SystemClock,
    config::{self, ConfigError},
    kinesis_records,
};
use tidings_store::{DynamoConversations, DynamoSessions};

/// The function.
pub struct Fanout {
    conversations: DynamoConversations,
    sessions: DynamoSessions,
    gateway: ApiGateway,
    failures: FailureQueue,
    push_members_max: usize,
}

impl Fanout {
    /// Builds the function from its configuration.
    pub fn build(adapters: &Adapters) -> Result<Self, ConfigError> {
        Ok(Self {
            conversations: adapters.conversations()?,
            sessions: adapters.sessions()?,
            gateway: adapters.gateway(),
            failures: adapters.failures("fanout")?,
            push_members_max: config::number("PUSH_MEMBERS_MAX", 2, 10_000)?,
        })
    }
}

impl Function for Fanout {
    fn call(&self, event: Value) -> BoxFuture<'_, Result<Value, FunctionError>> {
        Box::pin(async move {
            let batch = kinesis_records(event)?;
            let ports = FanoutPorts {
                conversations: &self.conversations,
                sessions: &self.sessions,
                gateway: &self.gateway,
                clock: &SystemClock,
            };
            let failures = fan_out(ports, self.push_members_max, batch.items).await;
            Ok(batch.answer.finish(&self.failures, &failures).await)
        })
    }

    fn warm_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.conversations.warm_up())
    }
}
