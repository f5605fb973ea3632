//! Groups.

use std::collections::BTreeMap;

use tidings_domain::{
    conversation::{Advance, Agreement, Label, Member, PULLED_BUCKET, Reach, ReachMove, Watermark},
    group::{Audience, AvatarChange, Change, Group, GroupSettings, MembershipEvent, Role},
    ids::{ConversationId, MediaHandle, Sequence, Timestamp, UserId},
    log::{Entry, EventKind},
    membership::GroupChange,
    ports::{Append, Consistency},
};

use crate::Subject;

pub(crate) fn members(users: &[&UserId]) -> Vec<Member> {
    let member = |user: &&UserId| Member { joined_at: Sequence(1), ..Member::new((*user).clone()) };
    users.iter().map(member).collect()
}

fn event(s: &Subject<'_>, conversation: &ConversationId, sequence: u64, change: Change, users: &[&UserId]) -> Entry {
    let mut entry = s.entry(conversation, sequence);
    entry.event = EventKind::Membership;
    entry.state.membership_version = Sequence(sequence);
    let users = users.iter().map(|user| (*user).clone()).collect();
    let picture = MediaHandle::of(conversation, "image/png", 1, "00");
    let avatar = Some(AvatarChange { set: Some(picture), dropped: Some((picture, Sequence(1))) });
    entry.membership =
        Some(Box::new(MembershipEvent { change, users, role: None, title: Some("Crew".into()), avatar }));
    entry
}

/// A group of olga, who has it, and of carl.
pub(crate) async fn made(s: &Subject<'_>, name: &str) -> GroupChange {
    let conversation = ConversationId::parse(&format!("g:{name}-{}", s.run)).unwrap();
    let (olga, carl) = (s.user("olga"), s.user("carl"));
    let mut added = members(&[&carl, &olga]);
    added[1].role = Role::Owner;
    let picture = MediaHandle::of(&conversation, "image/png", 1, "00");
    let change = GroupChange {
        entry: event(s, &conversation, 1, Change::Created, &[&olga, &carl]),
        expected_version: Sequence::ZERO,
        group: Group {
            settings: GroupSettings {
                title: "Crew".into(),
                description: Some("All of us".into()),
                avatar: Some(picture.to_string().into()),
                may_post: Audience::Admins,
                may_add: Audience::All,
                slow_mode_seconds: 5,
                ttl_seconds: Some(60),
            },
            owner: olga,
            member_count: 2,
            roster: Some([s.user("olga"), s.user("carl")].into()),
            avatar_since: Some(Sequence(1)),
            pulled_since: None,
            is_dissolved: false,
            created_at: Timestamp(7),
            changed_at: Timestamp(7),
        },
        actor: None,
        added,
        entrance: None,
        removed: Vec::new(),
        roles: Vec::new(),
    };
    assert_eq!(s.conversations.change_group(&change).await.unwrap(), Append::Done);
    change
}

/// The next change of a group: nothing yet.
pub(crate) fn next(s: &Subject<'_>, before: &GroupChange, change: Change, user: &UserId) -> GroupChange {
    let sequence = before.entry.sequence;
    GroupChange {
        entry: event(s, &before.entry.conversation, sequence.next().0, change, &[user]),
        expected_version: sequence,
        group: Group { changed_at: Timestamp(before.group.changed_at.0 + 1), ..before.group.clone() },
        actor: Some((s.user("olga"), Role::Owner)),
        added: Vec::new(),
        entrance: None,
        removed: Vec::new(),
        roles: Vec::new(),
    }
}

