//! Error classes: which errors are the client's, which pass, which are defects; and what the
//! client is told. Errors that are not the client's are logged here, once.

use tidings_auth::{ConnectError, SecretError, TicketError};
use tidings_domain::{
    blocks::BlockError,
    chain,
    devices::DeviceError,
    events::EventsError,
    history::ReadError,
    ids::ClientMsgId,
    keys::KeyError,
    mailbox::MailError,
    media::MediaError,
    membership::GroupError,
    messages::MessageError,
    moderation::AdminError,
    personal::PersonalError,
    ports::Unavailable,
    rate::{LimitError, RateLimited},
    receipts::ReceiptError,
    reports::ReportError,
    schedule::ScheduleError,
    send::SendError,
    signals::{Metric, measure_reason},
    sync::SyncError,
};
use tidings_protocol::{
    ErrorCode, ErrorFrame, ParseError,
    convert::{avatar_refusal_frame, limited_frame, media_error_frame, refusal_frame, rule_frame},
};
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

    /// Too many write to one conversation.
    pub(crate) fn crowded() -> Self {
        let mut frame = ErrorFrame::new(ErrorCode::Unavailable, "too many write to this conversation at once");
        frame.retry_after_ms = Some(CONTENDED_RETRY_AFTER_MS);
        Self(Box::new(frame))
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
            SendError::Refused(refusal) => Self(Box::new(refusal_frame(refusal))),
            SendError::Contended { races_lost } => {
                error!(races_lost, "gave up on a contended conversation");
                Self::crowded()
            }
            SendError::Queued => Self::crowded(),
            SendError::Limited(limited) => (*limited).into(),
            SendError::Unavailable(source) => Self::passing(source),
        }
    }
}

impl From<GroupError> for Failure {
    fn from(error: GroupError) -> Self {
        match &error {
            GroupError::NotAMember(conversation) => Self::not_a_member(conversation),
            GroupError::NoSuchMember(_) | GroupError::NoSuchRequest(_) => {
                Self::of_field(ErrorCode::NotFound, "userId", format!("userId: {error}"))
            }
            GroupError::NoSuchInvite => Self::new(ErrorCode::NotFound, error.to_string()),
            GroupError::TooManyInvites => Self::new(ErrorCode::Conflict, error.to_string()),
            GroupError::Exists(_) => {
                Self::of_field(ErrorCode::Conflict, "clientGroupId", format!("clientGroupId: {error}"))
            }
            GroupError::Avatar(refusal) => Self(Box::new(avatar_refusal_frame(refusal))),
            GroupError::Forbidden(rule) => Self(Box::new(rule_frame(*rule))),
            GroupError::TooManyAtOnce => Self::of_field(ErrorCode::BadRequest, "members", format!("members: {error}")),
            GroupError::Contended => Self::crowded(),
            GroupError::Unavailable(source) => Self::passing(source),
        }
    }
}

impl From<MediaError> for Failure {
    fn from(error: MediaError) -> Self {
        match (media_error_frame(&error), error) {
            (Some(frame), _) => Self(Box::new(frame)),
            (None, MediaError::Read(error)) => error.into(),
            (None, error) => Self::new(ErrorCode::Internal, error.to_string()),
        }
    }
}

impl From<MessageError> for Failure {
    fn from(error: MessageError) -> Self {
        let field = |code, name: &str| Self::of_field(code, name, format!("{name}: {error}"));
        match &error {
            MessageError::Read(ReadError::NotAMember(conversation)) => Self::not_a_member(conversation),
            MessageError::Read(ReadError::Unavailable(source)) => Self::passing(source),
            MessageError::NoSuchMessage(_) => field(ErrorCode::NotFound, "messageId"),
            MessageError::NotViewOnce => field(ErrorCode::BadRequest, "messageId"),
            MessageError::OwnMessage => field(ErrorCode::Forbidden, "messageId"),
            MessageError::Opened => field(ErrorCode::Conflict, "messageId"),
        }
    }
}

impl From<ScheduleError> for Failure {
    fn from(error: ScheduleError) -> Self {
        let field = |code, name: &str| Self::of_field(code, name, format!("{name}: {error}"));
        match &error {
            ScheduleError::Read(ReadError::NotAMember(conversation)) => Self::not_a_member(conversation),
            ScheduleError::Read(ReadError::Unavailable(source)) => Self::passing(source),
            ScheduleError::Time => field(ErrorCode::BadRequest, "sendAt"),
            ScheduleError::TooMany => field(ErrorCode::TooLarge, "message"),
            ScheduleError::Media(refusal) => Self(Box::new(refusal_frame(refusal))),
            ScheduleError::NoSuchMessage(_) => field(ErrorCode::NotFound, "messageId"),
        }
    }
}

impl From<PersonalError> for Failure {
    fn from(error: PersonalError) -> Self {
        match &error {
            PersonalError::NotAMember(conversation) => Self::not_a_member(conversation),
            PersonalError::NoSuchMessage(_) => {
                Self::of_field(ErrorCode::NotFound, "messageId", format!("messageId: {error}"))
            }
            PersonalError::Full(count_max) => Self::of_field(
                ErrorCode::TooLarge,
                "conversationId",
                format!("conversationId: at most {count_max} are kept"),
            ),
            PersonalError::Contended => Self::crowded(),
            PersonalError::Unavailable(source) => Self::passing(source),
        }
    }
}

