//! Rows about content in object storage.

use tidings_domain::{
    ids::{ClientMsgId, MediaHandle, MessageId, Sequence, Timestamp},
    media::{
        Began, Blob, Check, Claim, Made, Marked, MediaRow, MediaStatus, ObjectKey, Picture, PreviewFault, PreviewRow,
        PreviewSize, PreviewState, Reason, Reference,
    },
    timers::Minute,
};

use crate::Subject;

const DAY: u64 = 20_000;
const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn row(subject: &Subject<'_>, digit: char, size_bytes: u64) -> MediaRow {
    let conversation = subject.direct("alice", "bob");
    let blob = Blob::announced("image/png", size_bytes, &digit.to_string().repeat(64)).unwrap();
    let handle = blob.handle(&conversation);
    MediaRow {
        handle,
        conversation,
        owner: subject.user("alice"),
        blob,
        status: MediaStatus::Pending,
        object: ObjectKey::of(handle, NOW, 1),
        upload_id: None,
        expires_at: NOW.plus_ms(1000),
        references: 0,
    }
}

fn message(subject: &Subject<'_>, id: &str) -> MessageId {
    let (conversation, sender) = (subject.direct("alice", "bob"), subject.device("alice", "phone"));
    MessageId::of(&conversation, &sender, &ClientMsgId::parse(id).unwrap())
}

/// A row is begun once, counted once, and reads back.
pub async fn media_is_begun_once_and_within_the_days_quota(subject: Subject<'_>) {
    let media = subject.media;
    let (first, second) = (row(&subject, '1', 60), row(&subject, '2', 41));
    assert_eq!(media.find(first.handle).await.unwrap(), None);
    assert_eq!(media.begin(&first, DAY, 100).await.unwrap(), Began::Done);
    assert_eq!(media.begin(&first, DAY, 100).await.unwrap(), Began::Exists);
    assert_eq!(media.find(first.handle).await.unwrap(), Some(first.clone()));
    assert_eq!(media.begin(&second, DAY, 100).await.unwrap(), Began::OverQuota);
    assert_eq!(media.find(second.handle).await.unwrap(), None, "both or neither");
    assert_eq!(media.begin(&second, DAY + 1, 100).await.unwrap(), Began::Done);
    assert!(media.keep_upload(first.handle, &first.object, "up").await.unwrap());
    assert!(!media.keep_upload(first.handle, &first.object, "other").await.unwrap());
    media.prolong(first.handle, &first.object, NOW.plus_ms(2000)).await.unwrap();
    let found = media.find(first.handle).await.unwrap().unwrap();
    assert_eq!((found.upload_id.as_deref(), found.expires_at), (Some("up"), NOW.plus_ms(2000)));
}

/// A change is of the object that it was about, and of no later one.
pub async fn media_changes_are_of_one_object(subject: Subject<'_>) {
    let media = subject.media;
    let first = row(&subject, '3', 1);
    media.begin(&first, DAY, 100).await.unwrap();
    let (handle, object) = (first.handle, &first.object);
    assert!(media.forget(handle, object, NOW).await.unwrap());
    assert!(media.forget(handle, object, NOW).await.unwrap(), "asked again, it is so");
    let again = MediaRow { object: ObjectKey::of(handle, NOW, 2), ..first.clone() };
    assert_eq!(media.begin(&again, DAY, 100).await.unwrap(), Began::Done, "what is gone begins anew");
    assert_eq!(media.mark(handle, object, Check::Verified, &[Check::Verified]).await.unwrap(), Marked::Stale);
    assert!(!media.refuse(handle, object, Reason::Size).await.unwrap());
    assert!(!media.forget(handle, object, NOW).await.unwrap());
    media.prolong(handle, object, NOW.plus_ms(9000)).await.unwrap();
    assert_eq!(media.find(handle).await.unwrap(), Some(again));
}

/// Content is ready once all checks are noted, and refused for good.
pub async fn media_is_ready_after_all_checks(subject: Subject<'_>) {
    let media = subject.media;
    let one = row(&subject, '4', 1);
    media.begin(&one, DAY, 100).await.unwrap();
    let (handle, object, needed) = (one.handle, &one.object, [Check::Verified, Check::Clean]);
    let pending = Marked::Done(MediaStatus::Pending);
    assert_eq!(media.mark(handle, object, Check::Clean, &needed).await.unwrap(), pending);
    assert_eq!(media.mark(handle, object, Check::Clean, &needed).await.unwrap(), pending);
    let ready = Marked::Done(MediaStatus::Ready);
    assert_eq!(media.mark(handle, object, Check::Verified, &needed).await.unwrap(), ready);
    assert_eq!(media.mark(handle, object, Check::Verified, &needed).await.unwrap(), ready);
    assert!(media.refuse(handle, object, Reason::Malware).await.unwrap());
    let refused = MediaStatus::Refused(Reason::Malware);
    assert_eq!(media.mark(handle, object, Check::Verified, &needed).await.unwrap(), Marked::Done(refused));
    assert_eq!(media.find(handle).await.unwrap().unwrap().status, refused);
}

