//! Events of the WebSocket API: frames, and the handshakes that the authorizer judges.

use std::{collections::HashMap, sync::Arc};

use serde::Deserialize;
use serde_json::Value;
use tidings_domain::{
    ids::{ConnectionId, DeviceId, Sender, Timestamp, UserId},
    sessions::Socket,
};

use crate::{
    EventError, bearer,
    edge::{AroundTheEdge, client_address},
    read,
};

/// An event of the WebSocket API, as far as it is looked at.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebSocketEvent {
    request_context: RequestContext,
    #[serde(default)]
    body: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    connection_id: String,
    #[serde(default)]
    connected_at: u64,
    #[serde(default)]
    request_time_epoch: u64,
    #[serde(default)]
    authorizer: Authorizer,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Authorizer {
    user_id: String,
    device_id: String,
}

impl WebSocketEvent {
    /// Reads the event.
    pub fn parse(event: Value) -> Result<Self, EventError> {
        read(event)
    }

    /// The text of the frame; empty where there is none.
    pub fn text(&self) -> &str {
        self.body.as_deref().unwrap_or_default()
    }

    /// When the gateway took the frame; the beginning of time where it does not say.
    pub fn received_at(&self) -> Timestamp {
        Timestamp(self.request_context.request_time_epoch)
    }

    /// The socket. Identity comes from the authorizer's context, and from nowhere else.
    pub fn socket(&self, endpoint: &Arc<str>) -> Result<Socket, EventError> {
        let context = &self.request_context;
        Ok(Socket {
            owner: Sender {
                user: UserId::parse(&context.authorizer.user_id)?,
                device: DeviceId::parse(&context.authorizer.device_id)?,
            },
            connection: ConnectionId::parse(&context.connection_id)?,
            endpoint: endpoint.clone(),
            connected_at: Timestamp(context.connected_at),
        })
    }
}

/// What a handshake shows to the authorizer.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handshake {
    /// What is asked for, to be named in the policy.
    pub method_arn: String,
    #[serde(default)]
    request_context: Option<HandshakeContext>,
    #[serde(default)]
    headers: Option<HashMap<String, String>>,
    #[serde(default)]
    query_string_parameters: Option<HashMap<String, String>>,
}

#[derive(Clone, Debug, Deserialize)]
struct HandshakeContext {
    identity: Option<Identity>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    source_ip: Option<String>,
}

impl Handshake {
    /// Reads the event.
    pub fn parse(event: Value) -> Result<Self, EventError> {
        read(event)
    }

    /// A query parameter.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query_string_parameters.as_ref()?.get(name).map(String::as_str)
    }

    /// The address that it comes from; with the secret of an edge, only if it came through that.
    pub fn source_ip(&self, edge_secret: Option<&str>) -> Result<Option<&str>, AroundTheEdge> {
        let identity = self.request_context.as_ref().and_then(|context| context.identity.as_ref());
        let source_ip = identity.and_then(|identity| identity.source_ip.as_deref());
        match &self.headers {
            Some(headers) => client_address(headers, source_ip, edge_secret),
            None if edge_secret.is_none() => Ok(source_ip),
            None => Err(AroundTheEdge),
        }
    }

    /// The token of `Authorization: Bearer`.
    pub fn bearer(&self) -> Option<&str> {
        bearer(self.headers.as_ref()?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_frame_without_an_identity_is_an_event_error() {
        let event = json!({ "requestContext": { "connectionId": "c" }, "body": "{}" });
        assert!(WebSocketEvent::parse(event).unwrap().socket(&"e".into()).is_err());
    }
}
