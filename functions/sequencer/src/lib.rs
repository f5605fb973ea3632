//! The batch sequencer: consumes the stream of sends in hot conversations.

use serde_json::Value;
use tidings_bus::{FailureQueue, KinesisBus};
use tidings_domain::{
    ports::BoxFuture,
    sequencer::{SequencerPorts, sequence},
};
use tidings_gateway::ApiGateway;
use tidings_runtime::{
    Adapters, Function, FunctionError, SystemClock, config::ConfigError, finish_batch, pending_sends,
};
use tidings_store::{DynamoConversations, DynamoLog, DynamoSessions};

/// The function.
pub struct Sequencer {
    log: DynamoLog,
    conversations: DynamoConversations,
    sessions: DynamoSessions,
    bus: KinesisBus,
    gateway: ApiGateway,
    failures: FailureQueue,
}

impl Sequencer {
    /// Builds the function from its configuration.
    pub fn build(adapters: &Adapters) -> Result<Self, ConfigError> {
        Ok(Self {
            log: adapters.log()?,
            conversations: adapters.conversations()?,
            sessions: adapters.sessions()?,
            bus: adapters.bus()?,
            gateway: adapters.gateway()?,
            failures: adapters.failures("sequencer")?,
        })
    }
}

impl Function for Sequencer {
    fn call(&self, event: Value) -> BoxFuture<'_, Result<Value, FunctionError>> {
        Box::pin(async move {
            let batch = pending_sends(event)?;
            let ports = SequencerPorts {
                log: &self.log,
                conversations: &self.conversations,
                sessions: &self.sessions,
                bus: &self.bus,
                gateway: &self.gateway,
                clock: &SystemClock,
            };
            let failures = sequence(ports, batch.items).await;
            Ok(finish_batch(batch.answer, &self.failures, &failures).await)
        })
    }

    fn warm_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.log.warm_up())
    }
}
