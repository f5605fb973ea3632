//! The registry of devices, marks of pushes, and what users rule.

use std::collections::BTreeSet;

use tidings_domain::{
    blocks::Block,
    devices::{Platform, PushAddress, PushEndpoint, PushService, Registration, WebPushKeys},
    ids::{DeviceId, Sequence, Timestamp},
    privacy::{Audience, Privacy},
    push::Marks,
    quiet::{QuietHours, UserSettings},
};

use crate::Subject;

fn address(service: PushService, token: &str) -> PushAddress {
    let keys = WebPushKeys { public: "p".into(), auth: "a".into() };
    PushAddress { service, token: token.into(), keys: (service == PushService::WebPush).then_some(keys) }
}

fn endpoint(address: &PushAddress) -> PushEndpoint {
    PushEndpoint { address: address.clone(), endpoint: format!("arn:{}", address.token).into() }
}

/// A registration takes the place of the one before, whole.
pub async fn a_registration_reads_back(s: Subject<'_>) {
    let phone = s.device("rita", "phone");
    assert_eq!(s.registry.registered(&phone).await.unwrap(), None);
    let web = endpoint(&address(PushService::WebPush, "https://push.example/1"));
    let apns = endpoint(&address(PushService::ApnsSandbox, "t1"));
    let steps = [
        ("Browser", Platform::Web, Some(&web)),
        ("Phone", Platform::Ios, Some(&apns)),
        ("Terminal", Platform::Other, None),
    ];
    for (at, (name, platform, push)) in (1..).zip(steps) {
        let wanted = Registration { name: name.into(), platform, push: push.map(|push| push.address.clone()) };
        assert!(s.registry.register(&phone, &wanted, push, Timestamp(at)).await.unwrap());
        let found = s.registry.registered(&phone).await.unwrap().unwrap();
        assert_eq!((found.name.as_deref(), found.platform, found.push.as_ref()), (Some(name), Some(platform), push));
        assert_eq!((found.seen_at, found.revoked), (Timestamp(at), false));
    }
}

/// A revoked device is what it was, but for that, and cannot be seen or registered again.
pub async fn a_revoked_device_stays_revoked(s: Subject<'_>) {
    let phone = s.device("rita", "lost");
    assert_eq!(s.registry.revoke(&phone).await.unwrap(), None);
    let push = endpoint(&address(PushService::Fcm, "t2"));
    let wanted = Registration { name: "P".into(), platform: Platform::Android, push: Some(push.address.clone()) };
    assert!(s.registry.register(&phone, &wanted, Some(&push), Timestamp(1)).await.unwrap());
    let before = s.registry.revoke(&phone).await.unwrap().unwrap();
    assert_eq!((before.revoked, before.push), (false, Some(push)));
    assert!(!s.devices.touch(&phone, Timestamp(9)).await.unwrap());
    assert!(!s.registry.register(&phone, &wanted, None, Timestamp(9)).await.unwrap());
    let found = s.devices.find(&phone).await.unwrap().unwrap();
    assert_eq!((found.revoked, found.seen_at), (true, Timestamp(1)));
    assert!(s.registry.revoke(&phone).await.unwrap().unwrap().revoked, "again is no harm");
}

/// An endpoint is taken off its device by the token that it has, and by no other.
pub async fn an_endpoint_goes_if_it_is_still_the_devices(s: Subject<'_>) {
    let phone = s.device("rita", "phone3");
    let (old, new) = (address(PushService::Apns, "old"), address(PushService::Apns, "new"));
    assert_eq!(s.registry.drop_push(&phone, &old).await.unwrap(), None);
    let push = endpoint(&new);
    let wanted = Registration { name: "P".into(), platform: Platform::Ios, push: Some(new.clone()) };
    s.registry.register(&phone, &wanted, Some(&push), Timestamp(1)).await.unwrap();
    assert_eq!(s.registry.drop_push(&phone, &old).await.unwrap(), None);
    let sandbox = address(PushService::ApnsSandbox, "new");
    assert_eq!(s.registry.drop_push(&phone, &sandbox).await.unwrap(), None, "another service's token");
    assert_eq!(s.registry.drop_push(&phone, &new).await.unwrap(), Some(push));
    assert_eq!(s.registry.drop_push(&phone, &new).await.unwrap(), None);
    assert_eq!(s.registry.registered(&phone).await.unwrap().unwrap().push, None);
}

/// A token has one holder: the latest.
pub async fn a_token_has_one_holder(s: Subject<'_>) {
    let (one, other) = (s.device("rita", "one"), s.device("sam", "one"));
    let token = address(PushService::Apns, &format!("token-{}", s.run));
    assert_eq!(s.registry.holder(&token).await.unwrap(), None);
    assert_eq!(s.registry.hold(&token, &one).await.unwrap(), None);
    assert_eq!(s.registry.hold(&token, &one).await.unwrap(), None, "still its own");
    assert_eq!(s.registry.hold(&token, &other).await.unwrap(), Some(one.clone()));
    s.registry.release(&token, &one).await.unwrap();
    assert_eq!(s.registry.holder(&token).await.unwrap(), Some(other.clone()), "no more its to let go");
    s.registry.release(&token, &other).await.unwrap();
    assert_eq!(s.registry.holder(&token).await.unwrap(), None);
}