/// A group reads back whole: its head, its members, its event in the log.
pub async fn a_group_reads_back(s: Subject<'_>) {
    let change = made(&s, "read").await;
    let conversation = &change.entry.conversation.clone();
    let (olga, carl) = (s.user("olga"), s.user("carl"));
    let view = s.conversations.group(conversation, &[carl.clone(), s.user("nobody")]).await.unwrap();
    assert_eq!((view.group.as_ref(), view.version), (Some(&change.group), Sequence(1)));
    assert_eq!(view.members, change.added[..1]);
    for standing in [
        s.conversations.standing(conversation, &olga).await.unwrap(),
        s.conversations.settled_standing(conversation, &olga).await.unwrap(),
    ] {
        assert_eq!((standing.group, standing.membership_version), (Some(change.group.clone()), Sequence(1)));
        assert_eq!(standing.member.as_ref(), Some(&change.added[1]));
    }
    for consistency in [Consistency::Strong, Consistency::Eventual] {
        let members = s.conversations.members(conversation, consistency).await.unwrap();
        assert_eq!((members.version, members.changed_at), (Sequence(1), Timestamp(7)));
        assert_eq!(members.rows, change.added);
    }
    let row = s.log.read_one(conversation, Sequence(1), Consistency::Strong).await.unwrap();
    assert_eq!(row, Some(change.entry));
    let settings = &change.group.settings;
    let label = Label {
        title: Some(settings.title.clone()),
        avatar: settings.avatar.clone(),
        ttl_seconds: settings.ttl_seconds,
        ..Label::default()
    };
    let labels = s.conversations.labels(std::slice::from_ref(conversation)).await.unwrap();
    assert_eq!(labels, [(conversation.clone(), label)].into());
    let page = async |after: Option<&UserId>| s.conversations.members_after(conversation, after, 1).await.unwrap();
    assert_eq!(page(None).await, change.added[..1]);
    assert_eq!(page(Some(&carl)).await, change.added[1..]);
    assert_eq!(page(Some(&olga)).await, []);
}

/// Text is indexed on the condition that neither members nor agreements have changed, until somebody withdraws or joins.
pub async fn text_is_indexed_while_all_agree(s: Subject<'_>) {
    let group = made(&s, "agree").await;
    let conversation = &group.entry.conversation.clone();
    let (olga, carl, dora, now) = (s.user("olga"), s.user("carl"), s.user("dora"), Timestamp(1_800_000_000_000));
    let note = async |user: &UserId, agreement| {
        s.conversations.note_agreement(conversation, user, agreement, now).await.unwrap()
    };
    let members = async || s.conversations.members(conversation, Consistency::Strong).await.unwrap();
    assert!(!note(&dora, Agreement::Given).await, "not a member");
    assert!(note(&olga, Agreement::Given).await && note(&carl, Agreement::Given).await);
    let seen = members().await;
    assert_eq!((seen.agreements, seen.indexes_text), (2, false));
    assert!(seen.rows.iter().all(|row| row.agrees_to_search));
    let index =
        async |version, agreements| s.conversations.index_text(conversation, version, agreements).await.unwrap();
    assert!(!index(seen.version, 1).await && !index(Sequence(9), 2).await, "of another moment");
    assert!(index(seen.version, 2).await);
    assert!(s.conversations.standing(conversation, &olga).await.unwrap().indexes_text);
    assert!(note(&carl, Agreement::Withdrawn { text_since: Timestamp(7) }).await);
    let label = s.conversations.labels(std::slice::from_ref(conversation)).await.unwrap().remove(conversation).unwrap();
    assert_eq!((label.indexes_text, label.text_since), (false, Timestamp(7)));
    assert!(!index(seen.version, 2).await, "somebody has withdrawn since");
    assert!(note(&carl, Agreement::Given).await && index(seen.version, 4).await);
    let join = GroupChange {
        added: self::members(&[&dora]),
        group: Group { member_count: 3, ..group.group.clone() },
        ..next(&s, &group, Change::Added, &dora)
    };
    assert_eq!(s.conversations.change_group(&join).await.unwrap(), Append::Done);
    assert!(!members().await.indexes_text, "who joins has not agreed");
    assert!(!index(seen.version, 4).await);

    let direct = s.direct("alice", "agrees");
    let alice = s.user("alice");
    assert!(s.conversations.note_agreement(&direct, &alice, Agreement::Given, now).await.unwrap());
    let seen = s.conversations.members(&direct, Consistency::Strong).await.unwrap();
    assert_eq!((seen.rows.len(), seen.rows[0].agrees_to_search), (1, true));
    assert!(s.conversations.index_text(&direct, seen.version, seen.agreements).await.unwrap());
    assert!(s.conversations.standing(&direct, &alice).await.unwrap().indexes_text);
}

