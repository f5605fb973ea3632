//! Access tokens: only what the issuer has signed, for us and for now, tells who is there.
//!
//! The first byte says what the rest is: `r` a token; `m` how to change a good one; `c` claims that
//! the issuer signs; `s` claims that somebody else signs under the name of the issuer's key.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::{
    Seed, ids,
    keys::{AUDIENCE, ED25519, GOOD, ISSUER, STRANGER, claims, verify_here},
};

/// More than the leeway that the service gives, in seconds.
const SLACK_SECONDS: f64 = 15.0;

pub(crate) fn check(data: &[u8]) -> bool {
    let Some((mode, rest)) = data.split_first() else { return false };
    match mode {
        b'r' => std::str::from_utf8(rest).is_ok_and(raw),
        b'm' => changed(rest),
        b'c' => serde_json::from_slice(rest).is_ok_and(|claims| signed(&claims)),
        b's' => {
            let Ok(claims) = serde_json::from_slice(rest) else { return false };
            assert_eq!(verify_here(&STRANGER.sign(&claims)), None, "a forged signature");
            true
        }
        _ => false,
    }
}

fn raw(token: &str) -> bool {
    let user = verify_here(token);
    assert!(user.is_none() || GOOD.iter().any(|good| good == token), "a token that nobody signed: {token}");
    user.is_some()
}

/// A good token, changed in one place or by exchanging a part, is refused.
fn changed(how: &[u8]) -> bool {
    let [which, operation, at @ ..] = how else { return false };
    let at = at.iter().take(2).fold(0, |at, byte| at << 8 | usize::from(*byte));
    let good = &GOOD[usize::from(*which) % 2];
    let other = &GOOD[usize::from(which.wrapping_add(1)) % 2];
    let parts = |token: &str| -> Vec<String> { token.split('.').map(str::to_owned).collect() };
    let mut bytes = good.clone().into_bytes();
    let at_byte = at % bytes.len();
    match operation % 6 {
        0 => bytes[at_byte] ^= 1 << (at / bytes.len() % 8),
        1 => bytes.truncate(at_byte),
        2 => drop(bytes.remove(at_byte)),
        3 => bytes.insert(at_byte, b'A'),
        4 => {
            let algorithm = ["none", "None", "HS256", "RS256", "ES256", "EdDSA", "ES384", "PS256"][at % 8];
            let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"typ":"JWT","alg":"{algorithm}","kid":"a"}}"#));
            let mut parts = parts(good);
            parts[0] = header;
            if at & 8 != 0 {
                parts[2].clear();
            }
            bytes = parts.join(".").into_bytes();
        }
        _ => {
            let mut parts = parts(good);
            parts[at % 3].clone_from(&other.split('.').nth(at % 3).unwrap_or_default().to_owned());
            bytes = parts.join(".").into_bytes();
        }
    }
    let Ok(token) = String::from_utf8(bytes) else { return false };
    if GOOD.contains(&token) {
        return false;
    }
    assert_eq!(verify_here(&token), None, "a changed token: {token}");
    true
}

/// What the issuer signs counts only where it is for us, for now, and names a user.
fn signed(claims: &Value) -> bool {
    let Some(user) = verify_here(&ED25519.sign(claims)) else { return false };
    let now = now_seconds();
    assert_eq!(claims["sub"], user.as_str());
    assert!(ids::check(user.as_str()));
    assert!(is_or_has(&claims["iss"], ISSUER), "{claims}");
    assert!(is_or_has(&claims["aud"], AUDIENCE), "{claims}");
    assert!(claims["exp"].as_f64().is_some_and(|exp| exp > now - SLACK_SECONDS), "{claims}");
    assert!(claims["nbf"].is_null() || claims["nbf"].as_f64().is_some_and(|nbf| nbf < now + SLACK_SECONDS), "{claims}");
    true
}

fn is_or_has(value: &Value, text: &str) -> bool {
    value == text || value.as_array().is_some_and(|values| values.iter().any(|value| value == text))
}

#[expect(clippy::disallowed_methods, reason = "the JWT library takes the machine's clock")]
fn now_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

pub(crate) fn seeds() -> Vec<Seed> {
    let mut several = claims();
    several["aud"] = serde_json::json!(["other", AUDIENCE]);
    let mut seeds = vec![
        Seed::new("es256", format!("r{}", GOOD[0])),
        Seed::new("ed25519", format!("r{}", GOOD[1])),
        Seed::new("claims", format!("c{}", claims())),
        Seed::new("claims-of-several", format!("c{several}")),
        Seed::new("claims-by-a-stranger", format!("s{}", claims())),
    ];
    // The digits are 48 and more, and so 0 to 5 modulo 6.
    for (operation, name) in ["bit", "short", "removed", "inserted", "algorithm", "part"].into_iter().enumerate() {
        seeds.push(Seed::new(format!("changed-{name}"), format!("m0{operation}02")));
    }
    seeds
}
