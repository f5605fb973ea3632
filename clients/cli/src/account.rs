//! Where the vaults of devices are, and what opens them.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use tidings_secure::{DatabaseKey, Unlock};
use uuid::Uuid;

use crate::failure::{Failure, Result};

const KEY_FILE: &str = "key";

/// The folder of the system for what a program keeps.
pub(crate) fn data_folder() -> Result<PathBuf> {
    let folder = std::env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute())
        .or_else(|| std::env::home_dir().map(|home| home.join(".local/share")));
    let folder = folder.ok_or_else(|| Failure::new("there is no home folder").with_help("give one with --vaults"))?;
    Ok(folder.join("tidings/vaults"))
}

/// The folder of one device: of this service, user and name. A service that was set up anew has another address.
pub(crate) fn folder(vaults: &Path, ws_url: &str, user: &str, device: &str) -> PathBuf {
    let service = Uuid::new_v5(&Uuid::NAMESPACE_URL, ws_url.as_bytes()).simple().to_string();
    vaults.join(service).join(user).join(device.replace(':', "_"))
}

/// What opens a vault.
pub(crate) enum Unlocking {
    Passphrase(String),
    Key(DatabaseKey),
}

impl Unlocking {
    /// The passphrase, or the key that lies in the folder; it is made there where there is none.
    pub(crate) fn of(folder: &Path, passphrase: Option<&str>) -> Result<Self> {
        match passphrase {
            Some(passphrase) => Ok(Self::Passphrase(passphrase.to_owned())),
            None => Ok(Self::Key(key_in(folder)?)),
        }
    }

    pub(crate) fn get(&self) -> Unlock<'_> {
        match self {
            Self::Passphrase(passphrase) => Unlock::Passphrase(passphrase),
            Self::Key(key) => Unlock::Key(key),
        }
    }
}

fn key_in(folder: &Path) -> Result<DatabaseKey> {
    let path = folder.join(KEY_FILE);
    let failed = |error: &dyn std::fmt::Display| Failure::new(format!("{} cannot be used: {error}", path.display()));
    match fs::read(&path) {
        Ok(bytes) => {
            let bytes = bytes.try_into().map_err(|_| failed(&"it is no key"))?;
            return Ok(DatabaseKey::from_bytes(bytes));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(&error)),
    }
    let key = DatabaseKey::generate().map_err(|error| failed(&error))?;
    fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    // It is there before the vault is, whole, and for nobody else to read.
    let part = folder.join(format!("{KEY_FILE}.part"));
    let written = private(&part).and_then(|mut file| {
        file.write_all(key.as_bytes())?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&part, &path)).map_err(|error| failed(&error))?;
    Ok(key)
}

fn private(path: &Path) -> std::io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_is_nobody_elses() {
        use std::os::unix::fs::PermissionsExt as _;
        let root = std::env::temp_dir().join(format!("tidings-account-{}", std::process::id()));
        let folder = folder(&root, "ws://a", "alice", "cli:desk");
        assert!(folder.ends_with("alice/cli_desk"));
        let first = key_in(&folder).unwrap();
        assert_eq!(key_in(&folder).unwrap().as_bytes(), first.as_bytes());
        let mode = fs::metadata(folder.join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_ne!(folder, super::folder(&root, "ws://b", "alice", "cli:desk"));
        fs::write(folder.join(KEY_FILE), "short").unwrap();
        assert!(key_in(&folder).unwrap_err().to_string().contains("it is no key"));
        fs::remove_dir_all(&root).unwrap();
    }
}
