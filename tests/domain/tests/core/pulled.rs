//! Groups that are pulled: what a message costs does not grow with the members, nobody is left
//! behind when a group crosses the boundary, and dedupe is as exact as elsewhere.

use std::collections::BTreeSet;

use tidings_domain::{
    conversation::{Member, Reach, Watermark},
    fanout::fan_out,
    group::{GroupSettings, SettingsPatch},
    ids::{ConversationId, Sender, Sequence, Timestamp, UserId},
    log::Entry,
    membership::{Command, GroupPorts, change, create},
    notice::Notice,
    receipts::{MarkAt, raise},
    repair::repair,
    sessions::Socket,
    stream::StreamRecord,
    sync::{HelloRequest, ListCursor, ResumeTokens, SessionTerms, heartbeat, hello, list},
};
use tidings_memory::World;

use crate::support::*;

/// From so many members on a group is pulled.
const PUSH_MEMBERS_MAX: usize = 4;
/// Subscribers that one message is announced to.
const ANNOUNCE_MAX: usize = 2;
const TERMS: SessionTerms = SessionTerms { heartbeat_seconds: 240, session_ttl_seconds: 300, send_window: 4 };

struct NoTokens;

impl ResumeTokens for NoTokens {
    fn issue(&self, _: &Socket, _: Timestamp) -> String {
        String::new()
    }
}

fn group() -> ConversationId {
    ConversationId::parse("g:large").unwrap()
}

fn of(name: &str) -> Sender {
    device(name, "phone")
}

fn ports(world: &World) -> GroupPorts<'_> {
    GroupPorts {
        log: world,
        conversations: world,
        invites: world,
        media: world,
        bus: world,
        clock: world,
        push_members_max: PUSH_MEMBERS_MAX,
    }
}

async fn made(world: &World, members: &[&str]) {
    let settings = GroupSettings { title: "Large".into(), ..GroupSettings::default() };
    let members: Vec<UserId> = members.iter().map(|name| user(name)).collect();
    create(ports(world), &of("olga"), &group(), settings, members).await.unwrap();
    fan_out_all(world).await;
}

async fn does(world: &World, command: Command) {
    change(ports(world), &of("olga"), &group(), &command).await.unwrap();
}

async fn says(world: &World, name: &str, id: &str) -> Entry {
    send(world, &message(&of(name), &group(), id)).await.unwrap().entry
}

async fn fan_out_all(world: &World) {
    let records = world.take_published();
    assert!(fan_out(fanout_ports(world), ANNOUNCE_MAX, records).await.is_empty());
}

async fn says_hello(world: &World, name: &str) {
    let session = session(&of(name), name, world);
    world.open(&session);
    let socket = Socket {
        owner: session.owner,
        connection: session.connection,
        endpoint: session.endpoint,
        connected_at: session.connected_at,
    };
    hello(sync_ports(world), &NoTokens, TERMS, &socket, &HelloRequest::default()).await.unwrap();
}

/// Who was told how far the log has got, and how far.
fn told(world: &World) -> BTreeSet<(String, u64)> {
    let of_posted = |posted: tidings_memory::Posted| match posted.notice {
        Notice::Updated { last_sequence, .. } => Some((posted.to.user.to_string(), last_sequence.0)),
        _ => None,
    };
    world.take_posted().into_iter().filter_map(of_posted).collect()
}

/// A settled group of so many members that is pulled, without an event; the last are connected.
async fn large(members: usize, connected: usize) -> World {
    let world = World::new(1);
    for n in 0..members {
        let name = format!("m{n}");
        let row = Member { joined_at: Sequence(1), ..Member::new(user(&name)) };
        world.set_member(&group(), &user(&name), Some(row));
    }
    world.pull(&group(), Sequence(1), Some(Reach { since: Sequence(1), ..Reach::default() }));
    for n in members - connected..members {
        says_hello(&world, &format!("m{n}")).await;
    }
    world.take_posted();
    world.take_calls();
    world
}

