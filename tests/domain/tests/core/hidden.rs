//! What users show of themselves: every rule, both ways, on every way on which it is told. And typing.

use std::collections::BTreeMap;

use tidings_domain::{
    conversation::Watermark,
    ids::{Sender, Sequence, UserId},
    limits::RECEIPTS_PAGE_MAX,
    notice::Notice,
    ports::{Devices, Rules},
    presence::{PresencePorts, State, presence_of},
    privacy::{Audience, Privacy},
    quiet::UserSettings,
    receipts::{MarkAt, Status, raise, status},
    typing::{TypingPorts, typing},
};
use tidings_memory::World;

use crate::support::*;

/// Whether bob, who has read, is shown to alice: what bob has set, what alice has set, whether each has written to the other.
const TABLE: [(Audience, Audience, bool, bool, bool); 17] = {
    use Audience::{Contacts, Everyone, Nobody};
    [
        (Everyone, Everyone, false, false, true),
        (Everyone, Everyone, true, true, true),
        (Contacts, Everyone, true, false, true),
        (Contacts, Everyone, false, true, false),
        (Contacts, Everyone, false, false, false),
        (Everyone, Contacts, false, true, true),
        (Everyone, Contacts, true, false, false),
        (Everyone, Contacts, false, false, false),
        (Contacts, Contacts, true, true, true),
        (Contacts, Contacts, true, false, false),
        (Contacts, Contacts, false, true, false),
        (Nobody, Everyone, true, true, false),
        (Nobody, Contacts, true, true, false),
        (Nobody, Nobody, true, true, false),
        (Everyone, Nobody, true, true, false),
        (Contacts, Nobody, true, true, false),
        (Nobody, Everyone, false, false, false),
    ]
};

async fn set(world: &World, user: &UserId, privacy: Privacy) {
    Rules::set_settings(world, user, &UserSettings { privacy, ..UserSettings::default() }).await.unwrap();
}

/// A world in which bob and alice have written to each other, or not, in a conversation that carol, who is nobody here, began
/// by no message: a group tells of receipts of those who have never written to each other.
async fn world_of(bob_wrote: bool, alice_wrote: bool) -> (World, Sender, Sender) {
    let world = World::new(1);
    let (alice, bob) = (device("alice", "phone"), device("bob", "phone"));
    if bob_wrote {
        send(&world, &message(&bob, &alice_and_bob(), "from-bob")).await.unwrap();
    }
    if alice_wrote {
        send(&world, &message(&alice, &alice_and_bob(), "from-alice")).await.unwrap();
    }
    drain_stream(&world).await;
    for (owner, connection) in [(&alice, "c1"), (&bob, "c2")] {
        world.open(&session(owner, connection, &world));
    }
    (world, alice, bob)
}

/// A group of alice and bob in which alice has written.
async fn group_of_both(world: &World, alice: &Sender, bob: &Sender) -> tidings_domain::ids::ConversationId {
    let group = tidings_domain::ids::ConversationId::parse("g:both").unwrap();
    for member in [alice, bob] {
        let row = tidings_domain::conversation::Member {
            joined_at: Sequence(1),
            ..tidings_domain::conversation::Member::new(member.user.clone())
        };
        world.set_member(&group, &member.user, Some(row));
    }
    send(world, &message(alice, &group, "to-the-group")).await.unwrap();
    drain_stream(world).await;
    group
}

