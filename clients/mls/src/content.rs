//! What is inside an application message.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::limits::CONTENT_BYTES_MAX;

/// The version of the form.
const VERSION: u32 = 1;

/// The content of one message: `{"v":1,"kind":…,"body":…}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// As the frame's `kind` would be in the clear.
    pub kind: String,
    /// What the frame's `payload` would be in the clear.
    pub body: Value,
}

/// A content cannot be written, or what was decrypted is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// It is larger than fits a message.
    #[error("a content of {bytes} bytes is over the limit of {CONTENT_BYTES_MAX}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// It is of a later version of this form.
    #[error("the content is of version {0}, which is not known")]
    Version(u32),
    /// It is not what was agreed on.
    #[error("the content is not JSON with v, kind and body")]
    Malformed,
}

#[derive(Deserialize)]
struct Header {
    v: u32,
}

#[derive(Serialize, Deserialize)]
struct Record<'a> {
    #[serde(default)]
    v: u32,
    #[serde(borrow)]
    kind: std::borrow::Cow<'a, str>,
    body: std::borrow::Cow<'a, Value>,
}

impl Content {
    /// A text, as in the clear: `{"text": …}`.
    pub fn text(text: &str) -> Self {
        Self { kind: "text".to_owned(), body: serde_json::json!({ "text": text }) }
    }

    /// What it says, where it is a text or has one beside it.
    pub fn said(&self) -> Option<&str> {
        self.body.get("text")?.as_str()
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, ContentError> {
        let record =
            Record { v: VERSION, kind: self.kind.as_str().into(), body: std::borrow::Cow::Borrowed(&self.body) };
        let bytes = serde_json::to_vec(&record).map_err(|_| ContentError::Malformed)?;
        if bytes.len() > CONTENT_BYTES_MAX {
            return Err(ContentError::TooLarge { bytes: bytes.len() });
        }
        Ok(bytes)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, ContentError> {
        let header: Header = serde_json::from_slice(bytes).map_err(|_| ContentError::Malformed)?;
        if header.v != VERSION {
            return Err(ContentError::Version(header.v));
        }
        let record: Record<'_> = serde_json::from_slice(bytes).map_err(|_| ContentError::Malformed)?;
        Ok(Self { kind: record.kind.into_owned(), body: record.body.into_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_form_is_the_agreed_one() {
        let content = Content { kind: "image".to_owned(), body: json!({"caption": "ü", "n": [1, null]}) };
        let bytes = content.encode().unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&bytes).unwrap(),
            json!({"v": 1, "kind": "image", "body": {"caption": "ü", "n": [1, null]}})
        );
        assert_eq!(Content::decode(&bytes).unwrap(), content);
        let escaped = br#"{"body":1,"more":true,"kind":"te\u0078t","v":1}"#;
        assert_eq!(Content::decode(escaped).unwrap(), Content { kind: "text".to_owned(), body: json!(1) });
    }

    #[test]
    fn what_is_none_is_refused() {
        for (bytes, error) in [
            (&b"hello"[..], ContentError::Malformed),
            (br#"{"kind":"text","body":"no version"}"#, ContentError::Malformed),
            (br#"{"v":1,"kind":"text"}"#, ContentError::Malformed),
            (br#"{"v":2,"else":0}"#, ContentError::Version(2)),
            (b"\xff", ContentError::Malformed),
        ] {
            assert_eq!(Content::decode(bytes), Err(error));
        }
        let large = Content::text(&"x".repeat(CONTENT_BYTES_MAX));
        assert!(matches!(large.encode(), Err(ContentError::TooLarge { .. })));
    }
}
