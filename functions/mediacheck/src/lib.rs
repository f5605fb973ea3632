//! Looks at what was uploaded, and hears what a scan says of it: from then on it is ready, or refused.

use serde_json::{Value, json};
use tidings_domain::{
    chain,
    media::{CheckPorts, check, judge},
    ports::BoxFuture,
};
use tidings_media::S3Objects;
use tidings_runtime::{
    Adapters, Function, FunctionError, ObjectEvent,
    config::{self, ConfigError},
    object_events,
};
use tidings_store::DynamoMedia;

/// The function.
pub struct MediaCheck {
    media: DynamoMedia,
    objects: S3Objects,
    needs_scan: bool,
}

impl MediaCheck {
    /// Builds the function from its configuration.
    pub fn build(adapters: &Adapters) -> Result<Self, ConfigError> {
        Ok(Self { media: adapters.media()?, objects: adapters.objects()?, needs_scan: config::flag("MEDIA_SCAN")? })
    }
}

impl Function for MediaCheck {
    /// What fails, fails the invocation: the queue gives the message again, and puts it away after several times.
    fn call(&self, event: Value) -> BoxFuture<'_, Result<Value, FunctionError>> {
        Box::pin(async move {
            let ports = CheckPorts { media: &self.media, objects: &self.objects, needs_scan: self.needs_scan };
            for event in object_events(event)? {
                let done = match &event {
                    ObjectEvent::Created { key } => check(ports, key).await,
                    ObjectEvent::Scanned { key, verdict } => judge(ports, key, *verdict).await,
                };
                done.map_err(|error| FunctionError::Failed(chain(&error)))?;
            }
            Ok(json!({}))
        })
    }
}