/// A change is made whole where all that it rests on is so, and not at all where anything is not.
pub async fn a_change_of_a_group_is_whole_or_not_at_all(s: Subject<'_>) {
    let before = made(&s, "change").await;
    let conversation = before.entry.conversation.clone();
    let (carl, dora) = (s.user("carl"), s.user("dora"));
    let good = GroupChange {
        added: members(&[&dora]),
        removed: vec![carl.clone()],
        group: Group { member_count: 2, ..before.group.clone() },
        ..next(&s, &before, Change::Added, &dora)
    };
    let taken = Entry { sequence: Sequence(1), ..good.entry.clone() };
    let bad = [
        ("another version", GroupChange { expected_version: Sequence(9), ..good.clone() }),
        ("a group that is there already", GroupChange { expected_version: Sequence::ZERO, ..good.clone() }),
        ("a place that is taken", GroupChange { entry: taken, ..good.clone() }),
        (
            "a member who is there already",
            GroupChange { added: members(&[&s.user("olga")]), actor: None, ..good.clone() },
        ),
        ("a member who is not there", GroupChange { removed: vec![s.user("nobody")], ..good.clone() }),
        ("an actor of another role", GroupChange { actor: Some((s.user("olga"), Role::Admin)), ..good.clone() }),
        ("an actor who is gone", GroupChange { actor: Some((s.user("nobody"), Role::Member)), ..good.clone() }),
        (
            "a role that is another",
            GroupChange { roles: vec![(s.user("olga"), Role::Member, Role::Admin)], actor: None, ..good.clone() },
        ),
    ];
    for (what, change) in bad {
        assert_eq!(s.conversations.change_group(&change).await.unwrap(), Append::Taken, "{what}");
        let members = s.conversations.members(&conversation, Consistency::Strong).await.unwrap();
        assert_eq!((members.version, members.rows), (Sequence(1), before.added.clone()), "{what}");
        assert_eq!(s.log.read_one(&conversation, Sequence(2), Consistency::Strong).await.unwrap(), None, "{what}");
    }
    assert_eq!(s.conversations.change_group(&good).await.unwrap(), Append::Done);
    let members = s.conversations.members(&conversation, Consistency::Strong).await.unwrap();
    let users: Vec<&UserId> = members.rows.iter().map(|m| &m.user).collect();
    assert_eq!((members.version, users), (Sequence(2), vec![&dora, &s.user("olga")]));
    assert_eq!(
        s.log.read_one(&conversation, Sequence(2), Consistency::Strong).await.unwrap(),
        Some(good.entry.clone())
    );
    assert_eq!(s.conversations.change_group(&good).await.unwrap(), Append::Taken, "the same again");
}

