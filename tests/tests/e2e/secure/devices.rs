//! Several devices of one user: linked, revoked, verified.

use std::time::Duration;

use tidings_sdk::Draft;
use tidings_secure::{Event, Query, RecoveryKey, SecureError, link::LinkCode};
use tidings_tests::{User, direct, eventually};

use super::Phone;

#[tokio::test]
async fn a_new_device_is_linked_by_its_code_and_gets_the_history() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (a, mut b) = (Phone::new(&alice, "phone").await, Phone::new(&bob, "phone").await);
    for text in ["an old story", "and another"] {
        a.say(&conversation, text).await;
        b.hears(&conversation, text).await;
    }
    let mut tablet = Phone::new(&bob, "tablet").await;
    let code = LinkCode::parse(&tablet.client.link_code().await.unwrap().reveal()).unwrap();
    let (linked, restored) =
        tokio::join!(b.client.link(&code), tablet.client.receive_history(&code, Duration::from_secs(30)));
    linked.unwrap();
    assert_eq!(restored.unwrap().messages, 2);
    assert_eq!(tablet.texts(&conversation).await, ["an old story", "and another"]);
    tablet.until("being added", |event| matches!(event, Event::Joined { .. }).then_some(())).await;
    a.say(&conversation, "for both").await;
    tablet.hears(&conversation, "for both").await;
    b.hears(&conversation, "for both").await;
    tablet.say(&conversation, "from the tablet").await;
    b.hears(&conversation, "from the tablet").await;
    assert_eq!(b.texts(&conversation).await.last().unwrap(), "from the tablet");
}

#[tokio::test]
async fn a_code_of_another_key_is_not_linked() {
    let bob = User::new("bob");
    let (b, tablet) = (Phone::new(&bob, "phone").await, Phone::new(&bob, "tablet").await);
    let code = tablet.client.link_code().await.unwrap().reveal();
    let digit = if code.contains(":tablet:0") { "1" } else { "0" };
    let at = code.find(":tablet:").unwrap() + ":tablet:".len();
    let forged = LinkCode::parse(&format!("{}{digit}{}", &code[..at], &code[at + 1..])).unwrap();
    assert!(matches!(b.client.link(&forged).await, Err(SecureError::Link(_))), "another key");
    let absent = LinkCode::parse(&code.replace(":tablet:", ":nowhere:")).unwrap();
    assert!(matches!(b.client.link(&absent).await, Err(SecureError::Link(_))), "no such device");
}

#[tokio::test]
async fn a_revoked_device_is_out_of_the_group_and_reads_nothing_more() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (mut a, b) = (Phone::new(&alice, "phone").await, Phone::new(&bob, "phone").await);
    let mut lost = Phone::new(&bob, "lost").await;
    a.say(&conversation, "before").await;
    lost.hears(&conversation, "before").await;
    b.client.revoke_device("lost").await.unwrap();
    let gone = a
        .until("its removal", |event| match event {
            Event::Devices { removed, .. } if !removed.is_empty() => Some(removed.clone()),
            _ => None,
        })
        .await;
    assert_eq!(gone.iter().map(ToString::to_string).collect::<Vec<_>>(), [format!("{}/lost", bob.id)]);
    a.say(&conversation, "after").await;
    assert!(
        lost.client.ready().await.is_err() || eventually_refused(&lost).await,
        "its socket closes, and stays closed"
    );
    assert_eq!(lost.texts_kept(&conversation), ["before"]);
    let summary = alice.http("any").log(&conversation).await;
    assert!(!summary.is_empty());
}

impl Phone {
    /// What is in the vault of a client that has stopped.
    fn texts_kept(&self, conversation: &str) -> Vec<String> {
        let key = tidings_secure::DatabaseKey::from_bytes(super::KEY);
        let vault = tidings_secure::Vault::open(&self.folder, &tidings_secure::Unlock::Key(&key)).unwrap();
        let kept = vault.messages(conversation, u64::MAX, 100).unwrap();
        kept.iter().rev().filter_map(|message| message.text.clone()).collect()
    }
}

async fn eventually_refused(phone: &Phone) -> bool {
    eventually("the refusal", || async { phone.client.ready().await.is_err().then_some(()) }).await;
    true
}

