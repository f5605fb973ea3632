//! Content in object storage, from its upload to its end.
//!
//! A handle is a name of the content and of the one conversation that it is for. A row tells how far it
//! has got: `pending` until storage has the object and its bytes are what was announced, then `ready`,
//! or `refused` with the reason. Messages claim a handle before they are appended, so content that a message
//! refers to is there; the last one to let go of it takes the object along.

mod access;
mod check;
mod kind;
mod lifetime;
mod ports;
mod preview;
mod upload;

use thiserror::Error;

pub(crate) use self::lifetime::{avatar_change, claim, claim_avatar, let_go, move_avatar};
pub use self::{
    access::{MediaView, ViewPorts, view, view_by_invite},
    check::{CheckPorts, Verdict, check, judge},
    kind::{Looks, MediaKind, MediaType},
    lifetime::{ErasePorts, collect, confirm, erase},
    ports::{
        Began, Check, Claim, Claims, Completed, Examined, Marked, Media, MediaRow, MediaStatus, ObjectKey, Objects,
        Part, Reference, Signed,
    },
    preview::{
        Made, MakePorts, Making, Picture, Piece, PreviewFault, PreviewMaker, PreviewQueue, PreviewRow, PreviewSize,
        PreviewState, PreviewView, make, preview,
    },
    upload::{Blob, Offer, PartPlan, Upload, UploadPorts, abandon, complete, offer, parts, sign_parts},
};
use crate::{history::ReadError, ports::Unavailable};

/// Why content was refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Reason {
    /// The object is of another size.
    #[error("the object is not of the size that was announced")]
    Size,
    /// The object has another hash.
    #[error("the object does not have the SHA-256 that was announced")]
    Hash,
    /// The bytes are something else.
    #[error("the object is not of the type that was announced")]
    Mime,
    /// A scan found something in it.
    #[error("malware was found in it")]
    Malware,
    /// A scan is asked for, and was not possible.
    #[error("it could not be scanned for malware")]
    Unscanned,
}

impl Reason {
    /// All of them, with their names in rows and answers.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Size, "size"),
        (Self::Hash, "sha256"),
        (Self::Mime, "mime"),
        (Self::Malware, "malware"),
        (Self::Unscanned, "unscanned"),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(reason, _)| *reason == self).map_or("", |(_, name)| name)
    }

    /// The reason of a name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, own)| *own == name).map(|(reason, _)| *reason)
    }
}

/// Why a call about media fails. Nothing has changed then.
#[derive(Debug, Error)]
pub enum MediaError {
    /// The user is not in the conversation, or the world did not answer.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The type is not one of those that are taken.
    #[error("this type of content is not taken")]
    Mime,
    /// There is nothing to upload.
    #[error("must be at least 1 byte")]
    Empty,
    /// It is larger than content of its kind may be.
    #[error("at most {bytes_max} bytes for this type of content")]
    TooLarge {
        /// The limit.
        bytes_max: u64,
    },
    /// It is no SHA-256.
    #[error("must be the SHA-256 of the content, as 64 hexadecimal digits in lower case")]
    Sha256,
    /// The user has uploaded what a day allows.
    #[error("the quota of the day is used up")]
    Quota {
        /// When the next day begins, in milliseconds from now.
        retry_after_ms: u64,
    },
    /// There is no such content, or none that the user may see.
    #[error("there is no such media")]
    NoSuchMedia,
    /// It was looked at and refused.
    #[error("refused: {0}")]
    Refused(Reason),
    /// The time for the upload is over.
    #[error("the time for this upload is over: ask for another one")]
    Expired,
    /// It is uploaded already.
    #[error("the content is uploaded already")]
    Uploaded,
    /// It is uploaded in one request, not in parts.
    #[error("the content is uploaded in one request")]
    NotInParts,
    /// A part that the content does not have.
    #[error("the content has the parts 1 to {count}")]
    NoSuchPart {
        /// The place in the list.
        index: usize,
        /// How many there are.
        count: u32,
    },
    /// The hash of a part is none.
    #[error("must be the SHA-256 of the part, as 64 hexadecimal digits in lower case")]
    PartSha256 {
        /// The place in the list.
        index: usize,
    },
    /// Parts are missing, or are of another size.
    #[error("parts are missing")]
    Incomplete {
        /// The first of them.
        missing: Vec<u32>,
    },
    /// Only who began the upload may end it.
    #[error("only who began the upload may give it up")]
    NotOwner,
    /// A message refers to it.
    #[error("a message refers to it")]
    InUse,
}

impl From<Unavailable> for MediaError {
    fn from(error: Unavailable) -> Self {
        Self::Read(error.into())
    }
}
