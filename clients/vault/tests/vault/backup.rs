//! Backups: what was said comes back, under the one key, whole or not at all.

use tidings_vault::{BackupError, Query, RecoveryKey, Restored, Vault, VaultError};

use crate::support::{CONVERSATION, Folder, keep, message, vault};

fn filled(folder: &Folder, messages: u64) -> Vault {
    let mut vault = vault(folder);
    let all: Vec<_> =
        (1..=messages).map(|number| message(number, &format!("{number} {}", "words ".repeat(50)))).collect();
    keep(&mut vault, &all);
    vault
        .write(|tx| {
            tidings_mls::Store::put(tx, b"secret state", b"of MLS").map_err(VaultError::other)?;
            tx.set_cursor(CONVERSATION, messages)?;
            tx.set_title(CONVERSATION, Some("Crew"))?;
            tx.verify("bob", "1234", 5)
        })
        .unwrap();
    vault
}

fn back_up(vault: &Vault, key: &RecoveryKey) -> Vec<u8> {
    let mut file = Vec::new();
    vault.back_up(key, &mut file).unwrap();
    file
}

#[test]
fn a_backup_brings_back_the_history_and_no_keys() {
    let (from, to) = (Folder::new(), Folder::new());
    let source = filled(&from, 800);
    let key = RecoveryKey::generate().unwrap();
    let file = back_up(&source, &key);
    assert!(file.len() > 4 * 64 * 1024, "several chunks: {}", file.len());
    let typed = RecoveryKey::parse(&key.reveal()).unwrap();
    let mut target = vault(&to);
    // What is there already stays.
    keep(&mut target, &[message(3, "newer")]);
    let restored = target.restore(&typed, &mut file.as_slice()).unwrap();
    assert_eq!(restored, Restored { conversations: 1, messages: 799, verified: 1 });
    let ours = source.messages(CONVERSATION, u64::MAX, 1000).unwrap();
    let theirs = target.messages(CONVERSATION, u64::MAX, 1000).unwrap();
    assert_eq!((ours.len(), theirs.len()), (800, 800));
    assert!(ours.iter().zip(&theirs).all(|(one, other)| one == other || one.sequence == 3));
    assert_eq!(source.conversations().unwrap(), target.conversations().unwrap());
    assert_eq!(source.verified().unwrap(), target.verified().unwrap());
    let query = Query { text: "800 words".to_owned(), ..Query::default() };
    assert_eq!(target.search(&query, 9).unwrap().len(), 1);
    target
        .write(|tx| {
            assert_eq!(tidings_mls::Store::get(tx, b"secret state").map_err(VaultError::other)?, None);
            Ok(())
        })
        .unwrap();
    // Once more changes nothing.
    assert_eq!(target.restore(&key, &mut file.as_slice()).unwrap().messages, 0);
}

#[test]
fn another_key_and_every_damage_are_refused() {
    let (from, to) = (Folder::new(), Folder::new());
    let source = filled(&from, 500);
    let key = RecoveryKey::generate().unwrap();
    let file = back_up(&source, &key);
    let mut target = vault(&to);
    let mut restore = |key: &RecoveryKey, file: &[u8]| target.restore(key, &mut &*file);
    let other = RecoveryKey::generate().unwrap();
    assert!(matches!(restore(&other, &file), Err(BackupError::WrongKeyOrDamaged)));
    let chunk = 64 * 1024 + 16;
    let header = 16 + 32;
    // Cut off anywhere, at the borders of chunks too.
    for end in [header, header + 100, header + chunk, header + chunk + 1, header + 2 * chunk, file.len() - 1] {
        assert!(matches!(restore(&key, &file[..end]), Err(BackupError::WrongKeyOrDamaged)), "{end}");
    }
    let mut longer = file.clone();
    longer.push(0);
    assert!(restore(&key, &longer).is_err());
    for at in [20, header, header + chunk + 5, file.len() - 1] {
        let mut damaged = file.clone();
        damaged[at] ^= 1;
        assert!(matches!(restore(&key, &damaged), Err(BackupError::WrongKeyOrDamaged)), "{at}");
    }
    // Two chunks that changed places.
    let mut swapped = file.clone();
    swapped[header..header + 2 * chunk].rotate_left(chunk);
    assert!(matches!(restore(&key, &swapped), Err(BackupError::WrongKeyOrDamaged)));
    for (at, what) in [(0, "magic"), (15, "version")] {
        let mut other = file.clone();
        other[at] ^= 2;
        let error = restore(&key, &other).unwrap_err();
        let expected = if what == "magic" {
            matches!(error, BackupError::NotABackup)
        } else {
            matches!(error, BackupError::Version(3))
        };
        assert!(expected, "{error:?}");
    }
    assert!(matches!(restore(&key, b"short"), Err(BackupError::NotABackup)));
    // None of these has left anything.
    assert!(target.messages(CONVERSATION, u64::MAX, 9).unwrap().is_empty());
}

#[test]
fn a_backup_shows_nothing() {
    let folder = Folder::new();
    let source = filled(&folder, 20);
    let key = RecoveryKey::generate().unwrap();
    let (one, other) = (back_up(&source, &key), back_up(&source, &key));
    for needle in ["words", "alice", "Crew", "messageId"] {
        assert!(!one.windows(needle.len()).any(|window| window == needle.as_bytes()), "{needle}");
    }
    assert_ne!(one[16..], other[16..], "two backups are under different keys");
    // An empty vault, too.
    let empty = Folder::new();
    let mut nothing = vault(&empty);
    let file = back_up(&nothing, &key);
    assert_eq!(nothing.restore(&key, &mut file.as_slice()).unwrap(), Restored::default());
}
