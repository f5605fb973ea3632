//! Messages, the outbox, cursors: what is written is read, once, or not at all.

use serde_json::json;
use tidings_vault::{Outgoing, Unlock, Vault, VaultError};

use crate::support::{CONVERSATION, Folder, keep, key, message, vault};

#[test]
fn messages_are_kept_once_edited_and_forgotten() {
    let folder = Folder::new();
    let mut vault = vault(&folder);
    let mut second = message(2, "two");
    second.mentions = vec!["bob".to_owned(), "carol".to_owned()];
    second.kind = "image".to_owned();
    second.body = json!({"caption": "ü", "media": [1, null]});
    keep(&mut vault, &[message(1, "one"), second.clone(), message(3, "three")]);
    // Delivered twice: the first stays.
    assert!(!vault.write(|tx| tx.keep(&message(2, "other"))).unwrap());
    let page = |vault: &Vault, before, limit| vault.messages(CONVERSATION, before, limit).unwrap();
    assert_eq!(page(&vault, u64::MAX, 2), [message(3, "three"), second.clone()]);
    assert_eq!(page(&vault, 2, 9), [message(1, "one")]);
    assert!(vault.messages("g:other", u64::MAX, 9).unwrap().is_empty());
    vault
        .write(|tx| {
            assert!(tx.edit(CONVERSATION, 1, &json!("uno"), Some("uno"))?);
            assert!(!tx.edit(CONVERSATION, 9, &json!(""), None)?);
            assert!(tx.forget(CONVERSATION, 2)?);
            assert!(!tx.forget(CONVERSATION, 2)?);
            Ok(())
        })
        .unwrap();
    drop(vault);
    let vault = Vault::open(folder.path(), &Unlock::Key(&key())).unwrap();
    let texts: Vec<_> = page(&vault, u64::MAX, 9).into_iter().map(|message| message.body).collect();
    assert_eq!(texts, [json!("three"), json!("uno")]);
}

#[test]
fn a_transaction_is_all_or_nothing() {
    let folder = Folder::new();
    let mut vault = vault(&folder);
    let failed: Result<(), VaultError> = vault.write(|tx| {
        tidings_mls::Store::put(tx, b"state", b"new").map_err(VaultError::other)?;
        tx.keep(&message(1, "one"))?;
        tx.queue(&Outgoing::message(CONVERSATION, "m1", "AAAA", 1))?;
        tx.set_cursor(CONVERSATION, 5)?;
        Err(VaultError::Field("any"))
    });
    assert!(failed.is_err());
    assert!(vault.outbox().unwrap().is_empty() && vault.conversations().unwrap().is_empty());
    assert!(vault.messages(CONVERSATION, u64::MAX, 9).unwrap().is_empty());
    vault
        .write(|tx| {
            assert_eq!(tidings_mls::Store::get(tx, b"state").map_err(VaultError::other)?, None);
            Ok(())
        })
        .unwrap();
}

#[test]
fn the_outbox_keeps_its_order_and_takes_nothing_twice() {
    let folder = Folder::new();
    let mut vault = vault(&folder);
    let mut commit = Outgoing::message(CONVERSATION, "c1", "BBBB", 3);
    commit.is_commit = true;
    commit.body = Some("{}".to_owned());
    let first = Outgoing::message(CONVERSATION, "m1", "AAAA", 2);
    vault.write(|tx| tx.queue(&first).and_then(|()| tx.queue(&commit))).unwrap();
    let again = Outgoing { body: Some("{}".to_owned()), ..first.clone() };
    assert!(matches!(vault.write(|tx| tx.queue(&again)), Err(VaultError::Database(_))));
    assert_eq!(vault.outbox().unwrap(), [first.clone(), commit.clone()]);
    assert_eq!(vault.write(|tx| tx.unqueue(CONVERSATION, "m1")).unwrap(), Some(first));
    assert_eq!(vault.write(|tx| tx.unqueue(CONVERSATION, "m1")).unwrap(), None);
    assert_eq!(vault.outbox().unwrap(), [commit]);
}

#[test]
fn cursors_rise_and_identities_are_remembered() {
    let folder = Folder::new();
    let mut vault = vault(&folder);
    vault
        .write(|tx| {
            tx.set_cursor(CONVERSATION, 7)?;
            tx.set_cursor(CONVERSATION, 5)?;
            tx.set_read(CONVERSATION, 3)?;
            tx.set_title(CONVERSATION, Some("Crew"))?;
            assert_eq!((tx.cursor(CONVERSATION)?, tx.cursor("g:none")?), (7, 0));
            tx.verify("bob", "12345", 9)?;
            tx.verify("carol", "67890", 9)?;
            tx.unverify("carol")
        })
        .unwrap();
    let conversations = vault.conversations().unwrap();
    assert_eq!(conversations.len(), 1);
    assert_eq!((conversations[0].cursor, conversations[0].read_up_to), (7, 3));
    assert_eq!(conversations[0].title.as_deref(), Some("Crew"));
    let verified = vault.verified().unwrap();
    assert_eq!((verified.len(), verified[0].user_id.as_str(), verified[0].safety_number.as_str()), (1, "bob", "12345"));
}
