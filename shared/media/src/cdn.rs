//! Addresses of CloudFront, signed by a key of a group that the distribution trusts (canned policy).

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use rsa::{
    RsaPrivateKey,
    pkcs1::DecodeRsaPrivateKey,
    pkcs1v15::SigningKey,
    pkcs8::DecodePrivateKey,
    signature::{SignatureEncoding, Signer},
};
use sha1::Sha1;
use thiserror::Error;
use tidings_domain::ids::Timestamp;

/// Why a CDN cannot be used.
#[derive(Debug, Error)]
pub enum CdnError {
    /// The key is none.
    #[error("is no RSA private key in PEM")]
    Key,
    /// The signature was not made.
    #[error("the address could not be signed")]
    Sign(#[from] rsa::signature::Error),
}

/// A distribution of CloudFront.
#[derive(Clone)]
pub struct Cdn {
    domain: String,
    key_id: String,
    // CloudFront takes SHA-1 for RSA keys, and nothing else.
    key: SigningKey<Sha1>,
}

impl fmt::Debug for Cdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cdn").field("domain", &self.domain).field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

impl Cdn {
    /// The distribution of this domain, and the key (PEM, `PKCS#1` or `PKCS#8`) with its id at CloudFront.
    pub fn new(domain: impl Into<String>, key_id: impl Into<String>, pem: &str) -> Result<Self, CdnError> {
        let key = RsaPrivateKey::from_pkcs8_pem(pem).or_else(|_| RsaPrivateKey::from_pkcs1_pem(pem));
        let key = SigningKey::new(key.map_err(|_| CdnError::Key)?);
        Ok(Self { domain: domain.into(), key_id: key_id.into(), key })
    }

    /// An address that works until then, to the second.
    pub(crate) fn sign(&self, path: &str, until: Timestamp) -> Result<String, CdnError> {
        let url = format!("https://{}/{path}", self.domain);
        let expires = until.as_seconds();
        let signature = self.key.try_sign(policy(&url, expires).as_bytes())?;
        let signature = safe(&STANDARD.encode(signature.to_bytes()));
        Ok(format!("{url}?Expires={expires}&Signature={signature}&Key-Pair-Id={}", self.key_id))
    }
}

/// The canned policy: to the letter as CloudFront makes it of the address.
fn policy(url: &str, expires: u64) -> String {
    format!(r#"{{"Statement":[{{"Resource":"{url}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{expires}}}}}}}]}}"#)
}

fn safe(base64: &str) -> String {
    base64.replace('+', "-").replace('=', "_").replace('/', "~")
}

#[cfg(test)]
mod tests {
    use rsa::{
        pkcs1v15::{Signature, VerifyingKey},
        pkcs8::{EncodePrivateKey, LineEnding},
        signature::Verifier,
    };

    use super::*;

    #[test]
    fn the_signature_is_of_the_canned_policy() {
        let private = RsaPrivateKey::new(&mut rand_core::OsRng, 2048).unwrap();
        let pem = private.to_pkcs8_pem(LineEnding::LF).unwrap();
        let cdn = Cdn::new("d1.cloudfront.net", "K1", &pem).unwrap();
        let url = cdn.sign("media/a/1-1", Timestamp(1_800_000_000_999)).unwrap();
        let (resource, query) = url.split_once('?').unwrap();
        assert_eq!(resource, "https://d1.cloudfront.net/media/a/1-1");
        let fields: Vec<&str> = query.split('&').collect();
        assert_eq!((fields[0], fields[2]), ("Expires=1800000000", "Key-Pair-Id=K1"));
        let signature = fields[1].strip_prefix("Signature=").unwrap();
        assert!(!signature.contains(['+', '=', '/']));
        let signature = signature.replace('-', "+").replace('_', "=").replace('~', "/");
        let signature = Signature::try_from(STANDARD.decode(signature).unwrap().as_slice()).unwrap();
        let policy = r#"{"Statement":[{"Resource":"https://d1.cloudfront.net/media/a/1-1","Condition":{"DateLessThan":{"AWS:EpochTime":1800000000}}}]}"#;
        VerifyingKey::<Sha1>::new(private.to_public_key()).verify(policy.as_bytes(), &signature).unwrap();
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert!(Cdn::new("d", "k", "-----BEGIN PUBLIC KEY-----").is_err());
    }
}
