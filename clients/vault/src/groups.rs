//! What keeping groups takes besides the state of MLS: entries that cannot be read yet, the devices of users, and who asked
//! to be added anew.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{OptionalExtension as _, params};
use tidings_mls::{Device, IdentityKey};

use crate::error::VaultError;
use crate::messages::{number, of_number};
use crate::vault::{Transaction, Vault};

/// Entries of a conversation that are held at most: more is as if the device had joined after the oldest.
const HELD_MAX: i64 = 10_000;

/// The devices of a user, as the directory last said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceSet {
    /// Its version.
    pub version: u64,
    /// The devices, and what they sign with.
    pub devices: BTreeMap<Device, IdentityKey>,
}

/// An entry that cannot be read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its number.
    pub sequence: u64,
    /// The entry, as JSON.
    pub entry: String,
}

impl Transaction<'_> {
    /// Holds an entry until it can be read. The oldest make place where there are too many.
    pub fn hold(&self, conversation_id: &str, held: &Held) -> Result<(), VaultError> {
        let sql = "INSERT OR IGNORE INTO held (conversation_id, sequence, entry) VALUES (?1, ?2, ?3)";
        self.inner.execute(sql, params![conversation_id, number(held.sequence), held.entry])?;
        let sql = "DELETE FROM held WHERE conversation_id = ?1 AND sequence <=
                   (SELECT sequence FROM held WHERE conversation_id = ?1 ORDER BY sequence DESC LIMIT 1 OFFSET ?2)";
        self.inner.execute(sql, params![conversation_id, HELD_MAX])?;
        Ok(())
    }

    /// Takes out what is held of a conversation, in order.
    pub fn take_held(&self, conversation_id: &str) -> Result<Vec<Held>, VaultError> {
        let mut select = self
            .inner
            .prepare_cached("SELECT sequence, entry FROM held WHERE conversation_id = ?1 ORDER BY sequence")?;
        let rows = select.query_map(params![conversation_id], |row| {
            Ok(Held { sequence: of_number(row.get(0)?), entry: row.get(1)? })
        })?;
        let held = rows.collect::<Result<Vec<_>, _>>()?;
        self.inner.execute("DELETE FROM held WHERE conversation_id = ?1", params![conversation_id])?;
        Ok(held)
    }

    /// Keeps what the directory says of a user's devices, in place of what it said before.
    pub fn set_devices(&self, user_id: &str, set: &DeviceSet) -> Result<(), VaultError> {
        self.inner.execute("DELETE FROM device_sets WHERE user_id = ?1", params![user_id])?;
        let sql = "INSERT INTO device_sets (user_id, version) VALUES (?1, ?2)";
        self.inner.execute(sql, params![user_id, number(set.version)])?;
        let sql = "INSERT INTO devices (user_id, device_id, identity_key) VALUES (?1, ?2, ?3)";
        let mut insert = self.inner.prepare_cached(sql)?;
        for (device, key) in &set.devices {
            insert.execute(params![user_id, device.device_id(), key.as_bytes()])?;
        }
        Ok(())
    }

    /// A device has asked to be added to a group anew.
    pub fn want_rejoin(&self, conversation_id: &str, device: &Device) -> Result<(), VaultError> {
        let sql = "INSERT OR IGNORE INTO rejoins (conversation_id, user_id, device_id) VALUES (?1, ?2, ?3)";
        self.inner.execute(sql, params![conversation_id, device.user_id(), device.device_id()])?;
        Ok(())
    }

    /// It was added, or does not have to be.
    pub fn rejoined(&self, conversation_id: &str, device: &Device) -> Result<(), VaultError> {
        let sql = "DELETE FROM rejoins WHERE conversation_id = ?1 AND user_id = ?2 AND device_id = ?3";
        self.inner.execute(sql, params![conversation_id, device.user_id(), device.device_id()])?;
        Ok(())
    }
}

impl Vault {
    /// How many entries of each conversation are held.
    pub fn held(&self) -> Result<BTreeMap<String, u64>, VaultError> {
        let mut select =
            self.database.prepare_cached("SELECT conversation_id, count(*) FROM held GROUP BY conversation_id")?;
        let rows = select.query_map([], |row| Ok((row.get(0)?, of_number(row.get(1)?))))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The devices of a user, if the directory was ever asked.
    pub fn devices(&self, user_id: &str) -> Result<Option<DeviceSet>, VaultError> {
        let version: Option<i64> = self
            .database
            .query_row("SELECT version FROM device_sets WHERE user_id = ?1", params![user_id], |row| row.get(0))
            .optional()?;
        let Some(version) = version else { return Ok(None) };
        let mut select =
            self.database.prepare_cached("SELECT device_id, identity_key FROM devices WHERE user_id = ?1")?;
        let mut rows = select.query(params![user_id])?;
        let mut set = DeviceSet { version: of_number(version), devices: BTreeMap::new() };
        while let Some(row) = rows.next()? {
            let (name, key): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
            let device = Device::new(user_id, &name).map_err(|_| VaultError::Malformed("devices"))?;
            set.devices.insert(device, IdentityKey::from_bytes(&key).ok_or(VaultError::Malformed("devices"))?);
        }
        Ok(Some(set))
    }

    /// Who has asked to be added to a group anew.
    pub fn rejoins(&self, conversation_id: &str) -> Result<BTreeSet<Device>, VaultError> {
        let mut select =
            self.database.prepare_cached("SELECT user_id, device_id FROM rejoins WHERE conversation_id = ?1")?;
        let mut rows = select.query(params![conversation_id])?;
        let mut devices = BTreeSet::new();
        while let Some(row) = rows.next()? {
            let (user, device): (String, String) = (row.get(0)?, row.get(1)?);
            devices.insert(Device::new(&user, &device).map_err(|_| VaultError::Malformed("rejoins"))?);
        }
        Ok(devices)
    }
}
