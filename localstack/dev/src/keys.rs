//! The signing keys of the local identity provider, made on first use.

use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use clap::ValueEnum;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};

use crate::failure::{Context, Failure, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Algorithm {
    #[value(name = "ES256")]
    Es256,
    #[value(name = "EdDSA")]
    EdDsa,
    #[value(name = "RS256")]
    Rs256,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 3] = [Self::Es256, Self::EdDsa, Self::Rs256];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
        }
    }
}

pub(crate) enum SigningKey {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(Box<RsaKeyPair>),
}

/// A key that pushes to browsers are signed with, in URL-safe base64: made of the signing key, so that it stays
/// the same and is known here alone.
pub(crate) fn vapid_key(keys: &Path) -> Result<String> {
    SigningKey::load_or_make(keys, Algorithm::Es256)?;
    let file = keys.join("es256.pk8");
    let secret = fs::read(&file).context(|| format!("cannot read {}", file.display()))?;
    // Of 2^256 numbers all but 2^224 are keys of the curve.
    Ok(URL_SAFE_NO_PAD.encode(digest(&SHA256, &[b"vapid".as_slice(), &secret].concat())))
}

impl SigningKey {
    /// Reads the key, or makes it where there is none.
    pub(crate) fn load_or_make(keys: &Path, algorithm: Algorithm) -> Result<Self> {
        let file = keys.join(format!("{}.pk8", algorithm.name().to_lowercase()));
        let pkcs8 = match fs::read(&file) {
            Ok(pkcs8) => pkcs8,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let made = generate(algorithm)?;
                Self::parse(algorithm, &made)
                    .map_err(|reason| Failure::new(format!("a new {} key is unusable: {reason}", algorithm.name())))?;
                keep(keys, &file, &made)?
            }
            Err(error) => {
                return Err(Failure::new(format!("cannot read {}: {error}", file.display())));
            }
        };
        Self::parse(algorithm, &pkcs8).map_err(|reason| {
            Failure::new(format!("{} holds no usable key: {reason}", file.display()))
                .with_help("remove that file: a new key is made, and older tokens stop working")
        })
    }

    fn parse(algorithm: Algorithm, pkcs8: &[u8]) -> std::result::Result<Self, String> {
        let refused = |error: ring::error::KeyRejected| error.to_string();
        Ok(match algorithm {
            Algorithm::Es256 => Self::Es256(
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &SystemRandom::new())
                    .map_err(refused)?,
            ),
            Algorithm::EdDsa => Self::EdDsa(Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(refused)?),
            Algorithm::Rs256 => Self::Rs256(Box::new(RsaKeyPair::from_pkcs8(pkcs8).map_err(refused)?)),
        })
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Es256(_) => Algorithm::Es256,
            Self::EdDsa(_) => Algorithm::EdDsa,
            Self::Rs256(_) => Algorithm::Rs256,
        }
    }

    fn public(&self) -> &[u8] {
        match self {
            Self::Es256(key) => key.public_key().as_ref(),
            Self::EdDsa(key) => key.public_key().as_ref(),
            Self::Rs256(key) => key.public().as_ref(),
        }
    }

    pub(crate) fn key_id(&self) -> String {
        let hash = base64url(digest(&SHA256, self.public()).as_ref());
        format!("{}-{}", self.algorithm().name().to_lowercase(), &hash[..12])
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let random = SystemRandom::new();
        let failed = |_| Failure::new(format!("cannot sign with {}", self.algorithm().name()));
        match self {
            Self::Es256(key) => Ok(key.sign(&random, message).map_err(failed)?.as_ref().to_vec()),
            Self::EdDsa(key) => Ok(key.sign(message).as_ref().to_vec()),
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
        }
    }

    /// The public half as a JSON Web Key.
    pub(crate) fn jwk(&self) -> Value {
        let public = self.public();
        let mut jwk = match self {
            // An uncompressed point: 4, x, y.
            Self::Es256(_) => json!({
                "kty": "EC", "crv": "P-256", "x": base64url(&public[1..33]), "y": base64url(&public[33..]),
            }),
            Self::EdDsa(_) => json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(public) }),
            Self::Rs256(key) => {
                let parts: PublicKeyComponents<Vec<u8>> = key.public().into();
                json!({ "kty": "RSA", "n": base64url(&parts.n), "e": base64url(&parts.e) })
            }
        };
        jwk["use"] = "sig".into();
        jwk["alg"] = self.algorithm().name().into();
        jwk["kid"] = self.key_id().into();
        jwk
    }
}

