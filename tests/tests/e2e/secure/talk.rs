//! Conversations of two.

use std::time::Duration;

use serde_json::json;
use tidings_sdk::{Draft, MessageRef, Page, protocol::ErrorCode, protocol::MessageEvent};
use tidings_secure::{Event, Membership, SecureSendError, Waiting};
use tidings_tests::{User, direct, eventually, fresh, message};

use super::Phone;

#[tokio::test]
async fn two_people_talk_and_nothing_is_in_the_clear() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (mut a, mut b) = (Phone::new(&alice, "phone").await, Phone::new(&bob, "phone").await);
    a.say(&conversation, "hello").await;
    let heard = b.hears(&conversation, "hello").await;
    assert!(heard.epoch.is_some_and(|epoch| epoch > 0), "{heard:?}");
    b.say(&conversation, "hello yourself").await;
    a.hears(&conversation, "hello yourself").await;
    let summary = alice.http("any").summary(&conversation).await;
    assert_eq!(summary["encrypted"], true, "every member sees that it is");
    // What the service has of it is no text.
    let log = alice.http("any").log(&conversation).await;
    assert!(log.iter().all(|entry| entry["payload"].is_string()), "{log:?}");
    // The same in pages of the log, for whoever has the keys.
    let page = b.client.messages(&conversation, Page { since: Some(0), ..Page::default() }).await.unwrap();
    let texts: Vec<_> =
        page.messages.iter().filter_map(|entry| Some(entry.payload.value()["text"].as_str()?.to_owned())).collect();
    assert_eq!(texts, ["hello", "hello yourself"]);
}

#[tokio::test]
async fn who_was_away_reads_it_when_they_come_back() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (a, b) = (Phone::new(&alice, "phone").await, Phone::new(&bob, "phone").await);
    let folder = b.stop().await;
    for text in ["one", "two", "three"] {
        a.say(&conversation, text).await;
    }
    // The Welcome is in the mailbox, and what it opens came before it.
    let mut b = Phone::open(&bob, "phone", folder);
    for text in ["one", "two", "three"] {
        b.hears(&conversation, text).await;
    }
    let b = b.restart().await;
    assert_eq!(b.texts(&conversation).await, ["one", "two", "three"], "and has it after a restart");
    b.say(&conversation, "four").await;
    assert_eq!(b.texts(&conversation).await, ["one", "two", "three", "four"]);
}

#[tokio::test]
async fn a_message_waits_for_the_first_device_of_the_other() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let mut a = Phone::new(&alice, "phone").await;
    let sending = a.client.send(&conversation, Draft::text("are you there?")).await;
    let reason = a
        .until("waiting", |event| match event {
            Event::Waiting { reason, .. } => Some(reason.clone()),
            _ => None,
        })
        .await;
    assert_eq!(reason, Waiting::Keys { user_id: bob.id.clone() });
    drop(sending);
    let a = a.restart().await;
    assert!(alice.http("any").log(&conversation).await.is_empty(), "nothing was sent");
    let mut b = Phone::new(&bob, "phone").await;
    b.hears(&conversation, "are you there?").await;
    // The answer to the sender may come after the message to the receiver.
    eventually("the answer", || async { (a.texts(&conversation).await == ["are you there?"]).then_some(()) }).await;
}

#[tokio::test]
async fn what_is_in_the_clear_by_wish_can_be_encrypted_and_never_goes_back() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let a = Phone::new(&alice, "phone").await;
    a.client.set_clear(&conversation, true).await.unwrap();
    a.say(&conversation, "to a bot").await;
    let log = bob.http("bot").log(&conversation).await;
    assert_eq!(log[0]["payload"]["text"], "to a bot");
    assert_eq!(bob.http("bot").summary(&conversation).await["encrypted"], json!(null), "and everybody sees that it is");
    // The bot gets keys, and the conversation is encrypted.
    let mut b = Phone::new(&bob, "phone").await;
    a.client.set_clear(&conversation, false).await.unwrap();
    a.say(&conversation, "in private").await;
    b.hears(&conversation, "in private").await;
    // Neither by this client nor by any other does it go back.
    a.client.set_clear(&conversation, true).await.unwrap();
    a.say(&conversation, "still in private").await;
    let heard = b.hears(&conversation, "still in private").await;
    assert!(heard.epoch.is_some());
    let refused = alice.connect("other").await.ask(message(&conversation, &fresh("m"), "in the clear")).await;
    assert_eq!(refused["code"], "stale_epoch", "{refused}");
}

