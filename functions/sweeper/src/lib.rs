//! The sweeper: comes by every minute and does what is due.

use serde_json::{Value, json};
use tidings_domain::{
    chain,
    ports::BoxFuture,
    timers::{SweepPorts, sweep},
};
use tidings_media::S3Objects;
use tidings_runtime::{Adapters, Function, FunctionError, MessageSender, config::ConfigError};
use tidings_store::{DynamoAbuse, DynamoLog, DynamoMedia, DynamoTimers};
use tracing::info;

/// The function.
pub struct Sweeper {
    log: DynamoLog,
    timers: DynamoTimers,
    media: DynamoMedia,
    objects: S3Objects,
    abuse: DynamoAbuse,
    sender: MessageSender,
}

impl Sweeper {
    /// Builds the function from its configuration.
    pub fn build(adapters: &Adapters) -> Result<Self, ConfigError> {
        Ok(Self {
            log: adapters.log()?,
            timers: adapters.timers()?,
            media: adapters.media()?,
            objects: adapters.objects()?,
            abuse: adapters.abuse()?,
            sender: MessageSender::build(adapters)?,
        })
    }
}

impl Function for Sweeper {
    fn call(&self, _: Value) -> BoxFuture<'_, Result<Value, FunctionError>> {
        Box::pin(async move {
            let ports = SweepPorts {
                timers: &self.timers,
                eraser: &self.log,
                media: &self.media,
                objects: &self.objects,
                commitments: &self.abuse,
                schedule: &self.timers,
                send: self.sender.ports(),
            };
            let done = sweep(ports, self.sender.terms()).await;
            let done = done.map_err(|error| FunctionError::Failed(chain(&error)))?;
            info!(done, "swept");
            Ok(json!({ "done": done }))
        })
    }

    fn warm_up(&self) -> BoxFuture<'_, ()> {
        self.sender.warm_up()
    }
}
