//! The events that AWS calls the functions with, decoded: sockets, HTTP calls, handshakes and the
//! batches of streams.
//!
//! # Architecture invariant
//! Nothing here speaks to AWS, so that every decoder of what comes from outside can be fuzzed
//! without the SDK.

mod batch;
mod edge;
mod http;
mod image;
mod objects;
mod previews;
mod queue;
mod websocket;

use std::collections::HashMap;

use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;
use tidings_domain::ids::InvalidId;

pub use batch::{Batch, BatchAnswer, log_entries, pending_sends, stream_records};
pub use edge::AroundTheEdge;
pub use http::HttpRequest;
pub use image::{ImageError, entries_of_image};
pub use objects::{ObjectEvent, object_events};
pub use previews::{QueuedPreview, queued_previews};
pub use queue::{QueuedPush, queued_looks, queued_pushes};
pub use websocket::{Handshake, WebSocketEvent};

/// Why an event is not what a function is for. It is the deployment's fault, never a client's.
#[derive(Debug, Error)]
pub enum EventError {
    /// It is of another shape.
    #[error("not an event of this kind")]
    Shape(#[from] serde_json::Error),
    /// It does not say who is there.
    #[error("no identity in the authorizer's context")]
    Identity(#[from] InvalidId),
}

fn read<T: DeserializeOwned>(event: Value) -> Result<T, EventError> {
    Ok(serde_json::from_value(event)?)
}

/// The token of `Authorization: Bearer`, whatever the case of the header's name.
fn bearer(headers: &HashMap<String, String>) -> Option<&str> {
    let (_, value) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization"))?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bearer_token_is_found_whatever_the_case() {
        let headers = |name: &str, value: &str| HashMap::from([(name.to_owned(), value.to_owned())]);
        assert_eq!(bearer(&headers("authorization", "bearer abc")), Some("abc"));
        assert_eq!(bearer(&headers("Authorization", "Bearer abc")), Some("abc"));
        assert_eq!(bearer(&headers("Authorization", "Basic abc")), None);
        assert_eq!(bearer(&headers("Authorization", "abc")), None);
    }
}
