//! `cargo dev test`

use std::process::Command;

use crate::artifact;
use crate::failure::{Context, Failure, Result};
use crate::interrupt;
use crate::paths::Paths;
use crate::python;
use crate::stack::{self, Options};
use crate::status::{self, Condition};

/// What pytest answers where a filter leaves it nothing to run.
const PYTEST_NOTHING_FOUND: i32 = 5;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only tests whose name has this in it.
    filter: Option<String>,
    /// Use the stack as it runs: neither start nor update it.
    #[arg(long)]
    no_up: bool,
}

/// Runs every test and leaves the stack as it was found.
pub(crate) fn run(paths: &Paths, args: &Args) -> Result<()> {
    interrupt::listen()?;
    with_stack(paths, args.no_up, || {
        let rust = succeeded(&mut rust_tests(paths, args.filter.as_deref()))?;
        interrupt::check()?;
        // Run also after a failure: one run tells all there is to mend.
        let parity = parity_tests(paths, args.filter.as_deref())?;
        match (rust, parity) {
            (true, true) => Ok(()),
            (false, true) => Err(Failure::new("the Rust tests failed")),
            (true, false) => Err(Failure::new("the emulator's parity tests failed")),
            (false, false) => Err(Failure::new("the Rust tests and the emulator's parity tests failed")),
        }
    })
}

/// Runs something against the stack, and stops the stack afterwards if it did not run before.
pub(crate) fn with_stack(paths: &Paths, no_up: bool, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let before = status::read(paths)?.state;
    if no_up {
        if before != Condition::Running {
            return Err(Failure::new("the stack does not run")
                .with_help("start it: `cargo dev up --detach`, or leave --no-up out"));
        }
        return work();
    }
    stack::up(paths, Options::as_before(paths)?)?;
    let result = work();
    if before != Condition::Running {
        stack::down(paths)?;
    }
    result
}

fn rust_tests(paths: &Paths, filter: Option<&str>) -> Command {
    let has_nextest =
        artifact::cargo(paths).args(["nextest", "--version"]).output().is_ok_and(|output| output.status.success());
    let mut command = artifact::cargo(paths);
    if has_nextest {
        command.args(["nextest", "run", "--workspace", "--no-tests=pass", "--no-fail-fast"]);
    } else {
        command.args(["test", "--workspace", "--no-fail-fast"]);
    }
    command.args(filter);
    command
}

fn parity_tests(paths: &Paths, filter: Option<&str>) -> Result<bool> {
    let python = python::emulator_tests(paths)?;
    let mut command = Command::new(python);
    command.current_dir(paths.emulator()).args(["-m", "pytest"]);
    if let Some(filter) = filter {
        command.args(["-k", filter]);
    }
    let status = command.status().context(|| "cannot run pytest".to_owned())?;
    let nothing_found = filter.is_some() && status.code() == Some(PYTEST_NOTHING_FOUND);
    Ok(status.success() || nothing_found)
}

pub(crate) fn succeeded(command: &mut Command) -> Result<bool> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().context(|| format!("cannot run {program}"))?;
    Ok(status.success())
}
