//! What is one user's own, over HTTP: settings of conversations, drafts, stars, hidden messages.

use serde_json::Value;
use tidings_blobs::{Blobs, S3Blobs};
use tidings_bus::KinesisBus;
use tidings_domain::{
    ids::{ConversationId, MessageId, Sender, Sequence},
    limits::PERSONAL_PAGE_MAX,
    membership::GroupPorts,
    personal::{PersonalPorts, changes, drafts, hide, save_draft, star, stars, unstar},
    ports::{BoxFuture, Conversations},
    preferences::{PreferencePorts, configure},
};
use tidings_gateway::ApiGateway;
use tidings_protocol::{
    ErrorCode, ParseError, convert,
    cursor::{changes_cursor_from_text, place_from_text},
    http::SettingsUpdate,
    personal::DraftUpdate,
};
use tidings_runtime::{
    Adapters, Callers, Failure, Function, FunctionError, HttpAnswer, HttpRequest, SystemClock,
    config::{self, ConfigError},
};
use tidings_search::withdrawal::withdrawal;
use tidings_store::{DynamoConversations, DynamoLog, DynamoMedia, DynamoPersonal, DynamoSessions};

/// The function.
pub struct Personal {
    callers: Callers,
    log: DynamoLog,
    conversations: DynamoConversations,
    kept: DynamoPersonal,
    sessions: DynamoSessions,
    media: DynamoMedia,
    bus: KinesisBus,
    gateway: ApiGateway,
    search_blobs: S3Blobs,
    push_members_max: usize,
}

impl Personal {
    /// Builds the function from its configuration.
    pub fn build(adapters: &Adapters) -> Result<Self, ConfigError> {
        Ok(Self {
            callers: Callers::build(adapters)?,
            log: adapters.log()?,
            conversations: adapters.conversations()?,
            kept: adapters.personal()?,
            sessions: adapters.sessions()?,
            media: adapters.media()?,
            bus: adapters.bus()?,
            gateway: adapters.gateway()?,
            search_blobs: adapters.search_blobs()?,
            push_members_max: config::number("PUSH_MEMBERS_MAX", 2, 10_000)?,
        })
    }

    async fn answer(&self, request: &HttpRequest) -> Result<HttpAnswer, Failure> {
        let caller = self.callers.verify(request).await?;
        match request.route_key.as_str() {
            "PUT /conversations/{id}/settings" => self.configure(request, &caller).await,
            "GET /personal" => self.changes(request, &caller).await,
            "GET /drafts" => self.drafts(request, &caller).await,
            "PUT /drafts/{conversationId}" => self.save_draft(request, &caller).await,
            "GET /stars" => self.stars(request, &caller).await,
            "PUT /stars/{conversationId}/{messageId}" => self.star(request, &caller).await,
            "DELETE /stars/{conversationId}/{messageId}" => self.unstar(request, &caller).await,
            "PUT /hidden/{conversationId}/{messageId}" => self.hide(request, &caller).await,
            _ => Err(Failure::new(ErrorCode::NotFound, "there is no such call")),
        }
    }

    async fn configure(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let conversation = convert::conversation_id("id", request.path("id"))?;
        let wanted = convert::settings_request(&request.body::<SettingsUpdate>()?)?;
        let ports = PreferencePorts { groups: self.groups(), sessions: &self.sessions, gateway: &self.gateway };
        let withdraws = wanted.agrees_to_search == Some(false);
        let settings = configure(ports, caller, &conversation, wanted).await?;
        if withdraws {
            self.note_withdrawal(&conversation).await?;
        }
        Ok(HttpAnswer::json(&convert::conversation_settings(&settings)))
    }

    /// Tells the curator to take the words of a conversation out of the index. They are not found from now on in any case.
    async fn note_withdrawal(&self, conversation: &ConversationId) -> Result<(), Failure> {
        let label = self.conversations.labels(std::slice::from_ref(conversation)).await?.remove(conversation);
        let text_since = label.unwrap_or_default().text_since;
        let (key, content) = withdrawal(conversation, text_since.minus_ms(1));
        Ok(self.search_blobs.put(&key, &content).await?)
    }

