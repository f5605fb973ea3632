//! `cargo dev bench`

use crate::artifact;
use crate::commands::test::{succeeded, with_stack};
use crate::failure::{Failure, Result};
use crate::interrupt;
use crate::paths::Paths;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Use the stack as it runs: neither start nor update it.
    #[arg(long)]
    no_up: bool,
    /// Passed on to the benchmark.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub(crate) fn run(paths: &Paths, args: &Args) -> Result<()> {
    interrupt::listen()?;
    with_stack(paths, args.no_up, || {
        let mut command = artifact::cargo(paths);
        command.args(["run", "--quiet", "--package=tidings-tests", "--bin=bench", "--"]).args(&args.arguments);
        if succeeded(&mut command)? {
            return Ok(());
        }
        Err(Failure::new("the benchmark failed"))
    })
}
