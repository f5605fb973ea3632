//! A device's own keys.

use openmls::prelude::{Ciphersuite, CredentialWithKey, OpenMlsCrypto as _};
use openmls_traits::signatures::{Signer, SignerError};
use openmls_traits::types::SignatureScheme;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::device::{Device, IdentityKey};
use crate::provider::{self, CRYPTO, Label};
use crate::store::{self, Store, StoreError};

/// `MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519`, the one suite that is spoken.
pub(crate) const SUITE: Ciphersuite = Ciphersuite::MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519;

/// An identity cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// There is one already: a device keeps its identity for life.
    #[error("this store has the identity of {0} already")]
    Exists(Device),
    /// No key could be made.
    #[error("no signature key can be made")]
    Keys,
    /// The state could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// This device: its name and its signature key (Ed25519), which never changes.
pub struct Identity {
    device: Device,
    key: IdentityKey,
    secret: Zeroizing<Vec<u8>>,
}

/// As it is stored.
#[derive(Serialize, Deserialize)]
struct Record {
    user_id: String,
    device_id: String,
    public: Vec<u8>,
    secret: Vec<u8>,
}

impl Identity {
    /// Makes a new identity, and stores it.
    pub fn create(store: &dyn Store, device: Device) -> Result<Self, IdentityError> {
        if let Some(old) = Self::load(store)? {
            return Err(IdentityError::Exists(old.device));
        }
        let (secret, public) =
            CRYPTO.signature_key_gen(SUITE.signature_algorithm()).map_err(|_| IdentityError::Keys)?;
        let key = IdentityKey::from_bytes(&public).ok_or(IdentityError::Keys)?;
        let identity = Self { device, key, secret: Zeroizing::new(secret) };
        let mut record = Record {
            user_id: identity.device.user_id().to_owned(),
            device_id: identity.device.device_id().to_owned(),
            public,
            secret: identity.secret.to_vec(),
        };
        let stored = provider::key(Label::Identity, &()).and_then(|key| store::put(store, &key, &record));
        zeroize::Zeroize::zeroize(&mut record.secret);
        stored?;
        Ok(identity)
    }

    /// The identity in a store, if there is one.
    pub fn load(store: &dyn Store) -> Result<Option<Self>, StoreError> {
        let Some(record) = store::get::<Record>(store, &provider::key(Label::Identity, &())?)? else {
            return Ok(None);
        };
        let secret = Zeroizing::new(record.secret);
        let device = Device::new(&record.user_id, &record.device_id).map_err(|_| StoreError::Malformed)?;
        let key = IdentityKey::from_bytes(&record.public).ok_or(StoreError::Malformed)?;
        Ok(Some(Self { device, key, secret }))
    }

    /// Whose it is.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The public key, for the directory (`identityKey`) and for safety numbers.
    pub fn key(&self) -> IdentityKey {
        self.key
    }

    pub(crate) fn credential(&self) -> CredentialWithKey {
        CredentialWithKey { credential: self.device.credential(), signature_key: self.key.as_bytes().as_slice().into() }
    }
}

impl Signer for Identity {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        CRYPTO.sign(self.signature_scheme(), payload, &self.secret).map_err(SignerError::CryptoError)
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SUITE.signature_algorithm()
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("device", &self.device).field("key", &self.key).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryStore;

    #[test]
    fn an_identity_is_made_once_and_found_again() {
        let store = MemoryStore::new();
        assert!(Identity::load(&store).unwrap().is_none());
        let made = Identity::create(&store, Device::new("alice", "phone").unwrap()).unwrap();
        let found = Identity::load(&store).unwrap().unwrap();
        assert_eq!((found.device(), found.key()), (made.device(), made.key()));
        assert_eq!(*found.secret, *made.secret);
        let again = Identity::create(&store, Device::new("alice", "web").unwrap());
        assert!(matches!(again, Err(IdentityError::Exists(device)) if device == *made.device()));
        assert!(!format!("{made:?}").contains("secret"));
    }
}
