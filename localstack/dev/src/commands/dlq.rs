//! `cargo dev dlq`

use std::process::Command;

use clap::Subcommand;

use crate::commands::test::succeeded;
use crate::failure::{Failure, Result};
use crate::paths::Paths;
use crate::python;
use crate::stack::STACK;
use crate::state::{REGION, State};

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
    /// How much is in each on-failure queue, since when, and why.
    List {
        /// For programs.
        #[arg(long)]
        json: bool,
    },
    /// What the messages of a queue say: reason, place in the stream, conversation and sequence of the records.
    Show {
        /// The queue, or its consumer: fanout, sequencer, repair, projector, indexer, notifier.
        queue: String,
        /// Only this message; the beginning of its id is enough.
        #[arg(long)]
        id: Vec<String>,
        /// Print also what is in the records: messages of users.
        #[arg(long)]
        payload: bool,
        /// For programs.
        #[arg(long)]
        json: bool,
    },
    /// Give the records to their consumer once more. What is still bad comes back to the queue.
    Redrive {
        /// The queue, or its consumer: fanout, sequencer, repair, projector, indexer, notifier.
        queue: String,
        /// Only this message; the beginning of its id is enough.
        #[arg(long)]
        id: Vec<String>,
        /// Only say what would be done.
        #[arg(long)]
        dry_run: bool,
    },
}

/// The work is done in Python, where the AWS SDK is at hand: it would cost this tool minutes to compile.
pub(crate) fn run(paths: &Paths, args: &Args) -> Result<()> {
    let mut command = Command::new(python::emulator(paths)?);
    command.arg(paths.dlq_script());
    if args.region.is_none() && args.endpoint_url.is_none() {
        local(paths, &mut command)?;
    }
    for (name, value) in [("--region", &args.region), ("--endpoint-url", &args.endpoint_url)] {
        if let Some(value) = value {
            command.args([name, value]);
        }
    }
    command.args(["--stack", &args.stack]);
    command.args(arguments(&args.action));
    if succeeded(&mut command)? {
        return Ok(());
    }
    Err(Failure::new("not everything was done"))
}

/// The stack that runs here, with the key that may do everything in it.
pub(super) fn local(paths: &Paths, command: &mut Command) -> Result<()> {
    let state = State::load(paths)?.ok_or_else(|| {
        Failure::new("no stack is up").with_help(
            "start it: `cargo dev up --detach`; for a stack on AWS, name its region: `--region eu-central-1`",
        )
    })?;
    command
        .args(["--endpoint-url", &state.endpoint(), "--region", REGION])
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env_remove("AWS_SESSION_TOKEN")
        .env_remove("AWS_PROFILE");
    Ok(())
}

fn arguments(action: &Action) -> Vec<&str> {
    let flag = |on: bool, name: &'static str| on.then_some(name);
    match action {
        Action::List { json } => ["list"].into_iter().chain(flag(*json, "--json")).collect(),
        Action::Show { queue, id, payload, json } => ["show", queue]
            .into_iter()
            .chain(ids(id))
            .chain(flag(*payload, "--payload"))
            .chain(flag(*json, "--json"))
            .collect(),
        Action::Redrive { queue, id, dry_run } => {
            ["redrive", queue].into_iter().chain(ids(id)).chain(flag(*dry_run, "--dry-run")).collect()
        }
    }
}

fn ids(ids: &[String]) -> impl Iterator<Item = &str> {
    ids.iter().flat_map(|id| ["--id", id.as_str()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_passed_on_with_what_was_said_of_it() {
        let ids = vec!["5d".to_owned(), "8a".to_owned()];
        let redrive = Action::Redrive { queue: "fanout".into(), id: ids, dry_run: true };
        assert_eq!(arguments(&redrive), ["redrive", "fanout", "--id", "5d", "--id", "8a", "--dry-run"]);
        let show = Action::Show { queue: "repair".into(), id: Vec::new(), payload: false, json: true };
        assert_eq!(arguments(&show), ["show", "repair", "--json"]);
    }
}