/// All keys that this machine can make. Only RSA may be missing, where there is no openssl.
pub(crate) fn load_all(keys: &Path) -> Result<Vec<SigningKey>> {
    let mut loaded = Vec::new();
    for algorithm in Algorithm::ALL {
        match SigningKey::load_or_make(keys, algorithm) {
            Ok(key) => loaded.push(key),
            Err(failure) if algorithm == Algorithm::Rs256 => {
                eprintln!("note: RS256 is left out: {failure}");
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(loaded)
}

pub(crate) fn jwks(keys: &[SigningKey]) -> Value {
    json!({ "keys": keys.iter().map(SigningKey::jwk).collect::<Vec<_>>() })
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn generate(algorithm: Algorithm) -> Result<Vec<u8>> {
    let random = SystemRandom::new();
    let failed = |_| Failure::new(format!("cannot make a key for {}", algorithm.name()));
    match algorithm {
        Algorithm::Es256 => Ok(EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .map_err(failed)?
            .as_ref()
            .to_vec()),
        Algorithm::EdDsa => Ok(Ed25519KeyPair::generate_pkcs8(&random).map_err(failed)?.as_ref().to_vec()),
        Algorithm::Rs256 => generate_rsa(),
    }
}

/// `ring` signs with RSA but makes no RSA keys.
fn generate_rsa() -> Result<Vec<u8>> {
    let output =
        Command::new("openssl").args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]).output();
    // As text, which is PKCS#8 in every version; in binary some write the older PKCS#1.
    output
        .ok()
        .filter(|output| output.status.success())
        .and_then(|output| from_pem(&String::from_utf8_lossy(&output.stdout)))
        .ok_or_else(|| {
            Failure::new("no RSA key can be made without openssl").with_help("install openssl, or use ES256 or EdDSA")
        })
}

fn from_pem(text: &str) -> Option<Vec<u8>> {
    let body = text.split_once("-----BEGIN PRIVATE KEY-----")?.1.split_once("-----END PRIVATE KEY-----")?.0;
    STANDARD.decode(body.split_whitespace().collect::<String>()).ok()
}

/// Writes a new key so that of two that are made at once, one wins for both.
fn keep(keys: &Path, file: &Path, pkcs8: &[u8]) -> Result<Vec<u8>> {
    let failed = || format!("cannot write {}", file.display());
    fs::create_dir_all(keys).context(failed)?;
    fs::set_permissions(keys, Permissions::from_mode(0o700)).context(failed)?;
    let draft = file.with_extension(format!("{}.new", std::process::id()));
    let mut out = File::create(&draft).context(failed)?;
    out.set_permissions(Permissions::from_mode(0o600)).context(failed)?;
    out.write_all(pkcs8).context(failed)?;
    let linked = fs::hard_link(&draft, file);
    fs::remove_file(&draft).context(failed)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(Failure::new(format!("{}: {error}", failed()))),
        _ => fs::read(file).context(failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_only_its_owner_reads_it() {
        let dir = std::env::temp_dir().join(format!("tidings-keys-{}", std::process::id()));
        let first = SigningKey::load_or_make(&dir, Algorithm::EdDsa).unwrap();
        let second = SigningKey::load_or_make(&dir, Algorithm::EdDsa).unwrap();
        assert_eq!(first.key_id(), second.key_id());
        let mode = fs::metadata(dir.join("eddsa.pk8")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1, "no draft is left");
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_key_in_text_is_read() {
        let pem = "-----BEGIN PRIVATE KEY-----\nAAEC\nAwQF\n-----END PRIVATE KEY-----\n";
        assert_eq!(from_pem(pem).unwrap(), [0, 1, 2, 3, 4, 5]);
        assert!(from_pem("-----BEGIN RSA PRIVATE KEY-----\nAAEC\n-----END RSA PRIVATE KEY-----").is_none());
    }

    #[test]
    fn a_damaged_key_says_what_to_do() {
        let dir = std::env::temp_dir().join(format!("tidings-bad-key-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("es256.pk8"), b"nonsense").unwrap();
        let failure = SigningKey::load_or_make(&dir, Algorithm::Es256).err().unwrap();
        assert!(failure.to_string().contains("es256.pk8 holds no usable key"));
        assert!(failure.help().unwrap().contains("remove that file"));
        fs::remove_dir_all(&dir).unwrap();
    }
}
