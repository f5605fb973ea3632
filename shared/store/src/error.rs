//! What goes wrong in storage.

use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::{
        delete_item::{DeleteItemError, builders::DeleteItemFluentBuilder},
        put_item::PutItemError,
        transact_write_items::TransactWriteItemsError,
        update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    },
    types::TransactWriteItem,
};
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
    /// Others wrote the same row each time.
    #[error("too many writers of one row")]
    Contended,
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

/// A put whose condition does not hold is done already.
pub(crate) fn put_if(put: Result<(), SdkError<PutItemError>>, operation: &'static str) -> Result<(), Unavailable> {
    match put {
        Err(error) if !matches!(error.as_service_error(), Some(PutItemError::ConditionalCheckFailedException(_))) => {
            Err(failed(operation)(error))
        }
        _ => Ok(()),
    }
}

/// An update whose condition does not hold is done already.
pub(crate) fn update_if(
    update: Result<(), SdkError<UpdateItemError>>,
    operation: &'static str,
) -> Result<(), Unavailable> {
    match update {
        Err(error) if !is_refused(&error) => Err(failed(operation)(error)),
        _ => Ok(()),
    }
}

/// Whether an update was not made because its condition does not hold.
pub(crate) fn is_refused(error: &SdkError<UpdateItemError>) -> bool {
    matches!(error.as_service_error(), Some(UpdateItemError::ConditionalCheckFailedException(_)))
}

/// Makes an update; false where its condition does not hold.
pub(crate) async fn update_held(update: UpdateItemFluentBuilder, operation: &'static str) -> Result<bool, Unavailable> {
    match update.send().await {
        Ok(_) => Ok(true),
        Err(error) if is_refused(&error) => Ok(false),
        Err(error) => Err(failed(operation)(error)),
    }
}

/// Deletes; false where the condition does not hold.
pub(crate) async fn delete_held(delete: DeleteItemFluentBuilder, operation: &'static str) -> Result<bool, Unavailable> {
    match delete.send().await {
        Ok(_) => Ok(true),
        Err(error) => match error.as_service_error() {
            Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(false),
            _ => Err(failed(operation)(error)),
        },
    }
}

/// A transaction was not made: a condition does not hold, or another was at the same items at once.
#[derive(Debug, Error)]
#[error("the transaction was cancelled: {0:?}")]
pub(crate) struct Cancelled(Vec<String>);

impl Cancelled {
    const REFUSED: &str = "ConditionalCheckFailed";
    const CONFLICT: &str = "TransactionConflict";

    /// The first of the items whose condition does not hold.
    pub(crate) fn first_refused(&self) -> Option<usize> {
        self.0.iter().position(|reason| reason == Self::REFUSED)
    }

    /// Whether the condition of this item does not hold.
    pub(crate) fn is_refused(&self, item: usize) -> bool {
        self.0.get(item).is_some_and(|reason| reason == Self::REFUSED)
    }

    /// Whether another transaction was at the same items at once.
    pub(crate) fn has_conflict(&self) -> bool {
        self.0.iter().any(|reason| reason == Self::CONFLICT)
    }
}

/// Makes a transaction, or tells why it lost. Cancelled for another reason, it has failed.
pub(crate) async fn transact(
    client: &Client,
    items: Vec<TransactWriteItem>,
    operation: &'static str,
) -> Result<Result<(), Cancelled>, Unavailable> {
    let Err(error) = client.transact_write_items().set_transact_items(Some(items)).send().await else {
        return Ok(Ok(()));
    };
    if let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() {
        let reasons =
            cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or_default().to_owned());
        let cancelled = Cancelled(reasons.collect());
        if cancelled.first_refused().is_some() || cancelled.has_conflict() {
            return Ok(Err(cancelled));
        }
    }
    Err(failed(operation)(error))
}
