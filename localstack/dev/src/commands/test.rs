//! `cargo dev test`

use std::process::Command;

use crate::artifact;
use crate::commands::chaos;
use crate::commands::simulate::simulator;
use crate::failure::{Context, Failure, Result};
use crate::interrupt;
use crate::paths::Paths;
use crate::python;
use crate::stack::{self, Options, STACK};
use crate::state::{REGION, State};
use crate::status::{self, Condition};
use crate::web;

/// What pytest answers where a filter leaves it nothing to run.
const PYTEST_NOTHING_FOUND: i32 = 5;

/// So many new seeds of the simulation are run.
const NEW_SEEDS: &str = "4000";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only tests whose name has this in it.
    filter: Option<String>,
    /// Use the stack as it runs: neither start nor update it.
    #[arg(long)]
    no_up: bool,
}

/// Runs every test and leaves the stack as it was found; then a short run under faults.
pub(crate) fn run(paths: &Paths, args: &Args) -> Result<()> {
    interrupt::listen()?;
    let tested = with_stack(paths, args.no_up, |fresh| {
        // Tests run these as people do; nextest alone would not build them.
        let mut programs = artifact::cargo(paths);
        programs.args(["build", "--quiet", "--workspace", "--bin=tidings", "--bin=simulate", "--bin=chaos"]);
        let rust = succeeded(&mut programs)? && succeeded(&mut rust_tests(paths, args.filter.as_deref()))?;
        interrupt::check()?;
        // Run also after a failure: one run tells all there is to mend.
        let parity = parity_tests(paths, args.filter.as_deref())?;
        interrupt::check()?;
        // A filter asks for some tests; new seeds are none of them.
        let seeds = args.filter.is_some() || new_seeds(paths)?;
        interrupt::check()?;
        // A filter names tests of one of these parts; `browser` is this one.
        let web = args.filter.as_deref().is_some_and(|filter| !"browser".contains(filter)) || web_tests(paths)?;
        // After all that calls the functions, the browser included. What the functions did for whoever used the stack before,
        // and remember, says nothing of the tests.
        let is_whole = args.filter.is_none() && fresh;
        let grants = !is_whole || grants_are_used(paths)?;
        let parts = [
            (rust, "the Rust tests"),
            (web, "the clients in TypeScript"),
            (parity, "the emulator's parity tests"),
            (seeds, "the simulation"),
            (grants, "the comparison of what the roles grant with what was used"),
        ];
        let failed: Vec<&str> = parts.iter().filter(|(passed, _)| !passed).map(|(_, part)| *part).collect();
        if failed.is_empty() { Ok(()) } else { Err(Failure::new(format!("{} failed", failed.join(" and ")))) }
    });
    tested?;
    // Last, when a stack that was started for the tests has gone: the machine is busy enough with this one.
    if args.filter.as_deref().is_none_or(|filter| "chaos".contains(filter)) {
        chaos::run_once(paths, &chaos::Args::short())?;
    }
    Ok(())
}

/// Runs something against the stack, and stops the stack afterwards if it did not run before. The work is told whether
/// the stack was started for it.
fn with_stack(paths: &Paths, no_up: bool, work: impl FnOnce(bool) -> Result<()>) -> Result<()> {
    let before = status::read(paths)?.state;
    if no_up {
        if before != Condition::Running {
            return Err(Failure::new("the stack does not run")
                .with_help("start it: `cargo dev up --detach`, or leave --no-up out"));
        }
        return work(false);
    }
    let outcome = stack::up(paths, Options::as_before(paths)?)?;
    let result = work(outcome.started);
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

/// New seeds at each commit, and the same ones however often a commit is tested: what fails, fails for whoever looks.
fn new_seeds(paths: &Paths) -> Result<bool> {
    let mut command = simulator(paths);
    command.args(["--seeds", NEW_SEEDS]);
    let head = Command::new("git").current_dir(paths.root()).args(["rev-parse", "HEAD"]).output();
    // Without git, as in an archive of the sources, any seeds will do.
    let head = head.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    let first = head.and_then(|hash| u64::from_str_radix(std::str::from_utf8(hash.get(..7)?).ok()?, 16).ok());
    command.args(first.map(|first| format!("--first={first}")));
    succeeded(&mut command)
}

/// In Node and in a browser, each against the stack.
fn web_tests(paths: &Paths) -> Result<bool> {
    let status = serde_json::to_string(&status::read(paths)?).context(|| "cannot say what runs".to_owned())?;
    web::test(paths, &status)
}

/// Whether each grant of the functions' roles allowed a call, or is listed with the reason why none did. It says what is
/// different, and whether that counts.
fn grants_are_used(paths: &Paths) -> Result<bool> {
    let Some(state) = State::load(paths)?.filter(State::enforces_roles) else { return Ok(true) };
    let mut command = Command::new(python::emulator(paths)?);
    command.arg(paths.grants_script()).args(["--endpoint", &state.endpoint(), "--region", REGION, "--stack", STACK]);
    succeeded(&mut command)
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
