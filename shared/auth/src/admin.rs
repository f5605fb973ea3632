//! Keys of machines that administrate: `key_NAME_SECRET` as the bearer token. The service keeps the name and a hash.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::invite::SecretError;

const PREFIX: &str = "key_";
const SECRET_BYTES: usize = 32;

/// A key, as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdminToken<'a> {
    /// What it is called.
    pub name: &'a str,
    /// The rest of it.
    secret: &'a str,
}

impl<'a> AdminToken<'a> {
    /// The key that a bearer token is, if it looks like one.
    pub fn parse(token: &'a str) -> Option<Self> {
        let (name, secret) = token.strip_prefix(PREFIX)?.split_once('_')?;
        (!name.is_empty() && name.len() <= 32 && !secret.is_empty()).then_some(Self { name, secret })
    }
}

/// What is kept of a key. The secret has 256 bits, so that nobody tries them all, however fast the hash is.
pub fn admin_token_hash(token: &AdminToken<'_>) -> [u8; 32] {
    Sha256::digest(format!("{}_{}", token.name, token.secret)).into()
}

/// A new key of a name, and what is kept of it.
pub fn new_admin_token(name: &str) -> Result<(String, [u8; 32]), SecretError> {
    let mut secret = [0; SECRET_BYTES];
    getrandom::fill(&mut secret)?;
    let secret = URL_SAFE_NO_PAD.encode(secret);
    let hash = admin_token_hash(&AdminToken { name, secret: &secret });
    Ok((format!("{PREFIX}{name}_{secret}"), hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_hash_and_is_no_access_token() {
        let (token, hash) = new_admin_token("night-watch").unwrap();
        let parsed = AdminToken::parse(&token).unwrap();
        assert_eq!((parsed.name, admin_token_hash(&parsed)), ("night-watch", hash));
        let (other, _) = new_admin_token("night-watch").unwrap();
        assert_ne!(admin_token_hash(&AdminToken::parse(&other).unwrap()), hash);
        for text in ["", "key_", "key_x", "key__x", "key_x_", "eyJhbGciOi.eyJzdWIi.sig"] {
            assert_eq!(AdminToken::parse(text), None, "{text}");
        }
    }
}
