//! `tidings list`: the conversations.

use tidings_sdk::protocol::http::ConversationSummary;
use unicode_width::UnicodeWidthStr;

use crate::{
    clock::{Zone, now_ms},
    failure::Result,
    names, output, render,
    service::ServiceArgs,
};

/// The service counts exactly up to here.
const UNREAD_EXACT_MAX: u64 = 100;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Print each conversation as one line of JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(service: &ServiceArgs, args: &Args) -> Result<()> {
    let service = service.find()?;
    let http = service.http("list").await?;
    let mut conversations = Vec::new();
    let mut since: Option<String> = None;
    loop {
        let page = http.conversations(since.as_deref(), None).await?;
        conversations.extend(page.conversations);
        if !page.has_more {
            break;
        }
        since = Some(page.next);
    }
    if args.json {
        return conversations.iter().try_for_each(output::json);
    }
    if conversations.is_empty() {
        output::note("no conversations yet: `tidings chat USER` begins one");
    }
    table(&conversations, &service.user, &Zone::local(), now_ms()).iter().try_for_each(|line| output::line(line))
}

/// A group's title is followed by its id, by which commands know it.
fn title(row: &ConversationSummary, me: &str) -> String {
    let name = render::clean(names::title(me, &row.conversation_id));
    match &row.title {
        Some(title) => format!("{}  {name}", render::clean(title)),
        None => name,
    }
}

fn table(conversations: &[ConversationSummary], me: &str, zone: &Zone, now_ms: u64) -> Vec<String> {
    let titles: Vec<String> = conversations.iter().map(|row| title(row, me)).collect();
    let width = titles.iter().map(|title| title.width()).max().unwrap_or(0);
    let line = |(row, title): (&ConversationSummary, &String)| {
        let pad = " ".repeat(width - title.width());
        let unread = match row.unread {
            0 => String::new(),
            unread if unread >= UNREAD_EXACT_MAX => format!("  {UNREAD_EXACT_MAX}+ unread"),
            unread => format!("  {unread} unread"),
        };
        let mentions = if row.mentions > 0 { format!("  {} mention you", row.mentions) } else { String::new() };
        let flag = |is: bool, name: &str| if is { format!("  {name}") } else { String::new() };
        let flags = [
            flag(!row.encrypted, "NOT encrypted"),
            flag(row.pinned, "pinned"),
            flag(row.muted, "muted"),
            flag(row.archived, "archived"),
            flag(row.request, "a request"),
        ]
        .concat();
        format!("{title}{pad}  {}{unread}{mentions}{flags}", zone.short(row.last_ts, now_ms))
    };
    conversations.iter().zip(&titles).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_per_conversation() {
        let at = 1_795_521_789_000;
        let row = |conversation: &str, unread, muted, last_ts| ConversationSummary {
            conversation_id: conversation.into(),
            last_sequence: 5,
            read_up_to: 5,
            delivered_up_to: 5,
            unread,
            mentions: unread / 2,
            muted,
            muted_until: None,
            pinned: muted,
            archived: muted,
            request: false,
            title: conversation.strip_prefix("g:").map(|_| "The team".into()),
            avatar: None,
            ttl_seconds: None,
            encrypted: !muted,
            last_ts,
            last_message: None,
        };
        let rows = [row("u:alice|u:bob", 2, false, at), row("g:the-team", 100, true, at - 86_400_000)];
        assert_eq!(
            table(&rows, "alice", &Zone::utc(), at),
            [
                "bob                   12:03  2 unread  1 mention you",
                "The team  g:the-team  23 Nov  100+ unread  50 mention you  NOT encrypted  pinned  muted  archived"
            ]
        );
    }
}
