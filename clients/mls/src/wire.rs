//! Framed `MLSMessage`s in base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openmls::framing::errors::MlsMessageError;
use openmls::prelude::tls_codec::Deserialize as _;
use openmls::prelude::{MlsMessageBodyIn, MlsMessageIn, MlsMessageOut};

use crate::limits::MESSAGE_BASE64_BYTES_MAX;

/// What came is no MLS message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// It is too long.
    #[error("an MLS message of {bytes} bytes is over the limit of {MESSAGE_BASE64_BYTES_MAX}")]
    TooLarge {
        /// Its size, as base64.
        bytes: usize,
    },
    /// It is not standard base64 with padding.
    #[error("an MLS message is not base64")]
    NotBase64,
    /// It is not one framed `MLSMessage`, whole.
    #[error("not an MLS message")]
    NotMls,
    /// It is an MLS message of another kind.
    #[error("an MLS message of the wrong kind, where there should be {0}")]
    WrongKind(&'static str),
}

pub(crate) fn decode(payload: &str) -> Result<MlsMessageBodyIn, WireError> {
    if payload.len() > MESSAGE_BASE64_BYTES_MAX {
        return Err(WireError::TooLarge { bytes: payload.len() });
    }
    let bytes = STANDARD.decode(payload).map_err(|_| WireError::NotBase64)?;
    let message = MlsMessageIn::tls_deserialize_exact(bytes.as_slice()).map_err(|_| WireError::NotMls)?;
    Ok(message.extract())
}

pub(crate) fn encode(message: &MlsMessageOut) -> Result<String, MlsMessageError> {
    Ok(STANDARD.encode(message.to_bytes()?))
}
