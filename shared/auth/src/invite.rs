//! The secret of an invite link. It is kept as it is: those who may add members see the link again.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use thiserror::Error;
use tidings_domain::{ids::InvalidId, invites::InviteSecret};

const SECRET_BYTES: usize = 16;

/// Why there is no secret.
#[derive(Debug, Error)]
pub enum SecretError {
    /// The machine has no randomness.
    #[error("no randomness")]
    Randomness(#[from] getrandom::Error),
    /// What was made is no secret.
    #[error(transparent)]
    Invalid(#[from] InvalidId),
}

/// A secret that nobody can guess: 128 random bits.
pub fn invite_secret() -> Result<InviteSecret, SecretError> {
    let mut secret = [0; SECRET_BYTES];
    getrandom::fill(&mut secret)?;
    Ok(InviteSecret::parse(&URL_SAFE_NO_PAD.encode(secret))?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_secrets_are_the_same() {
        let secrets: BTreeSet<InviteSecret> = (0..1_000).map(|_| invite_secret().unwrap()).collect();
        assert_eq!(secrets.len(), 1_000);
    }
}
