//! The one artifact: Lambda's `Handler` names the function that this process is.

use std::sync::Arc;

use lambda_runtime::Error;
use tidings_runtime::{Adapters, Function, config, run};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let handler = config::text("_HANDLER")?;
    tidings_telemetry::start(config::telemetry(&handler)?);
    let adapters = Adapters::load(&handler).await;
    run(function(&handler, &adapters)?).await
}

/// Adding a function is adding a folder and a row.
fn function(handler: &str, adapters: &Adapters) -> Result<Arc<dyn Function>, Error> {
    Ok(match handler {
        "authorizer" => Arc::new(tidings_fn_authorizer::Authorizer::build(adapters)?),
        "connect" => Arc::new(tidings_fn_connect::Connect::build(adapters)?),
        "disconnect" => Arc::new(tidings_fn_disconnect::Disconnect::build(adapters)?),
        "send" => Arc::new(tidings_fn_send::build(adapters)?),
        "ack" => Arc::new(tidings_fn_ack::build(adapters)?),
        "presence" => Arc::new(tidings_fn_presence::build(adapters)?),
        "sync" => Arc::new(tidings_fn_sync::build(adapters)?),
        "events" => Arc::new(tidings_fn_events::EventsOverHttp::build(adapters)?),
        "fanout" => Arc::new(tidings_fn_fanout::Fanout::build(adapters)?),
        "sequencer" => Arc::new(tidings_fn_sequencer::Sequencer::build(adapters)?),
        "repair" => Arc::new(tidings_fn_repair::Repair::build(adapters)?),
        "groups" => Arc::new(tidings_fn_groups::Groups::build(adapters)?),
        "looks" => Arc::new(tidings_fn_looks::Lookout::build(adapters)?),
        "media" => Arc::new(tidings_fn_media::Media::build(adapters)?),
        "mediacheck" => Arc::new(tidings_fn_mediacheck::MediaCheck::build(adapters)?),
        "messages" => Arc::new(tidings_fn_messages::Messages::build(adapters)?),
        "projector" => Arc::new(tidings_fn_projector::Projector::build(adapters)?),
        "sweeper" => Arc::new(tidings_fn_sweeper::Sweeper::build(adapters)?),
        "personal" => Arc::new(tidings_fn_personal::Personal::build(adapters)?),
        "admin" => Arc::new(tidings_fn_admin::Admin::build(adapters)?),
        "devices" => Arc::new(tidings_fn_devices::Devices::build(adapters)?),
        "keys" => Arc::new(tidings_fn_keys::Keys::build(adapters)?),
        "notifier" => Arc::new(tidings_fn_notifier::Notifier::build(adapters)?),
        "search" => Arc::new(tidings_fn_search::Search::build(adapters)?),
        "indexer" => Arc::new(tidings_fn_indexer::Indexer::build(adapters)?),
        "curator" => Arc::new(tidings_fn_curator::Curator::build(adapters)?),
        "api" => Arc::new(tidings_fn_api::Api::build(adapters)?),
        unknown => return Err(format!("there is no function {unknown:?}").into()),
    })
}
