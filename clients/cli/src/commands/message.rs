//! `tidings message`: what one does with a message, and what is known of it.

use serde_json::json;
use tidings_sdk::{
    Draft, Http, MessageRef, Page,
    protocol::{MessageNew, MessageSent, Payload, messages::Tallies},
};

use crate::{
    clock::Zone,
    failure::{Failure, Result},
    names, output, render,
    service::{Service, ServiceArgs},
};

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
    let http = service.http("message").await?;
    let message = numbered(&http, &conversation, args.number).await?;
    let target = MessageRef::from(&message);
    let sent = match &args.action {
        Action::Show => return show(&http, &service, &message).await,
        Action::Thread => return thread(&http, &service, &message).await,
        Action::Open => {
            let opened = http.open(&target).await?;
            return output::line(&render::content(&opened));
        }
        Action::Edit { text } => http.edit(&target, Payload::of(&json!({ "text": text.join(" ") }))).await?,
        Action::Delete => http.delete(&target).await?,
        Action::React { reaction } => http.react(&target, Some(reaction)).await?,
        Action::Unreact => http.react(&target, None).await?,
        Action::Vote { choices } => http.vote(&target, choices.iter().map(String::as_str)).await?,
        Action::Pin => http.pin(&target, true).await?,
        Action::Unpin => http.pin(&target, false).await?,
        Action::Forward { to } => {
            let to = names::conversation(&service.user, to)?;
            http.send(&to, Draft::forward(&message), 0).await?
        }
    };
    done(&sent)
}

fn done(sent: &MessageSent) -> Result<()> {
    output::line(&format!("sent: number {} of {}", sent.sequence, sent.conversation_id))
}

/// The message of a number.
pub(crate) async fn numbered(http: &Http, conversation: &str, number: u64) -> Result<MessageNew> {
    let page = Page { since: Some(number.saturating_sub(1)), before: None, limit: Some(1) };
    let found = http.messages(conversation, page).await?.messages.pop().filter(|message| message.sequence == number);
    found.ok_or_else(|| Failure::new(format!("there is no number {number} in {conversation}")))
}

async fn show(http: &Http, service: &Service, message: &MessageNew) -> Result<()> {
    let zone = Zone::local();
    let target = MessageRef::from(message);
    output::line(&render::line(message, &service.user, &zone, false))?;
    for edit in http.edits(&target, 0).await?.messages {
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

/// Each choice with how many and, as far as the first page tells, who.
fn counted(tallies: &Tallies) -> String {
    let one = |(choice, count): (&String, &u64)| {
        let chose = tallies.by_user.iter().filter(|user| user.choices.contains(choice));
        let users: Vec<&str> = chose.map(|user| user.user_id.as_str()).collect();
        format!("{} {count} ({})", render::clean(choice), users.join(", "))
    };
    tallies.counts.iter().map(one).collect::<Vec<_>>().join("; ")
}

async fn thread(http: &Http, service: &Service, message: &MessageNew) -> Result<()> {
    let zone = Zone::local();
    let mut since = message.sequence;
    loop {
        let page = http.thread(&message.conversation_id, &message.message_id, since).await?;
        for reply in &page.messages {
            output::line(&render::line(reply, &service.user, &zone, false))?;
        }
        since = page.next;
        if let Some(last) = page.messages.last() {
            http.read_thread(&message.conversation_id, &message.message_id, last.sequence).await?;
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
