//! `tidings verify`: safety numbers.

use std::io::IsTerminal as _;

use tidings_secure::{SafetyNumber, SecureClient};

use crate::{
    failure::{Failure, Result},
    names, output,
    service::ServiceArgs,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A user; without one, whom you have verified.
    #[arg(value_name = "USER")]
    other: Option<String>,
    /// Keep that you have compared the number, and it is the same on both sides.
    #[arg(long, requires = "other")]
    compared: bool,
}

pub(crate) async fn run(service: &ServiceArgs, args: &Args) -> Result<()> {
    let service = service.find()?;
    let other = args.other.as_deref().map(names::user).transpose()?;
    let (client, _) = service.start().await?;
    let done = match other {
        Some(other) => one(&client, other, args.compared).await,
        None => all(&client).await,
    };
    client.close().await;
    done
}

async fn one(client: &SecureClient, other: &str, compared: bool) -> Result<()> {
    let number = client.safety_number(other).await?;
    let number = number.ok_or_else(|| Failure::new(format!("{other} has no device with keys yet")))?;
    if compared {
        client.verify(other, &number).await?;
        return output::line(&format!("kept: the safety number with {other} is the one that you compared"));
    }
    output::line(&shown(&number))?;
    let state = match client.is_verified(other).await? {
        Some(true) => "you have compared this number",
        Some(false) => "it has CHANGED since you compared it: a device of one of you came, went or was replaced",
        None => "you have not compared it yet",
    };
    output::note(state);
    if std::io::stdout().is_terminal() {
        output::note(&format!("it is the same on {other}'s screen? then: `tidings verify {other} --compared`"));
    }
    Ok(())
}

/// Four groups in a line, as people read them to each other.
fn shown(number: &SafetyNumber) -> String {
    let text = number.to_string();
    let groups: Vec<&str> = text.split(' ').collect();
    groups.chunks(4).map(|line| line.join(" ")).collect::<Vec<_>>().join("\n")
}

async fn all(client: &SecureClient) -> Result<()> {
    let verified =
        client.with(|account| account.vault().verified()).await?.map_err(tidings_secure::AccountError::from)?;
    for user in verified {
        let state = if client.is_verified(&user.user_id).await? == Some(true) { "compared" } else { "changed since" };
        output::line(&format!("{}  {state}", user.user_id))?;
    }
    Ok(())
}
