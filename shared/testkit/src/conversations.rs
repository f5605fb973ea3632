//! Conversations and members.

use std::collections::BTreeMap;

use tidings_domain::{
    conversation::{Advance, Advanced, PreferencesPatch, Standing, Watermark},
    ids::{ClientMsgId, ConversationId, MessageId, Sender, Sequence, Timestamp},
    limits::ACTIVITY_BUCKET_MS,
    ports::Consistency,
    ring::RingEntry,
};

use crate::Subject;

const HOUR_MS: u64 = ACTIVITY_BUCKET_MS;

fn message_id(conversation: &ConversationId, sender: &Sender, n: u64) -> MessageId {
    MessageId::of(conversation, sender, &ClientMsgId::parse(&n.to_string()).unwrap())
}

fn advance(last_sequence: u64, last_ts: u64) -> Advance {
    Advance {
        after: Sequence::ZERO,
        last_sequence: Sequence(last_sequence),
        last_ts: Timestamp(last_ts),
        moved_at: Timestamp(last_ts),
        sent_at: None,
        sent: BTreeMap::new(),
    }
}

fn advance_with(conversation: &ConversationId, sender: &Sender, sequences: &[u64]) -> Advance {
    let entries = sequences.iter().map(|n| RingEntry::of(message_id(conversation, sender, *n), Sequence(*n)));
    let mut advance = advance(*sequences.iter().max().unwrap(), 1_800_000_000_000);
    advance.sent.insert(sender.device.clone(), entries.collect());
    advance
}

/// Marks rise, in whatever order they come, and read implies delivered.
pub async fn marks_rise_and_read_implies_delivered(s: Subject<'_>) {
    let (conversation, bob) = (s.direct("alice", "bob"), s.user("bob"));
    let raise = async |mark, up_to| {
        let now = Timestamp(1_800_000_000_000);
        s.conversations.raise(&conversation, &bob, mark, Sequence(up_to), now).await.unwrap()
    };
    let marks = async || {
        let (_, member) =
            s.conversations.memberships(&bob, std::slice::from_ref(&conversation)).await.unwrap().remove(0);
        (member.delivered_up_to.0, member.read_up_to.0)
    };
    assert!(raise(Watermark::Delivered, 3).await);
    assert!(!raise(Watermark::Delivered, 3).await);
    assert!(!raise(Watermark::Delivered, 2).await);
    assert_eq!(marks().await, (3, 0));
    assert!(raise(Watermark::Read, 2).await, "less is read than was delivered");
    assert_eq!(marks().await, (3, 2));
    assert!(raise(Watermark::Read, 5).await, "read implies delivered");
    assert_eq!(marks().await, (5, 5));
    assert!(!raise(Watermark::Read, 5).await);
    assert!(!raise(Watermark::Delivered, 4).await);
    assert_eq!(marks().await, (5, 5));
}

/// A member row takes the highest sequence, and ring entries in any order and however often.
pub async fn a_member_row_advances_by_the_highest_and_collects_its_rings(s: Subject<'_>) {
    let conversation = s.direct("alice", "bob");
    let (phone, web) = (s.device("alice", "phone"), s.device("alice", "web:1"));
    for step in [
        advance_with(&conversation, &phone, &[2]),
        advance_with(&conversation, &web, &[3]),
        advance_with(&conversation, &phone, &[1]),
        advance_with(&conversation, &phone, &[1]),
    ] {
        s.conversations.advance(&conversation, &phone.user, &step).await.unwrap();
    }
    let standing = s.conversations.standing(&conversation, &phone.user).await.unwrap();
    let member = standing.member.unwrap();
    assert_eq!(member.last_sequence, Sequence(3));
    let found = |sender: &Sender, n| member.rings[&sender.device].candidates(message_id(&conversation, sender, n));
    assert_eq!(found(&phone, 1), [Sequence(1)]);
    assert_eq!(found(&phone, 2), [Sequence(2)]);
    assert_eq!(found(&web, 3), [Sequence(3)]);
    assert_eq!(member.rings[&phone.device].entries().len(), 2);
}

/// A ring keeps the last 64 of its device and does not grow without end.
pub async fn a_ring_keeps_the_last_64_in_any_order(s: Subject<'_>) {
    let conversation = s.direct("alice", "ring");
    let phone = s.device("alice", "phone");
    for batch in [1..=60, 81..=110, 61..=80, 111..=150] {
        let sequences: Vec<u64> = batch.collect();
        let step = advance_with(&conversation, &phone, &sequences);
        s.conversations.advance(&conversation, &phone.user, &step).await.unwrap();
    }
    let member = s.conversations.standing(&conversation, &phone.user).await.unwrap().member.unwrap();
    let ring = &member.rings[&phone.device];
    assert!(ring.entries().len() <= 80, "{}", ring.entries().len());
    for n in 87..=150 {
        assert!(ring.candidates(message_id(&conversation, &phone, n)).contains(&Sequence(n)), "{n}");
    }
}

