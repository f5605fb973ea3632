//! Rows about single messages, content that is taken away, and timers.

use std::collections::BTreeMap;

use futures_util::future::{join_all, try_join_all};
use tidings_domain::{
    annotations::{Ballot, Opening, Pin, TallyKind, Thread},
    ids::{MessageId, Sequence, Timestamp},
    limits::{OPEN_AGAIN_MS, TALLY_CHOICES_MAX},
    log::{Entry, Erasure},
    ports::Consistency,
    schedule::{Pointer, Scheduled},
    send::Draft,
    timers::{Minute, Timer},
};

use crate::Subject;

fn ballot(s: &Subject<'_>, message: MessageId, user: &str, choices: &[&str], at: u64) -> Ballot {
    let choices = choices.iter().map(|choice| (*choice).into()).collect();
    Ballot { message, kind: TallyKind::Votes, user: s.user(user), choices, at: Sequence(at) }
}

fn counts(page: &tidings_domain::annotations::TallyPage) -> BTreeMap<&str, u64> {
    page.counts.iter().map(|(choice, count)| (choice.as_ref(), *count)).collect()
}

/// An edit is told of the deletion, or the deletion of the edit, whichever comes first.
pub async fn an_edit_and_a_deletion_see_one_another(s: Subject<'_>) {
    let message = s.entry(&s.direct("alice", "edits"), 1).message_id();
    assert!(!s.annotations.note_edit(message, Sequence(9)).await.unwrap());
    assert!(!s.annotations.note_edit(message, Sequence(12)).await.unwrap());
    assert!(!s.annotations.note_edit(message, Sequence(12)).await.unwrap());
    assert_eq!(s.annotations.edits(message, Sequence::ZERO, 1).await.unwrap(), [Sequence(9)]);
    assert_eq!(s.annotations.edits(message, Sequence(9), 10).await.unwrap(), [Sequence(12)]);
    assert_eq!(s.annotations.note_deletion(message).await.unwrap(), [Sequence(9), Sequence(12)]);
    assert!(s.annotations.note_edit(message, Sequence(13)).await.unwrap());
}

/// Of each user the latest word counts, however often and in whatever order the words come.
pub async fn the_latest_word_of_each_user_is_counted(s: Subject<'_>) {
    let message = s.entry(&s.direct("alice", "votes"), 1).message_id();
    let said = [
        ballot(&s, message, "alice", &["a", "b"], 3),
        ballot(&s, message, "bob", &["a"], 2),
        ballot(&s, message, "alice", &["b"], 5),
        ballot(&s, message, "alice", &["a", "b"], 3),
        ballot(&s, message, "alice", &["b"], 5),
        ballot(&s, message, "carol", &["c"], 6),
        ballot(&s, message, "carol", &[], 7),
    ];
    for ballot in &said {
        s.annotations.tally(ballot).await.unwrap();
    }
    let page = s.annotations.tallies(message, TallyKind::Votes, None, 10).await.unwrap();
    assert_eq!(counts(&page), [("a", 1), ("b", 1)].into());
    assert_eq!(page.by_user, [(s.user("alice"), vec!["b".into()]), (s.user("bob"), vec!["a".into()])]);
    assert_eq!(page.next, None);
    let first = s.annotations.tallies(message, TallyKind::Votes, None, 1).await.unwrap();
    assert_eq!((first.by_user.len(), &first.next), (1, &Some(s.user("alice"))));
    let second = s.annotations.tallies(message, TallyKind::Votes, first.next.as_ref(), 1).await.unwrap();
    assert_eq!(second.by_user, [(s.user("bob"), vec!["a".into()])]);
    let reactions = s.annotations.tallies(message, TallyKind::Reactions, None, 10).await.unwrap();
    assert_eq!(reactions.counts.len(), 0, "kinds are counted apart");
}

/// Users who say something at once are all counted, and counts have a bound.
pub async fn words_at_once_are_all_counted(s: Subject<'_>) {
    let message = s.entry(&s.direct("alice", "crowd"), 1).message_id();
    let users: Vec<String> = (0..4).map(|n| format!("u{n}")).collect();
    let ballots: Vec<Ballot> = users.iter().map(|user| ballot(&s, message, user, &["yes"], 2)).collect();
    // Whoever gives up comes again, as a record of a stream does.
    for _ in 0..10 {
        if join_all(ballots.iter().map(|b| s.annotations.tally(b))).await.iter().all(Result::is_ok) {
            break;
        }
    }
    let page = s.annotations.tallies(message, TallyKind::Votes, None, 10).await.unwrap();
    assert_eq!(counts(&page), [("yes", 4)].into());
    for n in 0..TALLY_CHOICES_MAX as u64 + 3 {
        let choice = format!("c{n}");
        s.annotations.tally(&ballot(&s, message, &format!("v{n}"), &[&choice], 3)).await.unwrap();
    }
    let page = s.annotations.tallies(message, TallyKind::Votes, None, 10).await.unwrap();
    assert_eq!(page.counts.len(), TALLY_CHOICES_MAX);
}

