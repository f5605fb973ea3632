//! Previews: made once, for whoever may read the content, and gone with it, whatever fails.

use std::{
    panic::AssertUnwindSafe,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::{FutureExt, future::join};
use tidings_domain::{
    ids::{ConversationId, MediaHandle, Sender},
    limits::{MEDIA_CLAIM_MS, PREVIEW_ATTEMPTS_MAX, PREVIEW_LEASE_MS},
    media::{
        Claims, Made, MakePorts, Making, Media, MediaError, MediaType, Objects, Picture, Piece, PreviewFault,
        PreviewMaker, PreviewSize, PreviewView, Reason, Verdict, abandon, judge, make, preview,
    },
    timers::Minute,
};
use tidings_memory::{Faults, World};

use crate::{
    media::{checks, delete, key_of, picture, project_all, sealed, sweep_now, upload, uploads, views, with_media},
    support::*,
};

/// Makes what it is told to, and counts.
struct Maker {
    outcome: Result<(), PreviewFault>,
    times: AtomicUsize,
}

impl Maker {
    fn of(outcome: Result<(), PreviewFault>) -> Self {
        Self { outcome, times: AtomicUsize::new(0) }
    }

    fn times(&self) -> usize {
        self.times.load(Ordering::Relaxed)
    }
}

impl PreviewMaker for Maker {
    fn make(&self, _: MediaType, bytes: Vec<u8>) -> Making {
        self.times.fetch_add(1, Ordering::Relaxed);
        self.outcome?;
        let picture = |(size, _)| Picture { size, width: 3, height: 2, bytes: bytes.len() as u64 };
        let pictures: Vec<Picture> = PreviewSize::ALL.into_iter().map(picture).collect();
        let pieces = pictures.iter().map(|picture| (Piece::Picture(picture.size), bytes.clone())).collect();
        Ok((Made { pictures, ..Made::default() }, pieces))
    }
}

fn picture_of(digit: char) -> tidings_domain::media::Blob {
    picture(7, digit)
}

async fn asks(world: &World, by: &Sender, handle: MediaHandle) -> Result<PreviewView, MediaError> {
    preview(views(world), world, &by.user, handle, PreviewSize::Medium).await
}

async fn is_pending(world: &World, by: &Sender, handle: MediaHandle) -> bool {
    matches!(asks(world, by, handle).await, Ok(PreviewView::Pending { .. }))
}

async fn makes(world: &World, maker: &Maker, handle: MediaHandle) {
    let ports = MakePorts { media: world, objects: world, maker, clock: world };
    make(ports, handle).await.unwrap();
}

/// A picture of alice's that a message has brought to bob.
async fn sent(world: &World, digit: char) -> (Sender, Sender, ConversationId, MediaHandle) {
    let (alice, bob, conversation) = (device("alice", "a"), device("bob", "b"), alice_and_bob());
    let handle = upload(world, &alice, &conversation, &picture(7, digit)).await;
    send(world, &with_media(&alice, &conversation, &digit.to_string(), handle)).await.unwrap();
    project_all(world, &conversation).await;
    (alice, bob, conversation, handle)
}

#[tokio::test(start_paused = true)]
async fn it_is_made_once_however_often_it_is_asked_for() {
    let world = World::new(1);
    let (alice, bob, conversation, handle) = sent(&world, '1').await;
    for by in [&alice, &bob, &bob] {
        assert!(is_pending(&world, by, handle).await);
    }
    assert_eq!(world.take_asked(), [handle], "it is queued once");
    let maker = Maker::of(Ok(()));
    for _ in 0..3 {
        makes(&world, &maker, handle).await;
    }
    assert_eq!(maker.times(), 1);
    assert_eq!(world.pieces().len(), 3);
    let PreviewView::Ready { picture, playable, .. } = asks(&world, &bob, handle).await.unwrap() else { panic!() };
    let (picture, url) = picture.unwrap();
    assert_eq!((picture.size, picture.bytes, playable), (PreviewSize::Medium, 7, None));
    assert!(url.contains("previews/") && url.ends_with("/medium"), "{url}");
    assert!(world.take_asked().is_empty());
    assert!(matches!(asks(&world, &device("eve", "e"), handle).await, Err(MediaError::Read(_))));
    let waiting = upload(&world, &alice, &conversation, &picture_of('9')).await;
    assert!(matches!(asks(&world, &bob, waiting).await, Err(MediaError::NoSuchMedia)), "no message refers to it");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_have_one_says_why_and_is_remembered() {
    let world = World::new(1);
    let (alice, _, conversation, handle) = sent(&world, '1').await;
    assert!(is_pending(&world, &alice, handle).await);
    let maker = Maker::of(Err(PreviewFault::Corrupt));
    for _ in 0..3 {
        makes(&world, &maker, handle).await;
        assert_eq!(asks(&world, &alice, handle).await.unwrap(), PreviewView::Refused(PreviewFault::Corrupt));
    }
    assert_eq!((maker.times(), world.take_asked().len()), (1, 1));
    let encrypted = upload(&world, &alice, &conversation, &sealed(9)).await;
    assert_eq!(asks(&world, &alice, encrypted).await.unwrap(), PreviewView::Refused(PreviewFault::Unsupported));
    assert!(world.take_asked().is_empty());
}

/// A function that ends in the middle of it leaves a row behind that says so; storage that is away is no such end.
#[tokio::test(start_paused = true)]
async fn what_ends_the_function_each_time_is_given_up() {
    struct Bomb;
    impl PreviewMaker for Bomb {
        fn make(&self, _: MediaType, _: Vec<u8>) -> Making {
            std::panic::resume_unwind(Box::new("out of memory"))
        }
    }
    let world = World::new(1);
    let (alice, _, _, handle) = sent(&world, '1').await;
    assert!(is_pending(&world, &alice, handle).await);
    let attempts = async || Media::find_preview(&world, handle).await.unwrap().unwrap().attempts;
    let maker = Maker::of(Ok(()));
    world.set_outage(&["put_piece"]);
    let ports = MakePorts { media: &world, objects: &world, maker: &maker, clock: &world };
    for _ in 0..2 * PREVIEW_ATTEMPTS_MAX {
        make(ports, handle).await.unwrap_err();
        assert_eq!(attempts().await, 0);
    }
    world.set_outage(&[]);
    let ports = MakePorts { maker: &Bomb, ..ports };
    for attempt in 1..=PREVIEW_ATTEMPTS_MAX {
        AssertUnwindSafe(make(ports, handle)).catch_unwind().await.unwrap_err();
        assert_eq!(attempts().await, attempt);
        assert!(is_pending(&world, &alice, handle).await);
    }
    make(ports, handle).await.unwrap();
    assert_eq!(asks(&world, &alice, handle).await.unwrap(), PreviewView::Refused(PreviewFault::TooHard));
}

/// Content that was taken away and uploaded anew has another object, and another preview.
#[tokio::test(start_paused = true)]
async fn content_that_came_again_has_a_preview_of_its_own() {
    let world = World::new(1);
    let (alice, conversation) = (device("alice", "a"), alice_and_bob());
    let maker = Maker::of(Ok(()));
    let handle = upload(&world, &alice, &conversation, &picture_of('1')).await;
    assert!(is_pending(&world, &alice, handle).await);
    let before = Media::find_preview(&world, handle).await.unwrap().unwrap();
    abandon(uploads(&world), &alice.user, handle).await.unwrap();
    world.wait(Duration::from_secs(1)).await;
    assert_eq!(upload(&world, &alice, &conversation, &picture_of('1')).await, handle);
    // As a function that died while the content went has left it.
    assert!(Media::keep_preview(&world, handle, &before, None).await.unwrap());
    Objects::put_piece(&world, &before.object, Piece::Playable, vec![1]).await.unwrap();
    world.take_asked();
    assert!(is_pending(&world, &alice, handle).await);
    assert_eq!(world.take_asked(), [handle]);
    makes(&world, &maker, handle).await;
    assert!(matches!(asks(&world, &alice, handle).await.unwrap(), PreviewView::Ready { .. }));
    let now = key_of(&world, handle).await;
    let own: Vec<String> = PreviewSize::ALL.into_iter().map(|(size, _)| Piece::Picture(size).key(&now)).collect();
    assert!(world.pieces().len() == 3 && own.iter().all(|key| world.pieces().contains(key)));
}

/// A message of the queue that was lost, or whose answer was, is made up for by who asks later.
#[tokio::test(start_paused = true)]
async fn what_was_asked_for_and_forgotten_is_asked_for_again() {
    let world = World::new(1);
    let (alice, _, _, handle) = sent(&world, '1').await;
    world.set_outage(&["ask_preview"]);
    asks(&world, &alice, handle).await.unwrap_err();
    world.set_outage(&[]);
    assert!(is_pending(&world, &alice, handle).await);
    assert!(world.take_asked().is_empty());
    world.wait(Duration::from_millis(PREVIEW_LEASE_MS)).await;
    assert!(is_pending(&world, &alice, handle).await);
    assert_eq!(world.take_asked(), [handle]);
}

#[tokio::test(start_paused = true)]
async fn it_goes_with_the_content_however_that_goes() {
    let maker = Maker::of(Ok(()));
    // Deleted for everyone.
    let world = World::new(1);
    let (alice, _, conversation, handle) = sent(&world, '1').await;
    is_pending(&world, &alice, handle).await;
    makes(&world, &maker, handle).await;
    let entry = world.log(&conversation).pop().unwrap();
    let sent_message = tidings_domain::send::Sent { entry, duplicate: false, races_lost: 0 };
    delete(&world, &alice, &sent_message, "d").await;
    assert_eq!((world.objects().len(), world.pieces().len()), (0, 0));
    // Expired.
    let world = World::new(2);
    let (alice, conversation) = (device("alice", "a"), alice_and_bob());
    let handle = upload(&world, &alice, &conversation, &picture(7, '1')).await;
    let mut request = with_media(&alice, &conversation, "1", handle);
    request.draft.content.ttl_seconds = Some(100);
    send(&world, &request).await.unwrap();
    project_all(&world, &conversation).await;
    is_pending(&world, &alice, handle).await;
    makes(&world, &maker, handle).await;
    world.wait(Duration::from_secs(160)).await;
    sweep_now(&world).await;
    assert_eq!((world.objects().len(), world.pieces().len()), (0, 0));
    // Collected, where no message ever came; and given up.
    for is_given_up in [false, true] {
        let world = World::new(3);
        sweep_now(&world).await;
        let handle = upload(&world, &alice, &conversation, &picture(7, '1')).await;
        is_pending(&world, &alice, handle).await;
        makes(&world, &maker, handle).await;
        assert_eq!(world.pieces().len(), 3);
        if is_given_up {
            abandon(uploads(&world), &alice.user, handle).await.unwrap();
        } else {
            world.wait(Duration::from_millis(MEDIA_CLAIM_MS + 120_000)).await;
            sweep_now(&world).await;
        }
        assert_eq!((world.objects().len(), world.pieces().len()), (0, 0));
    }
    // Found to be malware, later.
    let world = World::new(4);
    let (alice, _, _, handle) = sent(&world, '1').await;
    is_pending(&world, &alice, handle).await;
    makes(&world, &maker, handle).await;
    judge(checks(&world, true), key_of(&world, handle).await.as_str(), Verdict::Threats).await.unwrap();
    assert_eq!((world.objects().len(), world.pieces().len()), (0, 0));
    assert!(matches!(asks(&world, &alice, handle).await, Err(MediaError::Refused(Reason::Malware))));
}

/// The content goes while its preview is made: either the one or the other takes the pieces away.
#[tokio::test(start_paused = true)]
async fn a_preview_of_what_goes_meanwhile_does_not_stay() {
    let (alice, conversation, maker) = (device("alice", "a"), alice_and_bob(), Maker::of(Ok(())));
    for seed in 0..64 {
        let world = World::new(seed);
        let handle = upload(&world, &alice, &conversation, &picture_of('1')).await;
        assert!(is_pending(&world, &alice, handle).await);
        let ports = MakePorts { media: &world, objects: &world, maker: &maker, clock: &world };
        world.set_faults(Faults { latency_ms_max: 20, ..Faults::default() });
        let goes = async {
            world.wait(Duration::from_millis(2 * seed)).await;
            abandon(uploads(&world), &alice.user, handle).await
        };
        let (made, gone) = join(make(ports, handle), goes).await;
        made.unwrap();
        gone.unwrap();
        world.set_faults(Faults::default());
        assert_eq!(world.pieces(), Vec::<String>::new(), "{seed}");
        assert_eq!(Media::find_preview(&world, handle).await.unwrap(), None, "{seed}");
    }
    assert!(maker.times() > 16, "it went while it was made, too");
}

/// Pieces that were put when the function ended, after the content had gone, are found by the sweeper.
#[tokio::test(start_paused = true)]
async fn pieces_that_nobody_knows_of_are_collected() {
    let world = World::new(1);
    sweep_now(&world).await;
    let (alice, conversation) = (device("alice", "a"), alice_and_bob());
    let handle = upload(&world, &alice, &conversation, &picture(7, '1')).await;
    assert!(is_pending(&world, &alice, handle).await);
    let object = key_of(&world, handle).await;
    abandon(uploads(&world), &alice.user, handle).await.unwrap();
    // As a function leaves it that had begun before, and so had filed it.
    Claims::watch(&world, handle, Minute::of(world.now().plus_ms(2 * PREVIEW_LEASE_MS))).await.unwrap();
    Objects::put_piece(&world, &object, Piece::Picture(PreviewSize::Small), vec![1]).await.unwrap();
    world.wait(Duration::from_millis(2 * PREVIEW_LEASE_MS + 60_000)).await;
    sweep_now(&world).await;
    assert_eq!(world.pieces(), Vec::<String>::new());
    assert_eq!(Media::find_preview(&world, handle).await.unwrap(), None);
}
