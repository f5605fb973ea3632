//! `tidings message`: what one does with a message, and what is known of it.

use serde_json::json;
use std::time::Duration;

use tidings_sdk::{
    Draft, Http, MessageRef, Page,
    protocol::{MessageNew, MessageSent, messages::Tallies},
};
use tidings_secure::{Events, SecureClient};

use crate::{
    clock::Zone,
    commands::send::deliver,
    failure::{Failure, Result},
    names, output, render,
    service::{Service, ServiceArgs},
};

/// How long passing on waits for the conversation.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A user, or a conversation id.
    of: String,
    /// The number of the message; `tidings history --numbers` shows them.
    number: u64,
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Show it, with its edits, reactions and votes.
    Show,
    /// Give it another text.
    Edit {
        /// The text; several words are joined.
        #[arg(required = true)]
        text: Vec<String>,
    },
    /// Take it back, for everyone.
    Delete,
    /// React to it.
    React {
        /// For example 👍.
        reaction: String,
    },
    /// Take one's reaction back.
    Unreact,
    /// Vote in it.
    Vote {
        /// What is chosen; nothing takes the vote back.
        choices: Vec<String>,
    },
    /// Pin it for everyone.
    Pin,
    /// Unpin it.
    Unpin,
    /// Open what is opened once.
    Open,
    /// Pass its content on.
    Forward {
        /// A user, or a conversation id.
        to: String,
    },
    /// Show the replies of its thread, and mark them as read.
    Thread,
}

pub(crate) async fn run(service: &ServiceArgs, args: &Args) -> Result<()> {
    let service = service.find()?;
    let conversation = names::conversation(&service.user, &args.of)?;
    let (client, mut events) = service.start().await?;
    let done = act(&client, &mut events, &service, &conversation, args).await;
    client.close().await;
    done
}

async fn act(
    client: &SecureClient,
    events: &mut Events,
    service: &Service,
    conversation: &str,
    args: &Args,
) -> Result<()> {
    catch_up(client, events).await?;
    let http = client.http();
    let message = kept(client, conversation, args.number).await?;
    let target = MessageRef::from(&message);
    let sent = match &args.action {
        Action::Show => return show(client, service, &message).await,
        Action::Thread => return thread(client, service, &message).await,
        Action::Open => {
            let opened = client.open(&target).await?;
            return output::line(&render::content(&opened));
        }
        Action::Edit { text } => client.edit(&target, &json!({ "text": text.join(" ") })).await?,
        Action::Delete => http.delete(&target).await?,
        Action::React { reaction } => client.react(&target, Some(reaction)).await?,
        Action::Unreact => client.react(&target, None).await?,
        Action::Vote { choices } => client.vote(&target, choices).await?,
        Action::Pin => http.pin(&target, true).await?,
        Action::Unpin => http.pin(&target, false).await?,
        Action::Forward { to } => {
            let to = names::conversation(&service.user, to)?;
            deliver(client, events, &to, Draft::forward(&message), false, PATIENCE).await?
        }
    };
    done(&sent)
}

/// Takes in what has come. Its events are read meanwhile, for the client waits where too many are not.
async fn catch_up(client: &SecureClient, events: &mut Events) -> Result<()> {
    let mut caught_up = std::pin::pin!(client.catch_up());
    loop {
        tokio::select! {
            done = &mut caught_up => return Ok(done?),
            Some(_) = events.next() => {}
        }
    }
}

fn done(sent: &MessageSent) -> Result<()> {
    output::line(&format!("sent: number {} of {}", sent.sequence, sent.conversation_id))
}

/// The message of a number, as this device can read it.
pub(crate) async fn kept(client: &SecureClient, conversation: &str, number: u64) -> Result<MessageNew> {
    let page = Page { since: Some(number.saturating_sub(1)), before: None, limit: Some(1) };
    let found = client.messages(conversation, page).await?.messages.pop();
    let found = found.filter(|message| message.sequence == number);
    found.ok_or_else(|| Failure::new(format!("there is no number {number} in {conversation}")))
}

/// The message of a number, as the service has it.
pub(crate) async fn numbered(http: &Http, conversation: &str, number: u64) -> Result<MessageNew> {
    let page = Page { since: Some(number.saturating_sub(1)), before: None, limit: Some(1) };
    let found = http.messages(conversation, page).await?.messages.pop().filter(|message| message.sequence == number);
    found.ok_or_else(|| Failure::new(format!("there is no number {number} in {conversation}")))
}

async fn show(client: &SecureClient, service: &Service, message: &MessageNew) -> Result<()> {
    let (zone, http) = (Zone::local(), client.http());
    let target = MessageRef::from(message);
    output::line(&render::line(message, &service.user, &zone, false))?;
    for edit in readable(client, http.edits(&target, 0).await?.messages).await? {
        output::line(&render::line(&edit, &service.user, &zone, false))?;
    }
    for (what, tallies) in
        [("reactions", http.reactions(&target, None).await?), ("votes", http.votes(&target, None).await?)]
    {
        if !tallies.counts.is_empty() {
            output::line(&format!("{what}: {}", counted(&tallies)))?;
        }
    }
    Ok(())
}

/// Entries with what this device can read in them.
async fn readable(client: &SecureClient, mut messages: Vec<MessageNew>) -> Result<Vec<MessageNew>> {
    let read = client.with(move |account| account.read_page(&mut messages).map(|()| messages)).await?;
    Ok(read?)
}

/// Each choice with how many and, as far as the first page tells, who.
fn counted(tallies: &Tallies) -> String {
    let one = |(choice, count): (&String, &u64)| {
        let chose = tallies.by_user.iter().filter(|user| user.choices.contains(choice));
        let users: Vec<&str> = chose.map(|user| user.user_id.as_str()).collect();
        format!("{} {count} ({})", render::clean(choice), users.join(", "))
    };
    tallies.counts.iter().map(one).collect::<Vec<_>>().join("; ")
}

async fn thread(client: &SecureClient, service: &Service, message: &MessageNew) -> Result<()> {
    let (zone, http) = (Zone::local(), client.http());
    let mut since = message.sequence;
    loop {
        let page = http.thread(&message.conversation_id, &message.message_id, since).await?;
        let last = page.messages.last().map(|last| last.sequence);
        for reply in readable(client, page.messages).await? {
            output::line(&render::line(&reply, &service.user, &zone, false))?;
        }
        since = page.next;
        if let Some(last) = last {
            http.read_thread(&message.conversation_id, &message.message_id, last).await?;
        }
        if !page.has_more {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use tidings_sdk::protocol::messages::UserChoices;

    use super::*;

    #[test]
    fn counts_tell_who_chose_what() {
        let chose = |user: &str, choices: &[&str]| UserChoices {
            user_id: user.into(),
            choices: choices.iter().map(|choice| (*choice).into()).collect(),
        };
        let tallies = Tallies {
            counts: [("yes".into(), 2), ("no".into(), 1)].into(),
            by_user: vec![chose("alice", &["yes"]), chose("bob", &["yes", "no"])],
            next: None,
        };
        assert_eq!(counted(&tallies), "no 1 (bob); yes 2 (alice, bob)");
    }
}
