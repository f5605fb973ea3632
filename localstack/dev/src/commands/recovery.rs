//! `cargo dev recovery`

use std::process::Command;

use crate::commands::{dlq, test::succeeded};
use crate::failure::{Failure, Result};
use crate::paths::Paths;
use crate::python;

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// `drill`, `export USER`, `erase USER --yes`; --help says more. For a stack on AWS: `--region REGION --stack NAME` first.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    command: Vec<String>,
}

/// The work is done in Python, as that of `dlq` is.
pub(crate) fn run(paths: &Paths, args: &Args) -> Result<()> {
    let mut command = Command::new(python::emulator(paths)?);
    command.arg(paths.recovery_script());
    let is_for_aws = args.command.iter().any(|word| word == "--region" || word == "--endpoint-url");
    if !is_for_aws && !args.command.iter().any(|word| word == "--help") {
        dlq::local(paths, &mut command)?;
    }
    command.args(&args.command);
    if succeeded(&mut command)? { Ok(()) } else { Err(Failure::new("not everything was done")) }
}
