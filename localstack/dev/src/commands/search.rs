//! `cargo dev search`

use std::process::Command;

use clap::Subcommand;

use crate::commands::{dlq, test::succeeded};
use crate::failure::{Failure, Result};
use crate::paths::Paths;
use crate::python;
use crate::stack::STACK;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
    /// A stack on AWS, in this region, with the credentials of the environment.
    #[arg(long, global = true)]
    region: Option<String>,
    /// Where AWS is, if not where its region is.
    #[arg(long, global = true, value_name = "URL")]
    endpoint_url: Option<String>,
    /// Name of the stack.
    #[arg(long, global = true, default_value = STACK)]
    stack: String,
}

#[derive(Subcommand)]
enum Action {
    /// Index a conversation again from its log, or all of them. Nothing is doubled, and what is gone stays gone.
    Rebuild {
        /// The conversation: `g:crew`, `u:alice|u:bob`.
        #[arg(required_unless_present = "all")]
        conversation: Option<String>,
        /// Every conversation of the stack, one after another.
        #[arg(long, conflicts_with = "conversation")]
        all: bool,
    },
    /// How much is in each shard of the index, and what waits for the curator.
    Status {
        /// For programs.
        #[arg(long)]
        json: bool,
    },
}

/// The work is done in Python, as that of `dlq` is.
pub(crate) fn run(paths: &Paths, args: &Args) -> Result<()> {
    let mut command = Command::new(python::emulator(paths)?);
    command.arg(paths.search_script());
    if args.region.is_none() && args.endpoint_url.is_none() {
        dlq::local(paths, &mut command)?;
    }
    for (name, value) in [("--region", &args.region), ("--endpoint-url", &args.endpoint_url)] {
        if let Some(value) = value {
            command.args([name, value]);
        }
    }
    command.args(["--stack", &args.stack]);
    command.args(arguments(&args.action));
    if succeeded(&mut command)? { Ok(()) } else { Err(Failure::new("not everything was done")) }
}

fn arguments(action: &Action) -> Vec<&str> {
    match action {
        Action::Rebuild { conversation: Some(conversation), .. } => vec!["rebuild", "--", conversation],
        Action::Rebuild { conversation: None, .. } => vec!["rebuild", "--all"],
        Action::Status { json } => ["status"].into_iter().chain(json.then_some("--json")).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_passed_on_with_what_was_said_of_it() {
        let one = Action::Rebuild { conversation: Some("g:crew".into()), all: false };
        assert_eq!(arguments(&one), ["rebuild", "--", "g:crew"]);
        assert_eq!(arguments(&Action::Rebuild { conversation: None, all: true }), ["rebuild", "--all"]);
        assert_eq!(arguments(&Action::Status { json: true }), ["status", "--json"]);
    }
}
