//! Key packages: what a device publishes so that it can be added while it is away.

use openmls::prelude::tls_codec::Size as _;
use openmls::prelude::{
    Capabilities, CredentialType, ExtensionType, KeyPackageBundle, Lifetime, MlsMessageBodyIn, MlsMessageOut,
    ProtocolVersion,
};
use serde::{Deserialize, Serialize};

use crate::Source;
use crate::device::{Device, IdentityKey, InvalidDevice};
use crate::identity::{Identity, SUITE};
use crate::limits::{
    CLOCK_SKEW_SECONDS, KEY_PACKAGE_BYTES_MAX, KEY_PACKAGE_LIFETIME_SECONDS, KEY_PACKAGE_RENEW_SECONDS,
    KEY_PACKAGES_MAX,
};
use crate::provider::{self, CRYPTO, Label, Provider};
use crate::store::{self, Overlay, Store, StoreError};
use crate::wire::{self, WireError};

/// A key package cannot be made, or must not be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyPackageError {
    /// More at once than the directory takes.
    #[error("{count} key packages at once, more than {KEY_PACKAGES_MAX}")]
    TooMany {
        /// How many were asked for.
        count: usize,
    },
    /// It is no MLS message.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// It is larger than the directory takes.
    #[error("a key package of {bytes} bytes is over the limit of {KEY_PACKAGE_BYTES_MAX}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Its signature, version or form is wrong.
    #[error("the key package is not valid")]
    Invalid(#[source] Source),
    /// It is made for another cipher suite.
    #[error("the key package is for another cipher suite")]
    CipherSuite,
    /// Its credential is no device.
    #[error(transparent)]
    Credential(#[from] InvalidDevice),
    /// It is another device's than the directory said.
    #[error("the key package of {expected} is one of {found}")]
    WrongDevice {
        /// Whose it should be.
        expected: Device,
        /// Whose it is.
        found: Device,
    },
    /// It is signed by another key than the directory named for the device.
    #[error("the key package of {0} is signed by another key than its identity key")]
    WrongKey(Device),
    /// It is of a time that is over or has not begun, or it lives longer than any may.
    #[error("the key package of {0} is out of its lifetime")]
    Lifetime(Device),
    /// The state could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A key package of another device, checked: what [`Changes`](crate::Changes) adds it by.
#[derive(Clone, Debug)]
pub struct KeyPackage {
    pub(crate) inner: openmls::prelude::KeyPackage,
    device: Device,
}

impl KeyPackage {
    /// Takes what the directory gave for a device: checks signatures, suite, lifetime, and that it is of that device and
    /// that key.
    pub fn parse(payload: &str, device: &Device, key: IdentityKey, now_seconds: u64) -> Result<Self, KeyPackageError> {
        let MlsMessageBodyIn::KeyPackage(unverified) = wire::decode(payload)? else {
            return Err(WireError::WrongKind("a key package").into());
        };
        let bytes = unverified.tls_serialized_len();
        if bytes > KEY_PACKAGE_BYTES_MAX {
            return Err(KeyPackageError::TooLarge { bytes });
        }
        let inner = unverified
            .validate(&*CRYPTO, ProtocolVersion::Mls10)
            .map_err(|error| KeyPackageError::Invalid(error.into()))?;
        if inner.ciphersuite() != SUITE {
            return Err(KeyPackageError::CipherSuite);
        }
        let leaf = inner.leaf_node();
        let found = Device::from_credential(leaf.credential())?;
        if found != *device {
            return Err(KeyPackageError::WrongDevice { expected: device.clone(), found });
        }
        if leaf.signature_key().as_slice() != key.as_bytes() {
            return Err(KeyPackageError::WrongKey(found));
        }
        let lifetime = inner.life_time();
        let is_now = lifetime.not_before() <= now_seconds && now_seconds < lifetime.not_after();
        if !is_now || !lifetime.has_acceptable_range() {
            return Err(KeyPackageError::Lifetime(found));
        }
        Ok(Self { inner, device: found })
    }

    /// Whose it is.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Whether it is handed out again and again, because the others were used up.
    pub fn is_last_resort(&self) -> bool {
        self.inner.last_resort()
    }
}

/// A key package of this device whose private part is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnKeyPackage {
    /// Its reference (RFC 9420 §5.2), by which a Welcome names it.
    pub reference: Vec<u8>,
    /// When it is over, in seconds since the epoch.
    pub not_after_seconds: u64,
    /// Whether it stays after it was used.
    pub is_last_resort: bool,
    /// Where its private part is.
    key: Vec<u8>,
}

impl OwnKeyPackage {
    /// Whether it is time to publish another in its place.
    pub fn needs_renewal(&self, now_seconds: u64) -> bool {
        self.not_after_seconds < now_seconds.saturating_add(KEY_PACKAGE_RENEW_SECONDS)
    }
}

impl Identity {
    /// Makes key packages that are used once each, and stores their private parts.
    pub fn make_key_packages(
        &self,
        store: &dyn Store,
        count: usize,
        now_seconds: u64,
    ) -> Result<Vec<String>, KeyPackageError> {
        if count > KEY_PACKAGES_MAX {
            return Err(KeyPackageError::TooMany { count });
        }
        self.make(store, count, false, now_seconds)
    }

    /// Makes the key package that is handed out when all others are used up, and stores its private part. Replace it
    /// when it was used: whoever gets hold of its private part can read every Welcome that was made for it.
    pub fn make_last_resort_key_package(&self, store: &dyn Store, now_seconds: u64) -> Result<String, KeyPackageError> {
        let made = self.make(store, 1, true, now_seconds)?;
        made.into_iter().next().ok_or(KeyPackageError::TooMany { count: 0 })
    }

    fn make(
        &self,
        store: &dyn Store,
        count: usize,
        is_last_resort: bool,
        now_seconds: u64,
    ) -> Result<Vec<String>, KeyPackageError> {
        let overlay = Overlay::new(store);
        let provider = Provider::new(&overlay);
        let not_after_seconds = now_seconds.saturating_add(KEY_PACKAGE_LIFETIME_SECONDS);
        let mut own = own_key_packages(&overlay)?;
        let mut made = Vec::with_capacity(count);
        for _ in 0..count {
            let mut builder = openmls::prelude::KeyPackage::builder()
                .key_package_lifetime(Lifetime::init(now_seconds.saturating_sub(CLOCK_SKEW_SECONDS), not_after_seconds))
                .leaf_node_capabilities(capabilities());
            if is_last_resort {
                builder = builder.mark_as_last_resort();
            }
            let bundle: KeyPackageBundle = builder
                .build(SUITE, &provider, self, self.credential())
                .map_err(|error| KeyPackageError::Invalid(error.into()))?;
            let reference =
                bundle.key_package().hash_ref(&*CRYPTO).map_err(|error| KeyPackageError::Invalid(error.into()))?;
            own.push(OwnKeyPackage {
                key: provider::key(Label::KeyPackage, &reference)?,
                reference: reference.as_slice().to_vec(),
                not_after_seconds,
                is_last_resort,
            });
            let message = MlsMessageOut::from(bundle.into_key_package());
            made.push(wire::encode(&message).map_err(|error| KeyPackageError::Invalid(error.into()))?);
        }
        store::put(&overlay, &provider::key(Label::KeyPackages, &())?, &own)?;
        overlay.flush()?;
        Ok(made)
    }
}

/// The key packages of this device that can still be used to join, the oldest first.
pub fn own_key_packages(store: &dyn Store) -> Result<Vec<OwnKeyPackage>, StoreError> {
    let listed: Vec<OwnKeyPackage> = store::get(store, &provider::key(Label::KeyPackages, &())?)?.unwrap_or_default();
    let mut present = Vec::with_capacity(listed.len());
    for package in listed {
        // openmls takes the private part away when one that is used once was used.
        if store.get(&package.key)?.is_some() {
            present.push(package);
        }
    }
    Ok(present)
}

/// Destroys the private parts of key packages whose time is over, and tells how many.
///
/// A Welcome may come late: they are kept for `grace_seconds` longer.
pub fn remove_expired_key_packages(
    store: &dyn Store,
    now_seconds: u64,
    grace_seconds: u64,
) -> Result<usize, StoreError> {
    let overlay = Overlay::new(store);
    let (over, kept): (Vec<_>, Vec<_>) = own_key_packages(&overlay)?
        .into_iter()
        .partition(|package| package.not_after_seconds.saturating_add(grace_seconds) <= now_seconds);
    for package in &over {
        overlay.delete(&package.key)?;
    }
    store::put(&overlay, &provider::key(Label::KeyPackages, &())?, &kept)?;
    overlay.flush()?;
    Ok(over.len())
}

/// What every device of ours can do, and no more: what is not in here cannot be put into a group.
pub(crate) fn capabilities() -> Capabilities {
    Capabilities::new(
        Some(&[ProtocolVersion::Mls10]),
        Some(&[SUITE]),
        Some(&[ExtensionType::LastResort]),
        None,
        Some(&[CredentialType::Basic]),
    )
}
