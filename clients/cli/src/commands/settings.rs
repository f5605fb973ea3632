//! `tidings settings`: mutes, pins and archives a conversation, sets the life of its messages, and agrees to search.

use tidings_sdk::protocol::{ConversationSettings, http::SettingsUpdate};

use crate::{
    clock::{Zone, now_ms},
    failure::Result,
    names, output,
    service::ServiceArgs,
};

const MINUTE_MS: u64 = 60_000;

#[derive(clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Args {
    /// A user, or a conversation id.
    of: String,
    /// No notifications for so many minutes.
    #[arg(long, value_name = "MINUTES", conflicts_with = "unmute")]
    mute: Option<u64>,
    /// Notifications again.
    #[arg(long)]
    unmute: bool,
    /// Pin it.
    #[arg(long, conflicts_with = "unpin")]
    pin: bool,
    /// Pin it no more.
    #[arg(long)]
    unpin: bool,
    /// Put it away.
    #[arg(long, conflicts_with = "unarchive")]
    archive: bool,
    /// Take it out again.
    #[arg(long)]
    unarchive: bool,
    /// The life of messages that name none, in seconds, for everyone in the conversation; 0: for ever.
    #[arg(long, value_name = "SECONDS")]
    ttl: Option<u64>,
    /// Agree that the text of what follows is indexed for search on the service; it is only while all members do.
    #[arg(long, conflicts_with = "unsearchable")]
    searchable: bool,
    /// Agree no more: what was indexed is taken away.
    #[arg(long)]
    unsearchable: bool,
    /// Print the settings as one line of JSON.
    #[arg(long)]
    json: bool,
}

impl Args {
    fn update(&self, now_ms: u64) -> SettingsUpdate {
        let switch = |on: bool, off: bool| (on || off).then_some(Some(on));
        let muted_until = self.mute.map(|minutes| Some(now_ms.saturating_add(minutes.saturating_mul(MINUTE_MS))));
        SettingsUpdate {
            muted_until: if self.unmute { Some(None) } else { muted_until },
            pinned: switch(self.pin, self.unpin),
            archived: switch(self.archive, self.unarchive),
            ttl_seconds: self.ttl.map(|seconds| Some(seconds).filter(|seconds| *seconds > 0)),
            searchable: switch(self.searchable, self.unsearchable),
        }
    }
}

pub(crate) async fn run(service: &ServiceArgs, args: &Args) -> Result<()> {
    let service = service.find()?;
    let conversation = names::conversation(&service.user, &args.of)?;
    let http = service.http("settings").await?;
    let settings = http.set_settings(&conversation, &args.update(now_ms())).await?;
    if args.json { output::json(&settings) } else { output::line(&line(&settings, &Zone::local(), now_ms())) }
}

fn line(settings: &ConversationSettings, zone: &Zone, now_ms: u64) -> String {
    let muted = settings.muted_until.filter(|until| *until > now_ms);
    let facts = [
        muted.map(|until| format!("muted until {}", zone.short(until, now_ms))),
        settings.pinned.then(|| "pinned".to_owned()),
        settings.archived.then(|| "archived".to_owned()),
        settings.ttl_seconds.map(|seconds| format!("messages live {seconds} s")),
        settings.text_indexed.then(|| "searchable by all members".to_owned()),
        (settings.searchable && !settings.text_indexed).then(|| "searchable once all members agree".to_owned()),
    ];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    if facts.is_empty() { "nothing is set".into() } else { facts.join(", ") }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn update(words: &[&str]) -> SettingsUpdate {
        Line::parse_from(["settings", "bob"].iter().chain(words)).args.update(1_000)
    }

    #[test]
    fn only_what_is_said_changes() {
        assert_eq!(update(&[]), SettingsUpdate::default());
        let all = update(&["--mute", "1", "--pin", "--unarchive", "--ttl", "60", "--searchable"]);
        let expected = SettingsUpdate {
            muted_until: Some(Some(61_000)),
            pinned: Some(Some(true)),
            archived: Some(Some(false)),
            ttl_seconds: Some(Some(60)),
            searchable: Some(Some(true)),
        };
        assert_eq!(all, expected);
        let none = update(&["--unmute", "--ttl", "0"]);
        assert_eq!((none.muted_until, none.ttl_seconds), (Some(None), Some(None)));
        assert!(Line::try_parse_from(["settings", "bob", "--pin", "--unpin"]).is_err());
    }

    #[test]
    fn says_what_is_set() {
        let at = 1_795_521_789_000;
        let mut settings = ConversationSettings {
            conversation_id: "g:crew".into(),
            muted_until: Some(at + 60_000),
            pinned: true,
            archived: false,
            ttl_seconds: Some(60),
            searchable: false,
            text_indexed: false,
        };
        assert_eq!(line(&settings, &Zone::utc(), at), "muted until 12:04, pinned, messages live 60 s");
        settings = ConversationSettings { pinned: false, ttl_seconds: None, ..settings };
        assert_eq!(line(&settings, &Zone::utc(), at + 60_000), "nothing is set");
    }
}
