//! Who may open a socket: a native client by its access token, a browser by its ticket.
//!
//! Answers a policy with the identity that every later frame of the connection carries. A bad
//! credential is 401, by the error that API Gateway wants; a revoked device is 403, by a denial.

use serde_json::{Value, json};
use tidings_auth::{ConnectError, ConnectPorts, Credential, TokenVerifier, authenticate};
use tidings_domain::{
    ids::Sender,
    ports::BoxFuture,
    rate::{CONNECTS_PER_ADDRESS, CONNECTS_PER_DEVICE, Leases, LimitError, beside, take},
};
use tidings_runtime::{
    Adapters, Function, FunctionError, Handshake, SystemClock,
    config::{self, ConfigError},
};
use tidings_store::{DynamoBuckets, DynamoDevices, DynamoTickets};
use tracing::info;

/// The function.
pub struct Authorizer {
    tokens: TokenVerifier,
    tickets: DynamoTickets,
    devices: DynamoDevices,
    buckets: DynamoBuckets,
    leases: Leases,
    edge_secret: Option<String>,
}

impl Authorizer {
    /// Builds the function from its configuration.
    pub fn build(adapters: &Adapters) -> Result<Self, ConfigError> {
        Ok(Self {
            tokens: adapters.tokens()?,
            tickets: adapters.tickets()?,
            devices: adapters.devices()?,
            buckets: adapters.buckets()?,
            leases: Leases::default(),
            edge_secret: config::text_if_set("EDGE_SECRET"),
        })
    }

    /// Sockets are limited by the address and by the device that open them. An authorizer can answer 401, 403 and 500 alone; the last is what
    /// makes a client come back later.
    async fn admit(&self, handshake: Handshake) -> Result<Value, FunctionError> {
        let Ok(address) = handshake.source_ip(self.edge_secret.as_deref()) else {
            return Ok(policy("Deny", &handshake.method_arn, None));
        };
        let address = address.map(|address| CONNECTS_PER_ADDRESS.of_address(address));
        beside(&self.buckets, &SystemClock, &self.leases, address.as_slice(), self.authorize(handshake)).await
    }

    async fn authorize(&self, handshake: Handshake) -> Result<Value, FunctionError> {
        let credential = match (handshake.query("ticket"), handshake.bearer()) {
            (Some(ticket), _) => Credential::Ticket(ticket),
            (None, Some(token)) => Credential::Token { token, device: handshake.query("device").unwrap_or_default() },
            (None, None) => Credential::Missing,
        };
        let ports =
            ConnectPorts { tokens: &self.tokens, tickets: &self.tickets, devices: &self.devices, clock: &SystemClock };
        match authenticate(ports, credential).await {
            Ok(caller) => {
                take(&self.buckets, &SystemClock, &CONNECTS_PER_DEVICE.of_device(&caller.owner))
                    .await
                    .map_err(limited)?;
                Ok(policy("Allow", &handshake.method_arn, Some(&caller.owner)))
            }
            Err(ConnectError::Revoked | ConnectError::Banned) => Ok(policy("Deny", &handshake.method_arn, None)),
            Err(error @ ConnectError::Unauthorized(_)) => {
                info!(%error, "refused");
                Err(FunctionError::Unauthorized)
            }
            Err(error) => Err(FunctionError::Failed(tidings_runtime::error_chain(&error))),
        }
    }
}

impl Function for Authorizer {
    fn call(&self, event: Value) -> BoxFuture<'_, Result<Value, FunctionError>> {
        Box::pin(async move { self.admit(Handshake::parse(event)?).await })
    }

    fn warm_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.tokens.warm_up())
    }
}

fn limited(error: LimitError) -> FunctionError {
    match error {
        LimitError::Limited(limited) => limited.into(),
        LimitError::Unavailable(error) => FunctionError::Failed(tidings_runtime::error_chain(&error)),
    }
}

fn policy(effect: &str, resource: &str, owner: Option<&Sender>) -> Value {
    let mut answer = json!({
        "principalId": owner.map_or("refused", |owner| owner.user.as_str()),
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{ "Action": "execute-api:Invoke", "Effect": effect, "Resource": resource }],
        },
    });
    if let Some(owner) = owner {
        answer["context"] = json!({ "userId": owner.user.as_str(), "deviceId": owner.device.as_str() });
    }
    answer
}
