//! Who calls the HTTP API.
//!
//! The functions verify the bearer token themselves. An authorizer of API Gateway could only answer
//! 403, with a body of its own, and would cost a second invocation.

use tidings_auth::{ConnectError, ConnectPorts, Credential, TokenVerifier, authenticate};
use tidings_domain::{
    ids::{DeviceId, Sender},
    ports::{Clock, Devices},
    rate::{CALLS_PER_ADDRESS, CALLS_PER_USER, Leases, Use, beside},
};
use tidings_events::{AroundTheEdge, HttpRequest};
use tidings_protocol::{ErrorCode, ParseError};
use tidings_store::{DynamoBuckets, DynamoDevices, DynamoTickets};

use crate::{
    aws::Adapters,
    clock::SystemClock,
    config::{self, ConfigError},
    failure::Failure,
};

/// The device of a caller that names none.
const UNNAMED_DEVICE: &str = "http";

/// Verifies callers.
pub struct Callers {
    tokens: TokenVerifier,
    tickets: DynamoTickets,
    devices: DynamoDevices,
    buckets: DynamoBuckets,
    leases: Leases,
    edge_secret: Option<String>,
}

impl Callers {
    /// Builds the verifier from its configuration.
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

    /// Limits the calls of an address, for who shows another credential than a token.
    pub async fn admit_address(&self, request: &HttpRequest) -> Result<(), Failure> {
        let address = self.address_of(request)?.map(|address| CALLS_PER_ADDRESS.of_address(address));
        self.limited(address.as_slice(), async { Ok(()) }).await
    }

    /// The user, by the bearer token, and the device that the request names; a new one is made known. Calls are limited by
    /// address, before anything is looked at, and by user.
    pub async fn verify(&self, request: &HttpRequest) -> Result<Sender, Failure> {
        let address = self.address_of(request)?.map(|address| CALLS_PER_ADDRESS.of_address(address));
        let caller = self.limited(address.as_slice(), self.identify(request)).await?;
        self.limited(&[CALLS_PER_USER.of_user(&caller.user)], async { Ok(()) }).await?;
        Ok(caller)
    }

    async fn limited<T>(&self, uses: &[Use], work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        beside(&self.buckets, &SystemClock, &self.leases, uses, work).await
    }

    fn address_of<'a>(&self, request: &'a HttpRequest) -> Result<Option<&'a str>, Failure> {
        let around = |error: AroundTheEdge| Failure::new(ErrorCode::Forbidden, error.to_string());
        request.source_ip(self.edge_secret.as_deref()).map_err(around)
    }

    async fn identify(&self, request: &HttpRequest) -> Result<Sender, Failure> {
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
        if !caller.is_known && !self.devices.touch(&caller.owner, SystemClock.now()).await? {
            return Err(ConnectError::Revoked.into());
        }
        Ok(caller.owner)
    }
}
