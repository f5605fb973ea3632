//! Errors as a client sees them.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::types;

/// Why a frame or a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// A field is missing or wrong; the message names it.
    BadRequest,
    /// No such frame.
    UnknownType,
    /// The credential is missing, bad or expired.
    Unauthorized,
    /// The credential is good and does not suffice.
    Forbidden,
    /// No such thing, or none that the caller may see.
    NotFound,
    /// The caller is not in the conversation.
    NotAMember,
    /// A frame, a payload or a field is over its limit.
    TooLarge,
    /// Too many; come back after `retryAfterMs`.
    RateLimited,
    /// One of the two has blocked the other.
    Blocked,
    /// The envelopes do not fit the recipients' devices.
    StaleDevices,
    /// The MLS epoch has moved on.
    StaleEpoch,
    /// Something else changed first.
    Conflict,
    /// A part of the service is away; come back after `retryAfterMs`.
    Unavailable,
    /// A defect of the service.
    Internal,
    /// A code of a later version.
    #[schemars(skip)]
    #[serde(other)]
    Unknown,
}

impl ErrorCode {
    /// All codes that the service answers.
    pub const ALL: [Self; 14] = [
        Self::BadRequest,
        Self::UnknownType,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::NotAMember,
        Self::TooLarge,
        Self::RateLimited,
        Self::Blocked,
        Self::StaleDevices,
        Self::StaleEpoch,
        Self::Conflict,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The HTTP status that says the same.
    pub fn http_status(self) -> u16 {
        match self {
            Self::BadRequest | Self::UnknownType => 400,
            Self::Unauthorized => 401,
            Self::Forbidden | Self::NotAMember | Self::Blocked => 403,
            Self::NotFound => 404,
            Self::StaleDevices | Self::StaleEpoch | Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::RateLimited => 429,
            Self::Unavailable => 503,
            Self::Internal | Self::Unknown => 500,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// The `error` frame, and the body of every HTTP error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorFrame {
    /// Why.
    pub code: ErrorCode,
    /// The same for a person, naming the field where there is one.
    pub message: String,
    /// The `id` of the frame that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::FrameId>")]
    pub reply_to: Option<String>,
    /// The message that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_msg_id: Option<String>,
    /// When to come back, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::Count>")]
    pub retry_after_ms: Option<u64>,
    /// More, for a program: `field` names the field at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::ErrorDetails>")]
    pub details: Option<serde_json::Value>,
}

impl ErrorFrame {
    /// An error with a code and a message.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: clipped(message.into()),
            reply_to: None,
            client_msg_id: None,
            retry_after_ms: None,
            details: None,
        }
    }

    /// An error about one field.
    pub fn of_field(code: ErrorCode, field: &str, message: impl Into<String>) -> Self {
        let mut frame = Self::new(code, message);
        frame.details = Some(serde_json::json!({ "field": clipped(field.to_owned()) }));
        frame
    }
}

/// What is wrong may be as long as a frame, and names it twice: the error about it must fit one too.
fn clipped(mut text: String) -> String {
    const CHARS_MAX: usize = 300;
    if let Some((end, _)) = text.char_indices().nth(CHARS_MAX) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Why a text is not the frame or body that it should be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// `bad_request`, `too_large` or `unknown_type`.
    pub code: ErrorCode,
    /// The field at fault, as a path.
    pub field: Option<String>,
    /// What is wrong, naming the field.
    pub message: String,
}

impl ParseError {
    /// An error about one field.
    pub fn field(field: impl Into<String>, rule: impl fmt::Display) -> Self {
        let field = field.into();
        Self { code: ErrorCode::BadRequest, message: format!("{field}: {rule}"), field: Some(field) }
    }

    /// A field or frame over its limit.
    pub fn too_large(field: impl Into<String>, rule: impl fmt::Display) -> Self {
        Self { code: ErrorCode::TooLarge, ..Self::field(field, rule) }
    }
}

impl From<ParseError> for ErrorFrame {
    fn from(error: ParseError) -> Self {
        match &error.field {
            Some(field) => Self::of_field(error.code, field, &error.message),
            None => Self::new(error.code, &error.message),
        }
    }
}
