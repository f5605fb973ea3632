//! Access tokens: JWTs of the configured issuer and audience.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, errors::ErrorKind};
use serde::Deserialize;
use thiserror::Error;
use tidings_domain::ids::{InvalidId, UserId};

use crate::keys::{FetchError, KeySets};

/// Signatures that are accepted: asymmetric ones, named here and not by the token.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
/// Clocks may differ by so much, in seconds.
const LEEWAY_SECONDS: u64 = 5;
/// A longer token is none, in bytes.
const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// Why a token does not tell who is there.
#[derive(Debug, Error)]
pub enum TokenError {
    /// It is past its time.
    #[error("the token has expired")]
    Expired,
    /// It is not valid, for this service or at all.
    #[error("the token is not valid: {0}")]
    Invalid(&'static str),
    /// Its subject is no user id.
    #[error("the token's subject is no user id")]
    Subject(#[from] InvalidId),
    /// The issuer's keys cannot be had.
    #[error("the issuer's keys cannot be had")]
    Keys(#[from] FetchError),
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

/// Verifies access tokens.
pub struct TokenVerifier {
    keys: KeySets,
    audience: String,
}

impl TokenVerifier {
    /// A verifier of one issuer's tokens for one audience.
    pub fn new(keys: KeySets, audience: impl Into<String>) -> Self {
        Self { keys, audience: audience.into() }
    }

    /// Fetches the issuer's keys before the first token needs them. Failing that changes nothing.
    pub async fn warm_up(&self) {
        let _ = self.keys.find(None).await;
    }

    /// The user that a token is of.
    pub async fn verify(&self, token: &str) -> Result<UserId, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Invalid("too long"));
        }
        let header = decode_header(token).map_err(|_| TokenError::Invalid("not a JWT"))?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(TokenError::Invalid("signature algorithm"));
        }
        let key = self.keys.find(header.kid.as_deref()).await?.ok_or(TokenError::Invalid("unknown key"))?;
        let key = DecodingKey::from_jwk(&key).map_err(|_| TokenError::Invalid("unusable key"))?;
        let mut validation = Validation::new(header.alg);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.set_issuer(&[self.keys.issuer().as_str()]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let claims = decode::<Claims>(token, &key, &validation).map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => TokenError::Expired,
            ErrorKind::InvalidIssuer => TokenError::Invalid("issuer"),
            ErrorKind::InvalidAudience => TokenError::Invalid("audience"),
            ErrorKind::ImmatureSignature => TokenError::Invalid("not valid yet"),
            ErrorKind::MissingRequiredClaim(_) => TokenError::Invalid("a claim is missing"),
            _ => TokenError::Invalid("signature"),
        })?;
        Ok(UserId::parse(&claims.claims.sub)?)
    }
}
