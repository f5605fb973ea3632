//! Error classes: which errors are the client's, which pass, which are defects; and what the
//! client is told. Errors that are not the client's are logged here, once.

use tidings_auth::{ConnectError, TicketError};
use tidings_domain::{
    history::ReadError, ids::ClientMsgId, ports::Unavailable, receipts::ReceiptError, send::SendError, sync::SyncError,
};
use tidings_protocol::{ErrorCode, ErrorFrame, ParseError};
use tidings_telemetry::chain;
use tracing::error;

/// When a client may come back where something was away, in milliseconds.
const RETRY_AFTER_MS: u64 = 1000;
/// When a client may come back where too many wrote at once, in milliseconds.
const CONTENDED_RETRY_AFTER_MS: u64 = 250;

/// A failure, as the client is told of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure(Box<ErrorFrame>);

impl Failure {
    /// A failure with a code and a message.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self(Box::new(ErrorFrame::new(code, message)))
    }

    /// A failure by one field.
    pub fn of_field(code: ErrorCode, field: &str, message: impl Into<String>) -> Self {
        Self(Box::new(ErrorFrame::of_field(code, field, message)))
    }

    /// The template routes a frame to a function that is not for it.
    pub fn misrouted() -> Self {
        Self::new(ErrorCode::Internal, "the frame was routed to the wrong function")
    }

    /// About this message, if that is a name that a message can have.
    #[must_use]
    pub fn about(mut self, client_msg_id: Option<&str>) -> Self {
        self.0.client_msg_id = client_msg_id.filter(|id| ClientMsgId::parse(id).is_ok()).map(str::to_owned);
        self
    }

    /// The error frame, or body.
    pub fn into_frame(self) -> ErrorFrame {
        *self.0
    }

    fn not_a_member(conversation: &impl std::fmt::Display) -> Self {
        Self::of_field(
            ErrorCode::NotAMember,
            "conversationId",
            format!("conversationId: not a member of {conversation}"),
        )
    }

    fn passing(error: &(dyn std::error::Error + 'static)) -> Self {
        error!(error = chain(error), "unavailable");
        let mut frame = ErrorFrame::new(ErrorCode::Unavailable, "a part of the service does not answer; try again");
        frame.retry_after_ms = Some(RETRY_AFTER_MS);
        Self(Box::new(frame))
    }
}

impl From<ParseError> for Failure {
    fn from(error: ParseError) -> Self {
        Self(Box::new(error.into()))
    }
}

impl From<Unavailable> for Failure {
    fn from(error: Unavailable) -> Self {
        Self::passing(&error)
    }
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        match &error {
            SendError::NotAMember(conversation) => Self::not_a_member(conversation),
            SendError::StaleEpoch { current } => {
                let mut frame = ErrorFrame::of_field(ErrorCode::StaleEpoch, "epoch", format!("epoch: it is {current}"));
                frame.details = Some(serde_json::json!({ "field": "epoch", "epoch": current }));
                Self(Box::new(frame))
            }
            SendError::BaseBeyondEnd { end } => Self::of_field(
                ErrorCode::BadRequest,
                "baseSequence",
                format!("baseSequence: the conversation ends at {end}"),
            ),
            SendError::Contended { races_lost } => {
                error!(races_lost, "gave up on a contended conversation");
                let mut frame = ErrorFrame::new(ErrorCode::Unavailable, "too many write to this conversation at once");
                frame.retry_after_ms = Some(CONTENDED_RETRY_AFTER_MS);
                Self(Box::new(frame))
            }
            SendError::Unavailable(source) => Self::passing(source),
        }
    }
}

impl From<ReceiptError> for Failure {
    fn from(error: ReceiptError) -> Self {
        match &error {
            ReceiptError::NotAMember(conversation) => Self::not_a_member(conversation),
            ReceiptError::NoSuchSequence(_) => Self::of_field(ErrorCode::BadRequest, "upTo", format!("upTo: {error}")),
            ReceiptError::NoSuchMessage(_) => {
                Self::of_field(ErrorCode::NotFound, "messageId", format!("messageId: {error}"))
            }
            ReceiptError::Unavailable(source) => Self::passing(source),
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match &error {
            ReadError::NotAMember(conversation) => Self::not_a_member(conversation),
            ReadError::Unavailable(source) => Self::passing(source),
        }
    }
}

impl From<SyncError> for Failure {
    fn from(error: SyncError) -> Self {
        Self::passing(&error)
    }
}

impl From<TicketError> for Failure {
    fn from(error: TicketError) -> Self {
        Self::passing(&error)
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        match &error {
            ConnectError::Unauthorized(_) => Self::new(ErrorCode::Unauthorized, error.to_string()),
            ConnectError::Revoked => Self::new(ErrorCode::Forbidden, error.to_string()),
            ConnectError::Unavailable(_) => Self::passing(&error),
        }
    }
}
