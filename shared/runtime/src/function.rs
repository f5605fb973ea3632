//! The loop: one event after another, each through one `dyn` function.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use thiserror::Error;
use tidings_domain::chain;
use tidings_domain::{
    ports::BoxFuture,
    rate::RateLimited,
    signals::{Metric, measure, measure_reason},
};
use tidings_events::EventError;
use tokio::time::timeout;
use tracing::{Instrument, error, info, info_span};

/// A Lambda function.
pub trait Function: Send + Sync {
    /// Answers one event.
    fn call(&self, event: Value) -> BoxFuture<'_, Result<Value, FunctionError>>;

    /// Opens connections before the first event, by a read that finds nothing: in its init a
    /// function has more of a processor than later, and nobody waits. Failing it changes nothing.
    fn warm_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// The init of a function is paid for; a connection that takes longer is opened when it is needed.
const WARM_UP_MAX: Duration = Duration::from_secs(1);

/// Why an event was not answered: the invocation fails.
#[derive(Debug, Error)]
pub enum FunctionError {
    /// API Gateway turns exactly this message of an authorizer into 401.
    #[error("Unauthorized")]
    Unauthorized,
    /// There is too much of it. An authorizer can say no more than that it has failed; it is no fault of ours.
    #[error(transparent)]
    Limited(#[from] RateLimited),
    /// The event is not of the kind that this function is for.
    #[error("the event is not what this function is for")]
    Event(#[from] EventError),
    /// Something needed is away.
    #[error("{0}")]
    Failed(String),
}

/// Runs a function until Lambda ends the process.
pub async fn run(function: Arc<dyn Function>) -> Result<(), lambda_runtime::Error> {
    if timeout(WARM_UP_MAX, function.warm_up()).await.is_err() {
        info!("not warmed up in time");
    }
    let is_cold = AtomicBool::new(true);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        let function = function.clone();
        measure(Metric::ColdStarts, u64::from(is_cold.swap(false, Ordering::Relaxed)));
        let span = info_span!("invocation", request_id = %event.context.request_id);
        async move {
            let start = Instant::now();
            let called = function.call(event.payload).await.map_err(|failure| {
                match &failure {
                    FunctionError::Unauthorized => measure(Metric::Refusals, 1),
                    FunctionError::Limited(limited) => {
                        measure(Metric::Refusals, 1);
                        measure_reason(Metric::RateLimited, 1, limited.limit);
                    }
                    FunctionError::Event(_) | FunctionError::Failed(_) => {
                        error!(error = chain(&failure), "invocation failed");
                        measure(Metric::Faults, 1);
                    }
                }
                Diagnostic { error_type: "TidingsError".into(), error_message: failure.to_string() }
            });
            measure(Metric::Invocations, 1);
            measure(Metric::DurationMs, u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX));
            tidings_telemetry::finish_invocation();
            called
        }
        .instrument(span)
    }))
    .await
}
