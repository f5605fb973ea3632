//! The artifact of the one function that has codecs: the others start without them.

use std::sync::Arc;

use lambda_runtime::Error;
use tidings_fn_previews::Previews;
use tidings_runtime::{Adapters, config, run};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let handler = config::text("_HANDLER")?;
    tidings_telemetry::start(config::telemetry(&handler)?);
    let adapters = Adapters::load(&handler).await;
    match handler.as_str() {
        "previews" => run(Arc::new(Previews::build(&adapters)?)).await,
        unknown => Err(format!("there is no function {unknown:?} here").into()),
    }
}
