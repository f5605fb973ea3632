//! Linking a device: the new one shows a code, an old one takes it, and sends its history.
//!
//! The code passes between the two devices by eye, camera or clipboard, and never through the service. It names the new
//! device, the hash of its key, and a secret under which the history is encrypted: so the old device adds the device that
//! the user has before them, and the new one takes only the history of somebody who has seen its screen.

use std::{fmt, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tidings_mls::{Device, IdentityKey};
use tidings_sdk::protocol::{
    Payload,
    keys::{MailNew, MailPost},
};
use tidings_vault::{RecoveryKey, Restored};
use tokio::time::{Instant, sleep};

use crate::{
    client::SecureClient,
    error::{AccountError, SecureError},
    opaque,
};

/// Mail with the place of an archive.
const HISTORY: &str = "history";
const SCHEME: &str = "tidings-link";
/// Bytes of the hash of the key that the code has: nobody finds another key with the same.
const FINGERPRINT_BYTES: usize = 16;
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What the new device shows.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkCode {
    device_id: String,
    fingerprint: [u8; FINGERPRINT_BYTES],
    secret: RecoveryKey,
}

/// A text is no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// It does not begin as one, or has another number of parts.
    #[error("this is no code to link a device by: it begins with {SCHEME}:")]
    Form,
    /// The name of the device.
    #[error("the code has no device in it")]
    Device,
    /// The hash of the key.
    #[error("the hash in the code is not one of 32 hexadecimal digits")]
    Fingerprint,
    /// The secret.
    #[error("the secret in the code: {0}")]
    Secret(#[from] tidings_vault::RecoveryKeyError),
}

/// Where the archive is.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Archive {
    v: u32,
    media_handle: String,
    size: u64,
}

impl LinkCode {
    fn of(device: &Device, key: IdentityKey) -> Result<Self, AccountError> {
        let secret = RecoveryKey::generate().map_err(|_| AccountError::Random)?;
        Ok(Self { device_id: device.device_id().to_owned(), fingerprint: fingerprint(key), secret })
    }

    /// The device that is to be linked.
    pub fn device_id(&self) -> &str {
        &self.device_id
    }

    /// Reads what the new device shows.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        // A device's name may have colons in it.
        let rest = text.trim().strip_prefix(SCHEME).and_then(|rest| rest.strip_prefix(':')).ok_or(CodeError::Form)?;
        let mut parts = rest.rsplitn(3, ':');
        let (Some(secret), Some(hash), Some(device_id)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(CodeError::Form);
        };
        if Device::new("any", device_id).is_err() {
            return Err(CodeError::Device);
        }
        if hash.len() != 2 * FINGERPRINT_BYTES || !hash.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(CodeError::Fingerprint);
        }
        let fingerprint = u128::from_str_radix(hash, 16).map_err(|_| CodeError::Fingerprint)?.to_be_bytes();
        Ok(Self { device_id: device_id.to_owned(), fingerprint, secret: RecoveryKey::parse(secret)? })
    }

    /// The code, to be shown as text or as a QR code. Whoever sees it can read the history that is sent by it.
    pub fn reveal(&self) -> String {
        let hash = u128::from_be_bytes(self.fingerprint);
        format!("{SCHEME}:{}:{hash:032x}:{}", self.device_id, self.secret.reveal().as_str())
    }
}

impl fmt::Debug for LinkCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkCode").field("device_id", &self.device_id).finish_non_exhaustive()
    }
}

fn fingerprint(key: IdentityKey) -> [u8; FINGERPRINT_BYTES] {
    let mut fingerprint = [0; FINGERPRINT_BYTES];
    fingerprint.copy_from_slice(&Sha256::digest(key.as_bytes())[..FINGERPRINT_BYTES]);
    fingerprint
}

impl SecureClient {
    /// A code to link this device by. It is good for one archive.
    pub async fn link_code(&self) -> Result<LinkCode, SecureError> {
        Ok(self.with(|account| LinkCode::of(account.device(), account.identity_key())).await??)
    }

    /// Links the device of a code, on a device that the user has had before: checks that the directory has the key that
    /// the new device has, sends it the history, and adds it to the groups.
    pub async fn link(&self, code: &LinkCode) -> Result<(), SecureError> {
        let directory = self.http().identities(self.user()).await?;
        let bundle = directory.devices.iter().find(|bundle| bundle.device_id == code.device_id);
        let bundle = bundle.ok_or(SecureError::Link("the directory has no such device: is it connected?"))?;
        let set = crate::actor::set_of(self.user(), &directory);
        let device = Device::new(self.user(), &bundle.device_id).map_err(AccountError::Device)?;
        if set.devices.get(&device).map(|key| fingerprint(*key)) != Some(code.fingerprint) {
            return Err(SecureError::Link(
                "the directory names another key for this device than the device itself: somebody may sit between",
            ));
        }
        self.send_history(code).await?;
        let user = self.user().to_owned();
        self.with(move |account| account.set_devices(&user, &set)).await??;
        self.bring_up_to_date(|roster| !roster.is_empty()).await
    }

