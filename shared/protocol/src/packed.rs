//! Frames that are sent compressed: answers that are long and readable.
//!
//! Ciphertext is sent as it is: it does not become shorter.

use std::io::{Read, Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, bufread::GzDecoder, write::GzEncoder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings_domain::limits::UNPACKED_BYTES_MAX;

use crate::error::ParseError;

/// How a frame may be compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// RFC 1952.
    Gzip,
}

/// `packed`: another frame, compressed
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Packed {
    /// How.
    pub encoding: Encoding,
    /// The text of the frame, compressed, in base64; of at most 128 KiB.
    pub frame: String,
}

impl Packed {
    /// Compresses a text.
    pub fn pack(text: &str) -> std::io::Result<Self> {
        Ok(Self { encoding: Encoding::Gzip, frame: STANDARD.encode(gzip(text)?) })
    }

    /// The text.
    pub fn unpack(&self) -> Result<String, ParseError> {
        let bad = |what: &str| ParseError::field("frame", what);
        let bytes = STANDARD.decode(&self.frame).map_err(|_| bad("must be base64"))?;
        let mut text = String::new();
        // One byte more than there may be tells a text that is too long.
        let most = UNPACKED_BYTES_MAX as u64 + 1;
        let read = GzDecoder::new(bytes.as_slice()).take(most).read_to_string(&mut text);
        read.map_err(|_| bad("must be text, compressed by gzip"))?;
        if text.len() > UNPACKED_BYTES_MAX {
            return Err(ParseError::too_large("frame", format_args!("at most {UNPACKED_BYTES_MAX} bytes, unpacked")));
        }
        Ok(text)
    }
}

/// Compresses a text.
pub fn gzip(text: &str) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes())?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(text in "\\PC{0,2000}") {
            prop_assert_eq!(Packed::pack(&text).unwrap().unpack().unwrap(), text);
        }

        #[test]
        fn any_text_is_unpacked_or_refused(frame in "[A-Za-z0-9+/=]{0,200}") {
            let _ = Packed { encoding: Encoding::Gzip, frame }.unpack();
        }
    }

    #[test]
    fn what_would_not_end_is_refused() {
        let bomb = Packed::pack(&"a".repeat(UNPACKED_BYTES_MAX * 100)).unwrap();
        assert!(bomb.frame.len() < 32_768);
        let error = bomb.unpack().unwrap_err();
        assert!(error.to_string().contains("frame: at most 131072 bytes"), "{error}");
        assert_eq!(Packed::pack(&"a".repeat(UNPACKED_BYTES_MAX)).unwrap().unpack().unwrap().len(), UNPACKED_BYTES_MAX);
    }

    #[test]
    fn what_is_cut_off_is_refused() {
        let whole = STANDARD.decode(Packed::pack("good news").unwrap().frame).unwrap();
        for to in 0..whole.len() {
            let cut = Packed { encoding: Encoding::Gzip, frame: STANDARD.encode(&whole[..to]) };
            assert!(cut.unpack().is_err(), "{to} of {}", whole.len());
        }
    }
}
