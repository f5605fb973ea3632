//! The repair lane: consumes the log table's stream, some seconds behind.

use serde_json::Value;
use tidings_bus::{FailureQueue, KinesisBus};
use tidings_domain::{
    ports::BoxFuture,
    repair::{RepairPorts, repair},
};
use tidings_runtime::{Adapters, Function, FunctionError, SystemClock, config::ConfigError, finish_batch, log_entries};
use tidings_store::{DynamoConversations, DynamoSessions};

/// The function.
pub struct Repair {
    conversations: DynamoConversations,
    sessions: DynamoSessions,
    bus: KinesisBus,
    failures: FailureQueue,
}

impl Repair {
    /// Builds the function from its configuration.
    pub fn build(adapters: &Adapters) -> Result<Self, ConfigError> {
        Ok(Self {
            conversations: adapters.conversations()?,
            sessions: adapters.sessions()?,
            bus: adapters.bus()?,
            failures: adapters.failures("repair")?,
        })
    }
}

impl Function for Repair {
    fn call(&self, event: Value) -> BoxFuture<'_, Result<Value, FunctionError>> {
        Box::pin(async move {
            let batch = log_entries(event)?;
            let ports = RepairPorts {
                conversations: &self.conversations,
                sessions: &self.sessions,
                bus: &self.bus,
                clock: &SystemClock,
            };
            let failures = repair(ports, batch.items).await;
            Ok(finish_batch(batch.answer, &self.failures, &failures).await)
        })
    }

    fn warm_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.conversations.warm_up())
    }
}
