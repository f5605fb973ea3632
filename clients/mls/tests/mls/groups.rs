//! What a group does, and what it refuses.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tidings_mls::limits::{ADDS_MAX, CONTENT_BYTES_MAX, LATE_MESSAGES_MAX, PADDING_BYTES, PAST_EPOCHS_MAX};
use tidings_mls::{
    Changes, CommitError, Content, ContentError, Device, EncryptError, Entry, Event, Group, JoinError, ProcessError,
    Processed, WelcomeMail, WireError,
};

use crate::support::{CONVERSATION, Phone, group_of, mail, now_seconds};

#[test]
fn two_devices_talk() {
    let (alice, bob) = (Phone::new("alice/phone"), Phone::new("bob/web"));
    let mut groups = group_of(&[&alice, &bob]);
    let [at_alice, at_bob] = groups.as_mut_slice() else { panic!() };
    assert_eq!(at_alice.authenticator(), at_bob.authenticator());
    assert_eq!((at_alice.epoch(), at_bob.epoch()), (1, 1));
    let hello = alice.say(at_alice, "hello");
    assert_eq!(bob.read(at_bob, &alice, &hello), "hello");
    let answer = bob.say(at_bob, "hello, Alice");
    assert_eq!(alice.read(at_alice, &bob, &answer), "hello, Alice");
    // One's own come back in the log, and are known.
    assert!(matches!(alice.hear(at_alice, &alice, &hello), Ok(Processed::OwnMessage)));
}

#[test]
fn a_commit_counts_when_it_is_accepted() {
    let (alice, bob, carol) = (Phone::new("alice/1"), Phone::new("bob/1"), Phone::new("carol/1"));
    let mut groups = group_of(&[&alice, &bob]);
    let [at_alice, at_bob] = groups.as_mut_slice() else { panic!() };
    let commit = alice.commit(at_alice, &[&carol], &[]);
    assert_eq!((at_alice.epoch(), commit.epoch), (1, 1));
    assert_eq!(commit.welcomed, [carol.device().clone()]);
    // Until then, messages are of the old epoch, and a second commit is not made.
    let before = alice.say(at_alice, "before");
    assert_eq!((before.epoch, bob.read(at_bob, &alice, &before).as_str()), (1, "before"));
    let second = at_alice.commit(&alice.store, &alice.identity, &Changes::default());
    assert!(matches!(second, Err(CommitError::Pending)));
    assert!(at_alice.has_pending_commit());
    // It survives a restart, and comes back in the log before the answer.
    *at_alice = Group::load(&alice.store, CONVERSATION).unwrap().unwrap();
    assert!(matches!(alice.follow(at_alice, &alice, &commit), Ok(Processed::OwnCommit { epoch: 2 })));
    at_alice.accept_commit(&alice.store).unwrap();
    assert!(matches!(alice.follow(at_alice, &alice, &commit), Ok(Processed::Known)));
    let followed = bob.follow(at_bob, &alice, &commit).unwrap();
    let Processed::Commit(summary) = followed else { panic!("{followed:?}") };
    assert_eq!((summary.added, summary.removed, summary.epoch), (vec![carol.device().clone()], vec![], 2));
    assert!(matches!(bob.follow(at_bob, &alice, &commit), Ok(Processed::Known)));
    let mut at_carol = carol.join(&alice, &commit);
    assert_eq!(at_carol.authenticator(), at_bob.authenticator());
    assert_eq!(at_alice.authenticator(), at_bob.authenticator());
    // What was said before she came, she cannot read.
    assert!(matches!(carol.hear(&mut at_carol, &alice, &before), Err(ProcessError::TooOld)));
}

