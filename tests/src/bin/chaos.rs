//! The driver of `cargo dev chaos`: runs the stack under faults, and writes what it has shown.
#![expect(clippy::print_stdout, reason = "a command says what it found")]
#![expect(clippy::expect_used, reason = "a run that cannot go on has failed")]

use std::{fs, path::PathBuf, process::ExitCode};

use clap::Parser;
use tidings_tests::chaos::{Size, run};

#[derive(Parser)]
struct Arguments {
    #[arg(long)]
    messages: usize,
    #[arg(long)]
    conversations: usize,
    #[arg(long)]
    devices: usize,
    /// Chosen by chance, and told in the report, where it is not given.
    #[arg(long)]
    seed: Option<u64>,
    /// The proxy between the functions and the local AWS.
    #[arg(long)]
    proxy: String,
    /// The folder for report.md and report.json.
    #[arg(long)]
    report: PathBuf,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let size =
        Size { messages: arguments.messages, conversations: arguments.conversations, devices: arguments.devices };
    let seed = arguments.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let (report, text, all_held) = run(size, seed, &arguments.proxy).await;
    let written = serde_json::to_string_pretty(&report).expect("a report");
    fs::write(arguments.report.join("report.json"), written).expect("a folder for the report");
    fs::write(arguments.report.join("report.md"), &text).expect("a folder for the report");
    println!("{text}");
    if all_held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
