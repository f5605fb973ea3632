//! Browsers: a message that is encrypted for the browser (RFC 8291) is posted to the service that the browser has
//! chosen (RFC 8030), signed so that the service knows by whom (RFC 8292).

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;
use thiserror::Error;
use tidings_domain::{
    devices::{Created, PushAddress, PushEndpoint},
    ports::{BoxFuture, Clock, Unavailable},
    push::{Alert, Priority, Published, Push},
};
use tracing::warn;
use url::{Origin, Url};
use web_push_native::{
    Auth, encrypt,
    p256::{PublicKey, SecretKey, elliptic_curve::sec1::ToEncodedPoint, pkcs8::EncodePrivateKey},
};

use crate::payload;

/// A signature is good for so long; services take a day at most.
const SIGNATURE_SECONDS: u64 = 12 * 3600;
const AUTH_BYTES: usize = 16;

/// What is wrong with the settings of web push.
#[derive(Debug, Error)]
pub enum WebPushError {
    /// The key is not one.
    #[error("is no P-256 private key: 32 bytes in URL-safe base64")]
    Key,
    /// The contact is not one.
    #[error("is neither a mailto: nor an https: URL")]
    Contact,
    /// An origin is not one.
    #[error("has {0:?}, which is no origin such as https://push.example or https://*.push.example")]
    Origin(String),
}

/// Why a post was not answered.
pub type PostError = Box<dyn std::error::Error + Send + Sync>;

/// Posts over HTTPS, once, within a time.
pub trait HttpPost: Send + Sync {
    /// Posts a body and answers the status.
    fn post<'a>(
        &'a self,
        url: &'a str,
        headers: &'a [(&'static str, String)],
        body: Vec<u8>,
    ) -> BoxFuture<'a, Result<u16, PostError>>;
}

/// The key that pushes to browsers are signed with, and whom a push service may write to about them.
#[derive(Clone)]
pub struct VapidKey {
    key: EncodingKey,
    public: Arc<str>,
    contact: Arc<str>,
}

impl std::fmt::Debug for VapidKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VapidKey").field("public", &self.public).finish_non_exhaustive()
    }
}

impl VapidKey {
    /// Reads a private key: 32 bytes in URL-safe base64, as tools for VAPID write it.
    pub fn parse(private: &str, contact: &str) -> Result<Self, WebPushError> {
        let bytes = URL_SAFE_NO_PAD.decode(private).map_err(|_| WebPushError::Key)?;
        let secret = SecretKey::from_slice(&bytes).map_err(|_| WebPushError::Key)?;
        let document = secret.to_pkcs8_der().map_err(|_| WebPushError::Key)?;
        let public = URL_SAFE_NO_PAD.encode(secret.public_key().to_encoded_point(false).as_bytes());
        if !contact.starts_with("mailto:") && !contact.starts_with("https:") {
            return Err(WebPushError::Contact);
        }
        let key = EncodingKey::from_ec_der(document.as_bytes());
        Ok(Self { key, public: public.into(), contact: contact.into() })
    }

    /// The public key, in URL-safe base64: browsers subscribe with it.
    pub fn public(&self) -> &Arc<str> {
        &self.public
    }

    /// The header that tells a push service by whom this is.
    fn authorization(&self, origin: &Origin, now_seconds: u64) -> Result<String, jsonwebtoken::errors::Error> {
        let claims = json!({
            "aud": origin.ascii_serialization(),
            "exp": now_seconds + SIGNATURE_SECONDS,
            "sub": self.contact.as_ref(),
        });
        let token = jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &self.key)?;
        Ok(format!("vapid t={token}, k={}", self.public))
    }
}

/// Where pushes may be posted to. A subscription's URL is the client's to choose, so without this list it would have us
/// post to anywhere.
#[derive(Clone, Debug)]
pub struct Origins(Vec<(String, String, Option<u16>)>);

impl Origins {
    /// Reads origins with a space between them: `https://push.example`, or `https://*.push.example` for every host below.
    pub fn parse(text: &str) -> Result<Self, WebPushError> {
        text.split_whitespace().map(read_origin).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a URL may be posted to.
    pub fn allow(&self, url: &Url) -> bool {
        if !url.username().is_empty() || url.password().is_some() {
            return false;
        }
        let Some(host) = url.host_str() else { return false };
        self.0.iter().any(|(scheme, pattern, port)| {
            let matches = match pattern.strip_prefix("*.") {
                Some(parent) => host.strip_suffix(parent).is_some_and(|below| below.len() > 1 && below.ends_with('.')),
                None => host == pattern,
            };
            url.scheme() == scheme && matches && url.port() == *port
        })
    }
}

fn read_origin(text: &str) -> Result<(String, String, Option<u16>), WebPushError> {
    let bad = || WebPushError::Origin(text.to_owned());
    let (scheme, rest) = text.split_once("://").ok_or_else(bad)?;
    let (is_wild, host) = rest.strip_prefix("*.").map_or((false, rest), |host| (true, host));
    let url = Url::parse(&format!("{scheme}://{host}")).map_err(|_| bad())?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    let host = url.host_str().filter(|_| is_bare && matches!(scheme, "https" | "http")).ok_or_else(bad)?;
    let host = if is_wild { format!("*.{host}") } else { host.to_owned() };
    Ok((scheme.to_owned(), host, url.port()))
}

/// Pushes to browsers.
#[derive(Clone)]
pub struct WebPush {
    key: VapidKey,
    origins: Origins,
    http: Arc<dyn HttpPost>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for WebPush {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebPush").field("key", &self.key).field("origins", &self.origins).finish_non_exhaustive()
    }
}

impl WebPush {
    /// Pushes that are signed with this key, to these origins.
    pub fn new(key: VapidKey, origins: Origins, http: Arc<dyn HttpPost>, clock: Arc<dyn Clock>) -> Self {
        Self { key, origins, http, clock }
    }

