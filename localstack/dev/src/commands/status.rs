//! `cargo dev status`

use crate::failure::{Context, Result};
use crate::paths::Paths;
use crate::status::{self, Condition, Status};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// For programs: a stable shape.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(paths: &Paths, args: &Args) -> Result<()> {
    let status = status::read(paths)?;
    if args.json {
        let text = serde_json::to_string_pretty(&status).context(|| "cannot write the status".to_owned())?;
        println!("{text}");
    } else {
        println!("{}", text(&status));
    }
    Ok(())
}

fn text(status: &Status) -> String {
    let condition = match status.state {
        Condition::Running => "running",
        Condition::Starting => "starting",
        Condition::Broken => "broken: `cargo dev up` mends it",
        Condition::Stopped => return "stopped: `cargo dev up` starts it".to_owned(),
    };
    let mut lines = vec![condition.to_owned()];
    for (name, value) in [
        ("WebSocket", &status.ws_url),
        ("HTTP", &status.http_url),
        ("AWS", &status.endpoint_url),
        ("Identity", &status.oidc_issuer),
        ("Stream", &status.stream),
    ] {
        if let Some(value) = value {
            lines.push(format!("  {name:<10} {value}"));
        }
    }
    for table in status.tables.values() {
        lines.push(format!("  {:<10} {table}", "Table"));
    }
    for function in &status.functions {
        lines.push(format!("  {:<10} {}", "Function", function.function_name));
    }
    lines.join("\n")
}
