//! What a user sets for a conversation, and what the list of conversations tells.

use std::collections::BTreeSet;

use tidings_domain::{
    conversation::PreferencesPatch,
    group::{GroupSettings, Rule},
    ids::{ConversationId, Sender, Sequence, Timestamp},
    limits::UNREAD_ROWS_MAX,
    membership::{GroupError, GroupPorts, create},
    notice::{Notice, OwnSettings},
    ports::Conversations,
    preferences::{PreferencePorts, Wanted, configure},
    receipts::{MarkAt, raise},
    sync::{ListCursor, Summary, list},
};
use tidings_memory::World;

use crate::support::*;

fn ports(world: &World) -> PreferencePorts<'_> {
    let groups = GroupPorts {
        log: world,
        conversations: world,
        invites: world,
        media: world,
        bus: world,
        clock: world,
        push_members_max: 256,
    };
    PreferencePorts { groups, sessions: world, gateway: world }
}

fn of(name: &str) -> Sender {
    device(name, "phone")
}

fn own(patch: PreferencesPatch) -> Wanted {
    Wanted { own: patch, ..Wanted::default() }
}

fn ttl(seconds: Option<u64>) -> Wanted {
    Wanted { ttl_seconds: Some(seconds), ..Wanted::default() }
}

async fn crew(world: &World, members: &[&str]) -> ConversationId {
    let group = ConversationId::parse("g:crew").unwrap();
    let settings = GroupSettings { title: "Crew".into(), ..GroupSettings::default() };
    let members = members.iter().map(|name| user(name)).collect();
    create(ports(world).groups, &of("olga"), &group, settings, members).await.unwrap();
    group
}

async fn summary(world: &World, name: &str) -> Summary {
    let page = list(sync_ports(world), &user(name), &ListCursor::default(), 10).await.unwrap();
    page.conversations.into_iter().next().unwrap()
}

/// Who was told of settings, and what, since the last time.
fn told(world: &World) -> Vec<(Sender, OwnSettings)> {
    let settings = world.take_posted().into_iter().filter_map(|posted| match posted.notice {
        Notice::Settings(settings) => Some((posted.to, *settings)),
        _ => None,
    });
    settings.collect()
}

#[tokio::test(start_paused = true)]
async fn settings_are_ones_own_and_all_ones_devices_are_told() {
    let world = World::new(1);
    let conversation = alice_and_bob();
    for (owner, connection) in [(of("alice"), "a1"), (device("alice", "web"), "a2"), (of("bob"), "b")] {
        world.open(&session(&owner, connection, &world));
    }
    let until = world.now().plus_ms(60_000);
    let patch = PreferencesPatch { muted_until: Some(until), is_pinned: Some(true), is_archived: Some(true) };
    let set = configure(ports(&world), &of("alice"), &conversation, own(patch)).await.unwrap();
    assert_eq!((set.member.muted_until, set.member.is_archived), (until, true));
    let pinned_at = set.member.pinned_at;
    assert!(pinned_at > Timestamp::default());
    let devices: BTreeSet<Sender> = told(&world).into_iter().map(|(to, _)| to).collect();
    assert_eq!(devices, [of("alice"), device("alice", "web")].into());
    assert_eq!(summary(&world, "alice").await.member, set.member, "a conversation without a message is listed");
    assert_eq!(world.member(&conversation, &user("bob")), None);

    tokio::time::advance(std::time::Duration::from_secs(9)).await;
    let again = PreferencesPatch { is_pinned: Some(true), is_archived: Some(false), ..PreferencesPatch::default() };
    let set = configure(ports(&world), &of("alice"), &conversation, own(again)).await.unwrap();
    assert_eq!(set.member.pinned_at, pinned_at, "pinned since then");
    assert_eq!((set.member.muted_until, set.member.is_archived), (until, false), "what is absent stays");
    let nothing =
        PreferencesPatch { muted_until: Some(Timestamp(0)), is_pinned: Some(false), ..PreferencesPatch::default() };
    let set = configure(ports(&world), &of("alice"), &conversation, own(nothing)).await.unwrap();
    assert_eq!((set.member.muted_until, set.member.pinned_at), (Timestamp(0), Timestamp(0)));
}

#[tokio::test(start_paused = true)]
async fn who_is_not_in_it_sets_nothing() {
    let world = World::new(1);
    let group = crew(&world, &["carl"]).await;
    let pin = own(PreferencesPatch { is_pinned: Some(true), ..PreferencesPatch::default() });
    for conversation in [&group, &alice_and_bob()] {
        for wanted in [pin, ttl(Some(60))] {
            let refused = configure(ports(&world), &of("eve"), conversation, wanted).await;
            assert!(matches!(refused, Err(GroupError::NotAMember(_))), "{refused:?}");
        }
        assert_eq!(world.member(conversation, &user("eve")), None);
    }
    let labels = world.labels(&[group, alice_and_bob()]).await.unwrap();
    assert!(labels.values().all(|label| label.ttl_seconds.is_none()), "{labels:?}");
}

