//! `tidings`: chat in a terminal, and the same for scripts.
//!
//! One file per command in `commands/`. What they share: `service` (where the service is and who
//! asks), `names` (conversations), `render` (messages as text), `output` (the only printer).

mod chat;
mod clock;
mod commands;
mod failure;
mod names;
mod output;
mod render;
mod service;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{
    commands::{chat as chat_command, history, list, send, tail},
    failure::Result,
    service::ServiceArgs,
};

#[derive(Parser)]
#[command(name = "tidings", about = "Tidings in the terminal", version)]
struct Cli {
    #[command(flatten)]
    service: ServiceArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Chat with a user or in a group.
    Chat(chat_command::Args),
    /// Send one message.
    Send(send::Args),
    /// Print messages as they arrive, those that were missed first.
    Tail(tail::Args),
    /// Print the last messages of a conversation.
    History(history::Args),
    /// Print the conversations, the latest first.
    List(list::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::failure(&failure);
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failure::cannot_start(&error))?;
    runtime.block_on(async {
        match cli.command {
            Command::Chat(args) => chat_command::run(&cli.service, &args).await,
            Command::Send(args) => send::run(&cli.service, args).await,
            Command::Tail(args) => tail::run(&cli.service, &args).await,
            Command::History(args) => history::run(&cli.service, &args).await,
            Command::List(args) => list::run(&cli.service, &args).await,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