/// A device is woken once in a time, whoever asks at once.
pub async fn a_device_is_woken_once_in_a_time(s: Subject<'_>) {
    let phone = s.device("rita", "sleepy");
    assert!(!s.registry.note_wake(&phone, Timestamp(0), Timestamp(100)).await.unwrap(), "it is not known");
    s.devices.touch(&phone, Timestamp(1)).await.unwrap();
    let wake = async |earliest, now| s.registry.note_wake(&phone, Timestamp(earliest), Timestamp(now)).await.unwrap();
    assert!(wake(0, 100).await);
    assert!(!wake(99, 150).await);
    assert!(wake(100, 200).await);
    assert!(!wake(100, 200).await);
}

/// Marks rise, each for itself, and devices are told apart.
pub async fn marks_of_pushes_rise(s: Subject<'_>) {
    let (user, conversation) = (s.user("rita"), s.direct("rita", "sam"));
    let queued =
        async |at, is_mention| s.marks.note_queued(&user, &conversation, Sequence(at), is_mention).await.unwrap();
    assert_eq!(queued(5, false).await, Marks { queued: Sequence(5), ..Marks::default() });
    assert_eq!(queued(3, false).await.queued, Sequence(5));
    let marks = queued(4, true).await;
    assert_eq!((marks.queued, marks.mentioned), (Sequence(5), Sequence(4)));
    let devices = ["phone", "a:b.c"].map(|device| DeviceId::parse(device).unwrap());
    s.marks.note_sent(&user, &conversation, Sequence(5), &devices).await.unwrap();
    s.marks.note_sent(&user, &conversation, Sequence(6), &devices[..1]).await.unwrap();
    let marks = queued(1, true).await;
    let expected = [(devices[0].clone(), Sequence(6)), (devices[1].clone(), Sequence(5))];
    assert_eq!(marks, Marks { queued: Sequence(5), mentioned: Sequence(4), sent: expected.into() });
    let other = s.direct("rita", "tom");
    let marks = s.marks.note_queued(&user, &other, Sequence(1), false).await.unwrap();
    assert_eq!(marks, Marks { queued: Sequence(1), ..Marks::default() });
    assert_eq!(s.devices.of_user(&user).await.unwrap(), [], "they are no devices");
}

/// Blocks page by name, and the pushes of one sender are ruled in one read.
pub async fn blocks_and_quiet_times_are_kept(s: Subject<'_>) {
    let user = s.user("rita");
    let others = ["adam", "berta", "cleo"].map(|name| s.user(name));
    for (at, other) in (1..).zip(&others) {
        s.rules.block(&user, other, Timestamp(at)).await.unwrap();
    }
    s.rules.block(&user, &others[0], Timestamp(9)).await.unwrap();
    let page = s.rules.blocks(&user, None, 2).await.unwrap();
    let block = |index: usize, at| Block { user: others[index].clone(), since: Timestamp(at) };
    assert_eq!(page, [block(0, 1), block(1, 2)], "who is blocked stays so since then");
    assert_eq!(s.rules.blocks(&user, Some(&others[1]), 9).await.unwrap(), [block(2, 3)]);
    s.rules.unblock(&user, &others[0]).await.unwrap();
    s.rules.unblock(&user, &others[0]).await.unwrap();
    assert_eq!(s.rules.blocks(&user, None, 9).await.unwrap(), [block(1, 2), block(2, 3)]);

    assert_eq!(s.rules.settings(&user).await.unwrap(), UserSettings::default());
    let hours = QuietHours { days: 0b100_0001, from_minute: 1320, to_minute: 420, utc_offset_minutes: -480 };
    let settings = UserSettings {
        quiet_until: Timestamp(7),
        quiet_hours: Some(hours),
        privacy: Privacy { last_seen: Audience::Nobody, read_receipts: Audience::Contacts },
        has_quiet_requests: true,
    };
    s.rules.set_settings(&user, &settings).await.unwrap();
    assert_eq!(s.rules.settings(&user).await.unwrap(), settings);
    assert_eq!(s.rules.rules_for(&user, &others[1]).await.unwrap(), (settings, true));
    assert_eq!(s.rules.rules_for(&user, &others[0]).await.unwrap(), (settings, false));
    let pairs = [(user.clone(), others[1].clone()), (others[1].clone(), user.clone())];
    let stances = s.privacy.stances(&[user.clone(), others[0].clone()], &pairs).await.unwrap();
    assert_eq!(stances.privacy.get(&user), Some(&settings.privacy));
    assert_eq!((stances.privacy.len(), stances.blocked), (1, BTreeSet::from([pairs[0].clone()])));
    s.rules.set_settings(&user, &UserSettings::default()).await.unwrap();
    assert_eq!(s.rules.settings(&user).await.unwrap(), UserSettings::default());
    assert_eq!(s.rules.blocks(&user, None, 9).await.unwrap().len(), 2, "settings are no block");
    let changes = s.personal.changes(&user, Timestamp(0), None, 9).await.unwrap();
    assert_eq!(changes.items, [], "none of it is a draft, a star or a hidden message");
}
