//! Devices, blocks, and when not to disturb: what decides who is pushed to, over HTTP.

use serde_json::Value;
use tidings_domain::{
    blocks::{self, BlockPorts},
    devices::{DevicePorts, list, register, revoke},
    ids::{DeviceId, Sender, UserId},
    limits::BLOCKS_PAGE_MAX,
    ports::{BoxFuture, Rules},
};
use tidings_gateway::ApiGateway;
use tidings_protocol::{ErrorCode, ParseError, convert, devices};
use tidings_push::{PushServices, VapidKey};
use tidings_runtime::{
    Adapters, Callers, Failure, Function, FunctionError, HttpAnswer, HttpRequest, SystemClock, config::ConfigError,
};
use tidings_store::{DynamoConversations, DynamoDevices, DynamoRules, DynamoSessions};

/// The function.
pub struct Devices {
    callers: Callers,
    registry: DynamoDevices,
    rules: DynamoRules,
    services: PushServices,
    web_push_key: Option<VapidKey>,
    conversations: DynamoConversations,
    sessions: DynamoSessions,
    gateway: ApiGateway,
}

impl Devices {
    /// Builds the function from its configuration.
    pub fn build(adapters: &Adapters) -> Result<Self, ConfigError> {
        Ok(Self {
            callers: Callers::build(adapters)?,
            registry: adapters.devices()?,
            rules: adapters.rules()?,
            services: adapters.push_services()?,
            web_push_key: adapters.vapid_key()?,
            conversations: adapters.conversations()?,
            sessions: adapters.sessions()?,
            gateway: adapters.gateway()?,
        })
    }

    async fn answer(&self, request: &HttpRequest) -> Result<HttpAnswer, Failure> {
        let caller = self.callers.verify(request).await?;
        match request.route_key.as_str() {
            "PUT /devices/{id}" => self.register(request, &caller).await,
            "GET /devices" => self.list(&caller).await,
            "DELETE /devices/{id}" => self.revoke(request, &caller).await,
            "GET /blocks" => self.blocks(request, &caller).await,
            "PUT /blocks/{userId}" => self.block(request, &caller).await,
            "DELETE /blocks/{userId}" => self.unblock(request, &caller).await,
            "PUT /requests/{userId}" => {
                blocks::accept(self.block_ports(), &caller.user, &other(request)?).await?;
                Ok(HttpAnswer::nothing())
            }
            "DELETE /requests/{userId}" => {
                blocks::decline(self.block_ports(), &caller.user, &other(request)?).await?;
                Ok(HttpAnswer::nothing())
            }
            "GET /settings" => self.settings(&caller).await,
            "PUT /settings" => self.set_settings(request, &caller).await,
            _ => Err(Failure::new(ErrorCode::NotFound, "there is no such call")),
        }
    }

    async fn register(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let owner = Sender { user: caller.user.clone(), device: device(request)? };
        let wanted = convert::device_registration(&request.body::<devices::DeviceRegistration>()?)?;
        let registered = register(self.ports(), &owner, &wanted).await?;
        Ok(HttpAnswer::json(&convert::device_info(&registered, &caller.device)))
    }

    async fn list(&self, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let found = list(&self.registry, &caller.user).await?;
        let key = self.web_push_key.as_ref().map(|key| key.public().as_ref());
        Ok(HttpAnswer::json(&convert::device_list(&found, &caller.device, key)))
    }

    async fn revoke(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        revoke(self.ports(), &caller.user, &device(request)?).await?;
        Ok(HttpAnswer::nothing())
    }

    async fn blocks(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let after = request.query("after").map(|user| convert::user_id("after", user)).transpose()?;
        let limit = convert::limit(request.query_number("limit")?, BLOCKS_PAGE_MAX)?;
        let page = blocks::list(&self.rules, &caller.user, after.as_ref(), limit).await?;
        Ok(HttpAnswer::json(&convert::block_page(&page)))
    }

    async fn block(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        blocks::block(self.block_ports(), &caller.user, &other(request)?).await?;
        Ok(HttpAnswer::nothing())
    }

    async fn unblock(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        blocks::unblock(self.block_ports(), &caller.user, &other(request)?).await?;
        Ok(HttpAnswer::nothing())
    }

    async fn settings(&self, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let settings = self.rules.settings(&caller.user).await?;
        Ok(HttpAnswer::json(&convert::user_settings(&settings)))
    }

    async fn set_settings(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let settings = convert::user_settings_request(&request.body::<devices::UserSettings>()?)?;
        self.rules.set_settings(&caller.user, &settings).await?;
        Ok(HttpAnswer::json(&convert::user_settings(&settings)))
    }

    fn block_ports(&self) -> BlockPorts<'_> {
        BlockPorts { rules: &self.rules, conversations: &self.conversations, clock: &SystemClock }
    }

    fn ports(&self) -> DevicePorts<'_> {
        DevicePorts {
            registry: &self.registry,
            provider: &self.services,
            keys: &self.registry,
            conversations: &self.conversations,
            sessions: &self.sessions,
            gateway: &self.gateway,
            clock: &SystemClock,
        }
    }
}

fn device(request: &HttpRequest) -> Result<DeviceId, ParseError> {
    convert::device_id("id", request.path("id"))
}

fn other(request: &HttpRequest) -> Result<UserId, ParseError> {
    convert::user_id("userId", request.path("userId"))
}

impl Function for Devices {
    fn call(&self, event: Value) -> BoxFuture<'_, Result<Value, FunctionError>> {
        Box::pin(async move {
            let request = HttpRequest::parse(event)?;
            Ok(self.answer(&request).await.unwrap_or_else(Into::into).into_value_for(&request))
        })
    }
}
