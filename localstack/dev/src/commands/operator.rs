//! What tools for operators have in common: they work on the stack that runs here, or on one on AWS.

use std::{ffi::OsStr, process::Command};

use crate::commands::test::succeeded;
use crate::failure::{Failure, Result};
use crate::paths::Paths;
use crate::python;
use crate::stack::STACK;
use crate::state::{REGION, State};

/// Which stack.
#[derive(clap::Args)]
pub(crate) struct Target {
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

impl Target {
    /// Runs a tool for this stack.
    pub(super) fn run(&self, paths: &Paths, script: impl AsRef<OsStr>, arguments: &[&str]) -> Result<()> {
        let mut command = tool(paths, script)?;
        if self.region.is_none() && self.endpoint_url.is_none() {
            local(paths, &mut command)?;
        }
        for (name, value) in [("--region", &self.region), ("--endpoint-url", &self.endpoint_url)] {
            if let Some(value) = value {
                command.args([name, value]);
            }
        }
        command.args(["--stack", &self.stack]).args(arguments);
        finish(&mut command)
    }
}

/// The work is done in Python, where the AWS SDK is at hand: it would cost this program minutes to compile.
pub(super) fn tool(paths: &Paths, script: impl AsRef<OsStr>) -> Result<Command> {
    let mut command = Command::new(python::emulator(paths)?);
    command.arg(script);
    Ok(command)
}

/// Runs a tool to its end.
pub(super) fn finish(command: &mut Command) -> Result<()> {
    if succeeded(command)? { Ok(()) } else { Err(Failure::new("not everything was done")) }
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
