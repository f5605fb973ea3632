//! Backups: the history, under a recovery key.
//!
//! A backup has what was said, and nothing of MLS: two devices with the same keys would use them twice. Who restores one is
//! a new device with the old history.

use std::io::{Read, Write};

use aead_stream::{NewStream as _, StreamBE32, StreamPrimitive as _};
use chacha20poly1305::{Key, XChaCha20Poly1305};
use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::error::VaultError;
use crate::keys::random;
use crate::messages::{COLUMNS, Message, read};
use crate::recovery::RecoveryKey;
use crate::state::{Conversation, Verified};
use crate::vault::{Transaction, Vault};

/// The first bytes of a backup: what it is, and the version of its form.
const MAGIC: &[u8; 16] = b"TidingsBackup\0\0\x01";
const SALT_BYTES: usize = 32;
/// STREAM keeps five of the cipher's 24 bytes for the number of the chunk and whether it is the last.
const NONCE_BYTES: usize = 19;
const CHUNK_BYTES: usize = 64 * 1024;
const TAG_BYTES: usize = 16;
/// One row, as JSON.
const ROW_BYTES_MAX: usize = 1024 * 1024;

/// A backup cannot be made or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file is no backup.
    #[error("this is no backup")]
    NotABackup,
    /// It is of another version.
    #[error("the backup is of version {0}, which is not known")]
    Version(u8),
    /// The recovery key is another, or the file was damaged or cut off: which of these, nobody can tell.
    #[error("the recovery key is wrong, or the backup is damaged or cut off")]
    WrongKeyOrDamaged,
    /// What was decrypted is not what a backup has.
    #[error("the backup has a row that is none")]
    Malformed,
    /// It is larger than a backup can be.
    #[error("the backup is too large")]
    TooLarge,
    /// There is no randomness to make keys of.
    #[error("the system gives no random numbers")]
    Random,
    /// The file cannot be read or written.
    #[error("the file of the backup cannot be used")]
    File(#[from] std::io::Error),
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl From<rusqlite::Error> for BackupError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Vault(error.into())
    }
}

/// What was restored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Conversations.
    pub conversations: u64,
    /// Messages that were not there before.
    pub messages: u64,
    /// Users whose safety number had been compared.
    pub verified: u64,
}

/// A row of a backup, on a line of its own.
#[derive(Serialize, Deserialize)]
#[serde(tag = "row", rename_all = "camelCase")]
enum Line {
    #[serde(rename_all = "camelCase")]
    Conversation { id: String, title: Option<String>, cursor: u64, read_up_to: u64 },
    #[serde(rename_all = "camelCase")]
    Message {
        conversation_id: String,
        sequence: u64,
        message_id: String,
        sender_user_id: String,
        sender_device_id: String,
        sent_ms: u64,
        kind: String,
        body: serde_json::Value,
        text: Option<String>,
        mentions: Vec<String>,
    },
    #[serde(rename_all = "camelCase")]
    Verified { user_id: String, safety_number: String, verified_ms: u64 },
}

impl Vault {
    /// Writes the history, encrypted under a recovery key.
    pub fn back_up(&self, key: &RecoveryKey, out: &mut dyn Write) -> Result<(), BackupError> {
        // One view of the database, whatever is written meanwhile.
        let _view = self.database.unchecked_transaction()?;
        let salt: [u8; SALT_BYTES] = random().map_err(|_| BackupError::Random)?;
        out.write_all(MAGIC)?;
        out.write_all(&salt)?;
        let mut sealer = Sealer { stream: stream(key, &salt), position: 0, held: Zeroizing::new(Vec::new()), out };
        for Conversation { id, title, cursor, read_up_to, .. } in self.conversations()? {
            sealer.row(&Line::Conversation { id, title, cursor, read_up_to })?;
        }
        let sql = format!("SELECT {COLUMNS} FROM messages ORDER BY messages.row");
        let mut select = self.database.prepare(&sql).map_err(VaultError::from)?;
        let mut rows = select.query([]).map_err(VaultError::from)?;
        while let Some(row) = rows.next().map_err(VaultError::from)? {
            sealer.row(&line(read(row)?))?;
        }
        for Verified { user_id, safety_number, verified_ms } in self.verified()? {
            sealer.row(&Line::Verified { user_id, safety_number, verified_ms })?;
        }
        sealer.finish()
    }

    /// Takes in the history of a backup, all or nothing. What is kept already stays as it is.
    pub fn restore(&mut self, key: &RecoveryKey, input: &mut dyn Read) -> Result<Restored, BackupError> {
        let mut magic = [0; MAGIC.len()];
        let mut salt = [0; SALT_BYTES];
        input.read_exact(&mut magic).map_err(|_| BackupError::NotABackup)?;
        let version_at = MAGIC.len() - 1;
        if magic[..version_at] != MAGIC[..version_at] {
            return Err(BackupError::NotABackup);
        }
        if magic != *MAGIC {
            return Err(BackupError::Version(magic[version_at]));
        }
        input.read_exact(&mut salt).map_err(|_| BackupError::WrongKeyOrDamaged)?;
        let stream = stream(key, &salt);
        let inner = self.database.transaction().map_err(VaultError::from)?;
        let transaction = Transaction { inner };
        let mut restored = Restored::default();
        let mut held: Zeroizing<Vec<u8>> = Zeroizing::new(Vec::new());
        let mut chunk = read_chunk(input)?;
        for position in 0u32.. {
            let next = if chunk.len() == CHUNK_BYTES + TAG_BYTES { read_chunk(input)? } else { Vec::new() };
            let is_last = next.is_empty();
            let plain =
                stream.decrypt(position, is_last, chunk.as_slice()).map_err(|_| BackupError::WrongKeyOrDamaged)?;
            held.extend_from_slice(&Zeroizing::new(plain));
            take_rows(&transaction, &mut held, &mut restored)?;
            if is_last {
                break;
            }
            if position == u32::MAX {
                return Err(BackupError::TooLarge);
            }
            chunk = next;
        }
        if !held.is_empty() {
            return Err(BackupError::Malformed);
        }
        transaction.inner.commit().map_err(VaultError::from)?;
        Ok(restored)
    }
}