#[tokio::test]
async fn edits_reactions_and_votes_are_encrypted_and_applied() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (mut a, mut b) = (Phone::new(&alice, "phone").await, Phone::new(&bob, "phone").await);
    let sent = a.say(&conversation, "hallo").await;
    b.hears(&conversation, "hallo").await;
    a.client.edit(&MessageRef::from(&sent), &json!({ "text": "hello" })).await.unwrap();
    let edit = b.message("an edit", |message| message.event == MessageEvent::Edit).await;
    assert_eq!((edit.payload.value(), edit.target_sequence), (json!({ "text": "hello" }), Some(sent.sequence)));
    b.client.react(&MessageRef::from(&sent), Some("👍")).await.unwrap();
    let reaction = a.message("a reaction", |message| message.event == MessageEvent::Reaction).await;
    assert_eq!((reaction.reaction.as_deref(), reaction.target_sequence), (Some("👍"), Some(sent.sequence)));
    let poll = a.client.send(&conversation, Draft::poll("when?", ["now", "later"])).await.await.unwrap();
    b.message("a poll", |message| message.payload.value()["choices"] == json!(["now", "later"])).await;
    b.client.vote(&MessageRef::from(&poll), &["later".to_owned()]).await.unwrap();
    let vote = a.message("a vote", |message| message.event == MessageEvent::Vote).await;
    assert_eq!((vote.choices, vote.target_sequence), (vec!["later".to_owned()], Some(poll.sequence)));
    assert_eq!(b.texts(&conversation).await, ["hello", "when?"], "the edit is what is kept");
    assert_eq!(a.texts(&conversation).await, ["hello", "when?"]);
    let page = b.client.messages(&conversation, Page { since: Some(0), ..Page::default() }).await.unwrap();
    let about: Vec<_> = page.messages.iter().filter(|entry| entry.event == MessageEvent::Vote).collect();
    assert_eq!(about.len(), 1, "pages of the log tell the same: {:?}", page.messages);
}

#[tokio::test]
async fn what_is_opened_once_is_encrypted_too() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (a, mut b) = (Phone::new(&alice, "phone").await, Phone::new(&bob, "phone").await);
    a.say(&conversation, "look").await;
    b.hears(&conversation, "look").await;
    let sent = a.client.send(&conversation, Draft::text("once").view_once()).await.await.unwrap();
    let closed = b.message("what is to be opened", |message| message.view_once).await;
    assert_eq!(closed.payload.value(), json!(null));
    let opened = b.client.open(&MessageRef::from(&sent)).await.unwrap();
    assert_eq!(opened.payload.value(), json!({ "text": "once" }));
}

#[tokio::test]
async fn bad_messages_fail_by_themselves_and_the_next_goes() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (a, mut b) = (Phone::new(&alice, "phone").await, Phone::new(&bob, "phone").await);
    a.say(&conversation, "first").await;
    let large = a.client.send(&conversation, Draft::text("x".repeat(20_000))).await.await.unwrap_err();
    let SecureSendError::Send(large) = large else { panic!("{large}") };
    assert_eq!(large.code(), Some(ErrorCode::TooLarge), "{large}");
    let lost = a.client.send(&conversation, Draft::text("reply").in_reply_to("no such message")).await.await;
    assert!(lost.is_err(), "{lost:?}");
    a.say(&conversation, "second").await;
    b.hears(&conversation, "first").await;
    b.hears(&conversation, "second").await;
    assert_eq!(b.texts(&conversation).await, ["first", "second"]);
}

#[tokio::test]
async fn a_lost_welcome_is_asked_for_again() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (a, b) = (Phone::new(&alice, "phone").await, Phone::new(&bob, "phone").await);
    let folder = b.stop().await;
    a.say(&conversation, "before").await;
    // Its mail is gone before the device has seen it.
    let http = bob.http("phone");
    let mail = eventually("the Welcome", || async {
        let page = http.get("/mailbox").await.ok();
        page["mail"][0]["mailId"].as_str().map(str::to_owned)
    })
    .await;
    http.post("/mailbox/acks", &json!({ "mailIds": [mail] })).await.ok();
    let mut b = Phone::open(&bob, "phone", folder);
    b.until("being added", |event| matches!(event, Event::Joined { .. }).then_some(())).await;
    a.say(&conversation, "after").await;
    b.hears(&conversation, "after").await;
    assert_eq!(b.client.membership(&conversation).await.unwrap(), Membership::In);
    let history = b.history(&conversation).await;
    assert_eq!(history[0].0, "unreadable", "what came before is not readable, and shows as such: {history:?}");
    b.say(&conversation, "and back").await;
}

#[test]
fn a_client_that_is_cut_off_anywhere_sends_each_message_once() {
    const MESSAGES: usize = 12;
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let outer = runtime();
    let b = outer.block_on(Phone::new(&bob, "phone"));
    let folder = outer.block_on(async { Phone::new(&alice, "phone").await.stop().await });
    let expected: Vec<String> = (0..MESSAGES).map(|number| format!("number {number}")).collect();
    for (round, some) in expected.chunks(2).enumerate() {
        let inner = runtime();
        inner.block_on(async {
            let a = Phone::open(&alice, "phone", folder.clone());
            for text in some {
                assert!(a.client.send(&conversation, Draft::text(text)).await.queued().await);
            }
            // From before it is connected to after the answers.
            tokio::time::sleep(Duration::from_millis(25 * (round as u64).pow(2))).await;
        });
        // Everything stops where it is, and what it held is let go.
        inner.shutdown_timeout(Duration::from_secs(5));
    }
    let texts = outer.block_on(async {
        let mut b = b;
        let a = Phone::open(&alice, "phone", folder);
        a.say(&conversation, "the last").await;
        b.hears(&conversation, "the last").await;
        assert_eq!(a.texts(&conversation).await.len(), MESSAGES + 1);
        b.texts(&conversation).await
    });
    assert_eq!(texts[..MESSAGES], expected, "in their order, each once");
}

#[tokio::test]
async fn both_begin_at_once_and_one_group_comes_of_it() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (mut a, mut b) = (Phone::new(&alice, "phone").await, Phone::new(&bob, "phone").await);
    tokio::join!(a.say(&conversation, "from alice"), b.say(&conversation, "from bob"));
    a.hears(&conversation, "from bob").await;
    b.hears(&conversation, "from alice").await;
}
