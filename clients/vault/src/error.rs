//! What can go wrong, by operation.

use std::error::Error;
use std::path::PathBuf;

/// A vault cannot be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is one already.
    #[error("{0} has a vault already")]
    Exists(PathBuf),
    /// There is none.
    #[error("{0} has no vault")]
    Missing(PathBuf),
    /// The passphrase or the key is another, or the file is no vault: which of these, nobody can tell.
    #[error("the passphrase or key does not open this vault")]
    WrongKey,
    /// It is opened by a passphrase, and a key was given, or the other way round.
    #[error("the vault is opened by {0}")]
    OtherUnlock(&'static str),
    /// The file with the wrapped key cannot be used.
    #[error("the key file of the vault is damaged: {0}")]
    KeyFile(&'static str),
    /// A later version of this program has written it.
    #[error("the vault is of version {found}, and this program knows {known}")]
    Newer {
        /// Its version.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// There is no randomness to make keys of.
    #[error("the system gives no random numbers")]
    Random,
    /// The folder or a file cannot be read or written.
    #[error("the folder of the vault cannot be used")]
    Files(#[source] std::io::Error),
    /// SQLite failed.
    #[error("the database failed")]
    Database(#[source] rusqlite::Error),
}

/// A read or a write failed, and nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// SQLite failed.
    #[error("the database failed")]
    Database(#[from] rusqlite::Error),
    /// What was read is not what can have been written.
    #[error("a row of {0} cannot be read")]
    Malformed(&'static str),
    /// A field is longer than it may be, or empty where it must not be.
    #[error("{0} is empty or too long")]
    Field(&'static str),
    /// What the application did within the transaction.
    #[error("the transaction was given up")]
    Other(#[source] Box<dyn Error + Send + Sync>),
}

impl VaultError {
    /// Makes an error of whatever went wrong in the application's part of a transaction, which is then given up.
    pub fn other(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Other(Box::new(error))
    }
}