impl From<DeviceError> for Failure {
    fn from(error: DeviceError) -> Self {
        match &error {
            DeviceError::Revoked => Self::new(ErrorCode::Forbidden, error.to_string()),
            DeviceError::NoSuchDevice(_) => Self::of_field(ErrorCode::NotFound, "id", format!("id: {error}")),
            DeviceError::NotOffered => {
                Self::of_field(ErrorCode::BadRequest, "push.service", format!("push.service: {error}"))
            }
            DeviceError::BadToken => Self::of_field(ErrorCode::BadRequest, "push", format!("push: {error}")),
            DeviceError::Unavailable(source) => Self::passing(source),
        }
    }
}

impl From<RateLimited> for Failure {
    fn from(limited: RateLimited) -> Self {
        measure_reason(Metric::RateLimited, 1, limited.limit);
        Self(Box::new(limited_frame(limited)))
    }
}

impl From<LimitError> for Failure {
    fn from(error: LimitError) -> Self {
        match &error {
            LimitError::Limited(limited) => (*limited).into(),
            LimitError::Unavailable(source) => Self::passing(source),
        }
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        match &error {
            KeyError::NoSuchDevice => Self::of_field(ErrorCode::NotFound, "id", format!("id: {error}")),
            KeyError::TooManyDevices => Self::of_field(ErrorCode::Conflict, "id", format!("id: {error}")),
            KeyError::TooManyPackages { .. } => {
                Self::of_field(ErrorCode::TooLarge, "keyPackages", format!("keyPackages: {error}"))
            }
            KeyError::Limited(LimitError::Limited(limited)) => (*limited).into(),
            KeyError::Contended => Self::crowded(),
            KeyError::Unavailable(source) | KeyError::Limited(LimitError::Unavailable(source)) => Self::passing(source),
        }
    }
}

impl From<MailError> for Failure {
    fn from(error: MailError) -> Self {
        match &error {
            MailError::NoConversation => {
                Self::of_field(ErrorCode::BadRequest, "conversationId", format!("conversationId: {error}"))
            }
            MailError::NotAMember(conversation) => Self::not_a_member(conversation),
            MailError::NoSuchDevice(_) => Self::of_field(ErrorCode::NotFound, "deviceId", format!("deviceId: {error}")),
            MailError::Full => Self::new(ErrorCode::Conflict, error.to_string()),
            MailError::Unavailable(source) => Self::passing(source),
        }
    }
}

impl From<BlockError> for Failure {
    fn from(error: BlockError) -> Self {
        match &error {
            BlockError::Oneself => Self::of_field(ErrorCode::BadRequest, "userId", format!("userId: {error}")),
            BlockError::Full => Self::of_field(ErrorCode::TooLarge, "userId", format!("userId: {error} are blocked")),
            BlockError::Unavailable(source) => Self::passing(source),
        }
    }
}

impl From<ReportError> for Failure {
    fn from(error: ReportError) -> Self {
        let field = |code, name: &str| Self::of_field(code, name, format!("{name}: {error}"));
        match &error {
            ReportError::Read(ReadError::NotAMember(conversation)) => Self::not_a_member(conversation),
            ReportError::Read(ReadError::Unavailable(source)) => Self::passing(source),
            ReportError::NoSuchMessage(_) | ReportError::TooLate => field(ErrorCode::NotFound, "messageId"),
            ReportError::NotCarried => field(ErrorCode::BadRequest, "payload"),
        }
    }
}

impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Self {
        match &error {
            AdminError::NoSuchReport => Self::of_field(ErrorCode::NotFound, "reportId", format!("reportId: {error}")),
            AdminError::NoSuchKey => Self::of_field(ErrorCode::NotFound, "name", format!("name: {error}")),
            AdminError::NotBanned(_) => Self::of_field(ErrorCode::NotFound, "userId", format!("userId: {error}")),
            AdminError::Unavailable(source) => Self::passing(source),
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

impl From<EventsError> for Failure {
    fn from(error: EventsError) -> Self {
        match &error {
            EventsError::Replaced => Self::new(ErrorCode::Conflict, error.to_string()),
            EventsError::Unavailable(source) => Self::passing(source),
        }
    }
}

impl From<TicketError> for Failure {
    fn from(error: TicketError) -> Self {
        Self::passing(&error)
    }
}

impl From<SecretError> for Failure {
    fn from(error: SecretError) -> Self {
        Self::passing(&error)
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        match &error {
            ConnectError::Unauthorized(_) => Self::new(ErrorCode::Unauthorized, error.to_string()),
            ConnectError::Revoked => Self::new(ErrorCode::Forbidden, error.to_string()),
            ConnectError::Banned => {
                let mut frame = ErrorFrame::new(ErrorCode::Forbidden, error.to_string());
                frame.details = Some(serde_json::json!({ "rule": "banned" }));
                Self(Box::new(frame))
            }
            ConnectError::Unavailable(_) => Self::passing(&error),
        }
    }
}