/// Roles change from what they are, settings are set and taken away, and whose role a change
/// rests on need not change themselves.
pub async fn roles_and_settings_change(s: Subject<'_>) {
    let before = made(&s, "roles").await;
    let conversation = before.entry.conversation.clone();
    let (olga, carl) = (s.user("olga"), s.user("carl"));
    let handed_over = GroupChange {
        roles: vec![(carl.clone(), Role::Member, Role::Owner), (olga.clone(), Role::Owner, Role::Admin)],
        actor: None,
        group: Group {
            owner: carl.clone(),
            settings: GroupSettings { title: "Crew 2".into(), ..GroupSettings::default() },
            pulled_since: Some(Sequence(2)),
            roster: None,
            ..before.group.clone()
        },
        ..next(&s, &before, Change::Promoted, &carl)
    };
    assert_eq!(s.conversations.change_group(&handed_over).await.unwrap(), Append::Done);
    let view = s.conversations.group(&conversation, &[olga.clone(), carl.clone()]).await.unwrap();
    assert_eq!(view.group.as_ref(), Some(&handed_over.group));
    let role = |user: &UserId| view.members.iter().find(|m| m.user == *user).map(|m| m.role);
    assert_eq!([role(&olga), role(&carl)], [Some(Role::Admin), Some(Role::Owner)]);

    let demoted = GroupChange {
        roles: vec![(olga.clone(), Role::Admin, Role::Member)],
        actor: Some((carl.clone(), Role::Owner)),
        ..next(&s, &handed_over, Change::Demoted, &olga)
    };
    assert_eq!(s.conversations.change_group(&demoted).await.unwrap(), Append::Done);
    let standing = s.conversations.standing(&conversation, &olga).await.unwrap();
    assert_eq!(standing.member.map(|m| m.role), Some(Role::Member));
}

/// A group that is pulled has a reach: it begins for this time of being pulled alone, rises, and
/// ends only once the group is pushed again. While there is one, nobody reads the rows.
pub async fn the_reach_of_a_pulled_group_begins_rises_and_ends(s: Subject<'_>) {
    let before = made(&s, "reach").await;
    let conversation = before.entry.conversation.clone();
    let carl = s.user("carl");
    let since = Sequence(2);
    let reach = |sequence: u64| Reach { last_sequence: Sequence(sequence), last_ts: Timestamp(sequence * 10), since };
    let move_to = async |change: ReachMove| s.conversations.move_reach(&conversation, &change).await.unwrap();
    let begin = |since: u64, to: u64| ReachMove::Begin(Reach { since: Sequence(since), ..reach(to) });
    assert!(!move_to(begin(2, 2)).await, "it is pushed");
    assert!(!move_to(ReachMove::Rise(reach(2))).await, "there is nothing that could rise");

    let group = Group { pulled_since: Some(Sequence(2)), ..before.group.clone() };
    let pulled = GroupChange { group, ..next(&s, &before, Change::Configured, &carl) };
    assert_eq!(s.conversations.change_group(&pulled).await.unwrap(), Append::Done);
    let members = s.conversations.pushed_members(&conversation, Consistency::Strong).await.unwrap();
    assert_eq!((members.pulled_since, members.reach, members.rows.len()), (Some(Sequence(2)), None, 2));
    assert!(!move_to(begin(1, 2)).await, "another time of being pulled");
    assert!(move_to(begin(2, 2)).await);
    assert!(!move_to(begin(2, 3)).await, "it has begun");
    assert!(move_to(ReachMove::Rise(reach(5))).await);
    assert!(!move_to(ReachMove::Rise(reach(4))).await, "it only rises");
    assert!(!move_to(ReachMove::End { up_to: Sequence(9) }).await, "it is pulled");

    let members = s.conversations.pushed_members(&conversation, Consistency::Strong).await.unwrap();
    assert_eq!((members.version, members.reach, members.rows), (Sequence(2), Some(reach(5)), Vec::new()));
    let members = s.conversations.members(&conversation, Consistency::Strong).await.unwrap();
    assert_eq!((members.reach, members.rows.len()), (Some(reach(5)), 2));
    let standing = s.conversations.standing(&conversation, &carl).await.unwrap();
    assert_eq!((standing.reach, standing.known_sequence()), (Some(reach(5)), Sequence(5)));
    let other = ConversationId::parse(&format!("g:none-{}", s.run)).unwrap();
    let reaches = s.conversations.reaches(&[conversation.clone(), other]).await.unwrap();
    assert_eq!(reaches, [(conversation.clone(), reach(5))]);

    let group = Group { pulled_since: None, ..pulled.group.clone() };
    let pushed = GroupChange { group, ..next(&s, &pulled, Change::Configured, &carl) };
    assert_eq!(s.conversations.change_group(&pushed).await.unwrap(), Append::Done);
    let members = s.conversations.pushed_members(&conversation, Consistency::Strong).await.unwrap();
    assert_eq!((members.pulled_since, members.reach, members.rows.len()), (None, Some(reach(5)), 2));
    assert!(!move_to(ReachMove::End { up_to: Sequence(4) }).await, "the rows are not that far");

    // Pulled once more, before the rows have been brought back: they are read again, and begin again.
    let group = Group { pulled_since: Some(Sequence(4)), ..pushed.group.clone() };
    let again = GroupChange { group, ..next(&s, &pushed, Change::Configured, &carl) };
    assert_eq!(s.conversations.change_group(&again).await.unwrap(), Append::Done);
    let members = s.conversations.pushed_members(&conversation, Consistency::Strong).await.unwrap();
    assert_eq!((members.settled_reach(), members.reach, members.rows.len()), (None, Some(reach(5)), 2));
    assert!(!move_to(begin(2, 6)).await, "that was another time");
    assert!(move_to(begin(4, 6)).await);
    assert!(move_to(ReachMove::Rise(reach(7))).await);
    let members = s.conversations.pushed_members(&conversation, Consistency::Strong).await.unwrap();
    assert_eq!(members.settled_reach(), Some(Reach { since: Sequence(4), ..reach(7) }));
    let group = Group { pulled_since: None, ..again.group.clone() };
    let pushed = GroupChange { group, ..next(&s, &again, Change::Configured, &carl) };
    assert_eq!(s.conversations.change_group(&pushed).await.unwrap(), Append::Done);
    assert!(move_to(ReachMove::End { up_to: Sequence(7) }).await);
    assert!(!move_to(ReachMove::Rise(reach(9))).await, "it has ended");
    assert_eq!(s.conversations.reaches(std::slice::from_ref(&conversation)).await.unwrap(), []);
}