/// A message is pinned as the latest event says, and the last pinned comes first.
pub async fn pins_are_as_the_latest_event_says(s: Subject<'_>) {
    let conversation = s.direct("alice", "pins");
    let pin = |sequence: u64, ts: u64| Pin {
        message: s.entry(&conversation, sequence).message_id(),
        sequence: Sequence(sequence),
        by: s.user("alice"),
        ts: Timestamp(ts),
    };
    let (one, two) = (pin(1, 100), pin(2, 90));
    s.annotations.note_pin(&conversation, &one, true, Sequence(10)).await.unwrap();
    s.annotations.note_pin(&conversation, &two, true, Sequence(11)).await.unwrap();
    assert_eq!(s.annotations.pins(&conversation, 10).await.unwrap(), [one.clone(), two.clone()]);
    assert_eq!(s.annotations.pins(&conversation, 1).await.unwrap(), std::slice::from_ref(&one));
    s.annotations.note_pin(&conversation, &one, false, Sequence(13)).await.unwrap();
    s.annotations.note_pin(&conversation, &one, true, Sequence(12)).await.unwrap();
    assert_eq!(s.annotations.pins(&conversation, 10).await.unwrap(), [two]);
}

/// A reply is counted once, and a thread is where its last reply puts it.
pub async fn replies_are_counted_once(s: Subject<'_>) {
    let conversation = s.direct("alice", "threads");
    let (one, two) = (s.entry(&conversation, 1).message_id(), s.entry(&conversation, 2).message_id());
    let note = |root, reply: u64| s.annotations.note_reply(&conversation, root, Sequence(reply), Timestamp(reply * 10));
    for (root, reply) in [(one, 3), (one, 5), (two, 4), (one, 3), (one, 5)] {
        note(root, reply).await.unwrap();
    }
    let thread = |root, replies, last: u64| Thread {
        root,
        replies,
        last_sequence: Sequence(last),
        last_ts: Timestamp(last * 10),
    };
    let threads = s.annotations.threads(&conversation, None, 10).await.unwrap();
    assert_eq!(threads, [thread(one, 2, 5), thread(two, 1, 4)]);
    let before = s.annotations.threads(&conversation, Some(Timestamp(50)), 10).await.unwrap();
    assert_eq!(before, [thread(two, 1, 4)]);
    assert_eq!(s.annotations.replies(&conversation, one, Sequence(3), 10).await.unwrap(), [Sequence(5)]);
    assert_eq!(s.annotations.replies(&conversation, one, Sequence::ZERO, 1).await.unwrap(), [Sequence(3)]);

    let elsewhere = s.direct("alice", "elsewhere");
    assert_eq!(s.annotations.replies(&elsewhere, one, Sequence::ZERO, 1).await.unwrap(), []);

    let bob = s.user("bob");
    assert_eq!(s.annotations.thread_mark(&conversation, one, &bob).await.unwrap(), Sequence::ZERO);
    for up_to in [5, 3] {
        s.annotations.raise_thread_mark(&conversation, one, &bob, Sequence(up_to)).await.unwrap();
        assert_eq!(s.annotations.thread_mark(&conversation, one, &bob).await.unwrap(), Sequence(5));
    }
}

/// A user opens a message once; the device that did may ask again for a while.
pub async fn a_message_is_opened_once_by_each(s: Subject<'_>) {
    let message = s.entry(&s.direct("alice", "once"), 1).message_id();
    let (phone, web, carol) = (s.device("bob", "phone"), s.device("bob", "web"), s.device("carol", "phone"));
    let now = Timestamp(1_000_000);
    let open = |by, at: Timestamp| s.annotations.open(message, by, at);
    assert_eq!(open(&phone, now).await.unwrap(), Opening::Open { users: 1 });
    assert_eq!(open(&phone, now.plus_ms(OPEN_AGAIN_MS)).await.unwrap(), Opening::Open { users: 1 });
    assert_eq!(open(&phone, now.plus_ms(OPEN_AGAIN_MS + 1)).await.unwrap(), Opening::Before);
    assert_eq!(open(&web, now).await.unwrap(), Opening::Before);
    assert_eq!(open(&carol, now).await.unwrap(), Opening::Open { users: 2 });
}

