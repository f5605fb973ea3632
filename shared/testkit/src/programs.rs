//! Programs of the workspace, as they were built beside the tests.

use std::{path::PathBuf, process::Command};

/// A program that was built beside this test: starting cargo each time would be slow, and wait for whatever else cargo does.
pub fn built(name: &str) -> Option<PathBuf> {
    let this = std::env::current_exe().ok()?;
    this.ancestors().skip(1).map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// The developer's command, without arguments; by cargo where it was not built.
pub fn dev() -> Command {
    if let Some(program) = built("dev") {
        return Command::new(program);
    }
    let mut command = Command::new(env!("CARGO"));
    command.args(["run", "--quiet", "--bin=dev", "--"]);
    command
}
