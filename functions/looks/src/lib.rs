//! Takes looks at users from their queue, when what they are to see has lasted, and tells those who watch.
//!
//! Best effort: a look that fails comes again for some minutes, and then is worth nothing any more.

use serde_json::{Value, json};
use tidings_bus::SqsLooks;
use tidings_domain::{
    ports::BoxFuture,
    presence::PresencePorts,
    watching::{Look, WatchPorts, look},
};
use tidings_gateway::ApiGateway;
use tidings_runtime::{Adapters, Function, FunctionError, SystemClock, config::ConfigError, error_chain, queued_looks};
use tidings_store::{DynamoConversations, DynamoDevices, DynamoRules, DynamoSessions};
use tracing::{error, info};

/// The function.
pub struct Lookout {
    sessions: DynamoSessions,
    devices: DynamoDevices,
    conversations: DynamoConversations,
    rules: DynamoRules,
    looks: SqsLooks,
    gateway: ApiGateway,
}

impl Lookout {
    /// Builds the function from its configuration.
    pub fn build(adapters: &Adapters) -> Result<Self, ConfigError> {
        Ok(Self {
            sessions: adapters.sessions()?,
            devices: adapters.devices()?,
            conversations: adapters.conversations()?,
            rules: adapters.rules()?,
            looks: adapters.looks()?,
            gateway: adapters.gateway()?,
        })
    }
}

impl Function for Lookout {
    fn call(&self, event: Value) -> BoxFuture<'_, Result<Value, FunctionError>> {
        Box::pin(async move {
            let mut looks: Vec<Look> = Vec::new();
            for queued in queued_looks(event)? {
                match queued {
                    Ok(look) => looks.push(look),
                    Err(reason) => error!(reason, "a queued look cannot be read"),
                }
            }
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
            let looked = look(ports, &looks).await;
            let looked = looked.map_err(|error| FunctionError::Failed(error_chain(&error)))?;
            info!(looks = looks.len(), changed = looked.changed, frames = looked.frames, "looked");
            Ok(json!({ "batchItemFailures": [] }))
        })
    }

    fn warm_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.sessions.warm_up())
    }
}
