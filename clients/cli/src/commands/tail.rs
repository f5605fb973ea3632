//! `tidings tail`: messages as they arrive.

use std::time::Duration;

use tidings_sdk::{DisconnectReason, Event as ClientEvent, protocol::MessageNew};
use tidings_secure::{AccountError, Event, SecureClient};
use tokio::time::{Instant, sleep_until};

use crate::{
    clock::Zone,
    failure::{Failure, Result},
    names, output, render,
    service::ServiceArgs,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this conversation: a user, or a conversation id.
    from: Option<String>,
    /// Print each message as one line of JSON.
    #[arg(long)]
    json: bool,
    /// End after so many messages.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// End after so many seconds: with success, or, before --count messages have come, without.
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// Say that the messages were read, too.
    #[arg(long)]
    read: bool,
}

pub(crate) async fn run(service: &ServiceArgs, args: &Args) -> Result<()> {
    let service = service.find()?;
    let only = args.from.as_deref().map(|typed| names::conversation(&service.user, typed)).transpose()?;
    let zone = Zone::local();
    let (client, mut events) = service.start().await?;
    let end = args.timeout.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut left = args.count.unwrap_or(u64::MAX);
    let mut complained = false;
    let print = |message: &MessageNew| {
        if args.json { output::json(message) } else { output::line(&render::line(message, &service.user, &zone, true)) }
    };
    // What another command took in before, and nobody was shown.
    for message in unshown(&client, only.as_deref(), left).await? {
        print(&message)?;
        shown(&client, &message, args.read).await?;
        left -= 1;
    }
    while left > 0 {
        let event = tokio::select! {
            event = events.next() => event,
            () = sleep_until(end.unwrap_or_else(Instant::now)), if end.is_some() => break,
            _ = tokio::signal::ctrl_c() => break,
        };
        let event = match event {
            Some(Event::Client(event)) => *event,
            Some(Event::Failed { error }) => return Err(Failure::new(error)),
            Some(event) => {
                if let Some(note) = render::note(&event) {
                    output::note(&note);
                }
                continue;
            }
            None => break,
        };
        match event {
            ClientEvent::Message(message) if only.as_ref().is_none_or(|only| *only == message.conversation_id) => {
                print(&message)?;
                shown(&client, &message, args.read).await?;
                left -= 1;
            }
            ClientEvent::Disconnected { reason: DisconnectReason::Stopped(error), .. } => return Err(error.into()),
            ClientEvent::Disconnected { reason: DisconnectReason::Renewed, .. } => {}
            ClientEvent::Disconnected { reason, .. } if !complained => {
                complained = true;
                output::note(&format!("not connected: {reason}; trying again"));
            }
            ClientEvent::Ready(_) if complained => {
                complained = false;
                output::note("connected again");
            }
            _ => {}
        }
    }
    client.close().await;
    match args.count {
        Some(count) if left > 0 && end.is_some_and(|end| Instant::now() >= end) => {
            Err(Failure::new(format!("only {} of {count} messages came in time", count - left)))
        }
        _ => Ok(()),
    }
}

/// Messages of others that are in the vault, and that no `tail` has printed, oldest first.
async fn unshown(client: &SecureClient, only: Option<&str>, limit: u64) -> Result<Vec<MessageNew>> {
    let (me, only) = (client.user().to_owned(), only.map(str::to_owned));
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let found = client
        .with(move |account| {
            let mut found = Vec::new();
            for conversation in account.vault().conversations()? {
                if only.as_ref().is_none_or(|only| *only == conversation.id) {
                    let kept = account.kept_after(&conversation.id, conversation.read_up_to)?;
                    found.extend(kept.into_iter().filter(|message| message.sender_user_id != me));
                }
            }
            found.sort_by_key(|message| message.ts);
            found.truncate(limit);
            Ok::<_, AccountError>(found)
        })
        .await?;
    Ok(found?)
}

/// It was printed: it is not printed again.
async fn shown(client: &SecureClient, message: &MessageNew, is_read: bool) -> Result<()> {
    let (conversation, sequence) = (message.conversation_id.clone(), message.sequence);
    if is_read {
        client.mark_read(&conversation, sequence);
    }
    let kept = client.with(move |account| account.vault_mut().write(|tx| tx.set_read(&conversation, sequence))).await?;
    Ok(kept.map_err(AccountError::from)?)
}
