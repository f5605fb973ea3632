//! The key directory and the mailboxes of devices, over HTTP.

use serde_json::Value;
use tidings_domain::{
    devices::{Audience, tell_of_change},
    ids::{DeviceId, Sender, UserId},
    keys::{KeyPorts, stock, take, upload},
    limits::MAIL_PAGE_MAX,
    mailbox::{self, MailPorts},
    ports::{BoxFuture, Clock, KeyDirectory, Mailboxes},
};
use tidings_gateway::ApiGateway;
use tidings_protocol::{ErrorCode, ParseError, convert, keys};
use tidings_runtime::{
    Adapters, Callers, Failure, Function, FunctionError, HttpAnswer, HttpRequest, SystemClock, config::ConfigError,
};
use tidings_store::{DynamoBuckets, DynamoConversations, DynamoDevices, DynamoMailboxes, DynamoSessions};

/// The function.
pub struct Keys {
    callers: Callers,
    devices: DynamoDevices,
    mailboxes: DynamoMailboxes,
    conversations: DynamoConversations,
    sessions: DynamoSessions,
    gateway: ApiGateway,
    buckets: DynamoBuckets,
}

impl Keys {
    /// Builds the function from its configuration.
    pub fn build(adapters: &Adapters) -> Result<Self, ConfigError> {
        Ok(Self {
            callers: Callers::build(adapters)?,
            devices: adapters.devices()?,
            mailboxes: adapters.mailboxes()?,
            conversations: adapters.conversations()?,
            sessions: adapters.sessions()?,
            gateway: adapters.gateway()?,
            buckets: adapters.buckets()?,
        })
    }

    async fn answer(&self, request: &HttpRequest) -> Result<HttpAnswer, Failure> {
        let caller = self.callers.verify(request).await?;
        match request.route_key.as_str() {
            "PUT /devices/{id}/keys" => self.upload(request, &caller).await,
            "GET /devices/{id}/keys" => self.stock(request, &caller).await,
            "GET /users/{id}/keys" => self.take(request, &caller).await,
            "GET /users/{id}/identities" => self.identities(request).await,
            "GET /mailbox" => self.mail(request, &caller).await,
            "POST /mailbox/acks" => self.acknowledge(request, &caller).await,
            "POST /mailbox/{userId}/{deviceId}" => self.post(request, &caller).await,
            _ => Err(Failure::new(ErrorCode::NotFound, "there is no such call")),
        }
    }

    async fn upload(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let owner = own_device(request, caller)?;
        let wanted = convert::key_upload(&owner, &request.body::<keys::KeyUpload>()?, SystemClock.now())?;
        let (change, stock) = upload(self.ports(), &owner, &wanted).await?;
        if let Some(change) = change {
            let audience =
                Audience { conversations: &self.conversations, sessions: &self.sessions, gateway: &self.gateway };
            tell_of_change(audience, &SystemClock, &owner, change).await;
        }
        Ok(HttpAnswer::json(&convert::key_stock(&stock)))
    }

    async fn stock(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let stock = stock(self.ports(), &own_device(request, caller)?).await?;
        Ok(HttpAnswer::json(&convert::key_stock(&stock)))
    }

    async fn take(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let user = user(request)?;
        let only = convert::wanted_devices(request.query("deviceId"))?;
        let (set, bundles) = take(self.ports(), &caller.user, &user, &only).await?;
        Ok(HttpAnswer::json(&convert::key_bundles(&user, &set, &bundles)))
    }

    async fn identities(&self, request: &HttpRequest) -> Result<HttpAnswer, Failure> {
        let user = user(request)?;
        let set = self.devices.device_set(&user).await?;
        Ok(HttpAnswer::json(&convert::identities(&user, &set)))
    }

    async fn mail(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let after = request.query("after").map(|id| convert::mail_id("after", id)).transpose()?;
        let limit = convert::limit(request.query_number("limit")?, MAIL_PAGE_MAX)?;
        let page = mailbox::page(&self.mailboxes, &SystemClock, caller, after.as_ref(), limit).await?;
        Ok(HttpAnswer::json(&convert::mail_page(&page)))
    }

    async fn acknowledge(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        self.mailboxes.remove(caller, &convert::mail_ack(&request.body()?)?).await?;
        Ok(HttpAnswer::nothing())
    }

    async fn post(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let to = Sender {
            user: convert::user_id("userId", request.path("userId"))?,
            device: convert::device_id("deviceId", request.path("deviceId"))?,
        };
        let mail = convert::mail_request(caller, to, &request.body()?, SystemClock.now())?;
        let ports = MailPorts {
            mailboxes: &self.mailboxes,
            conversations: &self.conversations,
            keys: &self.devices,
            sessions: &self.sessions,
            gateway: &self.gateway,
            clock: &SystemClock,
        };
        mailbox::post(ports, &mail).await?;
        Ok(HttpAnswer::nothing())
    }

    fn ports(&self) -> KeyPorts<'_> {
        KeyPorts {
            keys: &self.devices,
            buckets: &self.buckets,
            sessions: &self.sessions,
            gateway: &self.gateway,
            clock: &SystemClock,
        }
    }
}

fn user(request: &HttpRequest) -> Result<UserId, ParseError> {
    convert::user_id("id", request.path("id"))
}

/// A device puts its own keys here: nobody else has what they belong to.
fn own_device(request: &HttpRequest, caller: &Sender) -> Result<Sender, Failure> {
    let device: DeviceId = convert::device_id("id", request.path("id"))?;
    if device == caller.device {
        Ok(caller.clone())
    } else {
        Err(Failure::of_field(ErrorCode::Forbidden, "id", "id: must be the device that calls, of X-Device-Id"))
    }
}

impl Function for Keys {
    fn call(&self, event: Value) -> BoxFuture<'_, Result<Value, FunctionError>> {
        Box::pin(async move {
            let request = HttpRequest::parse(event)?;
            Ok(self.answer(&request).await.unwrap_or_else(Into::into).into_value())
        })
    }
}
