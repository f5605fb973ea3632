//! What this client and the one in TypeScript must agree on: `clients/js` reads the same vectors, and made them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use tidings_mls::{IdentityKey, SafetyNumber};
use tidings_sdk::media::Sealing;
use tidings_vault::{DatabaseKey, RecoveryKey, Restored, Unlock, Vault};

use crate::link::LinkCode;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../vectors/formats.json")).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn keys(user: &Value) -> Vec<IdentityKey> {
    let keys = user["keys"].as_array().unwrap().iter();
    keys.map(|key| IdentityKey::from_bytes(&STANDARD.decode(text(key)).unwrap()).unwrap()).collect()
}

#[test]
fn safety_numbers_are_those_of_the_other_client() {
    let vector = &vectors()["safetyNumber"];
    let (one, other) = (&vector["one"], &vector["other"]);
    let number = SafetyNumber::of((text(&one["user"]), &keys(one)), (text(&other["user"]), &keys(other)));
    assert_eq!(number.digits(), text(&vector["digits"]));
}

#[test]
fn link_codes_are_those_of_the_other_client() {
    let vector = &vectors()["link"];
    let code = LinkCode::parse(text(&vector["code"])).unwrap();
    assert_eq!(code.device_id(), text(&vector["deviceId"]));
    assert_eq!(code.reveal(), text(&vector["code"]));
}

#[test]
fn content_that_the_other_client_sealed_opens() {
    for vector in vectors()["sealing"].as_array().unwrap() {
        let sealing: Sealing = serde_json::from_value(vector["sealing"].clone()).unwrap();
        let size = vector["size"].as_u64().unwrap();
        let Some(sealed) = vector["sealed"].as_str() else { continue };
        let plain = sealing.open(&STANDARD.decode(sealed).unwrap(), 0, size).unwrap();
        assert_eq!(plain, (0..size).map(|at| u8::try_from(at * 7 % 251).unwrap()).collect::<Vec<_>>());
    }
}

#[test]
fn an_archive_of_the_other_client_is_taken_in() {
    let vector = &vectors()["archive"];
    let folder = std::env::temp_dir().join(format!("tidings-vectors-{}", uuid::Uuid::now_v7()));
    let mut vault = Vault::create(&folder, &Unlock::Key(&DatabaseKey::from_bytes([3; 32]))).unwrap();
    let archive = STANDARD.decode(text(&vector["bytes"])).unwrap();
    let key = RecoveryKey::parse(text(&vector["key"])).unwrap();
    let restored = vault.restore(&key, &mut archive.as_slice()).unwrap();
    assert_eq!(restored, Restored { conversations: 1, messages: 2, verified: 1 });
    let kept = vault.messages("u:alice|u:bob", u64::MAX, 10).unwrap();
    let rows: Vec<_> = vector["rows"].as_array().unwrap().iter().filter(|row| row["row"] == "message").rev().collect();
    assert_eq!(kept.len(), rows.len());
    for (message, row) in kept.iter().zip(rows) {
        assert_eq!((message.sequence, &message.body), (row["sequence"].as_u64().unwrap(), &row["body"]));
    }
    std::fs::remove_dir_all(folder).unwrap();
}
