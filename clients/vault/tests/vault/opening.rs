//! Keys and passphrases.

use std::fs;

use tidings_vault::{DatabaseKey, KeyCost, OpenError, Unlock, Vault};

use crate::support::{Folder, keep, key, message, vault};

/// As little work as Argon2 does: the default takes long in an unoptimised build.
const CHEAP: KeyCost = KeyCost { memory_kib: 64, passes: 1 };

#[test]
fn a_passphrase_opens_and_another_does_not() {
    let folder = Folder::new();
    let home = folder.path().join("v");
    let right = Unlock::Passphrase("correct horse");
    keep(&mut Vault::create_at_cost(&home, &right, CHEAP).unwrap(), &[message(1, "kept")]);
    assert!(matches!(Vault::create_at_cost(&home, &right, CHEAP), Err(OpenError::Exists(_))));
    assert!(matches!(Vault::open(&home, &Unlock::Passphrase("correct hors")), Err(OpenError::WrongKey)));
    assert!(matches!(Vault::open(&home, &Unlock::Key(&key())), Err(OpenError::OtherUnlock("a passphrase"))));
    let vault = Vault::open(&home, &right).unwrap();
    assert_eq!(vault.messages(crate::support::CONVERSATION, u64::MAX, 10).unwrap().len(), 1);
    vault.change_passphrase("battery staple").unwrap();
    drop(vault);
    assert!(matches!(Vault::open(&home, &right), Err(OpenError::WrongKey)));
    assert!(Vault::open(&home, &Unlock::Passphrase("battery staple")).is_ok());
}

#[test]
fn a_key_of_the_platform_opens_and_another_does_not() {
    let folder = Folder::new();
    drop(vault(&folder));
    let other = DatabaseKey::generate().unwrap();
    assert!(matches!(Vault::open(folder.path(), &Unlock::Key(&other)), Err(OpenError::WrongKey)));
    assert!(matches!(Vault::open(folder.path(), &Unlock::Passphrase("x")), Err(OpenError::OtherUnlock(_))));
    let vault = Vault::open(folder.path(), &Unlock::Key(&key())).unwrap();
    assert!(matches!(vault.change_passphrase("x"), Err(OpenError::OtherUnlock(_))));
    let empty = folder.path().join("nothing");
    assert!(matches!(Vault::open(&empty, &Unlock::Key(&key())), Err(OpenError::Missing(_))));
    assert!(!format!("{:?}", key()).contains('7'));
}

#[test]
fn a_key_file_that_was_tampered_with_is_refused() {
    let folder = Folder::new();
    let home = folder.path().join("v");
    let right = Unlock::Passphrase("correct horse");
    drop(Vault::create_at_cost(&home, &right, CHEAP).unwrap());
    let file = home.join("key.json");
    let good = fs::read_to_string(&file).unwrap();
    let open = |text: &str| {
        fs::write(&file, text).unwrap();
        Vault::open(&home, &right)
    };
    // Another cost is another key, and one without end is not tried.
    assert!(matches!(open(&good.replace("\"passes\": 1", "\"passes\": 2")), Err(OpenError::WrongKey)));
    assert!(matches!(open(&good.replace("\"passes\": 1", "\"passes\": 4000000")), Err(OpenError::KeyFile(_))));
    assert!(matches!(open(&good.replace("\"memory_kib\": 64", "\"memory_kib\": 0")), Err(OpenError::KeyFile(_))));
    assert!(matches!(open(&good.replace("\"version\": 1", "\"version\": 2")), Err(OpenError::Newer { .. })));
    assert!(matches!(open(&good.replace("\"salt\": \"", "\"salt\": \"AA")), Err(OpenError::KeyFile(_))));
    for text in ["", "{}", "null", &"x".repeat(5000)] {
        assert!(matches!(open(text), Err(OpenError::KeyFile(_))), "{text}");
    }
    assert!(open(&good).is_ok());
}

#[test]
fn a_database_that_is_damaged_is_refused() {
    let folder = Folder::new();
    let mut first = vault(&folder);
    keep(&mut first, &[message(1, "kept")]);
    drop(first);
    let file = folder.path().join("vault.db");
    let good = fs::read(&file).unwrap();
    let open = || Vault::open(folder.path(), &Unlock::Key(&key()));
    let mut bad = good.clone();
    bad[100] ^= 1;
    fs::write(&file, &bad).unwrap();
    assert!(matches!(open(), Err(OpenError::WrongKey)));
    fs::write(&file, &good[..good.len().min(1000)]).unwrap();
    assert!(matches!(open(), Err(OpenError::WrongKey)));
    fs::write(&file, &good).unwrap();
    assert!(open().is_ok());
}