fn marks_heard(world: &World, by: &Sender) -> Vec<Watermark> {
    let heard = world.take_posted().into_iter().filter(|posted| posted.to == *by);
    heard.filter_map(|p| if let Notice::Receipt(receipt) = p.notice { Some(receipt.mark) } else { None }).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_read_is_shown_by_the_table() {
    for (of_bob, of_alice, bob_wrote, alice_wrote, is_shown) in TABLE {
        let (world, alice, bob) = world_of(bob_wrote, alice_wrote).await;
        let group = group_of_both(&world, &alice, &bob).await;
        for (user, read_receipts) in [(&bob.user, of_bob), (&alice.user, of_alice)] {
            set(&world, user, Privacy { read_receipts, last_seen: Audience::Everyone }).await;
        }
        world.take_posted();
        let case = format!("{of_bob:?} {of_alice:?} {bob_wrote} {alice_wrote}");
        raise(receipt_ports(&world), &bob, &group, Watermark::Read, MarkAt::Sequence(Sequence(1))).await.unwrap();
        drain_stream(&world).await;
        // Told on the socket.
        let expected = if is_shown { Watermark::Read } else { Watermark::Delivered };
        assert_eq!(marks_heard(&world, &alice), [expected], "{case}");
        // Asked for.
        let id = world.log(&group)[0].message_id();
        let ask = async |who: &UserId| {
            status(receipt_ports(&world), &world, who, &group, id, None, RECEIPTS_PAGE_MAX).await.unwrap()
        };
        let report = ask(&alice.user).await;
        let expected = if is_shown { Status::Read } else { Status::Delivered };
        assert_eq!(report.by_user, BTreeMap::from([(bob.user.clone(), expected)]), "{case}");
        let read = if is_shown { Sequence(1) } else { Sequence::ZERO };
        assert_eq!(report.marks[&bob.user], (Sequence(1), read), "{case}");
        assert_eq!(
            (report.counts.read, report.counts.delivered),
            (u64::from(is_shown), u64::from(!is_shown)),
            "{case}"
        );
        // One's own is never hidden from oneself.
        assert_eq!(ask(&bob.user).await.marks[&bob.user], (Sequence(1), Sequence(1)), "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_there_is_shown_by_the_table() {
    for (of_bob, of_alice, bob_wrote, alice_wrote, is_shown) in TABLE {
        if !bob_wrote && !alice_wrote {
            // They share no conversation: neither is told anything, whatever they have set.
            continue;
        }
        let (world, alice, bob) = world_of(bob_wrote, alice_wrote).await;
        for (user, last_seen) in [(&bob.user, of_bob), (&alice.user, of_alice)] {
            set(&world, user, Privacy { last_seen, read_receipts: Audience::Everyone }).await;
        }
        let ports =
            PresencePorts { sessions: &world, devices: &world, conversations: &world, rules: &world, clock: &world };
        let case = format!("{of_bob:?} {of_alice:?} {bob_wrote} {alice_wrote}");
        let expected = if is_shown { State::Online } else { State::Offline };
        let users = [bob.user.clone(), alice.user.clone()];
        let seen = presence_of(ports, &alice.user, &users).await.unwrap();
        assert_eq!(seen[&bob.user].state, expected, "{case}");
        assert_eq!(seen[&alice.user].state, State::Online, "oneself: {case}");
        // Both ways: who is not shown does not see.
        let seen = presence_of(ports, &bob.user, &users).await.unwrap();
        assert_eq!(seen[&alice.user].state, expected, "{case}");
        // When they were last there is part of it.
        Devices::touch(&world, &bob, world.now()).await.unwrap();
        let sessions = world.sessions();
        world.cut(&sessions[&bob]);
        tidings_domain::ports::Sessions::remove(&world, &bob, &sessions[&bob].connection).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_mins(1)).await;
        let seen = presence_of(ports, &alice.user, &users).await.unwrap();
        assert_eq!(seen[&bob.user].last_seen.is_some(), is_shown, "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_block_hides_both_from_each_other() {
    for bob_blocks in [true, false] {
        let (world, alice, bob) = world_of(true, true).await;
        let (by, whom) = if bob_blocks { (&bob, &alice) } else { (&alice, &bob) };
        Rules::block(&world, &by.user, &whom.user, world.now()).await.unwrap();
        let ports =
            PresencePorts { sessions: &world, devices: &world, conversations: &world, rules: &world, clock: &world };
        for (asker, of) in [(&alice, &bob), (&bob, &alice)] {
            let seen = presence_of(ports, &asker.user, std::slice::from_ref(&of.user)).await.unwrap();
            assert_eq!(seen[&of.user].state, State::Offline, "{bob_blocks}");
        }
    }
}

fn typing_ports(world: &World) -> TypingPorts<'_> {
    TypingPorts { conversations: world, rules: world, sessions: world, gateway: world, clock: world }
}

#[tokio::test(start_paused = true)]
async fn typing_is_told_to_who_has_written_and_not_blocked() {
    for (bob_wrote, bob_blocks, alice_blocks, is_told) in [
        (true, false, false, true),
        (false, false, false, false),
        (true, true, false, false),
        (true, false, true, false),
    ] {
        let (world, alice, bob) = world_of(bob_wrote, true).await;
        if bob_blocks {
            Rules::block(&world, &bob.user, &alice.user, world.now()).await.unwrap();
        }
        if alice_blocks {
            Rules::block(&world, &alice.user, &bob.user, world.now()).await.unwrap();
        }
        world.take_posted();
        typing(typing_ports(&world), &alice, &alice_and_bob(), true).await.unwrap();
        let told: Vec<Notice> = world.take_posted().into_iter().map(|posted| posted.notice).collect();
        let notice = Notice::Typing { conversation: alice_and_bob(), user: alice.user.clone(), is_active: true };
        assert_eq!(told, if is_told { vec![notice] } else { vec![] }, "{bob_wrote} {bob_blocks} {alice_blocks}");
    }
}

#[tokio::test(start_paused = true)]
async fn typing_is_for_members_and_changes_nothing() {
    let (world, _, _) = world_of(true, true).await;
    let eve = device("eve", "phone");
    assert!(typing(typing_ports(&world), &eve, &alice_and_bob(), true).await.is_err());
    let before = (world.log(&alice_and_bob()), world.take_published());
    typing(typing_ports(&world), &device("alice", "phone"), &alice_and_bob(), false).await.unwrap();
    assert_eq!((world.log(&alice_and_bob()), world.take_published()), before);
    // Nobody hears of it where sockets cannot be found, and nothing fails.
    world.set_outage(&["of_user"]);
    world.take_posted();
    typing(typing_ports(&world), &device("alice", "phone"), &alice_and_bob(), true).await.unwrap();
}
