//! Makes previews that were asked for, out of a queue: a picture takes a second, sound and films may take a minute.

use serde_json::{Value, json};
use tidings_domain::{
    media::{MakePorts, make},
    ports::BoxFuture,
};
use tidings_media::S3Objects;
use tidings_preview::Studio;
use tidings_runtime::{
    Adapters, Function, FunctionError, SystemClock, config::ConfigError, error_chain, queued_previews,
};
use tidings_store::DynamoMedia;
use tracing::{error, info, warn};

/// The function.
pub struct Previews {
    media: DynamoMedia,
    objects: S3Objects,
}

impl Previews {
    /// Builds the function from its configuration.
    pub fn build(adapters: &Adapters) -> Result<Self, ConfigError> {
        Ok(Self { media: adapters.media()?, objects: adapters.objects()? })
    }
}

impl Function for Previews {
    fn call(&self, event: Value) -> BoxFuture<'_, Result<Value, FunctionError>> {
        Box::pin(async move {
            let ports = MakePorts { media: &self.media, objects: &self.objects, maker: &Studio, clock: &SystemClock };
            let mut again = Vec::new();
            for queued in queued_previews(event)? {
                match queued.handle {
                    Ok(handle) => match make(ports, handle).await {
                        Ok(()) => info!(%handle, "preview settled"),
                        Err(failure) => {
                            warn!(%handle, error = error_chain(&failure), "preview not made yet");
                            again.push(json!({ "itemIdentifier": queued.id }));
                        }
                    },
                    // No retry will mend it: it is put away when it has been received often enough.
                    Err(reason) => {
                        error!(id = queued.id, reason, "a queued preview cannot be read");
                        again.push(json!({ "itemIdentifier": queued.id }));
                    }
                }
            }
            Ok(json!({ "batchItemFailures": again }))
        })
    }
}