    /// A subscription that pushes can be sent to.
    pub(crate) fn accept(&self, address: &PushAddress) -> Created {
        if self.target(address).is_some() { Created::At(address.token.clone()) } else { Created::BadToken }
    }

    fn target(&self, address: &PushAddress) -> Option<(Url, PublicKey, Auth)> {
        let url = Url::parse(&address.token).ok().filter(|url| self.origins.allow(url))?;
        let keys = address.keys.as_ref()?;
        let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
        let public = PublicKey::from_sec1_bytes(&decoded(&keys.public)?).ok()?;
        let auth: [u8; AUTH_BYTES] = decoded(&keys.auth)?.try_into().ok()?;
        Some((url, public, Auth::from(auth)))
    }

    pub(crate) async fn publish(&self, to: &PushEndpoint, push: &Push) -> Result<Published, Unavailable> {
        // Browsers show every push, so nothing is sent that is not to be shown.
        let Push::Alert(alert) = push else { return Ok(Published::Refused) };
        let Some((url, public, auth)) = self.target(&to.address) else { return Ok(Published::Gone) };
        self.post(&url, &public, &auth, alert).await
    }

    async fn post(&self, url: &Url, public: &PublicKey, auth: &Auth, alert: &Alert) -> Result<Published, Unavailable> {
        let failed =
            |source: Box<dyn std::error::Error + Send + Sync>| Unavailable { operation: "push to a browser", source };
        let body = encrypt(payload::web(alert).to_string().into_bytes(), public, auth);
        let body = body.map_err(|error| failed(error.into()))?;
        let authorization = self.key.authorization(&url.origin(), self.clock.now().as_seconds());
        let authorization = authorization.map_err(|error| failed(error.into()))?;
        let headers = [
            ("authorization", authorization),
            ("content-encoding", "aes128gcm".to_owned()),
            ("content-type", "application/octet-stream".to_owned()),
            ("ttl", alert.ttl_seconds.to_string()),
            ("topic", alert.collapse_key.to_string()),
            ("urgency", if alert.priority == Priority::High { "high" } else { "normal" }.to_owned()),
        ];
        match self.http.post(url.as_str(), &headers, body).await.map_err(failed)? {
            200..=299 => Ok(Published::Taken),
            404 | 410 => Ok(Published::Gone),
            status @ (408 | 429 | 500..=599) => Err(failed(format!("answered {status}").into())),
            status => {
                warn!(%status, "a push to a browser was refused");
                Ok(Published::Refused)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(origins: &str, url: &str) -> bool {
        Origins::parse(origins).unwrap().allow(&Url::parse(url).unwrap())
    }

    #[test]
    fn a_subscription_is_posted_to_where_it_may_be_and_nowhere_else() {
        let origins = "https://fcm.example https://*.push.example http://127.0.0.1:4566";
        for good in [
            "https://fcm.example/fcm/send/x",
            "https://a.push.example/",
            "https://a.b.push.example/x",
            "http://127.0.0.1:4566/x",
        ] {
            assert!(allows(origins, good), "{good}");
        }
        for bad in [
            "http://fcm.example/",
            "https://fcm.example:8443/",
            "https://fcm.example.evil/",
            "https://evil-push.example/",
            "https://push.example/",
            "https://fcm.example@evil.example/",
            "https://user@fcm.example/",
            "http://127.0.0.1/",
            "http://169.254.169.254/",
            "file:///etc/passwd",
        ] {
            assert!(!allows(origins, bad), "{bad}");
        }
        for bad in ["fcm.example", "https://", "https://x/y", "ftp://x", "https://u@x"] {
            assert!(Origins::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_key_signs_what_its_public_half_proves() {
        let private = "RS0WdYWWo1HajXg3NZR1olzCf31i-ZBGDkFyCs7j1jw";
        let key = VapidKey::parse(private, "mailto:ops@example.com").unwrap();
        let url = Url::parse("https://push.example/send/1").unwrap();
        let header = key.authorization(&url.origin(), 1_800_000_000).unwrap();
        let (token, public) = header.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
        assert_eq!(public, key.public().as_ref());
        let public = URL_SAFE_NO_PAD.decode(public).unwrap();
        let public = jsonwebtoken::DecodingKey::from_ec_der(&public);
        let mut validation = jsonwebtoken::Validation::new(Algorithm::ES256);
        validation.set_audience(&["https://push.example"]);
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<serde_json::Value>(token, &public, &validation).unwrap().claims;
        assert_eq!(claims["sub"], "mailto:ops@example.com");
        assert!(VapidKey::parse("AAAA", "mailto:a@b").is_err());
        assert!(VapidKey::parse(private, "ops@example.com").is_err());
    }
}
