//! The HTTP calls about single messages: what is said about them, and what is known of them.

use serde_json::Value;
use tidings_domain::{
    annotations::TallyKind,
    history::ReadPorts,
    ids::{ConversationId, Sender, Timestamp},
    limits::{MEMBERS_PAGE_MAX, PULL_LIMIT_MAX, SCHEDULED_PAGE_MAX, THREADS_PAGE_MAX},
    messages::{MessagePorts, edits, message, open, pins, read_thread, tallies, thread, threads},
    ports::{BoxFuture, Clock},
    rate::{REPORTS_PER_USER, take},
    reports::{ReportPorts, report},
    schedule::{Schedule, SchedulePorts, cancel, schedule},
    send::TargetRef,
};
use tidings_protocol::{
    DeleteFor, ErrorCode, MessageDelete, MessageEdit, MessagePin, MessageReact, MessageVote, ServerFrame,
    abuse::ReportMake,
    convert::{self, AboutRequest},
    messages::{OneMessage, ScheduleRequest, ThreadMark},
};
use tidings_runtime::{
    Adapters, Callers, Failure, Function, FunctionError, HttpAnswer, HttpRequest, MessageSender, SystemClock,
    config::ConfigError,
};
use tidings_store::{
    DynamoAbuse, DynamoAnnotations, DynamoBuckets, DynamoConversations, DynamoLog, DynamoMedia, DynamoPersonal,
    DynamoTimers,
};

/// The function.
pub struct Messages {
    callers: Callers,
    log: DynamoLog,
    conversations: DynamoConversations,
    personal: DynamoPersonal,
    annotations: DynamoAnnotations,
    timers: DynamoTimers,
    media: DynamoMedia,
    abuse: DynamoAbuse,
    buckets: DynamoBuckets,
    sender: MessageSender,
}

impl Messages {
    /// Builds the function from its configuration.
    pub fn build(adapters: &Adapters) -> Result<Self, ConfigError> {
        Ok(Self {
            callers: Callers::build(adapters)?,
            log: adapters.log()?,
            conversations: adapters.conversations()?,
            personal: adapters.personal()?,
            annotations: adapters.annotations()?,
            timers: adapters.timers()?,
            media: adapters.media()?,
            abuse: adapters.abuse()?,
            buckets: adapters.buckets()?,
            sender: MessageSender::build(adapters)?,
        })
    }

    async fn answer(&self, request: &HttpRequest) -> Result<HttpAnswer, Failure> {
        let caller = self.callers.verify(request).await?;
        match request.route_key.as_str() {
            "POST /edits" => {
                let body: MessageEdit = request.body()?;
                let id = body.client_msg_id.clone();
                self.say(convert::edit_request(&caller, body), &id).await
            }
            "POST /deletes" => self.delete(request.body()?, &caller).await,
            "POST /reactions" => {
                let body: MessageReact = request.body()?;
                self.say(convert::reaction_request(&caller, &body), &body.client_msg_id).await
            }
            "POST /votes" => {
                let body: MessageVote = request.body()?;
                self.say(convert::vote_request(&caller, &body), &body.client_msg_id).await
            }
            "POST /pins" => {
                let body: MessagePin = request.body()?;
                self.say(convert::pin_request(&caller, &body), &body.client_msg_id).await
            }
            "GET /conversations/{id}/messages/{messageId}" => self.message(request, &caller).await,
            "POST /conversations/{id}/messages/{messageId}/open" => self.open(request, &caller).await,
            "GET /conversations/{id}/messages/{messageId}/edits" => self.edits(request, &caller).await,
            "GET /conversations/{id}/messages/{messageId}/reactions" => {
                self.tallies(request, &caller, TallyKind::Reactions).await
            }
            "GET /conversations/{id}/messages/{messageId}/votes" => {
                self.tallies(request, &caller, TallyKind::Votes).await
            }
            "GET /conversations/{id}/pins" => self.pins(request, &caller).await,
            "GET /conversations/{id}/threads" => self.threads(request, &caller).await,
            "GET /conversations/{id}/threads/{messageId}" => self.thread(request, &caller).await,
            "PUT /conversations/{id}/threads/{messageId}/mark" => self.mark_thread(request, &caller).await,
            "POST /reports" => self.report(request, &caller).await,
            "POST /scheduled" => self.schedule(request, &caller).await,
            "GET /scheduled" => self.scheduled(request, &caller).await,
            "DELETE /scheduled/{messageId}" => self.cancel(request, &caller).await,
            _ => Err(Failure::new(ErrorCode::NotFound, "there is no such call")),
        }
    }

    async fn say(
        &self,
        request: Result<AboutRequest, tidings_protocol::ParseError>,
        client_msg_id: &str,
    ) -> Result<HttpAnswer, Failure> {
        let sent = self.sender.say_about_and_wait(request, client_msg_id).await?;
        Ok(HttpAnswer::frame(&ServerFrame::Sent(sent)))
    }

    async fn delete(&self, body: MessageDelete, caller: &Sender) -> Result<HttpAnswer, Failure> {
        match body.audience {
            DeleteFor::Everyone => self.say(convert::delete_request(caller, &body), &body.client_msg_id).await,
            DeleteFor::Me => {
                let hidden = self.sender.delete_for_me(caller, &body).await?;
                Ok(HttpAnswer::frame(&ServerFrame::Hidden(hidden)))
            }
        }
    }

