//! Media that is encrypted by itself, and that nobody looks at: Welcomes and archives.

use std::path::Path;

use tidings_sdk::{
    Http,
    media::{Attachment, MediaError, MediaFile},
};

const MIME: &str = "application/octet-stream";

/// What there is to know of it.
pub(crate) fn attachment(size: u64) -> Attachment {
    Attachment { v: 1, name: None, mime: MIME.to_owned(), size, preview: None, sealing: None, chunk_bytes: None }
}

/// Uploads a file for the members of a conversation; its handle and its size.
pub(crate) async fn upload(http: &Http, conversation: &str, path: &Path) -> Result<(String, u64), MediaError> {
    let file = MediaFile::open(path, Some(MIME), None).await?;
    let size = file.attachment().size;
    Ok((http.upload_media(conversation, &file, &|_, _| {}).await?, size))
}
