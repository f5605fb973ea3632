//! `tidings`: chat in a terminal, and the same for scripts.
//!
//! One file per command in `commands/`. What they share: `service` (where the service is and who
//! asks), `names` (conversations), `render` (messages as text), `output` (the only printer).

mod account;
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
    commands::{
        admin, backup, chat as chat_command, devices, draft, group, hide, history, link, list, media, message, search,
        send, settings, star, tail, verify,
    },
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
    /// Edit, delete, react to a message, and more.
    Message(message::Args),
    /// Send a file, or get one.
    Media(media::Args),
    /// Make a group, change it, invite to it.
    Group(group::Args),
    /// Print messages as they arrive, those that were missed first.
    Tail(tail::Args),
    /// Print the last messages of a conversation.
    History(history::Args),
    /// Print the conversations, the latest first.
    List(list::Args),
    /// Mute, pin or archive a conversation, or set the life of its messages.
    Settings(settings::Args),
    /// Print the user's devices, register or revoke one, be quiet, block somebody.
    Devices(devices::Args),
    /// Link a new device: it gets into the conversations, and gets their history.
    Link(link::Args),
    /// Print the safety number with somebody, to compare it with what they see.
    Verify(verify::Args),
    /// Search the history of this device.
    Search(search::Args),
    /// Write the history of this device into a file, or take it in.
    Backup(backup::Args),
    /// Mark a message.
    Star(star::Args),
    /// Print the messages that are marked, the newest mark first.
    Stars(star::ListArgs),
    /// Delete a message for yourself; the others see it as before.
    Hide(hide::Args),
    /// Keep a text that is not sent yet, on all your devices.
    Draft(draft::Args),
    /// Print the texts that are not sent yet.
    Drafts(draft::ListArgs),
    /// Ban users, read reports and what administrators did; for those whom the deployment names.
    Admin(admin::Args),
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
            Command::Message(args) => message::run(&cli.service, &args).await,
            Command::Media(args) => media::run(&cli.service, args).await,
            Command::Group(args) => group::run(&cli.service, args).await,
            Command::Tail(args) => tail::run(&cli.service, &args).await,
            Command::History(args) => history::run(&cli.service, &args).await,
            Command::List(args) => list::run(&cli.service, &args).await,
            Command::Settings(args) => settings::run(&cli.service, &args).await,
            Command::Devices(args) => devices::run(&cli.service, &args).await,
            Command::Link(args) => link::run(&cli.service, &args).await,
            Command::Verify(args) => verify::run(&cli.service, &args).await,
            Command::Search(args) => search::run(&cli.service, &args).await,
            Command::Backup(args) => backup::run(&cli.service, &args).await,
            Command::Star(args) => star::run(&cli.service, &args).await,
            Command::Stars(args) => star::list(&cli.service, &args).await,
            Command::Hide(args) => hide::run(&cli.service, &args).await,
            Command::Draft(args) => draft::run(&cli.service, &args).await,
            Command::Drafts(args) => draft::list(&cli.service, &args).await,
            Command::Admin(args) => admin::run(&cli.service, &args).await,
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

    /// An argument of the same name would take the place of one that all commands have.
    #[test]
    fn no_command_hides_what_all_have() {
        fn check(command: &clap::Command, all: &[String]) {
            for argument in command.get_arguments() {
                assert!(!all.contains(&argument.get_id().to_string()), "{}: {argument}", command.get_name());
            }
            command.get_subcommands().for_each(|command| check(command, all));
        }
        let command = <Cli as clap::CommandFactory>::command();
        let all: Vec<String> = command.get_arguments().map(|argument| argument.get_id().to_string()).collect();
        assert!(all.contains(&"user".to_owned()), "{all:?}");
        command.get_subcommands().for_each(|command| check(command, &all));
    }
}