#[test]
fn of_two_commits_one_wins_and_the_other_is_made_anew() {
    let (alice, bob, carol, dave) =
        (Phone::new("alice/1"), Phone::new("bob/1"), Phone::new("carol/1"), Phone::new("dave/1"));
    let mut groups = group_of(&[&alice, &bob]);
    let [at_alice, at_bob] = groups.as_mut_slice() else { panic!() };
    let winner = alice.commit(at_alice, &[&carol], &[]);
    let loser = bob.commit(at_bob, &[&dave], &[]);
    at_alice.accept_commit(&alice.store).unwrap();
    assert!(matches!(bob.follow(at_bob, &alice, &winner), Ok(Processed::Commit(_))));
    assert!(!at_bob.has_pending_commit());
    let anew = bob.commit(at_bob, &[&dave], &[]);
    at_bob.accept_commit(&bob.store).unwrap();
    assert!(matches!(alice.follow(at_alice, &bob, &anew), Ok(Processed::Commit(_))));
    assert_eq!(at_alice.roster().unwrap().devices().len(), 4);
    assert_eq!(at_alice.authenticator(), at_bob.authenticator());
    // The one that lost leads nowhere.
    let refused = Group::join(&dave.store, &dave.identity, &mail(&bob, &loser)).map(|group| group.epoch());
    assert!(refused.is_ok_and(|epoch| epoch == 2), "a Welcome cannot tell; the service never hands it on");
    let at_dave = dave.join(&bob, &anew);
    assert_eq!(at_dave.authenticator(), at_bob.authenticator());
}

#[test]
fn a_commit_that_was_discarded_and_accepted_is_noticed() {
    let (alice, bob) = (Phone::new("alice/1"), Phone::new("bob/1"));
    let mut groups = group_of(&[&alice, &bob]);
    let at_alice = &mut groups[0];
    let lost = alice.commit(at_alice, &[], &[]);
    at_alice.discard_commit(&alice.store).unwrap();
    let other = alice.commit(at_alice, &[], &[]);
    let error = alice.follow(at_alice, &alice, &lost).unwrap_err();
    assert!(matches!(error, ProcessError::LostCommit) && error.needs_rejoin(Event::Commit));
    assert!(at_alice.has_pending_commit());
    assert!(matches!(alice.follow(at_alice, &alice, &other), Ok(Processed::OwnCommit { .. })));
}

#[test]
fn of_two_who_create_at_once_the_loser_joins_the_winner() {
    let (alice, bob) = (Phone::new("alice/1"), Phone::new("bob/1"));
    let mut at_alice = alice.create();
    let mut at_bob = bob.create();
    let winner = alice.commit(&mut at_alice, &[&bob], &[]);
    bob.commit(&mut at_bob, &[&alice], &[]);
    at_alice.accept_commit(&alice.store).unwrap();
    // The answer was stale_epoch: the Welcome, into epoch 1, takes the place of what was made in epoch 0.
    let mut at_bob = bob.join(&alice, &winner);
    assert!(!at_bob.has_pending_commit());
    assert_eq!(at_bob.authenticator(), at_alice.authenticator());
    let hello = bob.say(&mut at_bob, "so be it");
    assert_eq!(alice.read(&mut at_alice, &bob, &hello), "so be it");
}

#[test]
fn who_was_removed_neither_reads_nor_writes() {
    let (alice, bob, eve) = (Phone::new("alice/1"), Phone::new("bob/1"), Phone::new("eve/1"));
    let mut groups = group_of(&[&alice, &bob, &eve]);
    let [at_alice, at_bob, at_eve] = groups.as_mut_slice() else { panic!() };
    let pending = eve.commit(at_eve, &[], &[]);
    let commit = alice.commit(at_alice, &[], &[&eve]);
    at_alice.accept_commit(&alice.store).unwrap();
    bob.follow(at_bob, &alice, &commit).unwrap();
    let secret = alice.say(at_alice, "without Eve");
    // Before she learns it, it is of an epoch that she cannot reach.
    assert!(matches!(eve.hear(at_eve, &alice, &secret), Err(ProcessError::Gap { epoch: 2, current: 1 })));
    let removed = eve.follow(at_eve, &alice, &commit).unwrap();
    assert!(matches!(removed, Processed::Removed { committer } if committer == *alice.device()));
    assert!(!at_eve.is_active());
    assert!(matches!(eve.hear(at_eve, &alice, &secret), Err(ProcessError::Removed)));
    let content = Content::text("let me in");
    assert!(matches!(at_eve.encrypt(&eve.store, &eve.identity, &content), Err(EncryptError::Removed)));
    let commit = at_eve.commit(&eve.store, &eve.identity, &Changes::default());
    assert!(matches!(commit, Err(CommitError::Removed)));
    // Nor is what she had made still good.
    assert!(matches!(bob.follow(at_bob, &eve, &pending), Ok(Processed::Known)));
    assert_eq!(bob.read(at_bob, &alice, &secret), "without Eve");
    // It stays so after a restart; added anew, she reads what comes from then on.
    *at_eve = Group::load(&eve.store, CONVERSATION).unwrap().unwrap();
    assert!(!at_eve.is_active());
    let back = alice.commit(at_alice, &[&eve], &[]);
    at_alice.accept_commit(&alice.store).unwrap();
    let mut at_eve = eve.join(&alice, &back);
    let welcome_back = alice.say(at_alice, "welcome back");
    assert_eq!(eve.read(&mut at_eve, &alice, &welcome_back), "welcome back");
    assert!(matches!(eve.hear(&mut at_eve, &alice, &secret), Err(ProcessError::TooOld)));
}

