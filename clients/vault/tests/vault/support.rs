//! Vaults in folders that go away.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use tidings_vault::{DatabaseKey, NewMessage, Unlock, Vault};

pub(crate) const CONVERSATION: &str = "g:crew";

pub(crate) fn now_seconds() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "openmls compares lifetimes with the machine's clock")]
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A folder of this test, removed with it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("vault-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The key of tests: theirs are in no danger.
pub(crate) fn key() -> DatabaseKey {
    DatabaseKey::from_bytes([7; 32])
}

pub(crate) fn vault(folder: &Folder) -> Vault {
    Vault::create(folder.path(), &Unlock::Key(&key())).unwrap()
}

pub(crate) fn message(sequence: u64, text: &str) -> NewMessage {
    NewMessage {
        conversation_id: CONVERSATION.to_owned(),
        sequence,
        message_id: format!("m{sequence}"),
        sender_user_id: "alice".to_owned(),
        sender_device_id: "phone".to_owned(),
        sent_ms: 1_000 * sequence,
        kind: "text".to_owned(),
        body: json!(text),
        text: Some(text.to_owned()),
        mentions: vec![],
    }
}

pub(crate) fn keep(vault: &mut Vault, messages: &[NewMessage]) {
    vault
        .write(|tx| {
            for message in messages {
                assert!(tx.keep(message)?);
            }
            Ok(())
        })
        .unwrap();
}