    async fn message(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let (conversation, about) = about(request)?;
        let entry = message(self.ports().read, &caller.user, &conversation, about).await?;
        let now = SystemClock.now();
        let message = convert::message_new(&entry.as_read_at(now), &caller.device, now);
        Ok(HttpAnswer::json(&OneMessage { message }))
    }

    async fn open(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let (conversation, about) = about(request)?;
        let entry = open(self.ports(), caller, &conversation, about).await?;
        let message = convert::message_new(&entry, &caller.device, SystemClock.now());
        Ok(HttpAnswer::json(&OneMessage { message }))
    }

    async fn edits(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let (conversation, about) = about(request)?;
        let since = convert::since(request.query_number("since")?)?;
        let limit = convert::limit(request.query_number("limit")?, PULL_LIMIT_MAX)?;
        let page = edits(self.ports(), &caller.user, &conversation, about, since, limit).await?;
        Ok(HttpAnswer::json(&convert::entry_page(&page, &caller.device, SystemClock.now())))
    }

    async fn tallies(&self, request: &HttpRequest, caller: &Sender, kind: TallyKind) -> Result<HttpAnswer, Failure> {
        let (conversation, about) = about(request)?;
        let after = request.query("after").map(|user| convert::user_id("after", user)).transpose()?;
        let limit = convert::limit(request.query_number("limit")?, MEMBERS_PAGE_MAX)?;
        let page = tallies(self.ports(), &caller.user, &conversation, about, kind, after.as_ref(), limit).await?;
        Ok(HttpAnswer::json(&convert::tallies(&page)))
    }

    async fn pins(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let pins = pins(self.ports(), &caller.user, &conversation(request)?).await?;
        Ok(HttpAnswer::json(&convert::pins(&pins)))
    }

    async fn threads(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let before = request.query_number("before")?.map(Timestamp);
        let limit = convert::limit(request.query_number("limit")?, THREADS_PAGE_MAX)?;
        let (list, next) = threads(self.ports(), &caller.user, &conversation(request)?, before, limit).await?;
        Ok(HttpAnswer::json(&convert::threads(&list, next)))
    }

    async fn thread(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let conversation = conversation(request)?;
        let root = convert::message_id("messageId", request.path("messageId"))?;
        let since = convert::since(request.query_number("since")?)?;
        let limit = convert::limit(request.query_number("limit")?, PULL_LIMIT_MAX)?;
        let page = thread(self.ports(), &caller.user, &conversation, root, since, limit).await?;
        Ok(HttpAnswer::json(&convert::entry_page(&page, &caller.device, SystemClock.now())))
    }

    async fn mark_thread(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let root = convert::message_id("messageId", request.path("messageId"))?;
        let up_to = convert::thread_mark(&request.body::<ThreadMark>()?)?;
        read_thread(self.ports(), &caller.user, &conversation(request)?, root, up_to).await?;
        Ok(HttpAnswer::nothing())
    }

    async fn report(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let wanted = convert::report_request(&request.body::<ReportMake>()?)?;
        take(&self.buckets, &SystemClock, &REPORTS_PER_USER.of_user(&caller.user)).await?;
        let ports = ReportPorts {
            log: &self.log,
            conversations: &self.conversations,
            commitments: &self.abuse,
            reports: &self.abuse,
            clock: &SystemClock,
        };
        let made = report(ports, &caller.user, &wanted).await?;
        Ok(HttpAnswer::json(&convert::report_receipt(&made)))
    }

    async fn schedule(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let scheduled = convert::schedule_request(&caller.user, request.body::<ScheduleRequest>()?)?;
        schedule(self.schedule_ports(), &scheduled).await?;
        Ok(HttpAnswer::json(&convert::scheduled_message(&scheduled)))
    }

    async fn scheduled(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let after = request.query("after").map(|id| convert::message_id("after", id)).transpose()?;
        let limit = convert::limit(request.query_number("limit")?, SCHEDULED_PAGE_MAX)?;
        let scheduled = self.timers.of_user(&caller.user, after, limit + 1).await?;
        Ok(HttpAnswer::json(&convert::scheduled_page(&scheduled, limit)))
    }

    async fn cancel(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let message = convert::message_id("messageId", request.path("messageId"))?;
        cancel(self.schedule_ports(), &caller.user, message).await?;
        Ok(HttpAnswer::nothing())
    }

    fn schedule_ports(&self) -> SchedulePorts<'_> {
        SchedulePorts {
            schedule: &self.timers,
            media: &self.media,
            conversations: &self.conversations,
            clock: &SystemClock,
        }
    }

    fn ports(&self) -> MessagePorts<'_> {
        let read = ReadPorts {
            log: &self.log,
            conversations: &self.conversations,
            personal: &self.personal,
            clock: &SystemClock,
        };
        MessagePorts { read, annotations: &self.annotations, timers: &self.timers }
    }
}

fn conversation(request: &HttpRequest) -> Result<ConversationId, Failure> {
    Ok(convert::conversation_id("id", request.path("id"))?)
}

fn about(request: &HttpRequest) -> Result<(ConversationId, TargetRef), Failure> {
    let about = convert::target(request.path("messageId"), request.query_number("sequence")?)?;
    Ok((conversation(request)?, about))
}

impl Function for Messages {
    fn call(&self, event: Value) -> BoxFuture<'_, Result<Value, FunctionError>> {
        Box::pin(async move {
            let request = HttpRequest::parse(event)?;
            Ok(self.answer(&request).await.unwrap_or_else(HttpAnswer::from).into_value_for(&request))
        })
    }

    fn warm_up(&self) -> BoxFuture<'_, ()> {
        self.sender.warm_up()
    }
}
