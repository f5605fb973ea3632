//! Who a leaf of the tree is: a device of a user, by its name and its signature key.

use std::fmt;

use openmls::prelude::{BasicCredential, Credential};

/// A text is not `USER/DEVICE`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a device is USER/DEVICE, of 1 to 64 of [A-Za-z0-9._-] and 1 to 64 of [A-Za-z0-9._:-]")]
pub struct InvalidDevice;

/// One device of one user: what an MLS credential names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Device {
    user_id: String,
    device_id: String,
}

impl Device {
    /// Checks both names.
    pub fn new(user_id: &str, device_id: &str) -> Result<Self, InvalidDevice> {
        if is_name(user_id, b"._-") && is_name(device_id, b"._:-") {
            Ok(Self { user_id: user_id.to_owned(), device_id: device_id.to_owned() })
        } else {
            Err(InvalidDevice)
        }
    }

    /// Reads `USER/DEVICE`.
    pub fn parse(text: &str) -> Result<Self, InvalidDevice> {
        let (user_id, device_id) = text.split_once('/').ok_or(InvalidDevice)?;
        Self::new(user_id, device_id)
    }

    /// The user.
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// The device of that user.
    pub fn device_id(&self) -> &str {
        &self.device_id
    }

    pub(crate) fn credential(&self) -> Credential {
        BasicCredential::new(self.to_string().into_bytes()).into()
    }

    pub(crate) fn from_credential(credential: &Credential) -> Result<Self, InvalidDevice> {
        let basic = BasicCredential::try_from(credential.clone()).map_err(|_| InvalidDevice)?;
        Self::parse(std::str::from_utf8(basic.identity()).map_err(|_| InvalidDevice)?)
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.user_id, self.device_id)
    }
}

fn is_name(text: &str, extra: &[u8]) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || extra.contains(&byte))
}

/// The public signature key of a device (Ed25519): what makes it that device, and what safety numbers are made of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdentityKey([u8; 32]);

impl IdentityKey {
    /// Takes the bytes of a key; `None` where there are not 32.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdentityKey(")?;
        self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        write!(f, "…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        let device = Device::parse("alice/ios:3f2a").unwrap();
        assert_eq!((device.user_id(), device.device_id()), ("alice", "ios:3f2a"));
        assert_eq!(device.to_string(), "alice/ios:3f2a");
        for bad in ["", "alice", "alice/", "/phone", "a b/phone", "alice/phone/2", "al:ice/phone", "alice/ü"] {
            assert_eq!(Device::parse(bad), Err(InvalidDevice), "{bad}");
        }
        assert!(Device::new("a", &"x".repeat(65)).is_err());
    }

    #[test]
    fn a_credential_is_a_device_and_back() {
        let device = Device::new("bob", "web").unwrap();
        assert_eq!(Device::from_credential(&device.credential()).unwrap(), device);
        assert!(Device::from_credential(&BasicCredential::new(vec![0xff, b'/', 0xfe]).into()).is_err());
    }
}
