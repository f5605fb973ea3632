//! `tidings backup`: the history of this device in a file, and back.

use std::path::PathBuf;

use clap::Subcommand;
use tidings_secure::RecoveryKey;

use crate::{
    failure::{Failure, Result},
    output,
    service::ServiceArgs,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Write the history into a file, under a recovery key that is printed once. It has no keys of conversations in it:
    /// who restores it is a new device.
    Make {
        /// The file.
        file: PathBuf,
        /// A recovery key that you have already.
        #[arg(long, value_name = "KEY", env = "TIDINGS_RECOVERY_KEY", hide_env_values = true)]
        key: Option<String>,
    },
    /// Take the history of a file in. What is here already stays as it is.
    Restore {
        /// The file.
        file: PathBuf,
        /// The recovery key.
        #[arg(long, value_name = "KEY", env = "TIDINGS_RECOVERY_KEY", hide_env_values = true)]
        key: String,
    },
}

pub(crate) async fn run(service: &ServiceArgs, args: &Args) -> Result<()> {
    let service = service.find()?;
    let parse = |text: &str| {
        RecoveryKey::parse(text)
            .map_err(|error| Failure::new(error.to_string()).with_help("it was printed once, by `tidings backup make`"))
    };
    match &args.action {
        Action::Make { file, key } => {
            if file.exists() {
                return Err(Failure::new(format!("{} is there already", file.display())));
            }
            let given = key.as_deref().map(parse).transpose()?;
            let is_new = given.is_none();
            let key = match given {
                Some(key) => key,
                None => RecoveryKey::generate().map_err(|error| Failure::new(error.to_string()))?,
            };
            let (client, _) = service.start().await?;
            let made = async {
                client.catch_up().await?;
                client.back_up(&key, file).await
            }
            .await;
            client.close().await;
            made?;
            output::note(&format!("{} has the history. Nobody can read it without the key:", file.display()));
            if is_new { output::line(&key.reveal()) } else { Ok(()) }
        }
        Action::Restore { file, key } => {
            let key = parse(key)?;
            let (client, _) = service.start().await?;
            let restored = client.restore(&key, file).await;
            client.close().await;
            let restored = restored?;
            output::line(&format!("{} messages of {} conversations", restored.messages, restored.conversations))
        }
    }
}
