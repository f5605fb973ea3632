//! Images of rows on a table's stream.

use thiserror::Error;
use tidings_domain::{
    ids::{ConversationId, InvalidId},
    log::Entry,
};
use tidings_record::{EntryRecord, RecordError};

/// Why an image is no row of the log.
#[derive(Debug, Error)]
pub enum ImageError {
    /// Its key is of another form.
    #[error("`pk` is not a conversation and a partition")]
    Key,
    /// The key names no conversation.
    #[error("bad conversation in `pk`")]
    Conversation(#[from] InvalidId),
    /// Attributes are missing or of another type.
    #[error("not a log row")]
    Convert(#[from] serde_dynamo::Error),
    /// It is no record.
    #[error("bad record in a log row")]
    Record(#[from] RecordError),
}

/// The entries of a log row's image, oldest first.
pub fn entries_of_image(image: serde_dynamo::Item) -> Result<Vec<Entry>, ImageError> {
    let Some(serde_dynamo::AttributeValue::S(key)) = image.get("pk") else { return Err(ImageError::Key) };
    let (conversation, _) = key.rsplit_once('#').ok_or(ImageError::Key)?;
    let conversation = ConversationId::parse(conversation)?;
    let record: EntryRecord = serde_dynamo::from_item(image)?;
    Ok(record.into_entries(&conversation)?)
}
