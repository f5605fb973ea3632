//! Keys, commits and mail: what is encrypted fits the devices that there are, each package and each
//! epoch has one taker, and mail reaches its device alone.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::{join, join_all};
use proptest::prelude::*;
use tidings_domain::{
    devices::{DevicePorts, revoke},
    fanout::fan_out,
    group::{GroupSettings, Rule},
    ids::{ClientMsgId, ConversationId, KindName, MailId, MessageId, Sender, Sequence},
    keys::{KeyBundle, KeyError, KeyPackage, KeyPorts, KeyUpload, stock, take, upload},
    limits::{KEY_PACKAGES_LOW, MAIL_LIFE_MS, MAILBOX_MAX},
    log::{ConversationState, EventKind, Welcome},
    mailbox::{self, Mail, MailError, MailPorts, post},
    membership::{Command, GroupPorts, change, create},
    notice::{DeviceChange, Notice},
    ports::Devices,
    rate::{KEY_TAKES_PER_TARGET, LimitError, RateLimited},
    send::{Refusal, SendError, SendRequest, Sent},
};
use tidings_memory::{Faults, World};
use tokio::time::sleep;

use crate::support::*;

fn ports(world: &World) -> KeyPorts<'_> {
    KeyPorts { keys: world, buckets: world, sessions: world, gateway: world, clock: world }
}

fn mail_ports(world: &World) -> MailPorts<'_> {
    MailPorts { mailboxes: world, conversations: world, keys: world, sessions: world, gateway: world, clock: world }
}

fn device_ports(world: &World) -> DevicePorts<'_> {
    DevicePorts {
        registry: world,
        provider: world,
        keys: world,
        conversations: world,
        sessions: world,
        gateway: world,
        clock: world,
    }
}

fn package(world: &World, number: usize) -> KeyPackage {
    KeyPackage {
        hash: format!("{number:064x}").into(),
        package: format!("cGtn{number:04}").into(),
        expires_at: world.now().plus_ms(3_600_000),
    }
}

fn keys(world: &World, identity: &str, count: usize, has_last_resort: bool) -> KeyUpload {
    KeyUpload {
        identity: identity.into(),
        packages: (0..count).map(|number| package(world, number)).collect(),
        last_resort: has_last_resort.then(|| package(world, 9999)),
    }
}

/// A device that has connected, with keys.
async fn keyed(world: &World, owner: &Sender, count: usize) {
    Devices::touch(world, owner, world.now()).await.unwrap();
    upload(ports(world), owner, &keys(world, &format!("id-{}", owner.device), count, true)).await.unwrap();
}

fn heard(world: &World, owner: &Sender) -> Vec<Notice> {
    world.posted().into_iter().filter(|posted| posted.to == *owner).map(|posted| posted.notice).collect()
}

fn hash(bundle: &KeyBundle) -> String {
    bundle.package.as_ref().unwrap().hash.to_string()
}

#[tokio::test(start_paused = true)]
async fn of_a_hundred_takes_at_once_none_gets_what_another_got() {
    let world = World::new(3);
    world.set_faults(Faults { latency_ms_max: 20, ..Faults::default() });
    let bob = device("bob", "phone");
    keyed(&world, &bob, 60).await;
    let takers: Vec<_> = (0..100).map(|number| user(&format!("taker{number}"))).collect();
    let takes = join_all(takers.iter().map(|taker| async {
        let (set, bundles) = take(ports(&world), taker, &bob.user, &BTreeSet::new()).await.unwrap();
        assert_eq!((set.version, bundles.len()), (1, 1));
        bundles.into_iter().next().unwrap()
    }))
    .await;
    let (last, once): (Vec<_>, Vec<_>) = takes.iter().partition(|bundle| bundle.is_last_resort);
    let hashes: BTreeSet<String> = once.iter().map(|bundle| hash(bundle)).collect();
    assert_eq!(hashes.len(), once.len(), "each went to one taker");
    assert!(last.iter().all(|bundle| hash(bundle) == format!("{:064x}", 9999)));
    let left = stock(ports(&world), &bob).await.unwrap();
    assert_eq!((left.count, left.has_last_resort), (60 - once.len(), true));
}

