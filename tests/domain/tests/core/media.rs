//! Media: uploads, what is looked at, who may read it, and when it goes.

use std::time::Duration;

use proptest::prelude::*;
use tidings_domain::{
    history::{ReadError, ReadPorts},
    ids::{ConversationId, MediaHandle, Sender, Timestamp},
    limits::{MEDIA_CLAIM_MS, MEDIA_COLLECT_MS, MEDIA_DAY_BYTES_MAX, MEDIA_PART_BYTES, MEDIA_UPLOAD_MS, MEDIA_URL_MS},
    log::{Entry, Erasure, EventKind},
    media::{
        Blob, CheckPorts, Examined, Looks, Media, MediaError, MediaStatus, MediaView, ObjectKey, Offer, Part, Reason,
        Upload, UploadPorts, Verdict, ViewPorts, abandon, check, complete, judge, offer, parts, sign_parts, view,
    },
    projector::{ProjectorPorts, project},
    schedule::{ScheduleError, SchedulePorts, Scheduled, cancel, schedule, scheduling_device},
    send::{KnownTails, Refusal, SendError, SendRequest, SendTerms, Sent, TargetRef, Windows, send_about},
    timers::{SweepPorts, sweep},
};
use tidings_memory::World;

use crate::support::*;

pub(crate) fn uploads(world: &World) -> UploadPorts<'_> {
    UploadPorts { media: world, objects: world, conversations: world, clock: world }
}

pub(crate) fn views(world: &World) -> ViewPorts<'_> {
    let read = ReadPorts { log: world, conversations: world, personal: world, clock: world };
    ViewPorts { read, media: world, objects: world }
}

pub(crate) fn checks(world: &World, needs_scan: bool) -> CheckPorts<'_> {
    CheckPorts { media: world, objects: world, needs_scan }
}

pub(crate) async fn project_all(world: &World, conversation: &ConversationId) {
    project_these(world, world.log(conversation)).await;
}

/// Each record alone, the last first.
pub(crate) async fn project_backwards(world: &World, conversation: &ConversationId) {
    for entry in world.log(conversation).into_iter().rev() {
        project_these(world, vec![entry]).await;
    }
}

async fn project_these(world: &World, entries: Vec<Entry>) {
    let ports = ProjectorPorts {
        annotations: world,
        log: world,
        eraser: world,
        media: world,
        objects: world,
        commitments: world,
        timers: world,
        clock: world,
    };
    assert!(project(ports, entries).await.is_empty());
}

pub(crate) async fn sweep_now(world: &World) {
    let ports = SweepPorts {
        timers: world,
        eraser: world,
        media: world,
        objects: world,
        commitments: world,
        schedule: world,
        send: send_ports(world),
    };
    let terms = SendTerms { known: &KnownTails::default(), express_sockets_max: 16, races_lost_max: 0 };
    sweep(ports, terms).await.unwrap();
}

/// A picture of so many bytes, told from others of its size by a digit.
pub(crate) fn picture(size_bytes: u64, digit: char) -> Blob {
    Blob::announced("image/png", size_bytes, &digit.to_string().repeat(64)).unwrap()
}

pub(crate) fn sealed(size_bytes: u64) -> Blob {
    Blob::announced("application/octet-stream", size_bytes, &"5".repeat(64)).unwrap()
}

fn honest(blob: &Blob) -> Examined {
    let looks = if blob.mime.name() == "image/png" { Looks::Like("image/png".into()) } else { Looks::Unknown };
    Examined { size_bytes: blob.size_bytes, sha256: blob.sha256.to_string(), looks }
}

pub(crate) async fn key_of(world: &World, handle: MediaHandle) -> ObjectKey {
    Media::find(world, handle).await.unwrap().unwrap().object
}

/// Uploads content, and has it looked at.
pub(crate) async fn upload(world: &World, by: &Sender, conversation: &ConversationId, blob: &Blob) -> MediaHandle {
    let handle = offer(uploads(world), &by.user, conversation, blob).await.unwrap().handle;
    let key = key_of(world, handle).await;
    world.put_object(&key, honest(blob));
    check(checks(world, false), key.as_str()).await.unwrap();
    handle
}

