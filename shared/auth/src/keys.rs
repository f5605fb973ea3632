//! An issuer's key set: found by OIDC discovery, cached, fetched again when it ages or when a
//! token names a key that it lacks.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse};
use serde::Deserialize;
use thiserror::Error;
use tidings_domain::{
    ids::Timestamp,
    ports::{BoxFuture, Clock},
};
use tokio::sync::Mutex;
use tracing::warn;

/// A key set is used for so long before it is fetched again, in milliseconds.
const FRESH_MS: u64 = 3_600_000;
/// An issuer that does not answer is trusted by its last key set for so long, in milliseconds.
const STALE_MS: u64 = 24 * 3_600_000;
/// A token that names an unknown key makes for a fetch, but not oftener than this, in milliseconds:
/// anyone can make such tokens.
const REFETCH_MS: u64 = 10_000;
const ED25519_KEY_BYTES: usize = 32;

/// Gets a small document from a URL, with a timeout and bounded retries.
pub trait Fetch: Send + Sync {
    /// The body of a 200 answer.
    fn get<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Vec<u8>, FetchError>>;
}

/// Why a key set could not be had.
#[derive(Debug, Error)]
pub enum FetchError {
    /// The URL did not answer as it should.
    #[error("{url} did not answer")]
    Unreachable {
        /// The URL.
        url: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer is not the document that it should be.
    #[error("{url} is not a {what}")]
    Malformed {
        /// The URL.
        url: String,
        /// The document.
        what: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The discovery document is another issuer's.
    #[error("{url} is the document of issuer {issuer}")]
    OtherIssuer {
        /// The URL.
        url: String,
        /// Whose document it is.
        issuer: String,
    },
    /// A URL that may be tampered with on the way.
    #[error("{0} is neither https nor on this machine")]
    Insecure(String),
}

/// An issuer's URL: https, or http on the loopback interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerUrl(Arc<str>);

impl IssuerUrl {
    /// Checks the URL.
    pub fn parse(url: &str) -> Result<Self, FetchError> {
        if is_secure(url) { Ok(Self(url.into())) } else { Err(FetchError::Insecure(url.to_owned())) }
    }

    /// The text, as tokens must name it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn discovery(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.0.trim_end_matches('/'))
    }
}

fn is_secure(url: &str) -> bool {
    if url.starts_with("https://") {
        return true;
    }
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let after_host = ["127.0.0.1", "localhost", "[::1]"].iter().find_map(|host| authority.strip_prefix(host));
    after_host.is_some_and(|port| port.is_empty() || port.starts_with(':') && !port.contains('@'))
}

#[derive(Clone)]
struct Held {
    keys: Arc<JwkSet>,
    fetched_at: Timestamp,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    tried_at: Option<Timestamp>,
}

/// The key set of one issuer.
pub struct KeySets {
    issuer: IssuerUrl,
    fetch: Arc<dyn Fetch>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

impl KeySets {
    /// The key set of an issuer, not fetched yet.
    pub fn new(issuer: IssuerUrl, fetch: Arc<dyn Fetch>, clock: Arc<dyn Clock>) -> Self {
        Self { issuer, fetch, clock, state: Mutex::default() }
    }

    /// The issuer.
    pub fn issuer(&self) -> &IssuerUrl {
        &self.issuer
    }

    /// The key that a token names; none where the issuer has no such key.
    pub async fn find(&self, kid: Option<&str>) -> Result<Option<Jwk>, FetchError> {
        // Held over the fetch, so that many tokens at once make for one.
        let mut state = self.state.lock().await;
        let now = self.clock.now();
        let age = state.held.as_ref().map(|held| now.ms_since(held.fetched_at));
        if age.is_none_or(|age| age >= FRESH_MS) {
            self.refresh(&mut state, now).await?;
        }
        if let Some(key) = pick(&state, kid) {
            return Ok(Some(key));
        }
        if state.tried_at.is_none_or(|at| now.ms_since(at) >= REFETCH_MS) {
            self.refresh(&mut state, now).await?;
        }
        Ok(pick(&state, kid))
    }

    /// Fetches the key set; where that fails, what is held serves on for a day.
    async fn refresh(&self, state: &mut State, now: Timestamp) -> Result<(), FetchError> {
        state.tried_at = Some(now);
        match self.fetch_keys().await {
            Ok(keys) => {
                state.held = Some(Held { keys: Arc::new(keys), fetched_at: now });
                Ok(())
            }
            Err(error) => match &state.held {
                Some(held) if now.ms_since(held.fetched_at) < STALE_MS => {
                    warn!(%error, "key set not fetched; the last one serves on");
                    Ok(())
                }
                _ => Err(error),
            },
        }
    }

    async fn fetch_keys(&self) -> Result<JwkSet, FetchError> {
        #[derive(Deserialize)]
        struct Discovery {
            issuer: String,
            jwks_uri: String,
        }
        let url = self.issuer.discovery();
        let body = self.fetch.get(&url).await?;
        let malformed = |url: &str, what, source| FetchError::Malformed { url: url.to_owned(), what, source };
        let discovery: Discovery =
            serde_json::from_slice(&body).map_err(|e| malformed(&url, "discovery document", e))?;
        if discovery.issuer != self.issuer.as_str() {
            return Err(FetchError::OtherIssuer { url, issuer: discovery.issuer });
        }
        let url = discovery.jwks_uri;
        if !is_secure(&url) {
            return Err(FetchError::Insecure(url));
        }
        let body = self.fetch.get(&url).await?;
        parse_keys(&body).map_err(|e| malformed(&url, "key set", e))
    }
}

/// Reads the keys that can verify a token; a set may hold others.
fn parse_keys(body: &[u8]) -> Result<JwkSet, serde_json::Error> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<serde_json::Value>,
    }
    let set: Set = serde_json::from_slice(body)?;
    Ok(JwkSet {
        keys: set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).filter(can_verify).collect(),
    })
}

/// Whether a key is for signatures, and public. The JWT library takes an Ed25519 key of any length
/// and panics when it uses one that is too short.
fn can_verify(key: &Jwk) -> bool {
    let is_for_signatures =
        key.common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature);
    let is_public = match &key.algorithm {
        AlgorithmParameters::OctetKeyPair(pair) => {
            let bytes = URL_SAFE_NO_PAD.decode(&pair.x).map(|x| x.len());
            pair.curve == EllipticCurve::Ed25519 && bytes == Ok(ED25519_KEY_BYTES)
        }
        AlgorithmParameters::RSA(_) | AlgorithmParameters::EllipticCurve(_) => true,
        _ => false,
    };
    is_for_signatures && is_public
}

fn pick(state: &State, kid: Option<&str>) -> Option<Jwk> {
    let keys = &state.held.as_ref()?.keys;
    match kid {
        Some(kid) => keys.find(kid).cloned(),
        // Without a name there must be no choice.
        None if keys.keys.len() == 1 => keys.keys.first().cloned(),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_this_machine_are_secure() {
        for good in ["https://id.example", "http://127.0.0.1:4570", "http://localhost/x", "http://[::1]:1"] {
            assert!(IssuerUrl::parse(good).is_ok(), "{good}");
        }
        for bad in ["http://id.example", "http://127.0.0.1.example", "http://127.0.0.1@evil", "ftp://localhost", ""] {
            assert!(IssuerUrl::parse(bad).is_err(), "{bad}");
        }
        for bad in ["http://[::1].example", "http://[::1]example/x"] {
            assert!(IssuerUrl::parse(bad).is_err(), "{bad}");
        }
    }
}