#[tokio::test(start_paused = true)]
async fn a_device_is_told_when_few_packages_are_left_and_tops_up() {
    let world = World::new(1);
    let bob = device("bob", "phone");
    world.open(&session(&bob, "c1", &world));
    keyed(&world, &bob, KEY_PACKAGES_LOW + 1).await;
    let (alice, all) = (user("alice"), BTreeSet::new());
    take(ports(&world), &alice, &bob.user, &all).await.unwrap();
    assert_eq!(heard(&world, &bob), []);
    take(ports(&world), &alice, &bob.user, &all).await.unwrap();
    assert_eq!(heard(&world, &bob), [Notice::KeysLow { count: KEY_PACKAGES_LOW - 1 }]);
    let again = keys(&world, "id-phone", KEY_PACKAGES_LOW + 5, true);
    let (change, stock) = upload(ports(&world), &bob, &again).await.unwrap();
    assert_eq!((change, stock.count), (None, KEY_PACKAGES_LOW + 3), "the two that were taken do not come back");
}

#[tokio::test(start_paused = true)]
async fn expired_packages_are_not_handed_out_nor_those_of_another_key() {
    let world = World::new(1);
    let bob = device("bob", "phone");
    keyed(&world, &bob, 3).await;
    let (alice, all) = (user("alice"), BTreeSet::new());
    let anew = KeyUpload { identity: "another".into(), packages: Vec::new(), last_resort: None };
    let (change, stock) = upload(ports(&world), &bob, &anew).await.unwrap();
    assert_eq!((change, stock.count, stock.has_last_resort), (Some(DeviceChange::Keys), 0, false));
    let (set, bundles) = take(ports(&world), &alice, &bob.user, &all).await.unwrap();
    assert_eq!((set.version, bundles[0].package.clone()), (2, None));
    upload(ports(&world), &bob, &keys(&world, "another", 2, true)).await.unwrap();
    sleep(Duration::from_secs(3601)).await;
    let (_, bundles) = take(ports(&world), &alice, &bob.user, &all).await.unwrap();
    assert_eq!(bundles[0].package, None, "the last resort has expired, too");
}