/// References are counted once, and content goes after the last.
pub async fn media_lives_while_a_message_refers_to_it(subject: Subject<'_>) {
    let media = subject.media;
    let one = row(&subject, '5', 1);
    let (handle, object, conversation) = (one.handle, &one.object, &one.conversation);
    let (first, second) = (message(&subject, "1"), message(&subject, "2"));
    let claim = |message| media.claim(handle, conversation, message, NOW);
    assert_eq!(claim(first).await.unwrap(), Claim::Nothing);
    media.begin(&one, DAY, 100).await.unwrap();
    assert_eq!(claim(first).await.unwrap(), Claim::NotReady(MediaStatus::Pending));
    media.mark(handle, object, Check::Verified, &[Check::Verified]).await.unwrap();
    let elsewhere = subject.direct("alice", "alice");
    assert_eq!(media.claim(handle, &elsewhere, first, NOW).await.unwrap(), Claim::Nothing);
    for _ in 0..2 {
        assert_eq!(claim(first).await.unwrap(), Claim::Done);
        assert_eq!(claim(second).await.unwrap(), Claim::Done);
    }
    media.claim(handle, conversation, first, NOW.plus_ms(7)).await.unwrap();
    media.claim(handle, conversation, first, NOW.plus_ms(3)).await.unwrap();
    media.confirm(handle, second, Sequence(9), Some(NOW.plus_ms(5))).await.unwrap();
    media.confirm(handle, message(&subject, "3"), Sequence(10), None).await.unwrap();
    let mut expected = [
        Reference { message: first, claimed_at: NOW.plus_ms(7), place: None, expires_at: None },
        Reference { message: second, claimed_at: NOW, place: Some(Sequence(9)), expires_at: Some(NOW.plus_ms(5)) },
    ];
    expected.sort_by_key(|reference| reference.message.to_string());
    let page = media.references(handle, None, 1).await.unwrap();
    assert_eq!(page, expected[..1]);
    assert_eq!(media.references(handle, Some(page[0].message), 9).await.unwrap(), expected[1..]);
    assert_eq!(media.find(handle).await.unwrap().unwrap().references, 2);
    assert!(!media.forget(handle, object, NOW).await.unwrap());
    for _ in 0..2 {
        media.release(handle, first).await.unwrap();
    }
    assert!(!media.forget(handle, object, NOW).await.unwrap());
    media.release(handle, second).await.unwrap();
    assert!(media.forget(handle, object, NOW).await.unwrap());
    assert_eq!(claim(first).await.unwrap(), Claim::NotReady(MediaStatus::Gone));
}

/// What is to be looked at is found in its minute.
pub async fn media_is_looked_at_in_its_minute(subject: Subject<'_>) {
    let media = subject.media;
    let handle: MediaHandle = row(&subject, '6', 1).handle;
    // A minute that no other run has.
    let minute = Minute(u64::from_str_radix(&handle.uuid()[..8], 16).unwrap());
    for _ in 0..2 {
        media.watch(handle, minute).await.unwrap();
    }
    assert_eq!(media.watched(minute).await.unwrap(), [handle]);
    media.unwatch(handle, minute).await.unwrap();
    assert_eq!(media.watched(minute).await.unwrap(), []);
}

/// A preview's row reads back as it was kept, and a change is put in the place of what was read.
pub async fn a_preview_is_kept_in_the_place_of_what_was_read(subject: Subject<'_>) {
    let media = subject.media;
    let one = row(&subject, '7', 1);
    let (handle, object) = (one.handle, &one.object);
    let other = ObjectKey::of(handle, NOW, 9);
    assert_eq!(media.find_preview(handle).await.unwrap(), None);
    let kept = |state, version| PreviewRow { object: object.clone(), state, attempts: 2, changed_at: NOW, version };
    let picture = Picture { size: PreviewSize::Large, width: 1600, height: 900, bytes: 77 };
    let whole = Made {
        pictures: vec![picture, Picture { size: PreviewSize::Small, ..picture }],
        duration_ms: Some(61_000),
        peaks: vec![0, 128, 255].into(),
        playable_bytes: Some(9),
    };
    let states = [
        PreviewState::Queued,
        PreviewState::Made(whole),
        PreviewState::Made(Made::default()),
        PreviewState::Refused(PreviewFault::TooHard),
    ];
    let mut expected = None;
    for (version, state) in (1..).zip(states) {
        let next = kept(state, version);
        assert!(!media.keep_preview(handle, &next, Some(99)).await.unwrap());
        assert!(media.keep_preview(handle, &next, expected).await.unwrap());
        assert!(!media.keep_preview(handle, &next, expected).await.unwrap(), "once");
        assert_eq!(media.find_preview(handle).await.unwrap(), Some(next));
        expected = Some(version);
    }
    media.drop_preview(handle, &other).await.unwrap();
    assert!(media.find_preview(handle).await.unwrap().is_some(), "it is of another object");
    for _ in 0..2 {
        media.drop_preview(handle, object).await.unwrap();
    }
    assert_eq!(media.find_preview(handle).await.unwrap(), None);
}