pub(crate) fn with_media(sender: &Sender, conversation: &ConversationId, id: &str, handle: MediaHandle) -> SendRequest {
    let mut request = message(sender, conversation, id);
    request.draft.content.media_handle = Some(handle.to_string().into());
    request
}

pub(crate) async fn delete(world: &World, by: &Sender, sent: &Sent, id: &str) {
    let mut request = message(by, &sent.entry.conversation, id);
    request.draft.event = EventKind::Delete;
    let about = TargetRef { message: sent.entry.message_id(), sequence: Some(sent.entry.sequence) };
    let terms = SendTerms { known: &KnownTails::default(), express_sockets_max: 16, races_lost_max: 0 };
    send_about(send_ports(world), terms, Windows::default(), about, request).await.unwrap();
    project_all(world, &sent.entry.conversation).await;
}

fn refusal(result: Result<Sent, SendError>) -> Refusal {
    match result {
        Err(SendError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

async fn seen(world: &World, by: &Sender, handle: MediaHandle) -> Result<MediaView, MediaError> {
    view(views(world), &by.user, handle).await
}

async fn is_gone_for(world: &World, by: &Sender, handle: MediaHandle) -> bool {
    matches!(seen(world, by, handle).await, Err(MediaError::NoSuchMedia))
}

#[tokio::test(start_paused = true)]
async fn an_upload_becomes_ready_and_a_message_brings_it_to_the_others() {
    let world = World::new(1);
    let (alice, bob, conversation) = (device("alice", "a"), device("bob", "b"), alice_and_bob());
    let blob = picture(1000, '1');
    let offered = offer(uploads(&world), &alice.user, &conversation, &blob).await.unwrap();
    assert!(matches!(offered.upload, Upload::Whole(_)));
    let handle = offered.handle;
    assert_eq!(refusal(send(&world, &with_media(&alice, &conversation, "1", handle)).await), Refusal::MediaNotReady);
    let key = key_of(&world, handle).await;
    world.put_object(&key, honest(&blob));
    for _ in 0..2 {
        check(checks(&world, false), key.as_str()).await.unwrap();
    }
    assert!(seen(&world, &alice, handle).await.unwrap().url.is_some());
    assert!(is_gone_for(&world, &bob, handle).await, "no message refers to it");
    let before = world.log(&conversation).len();
    send(&world, &with_media(&alice, &conversation, "1", handle)).await.unwrap();
    assert_eq!(world.log(&conversation).len(), before + 1);
    // Before the projector has come to it, and after.
    assert!(seen(&world, &bob, handle).await.unwrap().url.is_some());
    project_all(&world, &conversation).await;
    assert!(seen(&world, &bob, handle).await.unwrap().url.is_some());
    let carol = device("carol", "c");
    let refused = seen(&world, &carol, handle).await;
    assert!(matches!(refused, Err(MediaError::Read(ReadError::NotAMember(_)))), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_message_without_media_makes_no_call_about_it() {
    let world = World::new(1);
    send(&world, &message(&device("alice", "a"), &alice_and_bob(), "1")).await.unwrap();
    project_all(&world, &alice_and_bob()).await;
    assert!(world.calls().iter().all(|call| !call.operation.contains("media")), "{:?}", world.calls());
}

#[tokio::test(start_paused = true)]
async fn a_message_with_media_takes_one_trip_more() {
    let world = World::new(1);
    let (alice, conversation) = (device("alice", "a"), alice_and_bob());
    let handle = upload(&world, &alice, &conversation, &picture(1, '1')).await;
    let (before, started) = (world.calls().len(), world.now());
    send(&world, &with_media(&alice, &conversation, "1", handle)).await.unwrap();
    assert_eq!(world.now().ms_since(started), 4);
    let about: Vec<_> = world.calls()[before..].iter().map(|call| call.operation).collect();
    assert_eq!(about.iter().filter(|operation| operation.contains("media")).count(), 1, "{about:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_announced_otherwise_is_refused_and_removed() {
    let blob = picture(1000, '1');
    let good = honest(&blob);
    for (reason, bad) in [
        (Reason::Size, Examined { size_bytes: 999, ..good.clone() }),
        (Reason::Hash, Examined { sha256: "2".repeat(64), ..good.clone() }),
        (Reason::Mime, Examined { looks: Looks::Like("image/jpeg".into()), ..good.clone() }),
        (Reason::Mime, Examined { looks: Looks::Like("text/html".into()), ..good.clone() }),
    ] {
        let world = World::new(1);
        let (alice, conversation) = (device("alice", "a"), alice_and_bob());
        let handle = offer(uploads(&world), &alice.user, &conversation, &blob).await.unwrap().handle;
        let key = key_of(&world, handle).await;
        world.put_object(&key, bad);
        check(checks(&world, false), key.as_str()).await.unwrap();
        assert_eq!(seen(&world, &alice, handle).await.unwrap().status, MediaStatus::Refused(reason));
        assert_eq!(world.objects(), []);
        let told = refusal(send(&world, &with_media(&alice, &conversation, "1", handle)).await);
        assert_eq!(told, Refusal::MediaRefused(reason));
        let again = offer(uploads(&world), &alice.user, &conversation, &blob).await;
        assert!(matches!(again, Err(MediaError::Refused(r)) if r == reason), "{again:?}");
        // An address that was signed before is used once more.
        world.put_object(&key, good.clone());
        check(checks(&world, false), key.as_str()).await.unwrap();
        assert_eq!(world.objects(), []);
    }
}

#[tokio::test(start_paused = true)]
async fn media_of_another_conversation_cannot_be_named() {
    let world = World::new(1);
    let (alice, conversation) = (device("alice", "a"), alice_and_bob());
    let handle = upload(&world, &alice, &conversation, &picture(1, '1')).await;
    let notes = ConversationId::direct(alice.user.clone(), alice.user.clone());
    assert_eq!(refusal(send(&world, &with_media(&alice, &notes, "1", handle)).await), Refusal::NoSuchMedia);
    let unknown = MediaHandle::of(&conversation, "image/png", 2, "");
    assert_eq!(refusal(send(&world, &with_media(&alice, &conversation, "1", unknown)).await), Refusal::NoSuchMedia);
    let carol = device("carol", "c");
    let refused = offer(uploads(&world), &carol.user, &conversation, &picture(1, '1')).await;
    assert!(matches!(refused, Err(MediaError::Read(ReadError::NotAMember(_)))));
}

#[tokio::test(start_paused = true)]
async fn the_same_content_is_one_upload_and_counts_once() {
    let world = World::new(1);
    let (alice, bob, conversation) = (device("alice", "a"), device("bob", "b"), alice_and_bob());
    let blob = picture(1000, '1');
    let first = offer(uploads(&world), &alice.user, &conversation, &blob).await.unwrap();
    let key = key_of(&world, first.handle).await;
    for by in [&alice, &bob] {
        let again = offer(uploads(&world), &by.user, &conversation, &blob).await.unwrap();
        assert_eq!((again.handle, key_of(&world, again.handle).await), (first.handle, key.clone()));
    }
    let handle = upload(&world, &alice, &conversation, &blob).await;
    let ready = offer(uploads(&world), &bob.user, &conversation, &blob).await.unwrap();
    assert_eq!((ready.handle, ready.status, ready.upload), (handle, MediaStatus::Ready, Upload::None));
    let elsewhere = ConversationId::direct(alice.user.clone(), alice.user.clone());
    let other = offer(uploads(&world), &alice.user, &elsewhere, &blob).await.unwrap();
    assert_ne!(other.handle, handle, "nothing is told of what other conversations have");
}

#[tokio::test(start_paused = true)]
async fn a_day_has_a_quota() {
    let world = World::new(1);
    let (alice, conversation) = (device("alice", "a"), alice_and_bob());
    let large =
        |digit: char| Blob::announced("application/octet-stream", 2 << 30, &digit.to_string().repeat(64)).unwrap();
    for n in 0..u32::try_from(MEDIA_DAY_BYTES_MAX >> 31).unwrap() {
        offer(uploads(&world), &alice.user, &conversation, &large(char::from_digit(n, 16).unwrap())).await.unwrap();
    }
    let refused = offer(uploads(&world), &alice.user, &conversation, &large('f')).await;
    let Err(MediaError::Quota { retry_after_ms }) = refused else { panic!("{refused:?}") };
    offer(uploads(&world), &alice.user, &conversation, &large('0')).await.expect("counted before");
    let bob = device("bob", "b");
    offer(uploads(&world), &bob.user, &conversation, &large('e')).await.expect("another user");
    world.wait(Duration::from_millis(retry_after_ms)).await;
    offer(uploads(&world), &alice.user, &conversation, &large('f')).await.expect("another day");
}

fn parts_offered(offer: &Offer) -> u32 {
    let Upload::Parts(plan) = offer.upload else { panic!("{offer:?}") };
    plan.count()
}

#[tokio::test(start_paused = true)]
async fn an_upload_in_parts_is_taken_up_again_where_it_stopped() {
    let world = World::new(1);
    let (alice, conversation) = (device("alice", "a"), alice_and_bob());
    let size = 2 * MEDIA_PART_BYTES + 7;
    let blob = sealed(size);
    let offered = offer(uploads(&world), &alice.user, &conversation, &blob).await.unwrap();
    let (handle, hash) = (offered.handle, "5".repeat(64));
    assert_eq!(parts_offered(&offered), 3);
    let id = || async { Media::find(&world, handle).await.unwrap().unwrap().upload_id.unwrap() };
    let put = |number, size_bytes| Part {
        number,
        size_bytes,
        sha256: hash.as_str().into(),
        etag: format!("e{number}").into(),
    };
    let (signed, _) = sign_parts(uploads(&world), &alice.user, handle, &[(1, &hash), (3, &hash)]).await.unwrap();
    assert_eq!(signed.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1, 3]);
    let bad = sign_parts(uploads(&world), &alice.user, handle, &[(1, &hash), (4, &hash)]).await;
    assert!(matches!(bad, Err(MediaError::NoSuchPart { index: 1, count: 3 })), "{bad:?}");
    let bad = sign_parts(uploads(&world), &alice.user, handle, &[(1, "x")]).await;
    assert!(matches!(bad, Err(MediaError::PartSha256 { index: 0 })), "{bad:?}");
    world.put_part(&id().await, put(1, MEDIA_PART_BYTES));
    world.put_part(&id().await, put(3, 6));
    // The device comes back and asks again: it is the same upload.
    let again = offer(uploads(&world), &alice.user, &conversation, &blob).await.unwrap();
    assert_eq!((again.handle, world.uploads()), (handle, 1));
    let (there, _) = parts(uploads(&world), &alice.user, handle).await.unwrap();
    assert_eq!(there.iter().map(|part| part.number).collect::<Vec<_>>(), [1, 3]);
    let early = complete(uploads(&world), &alice.user, handle).await;
    assert!(matches!(&early, Err(MediaError::Incomplete { missing }) if *missing == [2, 3]), "{early:?}");
    world.put_part(&id().await, put(2, MEDIA_PART_BYTES));
    world.put_part(&id().await, put(3, 7));
    for _ in 0..2 {
        assert_eq!(complete(uploads(&world), &alice.user, handle).await.unwrap(), MediaStatus::Pending);
    }
    check(checks(&world, false), key_of(&world, handle).await.as_str()).await.unwrap();
    assert_eq!(complete(uploads(&world), &alice.user, handle).await.unwrap(), MediaStatus::Ready);
    assert!(matches!(parts(uploads(&world), &alice.user, handle).await, Err(MediaError::Uploaded)));
    assert_eq!(seen(&world, &alice, handle).await.unwrap().size_bytes, size);
}

#[tokio::test(start_paused = true)]
async fn an_upload_is_given_up_by_its_owner_alone_and_may_begin_anew() {
    let world = World::new(1);
    let (alice, bob, conversation) = (device("alice", "a"), device("bob", "b"), alice_and_bob());
    let blob = sealed(3 * MEDIA_PART_BYTES);
    let handle = offer(uploads(&world), &alice.user, &conversation, &blob).await.unwrap().handle;
    let key = key_of(&world, handle).await;
    assert!(matches!(abandon(uploads(&world), &bob.user, handle).await, Err(MediaError::NotOwner)));
    abandon(uploads(&world), &alice.user, handle).await.unwrap();
    assert_eq!(world.uploads(), 0);
    assert!(matches!(complete(uploads(&world), &alice.user, handle).await, Err(MediaError::NoSuchMedia)));
    let again = offer(uploads(&world), &alice.user, &conversation, &blob).await.unwrap();
    assert_eq!(again.handle, handle);
    assert_ne!(key_of(&world, handle).await, key);
    let small = upload(&world, &alice, &conversation, &picture(1, '1')).await;
    send(&world, &with_media(&alice, &conversation, "1", small)).await.unwrap();
    assert!(matches!(abandon(uploads(&world), &alice.user, small).await, Err(MediaError::InUse)));
    world.wait(Duration::from_millis(MEDIA_UPLOAD_MS)).await;
    let late = parts(uploads(&world), &alice.user, handle).await;
    assert!(matches!(late, Err(MediaError::Expired)), "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn the_last_message_takes_the_object_along() {
    let world = World::new(1);
    let (alice, bob, conversation) = (device("alice", "a"), device("bob", "b"), alice_and_bob());
    let handle = upload(&world, &alice, &conversation, &picture(1, '1')).await;
    let first = send(&world, &with_media(&alice, &conversation, "1", handle)).await.unwrap();
    let second = send(&world, &with_media(&bob, &conversation, "2", handle)).await.unwrap();
    let again = send(&world, &with_media(&bob, &conversation, "2", handle)).await.unwrap();
    assert!(again.duplicate);
    project_all(&world, &conversation).await;
    delete(&world, &alice, &first, "d1").await;
    assert!(seen(&world, &bob, handle).await.unwrap().url.is_some());
    delete(&world, &bob, &second, "d2").await;
    assert!(is_gone_for(&world, &bob, handle).await && is_gone_for(&world, &alice, handle).await);
    assert_eq!(world.objects(), []);
    assert!(world.log(&conversation)[..2].iter().all(|entry| entry.erased == Some(Erasure::Deleted)));
    assert_eq!(refusal(send(&world, &with_media(&bob, &conversation, "3", handle)).await), Refusal::NoSuchMedia);
    // Uploaded again, it begins anew under the same name, and an old event does it no harm.
    upload(&world, &alice, &conversation, &picture(1, '1')).await;
    project_all(&world, &conversation).await;
    send(&world, &with_media(&alice, &conversation, "4", handle)).await.unwrap();
    assert!(seen(&world, &bob, handle).await.unwrap().url.is_some());
}

#[tokio::test(start_paused = true)]
async fn access_ends_with_the_life_of_the_message() {
    let world = World::new(1);
    let (alice, bob, conversation) = (device("alice", "a"), device("bob", "b"), alice_and_bob());
    let handle = upload(&world, &alice, &conversation, &picture(1, '1')).await;
    let mut request = with_media(&alice, &conversation, "1", handle);
    request.draft.content.ttl_seconds = Some(100);
    let sent = send(&world, &request).await.unwrap();
    project_all(&world, &conversation).await;
    let (_, until) = seen(&world, &bob, handle).await.unwrap().url.unwrap();
    assert_eq!(until, sent.entry.ts.plus_ms(100_000), "no address works longer than the message lives");
    world.wait(Duration::from_secs(100)).await;
    assert!(is_gone_for(&world, &bob, handle).await, "to the moment");
    assert_eq!(world.objects().len(), 1);
    world.wait(Duration::from_mins(1)).await;
    sweep_now(&world).await;
    assert_eq!(world.objects(), []);
}

#[tokio::test(start_paused = true)]
async fn what_nothing_refers_to_is_collected() {
    let world = World::new(1);
    let (alice, conversation) = (device("alice", "a"), alice_and_bob());
    let waiting = upload(&world, &alice, &conversation, &picture(1, '1')).await;
    let used = upload(&world, &alice, &conversation, &picture(1, '2')).await;
    let begun = offer(uploads(&world), &alice.user, &conversation, &sealed(3 * MEDIA_PART_BYTES)).await.unwrap();
    send(&world, &with_media(&alice, &conversation, "1", used)).await.unwrap();
    project_all(&world, &conversation).await;
    sweep_now(&world).await;
    assert_eq!((world.objects().len(), world.uploads()), (2, 1));
    world.wait(Duration::from_millis(MEDIA_UPLOAD_MS + MEDIA_COLLECT_MS + 120_000)).await;
    for _ in 0..MEDIA_UPLOAD_MS.div_ceil(3_600_000) {
        sweep_now(&world).await;
    }
    assert_eq!((world.objects().len(), world.uploads()), (1, 0));
    assert!(seen(&world, &alice, used).await.is_ok());
    assert!(is_gone_for(&world, &alice, waiting).await && is_gone_for(&world, &alice, begun.handle).await);
}

/// A send that dies between its claim and its append leaves a claim behind.
#[tokio::test(start_paused = true)]
async fn the_claim_of_a_message_that_never_came_is_collected_and_no_other() {
    let world = World::new(1);
    let (alice, conversation) = (device("alice", "a"), alice_and_bob());
    let vain = upload(&world, &alice, &conversation, &picture(1, '1')).await;
    let both = upload(&world, &alice, &conversation, &picture(1, '2')).await;
    world.set_outage(&["append"]);
    for handle in [vain, both] {
        send(&world, &with_media(&alice, &conversation, &handle.to_string(), handle)).await.unwrap_err();
    }
    world.set_outage(&[]);
    send(&world, &with_media(&alice, &conversation, "1", both)).await.unwrap();
    project_all(&world, &conversation).await;
    assert!(matches!(abandon(uploads(&world), &alice.user, vain).await, Err(MediaError::InUse)));
    for _ in 0..3 {
        world.wait(Duration::from_millis(MEDIA_CLAIM_MS + 120_000)).await;
        sweep_now(&world).await;
    }
    assert!(is_gone_for(&world, &alice, vain).await);
    assert_eq!(Media::find(&world, both).await.unwrap().unwrap().references, 1);
    assert_eq!(world.objects().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_scheduled_message_holds_its_media_until_it_is_sent_or_cancelled() {
    let world = World::new(1);
    let (alice, conversation) = (device("alice", "a"), alice_and_bob());
    let ports = SchedulePorts { schedule: &world, media: &world, conversations: &world, clock: &world };
    let sender = Sender { user: alice.user.clone(), device: scheduling_device().unwrap() };
    let later = |id: &str, handle| Scheduled {
        due: world.now().plus_ms(10 * 24 * 3_600_000),
        draft: with_media(&sender, &conversation, id, handle).draft,
        refused: None,
    };
    let unknown = MediaHandle::of(&conversation, "image/png", 2, "");
    let refused = schedule(ports, &later("0", unknown)).await;
    assert!(matches!(refused, Err(ScheduleError::Media(Refusal::NoSuchMedia))), "{refused:?}");
    let (kept, dropped) = (
        upload(&world, &alice, &conversation, &picture(1, '1')).await,
        upload(&world, &alice, &conversation, &picture(1, '2')).await,
    );
    schedule(ports, &later("1", kept)).await.unwrap();
    let two = later("2", dropped);
    schedule(ports, &two).await.unwrap();
    cancel(ports, &alice.user, two.draft.message_id()).await.unwrap();
    for _ in 0..11 {
        world.wait(Duration::from_hours(24)).await;
        sweep_now(&world).await;
    }
    project_all(&world, &conversation).await;
    assert_eq!(world.log(&conversation).len(), 1, "it was sent");
    assert!(seen(&world, &device("bob", "b"), kept).await.unwrap().url.is_some());
    assert!(is_gone_for(&world, &alice, dropped).await);
    assert_eq!(world.objects().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_scan_finds_counts_before_and_after() {
    let world = World::new(1);
    let (alice, conversation, blob) = (device("alice", "a"), alice_and_bob(), picture(1, '1'));
    let handle = offer(uploads(&world), &alice.user, &conversation, &blob).await.unwrap().handle;
    let key = key_of(&world, handle).await;
    world.put_object(&key, honest(&blob));
    let scanned = checks(&world, true);
    check(scanned, key.as_str()).await.unwrap();
    assert_eq!(seen(&world, &alice, handle).await.unwrap().status, MediaStatus::Pending);
    judge(scanned, key.as_str(), Verdict::Clean).await.unwrap();
    assert_eq!(seen(&world, &alice, handle).await.unwrap().status, MediaStatus::Ready);
    send(&world, &with_media(&alice, &conversation, "1", handle)).await.unwrap();
    judge(scanned, key.as_str(), Verdict::Threats).await.unwrap();
    assert!(is_gone_for(&world, &device("bob", "b"), handle).await);
    assert_eq!(seen(&world, &alice, handle).await.unwrap().status, MediaStatus::Refused(Reason::Malware));
    assert_eq!(world.objects(), []);

    let other = picture(1, '2');
    let handle = offer(uploads(&world), &alice.user, &conversation, &other).await.unwrap().handle;
    let key = key_of(&world, handle).await;
    world.put_object(&key, honest(&other));
    // The scan may be faster, and what it could not do counts only where it is asked for.
    judge(checks(&world, false), key.as_str(), Verdict::Unscanned).await.unwrap();
    judge(scanned, key.as_str(), Verdict::Clean).await.unwrap();
    check(scanned, key.as_str()).await.unwrap();
    assert_eq!(seen(&world, &alice, handle).await.unwrap().status, MediaStatus::Ready);
    judge(scanned, key.as_str(), Verdict::Unscanned).await.unwrap();
    assert_eq!(seen(&world, &alice, handle).await.unwrap().status, MediaStatus::Refused(Reason::Unscanned));
}

#[tokio::test(start_paused = true)]
async fn an_address_works_for_a_quarter_of_an_hour() {
    let world = World::new(1);
    let (alice, conversation) = (device("alice", "a"), alice_and_bob());
    let handle = upload(&world, &alice, &conversation, &picture(1, '1')).await;
    let before = world.now();
    let (_, until) = seen(&world, &alice, handle).await.unwrap().url.unwrap();
    assert!((before.plus_ms(MEDIA_URL_MS)..=world.now().plus_ms(MEDIA_URL_MS)).contains(&until));
    assert!(until > Timestamp(0));
}

/// One step in the life of one picture.
#[derive(Clone, Copy, Debug)]
enum Step {
    Upload,
    Send(u8),
    Project,
    Delete(u8),
    Days(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Upload),
        4 => (0..4_u8).prop_map(Step::Send),
        3 => Just(Step::Project),
        4 => (0..4_u8).prop_map(Step::Delete),
        2 => (1..4_u8).prop_map(Step::Days),
    ];
    prop::collection::vec(step, 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens: a message that is in the log and not erased refers to an object that is there, and once
    /// there is none and time has passed, there is no object.
    #[test]
    fn a_message_never_outlives_its_media_and_media_never_its_messages(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let world = World::new(7);
            let (alice, conversation, blob) = (device("alice", "a"), alice_and_bob(), picture(1, '1'));
            let handle = blob.handle(&conversation);
            // From now on the sweeper knows how far it has come.
            sweep_now(&world).await;
            for (n, step) in steps.iter().enumerate() {
                match step {
                    Step::Upload => {
                        upload(&world, &alice, &conversation, &blob).await;
                    }
                    Step::Send(id) => {
                        let _ = send(&world, &with_media(&alice, &conversation, &id.to_string(), handle)).await;
                    }
                    Step::Project => project_all(&world, &conversation).await,
                    Step::Delete(id) => {
                        let log = world.log(&conversation);
                        let found = log.into_iter().find(|e| e.client_msg_id.as_str() == id.to_string());
                        if let Some(entry) = found.filter(|entry| entry.erased.is_none()) {
                            let sent = Sent { entry, duplicate: false, races_lost: 0 };
                            delete(&world, &alice, &sent, &format!("d{n}")).await;
                        }
                    }
                    Step::Days(days) => {
                        world.wait(Duration::from_hours(24 * u64::from(*days))).await;
                        // The projector is minutes behind at most, and storage of records ends after a day.
                        project_all(&world, &conversation).await;
                        sweep_now(&world).await;
                    }
                }
                let alive = world.log(&conversation).iter().any(|e| e.content.media_handle.is_some());
                prop_assert!(!alive || world.objects().len() == 1, "a message refers to nothing after {n} of {steps:?}");
            }
            project_all(&world, &conversation).await;
            for _ in 0..5 {
                world.wait(Duration::from_hours(49)).await;
                sweep_now(&world).await;
            }
            let alive = world.log(&conversation).iter().any(|e| e.content.media_handle.is_some());
            prop_assert_eq!(world.objects().len(), usize::from(alive), "{:?}", steps);
            Ok(())
        })?;
    }
}
