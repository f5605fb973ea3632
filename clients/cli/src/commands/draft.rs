//! `tidings draft` and `tidings drafts`: keeps what is not sent yet, and prints it.

use serde_json::{Value, json};

use crate::{failure::Result, names, output, render, service::ServiceArgs};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A user, or a conversation id.
    of: String,
    /// The text; without one, the draft is deleted.
    text: Option<String>,
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
    let payload = args.text.as_ref().map_or(Value::Null, |text| json!({ "text": text }));
    service.http("draft").await?.save_draft(&conversation, &payload).await?;
    Ok(())
}

pub(crate) async fn list(service: &ServiceArgs, args: &ListArgs) -> Result<()> {
    let service = service.find()?;
    let http = service.http("draft").await?;
    let mut after: Option<String> = None;
    loop {
        let page = http.drafts(after.as_deref(), None).await?;
        for draft in &page.drafts {
            if args.json {
                output::json(draft)?;
            } else {
                let payload = draft.payload.value();
                let text = payload["text"].as_str().map_or_else(|| payload.to_string(), str::to_owned);
                let title = render::clean(names::title(&service.user, &draft.conversation_id));
                output::line(&format!("{title}  {}", render::clean(&text)))?;
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}
