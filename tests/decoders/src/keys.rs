//! An issuer whose keys are made of constants, so that its tokens are the same on every machine.

use std::sync::{Arc, LazyLock};

use base64::{Engine, engine::general_purpose::STANDARD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};
use tidings_auth::{Fetch, FetchError, IssuerUrl, KeySets, TokenVerifier};
use tidings_domain::{
    ids::{Timestamp, UserId},
    ports::{BoxFuture, Clock},
};

pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const AUDIENCE: &str = "tidings";
/// The year 2100, in seconds.
pub(crate) const FAR: u64 = 4_102_444_800;

/// What PKCS #8 puts before a P-256 and before an Ed25519 private key, each of 32 bytes.
const P256_HEADER: &str = "MEECAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcEJzAlAgEBBCA=";
const ED25519_HEADER: &str = "MC4CAQAwBQYDK2VwBCIEIA==";

pub(crate) struct Key {
    kid: &'static str,
    algorithm: Algorithm,
    signing: EncodingKey,
}

impl Key {
    fn new(kid: &'static str, algorithm: Algorithm, secret: u8) -> Self {
        let header = if algorithm == Algorithm::ES256 { P256_HEADER } else { ED25519_HEADER };
        let mut der = STANDARD.decode(header).unwrap();
        der.extend([secret; 32]);
        let signing =
            if algorithm == Algorithm::ES256 { EncodingKey::from_ec_der(&der) } else { EncodingKey::from_ed_der(&der) };
        Self { kid, algorithm, signing }
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.kid.into());
        encode(&header, claims, &self.signing).unwrap()
    }

    pub(crate) fn public(&self) -> Value {
        let mut key = serde_json::to_value(Jwk::from_encoding_key(&self.signing, self.algorithm).unwrap()).unwrap();
        key["kid"] = self.kid.into();
        key
    }
}

pub(crate) static ES256: LazyLock<Key> = LazyLock::new(|| Key::new("a", Algorithm::ES256, 0x11));
pub(crate) static ED25519: LazyLock<Key> = LazyLock::new(|| Key::new("b", Algorithm::EdDSA, 0x22));
/// Has the name of a key of the issuer, and is none.
pub(crate) static STRANGER: LazyLock<Key> = LazyLock::new(|| Key::new("b", Algorithm::EdDSA, 0x33));

pub(crate) fn claims() -> Value {
    json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": 1_700_000_000, "nbf": 1_700_000_000, "exp": FAR })
}

/// The good tokens, one of each key.
pub(crate) static GOOD: LazyLock<[String; 2]> = LazyLock::new(|| [ES256.sign(&claims()), ED25519.sign(&claims())]);

pub(crate) fn published() -> Vec<u8> {
    json!({ "keys": [ES256.public(), ED25519.public()] }).to_string().into_bytes()
}

pub(crate) fn discovery() -> Vec<u8> {
    json!({ "issuer": ISSUER, "jwks_uri": format!("{ISSUER}/keys") }).to_string().into_bytes()
}

/// The two documents of an issuer.
pub(crate) struct Documents {
    pub(crate) discovery: Vec<u8>,
    pub(crate) keys: Vec<u8>,
}

impl Fetch for Documents {
    fn get<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Vec<u8>, FetchError>> {
        let is_discovery = url.ends_with("/.well-known/openid-configuration");
        let document = if is_discovery { &self.discovery } else { &self.keys };
        Box::pin(async move { Ok(document.clone()) })
    }
}

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp(1_800_000_000_000)
    }

    fn sleep_ms(&self, _: u64) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn random_below(&self, _: u64) -> u64 {
        0
    }
}

/// The user that a token is of, by an issuer with these documents.
pub(crate) fn verify(documents: Documents, token: &str) -> Option<UserId> {
    let keys = KeySets::new(IssuerUrl::parse(ISSUER).unwrap(), Arc::new(documents), Arc::new(Stopped));
    let verifier = TokenVerifier::new(keys, AUDIENCE);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(verifier.verify(token)).ok()
}

/// The same by the issuer that these keys are of.
pub(crate) fn verify_here(token: &str) -> Option<UserId> {
    verify(Documents { discovery: discovery(), keys: published() }, token)
}
