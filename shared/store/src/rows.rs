//! Whatever stands in a table: a row is read as what it must be, or refused, and nothing else happens.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use proptest::prelude::*;
use tidings_domain::{
    ids::{ConversationId, Sequence, UserId},
    limits::SEQUENCE_MAX,
};

use crate::{
    conversations::{member_of, standing_of},
    devices::{device_of, marks_in},
    item::Item,
    log::entries_of,
    personal::item_of,
    rules::{block_of, settings_of},
    sessions::session_of,
    tickets::grant_of,
};

/// Numbers that are, that are not, and those at their ends.
fn digits() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0_u64..9).prop_map(|n| n.to_string()),
        1 => Just(u64::MAX.to_string()),
        1 => Just("1e3".to_owned()),
        1 => "-?[0-9]{1,38}(\\.[0-9])?",
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec!["alice", "m#alice", "head", "phone", "u:alice|u:bob", "c1=", "1", "{}", "text"])
            .prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn value() -> impl Strategy<Value = AttributeValue> {
    let ring =
        prop_oneof![3 => prop::collection::vec(any::<u8>(), 8..9), 1 => prop::collection::vec(any::<u8>(), 0..12)];
    prop_oneof![
        6 => text().prop_map(AttributeValue::S),
        6 => digits().prop_map(AttributeValue::N),
        2 => prop::collection::vec(ring, 1..5)
            .prop_map(|entries| AttributeValue::Bs(entries.into_iter().map(Blob::new).collect())),
        1 => any::<bool>().prop_map(AttributeValue::Bool),
        1 => Just(AttributeValue::Null(true)),
        1 => Just(AttributeValue::L(vec![AttributeValue::M(Item::new())])),
    ]
}

fn item(names: &'static [&'static str]) -> impl Strategy<Value = Item> {
    prop::collection::hash_map(prop::sample::select(names).prop_map(str::to_owned), value(), 0..names.len() + 1)
}

/// A row of texts and numbers as they should be, with one attribute of anything.
fn nearly(
    texts: &'static [(&'static str, &'static str)],
    numbers: &'static [&'static str],
) -> impl Strategy<Value = Item> {
    let names: Vec<&str> = texts.iter().map(|(name, _)| *name).chain(numbers.iter().copied()).collect();
    (prop::sample::select(names), value(), digits()).prop_map(move |(changed, value, digits)| {
        let texts = texts.iter().map(|(name, text)| ((*name).to_owned(), AttributeValue::S((*text).to_owned())));
        let numbers = numbers.iter().map(|name| ((*name).to_owned(), AttributeValue::N(digits.clone())));
        let mut item: Item = texts.chain(numbers).collect();
        item.insert(changed.to_owned(), value);
        item
    })
}

