//! The key of the database, and how it is kept.

use std::fmt;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::OpenError;

const KEY_BYTES: usize = 32;
const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = 24;
/// The version of the file.
const VERSION: u32 = 1;
/// The file, in the vault's folder.
const FILE: &str = "key.json";
/// A file that asks for more is none of ours: it would hold up the device.
const MEMORY_KIB_MAX: u32 = 1024 * 1024;
const PASSES_MAX: u32 = 32;
const FILE_BYTES_MAX: u64 = 4096;

/// The key that encrypts the database: 256 random bits, made once.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseKey(Zeroizing<[u8; KEY_BYTES]>);

impl DatabaseKey {
    /// A new one.
    pub fn generate() -> Result<Self, OpenError> {
        Ok(Self(Zeroizing::new(random()?)))
    }

    /// One that the platform has kept (a keychain, a keystore, a TPM).
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for the platform to keep.
    pub fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// As SQLCipher takes a key that it need not derive.
    pub(crate) fn pragma(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(3 + 2 * KEY_BYTES));
        text.push_str("x'");
        for byte in self.0.iter() {
            for nibble in [byte >> 4, byte & 15] {
                text.extend(char::from_digit(u32::from(nibble), 16));
            }
        }
        text.push('\'');
        text
    }
}

impl fmt::Debug for DatabaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseKey(…)")
    }
}

/// What opens a vault.
#[derive(Clone, Copy, Debug)]
pub enum Unlock<'a> {
    /// A passphrase: the key lies in the folder, wrapped by what Argon2id makes of it.
    Passphrase(&'a str),
    /// The key itself, which the platform keeps: nothing of it is in the folder.
    Key(&'a DatabaseKey),
}

/// How much work a passphrase costs, for whoever tries others too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyCost {
    /// Memory.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
}

impl Default for KeyCost {
    /// 64 MiB and three passes: RFC 9106's second choice, with one lane, since clients run on phones.
    fn default() -> Self {
        Self { memory_kib: 64 * 1024, passes: 3 }
    }
}

/// The wrapped key, as it lies in the folder.
#[derive(Serialize, Deserialize)]
struct KeyFile {
    version: u32,
    kdf: String,
    memory_kib: u32,
    passes: u32,
    salt: String,
    nonce: String,
    wrapped: String,
}

/// Keeps a key for later, wrapped by a passphrase. A file that was there is replaced as a whole.
pub(crate) fn wrap(folder: &Path, key: &DatabaseKey, passphrase: &str, cost: KeyCost) -> Result<(), OpenError> {
    let (salt, nonce): ([u8; SALT_BYTES], [u8; NONCE_BYTES]) = (random()?, random()?);
    let wrapping = derive(passphrase, &salt, cost)?;
    let payload = Payload { msg: key.as_bytes(), aad: &associated(cost, &salt) };
    let wrapped = XChaCha20Poly1305::new(&Key::from(*wrapping))
        .encrypt(&XNonce::from(nonce), payload)
        .map_err(|_| OpenError::KeyFile("it cannot be made"))?;
    let file = KeyFile {
        version: VERSION,
        kdf: "argon2id".to_owned(),
        memory_kib: cost.memory_kib,
        passes: cost.passes,
        salt: STANDARD.encode(salt),
        nonce: STANDARD.encode(nonce),
        wrapped: STANDARD.encode(wrapped),
    };
    let text = serde_json::to_vec_pretty(&file).map_err(|_| OpenError::KeyFile("it cannot be made"))?;
    let new = folder.join("key.json.new");
    let write = || -> std::io::Result<()> {
        let mut out = fs::File::create(&new)?;
        out.write_all(&text)?;
        out.sync_all()?;
        fs::rename(&new, folder.join(FILE))?;
        fs::File::open(folder)?.sync_all()
    };
    write().map_err(OpenError::Files)
}

/// The key that lies wrapped in a folder; `None` where there is none.
pub(crate) fn unwrap(folder: &Path, passphrase: &str) -> Result<Option<DatabaseKey>, OpenError> {
    let path = folder.join(FILE);
    let Ok(metadata) = fs::metadata(&path) else { return Ok(None) };
    if metadata.len() > FILE_BYTES_MAX {
        return Err(OpenError::KeyFile("it is too long"));
    }
    let text = fs::read(&path).map_err(OpenError::Files)?;
    let file: KeyFile = serde_json::from_slice(&text).map_err(|_| OpenError::KeyFile("it is not what was written"))?;
    if file.version != VERSION {
        return Err(OpenError::Newer { found: file.version, known: VERSION });
    }
    if file.kdf != "argon2id" || file.memory_kib > MEMORY_KIB_MAX || file.passes > PASSES_MAX {
        return Err(OpenError::KeyFile("its key derivation is not one of ours"));
    }
    let bytes = |text: &str| STANDARD.decode(text).map_err(|_| OpenError::KeyFile("it is not base64"));
    let length = |_| OpenError::KeyFile("a part has the wrong length");
    let salt: [u8; SALT_BYTES] = bytes(&file.salt)?.try_into().map_err(length)?;
    let nonce: [u8; NONCE_BYTES] = bytes(&file.nonce)?.try_into().map_err(length)?;
    let wrapped = bytes(&file.wrapped)?;
    let cost = KeyCost { memory_kib: file.memory_kib, passes: file.passes };
    let wrapping = derive(passphrase, &salt, cost)?;
    let payload = Payload { msg: &wrapped, aad: &associated(cost, &salt) };
    let key = Zeroizing::new(
        XChaCha20Poly1305::new(&Key::from(*wrapping))
            .decrypt(&XNonce::from(nonce), payload)
            .map_err(|_| OpenError::WrongKey)?,
    );
    let key: [u8; KEY_BYTES] =
        key.as_slice().try_into().map_err(|_| OpenError::KeyFile("a part has the wrong length"))?;
    Ok(Some(DatabaseKey::from_bytes(key)))
}

pub(crate) fn is_wrapped(folder: &Path) -> bool {
    folder.join(FILE).exists()
}

/// What the wrapping is bound to: nobody lowers the cost of a file and passes it off as it was.
fn associated(cost: KeyCost, salt: &[u8]) -> Vec<u8> {
    let mut bytes = b"tidings-vault-key".to_vec();
    bytes.extend(VERSION.to_be_bytes());
    bytes.extend(cost.memory_kib.to_be_bytes());
    bytes.extend(cost.passes.to_be_bytes());
    bytes.extend(salt);
    bytes
}

fn derive(passphrase: &str, salt: &[u8], cost: KeyCost) -> Result<Zeroizing<[u8; KEY_BYTES]>, OpenError> {
    let cannot = |_| OpenError::KeyFile("its key derivation is not one of ours");
    let params = Params::new(cost.memory_kib, cost.passes, 1, Some(KEY_BYTES)).map_err(cannot)?;
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, key.as_mut_slice())
        .map_err(cannot)?;
    Ok(key)
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], OpenError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| OpenError::Random)?;
    Ok(bytes)
}