#[tokio::test(start_paused = true)]
async fn nobody_empties_the_stock_of_another() {
    let world = World::new(1);
    let bob = device("bob", "phone");
    keyed(&world, &bob, 100).await;
    let (mallory, all) = (user("mallory"), BTreeSet::new());
    for _ in 0..KEY_TAKES_PER_TARGET.burst {
        take(ports(&world), &mallory, &bob.user, &all).await.unwrap();
    }
    let refused = take(ports(&world), &mallory, &bob.user, &all).await;
    let Err(KeyError::Limited(LimitError::Limited(RateLimited { limit, retry_after_ms }))) = refused else {
        panic!("{refused:?}")
    };
    assert!(take(ports(&world), &user("alice"), &bob.user, &all).await.is_ok(), "others may");
    assert_eq!(limit, "key_takes_per_target");
    assert!(retry_after_ms <= KEY_TAKES_PER_TARGET.every_us / 1000, "{retry_after_ms}");
    sleep(Duration::from_millis(retry_after_ms)).await;
    let anew = keys(&world, "id-phone", 0, true);
    upload(ports(&world), &bob, &anew).await.unwrap();
    assert!(take(ports(&world), &mallory, &bob.user, &all).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_revoked_device_loses_its_keys_and_those_who_know_it_are_told() {
    let world = World::new(1);
    let (phone, laptop, bob) = (device("alice", "phone"), device("alice", "laptop"), device("bob", "phone"));
    keyed(&world, &phone, 1).await;
    keyed(&world, &laptop, 1).await;
    send(&world, &message(&phone, &alice_and_bob(), "1")).await.unwrap();
    drain_stream(&world).await;
    for (owner, connection) in [(&phone, "c1"), (&laptop, "c2"), (&bob, "c3")] {
        world.open(&session(owner, connection, &world));
    }
    revoke(device_ports(&world), &laptop.user, &laptop.device).await.unwrap();
    let told = Notice::Device { device: laptop.clone(), change: DeviceChange::Removed };
    assert_eq!(heard(&world, &bob), std::slice::from_ref(&told));
    assert_eq!(heard(&world, &phone), [told]);
    assert_eq!(heard(&world, &laptop), [], "its socket is closed");
    let (set, bundles) = take(ports(&world), &bob.user, &phone.user, &BTreeSet::new()).await.unwrap();
    assert_eq!((set.version, bundles.len()), (3, 1));
    let refused = upload(ports(&world), &laptop, &keys(&world, "id-laptop", 1, false)).await;
    assert!(matches!(refused, Err(KeyError::NoSuchDevice)), "{refused:?}");
}

/// Of a message for some versions of the devices of some users.
fn for_devices(request: SendRequest, versions: &[(&str, u64)]) -> SendRequest {
    SendRequest { devices: versions.iter().map(|(name, version)| (user(name), *version)).collect(), ..request }
}

#[tokio::test(start_paused = true)]
async fn what_was_encrypted_for_other_devices_is_refused_whole() {
    let world = World::new(1);
    let (alice, bob, tablet) = (device("alice", "phone"), device("bob", "phone"), device("bob", "tablet"));
    keyed(&world, &alice, 0).await;
    keyed(&world, &bob, 0).await;
    let request = |id: &str, versions: &[(&str, u64)]| for_devices(message(&alice, &alice_and_bob(), id), versions);
    send(&world, &request("1", &[("bob", 1), ("alice", 1)])).await.unwrap();
    keyed(&world, &tablet, 0).await;
    upload(ports(&world), &bob, &keys(&world, "another", 0, true)).await.unwrap();
    let refused = send(&world, &request("2", &[("bob", 1), ("alice", 1)])).await;
    let Err(SendError::Refused(Refusal::StaleDevices(differences))) = refused else { panic!("{refused:?}") };
    assert_eq!(differences.keys().collect::<Vec<_>>(), [&bob.user]);
    let difference = &differences[&bob.user];
    assert_eq!((difference.version, &difference.missing), (3, &BTreeSet::from([tablet.device.clone()])));
    assert_eq!((&difference.stale, difference.extra.len()), (&BTreeSet::from([bob.device.clone()]), 0));
    revoke(device_ports(&world), &tablet.user, &tablet.device).await.unwrap();
    let refused = send(&world, &request("2", &[("bob", 3)])).await;
    let Err(SendError::Refused(Refusal::StaleDevices(differences))) = refused else { panic!("{refused:?}") };
    assert_eq!(differences[&bob.user].extra, BTreeSet::from([tablet.device]));
    assert_eq!(world.log(&alice_and_bob()).len(), 1, "nothing was appended");
    send(&world, &request("2", &[("bob", 4)])).await.unwrap();
    assert!(send(&world, &request("1", &[("bob", 1)])).await.unwrap().duplicate, "what was accepted is so");
}

#[tokio::test(start_paused = true)]
async fn envelopes_are_for_the_devices_that_there_are() {
    let world = World::new(1);
    let (alice, bob) = (device("alice", "phone"), device("bob", "phone"));
    let enveloped = |id: &str, devices: &[&str]| {
        let mut request = message(&alice, &alice_and_bob(), id);
        let envelopes = devices.iter().map(|name| (device("x", name).device, "AAAA".into()));
        request.draft.content.envelopes = envelopes.collect();
        request
    };
    send(&world, &enveloped("1", &["anything"])).await.unwrap();
    keyed(&world, &alice, 0).await;
    keyed(&world, &device("bob", "b1"), 0).await;
    keyed(&world, &bob, 0).await;
    send(&world, &enveloped("2", &["b1", "phone"])).await.unwrap();
    for devices in [&["b1"][..], &["b1", "phone", "more"]] {
        let refused = send(&world, &enveloped("3", devices)).await;
        assert!(matches!(refused, Err(SendError::Refused(Refusal::StaleDevices(_)))), "{devices:?}: {refused:?}");
    }
    assert_eq!(world.log(&alice_and_bob()).len(), 2);
}

fn commit(sender: &Sender, conversation: &ConversationId, id: &str, epoch: u64, welcomed: &[Sender]) -> SendRequest {
    let mut request = message(sender, conversation, id);
    request.draft.event = EventKind::Commit;
    request.draft.epoch = Some(epoch);
    let welcome = Welcome { payload: format!("\"welcome {id}\"").into(), devices: welcomed.to_vec() };
    request.draft.content.welcome = (!welcomed.is_empty()).then(|| Box::new(welcome));
    request
}

#[tokio::test(start_paused = true)]
async fn a_commit_begins_the_next_epoch_and_its_welcome_comes_by_mail() {
    let world = World::new(1);
    let (alice, bob, tablet) = (device("alice", "phone"), device("bob", "phone"), device("bob", "tablet"));
    world.open(&session(&bob, "c1", &world));
    let sent = send(&world, &commit(&alice, &alice_and_bob(), "c", 0, &[bob.clone(), tablet.clone()])).await.unwrap();
    assert_eq!((sent.entry.state.epoch, sent.entry.event), (1, EventKind::Commit));
    let records = world.take_published();
    assert!(fan_out(fanout_ports(&world), 256, records.clone()).await.is_empty());
    assert!(fan_out(fanout_ports(&world), 256, records).await.is_empty(), "it may come again");
    for owner in [&bob, &tablet] {
        let mail = world.mail(owner);
        assert_eq!(mail.len(), 1);
        assert_eq!((mail[0].kind.as_str(), &*mail[0].payload), ("welcome", "\"welcome c\""));
        assert_eq!((mail[0].conversation.clone(), mail[0].sequence), (Some(alice_and_bob()), Some(Sequence(1))));
    }
    assert_eq!(world.mail(&alice), []);
    let heard = heard(&world, &bob);
    assert!(heard.iter().any(|notice| matches!(notice, Notice::Mail(mail) if mail.to == bob)), "{heard:?}");
    let stranger = device("eve", "phone");
    let refused = send(&world, &commit(&alice, &alice_and_bob(), "d", 1, std::slice::from_ref(&stranger))).await;
    assert!(matches!(refused, Err(SendError::Refused(Refusal::WelcomesStranger(user))) if user == stranger.user));
}

#[tokio::test(start_paused = true)]
async fn an_encrypted_conversation_takes_nothing_in_the_clear() {
    let world = World::new(1);
    let alice = device("alice", "phone");
    let sent = send(&world, &message(&alice, &alice_and_bob(), "1")).await.unwrap();
    send(&world, &commit(&alice, &alice_and_bob(), "c", 0, &[])).await.unwrap();
    let refused = send(&world, &message(&alice, &alice_and_bob(), "2")).await;
    assert!(matches!(refused, Err(SendError::Refused(Refusal::StaleEpoch { current: 1 }))), "{refused:?}");
    let mut reaction = message(&alice, &alice_and_bob(), "3");
    reaction.draft.event = EventKind::Reaction;
    let refused = send(&world, &reaction).await;
    assert!(matches!(refused, Err(SendError::Refused(Refusal::Forbidden(Rule::Encrypted)))), "{refused:?}");
    let mut deletion = message(&alice, &alice_and_bob(), "4");
    deletion.draft.event = EventKind::Delete;
    deletion.draft.target = Some(tidings_domain::log::Target {
        message: sent.entry.message_id(),
        sequence: sent.entry.sequence,
        author: alice.user.clone(),
    });
    assert_eq!(send(&world, &deletion).await.unwrap().entry.state.epoch, 1, "it says nothing");
}

#[tokio::test(start_paused = true)]
async fn admins_make_a_group_encrypted_and_members_go_on() {
    let world = World::new(1);
    let group = ConversationId::parse("g:crew").unwrap();
    let ports = GroupPorts {
        log: &world,
        conversations: &world,
        invites: &world,
        media: &world,
        bus: &world,
        clock: &world,
        push_members_max: 4,
    };
    let (olga, carl) = (device("olga", "phone"), device("carl", "phone"));
    let settings = GroupSettings { title: "Crew".into(), ..GroupSettings::default() };
    create(ports, &olga, &group, settings, vec![user("carl")]).await.unwrap();
    let refused = send(&world, &commit(&carl, &group, "c", 0, &[])).await;
    assert!(matches!(refused, Err(SendError::Refused(Refusal::Forbidden(Rule::OnlyAdminsConfigure)))), "{refused:?}");
    send(&world, &commit(&olga, &group, "c", 0, &[])).await.unwrap();
    send(&world, &commit(&carl, &group, "c", 1, &[])).await.unwrap();
    change(ports, &olga, &group, &Command::Add(vec![user("dora")])).await.unwrap();
    let last = world.log(&group).pop().unwrap();
    assert_eq!((last.event, last.state.epoch), (EventKind::Membership, 2), "a change of members carries the epoch on");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever fails: of those who commit in one epoch one wins, the others are told of the next, and what is
    /// sent in an epoch stands in it.
    #[test]
    fn of_commits_in_one_epoch_one_wins(seed: u64, refused in 0.0..0.2, answer_lost in 0.0..0.2, rounds in 1_u64..5) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let world = World::new(seed);
            world.set_faults(Faults { refused, answer_lost, latency_ms_max: 15, ..Faults::default() });
            for epoch in 0..rounds {
                let committing = join_all((0..4).map(|n| settle(&world, commit(&device("alice", &format!("d{n}")), &alice_and_bob(), &format!("c{epoch}"), epoch, &[]))));
                let mut said = message(&device("bob", "phone"), &alice_and_bob(), &format!("m{epoch}"));
                said.draft.epoch = Some(epoch);
                let (commits, said) = join(committing, settle(&world, said)).await;
                let won = commits.iter().filter(|outcome| outcome.is_ok()).count();
                prop_assert_eq!(won, 1);
                for lost in commits.into_iter().filter_map(Result::err).chain(said.err()) {
                    prop_assert_eq!(lost, Refusal::StaleEpoch { current: epoch + 1 });
                }
            }
            let mut before = ConversationState::default();
            for entry in world.log(&alice_and_bob()) {
                let is_commit = entry.event == EventKind::Commit;
                prop_assert_eq!(entry.state.epoch, before.epoch + u64::from(is_commit));
                before = entry.state;
            }
            prop_assert_eq!(before.epoch, rounds);
            Ok(())
        })?;
    }
}