#[test]
fn messages_come_late_within_bounds_and_once() {
    let (alice, bob) = (Phone::new("alice/1"), Phone::new("bob/1"));
    let mut groups = group_of(&[&alice, &bob]);
    let [at_alice, at_bob] = groups.as_mut_slice() else { panic!() };
    let late = usize::try_from(LATE_MESSAGES_MAX).unwrap();
    let messages: Vec<_> = (0..=late + 1).map(|number| alice.say(at_alice, &number.to_string())).collect();
    let last = messages.last().unwrap();
    assert_eq!(bob.read(at_bob, &alice, last), (late + 1).to_string());
    assert!(matches!(bob.hear(at_bob, &alice, last), Err(ProcessError::Replayed | ProcessError::TooOld)));
    assert!(matches!(bob.hear(at_bob, &alice, &messages[0]), Err(ProcessError::TooOld)));
    for number in [5, 3, 4, late] {
        assert_eq!(bob.read(at_bob, &alice, &messages[number]), number.to_string());
        let again = bob.hear(at_bob, &alice, &messages[number]);
        assert!(matches!(again, Err(ProcessError::Replayed)), "{again:?}");
    }
    // It is refused after a restart, too.
    *at_bob = Group::load(&bob.store, CONVERSATION).unwrap().unwrap();
    assert!(matches!(bob.hear(at_bob, &alice, &messages[5]), Err(ProcessError::Replayed)));
    assert_eq!(bob.read(at_bob, &alice, &messages[6]), "6");
    // Too many missing.
    for _ in 0..=tidings_mls::limits::SKIPPED_MESSAGES_MAX {
        alice.say(at_alice, "lost");
    }
    let far = alice.say(at_alice, "far");
    assert!(matches!(bob.hear(at_bob, &alice, &far), Err(ProcessError::TooFarAhead)));
}

#[test]
fn messages_of_earlier_epochs_are_read_for_a_while() {
    let (alice, bob) = (Phone::new("alice/1"), Phone::new("bob/1"));
    let mut groups = group_of(&[&alice, &bob]);
    let [at_alice, at_bob] = groups.as_mut_slice() else { panic!() };
    let (one, two) = (alice.say(at_alice, "one"), alice.say(at_alice, "two"));
    for epoch in 0..=PAST_EPOCHS_MAX {
        if epoch == PAST_EPOCHS_MAX {
            assert_eq!(bob.read(at_bob, &alice, &one), "one");
            assert!(matches!(bob.hear(at_bob, &alice, &one), Err(ProcessError::Replayed)));
        }
        let commit = bob.commit(at_bob, &[], &[]);
        at_bob.accept_commit(&bob.store).unwrap();
        alice.follow(at_alice, &bob, &commit).unwrap();
    }
    assert!(matches!(bob.hear(at_bob, &alice, &two), Err(ProcessError::TooOld)));
}

