//! Access tokens, good and bad.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm},
};
use serde_json::{Value, json};

use crate::{
    stack::{Stack, dev},
    user::now_ms,
};

/// A good token of a user.
pub fn token(user: &str) -> String {
    token_with(user, &[])
}

/// A token made with options of `cargo dev token`.
pub fn token_with(user: &str, options: &[&str]) -> String {
    let text = dev(&[&["token", user], options].concat());
    text.trim_end().lines().last().expect("a token").to_owned()
}

/// The claims of a good token of a user.
fn claims(user: &str) -> Value {
    let stack = Stack::get();
    let now = now_ms() / 1000;
    json!({
        "iss": stack.oidc_issuer,
        "aud": stack.oidc_audience,
        "sub": user,
        "iat": now,
        "nbf": now,
        "exp": now + 600,
    })
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A token that says that it needs no signature.
pub fn unsigned(user: &str) -> String {
    format!("{}.{}.", part(&json!({ "alg": "none", "typ": "JWT" })), part(&claims(user)))
}

/// The `kid` in the header of a token.
fn key_id(token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

/// A key that the issuer does not know.
pub struct ForeignKey(EcdsaKeyPair);

impl Default for ForeignKey {
    fn default() -> Self {
        const ALGORITHM: &EcdsaSigningAlgorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(ALGORITHM, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(ALGORITHM, pkcs8.as_ref(), &random).unwrap())
    }
}

impl ForeignKey {
    /// A token that is good but for its signature, and names the issuer's own key.
    pub fn token(&self, user: &str) -> String {
        self.token_of_key(user, &key_id(&token(user)))
    }

    /// A token that is good but for its key, which the issuer does not have.
    pub fn token_of_key(&self, user: &str, kid: &str) -> String {
        let header = json!({ "alg": "ES256", "typ": "JWT", "kid": kid });
        let message = format!("{}.{}", part(&header), part(&claims(user)));
        let signature = self.0.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    /// A token signed with a shared secret: here the name of the issuer's public key, which
    /// anybody knows.
    pub fn symmetric(user: &str) -> String {
        let kid = key_id(&token(user));
        let message = format!("{}.{}", part(&json!({ "alg": "HS256", "typ": "JWT", "kid": kid })), part(&claims(user)));
        let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, kid.as_bytes()), message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}
