//! Groups: who is in at each sequence, and who may do what, under races.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures_util::future::{join, join_all};
use proptest::prelude::*;
use tidings_domain::{
    conversation::Watermark,
    fanout::fan_out,
    group::{Audience, Change, Group, GroupSettings, Role, Rule, SettingsPatch},
    history::{ReadError, ReadPorts, Span, page},
    ids::{ConversationId, Sender, Sequence, UserId},
    limits::{GROUP_SETTLE_MS, ROSTER_MEMBERS_MAX},
    log::{Entry, EventKind},
    membership::{Command, GroupError, GroupPorts, change, create, group_of, members_page},
    notice::Notice,
    receipts::{MarkAt, raise},
    send::{Refusal, SendError},
    stream::StreamRecord,
};
use tidings_memory::{Faults, World};

use crate::support::*;

fn ports(world: &World) -> GroupPorts<'_> {
    GroupPorts {
        log: world,
        conversations: world,
        invites: world,
        media: world,
        bus: world,
        clock: world,
        push_members_max: 4,
    }
}

fn group() -> ConversationId {
    ConversationId::parse("g:crew").unwrap()
}

fn settings() -> GroupSettings {
    GroupSettings { title: "Crew".into(), ..GroupSettings::default() }
}

fn of(name: &str) -> Sender {
    device(name, "phone")
}

/// A group of olga, who has it, and of others.
async fn made(world: &World, members: &[&str]) -> Group {
    create(ports(world), &of("olga"), &group(), settings(), members.iter().map(|name| user(name)).collect())
        .await
        .unwrap()
}

async fn does(world: &World, name: &str, command: Command) -> Result<Group, GroupError> {
    change(ports(world), &of(name), &group(), &command).await
}

fn events(world: &World) -> Vec<(Change, Vec<UserId>)> {
    let entries = world.log(&group()).into_iter().filter_map(|entry| entry.membership);
    entries.map(|event| (event.change, event.users)).collect()
}

async fn read(world: &World, name: &str) -> Result<Vec<u64>, ReadError> {
    let ports = ReadPorts { log: world, conversations: world, personal: world, clock: world };
    let page = page(ports, &user(name), &group(), Span::After(Sequence::ZERO), 100).await?;
    Ok(page.entries.into_iter().map(|entry| entry.sequence.0).collect())
}

#[tokio::test(start_paused = true)]
async fn every_change_is_an_event_and_what_is_so_already_is_none() {
    let world = World::new(1);
    assert_eq!(made(&world, &["carl", "olga"]).await.member_count, 2);
    assert_eq!(made(&world, &["someone"]).await.member_count, 2, "made before");
    does(&world, "carl", Command::Add(vec![user("dora"), user("carl"), user("dora")])).await.unwrap();
    does(&world, "carl", Command::Add(vec![user("dora")])).await.unwrap();
    does(&world, "olga", Command::SetRole(user("carl"), Role::Admin)).await.unwrap();
    does(&world, "olga", Command::SetRole(user("carl"), Role::Admin)).await.unwrap();
    let renamed = SettingsPatch { title: Some("Crew 2".into()), ..SettingsPatch::default() };
    does(&world, "carl", Command::Configure(renamed.clone())).await.unwrap();
    does(&world, "carl", Command::Configure(renamed)).await.unwrap();
    let slower = SettingsPatch { slow_mode_seconds: Some(9), ..SettingsPatch::default() };
    does(&world, "carl", Command::Configure(slower)).await.unwrap();
    does(&world, "olga", Command::SetRole(user("carl"), Role::Owner)).await.unwrap();
    does(&world, "carl", Command::SetRole(user("olga"), Role::Member)).await.unwrap();
    does(&world, "carl", Command::Remove(user("dora"))).await.unwrap();
    does(&world, "carl", Command::Remove(user("dora"))).await.unwrap();
    does(&world, "olga", Command::Leave).await.unwrap();
    does(&world, "olga", Command::Leave).await.unwrap();
    let (last, own) = group_of(ports(&world), &user("carl"), &group()).await.unwrap();
    assert_eq!((last.member_count, last.owner, own.role), (1, user("carl"), Role::Owner));
    does(&world, "carl", Command::Dissolve).await.unwrap();
    does(&world, "carl", Command::Dissolve).await.unwrap();
    let users = |names: &[&str]| names.iter().map(|name| user(name)).collect::<Vec<_>>();
    let expected = [
        (Change::Created, users(&["olga", "carl"])),
        (Change::Added, users(&["dora"])),
        (Change::Promoted, users(&["carl"])),
        (Change::Renamed, users(&["carl"])),
        (Change::Configured, users(&["carl"])),
        (Change::Promoted, users(&["carl"])),
        (Change::Demoted, users(&["olga"])),
        (Change::Removed, users(&["dora"])),
        (Change::Left, users(&["olga"])),
        (Change::Dissolved, users(&["carl"])),
    ];
    assert_eq!(events(&world), expected);
    let versions: Vec<u64> = world.log(&group()).iter().map(|e| e.state.membership_version.0).collect();
    assert_eq!(versions, (1..=10).collect::<Vec<_>>(), "each event is the version from then on");
}

