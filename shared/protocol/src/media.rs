//! Bodies of the calls about media.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings_domain::limits;

use crate::schema::types;

/// `POST /media/presign`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PresignRequest {
    /// The type of the content; `application/octet-stream` where it is encrypted.
    #[schemars(with = "types::Mime")]
    pub mime: String,
    /// Its size, in bytes.
    #[schemars(with = "types::MediaSize")]
    pub size: u64,
    /// Its SHA-256, as 64 hexadecimal digits in lower case.
    #[schemars(with = "types::Sha256")]
    pub sha256: String,
    /// The conversation that it is for.
    #[schemars(with = "types::ConversationId")]
    pub conversation_id: String,
}

/// The answer of `POST /media/presign`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Presigned {
    /// The name of the content. The same content in the same conversation has the same name.
    #[schemars(with = "types::MediaHandle")]
    pub media_handle: String,
    /// How far it has got. Where it is `ready`, there is nothing to upload.
    pub status: MediaState,
    /// The one request that uploads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<SignedUpload>,
    /// How it is cut into parts, where it is too large for one request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multipart: Option<MultipartPlan>,
    /// Until when it can be uploaded so, in ms since the epoch.
    #[schemars(with = "types::Timestamp")]
    pub expires_at: u64,
}

/// How far content has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MediaState {
    /// It is not uploaded, or was not looked at yet.
    Pending,
    /// Messages may refer to it.
    Ready,
    /// It was looked at and refused.
    Refused,
    /// A state of a later version.
    #[schemars(skip)]
    #[serde(other)]
    Unknown,
}

/// A request to storage that is signed: nothing about it can be changed, nor its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignedUpload {
    /// The method: `PUT`.
    pub method: String,
    /// Where to. It holds the signature: it is a secret until its time is over.
    pub url: String,
    /// Headers that must be sent as they are here; `content-length` and `host` every client sends by itself.
    pub headers: BTreeMap<String, String>,
}

/// How content is cut into parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MultipartPlan {
    /// The size of every part but the last, in bytes.
    #[schemars(with = "types::Count")]
    pub part_bytes: u64,
    /// How many parts there are, numbered from 1.
    #[schemars(with = "types::PartNumber")]
    pub part_count: u32,
}

/// `POST /media/{handle}/parts`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartsRequest {
    /// The parts to be signed.
    #[schemars(length(min = 1, max = limits::MEDIA_PARTS_AT_ONCE_MAX))]
    pub parts: Vec<PartWanted>,
}

/// A part to be signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartWanted {
    /// Its number, from 1.
    #[schemars(with = "types::PartNumber")]
    pub number: u32,
    /// The SHA-256 of its bytes, as 64 hexadecimal digits in lower case.
    #[schemars(with = "types::Sha256")]
    pub sha256: String,
}

/// The answer of `POST /media/{handle}/parts`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartsSigned {
    /// The parts, in the order of the request.
    pub parts: Vec<PartSigned>,
    /// Until when they can be uploaded so, in ms since the epoch.
    #[schemars(with = "types::Timestamp")]
    pub expires_at: u64,
}

/// A part that is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartSigned {
    /// Its number.
    #[schemars(with = "types::PartNumber")]
    pub number: u32,
    /// The request that uploads it.
    pub upload: SignedUpload,
}

/// The answer of `GET /media/{handle}/parts`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartsThere {
    /// The parts that storage has, by number.
    pub parts: Vec<PartThere>,
    /// How the content is cut into parts.
    pub multipart: MultipartPlan,
}

/// A part that storage has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartThere {
    /// Its number.
    #[schemars(with = "types::PartNumber")]
    pub number: u32,
    /// Its size, in bytes.
    #[schemars(with = "types::Count")]
    pub size: u64,
    /// Its SHA-256, as 64 hexadecimal digits; empty where storage does not tell.
    pub sha256: String,
}

/// The answer of `POST /media/{handle}/complete`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MediaCompleted {
    /// The name of the content.
    #[schemars(with = "types::MediaHandle")]
    pub media_handle: String,
    /// How far it has got: it is `ready` once it has been looked at.
    pub status: MediaState,
}

/// How large a preview is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PreviewSizeName {
    /// Up to 160 pixels.
    Small,
    /// Up to 640 pixels.
    Medium,
    /// Up to 1,600 pixels.
    Large,
}

/// The answer of `GET /media/{handle}/preview`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviewInfo {
    /// How far it has got. `refused` is for good: there will be none.
    pub status: MediaState,
    /// Why there is none: `unsupported`, `corrupt`, `tooLarge` or `tooHard`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When to ask again, in milliseconds, while it is `pending`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::Count>")]
    pub retry_after_ms: Option<u64>,
    /// A picture, of the size that was asked for; absent of sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<PreviewPicture>,
    /// How long it takes, in milliseconds; absent of a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::Count>")]
    pub duration_ms: Option<u64>,
    /// The waveform of sound: up to a hundred heights, 0 to 255, evenly over its time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = limits::PREVIEW_PEAKS))]
    pub peaks: Vec<u8>,
    /// Sound, or a film, of up to ten minutes in a form that is played everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub playable: Option<PreviewPlayable>,
    /// Until when the addresses work, in ms since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::Timestamp>")]
    pub expires_at: Option<u64>,
}

/// A small copy of a picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviewPicture {
    /// Where it can be read. It holds a signature: it is a secret until its time is over.
    pub url: String,
    /// Its type.
    pub mime: String,
    /// Its size, in bytes.
    #[schemars(with = "types::Count")]
    pub size: u64,
    /// Its width, in pixels.
    #[schemars(with = "types::Count")]
    pub width: u32,
    /// Its height, in pixels.
    #[schemars(with = "types::Count")]
    pub height: u32,
}

/// Content in a form that is played everywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviewPlayable {
    /// Where it can be read. It holds a signature: it is a secret until its time is over.
    pub url: String,
    /// Its type.
    pub mime: String,
    /// Its size, in bytes.
    #[schemars(with = "types::Count")]
    pub size: u64,
}

/// The answer of `GET /media/{handle}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MediaInfo {
    /// How far it has got.
    pub status: MediaState,
    /// Why it was refused: `size`, `sha256`, `mime`, `malware` or `unscanned`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its type.
    #[schemars(with = "types::Mime")]
    pub mime: String,
    /// Its size, in bytes.
    #[schemars(with = "types::MediaSize")]
    pub size: u64,
    /// Where it can be read, in ranges too. It holds a signature: it is a secret until its time is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Until when it can be read there, in ms since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::Timestamp>")]
    pub expires_at: Option<u64>,
}