    async fn send_history(&self, code: &LinkCode) -> Result<(), SecureError> {
        let path = self.own_file("archive").await?;
        self.back_up(&code.secret, &path).await?;
        let sent = async {
            let to_oneself = format!("u:{0}|u:{0}", self.user());
            let (media_handle, size) = opaque::upload(self.http(), &to_oneself, &path).await?;
            let archive = serde_json::json!(Archive { v: 1, media_handle, size });
            let mail = MailPost {
                client_mail_id: uuid::Uuid::now_v7().to_string(),
                kind: HISTORY.to_owned(),
                payload: Payload::of(&archive),
                conversation_id: None,
            };
            self.http().post_mail(self.user(), &code.device_id, &mail).await?;
            Ok(())
        }
        .await;
        tokio::fs::remove_file(&path).await?;
        sent
    }

    /// Waits for the history that another device sends by this device's code, and takes it in.
    pub async fn receive_history(&self, code: &LinkCode, patience: Duration) -> Result<Restored, SecureError> {
        let end = Instant::now() + patience;
        while Instant::now() < end {
            for mail in self.mail_of_kind(HISTORY).await? {
                let Ok(archive) = serde_json::from_str::<Archive>(mail.payload.text()) else { continue };
                let restored = self.take_archive(code, &archive).await;
                match restored {
                    // Somebody else's, or an older one: it is left for whoever has its code.
                    Err(SecureError::Account(AccountError::Backup(_))) => {}
                    restored => {
                        let restored = restored?;
                        self.http().acknowledge_mail(vec![mail.mail_id]).await?;
                        return Ok(restored);
                    }
                }
            }
            sleep(LOOK_EVERY).await;
        }
        Err(SecureError::Link("no other device has sent its history in time"))
    }

    async fn take_archive(&self, code: &LinkCode, archive: &Archive) -> Result<Restored, SecureError> {
        let path = self.own_file("archive").await?;
        let attachment = opaque::attachment(archive.size);
        self.http().download_media(&archive.media_handle, &attachment, &path, &|_, _| {}).await?;
        let restored = self.restore(&code.secret, &path).await;
        tokio::fs::remove_file(&path).await?;
        restored
    }

    async fn mail_of_kind(&self, kind: &str) -> Result<Vec<MailNew>, SecureError> {
        let (mut found, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = self.http().mail(after.as_deref(), None).await?;
            found.extend(page.mail.into_iter().filter(|mail| mail.kind == kind));
            after = page.next;
            if !page.has_more || after.is_none() {
                return Ok(found);
            }
        }
    }

    /// A file of this account that nobody else uses.
    async fn own_file(&self, name: &str) -> Result<PathBuf, SecureError> {
        let folder = self.with(|account| account.vault().folder().to_owned()).await?;
        Ok(folder.join(format!("{name}-{}", uuid::Uuid::now_v7())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code() -> LinkCode {
        let device = Device::new("alice", "cli:host").unwrap();
        LinkCode::of(&device, IdentityKey::from_bytes(&[7; 32]).unwrap()).unwrap()
    }

    #[test]
    fn a_code_is_read_as_it_is_shown() {
        let code = code();
        let shown = code.reveal();
        assert_eq!(LinkCode::parse(&format!(" {shown}\n")).unwrap(), code);
        assert_eq!(LinkCode::parse(&shown).unwrap().device_id(), "cli:host");
        assert!(!format!("{code:?}").contains(code.secret.reveal().as_str()));
    }

    #[test]
    fn what_is_no_code_says_why() {
        let shown = code().reveal();
        assert_eq!(LinkCode::parse("hello"), Err(CodeError::Form));
        assert_eq!(LinkCode::parse("tidings-link:x"), Err(CodeError::Form));
        assert_eq!(LinkCode::parse(&shown.replace("cli:host", "büro")), Err(CodeError::Device));
        assert_eq!(LinkCode::parse(&shown.replacen(":cli:host:", ":cli:host:0", 1)), Err(CodeError::Fingerprint));
        let cut = &shown[..shown.len() - 1];
        assert!(matches!(LinkCode::parse(cut), Err(CodeError::Secret(_))));
    }
}