#[tokio::test(start_paused = true)]
async fn who_joins_reads_from_the_joining_and_who_goes_neither_reads_nor_sends() {
    let world = World::new(1);
    made(&world, &["carl"]).await;
    for id in ["1", "2"] {
        send(&world, &message(&of("carl"), &group(), id)).await.unwrap();
    }
    does(&world, "olga", Command::Add(vec![user("dora")])).await.unwrap();
    send(&world, &message(&of("dora"), &group(), "hello")).await.unwrap();
    assert_eq!(read(&world, "olga").await.unwrap(), [1, 2, 3, 4, 5]);
    assert_eq!(read(&world, "dora").await.unwrap(), [4, 5]);
    does(&world, "olga", Command::Remove(user("dora"))).await.unwrap();
    assert!(matches!(read(&world, "dora").await, Err(ReadError::NotAMember(_))));
    let refused = send(&world, &message(&of("dora"), &group(), "more")).await;
    assert!(matches!(refused, Err(SendError::Refused(Refusal::NotAMember(_)))));
    assert!(matches!(does(&world, "dora", Command::Add(vec![user("eve")])).await, Err(GroupError::NotAMember(_))));
    does(&world, "carl", Command::Add(vec![user("dora")])).await.unwrap();
    assert_eq!(read(&world, "dora").await.unwrap(), [7], "from the second joining");
}

