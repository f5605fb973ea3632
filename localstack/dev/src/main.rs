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
mod stack;
mod state;
mod status;
mod token;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::commands::{bench, down, logs, reset, serve_oidc, status as status_command, test, up};
use crate::paths::Paths;

#[derive(Parser)]
#[command(name = "cargo dev", about = "The local Tidings stack: build, deploy, run, test", version)]
struct Cli {
    /// Where the stack keeps its things. A second stack beside the first needs its own.
    #[arg(long, global = true, value_name = "DIR", default_value = ".tidings")]
    state_dir: PathBuf,
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
    /// Wipe all data and deploy again.
    Reset,
    /// Run every test against the stack.
    Test(test::Args),
    /// Measure the stack.
    Bench(bench::Args),
    /// Serve the local identity provider; `up` starts it.
    #[command(hide = true)]
    ServeOidc(serve_oidc::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let paths = Paths::new(&cli.state_dir);
    let result = match cli.command {
        Command::Up(args) => up::run(&paths, &args),
        Command::Down => down::run(&paths),
        Command::Status(args) => status_command::run(&paths, &args),
        Command::Token(args) => commands::token::run(&paths, &args),
        Command::Logs(args) => logs::run(&paths, &args),
        Command::Reset => reset::run(&paths),
        Command::Test(args) => test::run(&paths, &args),
        Command::Bench(args) => bench::run(&paths, &args),
        Command::ServeOidc(args) => serve_oidc::run(&args),
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