#[test]
fn the_sender_is_who_signed() {
    let (alice, bob, mallory) = (Phone::new("alice/1"), Phone::new("bob/1"), Phone::new("mallory/1"));
    let mut groups = group_of(&[&alice, &bob, &mallory]);
    let [at_alice, at_bob, at_mallory] = groups.as_mut_slice() else { panic!() };
    let message = mallory.say(at_mallory, "I am Alice");
    let error = bob.hear(at_bob, &alice, &message).unwrap_err();
    assert!(matches!(error, ProcessError::WrongSender { expected, found }
        if expected == *alice.device() && found == *mallory.device()));
    // To Mallory it is her own: that the service names another is noticed.
    assert!(matches!(mallory.hear(at_mallory, &alice, &message), Err(ProcessError::WrongSender { .. })));
    // The failure has changed nothing: by its right name it is read.
    assert_eq!(bob.read(at_bob, &mallory, &message), "I am Alice");
    let commit = mallory.commit(at_mallory, &[], &[]);
    assert!(matches!(bob.follow(at_bob, &alice, &commit), Err(ProcessError::WrongSender { .. })));
    assert_eq!(at_bob.epoch(), 1);
    assert!(matches!(bob.follow(at_bob, &mallory, &commit), Ok(Processed::Commit(_))));
    assert!(matches!(alice.follow(at_alice, &mallory, &commit), Ok(Processed::Commit(_))));
}

#[test]
fn an_entry_is_what_it_is_named() {
    let (alice, bob) = (Phone::new("alice/1"), Phone::new("bob/1"));
    let mut groups = group_of(&[&alice, &bob]);
    let [at_alice, at_bob] = groups.as_mut_slice() else { panic!() };
    let message = alice.say(at_alice, "hello");
    let commit = alice.commit(at_alice, &[], &[]);
    let mut process = |event, epoch, payload: &str| {
        at_bob.process(&bob.store, &Entry { sender: alice.device(), event, epoch, payload })
    };
    for (event, epoch, payload) in [
        (Event::Commit, 2, &message.payload),
        (Event::Message, 1, &commit.payload),
        (Event::Message, 2, &message.payload),
        (Event::Commit, 1, &commit.payload),
        (Event::Commit, 3, &commit.payload),
    ] {
        let answer = process(event, epoch, payload);
        assert!(matches!(answer, Err(ProcessError::Misnamed(_))), "{answer:?}");
    }
    let flipped = |at: usize| {
        let mut bytes = STANDARD.decode(&message.payload).unwrap();
        let at = bytes.len() - at;
        bytes[at] ^= 1;
        STANDARD.encode(bytes)
    };
    for payload in [flipped(1), flipped(40), flipped(60)] {
        let answer = process(Event::Message, 1, &payload);
        assert!(matches!(answer, Err(ProcessError::Invalid(_) | ProcessError::Wire(_))), "{answer:?}");
    }
    for payload in ["", "!", "AAAA", &message.payload[..40], &format!("{}AAAA", &message.payload[..4])] {
        assert!(matches!(process(Event::Message, 1, payload), Err(ProcessError::Wire(_))), "{payload}");
    }
    let long = "A".repeat(tidings_mls::limits::MESSAGE_BASE64_BYTES_MAX + 4);
    assert!(matches!(process(Event::Message, 1, &long), Err(ProcessError::Wire(WireError::TooLarge { .. }))));
    assert!(process(Event::Message, 1, &message.payload).is_ok());
    // Of another conversation.
    let other = Group::create(&bob.store, &bob.identity, "g:other", now_seconds()).unwrap();
    assert_eq!(other.conversation_id(), "g:other");
    let mut other = other;
    let message = alice.say(at_alice, "hello");
    assert!(matches!(bob.hear(&mut other, &alice, &message), Err(ProcessError::WrongConversation)));
}

#[test]
fn a_welcome_is_checked() {
    let (alice, bob, carol) = (Phone::new("alice/1"), Phone::new("bob/1"), Phone::new("carol/1"));
    let mut at_alice = alice.create();
    let commit = alice.commit(&mut at_alice, &[&bob], &[]);
    at_alice.accept_commit(&alice.store).unwrap();
    let good = mail(&alice, &commit);
    let join = |phone: &Phone, mail: WelcomeMail<'_>| Group::join(&phone.store, &phone.identity, &mail);
    assert!(matches!(join(&carol, good), Err(JoinError::NotForUs)));
    assert!(matches!(
        join(&bob, WelcomeMail { conversation_id: "g:other", ..good }),
        Err(JoinError::WrongConversation)
    ));
    assert!(matches!(
        join(&bob, WelcomeMail { from: carol.device(), ..good }),
        Err(JoinError::WrongSender { found, .. }) if found == *alice.device()
    ));
    for payload in [commit.payload.as_str(), "AAAA", ""] {
        assert!(matches!(join(&bob, WelcomeMail { payload, ..good }), Err(JoinError::Wire(_))));
    }
    let mut damaged = STANDARD.decode(good.payload).unwrap();
    let at = damaged.len() - 20;
    damaged[at] ^= 1;
    let damaged = STANDARD.encode(damaged);
    assert!(matches!(join(&bob, WelcomeMail { payload: &damaged, ..good }), Err(JoinError::Invalid(_))));
    // None of these has used up the key package.
    let group = join(&bob, good).unwrap();
    assert_eq!(group.epoch(), 1);
    assert!(matches!(join(&bob, good), Err(JoinError::NotForUs)));
}

