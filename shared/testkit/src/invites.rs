use tidings_domain::{
    group::Change,
    ids::Timestamp,
    invites::{Door, Entrance, Invite, InviteSecret, JoinRequest},
    log::Entry,
    membership::GroupChange,
    ports::{Append, Consistency},
};

use crate::{
    Subject,
    groups::{made, members, next},
};

fn secret(n: u8) -> InviteSecret {
    InviteSecret::parse(&format!("secret-{n:015}")).unwrap()
}

fn invite(s: &Subject<'_>, n: u8) -> Invite {
    Invite {
        secret: secret(n),
        by: s.user("olga"),
        client_id: None,
        created_at: Timestamp(5),
        expires_at: None,
        uses_max: None,
        uses: 0,
        needs_approval: false,
        is_revoked: false,
    }
}

/// Invites and requests to join read back whole, are listed, and go.
pub async fn ways_into_a_group_read_back(s: Subject<'_>) {
    let conversation = made(&s, "ways").await.entry.conversation;
    let (dora, eve) = (s.user("dora"), s.user("eve"));
    let door = async |user, n| s.invites.door(&conversation, user, Some(&secret(n))).await.unwrap();
    assert_eq!(door(&dora, 1).await, Door::default());
    let full = Invite {
        client_id: Some("poster".into()),
        expires_at: Some(Timestamp(9)),
        uses_max: Some(3),
        needs_approval: true,
        ..invite(&s, 1)
    };
    for one in [&full, &invite(&s, 2)] {
        s.invites.put_invite(&conversation, one).await.unwrap();
    }
    assert_eq!(door(&dora, 1).await.invite.as_ref(), Some(&full));
    let mut listed = s.invites.invites(&conversation).await.unwrap();
    listed.sort_by(|one, other| one.secret.cmp(&other.secret));
    assert_eq!(listed, [full.clone(), invite(&s, 2)]);
    assert!(s.invites.revoke_invite(&conversation, &secret(1)).await.unwrap());
    assert_eq!(door(&dora, 1).await.invite, Some(Invite { is_revoked: true, ..full }));
    assert!(!s.invites.revoke_invite(&conversation, &secret(3)).await.unwrap());
    s.invites.forget_invite(&conversation, &secret(1)).await.unwrap();
    assert_eq!(s.invites.invites(&conversation).await.unwrap(), [invite(&s, 2)]);

    let request = |user: &_, at| JoinRequest { user: Clone::clone(user), secret: secret(2), asked_at: Timestamp(at) };
    for (user, at) in [(&eve, 1), (&dora, 2), (&dora, 3)] {
        s.invites.ask(&conversation, &request(user, at)).await.unwrap();
    }
    assert_eq!(
        door(&dora, 2).await,
        Door { invite: Some(invite(&s, 2)), request: Some(request(&dora, 2)), is_barred: false }
    );
    let page = async |after, limit| s.invites.requests(&conversation, after, limit).await.unwrap();
    assert_eq!(page(None, 9).await, [request(&dora, 2), request(&eve, 1)]);
    assert_eq!(page(None, 1).await, [request(&dora, 2)]);
    assert_eq!(page(Some(&dora), 9).await, [request(&eve, 1)]);
    s.invites.forget_request(&conversation, &dora).await.unwrap();
    assert_eq!(page(None, 9).await, [request(&eve, 1)]);
    let rows = s.conversations.members(&conversation, Consistency::Strong).await.unwrap().rows;
    assert_eq!(rows.len(), 2, "no row of a door is a member's");
}

/// Who comes in by an invite uses it up by one, if it is live; who was asked for has asked. Nothing
/// is done otherwise. Who goes takes their request along, and is barred if another took them out.
pub async fn an_entrance_is_on_condition(s: Subject<'_>) {
    let before = made(&s, "doors").await;
    let conversation = before.entry.conversation.clone();
    let dora = s.user("dora");
    let at = before.entry.ts;
    let live = Invite { expires_at: Some(Timestamp(at.0 + 10)), uses_max: Some(1), ..invite(&s, 1) };
    let dead = [
        Invite { expires_at: Some(at), ..invite(&s, 2) },
        Invite { uses_max: Some(1), uses: 1, ..invite(&s, 3) },
        Invite { is_revoked: true, ..invite(&s, 4) },
    ];
    for one in dead.iter().chain([&live]) {
        s.invites.put_invite(&conversation, one).await.unwrap();
    }
    let comes = |before: &GroupChange, entrance| GroupChange {
        added: members(&[&dora]),
        entrance: Some(entrance),
        actor: None,
        ..next(&s, before, Change::Joined, &dora)
    };
    let door = async |n| s.invites.door(&conversation, &dora, Some(&secret(n))).await.unwrap();
    let mut bad: Vec<Entrance> = (2..6).map(|n| Entrance::Invite(secret(n))).collect();
    bad.extend([Entrance::Request(None), Entrance::Request(Some(secret(1)))]);
    for entrance in bad {
        let change = comes(&before, entrance.clone());
        let change = GroupChange { entry: Entry { ts: at, ..change.entry.clone() }, ..change };
        assert_eq!(s.conversations.change_group(&change).await.unwrap(), Append::Taken, "{entrance:?}");
        assert_eq!(
            s.conversations.group(&conversation, std::slice::from_ref(&dora)).await.unwrap().members,
            [],
            "{entrance:?}"
        );
    }
    assert_eq!(door(1).await.invite.unwrap().uses, 0);
    let request = JoinRequest { user: dora.clone(), secret: secret(3), asked_at: at };
    s.invites.ask(&conversation, &request).await.unwrap();
    let came = comes(&before, Entrance::Invite(secret(1)));
    assert_eq!(s.conversations.change_group(&came).await.unwrap(), Append::Done);
    let then = door(1).await;
    assert_eq!((then.invite.unwrap().uses, then.request, then.is_barred), (1, None, false));

    s.invites.ask(&conversation, &request).await.unwrap();
    let left = GroupChange { removed: vec![dora.clone()], ..next(&s, &came, Change::Left, &dora) };
    assert_eq!(s.conversations.change_group(&left).await.unwrap(), Append::Done);
    let then = door(1).await;
    assert_eq!((then.request, then.is_barred), (None, false));
    s.invites.ask(&conversation, &request).await.unwrap();
    let let_in = comes(&left, Entrance::Request(Some(secret(3))));
    assert_eq!(s.conversations.change_group(&let_in).await.unwrap(), Append::Done);
    let then = door(3).await;
    assert_eq!((then.invite.unwrap().uses, then.request), (2, None), "counted beyond what it may let in");
    let removed = GroupChange { removed: vec![dora.clone()], ..next(&s, &let_in, Change::Removed, &dora) };
    assert_eq!(s.conversations.change_group(&removed).await.unwrap(), Append::Done);
    assert!(door(1).await.is_barred);
    let added = GroupChange { added: members(&[&dora]), ..next(&s, &removed, Change::Added, &dora) };
    assert_eq!(s.conversations.change_group(&added).await.unwrap(), Append::Done);
    let left = GroupChange { removed: vec![dora.clone()], ..next(&s, &added, Change::Left, &dora) };
    assert_eq!(s.conversations.change_group(&left).await.unwrap(), Append::Done);
    assert!(!door(1).await.is_barred);
}