/// Sends until there is an answer that counts.
async fn settle(world: &World, mut request: SendRequest) -> Result<Sent, Refusal> {
    loop {
        match send(world, &request).await {
            Ok(sent) => return Ok(sent),
            Err(SendError::Refused(refusal)) => return Err(refusal),
            Err(_) => request.resend_after = Some(Sequence::ZERO),
        }
    }
}

fn mail(world: &World, from: &Sender, to: &Sender, id: &str, conversation: Option<ConversationId>) -> Mail {
    let source = MessageId::of_mail(from, to, &ClientMsgId::parse(id).unwrap());
    Mail {
        to: to.clone(),
        id: MailId::of(world.now(), &source),
        kind: KindName::parse("keys").unwrap(),
        from: from.clone(),
        conversation,
        sequence: None,
        payload: "1".into(),
        ts: world.now(),
    }
}

#[tokio::test(start_paused = true)]
async fn mail_is_for_those_who_share_a_conversation_and_for_ones_own_devices() {
    let world = World::new(1);
    let (phone, laptop, bob) = (device("alice", "phone"), device("alice", "laptop"), device("bob", "phone"));
    let posted = async |from: &Sender, to: &Sender, conversation| {
        post(mail_ports(&world), &mail(&world, from, to, "1", conversation)).await
    };
    posted(&phone, &laptop, None).await.unwrap();
    assert!(matches!(posted(&phone, &bob, None).await, Err(MailError::NoConversation)));
    let shared = Some(alice_and_bob());
    assert!(matches!(posted(&phone, &bob, shared.clone()).await, Err(MailError::NoSuchDevice(_))));
    keyed(&world, &bob, 0).await;
    posted(&phone, &bob, shared.clone()).await.unwrap();
    let eve = device("eve", "phone");
    assert!(matches!(posted(&eve, &bob, shared.clone()).await, Err(MailError::NotAMember(_))));
    keyed(&world, &eve, 0).await;
    assert!(matches!(posted(&phone, &eve, shared).await, Err(MailError::NotAMember(_))));
    assert_eq!((world.mail(&laptop).len(), world.mail(&bob).len(), world.mail(&eve).len()), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_mailbox_drains_in_order_and_forgets_what_is_old() {
    let world = World::new(1);
    let (phone, laptop) = (device("alice", "phone"), device("alice", "laptop"));
    for n in 0..60 {
        post(mail_ports(&world), &mail(&world, &phone, &laptop, &n.to_string(), None)).await.unwrap();
    }
    let there = session(&laptop, "c1", &world);
    world.open(&there);
    mailbox::drain(&world, &world, &world, &there).await.unwrap();
    let ids = |world: &World| {
        let mail = heard(world, &laptop).into_iter().map(|notice| match notice {
            Notice::Mail(mail) => mail.id,
            other => panic!("{other:?}"),
        });
        mail.collect::<Vec<MailId>>()
    };
    let drained = ids(&world);
    assert_eq!(drained.len(), 60);
    assert!(drained.is_sorted());
    sleep(Duration::from_millis(MAIL_LIFE_MS)).await;
    let page = mailbox::page(&world, &world, &laptop, None, 25).await.unwrap();
    assert_eq!(page.mail, [], "a month has passed");
    let full = join_all((0..=MAILBOX_MAX - 60).map(|n| {
        let piece = mail(&world, &phone, &laptop, &format!("late {n}"), None);
        let world = world.clone();
        async move { post(mail_ports(&world), &piece).await }
    }));
    let refused: Vec<_> = full.await.into_iter().filter_map(Result::err).collect();
    assert!(matches!(refused.as_slice(), [MailError::Full]), "{refused:?}");
}
