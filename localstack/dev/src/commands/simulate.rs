//! `cargo dev simulate`

use std::process::Command;

use crate::artifact;
use crate::commands::test::succeeded;
use crate::failure::{Failure, Result};
use crate::paths::Paths;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run this seed alone; of one that fails, its trace is shown.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// After the fixed set, run so many new seeds.
    #[arg(long, value_name = "N", conflicts_with = "seed")]
    seeds: Option<u64>,
    /// The first of the new seeds; any, if not said.
    #[arg(long, value_name = "N", conflicts_with = "seed")]
    first: Option<u64>,
    /// After the fixed set, run new seeds for so long, for example 2m or 8h.
    #[arg(long = "for", value_name = "TIME", conflicts_with_all = ["seed", "seeds"])]
    time: Option<String>,
    /// Show the whole trace.
    #[arg(long)]
    trace: bool,
    /// Go on after a seed that fails, with one line for each.
    #[arg(long)]
    keep_going: bool,
    /// Switch on one bug after another, and tell which promise each breaks.
    #[arg(long)]
    mutations: bool,
}

pub(crate) fn run(paths: &Paths, args: &Args) -> Result<()> {
    let mut command = simulator(paths);
    let number = |number: Option<u64>| number.map(|number| number.to_string());
    for (name, value) in [
        ("--seed", number(args.seed)),
        ("--seeds", number(args.seeds)),
        ("--first", number(args.first)),
        ("--for", args.time.clone()),
    ] {
        if let Some(value) = value {
            command.args([name, &value]);
        }
    }
    for (name, is_set) in [("--trace", args.trace), ("--keep-going", args.keep_going), ("--mutations", args.mutations)]
    {
        command.args(is_set.then_some(name));
    }
    if succeeded(&mut command)? { Ok(()) } else { Err(Failure::new("the simulation failed")) }
}

/// The simulation, ready for its arguments. It needs no stack.
pub(crate) fn simulator(paths: &Paths) -> Command {
    let mut command = artifact::cargo(paths);
    command.args(["run", "--quiet", "--bin=simulate", "--"]);
    command
}
