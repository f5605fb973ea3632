//! The one error of this tool: what went wrong, and what to do about it.

use std::{fmt, io};

use tidings_sdk::{BuildError, ConnectError, HttpError, chain, protocol::ErrorCode};
use tidings_secure::{AccountError, OpenError, SecureError, SecureSendError};

pub(crate) type Result<T> = std::result::Result<T, Failure>;

#[derive(Debug, PartialEq)]
pub(crate) struct Failure {
    message: String,
    help: Option<String>,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    /// Says what the user can do.
    #[must_use]
    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        Self::new(chain(&error))
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        let failure = Self::new(error.to_string());
        match error {
            ConnectError::Unauthorized => failure.with_help(TOKEN_HELP),
            ConnectError::Forbidden => failure.with_help("another --device may do"),
            ConnectError::Closed => failure,
        }
    }
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        let failure = Self::new(chain(&error));
        match (&error, error.code()) {
            (HttpError::Transport(_), _) => failure.with_help(NOT_RUNNING_HELP),
            (_, Some(ErrorCode::Unauthorized)) => failure.with_help(TOKEN_HELP),
            _ => failure,
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let failure = Self::new(chain(&error));
        match error {
            OpenError::InUse => failure.with_help("end the other command, or name another --device"),
            OpenError::OtherDevice { .. } => failure.with_help("name the device with --device"),
            OpenError::Vault(_) => failure.with_help("is the passphrase right? --passphrase or TIDINGS_PASSPHRASE"),
            _ => failure,
        }
    }
}

impl From<AccountError> for Failure {
    fn from(error: AccountError) -> Self {
        Self::new(chain(&error))
    }
}

impl From<SecureError> for Failure {
    fn from(error: SecureError) -> Self {
        match error {
            SecureError::Http(error) => error.into(),
            SecureError::Media(error) => error.into(),
            SecureError::Refused(error) => error.into(),
            error => Self::new(chain(&error)),
        }
    }
}

impl From<SecureSendError> for Failure {
    fn from(error: SecureSendError) -> Self {
        match error {
            SecureSendError::Http(error) => error.into(),
            error => Self::new(chain(&error)),
        }
    }
}

/// What helps when nothing answers.
pub(crate) const NOT_RUNNING_HELP: &str = "is it running? `cargo dev up` starts the local stack";
const TOKEN_HELP: &str = "give a good one with --token or TIDINGS_TOKEN; `cargo dev token USER` prints one";

pub(crate) fn cannot_start(error: &io::Error) -> Failure {
    Failure::new(format!("cannot start: {error}"))
}

pub(crate) fn terminal(error: &io::Error) -> Failure {
    Failure::new(format!("the terminal fails: {error}"))
}
