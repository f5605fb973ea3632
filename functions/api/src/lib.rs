//! The HTTP API: what a client without a socket says, and what it reads.
//!
//! The function verifies the bearer token itself. An authorizer of API Gateway could only answer
//! 403, with a body of its own, and would cost a second invocation.

use serde_json::Value;
use tidings_auth::issue_ticket;
use tidings_bus::KinesisBus;
use tidings_domain::{
    history::{ReadPorts, page},
    ids::Sender,
    limits::{LIST_LIMIT_MAX, PULL_LIMIT_MAX, RECEIPTS_PAGE_MAX},
    ports::{BoxFuture, Clock},
    rate::{Leases, TYPING_PER_DEVICE, beside},
    receipts::{ReceiptPorts, raise, status},
    sync::{SyncPorts, list},
    typing::{TypingPorts, typing},
};
use tidings_gateway::ApiGateway;
use tidings_protocol::{
    ErrorCode, ParseError, ServerFrame, convert,
    cursor::{list_cursor_from_text, list_cursor_to_text},
    http::{Ticket, TicketRequest},
    keys::MessageCommit,
};
use tidings_runtime::{
    Adapters, Callers, Failure, Function, FunctionError, HttpAnswer, HttpRequest, MessageSender, SystemClock,
    config::{self, ConfigError},
};
use tidings_store::{
    DynamoBuckets, DynamoConversations, DynamoLog, DynamoPersonal, DynamoRules, DynamoSessions, DynamoTickets,
};

/// The function.
pub struct Api {
    callers: Callers,
    tickets: DynamoTickets,
    log: DynamoLog,
    conversations: DynamoConversations,
    personal: DynamoPersonal,
    sessions: DynamoSessions,
    bus: KinesisBus,
    gateway: ApiGateway,
    rules: DynamoRules,
    buckets: DynamoBuckets,
    leases: Leases,
    sender: MessageSender,
    aggregate_members: u64,
}

impl Api {
    /// Builds the function from its configuration.
    pub fn build(adapters: &Adapters) -> Result<Self, ConfigError> {
        Ok(Self {
            callers: Callers::build(adapters)?,
            tickets: adapters.tickets()?,
            log: adapters.log()?,
            conversations: adapters.conversations()?,
            personal: adapters.personal()?,
            sessions: adapters.sessions()?,
            bus: adapters.bus()?,
            gateway: adapters.gateway()?,
            rules: adapters.rules()?,
            buckets: adapters.buckets()?,
            leases: Leases::default(),
            sender: MessageSender::build(adapters)?,
            aggregate_members: config::number("AGGREGATE_RECEIPTS_MEMBERS", 2, 10_000)?,
        })
    }

    async fn answer(&self, request: &HttpRequest) -> Result<HttpAnswer, Failure> {
        let caller = self.callers.verify(request).await?;
        match request.route_key.as_str() {
            "POST /tickets" => self.ticket(request, &caller).await,
            "GET /sync" => self.sync(request, &caller).await,
            "GET /conversations/{id}/messages" => self.messages(request, &caller).await,
            "GET /conversations/{id}/receipts" => self.receipts(request, &caller).await,
            "POST /messages" => self.send(request, &caller).await,
            "POST /commits" => self.commit(request, &caller).await,
            "POST /acks" => self.raise(&caller, convert::ack_request(&request.body()?)?).await,
            "POST /typing" => self.typing(request, &caller).await,
            "POST /reads" => self.raise(&caller, convert::read_request(&request.body()?)?).await,
            _ => Err(Failure::new(ErrorCode::NotFound, "there is no such call")),
        }
    }

    async fn ticket(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let body: TicketRequest = request.body()?;
        let owner = Sender { user: caller.user.clone(), device: convert::device_id("deviceId", &body.device_id)? };
        let (ticket, grant) = issue_ticket(&self.tickets, &SystemClock, &owner).await?;
        Ok(HttpAnswer::json(&Ticket { ticket, expires_at: grant.expires_at.0 }))
    }

