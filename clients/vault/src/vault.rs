//! The database: opened, read, and written in transactions.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, TransactionBehavior, params};
use tidings_mls::{Store, StoreError};

use crate::error::{OpenError, VaultError};
use crate::keys::{self, DatabaseKey, KeyCost, Unlock};
use crate::schema;

/// The database, in the folder.
const FILE: &str = "vault.db";
/// How long another process of the same user may hold the database.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// A client's store: a folder with an encrypted database.
#[derive(Debug)]
pub struct Vault {
    pub(crate) database: Connection,
    folder: PathBuf,
    key: DatabaseKey,
}

impl Vault {
    /// Makes a vault in a folder that has none.
    pub fn create(folder: &Path, unlock: &Unlock<'_>) -> Result<Self, OpenError> {
        Self::create_at_cost(folder, unlock, KeyCost::default())
    }

    /// The same, with another cost of trying passphrases.
    pub fn create_at_cost(folder: &Path, unlock: &Unlock<'_>, cost: KeyCost) -> Result<Self, OpenError> {
        if folder.join(FILE).exists() || keys::is_wrapped(folder) {
            return Err(OpenError::Exists(folder.to_owned()));
        }
        fs::create_dir_all(folder).map_err(OpenError::Files)?;
        let key = match unlock {
            Unlock::Key(key) => (*key).clone(),
            Unlock::Passphrase(passphrase) => {
                let key = DatabaseKey::generate()?;
                // The key is safe before there is anything that it opens.
                keys::wrap(folder, &key, passphrase, cost)?;
                key
            }
        };
        Self::connect(folder, key, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)
    }

    /// Opens a vault.
    pub fn open(folder: &Path, unlock: &Unlock<'_>) -> Result<Self, OpenError> {
        let is_wrapped = keys::is_wrapped(folder);
        if !is_wrapped && !folder.join(FILE).exists() {
            return Err(OpenError::Missing(folder.to_owned()));
        }
        let key = match unlock {
            Unlock::Passphrase(passphrase) => {
                keys::unwrap(folder, passphrase)?.ok_or(OpenError::OtherUnlock("a key of the platform"))?
            }
            Unlock::Key(_) if is_wrapped => return Err(OpenError::OtherUnlock("a passphrase")),
            Unlock::Key(key) => (*key).clone(),
        };
        // Made anew where a crash came between the key and the database: there was nothing in it yet.
        let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
        if is_wrapped && !folder.join(FILE).exists() {
            flags |= OpenFlags::SQLITE_OPEN_CREATE;
        }
        Self::connect(folder, key, flags)
    }

    fn connect(folder: &Path, key: DatabaseKey, flags: OpenFlags) -> Result<Self, OpenError> {
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut database = Connection::open_with_flags(folder.join(FILE), flags).map_err(OpenError::Database)?;
        unlock(&database, &key).map_err(|error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => OpenError::WrongKey,
            _ => OpenError::Database(error),
        })?;
        schema::migrate(&mut database)?;
        Ok(Self { database, folder: folder.to_owned(), key })
    }

    /// Wraps the key by another passphrase. What was copied of the folder before is still opened by the old one.
    pub fn change_passphrase(&self, passphrase: &str) -> Result<(), OpenError> {
        if !keys::is_wrapped(&self.folder) {
            return Err(OpenError::OtherUnlock("a key of the platform"));
        }
        keys::wrap(&self.folder, &self.key, passphrase, KeyCost::default())
    }

    /// Writes, all or nothing. When this has answered, it is durable.
    pub fn write<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> Result<T, VaultError>) -> Result<T, VaultError> {
        let inner = self.database.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let transaction = Transaction { inner };
        let value = work(&transaction)?;
        transaction.inner.commit()?;
        Ok(value)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

fn unlock(database: &Connection, key: &DatabaseKey) -> Result<(), rusqlite::Error> {
    database.busy_timeout(BUSY_TIMEOUT)?;
    database.pragma_update(None, "key", key.pragma().as_str())?;
    // The first read: with another key, the file is no database.
    database.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    // A transaction that was answered for survives a power cut: keys that it used must not be used again.
    database.pragma_update(None, "synchronous", "FULL")?;
    database.pragma_update(None, "foreign_keys", true)?;
    database.pragma_update(None, "secure_delete", true)?;
    database.pragma_update(None, "temp_store", "MEMORY")
}

/// A write in the making. It is a [`Store`] for MLS, too.
#[derive(Debug)]
pub struct Transaction<'a> {
    pub(crate) inner: rusqlite::Transaction<'a>,
}

impl Store for Transaction<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        read(&self.inner, key)
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let put = || {
            let mut put = self.inner.prepare_cached("INSERT OR REPLACE INTO mls (key, value) VALUES (?1, ?2)")?;
            put.execute(params![key, value])
        };
        put().map(drop).map_err(|error| StoreError::Backend(error.into()))
    }

    fn delete(&self, key: &[u8]) -> Result<(), StoreError> {
        let delete = || self.inner.prepare_cached("DELETE FROM mls WHERE key = ?1")?.execute(params![key]);
        delete().map(drop).map_err(|error| StoreError::Backend(error.into()))
    }
}

fn read(database: &Connection, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    let read = || {
        let mut get = database.prepare_cached("SELECT value FROM mls WHERE key = ?1")?;
        get.query_row(params![key], |row| row.get(0)).optional()
    };
    read().map_err(|error| StoreError::Backend(error.into()))
}
