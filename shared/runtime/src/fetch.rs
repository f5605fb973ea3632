//! Small documents over HTTPS, by the connector that the AWS clients use too.

use std::time::Duration;

use aws_smithy_http_client::{
    Connector,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::{
    client::http::{HttpConnector, HttpConnectorSettings},
    http::Request,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use tidings_auth::{Fetch, FetchError};
use tidings_domain::ports::{BoxFuture, Clock};
use tidings_opensearch::{SendError, Transport};
use tidings_push::{HttpPost, PostError};
use tokio::time::timeout;

use crate::clock::SystemClock;

const ATTEMPTS: u32 = 3;
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);
const BACKOFF_MS: u64 = 100;
const POST_TIMEOUT: Duration = Duration::from_secs(4);
const OPENSEARCH_TIMEOUT: Duration = Duration::from_secs(20);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Fetches with a timeout and bounded, jittered retries.
#[derive(Debug)]
pub(crate) struct HttpFetch(Connector);

impl Default for HttpFetch {
    fn default() -> Self {
        let settings =
            HttpConnectorSettings::builder().connect_timeout(ATTEMPT_TIMEOUT).read_timeout(ATTEMPT_TIMEOUT).build();
        Self(Connector::builder().connector_settings(settings).tls_provider(Provider::Rustls(CryptoMode::Ring)).build())
    }
}

impl HttpFetch {
    async fn once(&self, url: &str) -> Result<Vec<u8>, BoxError> {
        let mut request = Request::new(SdkBody::empty());
        request.set_uri(url)?;
        let response = self.0.call(request).await?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(format!("status {status}").into());
        }
        Ok(ByteStream::new(response.into_body()).collect().await?.to_vec())
    }

    async fn with_retries(&self, url: &str) -> Result<Vec<u8>, BoxError> {
        let mut attempt = 1;
        loop {
            let failure: BoxError = match timeout(ATTEMPT_TIMEOUT, self.once(url)).await {
                Ok(Ok(body)) => return Ok(body),
                Ok(Err(error)) => error,
                Err(elapsed) => elapsed.into(),
            };
            if attempt == ATTEMPTS {
                return Err(failure);
            }
            SystemClock.sleep_ms(SystemClock.random_below(BACKOFF_MS << attempt)).await;
            attempt += 1;
        }
    }
}

/// OpenSearch by HTTP. A request is made once: the event that it is made for comes again.
#[derive(Debug)]
pub struct OpenSearchHttp {
    connector: Connector,
    base: String,
}

impl OpenSearchHttp {
    /// The OpenSearch at this address.
    pub fn new(base: &str) -> Self {
        let settings =
            HttpConnectorSettings::builder().connect_timeout(ATTEMPT_TIMEOUT).read_timeout(OPENSEARCH_TIMEOUT).build();
        let tls = Provider::Rustls(CryptoMode::Ring);
        let connector = Connector::builder().connector_settings(settings).tls_provider(tls).build();
        Self { connector, base: base.trim_end_matches('/').to_owned() }
    }
}

impl Transport for OpenSearchHttp {
    fn send<'a>(
        &'a self,
        method: &'static str,
        path: &'a str,
        body: Option<String>,
    ) -> BoxFuture<'a, Result<(u16, String), SendError>> {
        Box::pin(async move {
            let mut request = Request::new(SdkBody::from(body.unwrap_or_default()));
            request.set_method(method)?;
            request.set_uri(format!("{}{path}", self.base))?;
            request.headers_mut().insert("content-type", "application/json");
            let response = self.connector.call(request).await?;
            let status = response.status().as_u16();
            let body = ByteStream::new(response.into_body()).collect().await?.to_vec();
            Ok((status, String::from_utf8(body)?))
        })
    }
}

/// Once: what a push service does not take is tried again by its queue.
impl HttpPost for HttpFetch {
    fn post<'a>(
        &'a self,
        url: &'a str,
        headers: &'a [(&'static str, String)],
        body: Vec<u8>,
    ) -> BoxFuture<'a, Result<u16, PostError>> {
        Box::pin(async move {
            let mut request = Request::new(SdkBody::from(body));
            request.set_method("POST")?;
            request.set_uri(url)?;
            for (name, value) in headers {
                request.headers_mut().try_insert(*name, value.clone())?;
            }
            let response = timeout(POST_TIMEOUT, self.0.call(request)).await??;
            Ok(response.status().as_u16())
        })
    }
}

impl Fetch for HttpFetch {
    fn get<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Vec<u8>, FetchError>> {
        Box::pin(async move {
            self.with_retries(url).await.map_err(|source| FetchError::Unreachable { url: url.to_owned(), source })
        })
    }
}