    async fn sync(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let cursor = list_cursor_from_text(request.query("since").unwrap_or_default())?;
        let limit = convert::limit(request.query_number("limit")?, LIST_LIMIT_MAX)?;
        let ports = SyncPorts {
            log: &self.log,
            conversations: &self.conversations,
            personal: &self.personal,
            sessions: &self.sessions,
            gateway: &self.gateway,
            clock: &SystemClock,
        };
        let page = list(ports, &caller.user, &cursor, limit).await?;
        let next = list_cursor_to_text(&page.next);
        Ok(HttpAnswer::json(&convert::conversation_page(&page, next, SystemClock.now())))
    }

    async fn messages(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let conversation = convert::conversation_id("id", request.path("id"))?;
        let span = convert::span(request.query_number("since")?, request.query_number("before")?)?;
        let limit = convert::limit(request.query_number("limit")?, PULL_LIMIT_MAX)?;
        let ports = ReadPorts {
            log: &self.log,
            conversations: &self.conversations,
            personal: &self.personal,
            clock: &SystemClock,
        };
        let page = page(ports, &caller.user, &conversation, span, limit).await?;
        Ok(HttpAnswer::json(&convert::message_page(&page, &caller.device, SystemClock.now())))
    }

    async fn receipts(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let conversation = convert::conversation_id("id", request.path("id"))?;
        let message = request.query("messageId").ok_or_else(|| ParseError::field("messageId", "must be given"))?;
        let message = convert::message_id("messageId", message)?;
        let after = request.query("cursor").map(|cursor| convert::user_id("cursor", cursor)).transpose()?;
        let limit = convert::limit(request.query_number("limit")?, RECEIPTS_PAGE_MAX)?;
        let ports = self.receipt_ports();
        let report = status(ports, &self.rules, &caller.user, &conversation, message, after.as_ref(), limit).await?;
        Ok(HttpAnswer::json(&convert::receipts(&report)))
    }

    async fn send(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let sent = self.sender.send_and_wait(caller, request.body()?).await?;
        Ok(HttpAnswer::frame(&ServerFrame::Sent(sent)))
    }

    async fn commit(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let body: MessageCommit = request.body()?;
        let sent = self.sender.commit_and_wait(caller, &body).await?;
        Ok(HttpAnswer::frame(&ServerFrame::Sent(sent)))
    }

    async fn raise(&self, caller: &Sender, request: convert::MarkRequest) -> Result<HttpAnswer, Failure> {
        let (conversation, mark, at) = request;
        raise(self.receipt_ports(), caller, &conversation, mark, at).await?;
        Ok(HttpAnswer::nothing())
    }

    async fn typing(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let (conversation, is_active) = convert::typing_request(&request.body()?)?;
        let ports = TypingPorts {
            conversations: &self.conversations,
            rules: &self.rules,
            sessions: &self.sessions,
            gateway: &self.gateway,
            clock: &SystemClock,
        };
        let work = async {
            typing(ports, caller, &conversation, is_active).await?;
            Ok(HttpAnswer::nothing())
        };
        beside(&self.buckets, &SystemClock, &self.leases, &[TYPING_PER_DEVICE.of_device(caller)], work).await
    }

    fn receipt_ports(&self) -> ReceiptPorts<'_> {
        ReceiptPorts {
            log: &self.log,
            conversations: &self.conversations,
            bus: &self.bus,
            clock: &SystemClock,
            aggregate_members: self.aggregate_members,
        }
    }
}

impl Function for Api {
    fn call(&self, event: Value) -> BoxFuture<'_, Result<Value, FunctionError>> {
        Box::pin(async move {
            let request = HttpRequest::parse(event)?;
            let answer = self.answer(&request).await.unwrap_or_else(HttpAnswer::from);
            Ok(answer.into_value_for(&request))
        })
    }

    fn warm_up(&self) -> BoxFuture<'_, ()> {
        self.sender.warm_up()
    }
}