fn number_of(item: &Item, name: &str) -> Option<u64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn member_rows(
        item in prop_oneof![
            item(&["sk", "cid", "ls", "lt", "act", "dl", "rd", "jn", "mu", "pi", "ar", "hh", "mv", "gx", "r#phone", "r#", "x"]),
            nearly(&[("sk", "m#alice"), ("cid", "g:1")], &["ls", "lt", "dl", "rd", "jn", "mu", "r#phone"]),
        ],
    ) {
        if let Ok(member) = member_of(&item) {
            prop_assert_eq!(item["sk"].as_s().unwrap(), &format!("m#{}", member.user));
            prop_assert_eq!(member.last_sequence.0, number_of(&item, "ls").unwrap_or_default());
            for (device, ring) in &member.rings {
                let stored = item[&format!("r#{device}")].as_bs().unwrap();
                let stored: BTreeSet<&[u8]> = stored.iter().map(Blob::as_ref).collect();
                let read: BTreeSet<&[u8]> = ring.entries().iter().map(|entry| entry.as_bytes().as_slice()).collect();
                prop_assert_eq!(stored, read, "a ring is the set that is stored");
            }
        }
        let alice = UserId::parse("alice").unwrap();
        if let Ok(standing) = standing_of(vec![item.clone(), item], &alice) {
            prop_assert!(standing.member.is_none_or(|member| member.user == alice));
        }
    }

    #[test]
    fn session_rows(
        item in nearly(&[("uid", "alice"), ("dev", "phone"), ("conn", "c1="), ("ep", "cell")], &["ca", "aa", "exp"]),
    ) {
        if let Ok(session) = session_of(&item) {
            prop_assert_eq!(item["uid"].as_s().unwrap(), session.owner.user.as_str());
            prop_assert_eq!(session.expires_at.0, number_of(&item, "exp").unwrap().saturating_mul(1000));
        }
    }

    #[test]
    fn device_and_ticket_rows(item in nearly(&[("uid", "alice"), ("dev", "phone")], &["seen", "until", "rv"])) {
        if let Ok(device) = device_of(&item) {
            prop_assert_eq!(item["dev"].as_s().unwrap(), device.owner.device.as_str());
            prop_assert_eq!(device.revoked, item["rv"] == AttributeValue::Bool(true));
        }
        if let Ok(grant) = grant_of(&item) {
            prop_assert_eq!(Some(grant.expires_at.0), number_of(&item, "until"));
        }
    }

    #[test]
    fn rows_of_pushes(
        device in nearly(
            &[("uid", "alice"), ("dev", "phone"), ("nm", "P"), ("pf", "ios"), ("ps", "apns"), ("pt", "t"), ("pe", "arn")],
            &["seen", "wk"],
        ),
        marks in item(&["uid", "q", "m", "s#phone", "s#", "s#a b"]),
        settings in nearly(&[("sk", "set")], &["qu", "qd", "qf", "qt", "qo"]),
        block in nearly(&[("sk", "b#alice")], &["ts"]),
    ) {
        if let Ok(Some(push)) = device_of(&device).map(|device| device.push) {
            prop_assert_eq!(device["pt"].as_s().unwrap(), push.address.token.as_ref());
        }
        if let Ok(marks) = marks_in(&marks) {
            prop_assert!(marks.sent.keys().all(|device| device.as_str() == "phone"));
        }
        if let Ok(settings) = settings_of(&settings) {
            prop_assert!(settings.quiet_hours.is_none_or(|hours| hours.are_valid()));
        }
        if let Ok(read) = block_of(&block) {
            prop_assert_eq!(block["sk"].as_s().unwrap(), &format!("b#{}", read.user));
        }
    }

    #[test]
    fn personal_rows(
        item in prop_oneof![
            nearly(&[("sk", "d#u:alice|u:bob"), ("p", "{}")], &["v", "ch", "ts", "exp", "del"]),
            nearly(&[("sk", "h#g:1#0000000000007"), ("mi", "m:1")], &["v", "ch", "ts", "st"]),
        ],
    ) {
        if let Ok(read) = item_of(&item) {
            prop_assert!(item["sk"].as_s().unwrap().contains(&read.key.conversation().to_string()));
            prop_assert_eq!(read.version, number_of(&item, "v").unwrap());
        }
    }

    #[test]
    fn log_rows(
        item in prop_oneof![
            item(&["v", "seq", "u", "d", "c", "ts", "ct", "p", "e", "k", "t", "m", "r", "at", "en", "ep", "mv", "more"]),
            nearly(&[("u", "alice"), ("d", "phone"), ("c", "1"), ("p", "{}")], &["v", "seq", "ts", "ct", "ep", "mv"]),
            nearly(&[("u", "alice"), ("d", "phone"), ("c", "1"), ("p", "{}"), ("k", "text")], &["v", "seq", "ts", "ct"])
                .prop_map(|mut item| {
                    item.insert("v".into(), AttributeValue::N("1".into()));
                    item
                }),
        ],
    ) {
        let conversation = ConversationId::parse("g:1").unwrap();
        if let Ok(entries) = entries_of(item.clone(), &conversation) {
            prop_assert_eq!(Some(entries[0].sequence.0), number_of(&item, "seq"));
            prop_assert!(entries.iter().all(|entry| (1..=SEQUENCE_MAX).contains(&entry.sequence.0)));
            prop_assert!(entries.windows(2).all(|pair| pair[1].sequence == Sequence(pair[0].sequence.0 + 1)));
        }
    }
}
