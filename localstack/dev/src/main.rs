//! `cargo dev`: the local stack, from build to first message.
//!
//! One file per command in `commands/`. What they share: `stack` (start, deploy, stop),
//! `artifact` (build), `python` (virtual environments), `process` (daemons), `keys` and
//! `token` (the local identity provider).
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool speaks on both")]

mod artifact;
mod checks;
mod clock;
mod commands;
mod failure;
mod function_logs;
mod interrupt;
mod issuer;
mod keys;
mod paths;
mod probe;
mod process;
mod progress;
mod python;
mod services;
mod site;
mod stack;
mod state;
mod status;
mod token;
mod web;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::commands::{
    bench, capacity, chaos, dlq, down, fuzz, logs, metrics, push, recovery, reset, search, serve_oidc, simulate,
    status as status_command, test, trace, up,
};
use crate::failure::Failure;
use crate::paths::Paths;

/// Names the state directory where no flag does.
pub(crate) const STATE_DIR: &str = "TIDINGS_STATE_DIR";

#[derive(Parser)]
#[command(name = "cargo dev", about = "The local Tidings stack: build, deploy, run, test", version)]
struct Cli {
    /// Where the stack keeps its things (.tidings). A second stack beside the first needs its own.
    #[arg(long, global = true, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the stack, or rebuild and redeploy what changed.
    Up(up::Args),
    /// Stop the stack.
    Down,
    /// Say what runs, and where.
    Status(status_command::Args),
    /// Print an access token for a user.
    Token(commands::token::Args),
    /// Show what the functions logged.
    Logs(logs::Args),
    /// Show the way of a message through the functions, from its sender to whoever has read it.
    Trace(trace::Args),
    /// Show what the functions have measured.
    Metrics(metrics::Args),
    /// Wipe all data and deploy again.
    Reset,
    /// Run every test against the stack.
    Test(test::Args),
    /// Model costs and times, count instructions, and measure the stack if it runs.
    Bench(bench::Args),
    /// Run the stack under faults, and check that nothing is lost.
    Chaos(chaos::Args),
    /// Look into the on-failure queues, and give what is in them to its consumer again.
    Dlq(dlq::Args),
    /// See what devices are pushed.
    Push(push::Args),
    /// Throw made-up input at every decoder; needs no stack.
    Fuzz(fuzz::Args),
    /// Run the delivery core under faults, from seeds; needs no stack.
    Simulate(simulate::Args),
    /// A restore drill; all that there is of one user, handed out or erased.
    Recovery(recovery::Args),
    /// See what the index for search holds, and index conversations again.
    Search(search::Args),
    /// Say what a number of users needs of AWS, and what it costs; needs no stack.
    Capacity(capacity::Args),
    /// Serve the local identity provider; `up` starts it.
    #[command(hide = true)]
    ServeOidc(serve_oidc::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Programs that this command starts, and that call it again, mean the same stack.
    let told = cli.state_dir.or_else(|| std::env::var_os(STATE_DIR).map(PathBuf::from));
    let state_dir = told.unwrap_or_else(|| PathBuf::from(".tidings"));
    let result = match std::env::current_exe() {
        Ok(program) => run(cli.command, &Paths::new(&state_dir, program)),
        Err(error) => Err(Failure::new(format!("cannot find this program: {error}"))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            if let Some(help) = failure.help() {
                eprintln!("help: {help}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command, paths: &Paths) -> failure::Result<()> {
    match command {
        Command::Up(args) => up::run(paths, &args),
        Command::Down => down::run(paths),
        Command::Status(args) => status_command::run(paths, &args),
        Command::Token(args) => commands::token::run(paths, &args),
        Command::Logs(args) => logs::run(paths, &args),
        Command::Trace(args) => trace::run(paths, &args),
        Command::Metrics(args) => metrics::run(paths, &args),
        Command::Reset => reset::run(paths),
        Command::Test(args) => test::run(paths, &args),
        Command::Bench(args) => bench::run(paths, &args),
        Command::Chaos(args) => chaos::run(paths, &args),
        Command::Dlq(args) => dlq::run(paths, &args),
        Command::Push(args) => push::run(paths, &args),
        Command::Fuzz(args) => fuzz::run(paths, &args),
        Command::Simulate(args) => simulate::run(paths, &args),
        Command::Recovery(args) => recovery::run(paths, &args),
        Command::Search(args) => search::run(paths, &args),
        Command::Capacity(args) => {
            capacity::run(&args);
            Ok(())
        }
        Command::ServeOidc(args) => serve_oidc::run(&args),
    }
}
