//! Events of the WebSocket API: handshakes, frames, and the answers to them.

use std::{collections::HashMap, sync::Arc};

use serde::Deserialize;
use serde_json::{Value, json};
use tidings_domain::{
    ids::{ConnectionId, DeviceId, Sender, Timestamp, UserId},
    ports::BoxFuture,
    sessions::Socket,
};
use tidings_gateway::ApiGateway;
use tidings_protocol::{ErrorCode, ErrorFrame, FrameHeader, FrameType, ServerFrame};
use tracing::{Instrument, info, info_span, warn};

use crate::{
    config::{self, ConfigError},
    failure::Failure,
    function::{Function, FunctionError},
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
    pub fn parse(event: Value) -> Result<Self, FunctionError> {
        Ok(serde_json::from_value(event)?)
    }

    /// The socket. Identity comes from the authorizer's context, and from nowhere else.
    pub fn socket(&self, endpoint: &Arc<str>) -> Result<Socket, FunctionError> {
        let context = &self.request_context;
        let bad = |error: tidings_domain::ids::InvalidId| FunctionError::Failed(format!("authorizer context: {error}"));
        Ok(Socket {
            owner: Sender {
                user: UserId::parse(&context.authorizer.user_id).map_err(bad)?,
                device: DeviceId::parse(&context.authorizer.device_id).map_err(bad)?,
            },
            connection: ConnectionId::parse(&context.connection_id).map_err(bad)?,
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
    headers: Option<HashMap<String, String>>,
    #[serde(default)]
    query_string_parameters: Option<HashMap<String, String>>,
}

impl Handshake {
    /// Reads the event.
    pub fn parse(event: Value) -> Result<Self, FunctionError> {
        Ok(serde_json::from_value(event)?)
    }

    /// A query parameter.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query_string_parameters.as_ref()?.get(name).map(String::as_str)
    }

    /// The token of `Authorization: Bearer`.
    pub fn bearer(&self) -> Option<&str> {
        bearer(self.headers.as_ref()?)
    }
}

/// The token of `Authorization: Bearer`, whatever the case of the header's name.
pub(crate) fn bearer(headers: &HashMap<String, String>) -> Option<&str> {
    let (_, value) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization"))?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// One frame of a socket.
#[derive(Clone, Debug)]
pub struct Frame<'a> {
    /// Its type.
    pub frame_type: FrameType,
    /// Its text.
    pub text: &'a str,
    /// The socket that it came on.
    pub socket: Socket,
}

/// What a function does with the frames that are routed to it.
pub trait FrameHandler: Send + Sync {
    /// Answers a frame; none where the protocol has no answer on success.
    fn handle<'a>(&'a self, frame: Frame<'a>) -> BoxFuture<'a, Result<Option<ServerFrame>, Failure>>;

    /// As [`Function::warm_up`].
    fn warm_up(&self) -> BoxFuture<'_, ()>;
}

/// How a failed frame is answered.
#[derive(Clone)]
pub enum Refusals {
    /// As the route's response.
    Answered,
    /// Posted to the socket: the routes without an answer on success have no response at all.
    Posted(Box<ApiGateway>),
}

/// A function that answers frames.
pub struct FrameFunction {
    handler: Arc<dyn FrameHandler>,
    refusals: Refusals,
    endpoint: Arc<str>,
}

impl FrameFunction {
    /// A function around a handler.
    pub fn new(handler: Arc<dyn FrameHandler>, refusals: Refusals) -> Result<Self, ConfigError> {
        Ok(Self { handler, refusals, endpoint: config::text("WEBSOCKET_ENDPOINT")?.into() })
    }

    async fn answer(&self, event: WebSocketEvent) -> Result<Value, FunctionError> {
        let socket = event.socket(&self.endpoint)?;
        let text = event.body.as_deref().unwrap_or_default();
        let header = match FrameHeader::parse(text) {
            Ok(header) => header,
            Err(error) => return self.refuse(&socket, error.into(), None).await,
        };
        let id = header.id.as_deref();
        let span = info_span!(
            "frame",
            frame_type = header.frame_type,
            user = %socket.owner.user,
            device = %socket.owner.device,
            traceparent = header.traceparent,
        );
        let Some(frame_type) = FrameType::parse(&header.frame_type) else {
            let message = format!("type: there is no frame {:?}", shortened(&header.frame_type));
            return self.refuse(&socket, ErrorFrame::of_field(ErrorCode::UnknownType, "type", message), id).await;
        };
        let frame = Frame { frame_type, text, socket: socket.clone() };
        match self.handler.handle(frame).instrument(span).await {
            Ok(Some(frame)) => Ok(answer_frame(&frame, id)),
            Ok(None) => Ok(answer_nothing()),
            Err(failure) => self.refuse(&socket, failure.into_frame(), id).await,
        }
    }

    async fn refuse(&self, socket: &Socket, mut error: ErrorFrame, id: Option<&str>) -> Result<Value, FunctionError> {
        info!(code = %error.code, reason = error.message, "refused");
        match &self.refusals {
            Refusals::Answered => Ok(answer_frame(&ServerFrame::Error(error), id)),
            Refusals::Posted(gateway) => {
                error.reply_to = id.map(str::to_owned);
                let session = socket.session(socket.connected_at, 0);
                if let Err(error) = gateway.post_frame(&session, &ServerFrame::Error(error)).await {
                    warn!(%error, "refusal not posted");
                }
                Ok(answer_nothing())
            }
        }
    }
}

impl Function for FrameFunction {
    fn call(&self, event: Value) -> BoxFuture<'_, Result<Value, FunctionError>> {
        Box::pin(async move { self.answer(WebSocketEvent::parse(event)?).await })
    }

    fn warm_up(&self) -> BoxFuture<'_, ()> {
        self.handler.warm_up()
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}

fn answer_frame(frame: &ServerFrame, id: Option<&str>) -> Value {
    json!({ "statusCode": 200, "body": frame.to_text(id) })
}

/// An answer that sends nothing to the socket.
pub fn answer_nothing() -> Value {
    json!({ "statusCode": 200 })
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

    #[test]
    fn a_frame_without_an_identity_is_an_event_error() {
        let event = json!({ "requestContext": { "connectionId": "c" }, "body": "{}" });
        assert!(WebSocketEvent::parse(event).unwrap().socket(&"e".into()).is_err());
    }
}
