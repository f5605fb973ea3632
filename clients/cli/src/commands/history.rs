//! `tidings history`: the last messages of a conversation.

use tidings_sdk::{
    Page,
    protocol::{MessageEvent, MessageNew},
};
use tidings_secure::SecureClient;

use crate::{clock::Zone, failure::Result, names, output, render, service::ServiceArgs};

/// The most that the service gives at once.
const PAGE_MAX: u32 = 100;
/// After any message, so that the last ones come: the largest sequence that the service takes.
pub(crate) const THE_END: u64 = (1 << 40) - 1;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A user, or a conversation id.
    of: String,
    /// So many messages.
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: u32,
    /// Only those before this number.
    #[arg(long, value_name = "NUMBER", default_value_t = THE_END, hide_default_value = true)]
    before: u64,
    /// Print each message as one line of JSON.
    #[arg(long)]
    json: bool,
    /// Print the number of each message before it.
    #[arg(long, conflicts_with = "json")]
    numbers: bool,
}

pub(crate) async fn run(service: &ServiceArgs, args: &Args) -> Result<()> {
    let service = service.find()?;
    let conversation = names::conversation(&service.user, &args.of)?;
    let (client, _) = service.start().await?;
    let found = async {
        client.catch_up().await?;
        last(&client, &conversation, args.before, args.limit).await
    }
    .await;
    client.close().await;
    let zone = Zone::local();
    for message in found?.into_iter().filter(|message| args.json || message.event != MessageEvent::Commit) {
        if args.json {
            output::json(&message)?;
        } else {
            let line = render::line(&message, &service.user, &zone, false);
            let number = if args.numbers { format!("{:>5}  ", message.sequence) } else { String::new() };
            output::line(&format!("{number}{line}"))?;
        }
    }
    Ok(())
}

/// The last messages before a sequence, in order.
async fn last(client: &SecureClient, conversation: &str, before: u64, limit: u32) -> Result<Vec<MessageNew>> {
    let mut pages = Vec::new();
    let (mut before, mut left) = (before, limit);
    while left > 0 {
        let page = Page { since: None, before: Some(before), limit: Some(left.min(PAGE_MAX)) };
        let page = client.messages(conversation, page).await?;
        let Some(first) = page.messages.first() else { break };
        before = first.sequence;
        left = left.saturating_sub(u32::try_from(page.messages.len()).unwrap_or(u32::MAX));
        pages.push(page.messages);
        if !page.has_more {
            break;
        }
    }
    Ok(pages.into_iter().rev().flatten().collect())
}
