//! The composition root: AWS clients and the adapters on them, built and warmed in init.

use std::{sync::Arc, time::Duration};

use aws_config::{AppName, BehaviorVersion, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use tidings_auth::{IssuerUrl, KeySets, TokenVerifier};
use tidings_blobs::S3Blobs;
use tidings_bus::{FailureQueue, KinesisBus, KinesisIngest, SqsLooks, SqsPreviewQueue, SqsPushQueue};
use tidings_gateway::ApiGateway;
use tidings_media::{Cdn, S3Objects};
use tidings_opensearch::OpenSearch;
use tidings_push::{Applications, Origins, PushServices, Sns, VapidKey, WebPush};
use tidings_store::{
    DynamoAbuse, DynamoAnnotations, DynamoBuckets, DynamoConversations, DynamoDevices, DynamoInboxes, DynamoLog,
    DynamoMailboxes, DynamoMedia, DynamoPersonal, DynamoRules, DynamoSessions, DynamoTickets, DynamoTimers,
};

use crate::{
    clock::SystemClock,
    config::{self, ConfigError},
    fetch::{HttpFetch, OpenSearchHttp},
};

/// Retries happen in the SDK and nowhere else: so many attempts of one call, with full jitter.
const ATTEMPTS: u32 = 3;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(2500);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(6);
const OBJECT_TIMEOUT: Duration = Duration::from_secs(25);

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
        let (table, log) = (config::text("CONVERSATIONS_TABLE")?, config::text("LOG_TABLE")?);
        Ok(DynamoConversations::new(self.dynamodb(), table, log))
    }

    /// What users keep for themselves.
    pub fn personal(&self) -> Result<DynamoPersonal, ConfigError> {
        Ok(DynamoPersonal::new(self.dynamodb(), config::text("PERSONAL_TABLE")?))
    }

    /// Live sockets.
    pub fn sessions(&self) -> Result<DynamoSessions, ConfigError> {
        Ok(DynamoSessions::new(self.dynamodb(), config::text("SESSIONS_TABLE")?))
    }

    /// Devices.
    pub fn devices(&self) -> Result<DynamoDevices, ConfigError> {
        Ok(DynamoDevices::new(self.dynamodb(), config::text("DEVICES_TABLE")?))
    }

    /// Mailboxes of devices.
    pub fn mailboxes(&self) -> Result<DynamoMailboxes, ConfigError> {
        Ok(DynamoMailboxes::new(self.dynamodb(), config::text("MAILBOXES_TABLE")?))
    }

    /// Connect tickets.
    pub fn tickets(&self) -> Result<DynamoTickets, ConfigError> {
        Ok(DynamoTickets::new(self.dynamodb(), config::text("TICKETS_TABLE")?))
    }

    /// Token buckets.
    pub fn buckets(&self) -> Result<DynamoBuckets, ConfigError> {
        Ok(DynamoBuckets::new(self.dynamodb(), config::text("LIMITS_TABLE")?))
    }

    /// Reports, commitments, and what administrators do.
    pub fn abuse(&self) -> Result<DynamoAbuse, ConfigError> {
        Ok(DynamoAbuse::new(self.dynamodb(), config::text("ABUSE_TABLE")?))
    }

    /// Rows about single messages.
    pub fn annotations(&self) -> Result<DynamoAnnotations, ConfigError> {
        Ok(DynamoAnnotations::new(self.dynamodb(), config::text("ANNOTATIONS_TABLE")?))
    }

    /// Timers.
    pub fn timers(&self) -> Result<DynamoTimers, ConfigError> {
        Ok(DynamoTimers::new(self.dynamodb(), config::text("TIMERS_TABLE")?))
    }

    /// Rows about media.
    pub fn media(&self) -> Result<DynamoMedia, ConfigError> {
        let (table, timers) = (config::text("MEDIA_TABLE")?, config::text("TIMERS_TABLE")?);
        Ok(DynamoMedia::new(self.dynamodb(), table, timers))
    }

    /// The objects of media, to be written and removed.
    pub fn objects(&self) -> Result<S3Objects, ConfigError> {
        Ok(S3Objects::new(self.s3()?, config::text("MEDIA_BUCKET")?, None))
    }

    /// The objects of media, to be read as well: through the CDN where there is one.
    pub fn readable_objects(&self) -> Result<S3Objects, ConfigError> {
        let cdn = match config::optional_text("MEDIA_CDN_DOMAIN")? {
            Some(domain) => {
                let (id, key) = (config::text("MEDIA_CDN_KEY_ID")?, config::text("MEDIA_CDN_KEY")?);
                let bad =
                    |error: tidings_media::CdnError| ConfigError { name: "MEDIA_CDN_KEY", problem: error.to_string() };
                Some(Cdn::new(domain, id, &key).map_err(bad)?)
            }
            None => None,
        };
        Ok(S3Objects::new(self.s3()?, config::text("MEDIA_BUCKET")?, cdn))
    }

    /// The objects of the index for search.
    pub fn search_blobs(&self) -> Result<S3Blobs, ConfigError> {
        Ok(S3Blobs::new(self.s3()?, config::text("SEARCH_BUCKET")?))
    }

    /// OpenSearch, where the index for search is in one.
    pub fn opensearch(&self) -> Option<OpenSearch<OpenSearchHttp>> {
        config::text_if_set("OPENSEARCH_URL").map(|base| OpenSearch::new(OpenSearchHttp::new(&base)))
    }

    fn s3(&self) -> Result<aws_sdk_s3::Client, ConfigError> {
        // Putting parts together takes S3 longer than any call to the others.
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(OBJECT_TIMEOUT)
            .operation_timeout(OBJECT_TIMEOUT)
            .build();
        let config = aws_sdk_s3::config::Builder::from(&self.sdk)
            .timeout_config(timeouts)
            .force_path_style(config::flag("MEDIA_PATH_STYLE")?)
            // What is signed says which hash it wants, and what is read is hashed by ourselves.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        Ok(aws_sdk_s3::Client::from_conf(config.build()))
    }

    /// The stream.
    pub fn bus(&self) -> Result<KinesisBus, ConfigError> {
        Ok(KinesisBus::new(aws_sdk_kinesis::Client::new(&self.sdk), config::text("EVENTS_STREAM")?))
    }

    /// The batch sequencer's stream.
    pub fn ingest(&self) -> Result<KinesisIngest, ConfigError> {
        Ok(KinesisIngest::new(aws_sdk_kinesis::Client::new(&self.sdk), config::text("INGEST_STREAM")?))
    }

    /// The queue of what this consumer cannot do.
    pub fn failures(&self, consumer: &str) -> Result<FailureQueue, ConfigError> {
        let client = aws_sdk_sqs::Client::new(&self.sdk);
        Ok(FailureQueue::new(client, config::text("FAILURES_QUEUE_URL")?, consumer))
    }

    /// The queue of pushes.
    pub fn pushes(&self) -> Result<SqsPushQueue, ConfigError> {
        let client = aws_sdk_sqs::Client::new(&self.sdk);
        let delay_seconds = config::number("PUSH_DELAY_SECONDS", 0, 900)?;
        Ok(SqsPushQueue::new(client, config::text("PUSH_QUEUE_URL")?, delay_seconds))
    }

    /// The queue of looks at users.
    pub fn looks(&self) -> Result<SqsLooks, ConfigError> {
        Ok(SqsLooks::new(aws_sdk_sqs::Client::new(&self.sdk), config::text("LOOKS_QUEUE_URL")?))
    }

    /// The queue of previews.
    pub fn previews(&self) -> Result<SqsPreviewQueue, ConfigError> {
        Ok(SqsPreviewQueue::new(aws_sdk_sqs::Client::new(&self.sdk), config::text("PREVIEW_QUEUE_URL")?))
    }

    /// What users have ruled for themselves.
    pub fn rules(&self) -> Result<DynamoRules, ConfigError> {
        Ok(DynamoRules::new(self.dynamodb(), config::text("PERSONAL_TABLE")?))
    }

    /// Push services: those that this deployment has an application of, and browsers where it has a key.
    pub fn push_services(&self) -> Result<PushServices, ConfigError> {
        let applications = Applications {
            apns: config::text_if_set("APNS_APPLICATION"),
            apns_sandbox: config::text_if_set("APNS_SANDBOX_APPLICATION"),
            fcm: config::text_if_set("FCM_APPLICATION"),
        };
        let sns = Sns::new(aws_sdk_sns::Client::new(&self.sdk), applications);
        let Some(key) = self.vapid_key()? else { return Ok(PushServices::new(sns, None)) };
        let origins = Origins::parse(&config::text("WEB_PUSH_ORIGINS")?);
        let origins = origins.map_err(|error| problem("WEB_PUSH_ORIGINS", &error))?;
        let web = WebPush::new(key, origins, Arc::new(HttpFetch::default()), Arc::new(SystemClock));
        Ok(PushServices::new(sns, Some(web)))
    }

    /// The key that pushes to browsers are signed with; none where browsers are not pushed to.
    pub fn vapid_key(&self) -> Result<Option<VapidKey>, ConfigError> {
        let Some(private) = config::text_if_set("VAPID_PRIVATE_KEY") else { return Ok(None) };
        let key = VapidKey::parse(&private, &config::text("VAPID_CONTACT")?);
        key.map(Some).map_err(|error| problem("VAPID_PRIVATE_KEY", &error))
    }

    /// The inboxes of devices that ask for events.
    pub fn inboxes(&self) -> Result<DynamoInboxes, ConfigError> {
        Ok(DynamoInboxes::new(self.dynamodb(), config::text("INBOXES_TABLE")?))
    }

    /// The sockets, and the inboxes of those who have none.
    pub fn gateway(&self) -> Result<ApiGateway, ConfigError> {
        let config = aws_sdk_apigatewaymanagement::Config::from(&self.sdk);
        Ok(ApiGateway::new(config, Arc::new(SystemClock), Arc::new(self.inboxes()?)))
    }

    /// The verifier of access tokens.
    pub fn tokens(&self) -> Result<TokenVerifier, ConfigError> {
        let issuer = IssuerUrl::parse(&config::text("OIDC_ISSUER")?)
            .map_err(|error| ConfigError { name: "OIDC_ISSUER", problem: error.to_string() })?;
        let keys = KeySets::new(issuer, Arc::new(HttpFetch::default()), Arc::new(SystemClock));
        Ok(TokenVerifier::new(keys, config::text("OIDC_AUDIENCE")?))
    }
}

fn problem(name: &'static str, error: &dyn std::fmt::Display) -> ConfigError {
    ConfigError { name, problem: error.to_string() }
}
