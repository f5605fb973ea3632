//! `tidings star` and `tidings stars`: marks messages, and prints those that are marked.

use tidings_sdk::{Http, Page, protocol::MessageNew};

use crate::{
    clock::{Zone, now_ms},
    failure::{Failure, Result},
    names, output, render,
    service::ServiceArgs,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A user, or a conversation id.
    of: String,
    /// The number of the message.
    number: u64,
    /// Take the mark away.
    #[arg(long)]
    remove: bool,
}

#[derive(clap::Args)]
pub(crate) struct ListArgs {
    /// Print each as one line of JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(service: &ServiceArgs, args: &Args) -> Result<()> {
    let service = service.find()?;
    let conversation = names::conversation(&service.user, &args.of)?;
    let http = service.http("star").await?;
    let message = message_at(&http, &conversation, args.number).await?;
    if args.remove {
        http.unstar(&conversation, &message.message_id, message.sequence).await?;
    } else {
        http.star(&conversation, &message.message_id, message.sequence).await?;
    }
    Ok(())
}

/// The message of a number.
pub(super) async fn message_at(http: &Http, conversation: &str, number: u64) -> Result<MessageNew> {
    let page = Page { since: number.checked_sub(1), before: None, limit: Some(1) };
    let found = http.messages(conversation, page).await?.messages.into_iter().find(|m| m.sequence == number);
    found.ok_or_else(|| Failure::new(format!("there is no message {number}")))
}

pub(crate) async fn list(service: &ServiceArgs, args: &ListArgs) -> Result<()> {
    let service = service.find()?;
    let http = service.http("star").await?;
    let zone = Zone::local();
    let mut before: Option<String> = None;
    loop {
        let page = http.stars(before.as_deref(), None).await?;
        for star in &page.stars {
            if args.json {
                output::json(star)?;
            } else {
                let title = render::clean(names::title(&service.user, &star.conversation_id));
                output::line(&format!("{title}  {}  {}", star.sequence, zone.short(star.ts, now_ms())))?;
            }
        }
        before = page.next;
        if before.is_none() {
            return Ok(());
        }
    }
}
