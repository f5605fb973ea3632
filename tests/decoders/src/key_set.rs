//! An issuer's documents: keys count only where the discovery document is the issuer's own, and
//! only the issuer's keys verify its tokens. The input is the key set; or, before a NUL, the
//! discovery document too.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::{
    Seed,
    keys::{Documents, ED25519, ES256, GOOD, ISSUER, claims, discovery, published, verify},
    short_text::is_secure,
};

pub(crate) fn check(data: &[u8]) -> bool {
    let documents = || match data.iter().position(|byte| *byte == 0) {
        Some(at) => Documents { discovery: data[..at].to_vec(), keys: data[at + 1..].to_vec() },
        None => Documents { discovery: discovery(), keys: data.to_vec() },
    };
    let mut taken = false;
    for (token, key) in GOOD.iter().zip([&*ES256, &*ED25519]) {
        if verify(documents(), token).is_some() {
            is_of_issuer(&documents(), &key.public()["x"]);
            taken = true;
        }
    }
    // The public key is known to all: it must not do as a shared secret.
    let public = documents().keys;
    for (kid, secret) in [("a", public.as_slice()), ("b", b"")] {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(kid.into());
        let token = encode(&header, &claims(), &EncodingKey::from_secret(secret)).unwrap();
        assert_eq!(verify(documents(), &token), None, "a token with a shared secret");
    }
    taken
}

fn is_of_issuer(documents: &Documents, coordinate: &Value) {
    let discovery: Value = serde_json::from_slice(&documents.discovery).unwrap();
    assert_eq!(discovery["issuer"], ISSUER);
    assert!(is_secure(discovery["jwks_uri"].as_str().unwrap()));
    let keys: Value = serde_json::from_slice(&documents.keys).unwrap();
    assert!(keys["keys"].as_array().unwrap().iter().any(|key| key["x"] == *coordinate), "a key of the issuer");
}

pub(crate) fn seeds() -> Vec<Seed> {
    let rsa = json!({ "kty": "RSA", "kid": "c", "use": "sig", "alg": "RS256", "n": "sXchTbRJ9Kk", "e": "AQAB" });
    let shared = json!({ "kty": "oct", "kid": "d", "k": "AAAA" });
    let later = json!({ "kty": "hologram", "kid": "e" });
    let mixed = json!({ "keys": [later, shared, rsa, ED25519.public()] });
    let elsewhere = json!({ "issuer": ISSUER, "jwks_uri": "http://127.0.0.1:4570/keys" });
    let published = String::from_utf8(published()).unwrap();
    vec![
        Seed::new("keys", &published),
        Seed::new("one-key", json!({ "keys": [ES256.public()] })),
        Seed::new("mixed", mixed),
        Seed::new("with-discovery", format!("{elsewhere}\0{published}")),
    ]
}