/// The row of a member of a pulled group stays where lists always look, whatever is read.
pub async fn reading_in_a_pulled_group_leaves_the_row_at_the_far_end(s: Subject<'_>) {
    let change = made(&s, "far").await;
    let conversation = change.entry.conversation.clone();
    let carl = s.user("carl");
    let advance = Advance {
        after: Sequence::ZERO,
        last_sequence: Sequence(8),
        last_ts: Timestamp(80),
        moved_at: PULLED_BUCKET,
        sent_at: None,
        sent: BTreeMap::new(),
    };
    s.conversations.advance(&conversation, &carl, &advance).await.unwrap();
    let now = Timestamp(1_800_000_000_000);
    let raise =
        async |mark, up_to| s.conversations.raise(&conversation, &carl, mark, Sequence(up_to), now).await.unwrap();
    assert!(raise(Watermark::Read, 3).await);
    assert!(raise(Watermark::Delivered, 6).await);
    assert!(raise(Watermark::Read, 5).await, "more was delivered");
    assert!(!raise(Watermark::Read, 5).await);
    assert!(raise(Watermark::Read, 7).await);
    let rows = s.conversations.memberships(&carl, std::slice::from_ref(&conversation)).await.unwrap();
    let (_, row) = &rows[0];
    assert_eq!((row.read_up_to, row.delivered_up_to), (Sequence(7), Sequence(7)));
    assert!(row.is_filed_as_pulled());
    let page = s.conversations.by_activity(&carl, PULLED_BUCKET, None, 10).await.unwrap();
    assert_eq!(page.keys.iter().map(|key| &key.conversation).collect::<Vec<_>>(), [&conversation]);

    let back = Advance { last_sequence: Sequence(9), moved_at: now, ..advance };
    s.conversations.advance(&conversation, &carl, &back).await.unwrap();
    let page = s.conversations.by_activity(&carl, PULLED_BUCKET, None, 10).await.unwrap();
    assert_eq!(page.keys, []);
    assert!(raise(Watermark::Read, 9).await, "as any other");
}
