//! `tidings send`: one message.
//!
//! What the user has missed comes before it, into the vault: a message is encrypted for those who are in the conversation
//! by now.

use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;
use tidings_sdk::{
    Draft, Http,
    protocol::{MessageSent, http::ReceiptStatus},
};
use tidings_secure::{Event, Events, SecureClient, Waiting};
use tokio::time::{Instant, sleep};

use crate::{
    clock::now_ms,
    commands::message::numbered,
    failure::{Failure, NOT_RUNNING_HELP, Result},
    names, output,
    service::ServiceArgs,
};

const LOOK_EVERY: Duration = Duration::from_millis(250);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A user, or a conversation id.
    to: String,
    /// The text; several words are joined.
    #[arg(required = true)]
    text: Vec<String>,
    /// Answer the message of this number.
    #[arg(long, value_name = "NUMBER")]
    reply: Option<u64>,
    /// Say it in the thread of the message of this number.
    #[arg(long, value_name = "NUMBER")]
    thread: Option<u64>,
    /// Draw the attention of these users; `@all` is everyone.
    #[arg(long, value_name = "USER")]
    mention: Vec<String>,
    /// Each reader opens it once.
    #[arg(long)]
    once: bool,
    /// It goes after so many seconds.
    #[arg(long, value_name = "SECONDS")]
    life: Option<u64>,
    /// A poll with these choices; the text is the question.
    #[arg(long, value_name = "CHOICE")]
    poll: Vec<String>,
    /// Send it in so many seconds. The service keeps it until then, in the clear.
    #[arg(long, value_name = "SECONDS", conflicts_with = "wait", requires = "clear")]
    later: Option<u64>,
    /// Do not encrypt: for whoever has no keys, such as a bot. A conversation that is encrypted stays so.
    #[arg(long)]
    clear: bool,
    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
    /// Wait until all members have got this far.
    #[arg(long, value_enum)]
    wait: Option<Wait>,
    /// How long to wait, in seconds.
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    timeout: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Wait {
    Delivered,
    Read,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    #[serde(flatten)]
    sent: &'a MessageSent,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<ReceiptStatus>,
}

pub(crate) async fn run(service: &ServiceArgs, args: Args) -> Result<()> {
    let service = service.find()?;
    let conversation = names::conversation(&service.user, &args.to)?;
    if let Some(seconds) = args.later {
        let http = service.http("send").await?;
        let draft = draft(&http, &conversation, &args).await?;
        let at = now_ms().saturating_add(seconds.saturating_mul(1000));
        let scheduled = http.schedule(&conversation, draft, at).await?;
        if args.json {
            return output::json(&scheduled);
        }
        return output::line(&format!("to be sent in {seconds} s to {conversation}: {}", scheduled.message_id));
    }
    let (client, mut events) = service.start().await?;
    let done = async {
        let draft = draft(client.http(), &conversation, &args).await?;
        let patience = Duration::from_secs(args.timeout);
        let sent = deliver(&client, &mut events, &conversation, draft, args.clear, patience).await?;
        let status = match args.wait {
            Some(wait) => Some(wait_for(client.http(), &sent, wait, patience).await?),
            None => None,
        };
        Ok::<_, Failure>((sent, status))
    }
    .await;
    client.close().await;
    let (sent, status) = done?;
    if args.json {
        return output::json(&Report { sent: &sent, status });
    }
    let mark = match status {
        None | Some(ReceiptStatus::Sent) => "sent",
        Some(ReceiptStatus::Delivered) => "delivered",
        Some(ReceiptStatus::Read) => "read",
    };
    output::line(&format!("{mark}: number {} of {conversation}", sent.sequence))
}