#[test]
fn a_welcome_by_a_last_resort_package_is_not_taken_twice() {
    let (alice, bob) = (Phone::new("alice/1"), Phone::new("bob/1"));
    let made = bob.identity.make_last_resort_key_package(&bob.store, now_seconds()).unwrap();
    let package = || tidings_mls::KeyPackage::parse(&made, bob.device(), bob.identity.key(), now_seconds()).unwrap();
    let mut at_alice = alice.create();
    let mut add = |remove: Vec<Device>| {
        let changes = Changes { add: vec![package()], remove };
        let commit = at_alice.commit(&alice.store, &alice.identity, &changes).unwrap();
        at_alice.accept_commit(&alice.store).unwrap();
        commit
    };
    let first = add(vec![]);
    let second = add(vec![bob.device().clone()]);
    bob.join(&alice, &first);
    // Bob's device lost the thread and was added anew, by the same package: that is fine, going back is not.
    let at_bob = bob.join(&alice, &second);
    let back = Group::join(&bob.store, &bob.identity, &mail(&alice, &first));
    assert!(matches!(back, Err(JoinError::Stale { epoch: 1, current: 2 })));
    let again = Group::join(&bob.store, &bob.identity, &mail(&alice, &second));
    assert!(matches!(again, Err(JoinError::Stale { epoch: 2, current: 2 })));
    let stored = Group::load(&bob.store, CONVERSATION).unwrap().unwrap();
    assert_eq!(stored.authenticator(), at_bob.authenticator());
}

#[test]
fn who_lost_the_state_is_replaced() {
    let (alice, bob) = (Phone::new("alice/1"), Phone::new("bob/1"));
    let mut groups = group_of(&[&alice, &bob]);
    let at_alice = &mut groups[0];
    // A new installation under the old name: another key.
    let anew = Phone::new("bob/1");
    let wanted =
        BTreeMap::from([(alice.device().clone(), alice.identity.key()), (anew.device().clone(), anew.identity.key())]);
    let plan = at_alice.plan(&alice.identity, &wanted, &BTreeSet::new()).unwrap();
    assert_eq!(
        (plan.add.as_slice(), plan.remove.as_slice()),
        (&[bob.device().clone()][..], &[bob.device().clone()][..])
    );
    let commit = alice.commit(at_alice, &[&anew], &[&bob]);
    at_alice.accept_commit(&alice.store).unwrap();
    let mut at_bob = anew.join(&alice, &commit);
    let hello = anew.say(&mut at_bob, "again");
    assert_eq!(alice.read(at_alice, &anew, &hello), "again");
    assert!(at_alice.plan(&alice.identity, &wanted, &BTreeSet::new()).unwrap().is_empty());
    // The same installation, which asks for it: by the same key.
    let rejoin = BTreeSet::from([anew.device().clone()]);
    let plan = at_alice.plan(&alice.identity, &wanted, &rejoin).unwrap();
    assert_eq!(plan.add, plan.remove);
    let commit = alice.commit(at_alice, &[&anew], &[&anew]);
    at_alice.accept_commit(&alice.store).unwrap();
    assert_eq!(anew.join(&alice, &commit).authenticator(), at_alice.authenticator());
}

