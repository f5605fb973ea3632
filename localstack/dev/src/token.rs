//! Access tokens of the local identity provider.

use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};

use crate::failure::{Failure, Result};
use crate::keys::{SigningKey, base64url};

const ID_LENGTH_MAX: usize = 64;

pub(crate) struct Claims<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) audience: &'a str,
    pub(crate) user: &'a str,
    pub(crate) device: Option<&'a str>,
    pub(crate) issued_at_s: u64,
    /// Below zero for a token that has already expired.
    pub(crate) lifetime_s: i64,
}

pub(crate) fn issue(key: &SigningKey, claims: &Claims<'_>) -> Result<String> {
    check_id("user", claims.user, "._-")?;
    let mut payload = json!({
        "iss": claims.issuer,
        "aud": claims.audience,
        "sub": claims.user,
        "iat": claims.issued_at_s,
        "nbf": claims.issued_at_s,
        "exp": claims.issued_at_s.saturating_add_signed(claims.lifetime_s),
        "jti": unique_id()?,
    });
    if let Some(device) = claims.device {
        check_id("device", device, "._:-")?;
        payload["device_id"] = device.into();
    }
    let header = json!({ "alg": key.algorithm().name(), "typ": "JWT", "kid": key.key_id() });
    let message = format!("{}.{}", part(&header), part(&payload));
    let signature = key.sign(message.as_bytes())?;
    Ok(format!("{message}.{}", base64url(&signature)))
}

fn part(value: &Value) -> String {
    base64url(value.to_string().as_bytes())
}

fn unique_id() -> Result<String> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Failure::new("the system gives no random numbers"))?;
    Ok(base64url(&bytes))
}

/// The ids that the protocol allows: 1–64 of letters, digits and a few marks.
pub(crate) fn check_id(what: &str, id: &str, marks: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || marks.contains(c);
    if (1..=ID_LENGTH_MAX).contains(&id.len()) && id.chars().all(allowed) {
        return Ok(());
    }
    Err(Failure::new(format!("{id:?} is no {what} id"))
        .with_help(format!("a {what} id is 1 to {ID_LENGTH_MAX} of A-Z a-z 0-9 and {marks}")))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use ring::signature::{
        ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
    };

    use super::*;
    use crate::keys::{self, Algorithm};

    fn decode(text: &Value) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap()
    }

    /// Verifies as a stranger would: from the token and the published keys alone.
    fn verify(token: &str, jwks: &Value) -> std::result::Result<(), ring::error::Unspecified> {
        let (message, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let header: Value = serde_json::from_slice(&decode(&message.split_once('.').unwrap().0.into())).unwrap();
        let jwk = jwks["keys"].as_array().unwrap().iter().find(|jwk| jwk["kid"] == header["kid"]).unwrap();
        assert_eq!(jwk["alg"], header["alg"]);
        match header["alg"].as_str().unwrap() {
            "ES256" => {
                let point = [vec![4], decode(&jwk["x"]), decode(&jwk["y"])].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message.as_bytes(), &signature)
            }
            "EdDSA" => UnparsedPublicKey::new(&ED25519, decode(&jwk["x"])).verify(message.as_bytes(), &signature),
            "RS256" => RsaPublicKeyComponents { n: decode(&jwk["n"]), e: decode(&jwk["e"]) }.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                message.as_bytes(),
                &signature,
            ),
            other => panic!("{other}"),
        }
    }

    fn keys(name: &str) -> (PathBuf, Vec<SigningKey>) {
        let dir = std::env::temp_dir().join(format!("tidings-{name}-{}", std::process::id()));
        let keys = keys::load_all(&dir).unwrap();
        (dir, keys)
    }

    fn claims(user: &str) -> Claims<'_> {
        Claims {
            issuer: "http://127.0.0.1:4570",
            audience: "tidings",
            user,
            device: Some("ios:3f2a"),
            issued_at_s: 1_700_000_000,
            lifetime_s: 60,
        }
    }

    #[test]
    fn tokens_of_every_algorithm_verify_against_the_published_keys() {
        let (dir, keys) = keys("verify");
        let jwks = keys::jwks(&keys);
        let algorithms: Vec<_> = keys.iter().map(SigningKey::algorithm).collect();
        assert_eq!(algorithms, Algorithm::ALL, "RSA needs openssl");
        for key in &keys {
            let token = issue(key, &claims("alice")).unwrap();
            verify(&token, &jwks).unwrap();
            let (head, signature) = token.rsplit_once('.').unwrap();
            verify(&format!("{head}x.{signature}"), &jwks).unwrap_err();
        }
        assert!(!jwks.to_string().contains("\"d\""), "no private part is published");
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn the_claims_are_those_that_the_service_asks_for() {
        let (dir, keys) = keys("claims");
        let token = issue(&keys[0], &claims("alice")).unwrap();
        let payload: Value = serde_json::from_slice(&decode(&token.split('.').nth(1).unwrap().into())).unwrap();
        assert_eq!(payload["iss"], "http://127.0.0.1:4570");
        assert_eq!(payload["aud"], "tidings");
        assert_eq!(payload["sub"], "alice");
        assert_eq!(payload["nbf"], 1_700_000_000);
        assert_eq!(payload["exp"], 1_700_000_060);
        assert_eq!(payload["device_id"], "ios:3f2a");
        let again = issue(&keys[0], &claims("alice")).unwrap();
        assert_ne!(token, again, "every token has its own jti");
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn ids_are_those_of_the_protocol() {
        let long = "a".repeat(64);
        for good in ["a", "A.b_c-9", &long] {
            check_id("user", good, "._-").unwrap();
        }
        for bad in ["", "a b", "a:b", "ä", "a|b", &"a".repeat(65)] {
            check_id("user", bad, "._-").unwrap_err();
        }
        check_id("device", "ios:3f2a", "._:-").unwrap();
    }
}
