//! Whatever comes from outside: it is refused, nothing changes, and nothing panics.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use tidings_mls::{Device, Entry, Event, Group, Identity, IdentityKey, KeyPackage, Processed, WelcomeMail};

use crate::support::{CONVERSATION, Phone, group_of, now_seconds};

/// One of each message, and the stores of who they are for.
struct Messages {
    all: [Vec<u8>; 4],
    sender: Device,
    key: IdentityKey,
    /// In the group.
    member: Phone,
    /// Added by the Welcome, and not yet in.
    invited: Phone,
}

// Stores are not for several threads at once: each case makes its own copy under this lock.
static MESSAGES: OnceLock<std::sync::Mutex<Messages>> = OnceLock::new();

fn messages() -> Messages {
    let (alice, member, invited) = (Phone::new("alice/1"), Phone::new("bob/1"), Phone::new("carol/1"));
    let mut groups = group_of(&[&alice, &member]);
    let message = alice.say(&mut groups[0], "hello");
    let package = alice.identity.make_key_packages(&alice.store, 1, now_seconds()).unwrap().remove(0);
    let commit = alice.commit(&mut groups[0], &[&invited], &[]);
    let bytes = |payload: &str| STANDARD.decode(payload).unwrap();
    Messages {
        all: [
            bytes(&message.payload),
            bytes(&commit.payload),
            bytes(commit.welcome.as_ref().unwrap()),
            bytes(&package),
        ],
        sender: alice.device().clone(),
        key: alice.identity.key(),
        member,
        invited,
    }
}

#[derive(Clone, Debug)]
enum Damage {
    Flip {
        at: prop::sample::Index,
        bit: u8,
    },
    Cut {
        at: prop::sample::Index,
    },
    Insert {
        at: prop::sample::Index,
        bytes: Vec<u8>,
    },
    Remove {
        at: prop::sample::Index,
        count: usize,
    },
    Replace {
        bytes: Vec<u8>,
    },
    /// The kind of the message, behind the version.
    Kind {
        kind: u8,
    },
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<prop::sample::Index>;
    let bytes = prop::collection::vec(any::<u8>(), 1..40);
    prop_oneof![
        4 => (at(), 0..8u8).prop_map(|(at, bit)| Damage::Flip { at, bit }),
        1 => at().prop_map(|at| Damage::Cut { at }),
        1 => (at(), bytes.clone()).prop_map(|(at, bytes)| Damage::Insert { at, bytes }),
        1 => (at(), 1..20usize).prop_map(|(at, count)| Damage::Remove { at, count }),
        1 => bytes.prop_map(|bytes| Damage::Replace { bytes }),
        1 => (0..8u8).prop_map(|kind| Damage::Kind { kind }),
    ]
}

fn apply(bytes: &mut Vec<u8>, damage: &Damage) {
    if bytes.is_empty() {
        return;
    }
    match damage {
        Damage::Flip { at, bit } => {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        Damage::Cut { at } => bytes.truncate(at.index(bytes.len())),
        Damage::Insert { at, bytes: more } => {
            let at = at.index(bytes.len());
            bytes.splice(at..at, more.iter().copied());
        }
        Damage::Remove { at, count } => {
            let at = at.index(bytes.len());
            bytes.drain(at..(at + count).min(bytes.len()));
        }
        Damage::Replace { bytes: other } => bytes.clone_from(other),
        Damage::Kind { kind } => {
            if let Some(byte) = bytes.get_mut(3) {
                *byte = *kind;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn damaged_messages_change_nothing(
        which in 0..4usize,
        damages in prop::collection::vec(damage(), 1..4),
        epoch in 0..4u64,
    ) {
        let messages = MESSAGES.get_or_init(|| std::sync::Mutex::new(messages())).lock().unwrap();
        let original = &messages.all[which];
        let mut bytes = original.clone();
        for damage in &damages {
            apply(&mut bytes, damage);
        }
        prop_assume!(bytes != *original);
        let payload = STANDARD.encode(&bytes);

        let Phone { store, .. } = &messages.member;
        let before = store.clone();
        let mut group = Group::load(store, CONVERSATION).unwrap().unwrap();
        let authenticator = group.authenticator().to_vec();
        for event in [Event::Message, Event::Commit] {
            let entry = Entry { sender: &messages.sender, event, epoch, payload: &payload };
            let answer = group.process(store, &entry);
            prop_assert!(matches!(answer, Err(_) | Ok(Processed::Known)), "{:?}", answer);
        }
        prop_assert!(*store == before);
        prop_assert_eq!(group.authenticator(), authenticator.as_slice());

        let Phone { store, .. } = &messages.invited;
        let before = store.clone();
        let identity = Identity::load(store).unwrap().unwrap();
        let mail = WelcomeMail { conversation_id: CONVERSATION, from: &messages.sender, payload: &payload };
        prop_assert!(Group::join(store, &identity, &mail).is_err());
        prop_assert!(*store == before);

        prop_assert!(KeyPackage::parse(&payload, &messages.sender, messages.key, now_seconds()).is_err());
    }
}

#[test]
fn undamaged_they_are_taken() {
    let Messages { all, sender, key, member, invited } = messages();
    let [message, commit, welcome, package] = all.map(|bytes| STANDARD.encode(bytes));
    assert!(KeyPackage::parse(&package, &sender, key, now_seconds()).is_ok());
    let mut group = Group::load(&member.store, CONVERSATION).unwrap().unwrap();
    for (event, epoch, payload) in [(Event::Message, 1, &message), (Event::Commit, 2, &commit)] {
        let entry = Entry { sender: &sender, event, epoch, payload };
        let taken = group.process(&member.store, &entry).unwrap();
        assert!(matches!(taken, Processed::Message { .. } | Processed::Commit(_)));
    }
    let mail = WelcomeMail { conversation_id: CONVERSATION, from: &sender, payload: &welcome };
    let joined = Group::join(&invited.store, &invited.identity, &mail).unwrap();
    assert_eq!(joined.authenticator(), group.authenticator());
}
