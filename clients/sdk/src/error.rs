//! What can go wrong, by operation.

use tidings_protocol::{ErrorCode, ErrorFrame};

use crate::token::TokenError;

/// A client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A part that is needed was not given.
    #[error("the client needs {0}")]
    Missing(&'static str),
    /// An address cannot be used.
    #[error("{url} is not a {expected} address")]
    Url {
        /// The address.
        url: String,
        /// Its kind.
        expected: &'static str,
    },
    /// TLS cannot be set up, for example because the machine has no root certificates.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
    /// The HTTP client cannot be set up.
    #[error("the HTTP client cannot be set up")]
    Http(#[source] reqwest::Error),
}

/// The client has stopped and will not connect again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The service refused the token, and a fresh one too (401).
    #[error("the service refused the access token")]
    Unauthorized,
    /// The service refused the device or the user (403).
    #[error("the service refused this device or user")]
    Forbidden,
    /// The application closed the client.
    #[error("the client is closed")]
    Closed,
}

/// A message was not accepted, and will not be sent again.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SendError {
    /// The service refused it.
    #[error("the service refused the message: {}", .0.message)]
    Rejected(Box<ErrorFrame>),
    /// The frame is over the limit of the service.
    #[error("the message takes {bytes} bytes, more than the {bytes_max} of a frame")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The queue is full.
    #[error("the send queue is full")]
    QueueFull,
    /// A message of this `clientMsgId` is queued already.
    #[error("a message with this clientMsgId is queued already")]
    Duplicate,
    /// The client stopped before the service answered. The message may have been accepted.
    #[error("the client stopped before the message was accepted")]
    Stopped,
}

impl SendError {
    /// The error code of the service, where it was the service that refused.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Rejected(error) => Some(error.code),
            _ => None,
        }
    }
}

/// A request over the socket failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RequestError {
    /// The service refused it.
    #[error("the service refused the request: {}", .0.message)]
    Rejected(Box<ErrorFrame>),
    /// No answer in time.
    #[error("the service did not answer in time")]
    TimedOut,
    /// There is no connection, or it was lost before the answer.
    #[error("there is no connection")]
    NotConnected,
    /// More than a frame may carry.
    #[error("at most {0} users at once")]
    TooMany(usize),
    /// The client has stopped.
    #[error("the client has stopped")]
    Stopped,
}

/// A call of the HTTP API failed.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The service refused it.
    #[error("the service answered {status}: {}", .error.message)]
    Rejected {
        /// The HTTP status.
        status: u16,
        /// The error body.
        error: Box<ErrorFrame>,
    },
    /// An answer that is not the service's own, for example of a proxy.
    #[error("unexpected answer {status}: {body}")]
    Unexpected {
        /// The HTTP status.
        status: u16,
        /// The beginning of the body.
        body: String,
    },
    /// The body of a good answer cannot be read.
    #[error("the answer cannot be read")]
    Decode(#[source] serde_json::Error),
    /// The service was not reached, or did not answer in time.
    #[error("the service was not reached")]
    Transport(#[source] reqwest::Error),
    /// There is no token.
    #[error("there is no access token")]
    Token(#[source] TokenError),
}

impl HttpError {
    /// The error code of the service, where it was the service that refused.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Rejected { error, .. } => Some(error.code),
            _ => None,
        }
    }
}

/// How long to wait before an error that passes is tried again; none for those that do not.
pub(crate) fn retry_after(error: &ErrorFrame) -> Option<std::time::Duration> {
    matches!(error.code, ErrorCode::RateLimited | ErrorCode::Unavailable)
        .then(|| std::time::Duration::from_millis(error.retry_after_ms.unwrap_or(1_000)))
}