#[test]
fn changes_that_make_no_sense_are_refused() {
    let (alice, bob, carol) = (Phone::new("alice/1"), Phone::new("bob/1"), Phone::new("carol/1"));
    let mut groups = group_of(&[&alice, &bob]);
    let at_alice = &mut groups[0];
    let mut commit =
        |add: Vec<_>, remove: Vec<Device>| at_alice.commit(&alice.store, &alice.identity, &Changes { add, remove });
    assert!(
        matches!(commit(vec![bob.key_package()], vec![]), Err(CommitError::AlreadyIn(device)) if device == *bob.device())
    );
    let twice = vec![carol.key_package(), carol.key_package()];
    assert!(matches!(commit(twice, vec![]), Err(CommitError::AlreadyIn(_))));
    assert!(matches!(commit(vec![], vec![carol.device().clone()]), Err(CommitError::NotIn(_))));
    let twice = vec![bob.device().clone(), bob.device().clone()];
    assert!(matches!(commit(vec![], twice), Err(CommitError::NotIn(_))));
    assert!(matches!(commit(vec![], vec![alice.device().clone()]), Err(CommitError::Oneself)));
    let many = (0..=ADDS_MAX).map(|_| carol.key_package()).collect();
    assert!(matches!(commit(many, vec![]), Err(CommitError::TooManyAdds { .. })));
    assert!(!at_alice.has_pending_commit());
}

#[test]
fn messages_are_padded_and_bounded() {
    let (alice, bob) = (Phone::new("alice/1"), Phone::new("bob/1"));
    let mut groups = group_of(&[&alice, &bob]);
    let [at_alice, at_bob] = groups.as_mut_slice() else { panic!() };
    let sizes: BTreeSet<usize> = (0..64)
        .map(|length| STANDARD.decode(alice.say(at_alice, &"x".repeat(length)).payload).unwrap().len())
        .collect();
    assert!(sizes.len() <= 64 / PADDING_BYTES + 2, "{sizes:?}");
    // The longest content is still a payload.
    let overhead = r#"{"v":1,"kind":"text","body":{"text":""}}"#.len();
    let longest = alice.say(at_alice, &"x".repeat(CONTENT_BYTES_MAX - overhead));
    assert!(longest.payload.len() <= tidings_mls::limits::PAYLOAD_BASE64_BYTES_MAX, "{}", longest.payload.len());
    assert_eq!(bob.read(at_bob, &alice, &longest).len(), CONTENT_BYTES_MAX - overhead);
    let longer = Content::text(&"x".repeat(CONTENT_BYTES_MAX));
    let error = at_alice.encrypt(&alice.store, &alice.identity, &longer).unwrap_err();
    assert!(matches!(error, EncryptError::Content(ContentError::TooLarge { .. })));
    let any = Content { kind: "poll".to_owned(), body: json!({"options": ["yes", "no"], "n": 3}) };
    let sent = at_alice.encrypt(&alice.store, &alice.identity, &any).unwrap();
    let Ok(Processed::Message { content: Ok(content), .. }) = bob.hear(at_bob, &alice, &sent) else { panic!() };
    assert_eq!(content, any);
}

/// A crash before the transaction is durable: what was made in it was never sent, and is made anew from the old state. A
/// crash after it: what is sent again is the stored ciphertext. Either way no key is used for two messages.
#[test]
fn a_rollback_is_as_if_nothing_was() {
    let (alice, bob) = (Phone::new("alice/1"), Phone::new("bob/1"));
    let mut groups = group_of(&[&alice, &bob]);
    let [at_alice, at_bob] = groups.as_mut_slice() else { panic!() };
    let before = alice.store.clone();
    alice.say(at_alice, "never sent");
    let mut restored = Group::load(&before, CONVERSATION).unwrap().unwrap();
    let sent = restored.encrypt(&before, &alice.identity, &Content::text("sent")).unwrap();
    assert_eq!(bob.read(at_bob, &alice, &sent), "sent");
    let next = restored.encrypt(&before, &alice.identity, &Content::text("next")).unwrap();
    assert_eq!(bob.read(at_bob, &alice, &next), "next");
    // The receiver's side: a message whose processing was rolled back is read again.
    let mut before = bob.store.clone();
    let third = restored.encrypt(&alice.store, &alice.identity, &Content::text("third")).unwrap();
    assert_eq!(bob.read(at_bob, &alice, &third), "third");
    let again = Phone {
        store: std::mem::take(&mut before),
        identity: tidings_mls::Identity::load(&bob.store).unwrap().unwrap(),
    };
    let mut at_bob = Group::load(&again.store, CONVERSATION).unwrap().unwrap();
    assert_eq!(again.read(&mut at_bob, &alice, &third), "third");
}
