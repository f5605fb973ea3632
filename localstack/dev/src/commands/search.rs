//! `cargo dev search`

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

/// Runs the command.
pub(crate) fn run(paths: &Paths, args: &Args) -> Result<()> {
    args.target.run(paths, paths.search_script(), &arguments(&args.action))
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
