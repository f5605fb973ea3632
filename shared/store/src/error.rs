//! What goes wrong in storage.

use thiserror::Error;
use tidings_domain::{ids::InvalidId, ports::Unavailable};
use tidings_record::RecordError;

/// A row that cannot be what it should be.
#[derive(Debug, Error)]
pub enum StoreError {
    /// An attribute is missing or of another type.
    #[error("attribute `{0}` is missing or of another type")]
    Attribute(&'static str),
    /// An identifier in it is none.
    #[error("bad identifier in a row")]
    Id(#[from] InvalidId),
    /// A log row is no record.
    #[error("bad record in a log row")]
    Record(#[from] RecordError),
    /// A log row does not convert.
    #[error("log row does not convert")]
    Convert(#[from] serde_dynamo::Error),
    /// The SDK refused to build a request.
    #[error("request cannot be built")]
    Build(#[from] aws_sdk_dynamodb::error::BuildError),
    /// Keys were left unread after several tries.
    #[error("keys left unprocessed")]
    Unprocessed,
}

/// Says which operation failed.
pub(crate) fn failed<E>(operation: &'static str) -> impl FnOnce(E) -> Unavailable
where
    E: std::error::Error + Send + Sync + 'static,
{
    move |source| Unavailable { operation, source: Box::new(source) }
}
