//! The notifier: takes pushes from their queue when an acknowledgement would have come, and sends what is still
//! worth it. What a push service does not take goes back, for longer each time.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tidings_bus::SqsPushQueue;
use tidings_domain::{
    limits::PUSH_RETRY_SECONDS_MAX,
    ports::BoxFuture,
    push::{Notified, PushPorts, notify, retry_after_seconds},
    signals::{Metric, measure, measure_reason},
};
use tidings_push::PushServices;
use tidings_runtime::{
    Adapters, Function, FunctionError, QueuedPush, SystemClock,
    config::{self, ConfigError},
    error_chain, queued_pushes,
};
use tidings_store::{DynamoConversations, DynamoDevices, DynamoLog, DynamoRules};
use tracing::{error, info, warn};

/// The function.
pub struct Notifier {
    log: DynamoLog,
    conversations: DynamoConversations,
    devices: DynamoDevices,
    rules: DynamoRules,
    services: PushServices,
    queue: SqsPushQueue,
    retry_seconds: u64,
}

impl Notifier {
    /// Builds the function from its configuration.
    pub fn build(adapters: &Adapters) -> Result<Self, ConfigError> {
        Ok(Self {
            log: adapters.log()?,
            conversations: adapters.conversations()?,
            devices: adapters.devices()?,
            rules: adapters.rules()?,
            services: adapters.push_services()?,
            queue: adapters.pushes()?,
            retry_seconds: config::number("PUSH_RETRY_SECONDS", 1, PUSH_RETRY_SECONDS_MAX)?,
        })
    }

    fn ports(&self) -> PushPorts<'_> {
        PushPorts {
            log: &self.log,
            conversations: &self.conversations,
            devices: &self.devices,
            registry: &self.devices,
            rules: &self.rules,
            marks: &self.devices,
            provider: &self.services,
            clock: &SystemClock,
        }
    }

    /// What became of a push; none where it is to come again.
    async fn settle(&self, push: &QueuedPush) -> Option<Notified> {
        let failure = match &push.job {
            Ok(job) => match notify(self.ports(), job).await {
                Ok(notified) => {
                    info!(conversation = %job.conversation, sequence = %job.sequence, outcome = ?notified, "push settled");
                    return Some(notified);
                }
                Err(failure) => error_chain(&failure),
            },
            // No retry will mend it: it goes to the on-failure queue when it has been received often enough.
            Err(reason) => {
                error!(id = push.id, reason, "a queued push cannot be read");
                return None;
            }
        };
        let after_seconds = retry_after_seconds(&SystemClock, self.retry_seconds, push.received);
        warn!(error = failure, received = push.received, after_seconds, "push not sent yet");
        if let Err(error) = self.queue.give_again(&push.receipt, after_seconds).await {
            // Then it comes again when the queue thinks so.
            warn!(error = error_chain(&error), "push not put off");
        }
        None
    }
}

fn count(settled: Option<Notified>) {
    let devices = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    match settled {
        None => measure(Metric::PushFailed, 1),
        Some(Notified::Sent(count)) => measure(Metric::PushSent, devices(count)),
        Some(Notified::Woken(count, reason)) => {
            measure(Metric::PushWoken, devices(count));
            measure_reason(Metric::PushDropped, 1, reason.name());
        }
        Some(Notified::Dropped(reason)) => measure_reason(Metric::PushDropped, 1, reason.name()),
    }
}

impl Function for Notifier {
    fn call(&self, event: Value) -> BoxFuture<'_, Result<Value, FunctionError>> {
        Box::pin(async move {
            let pushes = queued_pushes(event)?;
            let settled = join_all(pushes.iter().map(|push| self.settle(push))).await;
            settled.iter().copied().for_each(count);
            let again = pushes.iter().zip(&settled).filter(|(_, settled)| settled.is_none());
            let again: Vec<Value> = again.map(|(push, _)| json!({ "itemIdentifier": push.id })).collect();
            Ok(json!({ "batchItemFailures": again }))
        })
    }

    fn warm_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.conversations.warm_up())
    }
}
