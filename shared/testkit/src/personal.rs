//! What users keep for themselves.

use tidings_domain::{
    ids::{ConversationId, MessageId, Sequence, Timestamp, UserId},
    personal::{PersonalItem, PersonalKey, PersonalPlace},
    ports::Replaced,
};

use crate::Subject;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn item(key: PersonalKey, version: u64, changed_at: Timestamp) -> PersonalItem {
    let message_id = MessageId::parse("m:00000000-0000-5000-8000-000000000000").unwrap();
    let is_draft = matches!(key, PersonalKey::Draft(_));
    PersonalItem {
        key,
        version,
        changed_at,
        is_deleted: false,
        message_id: (!is_draft).then_some(message_id),
        payload: is_draft.then(|| r#"{"text":"he"}"#.into()),
        ts: changed_at,
    }
}

async fn keep(s: &Subject<'_>, user: &UserId, item: &PersonalItem) {
    assert_eq!(s.personal.replace(user, None, item).await.unwrap(), Replaced::Done);
}

fn keys(items: &[PersonalItem]) -> Vec<PersonalKey> {
    items.iter().map(|item| item.key.clone()).collect()
}

/// A thing is put in the place of what was found there, and of nothing else.
pub async fn of_two_who_change_one_thing_one_wins(s: Subject<'_>) {
    let (user, conversation) = (s.user("keeper"), s.direct("keeper", "bob"));
    for key in [
        PersonalKey::Draft(conversation.clone()),
        PersonalKey::Star(conversation.clone(), Sequence(7)),
        PersonalKey::Hidden(conversation.clone(), Sequence(7)),
    ] {
        assert_eq!(s.personal.find(&user, &key).await.unwrap(), None);
        let first = item(key.clone(), 1, NOW);
        keep(&s, &user, &first).await;
        assert_eq!(s.personal.find(&user, &key).await.unwrap(), Some(first.clone()));
        assert_eq!(s.personal.replace(&user, None, &first).await.unwrap(), Replaced::Lost, "it is there");
        let gone = PersonalItem { is_deleted: true, payload: None, ..item(key.clone(), 2, NOW.plus_ms(1)) };
        assert_eq!(s.personal.replace(&user, Some(&first), &gone).await.unwrap(), Replaced::Done);
        assert_eq!(s.personal.find(&user, &key).await.unwrap(), Some(gone.clone()), "that it is gone is told");
        let again = item(key.clone(), 3, NOW.plus_ms(2));
        assert_eq!(s.personal.replace(&user, Some(&first), &again).await.unwrap(), Replaced::Lost);
        assert_eq!(s.personal.replace(&user, Some(&gone), &again).await.unwrap(), Replaced::Done);
        assert_eq!(s.personal.find(&s.user("another"), &key).await.unwrap(), None);
    }
}

/// What changed pages in the order of the changes, deletions among it.
pub async fn changes_page_in_their_order(s: Subject<'_>) {
    let user = s.user("changer");
    let conversation = s.direct("changer", "bob");
    let all: Vec<PersonalItem> = (0..5)
        .map(|n| PersonalItem {
            is_deleted: n == 3,
            ..item(PersonalKey::Hidden(conversation.clone(), Sequence(9 - n)), 1, NOW.plus_ms(n))
        })
        .collect();
    for item in &all {
        keep(&s, &user, item).await;
    }
    let mut found = Vec::new();
    let mut from = None;
    loop {
        let page = s.personal.changes(&user, NOW.plus_ms(1), from.as_ref(), 2).await.unwrap();
        from = page.items.last().map(|last| PersonalPlace { at: last.changed_at, key: last.key.clone() });
        found.extend(page.items);
        if !page.has_more {
            break;
        }
    }
    assert_eq!(found, all[1..]);
}

/// Drafts page by conversation and stars by their time, without those that are gone.
pub async fn drafts_and_stars_page_without_what_is_gone(s: Subject<'_>) {
    let user = s.user("pager");
    let conversations: Vec<ConversationId> = (0..5).map(|n| s.direct("pager", &format!("z{n}"))).collect();
    let mut stars = Vec::new();
    for (n, conversation) in (0..).zip(&conversations) {
        let draft = item(PersonalKey::Draft(conversation.clone()), 1, NOW);
        let star = item(PersonalKey::Star(conversation.clone(), Sequence(1)), 1, NOW.plus_ms(n));
        keep(&s, &user, &draft).await;
        keep(&s, &user, &star).await;
        if n == 2 {
            for found in [draft, star] {
                let gone = PersonalItem { is_deleted: true, payload: None, version: 2, ..found.clone() };
                assert_eq!(s.personal.replace(&user, Some(&found), &gone).await.unwrap(), Replaced::Done);
            }
        } else {
            stars.insert(0, star.key);
        }
    }
    let first = s.personal.drafts(&user, None, 3).await.unwrap();
    let rest = s.personal.drafts(&user, Some(first.items[2].key.conversation()), 3).await.unwrap();
    assert_eq!((first.has_more, rest.has_more), (true, false));
    let drafts: Vec<&ConversationId> = first.items.iter().chain(&rest.items).map(|d| d.key.conversation()).collect();
    let mut expected: Vec<&ConversationId> = conversations.iter().collect();
    expected.remove(2);
    expected.sort_by_key(ToString::to_string);
    assert_eq!(drafts, expected);

    let first = s.personal.stars(&user, None, 3).await.unwrap();
    let last = &first.items[2];
    let place = PersonalPlace { at: last.ts, key: last.key.clone() };
    let rest = s.personal.stars(&user, Some(&place), 3).await.unwrap();
    assert_eq!((first.has_more, rest.has_more), (true, false));
    assert_eq!([keys(&first.items), keys(&rest.items)].concat(), stars);
}

/// What is hidden is found by its place, and a row says that there is any.
pub async fn hidden_messages_are_found_by_their_place(s: Subject<'_>) {
    let (user, conversation) = (s.user("hider"), s.direct("hider", "bob"));
    for sequence in [1, 9, 10, 4_097] {
        keep(&s, &user, &item(PersonalKey::Hidden(conversation.clone(), Sequence(sequence)), 1, NOW)).await;
    }
    keep(&s, &user, &item(PersonalKey::Star(conversation.clone(), Sequence(5)), 1, NOW)).await;
    let hidden = async |from, to| s.personal.hidden(&user, &conversation, Sequence(from), Sequence(to)).await.unwrap();
    assert_eq!(hidden(2, 10).await, [Sequence(9), Sequence(10)].into());
    assert_eq!(hidden(11, 4_096).await, [].into());
    assert_eq!(hidden(1, 1 << 39).await.len(), 4);

    assert!(s.conversations.flag_hidden(&conversation, &user, NOW).await.unwrap());
    let member = s.conversations.standing(&conversation, &user).await.unwrap().member.unwrap();
    assert!(member.has_hidden);
    let group = ConversationId::parse(&format!("g:hider-{}", s.run)).unwrap();
    assert!(!s.conversations.flag_hidden(&group, &user, NOW).await.unwrap());
}

/// A user has no more drafts than they may; one that goes makes room.
pub async fn drafts_are_counted(s: Subject<'_>) {
    let user = s.user("counter");
    let draft = |n: u64| item(PersonalKey::Draft(ConversationId::parse(&format!("g:n{n}")).unwrap()), 1, NOW);
    let count_max = draft(0).key.count_max().unwrap();
    for n in 0..count_max {
        keep(&s, &user, &draft(n)).await;
    }
    let one_more = draft(count_max);
    assert_eq!(s.personal.replace(&user, None, &one_more).await.unwrap(), Replaced::Full);
    let (found, changed) = (draft(0), PersonalItem { version: 2, ..draft(0) });
    assert_eq!(s.personal.replace(&user, Some(&found), &changed).await.unwrap(), Replaced::Done, "no more than before");
    let gone = PersonalItem { version: 3, is_deleted: true, payload: None, ..draft(0) };
    assert_eq!(s.personal.replace(&user, Some(&changed), &gone).await.unwrap(), Replaced::Done);
    assert_eq!(s.personal.replace(&user, None, &one_more).await.unwrap(), Replaced::Done);
}