    async fn changes(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let cursor = changes_cursor_from_text(request.query("since").unwrap_or_default())?;
        let page = changes(self.ports(), &caller.user, &cursor, limit(request)?).await?;
        Ok(HttpAnswer::json(&convert::personal_page(&page)))
    }

    async fn drafts(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let after = request.query("after").map(|id| convert::conversation_id("after", id)).transpose()?;
        let page = drafts(self.ports(), &caller.user, after.as_ref(), limit(request)?).await?;
        Ok(HttpAnswer::json(&convert::draft_page(&page)))
    }

    async fn save_draft(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let conversation = conversation(request)?;
        let (payload, ts) = convert::draft_request(&request.body::<DraftUpdate>()?)?;
        let draft = save_draft(self.ports(), caller, &conversation, payload, ts).await?;
        Ok(HttpAnswer::json(&convert::draft(&draft)))
    }

    async fn stars(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let before = request.query("before").map(|place| place_from_text("before", place)).transpose()?;
        let page = stars(self.ports(), &caller.user, before.as_ref(), limit(request)?).await?;
        Ok(HttpAnswer::json(&convert::star_page(&page)))
    }

    async fn star(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let (conversation, message, sequence) = message_at(request)?;
        let item = star(self.ports(), caller, &conversation, message, sequence).await?;
        Ok(HttpAnswer::json(&convert::star(&item)))
    }

    async fn unstar(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let (conversation, message, sequence) = message_at(request)?;
        unstar(self.ports(), caller, &conversation, message, sequence).await?;
        Ok(HttpAnswer::nothing())
    }

    async fn hide(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let (conversation, message) = (conversation(request)?, message(request)?);
        let sequence = convert::message_sequence(request.query_number("sequence")?)?;
        hide(self.ports(), caller, &conversation, message, sequence).await?;
        Ok(HttpAnswer::nothing())
    }

    fn ports(&self) -> PersonalPorts<'_> {
        PersonalPorts {
            log: &self.log,
            conversations: &self.conversations,
            personal: &self.kept,
            sessions: &self.sessions,
            gateway: &self.gateway,
            clock: &SystemClock,
        }
    }

    fn groups(&self) -> GroupPorts<'_> {
        GroupPorts {
            log: &self.log,
            conversations: &self.conversations,
            invites: &self.conversations,
            media: &self.media,
            bus: &self.bus,
            clock: &SystemClock,
            push_members_max: self.push_members_max,
        }
    }
}

fn limit(request: &HttpRequest) -> Result<usize, ParseError> {
    convert::limit(request.query_number("limit")?, PERSONAL_PAGE_MAX)
}

fn conversation(request: &HttpRequest) -> Result<ConversationId, ParseError> {
    convert::conversation_id("conversationId", request.path("conversationId"))
}

fn message(request: &HttpRequest) -> Result<MessageId, ParseError> {
    convert::message_id("messageId", request.path("messageId"))
}

/// A message that is named with its place, so that the row can be read and compared.
fn message_at(request: &HttpRequest) -> Result<(ConversationId, MessageId, Sequence), ParseError> {
    let sequence = convert::message_sequence(request.query_number("sequence")?)?;
    let sequence = sequence.ok_or_else(|| ParseError::field("sequence", "must be given"))?;
    Ok((conversation(request)?, message(request)?, sequence))
}

impl Function for Personal {
    fn call(&self, event: Value) -> BoxFuture<'_, Result<Value, FunctionError>> {
        Box::pin(async move {
            let request = HttpRequest::parse(event)?;
            Ok(self.answer(&request).await.unwrap_or_else(Into::into).into_value_for(&request))
        })
    }

    fn warm_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.conversations.warm_up())
    }
}
