//! The HTTP API: what a client without a socket says, and what it reads.
//!
//! The function verifies the bearer token itself. An authorizer of API Gateway could only answer
//! 403, with a body of its own, and would cost a second invocation.

use serde_json::Value;
use tidings_auth::{ConnectError, ConnectPorts, Credential, TokenVerifier, authenticate, issue_ticket};
use tidings_bus::KinesisBus;
use tidings_domain::{
    history::{ReadPorts, page},
    ids::{DeviceId, Sender},
    limits::{LIST_LIMIT_MAX, PULL_LIMIT_MAX},
    ports::{BoxFuture, Clock, Devices},
    receipts::{ReceiptPorts, raise, status},
    sync::{SyncPorts, list},
};
use tidings_gateway::ApiGateway;
use tidings_protocol::{
    ErrorCode, ParseError, ServerFrame, convert,
    cursor::{list_cursor_from_text, list_cursor_to_text},
    http::{Ticket, TicketRequest},
};
use tidings_runtime::{
    Adapters, Failure, Function, FunctionError, HttpAnswer, HttpRequest, MessageSender, SystemClock,
    config::ConfigError,
};
use tidings_store::{DynamoConversations, DynamoDevices, DynamoLog, DynamoSessions, DynamoTickets};

/// The device of a caller that names none.
const UNNAMED_DEVICE: &str = "http";

/// The function.
pub struct Api {
    tokens: TokenVerifier,
    tickets: DynamoTickets,
    devices: DynamoDevices,
    log: DynamoLog,
    conversations: DynamoConversations,
    sessions: DynamoSessions,
    bus: KinesisBus,
    gateway: ApiGateway,
    sender: MessageSender,
}

impl Api {
    /// Builds the function from its configuration.
    pub fn build(adapters: &Adapters) -> Result<Self, ConfigError> {
        Ok(Self {
            tokens: adapters.tokens()?,
            tickets: adapters.tickets()?,
            devices: adapters.devices()?,
            log: adapters.log()?,
            conversations: adapters.conversations()?,
            sessions: adapters.sessions()?,
            bus: adapters.bus()?,
            gateway: adapters.gateway(),
            sender: MessageSender::build(adapters)?,
        })
    }

    async fn answer(&self, request: &HttpRequest) -> Result<HttpAnswer, Failure> {
        let caller = self.authenticate(request).await?;
        match request.route_key.as_str() {
            "POST /tickets" => self.ticket(request, &caller).await,
            "GET /sync" => self.sync(request, &caller).await,
            "GET /conversations/{id}/messages" => self.messages(request, &caller).await,
            "GET /conversations/{id}/receipts" => self.receipts(request, &caller).await,
            "POST /messages" => self.send(request, &caller).await,
            "POST /acks" => self.raise(&caller, convert::ack_request(&request.body()?)?).await,
            "POST /reads" => self.raise(&caller, convert::read_request(&request.body()?)?).await,
            _ => Err(Failure::new(ErrorCode::NotFound, "there is no such call")),
        }
    }

    async fn authenticate(&self, request: &HttpRequest) -> Result<Sender, Failure> {
        let device = request.header("x-device-id").unwrap_or(UNNAMED_DEVICE);
        if let Err(error) = DeviceId::parse(device) {
            return Err(ParseError::field("X-Device-Id", format_args!("must be {}", error.rule)).into());
        }
        let Some(token) = request.bearer() else {
            return Err(ConnectError::Unauthorized("Authorization: Bearer is missing".into()).into());
        };
        let ports =
            ConnectPorts { tokens: &self.tokens, tickets: &self.tickets, devices: &self.devices, clock: &SystemClock };
        let caller = authenticate(ports, Credential::Token { token, device }).await?;
        if !caller.is_known {
            self.devices.touch(&caller.owner, SystemClock.now()).await?;
        }
        Ok(caller.owner)
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
        let ports = ReadPorts { log: &self.log, conversations: &self.conversations, clock: &SystemClock };
        let page = page(ports, &caller.user, &conversation, span, limit).await?;
        Ok(HttpAnswer::json(&convert::message_page(&page, &caller.device, SystemClock.now())))
    }

    async fn receipts(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let conversation = convert::conversation_id("id", request.path("id"))?;
        let message = request.query("messageId").ok_or_else(|| ParseError::field("messageId", "must be given"))?;
        let message = convert::message_id("messageId", message)?;
        let report = status(self.receipt_ports(), &caller.user, &conversation, message).await?;
        Ok(HttpAnswer::json(&convert::receipts(&report)))
    }

    async fn send(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let sent = self.sender.send(caller, request.body()?).await?;
        Ok(HttpAnswer::frame(&ServerFrame::Sent(sent)))
    }

    async fn raise(&self, caller: &Sender, request: convert::MarkRequest) -> Result<HttpAnswer, Failure> {
        let (conversation, mark, at) = request;
        raise(self.receipt_ports(), caller, &conversation, mark, at).await?;
        Ok(HttpAnswer::nothing())
    }

    fn receipt_ports(&self) -> ReceiptPorts<'_> {
        ReceiptPorts { log: &self.log, conversations: &self.conversations, bus: &self.bus, clock: &SystemClock }
    }
}

impl Function for Api {
    fn call(&self, event: Value) -> BoxFuture<'_, Result<Value, FunctionError>> {
        Box::pin(async move {
            let request = HttpRequest::parse(event)?;
            let answer = self.answer(&request).await.unwrap_or_else(HttpAnswer::from);
            Ok(answer.into_value())
        })
    }

    fn warm_up(&self) -> BoxFuture<'_, ()> {
        self.sender.warm_up()
    }
}