/// Content goes from rows of one and of many, and the rest of the entry stays.
pub async fn content_goes_and_the_entry_stays(s: Subject<'_>) {
    let conversation = s.direct("alice", "erased");
    let entries: Vec<Entry> = (1..=4).map(|sequence| s.entry(&conversation, sequence)).collect();
    s.log.append(&entries[..1]).await.unwrap();
    s.log.append(&entries[1..]).await.unwrap();
    let erase = |at: u64, why| s.eraser.erase(&conversation, Sequence(at), why);
    try_join_all([erase(1, Erasure::Deleted), erase(2, Erasure::Expired), erase(4, Erasure::Viewed)]).await.unwrap();
    // Again, of nothing, and for another reason: nothing more happens.
    try_join_all([erase(1, Erasure::Expired), erase(4, Erasure::Viewed), erase(5, Erasure::Deleted)]).await.unwrap();
    let rows = s.log.read_after(&conversation, Sequence::ZERO, 10, Consistency::Strong).await.unwrap();
    let expected = entries.into_iter().map(|mut entry| {
        entry.erased = match entry.sequence.0 {
            1 => Some(Erasure::Deleted),
            2 => Some(Erasure::Expired),
            4 => Some(Erasure::Viewed),
            _ => return entry,
        };
        entry.content.erase();
        entry
    });
    assert_eq!(rows, expected.collect::<Vec<_>>());
}

/// Timers are found in their minute until they are taken away.
pub async fn timers_are_found_in_their_minute(s: Subject<'_>) {
    let conversation = s.direct("alice", "timers");
    // Every run its own minute: the table is one for all.
    let far = s.run.bytes().fold(0_u64, |sum, byte| (sum * 31 + u64::from(byte)) % 1_000_000_000);
    let minute = Minute(1_000_000_000 + far);
    let timer = |sequence: u64, ms: u64, why| Timer {
        due: Timestamp(minute.0 * 60_000 + ms),
        conversation: conversation.clone(),
        sequence: Sequence(sequence),
        why,
    };
    let (one, two) = (timer(1, 0, Erasure::Expired), timer(2, 59_999, Erasure::Viewed));
    for timer in [&one, &two, &one] {
        s.timers.set(timer).await.unwrap();
    }
    s.timers.set(&timer(3, 60_000, Erasure::Expired)).await.unwrap();
    assert_eq!(s.timers.of_minute(minute).await.unwrap(), [one.clone(), two.clone()]);
    s.timers.remove(&one).await.unwrap();
    assert_eq!(s.timers.of_minute(minute).await.unwrap(), [two]);
}

/// A scheduled message is found by its user and its minute, is replaced by its name, and goes only if it
/// is still to be sent at that time.
pub async fn a_scheduled_message_waits_for_its_minute(s: Subject<'_>) {
    let entry = s.entry(&s.direct("alice", "later"), 1);
    let alice = s.user("alice");
    let far = s.run.bytes().fold(0_u64, |sum, byte| (sum * 31 + u64::from(byte)) % 1_000_000_000);
    let (first, second) = (Minute(2_000_000_000 + far), Minute(3_000_000_000 + far));
    let draft = Draft {
        sender: entry.sender.clone(),
        conversation: entry.conversation.clone(),
        client_msg_id: entry.client_msg_id.clone(),
        event: entry.event,
        target: None,
        content: entry.content.clone(),
        epoch: Some(3),
    };
    let at = |minute: Minute| Scheduled { due: Timestamp(minute.0 * 60_000), draft: draft.clone(), refused: None };
    let id = draft.message_id();
    s.schedule.keep(&at(first), first).await.unwrap();
    assert_eq!(s.schedule.count(&alice).await.unwrap(), 1);
    assert_eq!(s.schedule.find(&alice, id).await.unwrap(), Some(at(first)));
    s.schedule.keep(&at(second), second).await.unwrap();
    assert_eq!(s.schedule.count(&alice).await.unwrap(), 1);
    assert_eq!(s.schedule.of_user(&alice, None, 10).await.unwrap(), [at(second)]);
    assert_eq!(s.schedule.of_user(&alice, Some(id), 10).await.unwrap(), []);
    let pointer = |minute| Pointer { minute, user: alice.clone(), message: id };
    for minute in [first, second] {
        assert_eq!(s.schedule.of_minute(minute).await.unwrap(), [pointer(minute)]);
        s.schedule.unfile(&pointer(minute)).await.unwrap();
        assert_eq!(s.schedule.of_minute(minute).await.unwrap(), []);
    }
    assert!(!s.schedule.remove(&alice, id, Some(at(first).due)).await.unwrap());
    s.schedule.refuse(&alice, id, "why").await.unwrap();
    let refused = Scheduled { refused: Some("why".into()), ..at(second) };
    assert_eq!(s.schedule.find(&alice, id).await.unwrap(), Some(refused));
    assert!(s.schedule.remove(&alice, id, Some(at(second).due)).await.unwrap());
    assert!(!s.schedule.remove(&alice, id, None).await.unwrap());
    s.schedule.refuse(&alice, id, "nothing").await.unwrap();
    assert_eq!(s.schedule.find(&alice, id).await.unwrap(), None);
}
