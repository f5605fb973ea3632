//! `tidings chat`: a chat in the terminal.

use crate::{
    chat,
    failure::{Failure, Result},
    names, output,
    service::ServiceArgs,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A user, or a conversation id.
    with: String,
}

pub(crate) async fn run(service: &ServiceArgs, args: &Args) -> Result<()> {
    if !output::is_terminal() {
        return Err(
            Failure::new("a chat needs a terminal").with_help("`tidings send` and `tidings tail` are for scripts")
        );
    }
    let service = service.find()?;
    let conversation = names::conversation(&service.user, &args.with)?;
    // What is shown is acknowledged, and nothing else.
    let builder = service.client("chat").await?.auto_ack(false);
    chat::run(builder, &service.user, &conversation).await
}
