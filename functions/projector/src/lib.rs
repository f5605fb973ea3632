//! The projector: makes the rows about single messages from the log table's stream.

use serde_json::Value;
use tidings_bus::FailureQueue;
use tidings_domain::{
    ports::BoxFuture,
    projector::{ProjectorPorts, project},
};
use tidings_media::S3Objects;
use tidings_runtime::{Adapters, Function, FunctionError, SystemClock, config::ConfigError, finish_batch, log_entries};
use tidings_store::{DynamoAbuse, DynamoAnnotations, DynamoLog, DynamoMedia, DynamoTimers};

/// The function.
pub struct Projector {
    annotations: DynamoAnnotations,
    log: DynamoLog,
    timers: DynamoTimers,
    media: DynamoMedia,
    objects: S3Objects,
    abuse: DynamoAbuse,
    failures: FailureQueue,
}

impl Projector {
    /// Builds the function from its configuration.
    pub fn build(adapters: &Adapters) -> Result<Self, ConfigError> {
        Ok(Self {
            annotations: adapters.annotations()?,
            log: adapters.log()?,
            timers: adapters.timers()?,
            media: adapters.media()?,
            objects: adapters.objects()?,
            abuse: adapters.abuse()?,
            failures: adapters.failures("projector")?,
        })
    }
}

impl Function for Projector {
    fn call(&self, event: Value) -> BoxFuture<'_, Result<Value, FunctionError>> {
        Box::pin(async move {
            let batch = log_entries(event)?;
            let ports = ProjectorPorts {
                annotations: &self.annotations,
                log: &self.log,
                eraser: &self.log,
                media: &self.media,
                objects: &self.objects,
                commitments: &self.abuse,
                timers: &self.timers,
                clock: &SystemClock,
            };
            let failures = project(ports, batch.items).await;
            Ok(finish_batch(batch.answer, &self.failures, &failures).await)
        })
    }

    fn warm_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.log.warm_up())
    }
}