/// Sends a message and waits until it is accepted. What cannot go soon is taken back, so that it does not go later
/// behind the user's back.
pub(crate) async fn deliver(
    client: &SecureClient,
    events: &mut Events,
    conversation: &str,
    draft: Draft,
    is_clear: bool,
    patience: Duration,
) -> Result<MessageSent> {
    if is_clear {
        client.set_clear(conversation, true).await?;
    }
    let sending = client.send(conversation, draft).await;
    let id = sending.client_msg_id().to_owned();
    let mut accepted = std::pin::pin!(sending);
    let mut end = std::pin::pin!(sleep(patience));
    let mut why = None;
    let failure = loop {
        let event = tokio::select! {
            biased;
            answer = &mut accepted => return Ok(answer?),
            event = events.next() => event,
            () = &mut end => break waiting(conversation, why.as_ref()),
        };
        match event {
            Some(Event::Waiting { conversation_id, reason }) if conversation_id == conversation => {
                if matches!(reason, Waiting::Keys { .. } | Waiting::Founding) {
                    break waiting(conversation, Some(&reason));
                }
                why = Some(reason);
            }
            Some(Event::Failed { error }) => break Failure::new(error),
            Some(_) => {}
            // The client has stopped; the answer says why.
            None => return Ok(accepted.await?),
        }
    };
    client.withdraw(conversation, &id).await?;
    Err(failure)
}

/// Why a message does not go.
fn waiting(conversation: &str, reason: Option<&Waiting>) -> Failure {
    match reason {
        Some(Waiting::Keys { user_id }) => Failure::new(format!("not sent: {user_id} has no device with keys yet"))
            .with_help(
                "they have one when they have run `tidings chat` or `tidings tail` once; --clear sends it unencrypted",
            ),
        Some(Waiting::Founding) => Failure::new(format!("not sent: {conversation} is not encrypted yet"))
            .with_help("an admin encrypts it, by sending something; --clear sends it unencrypted"),
        Some(Waiting::BeingAdded) => Failure::new("not sent: this device has not been added to the conversation yet")
            .with_help("a device of a member adds it when it is connected: try again, with a longer --timeout"),
        Some(Waiting::Service(why)) => Failure::new(format!("not sent: {why}")).with_help(NOT_RUNNING_HELP),
        _ => Failure::new("not sent in time").with_help(NOT_RUNNING_HELP),
    }
}

async fn draft(http: &Http, conversation: &str, args: &Args) -> Result<Draft> {
    let text = args.text.join(" ");
    let mut draft = if args.poll.is_empty() { Draft::text(text) } else { Draft::poll(text, &args.poll) };
    draft = draft.mentions(&args.mention);
    if let Some(number) = args.reply {
        draft = draft.in_reply_to(numbered(http, conversation, number).await?.message_id);
    }
    if let Some(number) = args.thread {
        draft = draft.thread_root(numbered(http, conversation, number).await?.message_id);
    }
    if args.once {
        draft = draft.view_once();
    }
    if let Some(seconds) = args.life {
        draft = draft.ttl_seconds(seconds);
    }
    Ok(draft)
}

async fn wait_for(http: &Http, sent: &MessageSent, wait: Wait, timeout: Duration) -> Result<ReceiptStatus> {
    let deadline = Instant::now() + timeout;
    loop {
        let receipts = http.receipts(&sent.conversation_id, &sent.message_id).await?;
        let lowest = lowest(receipts.status_by_user.values().copied());
        if rank(lowest) >= rank(wait.into()) {
            return Ok(lowest);
        }
        if Instant::now() + LOOK_EVERY > deadline {
            let message = format!("not {wait:?} within {} s: number {}", timeout.as_secs(), sent.sequence);
            return Err(Failure::new(message.to_lowercase()).with_help("it was sent, and will arrive"));
        }
        sleep(LOOK_EVERY).await;
    }
}

impl From<Wait> for ReceiptStatus {
    fn from(wait: Wait) -> Self {
        match wait {
            Wait::Delivered => Self::Delivered,
            Wait::Read => Self::Read,
        }
    }
}

/// How far the slowest member is. A conversation without other members is read by all of them.
fn lowest(statuses: impl Iterator<Item = ReceiptStatus>) -> ReceiptStatus {
    statuses.min_by_key(|status| rank(*status)).unwrap_or(ReceiptStatus::Read)
}

fn rank(status: ReceiptStatus) -> u8 {
    match status {
        ReceiptStatus::Sent => 0,
        ReceiptStatus::Delivered => 1,
        ReceiptStatus::Read => 2,
    }
}

#[cfg(test)]
mod tests {
    use ReceiptStatus::{Delivered, Read, Sent};

    use super::*;

    #[test]
    fn the_slowest_member_counts() {
        assert_eq!(lowest([Read, Delivered, Read].into_iter()), Delivered);
        assert_eq!(lowest([Sent, Read].into_iter()), Sent);
        assert_eq!(lowest(std::iter::empty()), Read);
    }
}
