//! `tidings tail`: messages as they arrive.

use std::time::Duration;

use tidings_sdk::{DisconnectReason, Event, protocol::MessageNew};
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
    // What is not printed is not acknowledged: it is there for the next command.
    let (client, mut events) = service.client("tail").await?.auto_ack(false).connect()?;
    let end = args.timeout.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut left = args.count.unwrap_or(u64::MAX);
    let mut complained = false;
    let print = |message: &MessageNew| {
        if args.json { output::json(message) } else { output::line(&render::line(message, &service.user, &zone, true)) }
    };
    while left > 0 {
        let event = tokio::select! {
            event = events.next() => event,
            () = sleep_until(end.unwrap_or_else(Instant::now)), if end.is_some() => break,
            _ = tokio::signal::ctrl_c() => break,
        };
        match event {
            Some(Event::Message(message)) if only.as_ref().is_none_or(|only| *only == message.conversation_id) => {
                print(&message)?;
                client.ack(&message.conversation_id, message.sequence);
                if args.read {
                    client.mark_read(&message.conversation_id, message.sequence);
                }
                left -= 1;
            }
            Some(Event::Disconnected { reason: DisconnectReason::Stopped(error), .. }) => return Err(error.into()),
            Some(Event::Disconnected { reason: DisconnectReason::Renewed, .. }) => {}
            Some(Event::Disconnected { reason, .. }) if !complained => {
                complained = true;
                output::note(&format!("not connected: {reason}; trying again"));
            }
            Some(Event::Ready(_)) if complained => {
                complained = false;
                output::note("connected again");
            }
            Some(_) => {}
            None => break,
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
