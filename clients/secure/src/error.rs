//! What can go wrong.

use tidings_mls::{Device, InvalidDevice};
use tidings_sdk::{BuildError, ConnectError, HttpError, SendError, media::MediaError};
use tidings_vault::{BackupError, VaultError};

/// An account cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("the account is in use by another process")]
    InUse,
    /// The folder is of another device.
    #[error("the account is of {found}, and not of {expected}")]
    OtherDevice {
        /// Who asked.
        expected: Device,
        /// Whose it is.
        found: Device,
    },
    /// The folder cannot be made or read.
    #[error("the folder of the account cannot be used")]
    Files(#[source] std::io::Error),
    /// The vault cannot be opened.
    #[error(transparent)]
    Vault(#[from] tidings_vault::OpenError),
    /// The vault can be opened, and not be read.
    #[error(transparent)]
    Read(#[from] VaultError),
    /// What it holds cannot be read.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The client cannot be made.
    #[error(transparent)]
    Client(#[from] BuildError),
    /// The client was given no HTTP address: keys and mail go by it.
    #[error("the client needs an HTTP address")]
    NoHttp,
}

/// Something about the account failed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The vault, or what is done in it.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A row of the vault is none of this version.
    #[error("the vault has a row that cannot be read")]
    Malformed,
    /// A name that the service gave is no device.
    #[error(transparent)]
    Device(InvalidDevice),
    /// This device is not in the group of the conversation.
    #[error("this device is not in the group of the conversation")]
    NotInGroup,
    /// There is no randomness to make keys of.
    #[error("the system gives no random numbers")]
    Random,
    /// A backup, or an archive of history.
    #[error(transparent)]
    Backup(#[from] BackupError),
}

/// A message was not sent, and will not be.
#[derive(Debug, thiserror::Error)]
pub enum SecureSendError {
    /// The client, or the service.
    #[error(transparent)]
    Send(#[from] SendError),
    /// It could not be put into the outbox.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The service, by a call.
    #[error(transparent)]
    Http(HttpError),
    /// The client stopped. The message is in the outbox, and goes when it is started again.
    #[error("the client stopped before the message was accepted; it is kept, and goes at the next start")]
    Stopped,
}

/// A call failed.
#[derive(Debug, thiserror::Error)]
pub enum SecureError {
    /// The account.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The service.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// Media.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// A file.
    #[error("a file cannot be read or written")]
    File(#[from] std::io::Error),
    /// A code to link a device by is none.
    #[error(transparent)]
    Code(#[from] crate::link::CodeError),
    /// The other device, or the service, is not who the code says.
    #[error("{0}")]
    Link(&'static str),
    /// The client has stopped, for the service refuses it.
    #[error(transparent)]
    Refused(#[from] ConnectError),
    /// The client has stopped.
    #[error("the client has stopped")]
    Stopped,
}
