//! The composition root: AWS clients and the adapters on them, built and warmed in init.

use std::{sync::Arc, time::Duration};

use aws_config::{AppName, BehaviorVersion, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use tidings_auth::{IssuerUrl, KeySets, TokenVerifier};
use tidings_bus::{FailureQueue, KinesisBus};
use tidings_gateway::ApiGateway;
use tidings_store::{DynamoConversations, DynamoDevices, DynamoLog, DynamoSessions, DynamoTickets};

use crate::{
    clock::SystemClock,
    config::{self, ConfigError},
    fetch::HttpFetch,
};

/// Retries happen in the SDK and nowhere else: so many attempts of one call, with full jitter.
const ATTEMPTS: u32 = 3;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(2500);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(6);

/// Makes adapters as functions ask for them, each from the configuration that it needs.
#[derive(Clone, Debug)]
pub struct Adapters {
    sdk: SdkConfig,
}

impl Adapters {
    /// Loads region and credentials. The function's name goes into the user agent, so that calls
    /// can be told apart by who makes them.
    pub async fn load(function: &str) -> Self {
        let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        let retries = RetryConfig::standard()
            .with_max_attempts(ATTEMPTS)
            .with_initial_backoff(Duration::from_millis(50))
            .with_max_backoff(Duration::from_secs(1));
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .timeout_config(timeouts)
            .retry_config(retries);
        if let Ok(name) = AppName::new(format!("tidings-{function}")) {
            loader = loader.app_name(name);
        }
        Self { sdk: loader.load().await }
    }

    fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.sdk)
    }

    /// The log.
    pub fn log(&self) -> Result<DynamoLog, ConfigError> {
        Ok(DynamoLog::new(self.dynamodb(), config::text("LOG_TABLE")?))
    }

    /// Conversations and members.
    pub fn conversations(&self) -> Result<DynamoConversations, ConfigError> {
        Ok(DynamoConversations::new(self.dynamodb(), config::text("CONVERSATIONS_TABLE")?))
    }

    /// Live sockets.
    pub fn sessions(&self) -> Result<DynamoSessions, ConfigError> {
        Ok(DynamoSessions::new(self.dynamodb(), config::text("SESSIONS_TABLE")?))
    }

    /// Devices.
    pub fn devices(&self) -> Result<DynamoDevices, ConfigError> {
        Ok(DynamoDevices::new(self.dynamodb(), config::text("DEVICES_TABLE")?))
    }

    /// Connect tickets.
    pub fn tickets(&self) -> Result<DynamoTickets, ConfigError> {
        Ok(DynamoTickets::new(self.dynamodb(), config::text("TICKETS_TABLE")?))
    }

    /// The stream.
    pub fn bus(&self) -> Result<KinesisBus, ConfigError> {
        Ok(KinesisBus::new(aws_sdk_kinesis::Client::new(&self.sdk), config::text("EVENTS_STREAM")?))
    }

    /// The queue of what this consumer cannot do.
    pub fn failures(&self, consumer: &str) -> Result<FailureQueue, ConfigError> {
        let client = aws_sdk_sqs::Client::new(&self.sdk);
        Ok(FailureQueue::new(client, config::text("FAILURES_QUEUE_URL")?, consumer))
    }

    /// The sockets.
    pub fn gateway(&self) -> ApiGateway {
        ApiGateway::new(aws_sdk_apigatewaymanagement::Config::from(&self.sdk), Arc::new(SystemClock))
    }

    /// The verifier of access tokens.
    pub fn tokens(&self) -> Result<TokenVerifier, ConfigError> {
        let issuer = IssuerUrl::parse(&config::text("OIDC_ISSUER")?)
            .map_err(|error| ConfigError { name: "OIDC_ISSUER", problem: error.to_string() })?;
        let keys = KeySets::new(issuer, Arc::new(HttpFetch::default()), Arc::new(SystemClock));
        Ok(TokenVerifier::new(keys, config::text("OIDC_AUDIENCE")?))
    }
}
