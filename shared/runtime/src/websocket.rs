//! Frames of the WebSocket API, and the answers to them.

use std::sync::Arc;

use serde_json::{Value, json};
use tidings_domain::{
    ids::{MessageId, Sequence, Timestamp},
    ports::{BoxFuture, Clock},
    sessions::Socket,
    signals::{Metric, Stage, measure, stage},
};
use tidings_events::WebSocketEvent;
use tidings_gateway::ApiGateway;
use tidings_protocol::{ErrorCode, ErrorFrame, FrameHeader, FrameType, MessageSent, ServerFrame};
use tracing::{Instrument, info, info_span, warn};

use crate::{
    clock::SystemClock,
    config::{self, ConfigError},
    failure::Failure,
    function::{Function, FunctionError},
};

/// One frame of a socket.
#[derive(Clone, Debug)]
pub struct Frame<'a> {
    /// Its type.
    pub frame_type: FrameType,
    /// Its text.
    pub text: &'a str,
    /// Its `id`, to be echoed.
    pub id: Option<&'a str>,
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
        let (text, received_at) = (event.text(), event.received_at());
        measure(Metric::Requests, 1);
        let header = match FrameHeader::parse(text) {
            Ok(header) => header,
            Err(error) => return self.refuse(&socket, error.into(), None).await,
        };
        let id = header.id.as_deref();
        let Some(frame_type) = FrameType::parse(&header.frame_type) else {
            let message = format!("type: there is no frame {:?}", shortened(&header.frame_type));
            return self.refuse(&socket, ErrorFrame::of_field(ErrorCode::UnknownType, "type", message), id).await;
        };
        let traceparent = header.traceparent.as_deref().filter(|text| is_traceparent(text));
        let span = info_span!(
            "frame",
            frame_type = header.frame_type,
            user = %socket.owner.user,
            device = %socket.owner.device,
            traceparent,
        );
        let frame = Frame { frame_type, text, id, socket: socket.clone() };
        match self.handler.handle(frame).instrument(span.clone()).await {
            Ok(Some(ServerFrame::Sent(sent))) => {
                note_sent(&sent, received_at, traceparent);
                Ok(answer_frame(&ServerFrame::Sent(sent), id))
            }
            Ok(Some(frame)) => Ok(answer_frame(&frame, id)),
            Ok(None) => Ok(answer_nothing()),
            Err(failure) => self.refuse(&socket, failure.into_frame(), id).instrument(span).await,
        }
    }

    async fn refuse(&self, socket: &Socket, error: ErrorFrame, id: Option<&str>) -> Result<Value, FunctionError> {
        note_failure(&error);
        match &self.refusals {
            Refusals::Answered => Ok(answer_frame(&ServerFrame::Error(error), id)),
            Refusals::Posted(gateway) => {
                let session = socket.session(socket.connected_at, 0);
                if let Err(error) = gateway.post_frame(&session, &ServerFrame::Error(error), id).await {
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

/// Measures from the gateway on: whatever a frame waits for, a cold start as well, its sender waits for.
fn note_sent(sent: &MessageSent, received_at: Timestamp, traceparent: Option<&str>) {
    let now = SystemClock.now();
    // A gateway that does not say when is not measured from the beginning of time.
    let from = if received_at == Timestamp::default() { now } else { received_at };
    measure(Metric::SentMs, now.ms_since(from));
    if let Ok(message) = MessageId::parse(&sent.message_id) {
        let traceparent = traceparent.unwrap_or_default();
        stage(message, Sequence(sent.sequence), Stage::Sent, from, now, traceparent);
    }
}

/// Logs and counts what a client is refused, without the message: it quotes what the client said.
pub(crate) fn note_failure(error: &ErrorFrame) {
    let is_ours = matches!(error.code, ErrorCode::Internal | ErrorCode::Unavailable);
    measure(if is_ours { Metric::Faults } else { Metric::Refusals }, 1);
    info!(code = %error.code, field = error.details.as_ref().and_then(|details| details["field"].as_str()), "refused");
}

/// Whether a text has the form of a W3C trace parent: what is logged of a client's is no more than that.
fn is_traceparent(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() == 4
        && parts.iter().zip([2, 32, 16, 2]).all(|(part, digits)| {
            part.len() == digits && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        })
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