#[tokio::test]
async fn safety_numbers_are_the_same_on_both_sides_and_their_change_is_told() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (mut a, b) = (Phone::new(&alice, "phone").await, Phone::new(&bob, "phone").await);
    assert!(a.client.safety_number("nobody-at-all").await.unwrap().is_none());
    let at_alice = a.client.safety_number(&bob.id).await.unwrap().unwrap();
    assert_eq!(b.client.safety_number(&alice.id).await.unwrap().unwrap(), at_alice);
    assert_eq!(a.client.is_verified(&bob.id).await.unwrap(), None);
    a.client.verify(&bob.id, &at_alice).await.unwrap();
    assert_eq!(a.client.is_verified(&bob.id).await.unwrap(), Some(true));
    a.say(&conversation, "hello").await;
    let _tablet = Phone::new(&bob, "tablet").await;
    a.say(&conversation, "hello, both of you").await;
    let (user, was_verified) = a
        .until("the change", |event| match event {
            Event::SafetyNumberChanged { user_id, was_verified } => Some((user_id.clone(), *was_verified)),
            _ => None,
        })
        .await;
    assert_eq!((user, was_verified), (bob.id.clone(), true));
    assert_eq!(a.client.is_verified(&bob.id).await.unwrap(), Some(false), "what was compared counts no more");
    assert_ne!(a.client.safety_number(&bob.id).await.unwrap().unwrap(), at_alice);
    let a = a.restart().await;
    assert_eq!(a.client.is_verified(&bob.id).await.unwrap(), Some(false), "and that is kept");
}

#[tokio::test]
async fn history_is_found_and_comes_back_from_a_backup() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (a, mut b) = (Phone::new(&alice, "phone").await, Phone::new(&bob, "phone").await);
    a.say(&conversation, "the ferry leaves at seven").await;
    a.client.send(&conversation, Draft::text("bring Zoë").mentions([bob.id.clone()])).await.await.unwrap();
    b.hears(&conversation, "bring Zoë").await;
    let find = |query: Query| {
        let client = b.client.clone();
        async move {
            client.search(query, 10).await.unwrap().into_iter().map(|hit| hit.message.text.unwrap()).collect::<Vec<_>>()
        }
    };
    let words = |text: &str| Query { text: text.to_owned(), ..Query::default() };
    assert_eq!(find(Query { is_prefix: true, ..words("ferr") }).await, ["the ferry leaves at seven"]);
    assert_eq!(find(Query { edits_max: 1, ..words("fery seven") }).await, ["the ferry leaves at seven"]);
    assert_eq!(find(Query { mention: Some(bob.id.clone()), ..Query::default() }).await, ["bring Zoë"]);
    assert_eq!(find(words("zoe")).await, ["bring Zoë"]);
    let key = RecoveryKey::generate().unwrap();
    let file = b.folder.join("backup");
    b.client.back_up(&key, &file).await.unwrap();
    let fresh = Phone::new(&bob, "other").await;
    let wrong = fresh.client.restore(&RecoveryKey::generate().unwrap(), &file).await;
    assert!(wrong.is_err(), "{wrong:?}");
    assert_eq!(fresh.client.restore(&key, &file).await.unwrap().messages, 2);
    assert_eq!(fresh.texts(&conversation).await, ["the ferry leaves at seven", "bring Zoë"]);
}

#[tokio::test]
async fn an_account_is_open_once() {
    let alice = User::new("alice");
    let a = Phone::new(&alice, "phone").await;
    let key = tidings_secure::DatabaseKey::from_bytes(super::KEY);
    let unlock = tidings_secure::Unlock::Key(&key);
    let second = tidings_secure::SecureClient::start(alice.sdk("phone"), &alice.id, "phone", &a.folder, &unlock);
    assert!(matches!(second, Err(tidings_secure::OpenError::InUse)), "{second:?}");
    let folder = a.stop().await;
    let other = tidings_secure::SecureClient::start(alice.sdk("tablet"), &alice.id, "tablet", &folder, &unlock);
    assert!(matches!(other, Err(tidings_secure::OpenError::OtherDevice { .. })), "{other:?}");
}