/// A group's row is there exactly while the user is a member: no late event makes it again.
pub async fn a_group_row_is_not_made_by_a_late_event(s: Subject<'_>) {
    let group = ConversationId::parse(&format!("g:{}", s.run)).unwrap();
    let bob = s.user("bob");
    s.conversations.advance(&group, &bob, &advance(1, 1)).await.unwrap();
    let raised = s.conversations.raise(&group, &bob, Watermark::Read, Sequence(1), Timestamp(1)).await.unwrap();
    assert!(!raised);
    assert!(s.conversations.members(&group, Consistency::Strong).await.unwrap().rows.is_empty());
    assert_eq!(s.conversations.standing(&group, &bob).await.unwrap().member, None);
}

/// Conversations are listed by the hour of their last activity, latest first, in pages.
pub async fn activity_lists_latest_first_and_pages(s: Subject<'_>) {
    let me = s.user("lister");
    let start = 1_800_000_000_000 / HOUR_MS * HOUR_MS;
    let others = ["p1", "p2", "p3", "p4", "p5"];
    for (hours, other) in (0..).zip(others) {
        let conversation = s.direct("lister", other);
        s.conversations.advance(&conversation, &me, &advance(1, start + hours * HOUR_MS)).await.unwrap();
    }
    let mut listed = Vec::new();
    let mut from = None;
    for _ in 0..4 {
        let page = s.conversations.by_activity(&me, Timestamp(start + HOUR_MS), from.as_ref(), 2).await.unwrap();
        listed.extend(page.keys.into_iter().map(|key| key.conversation));
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    let expected: Vec<ConversationId> = others[1..].iter().rev().map(|other| s.direct("lister", other)).collect();
    assert_eq!(listed, expected);
    assert_eq!(from, None);

    // What was appended long ago and is fanned out now is filed now.
    let late = Advance { moved_at: Timestamp(start + 9 * HOUR_MS), ..advance(1, start) };
    s.conversations.advance(&s.direct("lister", "late"), &me, &late).await.unwrap();
    let page = s.conversations.by_activity(&me, Timestamp(start + 9 * HOUR_MS), None, 2).await.unwrap();
    assert_eq!(page.keys.len(), 1);

    let rows = s.conversations.memberships(&me, &expected).await.unwrap();
    assert_eq!(rows.len(), 4);
    assert!(s.conversations.memberships(&me, &[s.direct("lister", "stranger")]).await.unwrap().is_empty());
}

/// A standing tells the sender's own row, and that of nobody else.
pub async fn a_standing_tells_the_senders_row(s: Subject<'_>) {
    let conversation = s.direct("alice", "carol");
    let (alice, carol) = (s.user("alice"), s.user("carol"));
    assert_eq!(s.conversations.standing(&conversation, &alice).await.unwrap(), Standing::default());
    s.conversations.advance(&conversation, &carol, &advance(4, 9)).await.unwrap();
    assert_eq!(s.conversations.standing(&conversation, &alice).await.unwrap().member, None);
    let of_carol = s.conversations.standing(&conversation, &carol).await.unwrap();
    assert_eq!(of_carol.known_sequence(), Sequence(4));
    let members = s.conversations.members(&conversation, Consistency::Strong).await.unwrap().rows;
    assert_eq!(members.iter().map(|m| &m.user).collect::<Vec<_>>(), [&carol]);
}

/// A member row is not moved over entries that it has not got.
pub async fn a_member_row_is_not_moved_over_what_it_lacks(s: Subject<'_>) {
    let (conversation, alice) = (s.direct("alice", "gaps"), s.user("alice"));
    let to = async |after: u64, last: u64| {
        let advance = Advance { after: Sequence(after), ..advance(last, last) };
        s.conversations.advance(&conversation, &alice, &advance).await.unwrap()
    };
    assert_eq!(to(3, 5).await, Advanced::Behind(Sequence(0)), "there is no row yet");
    assert_eq!(to(0, 2).await, Advanced::Done);
    assert_eq!(to(3, 5).await, Advanced::Behind(Sequence(2)));
    assert_eq!(to(2, 5).await, Advanced::Done);
    assert_eq!(to(3, 4).await, Advanced::Done, "late");
    assert_eq!(to(0, 1).await, Advanced::Done, "later still");
    let member = s.conversations.standing(&conversation, &alice).await.unwrap().member.unwrap();
    assert_eq!((member.last_sequence, member.last_ts), (Sequence(5), Timestamp(5)));
}

/// A conversation is hot until the latest moment that was said, whoever asks.
pub async fn a_conversation_is_hot_until_the_latest_moment(s: Subject<'_>) {
    let conversation = s.direct("alice", "heat");
    let hot_until = async || {
        let standing = s.conversations.standing(&conversation, &s.user("alice")).await.unwrap();
        (standing.hot_until.0, standing.membership_version.0, standing.member)
    };
    assert_eq!(hot_until().await, (0, 0, None));
    for (until, expected) in [(5_000, 5_000), (3_000, 5_000), (9_000, 9_000)] {
        s.conversations.heat(&conversation, Timestamp(until)).await.unwrap();
        assert_eq!(hot_until().await, (expected, 0, None));
    }
}

/// What a member sets is on the member's own row, stays where it is not named, and can be taken
/// away; the row of a direct conversation is made, that of a group is not.
pub async fn preferences_are_set_and_taken_away(s: Subject<'_>) {
    let (conversation, alice) = (s.direct("alice", "prefers"), s.user("alice"));
    let now = Timestamp(1_800_000_000_000);
    let set = async |patch: PreferencesPatch, at: Timestamp| {
        s.conversations.set_preferences(&conversation, &alice, &patch, at).await.unwrap().unwrap()
    };
    let nothing = PreferencesPatch::default();
    let made = set(nothing, now).await;
    assert_eq!((made.muted_until, made.pinned_at, made.is_archived), (Timestamp(0), Timestamp(0), false));
    let all = PreferencesPatch { muted_until: Some(Timestamp(5)), is_pinned: Some(true), is_archived: Some(true) };
    let row = set(all, now).await;
    assert_eq!((row.muted_until, row.pinned_at, row.is_archived), (Timestamp(5), now, true));
    let later = now.plus_ms(HOUR_MS);
    let row = set(PreferencesPatch { is_pinned: Some(true), ..nothing }, later).await;
    assert_eq!((row.muted_until, row.pinned_at, row.is_archived), (Timestamp(5), now, true), "the rest stays");
    assert_eq!(row.active_at, Timestamp(later.0 - later.0 % HOUR_MS), "it moves in the list");
    let standing = s.conversations.standing(&conversation, &alice).await.unwrap();
    assert_eq!(standing.member.as_ref(), Some(&row));
    let none = PreferencesPatch { muted_until: Some(Timestamp(0)), is_pinned: Some(false), is_archived: Some(false) };
    let row = set(none, later).await;
    assert_eq!((row.muted_until, row.pinned_at, row.is_archived), (Timestamp(0), Timestamp(0), false));
    let group = ConversationId::parse(&format!("g:prefers-{}", s.run)).unwrap();
    assert_eq!(s.conversations.set_preferences(&group, &alice, &all, now).await.unwrap(), None);
    assert_eq!(s.conversations.standing(&group, &alice).await.unwrap().member, None);
}

/// The life of a direct conversation's messages is kept beside what else its head says.
pub async fn the_life_of_messages_is_kept_on_the_head(s: Subject<'_>) {
    let (conversation, other) = (s.direct("alice", "ttl"), s.direct("alice", "other"));
    let ttls = async || {
        let labels = s.conversations.labels(&[conversation.clone(), other.clone()]).await.unwrap();
        let lives = labels.into_iter().filter_map(|(conversation, label)| Some((conversation, label.ttl_seconds?)));
        lives.collect::<BTreeMap<_, _>>()
    };
    assert!(ttls().await.is_empty());
    s.conversations.set_direct_ttl(&conversation, Some(60)).await.unwrap();
    s.conversations.heat(&conversation, Timestamp(5_000)).await.unwrap();
    assert_eq!(ttls().await, [(conversation.clone(), 60)].into());
    let standing = s.conversations.standing(&conversation, &s.user("alice")).await.unwrap();
    assert_eq!((standing.ttl_seconds(), standing.hot_until), (Some(60), Timestamp(5_000)));
    s.conversations.set_direct_ttl(&conversation, None).await.unwrap();
    assert!(ttls().await.is_empty());
    assert_eq!(s.conversations.standing(&conversation, &s.user("alice")).await.unwrap().ttl_seconds(), None);
}
