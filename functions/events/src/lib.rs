//! What a socket would have received, over HTTP: a long poll, or a stream of events that ends where an answer would.

use serde_json::Value;
use tidings_auth::{DeviceResumeTokens, up_to_date_at};
use tidings_domain::{
    events::{Events, EventsPorts, begin, next},
    ids::Sender,
    limits::EVENTS_WAIT_MS_MAX,
    ports::{BoxFuture, Clock},
    sync::{HelloRequest, SessionTerms, SyncPorts},
};
use tidings_gateway::ApiGateway;
use tidings_protocol::{ErrorCode, ParseError, convert, cursor::events_cursor_from_text};
use tidings_runtime::{
    Adapters, Callers, Failure, Function, FunctionError, HttpAnswer, HttpRequest, SystemClock,
    config::{self, ConfigError},
};
use tidings_store::{
    DynamoConversations, DynamoDevices, DynamoInboxes, DynamoLog, DynamoMailboxes, DynamoPersonal, DynamoSessions,
};

/// The function.
pub struct EventsOverHttp {
    callers: Callers,
    log: DynamoLog,
    conversations: DynamoConversations,
    personal: DynamoPersonal,
    sessions: DynamoSessions,
    devices: DynamoDevices,
    mailboxes: DynamoMailboxes,
    inboxes: DynamoInboxes,
    gateway: ApiGateway,
    terms: SessionTerms,
}

impl EventsOverHttp {
    /// Builds the function from its configuration.
    pub fn build(adapters: &Adapters) -> Result<Self, ConfigError> {
        Ok(Self {
            callers: Callers::build(adapters)?,
            log: adapters.log()?,
            conversations: adapters.conversations()?,
            personal: adapters.personal()?,
            sessions: adapters.sessions()?,
            devices: adapters.devices()?,
            mailboxes: adapters.mailboxes()?,
            inboxes: adapters.inboxes()?,
            gateway: adapters.gateway()?,
            terms: config::session_terms()?,
        })
    }

    async fn answer(&self, request: &HttpRequest) -> Result<HttpAnswer, Failure> {
        let caller = self.callers.verify(request).await?;
        match request.route_key.as_str() {
            "GET /events" => self.events(request, &caller).await,
            _ => Err(Failure::new(ErrorCode::NotFound, "there is no such call")),
        }
    }

    async fn events(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let wait_ms = wait_ms(request)?;
        let cursor = request.query("cursor").or_else(|| request.header("last-event-id"));
        let events = match cursor.filter(|cursor| !cursor.is_empty()) {
            Some(cursor) => next(self.ports(), self.terms, caller, events_cursor_from_text(cursor)?, wait_ms).await?,
            None => self.begin(request, caller).await?,
        };
        let now = SystemClock.now();
        if request.header("accept").is_some_and(|accept| accept.contains("text/event-stream")) {
            return Ok(HttpAnswer::event_stream(convert::event_stream(&events, &caller.device, now)));
        }
        Ok(HttpAnswer::json(&convert::event_page(&events, &caller.device, now)))
    }

    async fn begin(&self, request: &HttpRequest, caller: &Sender) -> Result<Events, Failure> {
        let token = request.query("resumeToken");
        let up_to_date_at = token.and_then(|token| up_to_date_at(token, caller, SystemClock.now()));
        let hello = HelloRequest { up_to_date_at, ..HelloRequest::default() };
        Ok(begin(self.ports(), &DeviceResumeTokens, self.terms, caller, &hello).await?)
    }

    fn ports(&self) -> EventsPorts<'_> {
        EventsPorts {
            sync: SyncPorts {
                log: &self.log,
                conversations: &self.conversations,
                personal: &self.personal,
                sessions: &self.sessions,
                gateway: &self.gateway,
                clock: &SystemClock,
            },
            devices: &self.devices,
            mailboxes: &self.mailboxes,
            inboxes: &self.inboxes,
        }
    }
}

fn wait_ms(request: &HttpRequest) -> Result<u64, ParseError> {
    let seconds_max = EVENTS_WAIT_MS_MAX / 1000;
    let seconds = request.query_number("timeout")?.unwrap_or(seconds_max);
    if seconds > seconds_max {
        return Err(ParseError::field("timeout", format_args!("must be at most {seconds_max} seconds")));
    }
    Ok(seconds * 1000)
}

impl Function for EventsOverHttp {
    fn call(&self, event: Value) -> BoxFuture<'_, Result<Value, FunctionError>> {
        Box::pin(async move {
            let request = HttpRequest::parse(event)?;
            Ok(self.answer(&request).await.unwrap_or_else(HttpAnswer::from).into_value_for(&request))
        })
    }
}
