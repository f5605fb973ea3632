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
    /// Do not encrypt: for whoever has no keys, such as a bot. A conversation that is encrypted stays so.
    #[arg(long)]
    clear: bool,
}

pub(crate) async fn run(service: &ServiceArgs, args: &Args) -> Result<()> {
    if !output::is_terminal() {
        return Err(
            Failure::new("a chat needs a terminal").with_help("`tidings send` and `tidings tail` are for scripts")
        );
    }
    let service = service.find()?;
    let conversation = names::conversation(&service.user, &args.with)?;
    let (client, events) = service.start().await?;
    if args.clear {
        client.set_clear(&conversation, true).await?;
    }
    chat::run(client, events, &service.user, &conversation).await
}
