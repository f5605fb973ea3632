//! `cargo dev dlq`

use clap::Subcommand;

use crate::commands::operator::Target;
use crate::failure::Result;
use crate::paths::Paths;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    target: Target,
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

/// Runs the command.
pub(crate) fn run(paths: &Paths, args: &Args) -> Result<()> {
    args.target.run(paths, paths.dlq_script(), &arguments(&args.action))
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
