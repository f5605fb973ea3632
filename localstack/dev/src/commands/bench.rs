//! `cargo dev bench`

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::artifact;
use crate::commands::test::succeeded;
use crate::failure::{Context, Failure, Result};
use crate::interrupt;
use crate::paths::Paths;
use crate::status::{self, Condition};

/// Where the plots are kept, from the root of the repository.
const PLOTS: &str = "docs/performance";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// One JSON object in place of the tables.
    #[arg(long)]
    json: bool,
    /// Draw the growth curves again, into docs/performance/.
    #[arg(long)]
    plots: bool,
    /// Passed on to what is measured on the stack, for example `--messages 100`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// The modelled part and our own code, which need nothing; and the stack, where one runs.
pub(crate) fn run(paths: &Paths, args: &Args) -> Result<()> {
    interrupt::listen()?;
    let runs = status::read(paths)?.state == Condition::Running;
    let mut modelled = modelled(paths, args);
    let mut measured = measured(paths, args);
    if args.json {
        let mut all = json_of(&mut modelled)?;
        all["local"] = if runs { json_of(&mut measured)? } else { Value::Null };
        println!("{all}");
        return Ok(());
    }
    run_to_end(&mut modelled)?;
    println!("MEASURED on the local stack\n");
    if runs {
        return run_to_end(&mut measured);
    }
    println!("skipped: no stack runs; start one with `cargo dev up --detach`");
    Ok(())
}

/// As deployed, but with symbols: what is counted is what runs on AWS.
fn modelled(paths: &Paths, args: &Args) -> Command {
    let mut command = artifact::cargo(paths);
    command.args(["run", "--quiet", "--profile=measured", "--package=tidings-bench", "--"]);
    command.args(args.json.then_some("--json"));
    if args.plots {
        command.args(["--plots", PLOTS]);
    }
    command
}

fn measured(paths: &Paths, args: &Args) -> Command {
    let mut command = artifact::cargo(paths);
    command.args(["run", "--quiet", "--bin=bench", "--"]);
    command.args(args.json.then_some("--json")).args(&args.arguments);
    command
}

fn run_to_end(command: &mut Command) -> Result<()> {
    if succeeded(command)? { Ok(()) } else { Err(Failure::new("the benchmark failed")) }
}

fn json_of(command: &mut Command) -> Result<Value> {
    let output = command.stderr(Stdio::inherit()).output().context(|| "cannot run cargo".to_owned())?;
    if !output.status.success() {
        return Err(Failure::new("the benchmark failed"));
    }
    serde_json::from_slice(&output.stdout).context(|| "the benchmark did not answer in JSON".to_owned())
}
