//! `cargo dev recovery`

use crate::commands::operator::{finish, local, tool};
use crate::failure::Result;
use crate::paths::Paths;

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// `drill`, `export USER`, `erase USER --yes`; --help says more. For a stack on AWS: `--region REGION --stack NAME` first.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    command: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(paths: &Paths, args: &Args) -> Result<()> {
    let mut command = tool(paths, paths.recovery_script())?;
    let is_for_aws = args.command.iter().any(|word| word == "--region" || word == "--endpoint-url");
    if !is_for_aws && !args.command.iter().any(|word| word == "--help") {
        local(paths, &mut command)?;
    }
    finish(command.args(&args.command))
}