/// The cipher of one backup: its key and nonce are of the recovery key and a salt that no other backup has.
fn stream(key: &RecoveryKey, salt: &[u8; SALT_BYTES]) -> StreamBE32<XChaCha20Poly1305> {
    let mut bytes = Zeroizing::new([0; 32 + NONCE_BYTES]);
    // 51 bytes are within what HKDF gives: this cannot fail, and a key of zeros would open nothing.
    let expanded = Hkdf::<Sha256>::new(Some(salt), key.as_bytes()).expand(MAGIC, bytes.as_mut_slice());
    debug_assert!(expanded.is_ok());
    let mut cipher_key = Zeroizing::new([0; 32]);
    let mut nonce = [0; NONCE_BYTES];
    cipher_key.copy_from_slice(&bytes[..32]);
    nonce.copy_from_slice(&bytes[32..]);
    StreamBE32::new(&Key::from(*cipher_key), &nonce.into())
}

struct Sealer<'a> {
    stream: StreamBE32<XChaCha20Poly1305>,
    position: u32,
    held: Zeroizing<Vec<u8>>,
    out: &'a mut dyn Write,
}

impl Sealer<'_> {
    fn row(&mut self, row: &Line) -> Result<(), BackupError> {
        serde_json::to_writer(&mut *self.held, row).map_err(|_| BackupError::Malformed)?;
        self.held.push(b'\n');
        // The last chunk is sealed as such, and is never empty but in an empty backup.
        while self.held.len() > CHUNK_BYTES {
            let chunk = Zeroizing::new(self.held.drain(..CHUNK_BYTES).collect::<Vec<u8>>());
            self.seal(&chunk, false)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), BackupError> {
        let chunk = std::mem::replace(&mut self.held, Zeroizing::new(Vec::new()));
        self.seal(&chunk, true)?;
        Ok(self.out.flush()?)
    }

    fn seal(&mut self, chunk: &[u8], is_last: bool) -> Result<(), BackupError> {
        let sealed = self.stream.encrypt(self.position, is_last, chunk).map_err(|_| BackupError::TooLarge)?;
        self.position = self.position.checked_add(1).ok_or(BackupError::TooLarge)?;
        Ok(self.out.write_all(&sealed)?)
    }
}

fn read_chunk(input: &mut dyn Read) -> Result<Vec<u8>, BackupError> {
    let mut chunk = Vec::with_capacity(CHUNK_BYTES + TAG_BYTES);
    input.take((CHUNK_BYTES + TAG_BYTES) as u64).read_to_end(&mut chunk)?;
    Ok(chunk)
}

fn take_rows(
    transaction: &Transaction<'_>,
    held: &mut Zeroizing<Vec<u8>>,
    restored: &mut Restored,
) -> Result<(), BackupError> {
    let end = held.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    for line in held[..end].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let row: Line = serde_json::from_slice(line).map_err(|_| BackupError::Malformed)?;
        match row {
            Line::Conversation { id, title, cursor, read_up_to } => {
                transaction.set_cursor(&id, cursor)?;
                transaction.set_read(&id, read_up_to)?;
                if title.is_some() {
                    transaction.set_title(&id, title.as_deref())?;
                }
                restored.conversations += 1;
            }
            Line::Verified { user_id, safety_number, verified_ms } => {
                transaction.verify(&user_id, &safety_number, verified_ms)?;
                restored.verified += 1;
            }
            message @ Line::Message { .. } => {
                let Some(message) = message_of(message) else { return Err(BackupError::Malformed) };
                restored.messages += u64::from(transaction.keep(&message)?);
            }
        }
    }
    held.drain(..end);
    if held.len() > ROW_BYTES_MAX { Err(BackupError::Malformed) } else { Ok(()) }
}

fn line(message: Message) -> Line {
    Line::Message {
        conversation_id: message.conversation_id,
        sequence: message.sequence,
        message_id: message.message_id,
        sender_user_id: message.sender_user_id,
        sender_device_id: message.sender_device_id,
        sent_ms: message.sent_ms,
        kind: message.kind,
        body: message.body,
        text: message.text,
        mentions: message.mentions,
    }
}

fn message_of(line: Line) -> Option<Message> {
    let Line::Message {
        conversation_id,
        sequence,
        message_id,
        sender_user_id,
        sender_device_id,
        sent_ms,
        kind,
        body,
        text,
        mentions,
    } = line
    else {
        return None;
    };
    let message = Message {
        conversation_id,
        sequence,
        message_id,
        sender_user_id,
        sender_device_id,
        sent_ms,
        kind,
        body,
        text,
        mentions,
    };
    Some(message)
}
