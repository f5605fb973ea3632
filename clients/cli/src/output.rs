//! The only place that prints.
#![expect(clippy::print_stderr, reason = "a command line tool speaks")]

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::failure::{Failure, Result};

/// A line on stdout, there at once also in a pipe.
pub(crate) fn line(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        // Whoever read it has seen enough, as `head` has.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => other.map_err(|error| Failure::new(format!("cannot write: {error}"))),
    }
}

/// One JSON value per line.
pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string(value).map_err(|error| Failure::new(format!("cannot write: {error}")))?;
    line(&text)
}

/// A word to the user beside the output.
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}

pub(crate) fn failure(failure: &Failure) {
    eprintln!("error: {failure}");
    if let Some(help) = failure.help() {
        eprintln!("help: {help}");
    }
}

pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal() && io::stdin().is_terminal()
}
