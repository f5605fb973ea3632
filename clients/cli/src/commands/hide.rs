//! `tidings hide`: deletes a message for oneself.

use super::star::message_at;
use crate::{failure::Result, names, service::ServiceArgs};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A user, or a conversation id.
    of: String,
    /// The number of the message.
    number: u64,
}

pub(crate) async fn run(service: &ServiceArgs, args: &Args) -> Result<()> {
    let service = service.find()?;
    let conversation = names::conversation(&service.user, &args.of)?;
    let http = service.http("hide").await?;
    let message = message_at(&http, &conversation, args.number).await?;
    Ok(http.hide(&conversation, &message.message_id, Some(message.sequence)).await?)
}