#[tokio::test(start_paused = true)]
async fn who_is_removed_is_told_so_and_nothing_after_it() {
    let world = World::new(1);
    made(&world, &["carl", "dora"]).await;
    for (name, connection) in [("carl", "c"), ("dora", "d")] {
        world.open(&session(&of(name), connection, &world));
    }
    send(&world, &message(&of("olga"), &group(), "before")).await.unwrap();
    does(&world, "olga", Command::Remove(user("dora"))).await.unwrap();
    send(&world, &message(&of("olga"), &group(), "after")).await.unwrap();
    assert!(fan_out(fanout_ports(&world), 256, world.take_published()).await.is_empty());
    let told = |name: &str| {
        let posted = world.posted().into_iter().filter(|p| p.to == of(name));
        posted
            .filter_map(|p| match p.notice {
                Notice::Entry(entry) => Some(entry.sequence.0),
                _ => None,
            })
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(told("carl"), [1, 2, 3, 4].into());
    assert_eq!(told("dora"), [2, 3].into(), "what was said while she was in, that she is out, and nothing more");
}

/// Receipts, and what tells that a member may be behind, come in batches without an entry: a view of the members that is
/// older than what they are about still has who has gone since.
#[tokio::test(start_paused = true)]
async fn who_is_removed_is_not_told_what_others_received_after_it() {
    for seed in 0..20 {
        let world = World::new(seed);
        let faults = |stale| Faults { stale, stale_ms_max: 1_000, ..Faults::default() };
        world.set_faults(faults(0.0));
        made(&world, &["carl", "dora"]).await;
        world.open(&session(&of("dora"), "d", &world));
        tokio::time::advance(Duration::from_millis(GROUP_SETTLE_MS)).await;
        does(&world, "olga", Command::Remove(user("dora"))).await.unwrap();
        let after = send(&world, &message(&of("olga"), &group(), "after")).await.unwrap().entry;
        drain_stream(&world).await;
        let told = world.posted().len();

        let at = MarkAt::Sequence(after.sequence);
        raise(receipt_ports(&world), &of("carl"), &group(), Watermark::Delivered, at).await.unwrap();
        let mut records = world.take_published();
        records.push(StreamRecord::Behind {
            conversation: group(),
            user: user("dora"),
            last_sequence: after.sequence,
            membership_version: after.state.membership_version,
        });
        world.set_faults(faults(1.0));
        assert!(fan_out(fanout_ports(&world), 256, records).await.is_empty());
        let later: Vec<_> = world.posted().into_iter().skip(told).filter(|p| p.to == of("dora")).collect();
        assert!(later.is_empty(), "seed {seed}: {later:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_goes_twice_is_told_nothing_of_the_time_between() {
    let world = World::new(1);
    made(&world, &["dora"]).await;
    world.open(&session(&of("dora"), "d", &world));
    for id in ["1", "2"] {
        does(&world, "olga", Command::Remove(user("dora"))).await.unwrap();
        send(&world, &message(&of("olga"), &group(), id)).await.unwrap();
        does(&world, "olga", Command::Add(vec![user("dora")])).await.unwrap();
    }
    does(&world, "olga", Command::Remove(user("dora"))).await.unwrap();
    assert!(fan_out(fanout_ports(&world), 256, world.take_published()).await.is_empty());
    let told = world.posted().into_iter().filter_map(|p| match p.notice {
        Notice::Entry(entry) => Some(entry.sequence.0),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [8], "the last going");
}

#[tokio::test(start_paused = true)]
async fn the_owner_leaves_only_as_the_last() {
    let world = World::new(1);
    made(&world, &["carl"]).await;
    assert!(matches!(does(&world, "olga", Command::Leave).await, Err(GroupError::Forbidden(Rule::OwnerStays))));
    does(&world, "carl", Command::Leave).await.unwrap();
    let last = does(&world, "olga", Command::Leave).await.unwrap();
    assert_eq!((last.member_count, last.is_dissolved), (0, true));
    assert!(matches!(does(&world, "olga", Command::Dissolve).await, Err(GroupError::NotAMember(_))));
}

#[tokio::test(start_paused = true)]
async fn who_may_post_and_how_often_is_for_the_admins_to_say() {
    let world = World::new(1);
    made(&world, &["carl", "dora"]).await;
    let set = |patch| does(&world, "olga", Command::Configure(patch));
    set(SettingsPatch { may_post: Some(Audience::Admins), ..SettingsPatch::default() }).await.unwrap();
    let refused = send(&world, &message(&of("carl"), &group(), "1")).await;
    assert!(matches!(refused, Err(SendError::Refused(Refusal::Forbidden(Rule::OnlyAdminsPost)))));
    let slow = SettingsPatch {
        may_post: Some(Audience::All),
        slow_mode_seconds: Some(10),
        ttl_seconds: Some(Some(60)),
        ..SettingsPatch::default()
    };
    set(slow).await.unwrap();
    let first = send(&world, &message(&of("carl"), &group(), "1")).await.unwrap();
    assert_eq!(first.entry.content.ttl_seconds, Some(60), "the group's, where the message names none");
    let again = send(&world, &message(&of("carl"), &group(), "1")).await.unwrap();
    assert!(again.duplicate, "a resend is no second message");
    let Err(SendError::Refused(Refusal::SlowMode { retry_after_ms })) =
        send(&world, &message(&of("carl"), &group(), "2")).await
    else {
        panic!("not slowed");
    };
    assert!((9_900..=10_000).contains(&retry_after_ms), "{retry_after_ms}");
    for id in ["1", "2"] {
        send(&world, &message(&of("olga"), &group(), id)).await.expect("the owner need not wait");
    }
    // Beyond the rows of the tail, the member row tells.
    fan_out(fanout_ports(&world), 256, world.take_published()).await;
    for id in 3..20 {
        send(&world, &message(&of("olga"), &group(), &id.to_string())).await.unwrap();
    }
    assert!(send(&world, &message(&of("carl"), &group(), "2")).await.is_err());
    tokio::time::advance(std::time::Duration::from_millis(retry_after_ms)).await;
    send(&world, &message(&of("carl"), &group(), "2")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn nobody_writes_to_a_dissolved_group_and_its_members_read_on() {
    let world = World::new(1);
    made(&world, &["carl"]).await;
    does(&world, "olga", Command::Dissolve).await.unwrap();
    let refused = send(&world, &message(&of("carl"), &group(), "1")).await;
    assert!(matches!(refused, Err(SendError::Refused(Refusal::Forbidden(Rule::Dissolved)))));
    assert!(matches!(
        does(&world, "olga", Command::Add(vec![user("eve")])).await,
        Err(GroupError::Forbidden(Rule::Dissolved))
    ));
    assert_eq!(read(&world, "carl").await.unwrap(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_group_of_somebody_else_is_refused() {
    let world = World::new(1);
    made(&world, &["carl"]).await;
    let again = create(ports(&world), &of("eve"), &group(), settings(), Vec::new()).await;
    assert!(matches!(again, Err(GroupError::Exists(_))));
    assert!(matches!(group_of(ports(&world), &user("eve"), &group()).await, Err(GroupError::NotAMember(_))));
    assert!(does(&world, "eve", Command::Leave).await.is_ok(), "who is not in need not leave");
    let unknown = ConversationId::parse("g:unknown").unwrap();
    let nothing = change(ports(&world), &of("eve"), &unknown, &Command::Dissolve).await;
    assert!(matches!(nothing, Err(GroupError::NotAMember(_))));
    let missing = does(&world, "olga", Command::SetRole(user("eve"), Role::Admin)).await;
    assert!(matches!(missing, Err(GroupError::NoSuchMember(_))));
    let crowd: Vec<UserId> = (0..90).map(|n| user(&format!("u{n}"))).collect();
    let too_many = create(ports(&world), &of("eve"), &unknown, settings(), crowd).await;
    assert!(matches!(too_many, Err(GroupError::TooManyAtOnce)));
}

#[tokio::test(start_paused = true)]
async fn members_page_by_name() {
    let world = World::new(1);
    made(&world, &["carl", "dora", "eve", "finn"]).await;
    let mut names = Vec::new();
    let mut after: Option<UserId> = None;
    loop {
        let (members, has_more) = members_page(ports(&world), &user("eve"), &group(), after.as_ref(), 2).await.unwrap();
        names.extend(members.iter().map(|m| m.user.to_string()));
        after = members.last().map(|m| m.user.clone());
        if !has_more {
            break;
        }
    }
    assert_eq!(names, ["carl", "dora", "eve", "finn", "olga"]);
    let (group, _) = group_of(ports(&world), &user("eve"), &group()).await.unwrap();
    assert!(group.is_pulled(), "five, where four are too many");
}

/// Past the time in which the rows of a change may be seen one by one.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(GROUP_SETTLE_MS + 1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_small_group_is_posted_to_within_three_trips_and_the_durable_lane_repeats_nothing() {
    let world = World::new(1);
    made(&world, &["carl", "dora"]).await;
    drain_stream(&world).await;
    settle().await;
    for name in ["olga", "carl", "dora"] {
        world.open(&session(&of(name), name, &world));
    }
    let started = world.now();
    send(&world, &message(&of("olga"), &group(), "1")).await.unwrap();
    assert_eq!(world.now().ms_since(started), 3);
    let told = || world.posted().into_iter().map(|p| p.to).collect::<Vec<_>>();
    assert_eq!(told(), [of("carl"), of("dora")]);
    drain_stream(&world).await;
    assert_eq!(told(), [of("carl"), of("dora")]);
}

#[tokio::test(start_paused = true)]
async fn a_small_group_whose_sessions_cannot_be_read_is_left_to_the_durable_lane() {
    let world = World::new(1);
    made(&world, &["carl"]).await;
    drain_stream(&world).await;
    settle().await;
    world.open(&session(&of("carl"), "c", &world));
    world.set_outage(&["sessions_of_user"]);
    send(&world, &message(&of("olga"), &group(), "1")).await.unwrap();
    assert_eq!(world.posted().len(), 0);
    world.set_outage(&[]);
    drain_stream(&world).await;
    assert_eq!(world.posted().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_head_names_the_members_while_they_are_few() {
    let world = World::new(1);
    let names: Vec<String> = (0..ROSTER_MEMBERS_MAX).map(|n| format!("m{n}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let group = made(&world, &all).await;
    assert_eq!(group.roster, None, "{} with olga", group.member_count);
    let group = does(&world, "olga", Command::Remove(user("m0"))).await.unwrap();
    assert_eq!(group.roster, None, "the rows may not all be seen yet");
    settle().await;
    let group = does(&world, "olga", Command::Configure(SettingsPatch::default())).await.unwrap();
    assert_eq!(group.roster, None, "nothing changed");
    let group = does(&world, "olga", Command::SetRole(user("m1"), Role::Admin)).await.unwrap();
    let expected: BTreeSet<UserId> = all[1..].iter().chain(&["olga"]).map(|name| user(name)).collect();
    assert_eq!(group.roster.as_ref(), Some(&expected), "read from the rows");
    let group = does(&world, "m5", Command::Leave).await.unwrap();
    assert!(group.roster.is_some_and(|roster| roster.len() == 15 && !roster.contains(&user("m5"))));
    let group = does(&world, "olga", Command::Add(vec![user("m0"), user("m5")])).await.unwrap();
    assert_eq!(group.roster, None, "seventeen");
}

/// Who was a member at each sequence, by the events alone.
fn members_by_events(log: &[Entry]) -> Vec<BTreeSet<UserId>> {
    let mut members = BTreeSet::new();
    let mut at_each = Vec::new();
    for entry in log {
        if let Some(event) = &entry.membership {
            members.extend(event.arrived().iter().cloned());
            members.retain(|user| !event.departed().contains(user));
        }
        at_each.push(members.clone());
    }
    at_each
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Promise 7: whatever races and whatever fails, each message's sender was a member at its
    /// sequence, the rows are what the events say, and each reads from their own joining.
    #[test]
    fn members_agree_on_who_was_in_at_each_sequence(
        seed: u64,
        refused in 0.0..0.1,
        answer_lost in 0.0..0.2,
        latency_ms_max in 1_u64..20,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let world = World::new(seed);
            made(&world, &["carl", "dora"]).await;
            world.set_faults(Faults { refused, answer_lost, latency_ms_max, ..Faults::default() });
            let talk = join_all(["carl", "dora", "eve"].map(|name| {
                let world = &world;
                async move {
                    for n in 0..12 {
                        let _ = send(world, &message(&of(name), &group(), &n.to_string())).await;
                    }
                }
            }));
            let come_and_go = join_all([("olga", "dora"), ("olga", "eve"), ("carl", "eve")].map(|(actor, name)| {
                let world = &world;
                async move {
                    for n in 0..4 {
                        let command = if n % 2 == 0 { Command::Add(vec![user(name)]) } else { Command::Remove(user(name)) };
                        let _ = does(world, actor, command).await;
                        let _ = does(world, "olga", Command::SetRole(user("carl"), Role::Admin)).await;
                    }
                }
            }));
            join(talk, come_and_go).await;
            world.set_faults(Faults::default());

            let log = world.log(&group());
            let sequences: Vec<u64> = log.iter().map(|e| e.sequence.0).collect();
            prop_assert_eq!(sequences, (1..=log.len() as u64).collect::<Vec<_>>());
            let at_each = members_by_events(&log);
            let mut joined: BTreeMap<UserId, u64> = BTreeMap::new();
            let mut version = Sequence::ZERO;
            for (entry, members) in log.iter().zip(&at_each) {
                if entry.event == EventKind::Membership {
                    version = entry.sequence;
                    let event = entry.membership.as_ref().unwrap();
                    joined.extend(event.arrived().iter().map(|user| (user.clone(), entry.sequence.0)));
                } else {
                    prop_assert!(members.contains(&entry.sender.user), "{} at {}", entry.sender.user, entry.sequence);
                }
                prop_assert_eq!(entry.state.membership_version, version);
            }
            let last = at_each.last().unwrap();
            let (group, _) = group_of(ports(&world), &user("olga"), &group()).await.unwrap();
            prop_assert_eq!(group.member_count, last.len() as u64);
            prop_assert_eq!(group.roster.as_ref(), Some(last));
            for name in ["carl", "dora", "eve"] {
                match read(&world, name).await {
                    Ok(read) => {
                        prop_assert!(last.contains(&user(name)));
                        prop_assert_eq!(read, (joined[&user(name)]..=log.len() as u64).collect::<Vec<_>>());
                    }
                    Err(_) => prop_assert!(!last.contains(&user(name))),
                }
            }
            Ok(())
        })?;
    }
}
