//! Media: prepared and encrypted here, uploaded and downloaded straight to and from storage, by parts, so that what
//! was cancelled or interrupted goes on where it stopped.
//!
//! ```no_run
//! use tidings_sdk::{Draft, Http, media::{MediaFile, Sealing}, protocol::Payload};
//!
//! # async fn example(http: Http) -> Result<(), Box<dyn std::error::Error>> {
//! let file = MediaFile::open("cat.jpg", None, Some(Sealing::new())).await?;
//! let handle = http.upload_media("u:alice|u:bob", &file, &|done, total| println!("{done} of {total}")).await?;
//! let payload = serde_json::json!({ "text": "look", "media": file.attachment() });
//! http.send("u:alice|u:bob", Draft::payload(Payload::of(&payload)).media_handle(handle), 0).await?;
//! # Ok(())
//! # }
//! ```

mod file;
mod meter;
mod picture;
mod seal;
mod transfer;

use thiserror::Error;

pub use self::{
    file::{Attachment, MediaFile},
    picture::Preview,
    seal::{CHUNK_BYTES, Sealing},
};
use crate::HttpError;

/// Told how many bytes of how many are through; it goes back where a part of an upload is tried again.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// Why media was not sent, or not read.
#[derive(Debug, Error)]
pub enum MediaError {
    /// The file cannot be read or written.
    #[error("the file cannot be read or written")]
    File(#[from] std::io::Error),
    /// It is no picture, or a damaged one.
    #[error("not a picture that can be read: {0}")]
    Picture(String),
    /// It is too large.
    #[error("the content is too large")]
    TooLarge,
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// It changed while it was read.
    #[error("the file changed while it was uploaded")]
    Changed,
    /// It was not encrypted.
    #[error("the content could not be encrypted")]
    Seal,
    /// It is not what was sent.
    #[error("the content is damaged, or the key is of another")]
    Damaged,
    /// The service refused, or was away.
    #[error(transparent)]
    Service(#[from] HttpError),
    /// Storage could not be reached.
    #[error("storage does not answer")]
    Storage(#[source] reqwest::Error),
    /// Storage refused.
    #[error("storage answered {status}: {said}")]
    Rejected {
        /// The status.
        status: u16,
        /// What it says.
        said: String,
    },
    /// The content was looked at and refused.
    #[error("the content was refused: {0}")]
    Refused(String),
    /// It was uploaded, and has not been looked at in time.
    #[error("the content is not ready yet")]
    NotReady,
}
