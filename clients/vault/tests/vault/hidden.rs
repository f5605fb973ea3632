//! No file that a vault writes shows anything of what is in it.

use std::fs;
use std::path::Path;

use tidings_mls::{Device, Identity};
use tidings_vault::{Outgoing, Query, VaultError};

use crate::support::{CONVERSATION, Folder, keep, message, vault};

const SECRET: &str = "xylophone-quartz-jackdaw";

fn contains(folder: &Path, needle: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && fs::read(&path).unwrap().windows(needle.len()).any(|window| window == needle) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn files_show_no_plaintext() {
    let folder = Folder::new();
    let mut vault = vault(&folder);
    let texts: Vec<_> =
        (1..=300).map(|number| message(number, &format!("{SECRET} {number} {}", "filler ".repeat(40)))).collect();
    keep(&mut vault, &texts);
    vault
        .write(|tx| {
            Identity::create(tx, Device::new("xylophone.user", "quartz.device").unwrap()).map_err(VaultError::other)?;
            let mut outgoing = Outgoing::message(CONVERSATION, "jackdaw-id", "AAAA", 1);
            outgoing.body = Some(SECRET.to_owned());
            tx.queue(&outgoing)?;
            tx.set_title(CONVERSATION, Some(SECRET))
        })
        .unwrap();
    // A sort of everything, which may need room elsewhere than in memory.
    let query = Query { text: "xylophone".to_owned(), ..Query::default() };
    assert_eq!(vault.search(&query, 1000).unwrap().len(), 300);
    let log = folder.path().join("vault.db-wal");
    assert!(fs::metadata(&log).unwrap().len() > 100_000, "the write-ahead log is there, and is looked at");
    let utf16: Vec<u8> = "xylophone".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let needles: [&[u8]; 7] =
        [b"xylophone", b"quartz", b"jackdaw", b"filler", CONVERSATION.as_bytes(), b"SQLite format", &utf16];
    for needle in needles {
        assert_eq!(contains(folder.path(), needle), [] as [String; 0], "{:?}", String::from_utf8_lossy(needle));
    }
    drop(vault);
    for needle in needles {
        assert_eq!(contains(folder.path(), needle), [] as [String; 0], "closed: {:?}", String::from_utf8_lossy(needle));
    }
    // The search itself works: the same bytes in a file that is not encrypted are found.
    fs::write(folder.path().join("plain"), SECRET).unwrap();
    assert_eq!(contains(folder.path(), b"xylophone").len(), 1);
}
