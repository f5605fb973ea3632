//! `tidings link`: a new device gets into the user's conversations, with their history.

use std::time::Duration;

use qrcode::{QrCode, render::unicode::Dense1x2};
use tidings_secure::link::LinkCode;

use crate::{
    failure::{Failure, Result},
    output,
    service::ServiceArgs,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The code that the new device shows, on a device that you have had before. Without one, this device is the new
    /// one, and shows its code.
    code: Option<String>,
    /// How long the new device waits for the other, in seconds.
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    timeout: u64,
}

pub(crate) async fn run(service: &ServiceArgs, args: &Args) -> Result<()> {
    let service = service.find()?;
    let code = args.code.as_deref().map(LinkCode::parse).transpose();
    let code =
        code.map_err(|error| Failure::new(error.to_string()).with_help("the new device shows it: `tidings link`"))?;
    let (client, _) = service.start().await?;
    let done = async {
        client.ready().await?;
        if let Some(code) = code {
            client.catch_up().await?;
            client.link(&code).await?;
            return output::line(&format!("{} is linked, and gets the history", code.device_id()));
        }
        client.publish_keys().await?;
        let code = client.link_code().await?;
        show(&code.reveal())?;
        let restored = client.receive_history(&code, Duration::from_secs(args.timeout)).await?;
        client.catch_up().await?;
        let (messages, conversations) = (restored.messages, restored.conversations);
        output::line(&format!("linked: {messages} messages of {conversations} conversations are here"))
    }
    .await;
    client.close().await;
    done
}

fn show(code: &str) -> Result<()> {
    let drawn = QrCode::new(code).map_err(|error| Failure::new(format!("the code cannot be drawn: {error}")))?;
    let picture = drawn.render::<Dense1x2>().quiet_zone(true).build();
    output::note(&picture);
    output::line(code)?;
    output::note("scan it with a device that you have had before, or there: `tidings link CODE`");
    output::note("whoever else sees it before that can read your history: show it to nobody");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_code_can_be_drawn() {
        let code = format!("tidings-link:{}:{}:{}", "d".repeat(64), "0".repeat(32), "A".repeat(64));
        assert!(QrCode::new(code).is_ok());
    }
}
