//! `tidings search`: the history of this device, and what the service knows.

use tidings_sdk::protocol::search::SearchHit;
use tidings_secure::{FoundMessage, Hit, Query};

use crate::{clock::Zone, failure::Result, names, output, render, service::ServiceArgs};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Words, each of which must be there; a beginning or a misspelt word will do.
    words: Vec<String>,
    /// Take no misspelt words.
    #[arg(long)]
    exact: bool,
    /// Only in this conversation: a user, or a conversation id.
    #[arg(long = "in", value_name = "OF")]
    within: Option<String>,
    /// Only what this user wrote.
    #[arg(long, value_name = "USER")]
    from: Option<String>,
    /// Only where this user is mentioned.
    #[arg(long, value_name = "USER")]
    mention: Option<String>,
    /// Only of this kind, such as `image`.
    #[arg(long)]
    kind: Vec<String>,
    /// Only after this moment, in ms since the epoch.
    #[arg(long, value_name = "MS")]
    after: Option<u64>,
    /// Only before this moment, in ms since the epoch.
    #[arg(long, value_name = "MS")]
    before: Option<u64>,
    /// So many.
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: usize,
    /// Only in the history of this device: the service does not hear what is looked for.
    #[arg(long)]
    local: bool,
    /// Print each as a line of JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(service: &ServiceArgs, args: &Args) -> Result<()> {
    let service = service.find()?;
    let within = args.within.as_deref().map(|of| names::conversation(&service.user, of)).transpose()?;
    let query = Query {
        text: args.words.join(" "),
        is_prefix: true,
        edits_max: if args.exact { 0 } else { 2 },
        conversation_id: within,
        from_user_id: args.from.clone(),
        mention: args.mention.clone(),
        kinds: args.kind.clone(),
        after_ms: args.after,
        before_ms: args.before,
    };
    let (client, _) = service.start().await?;
    let found = async {
        // Without the service, what is here is searched.
        if let Err(error) = tokio::time::timeout(PATIENCE, client.catch_up()).await {
            output::note(&format!("what has come lately is not searched: {error}"));
        }
        if args.local {
            let hits = client.search(query, args.limit).await?;
            return Ok(hits.into_iter().map(|hit| FoundMessage::Here(Box::new(hit))).collect());
        }
        let found = client.search_all(query, args.limit).await?;
        if let Some(error) = found.service_error {
            output::note(&format!("only this device was searched: {}", tidings_sdk::chain(&error)));
        }
        Ok::<Vec<FoundMessage>, tidings_secure::SecureError>(found.hits)
    }
    .await;
    client.close().await;
    let zone = Zone::local();
    for found in found? {
        match (&found, args.json) {
            (FoundMessage::Here(hit), true) => output::json(&json(hit))?,
            (FoundMessage::Here(hit), false) => output::line(&line(hit, &zone))?,
            (FoundMessage::There(hit), true) => output::json(hit)?,
            (FoundMessage::There(hit), false) => output::line(&line_of_service(hit, &zone))?,
        }
    }
    Ok(())
}

/// How long to wait for what has come lately.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

fn line(hit: &Hit, zone: &Zone) -> String {
    let message = &hit.message;
    let text = render::clean(message.text.as_deref().unwrap_or_default()).replace('\n', " ⏎ ");
    let (sender, conversation) = (render::clean(&message.sender_user_id), render::clean(&message.conversation_id));
    format!("{}  {sender}  {conversation} {}: {text}", zone.moment(message.sent_ms), message.sequence)
}

fn line_of_service(hit: &SearchHit, zone: &Zone) -> String {
    let text = if let Some(snippet) = &hit.snippet {
        render::clean(snippet).replace('\n', " ⏎ ")
    } else {
        let kind = serde_json::to_value(&hit.kind).unwrap_or_default();
        format!("({}, not on this device)", kind.as_str().unwrap_or("message"))
    };
    let (sender, conversation) = (render::clean(&hit.sender_user_id), render::clean(&hit.conversation_id));
    format!("{}  {sender}  {conversation} {}: {text}", zone.moment(hit.ts), hit.sequence)
}

fn json(hit: &Hit) -> serde_json::Value {
    let message = &hit.message;
    serde_json::json!({
        "conversationId": message.conversation_id, "sequence": message.sequence, "messageId": message.message_id,
        "senderUserId": message.sender_user_id, "ts": message.sent_ms, "kind": message.kind, "payload": message.body,
    })
}