#[tokio::test(start_paused = true)]
async fn the_life_of_messages_is_set_by_admins_in_a_group() {
    let world = World::new(1);
    let group = crew(&world, &["carl"]).await;
    let wanted =
        Wanted { own: PreferencesPatch { is_pinned: Some(true), ..PreferencesPatch::default() }, ..ttl(Some(60)) };
    let refused = configure(ports(&world), &of("carl"), &group, wanted).await;
    assert!(matches!(refused, Err(GroupError::Forbidden(Rule::OnlyAdminsConfigure))));
    assert_eq!(world.member(&group, &user("carl")).unwrap().pinned_at, Timestamp(0), "refused, nothing is changed");
    let set = configure(ports(&world), &of("olga"), &group, wanted).await.unwrap();
    assert_eq!(set.ttl_seconds, Some(60));
    assert_eq!(summary(&world, "carl").await.label.ttl_seconds, Some(60), "it is everybody's");
    let sent = send(&world, &message(&of("carl"), &group, "1")).await.unwrap();
    assert_eq!(sent.entry.content.ttl_seconds, Some(60));
    configure(ports(&world), &of("olga"), &group, ttl(None)).await.unwrap();
    assert_eq!(summary(&world, "carl").await.label.ttl_seconds, None);
}

#[tokio::test(start_paused = true)]
async fn the_life_of_messages_of_two_is_set_by_either_and_both_are_told() {
    let world = World::new(1);
    let conversation = alice_and_bob();
    for name in ["alice", "bob"] {
        world.open(&session(&of(name), name, &world));
    }
    configure(ports(&world), &of("alice"), &conversation, ttl(Some(60))).await.unwrap();
    assert_eq!(told(&world).len(), 1, "bob has no such conversation yet");
    assert_eq!(world.member(&conversation, &user("bob")), None);
    let sent = send(&world, &message(&of("bob"), &conversation, "1")).await.unwrap();
    assert_eq!(sent.entry.content.ttl_seconds, Some(60), "the conversation's, where the message names none");
    drain_stream(&world).await;
    told(&world);
    let set = configure(ports(&world), &of("bob"), &conversation, ttl(None)).await.unwrap();
    assert_eq!(set.ttl_seconds, None);
    let told = told(&world);
    assert_eq!(told.iter().map(|(to, _)| to.clone()).collect::<Vec<_>>(), [of("bob"), of("alice")]);
    assert!(told.iter().all(|(to, settings)| settings.member.user == to.user), "each of their own");
    let sent = send(&world, &message(&of("bob"), &conversation, "2")).await.unwrap();
    assert_eq!(sent.entry.content.ttl_seconds, None);
}

#[tokio::test(start_paused = true)]
async fn settings_stand_though_no_device_can_be_told() {
    let world = World::new(1);
    world.open(&session(&of("alice"), "a", &world));
    let pin = own(PreferencesPatch { is_pinned: Some(true), ..PreferencesPatch::default() });
    world.set_outage(&["post"]);
    configure(ports(&world), &of("alice"), &alice_and_bob(), pin).await.unwrap();
    world.set_outage(&["sessions_of_user"]);
    configure(ports(&world), &of("alice"), &alice_and_bob(), pin).await.unwrap();
    world.set_outage(&[]);
    world.stall(&["post"]);
    configure(ports(&world), &of("alice"), &alice_and_bob(), pin).await.unwrap();
    assert!(summary(&world, "alice").await.member.pinned_at > Timestamp::default());
}

#[tokio::test(start_paused = true)]
async fn the_list_tells_the_last_entry_what_is_unread_and_who_is_meant() {
    let world = World::new(1);
    let group = crew(&world, &["carl", "dora"]).await;
    for (n, mentioned) in [(1, vec![user("carl")]), (2, vec![user("dora")]), (3, vec![user("dora"), user("carl")])] {
        let mut request = message(&of("olga"), &group, &n.to_string());
        request.draft.content.mentions = mentioned;
        send(&world, &request).await.unwrap();
    }
    let last = send(&world, &message(&of("carl"), &group, "mine")).await.unwrap().entry;
    drain_stream(&world).await;
    let found = summary(&world, "carl").await;
    assert_eq!((found.unread, found.mentions), (3, 2), "three messages; that the group was made is none");
    assert_eq!(found.last.as_ref(), Some(&last));
    // Read on another device, it is read here at once.
    let ports = receipt_ports(&world);
    let at = MarkAt::Sequence(Sequence(3));
    raise(ports, &device("carl", "web"), &group, tidings_domain::conversation::Watermark::Read, at).await.unwrap();
    let found = summary(&world, "carl").await;
    assert_eq!((found.unread, found.mentions, found.member.read_up_to), (1, 1, Sequence(3)));
    let at = MarkAt::Sequence(Sequence(5));
    raise(ports, &of("carl"), &group, tidings_domain::conversation::Watermark::Read, at).await.unwrap();
    let found = summary(&world, "carl").await;
    assert_eq!((found.unread, found.mentions, found.last.as_ref()), (0, 0, Some(&last)));
}

#[tokio::test(start_paused = true)]
async fn beyond_a_hundred_the_last_entry_is_still_the_last() {
    let world = World::new(1);
    let conversation = alice_and_bob();
    let sends = UNREAD_ROWS_MAX as u64 + 20;
    for n in 0..sends {
        let mut request = message(&of("alice"), &conversation, &n.to_string());
        request.draft.content.mentions = vec![user("bob")];
        send(&world, &request).await.unwrap();
    }
    drain_stream(&world).await;
    let found = summary(&world, "bob").await;
    assert_eq!((found.unread, found.mentions), (sends, UNREAD_ROWS_MAX as u64));
    assert_eq!(found.last.map(|entry| entry.sequence.0), Some(sends));
}