#[tokio::test(start_paused = true)]
async fn a_message_makes_as_many_calls_however_many_members_there_are() {
    let mut counts = BTreeSet::new();
    for members in [10, 100, 1_000] {
        let world = large(members, 8).await;
        says(&world, "m0", "1").await;
        world.take_calls();
        fan_out_all(&world).await;
        let calls = world.take_calls();
        assert!(repair(repair_ports(&world), world.log(&group())).await.is_empty());
        assert_eq!(world.take_published(), [], "nothing to repair");
        counts.insert((calls.len(), world.take_calls().len()));
        assert_eq!(told(&world).len(), ANNOUNCE_MAX);
        assert_eq!(world.reach(&group()).unwrap().last_sequence, Sequence(1));
    }
    assert_eq!(counts.len(), 1, "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn subscribers_have_their_turn_and_a_heartbeat_tells_who_had_none() {
    let world = large(20, 10).await;
    let mut heard = BTreeSet::new();
    let mut end = 0;
    // A part of two is uneven, for places are: of hundreds it is not.
    while heard.len() < 10 && end < 500 {
        end += 1;
        let n = end;
        says(&world, "m0", &n.to_string()).await;
        fan_out_all(&world).await;
        heard.extend(told(&world).into_iter().map(|(name, _)| name));
    }
    assert_eq!(heard.len(), 10, "each is told once in a while: {heard:?}");
    let own = session(&of("m15"), "m15", &world);
    let socket =
        Socket { owner: own.owner, connection: own.connection, endpoint: own.endpoint, connected_at: own.connected_at };
    heartbeat(sync_ports(&world), &world, TERMS, &socket, false).await.unwrap();
    assert_eq!(told(&world), [("m15".to_owned(), end)].into());
    let page = list(sync_ports(&world), &user("m3"), &ListCursor::default(), 10).await.unwrap();
    assert_eq!(page.conversations[0].member.last_sequence, Sequence(end));
    assert_eq!(page.conversations[0].unread, end);
}

#[tokio::test(start_paused = true)]
async fn who_is_mentioned_is_told_at_once_and_the_senders_other_devices_too() {
    let world = large(20, 10).await;
    world.open(&session(&of("m1"), "m1", &world));
    world.open(&session(&device("m0", "web"), "m0-web", &world));
    let mut request = message(&of("m0"), &group(), "1");
    request.draft.content.mentions = vec![user("m1"), user("m2"), user("stranger")];
    send(&world, &request).await.unwrap();
    world.open(&session(&of("stranger"), "stranger", &world));
    fan_out_all(&world).await;
    let told: BTreeSet<String> = told(&world).into_iter().map(|(name, _)| name).collect();
    assert!(told.contains("m1") && told.contains("m0") && !told.contains("stranger"), "{told:?}");
    assert_eq!(told.len(), 2 + ANNOUNCE_MAX);
}

#[tokio::test(start_paused = true)]
async fn who_is_out_is_told_of_the_going_and_is_no_subscriber_any_more() {
    let world = World::new(1);
    made(&world, &["a", "b", "c", "d", "e"]).await;
    says_hello(&world, "d").await;
    fan_out_all(&world).await;
    world.take_posted();
    assert_eq!(world.enlisted(&group()), [of("d")]);
    does(&world, Command::Remove(user("d"))).await;
    says(&world, "a", "1").await;
    fan_out_all(&world).await;
    let notices: Vec<Notice> = world.take_posted().into_iter().map(|posted| posted.notice).collect();
    assert!(matches!(&notices[..], [Notice::Entry(entry)] if entry.sequence == Sequence(2)), "{notices:?}");
    assert_eq!(world.enlisted(&group()), []);
    // A hello that raced the removal would leave it: the next message takes it away, and tells nothing.
    world.enlist(&group(), &session(&of("d"), "d", &world));
    says(&world, "a", "2").await;
    fan_out_all(&world).await;
    assert_eq!(told(&world), BTreeSet::new());
    assert_eq!(world.enlisted(&group()), []);
}

/// Up and down again and again: everybody is told, rows say what they must, and what was sent
/// before a crossing is known after it.
#[tokio::test(start_paused = true)]
async fn a_group_that_crosses_the_boundary_leaves_nobody_and_nothing_behind() {
    let world = World::new(1);
    made(&world, &["a", "b"]).await;
    for name in ["olga", "a", "b", "c"] {
        says_hello(&world, name).await;
    }
    for round in 0..3 {
        says(&world, "a", &format!("pushed-{round}")).await;
        fan_out_all(&world).await;
        world.take_posted();
        does(&world, Command::Add(vec![user("c")])).await;
        fan_out_all(&world).await;
        let end = world.log(&group()).len() as u64;
        let all: BTreeSet<String> =
            told(&world).into_iter().filter(|(_, to)| *to == end).map(|(name, _)| name).collect();
        assert_eq!(all.len(), 4, "all who were pushed to are told: {all:?}");
        assert_eq!(world.reach(&group()).unwrap().last_sequence, Sequence(end));
        assert!(
            ["olga", "a", "b", "c"]
                .iter()
                .all(|name| { world.member(&group(), &user(name)).unwrap().is_filed_as_pulled() })
        );
        raise(receipt_ports(&world), &of("b"), &group(), Watermark::Read, MarkAt::Sequence(Sequence(end)))
            .await
            .unwrap();
        assert!(world.member(&group(), &user("b")).unwrap().is_filed_as_pulled(), "reading moves no row from there");

        // Beyond the rows of the tail, so that the ring alone can tell.
        let first = says(&world, "a", &format!("pulled-{round}")).await;
        for n in 0..10 {
            says(&world, "b", &format!("more-{round}-{n}")).await;
        }
        fan_out_all(&world).await;
        let again = send(&world, &message(&of("a"), &group(), &format!("pulled-{round}"))).await.unwrap();
        assert_eq!((again.duplicate, again.entry.sequence), (true, first.sequence));

        world.take_posted();
        does(&world, Command::Remove(user("c"))).await;
        fan_out_all(&world).await;
        let end = Sequence(world.log(&group()).len() as u64);
        assert_eq!(world.reach(&group()), None);
        for name in ["olga", "a", "b"] {
            let row = world.member(&group(), &user(name)).unwrap();
            assert_eq!((row.last_sequence, row.is_filed_as_pulled()), (end, false), "{name}");
        }
        world.take_posted();
        for n in 0..10 {
            says(&world, "b", &format!("after-{round}-{n}")).await;
        }
        let again = send(&world, &message(&of("a"), &group(), &format!("pulled-{round}"))).await.unwrap();
        assert_eq!((again.duplicate, again.entry.sequence), (true, first.sequence), "the ring crosses with the group");
        fan_out_all(&world).await;
        let is_pushed = |p: &tidings_memory::Posted| p.to == of("olga") && matches!(p.notice, Notice::Entry(_));
        assert!(world.take_posted().iter().any(is_pushed), "pushed again");
    }
}

/// Records of before the crossing that come after it do not bring the group into the new mode:
/// rows that are beyond them would not be filed.
#[tokio::test(start_paused = true)]
async fn a_late_record_of_before_does_not_begin_the_pulled_mode() {
    let world = World::new(1);
    made(&world, &["a", "b"]).await;
    let first = says(&world, "a", "1").await;
    fan_out_all(&world).await;
    does(&world, Command::Add(vec![user("c")])).await;
    let crossing = world.take_published();
    let late = StreamRecord::Appended { conversation: group(), entries: vec![first], reached: Vec::new() };
    assert!(fan_out(fanout_ports(&world), ANNOUNCE_MAX, [late.clone()]).await.is_empty());
    assert_eq!(world.reach(&group()), None);
    assert!(fan_out(fanout_ports(&world), ANNOUNCE_MAX, crossing).await.is_empty());
    assert_eq!(world.reach(&group()).unwrap().last_sequence, Sequence(3));
    assert!(world.member(&group(), &user("a")).unwrap().is_filed_as_pulled());
    // And once more after it: the ring has it already, nothing falls.
    assert!(fan_out(fanout_ports(&world), ANNOUNCE_MAX, [late]).await.is_empty());
    assert_eq!(world.reach(&group()).unwrap().last_sequence, Sequence(3));
}

/// A record that the stream refused is found by the ring, as elsewhere; and one that brings the
/// group into its mode, by the missing reach.
#[tokio::test(start_paused = true)]
async fn what_was_never_published_is_repaired() {
    let world = World::new(1);
    made(&world, &["a", "b", "c", "d"]).await;
    for lost in ["1", "2", "3"] {
        says(&world, "a", lost).await;
        world.take_published();
        if lost == "2" {
            does(&world, Command::Configure(SettingsPatch { title: Some("New".into()), ..SettingsPatch::default() }))
                .await;
            fan_out_all(&world).await;
        }
    }
    assert!(repair(repair_ports(&world), world.log(&group())).await.is_empty());
    fan_out_all(&world).await;
    let end = Sequence(world.log(&group()).len() as u64);
    assert_eq!(world.reach(&group()).unwrap().last_sequence, end);
    let ring: Vec<u64> = world.member(&group(), &user("a")).unwrap().rings[&of("a").device]
        .entries()
        .iter()
        .map(|entry| entry.sequence().0)
        .collect();
    assert_eq!(ring, [2, 3, 5]);
    assert!(repair(repair_ports(&world), world.log(&group())).await.is_empty());
    assert_eq!(world.take_published(), []);
}

/// Pulled again before all rows were brought back from the time before: the reach that is still
/// there tells of the rings and not of how the rows are filed.
#[tokio::test(start_paused = true)]
async fn a_group_that_is_pulled_again_at_once_has_its_rows_filed_again() {
    let world = World::new(1);
    made(&world, &["a", "b"]).await;
    does(&world, Command::Add(vec![user("c")])).await;
    fan_out_all(&world).await;
    does(&world, Command::Remove(user("c"))).await;
    world.take_published();
    // The durable lane has died between two rows.
    let row = world.member(&group(), &user("b")).unwrap();
    world.overwrite_member(&group(), Member { last_sequence: Sequence(3), active_at: Timestamp(7), ..row });
    does(&world, Command::Add(vec![user("c")])).await;
    fan_out_all(&world).await;
    assert_eq!(world.reach(&group()).unwrap().since, Sequence(4));
    assert!(world.member(&group(), &user("b")).unwrap().is_filed_as_pulled());
}
