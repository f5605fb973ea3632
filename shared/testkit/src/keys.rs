//! The key directory and mailboxes.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use tidings_domain::{
    ids::{ClientMsgId, KindName, MailId, MessageId, Sender, Sequence, Timestamp},
    keys::{DeviceSet, KeyPackage, KeyedDevice, SetChange},
    mailbox::{Deposit, Mail},
};

use crate::Subject;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn package(number: u64, expires_at: Timestamp) -> KeyPackage {
    KeyPackage { hash: format!("{number:064x}").into(), package: format!("cGtn{number}").into(), expires_at }
}

fn hour_later(number: u64) -> KeyPackage {
    package(number, NOW.plus_ms(3_600_000))
}

fn set_of(device: &Sender, version: u64) -> DeviceSet {
    let keyed = KeyedDevice { identity: "aWQ=".into(), added: 1, keyed: version };
    DeviceSet { version, devices: BTreeMap::from([(device.device.clone(), keyed)]), removed: Vec::new() }
}

/// A set of devices is replaced by who knows it, for a device that may connect.
pub async fn a_set_of_devices_is_compared_and_swapped(s: Subject<'_>) {
    let phone = s.device("kate", "phone");
    assert_eq!(s.keys.device_set(&phone.user).await.unwrap(), DeviceSet::default());
    let (none, one, two) = (DeviceSet::default(), set_of(&phone, 1), set_of(&phone, 2));
    assert_eq!(s.keys.enter(&phone, &none, &one).await.unwrap(), SetChange::Refused, "it was never seen");
    assert!(s.devices.touch(&phone, NOW).await.unwrap());
    assert_eq!(s.keys.enter(&phone, &none, &one).await.unwrap(), SetChange::Done);
    assert_eq!(s.keys.enter(&phone, &none, &one).await.unwrap(), SetChange::Lost, "it is there by now");
    assert_eq!(s.keys.enter(&phone, &two, &one).await.unwrap(), SetChange::Lost);
    assert_eq!(s.keys.enter(&phone, &one, &two).await.unwrap(), SetChange::Done);
    assert_eq!(s.keys.device_set(&phone.user).await.unwrap(), two);
    let gone = DeviceSet { version: 3, devices: BTreeMap::new(), removed: vec![(phone.device.clone(), 3)] };
    assert_eq!(s.keys.leave(&phone.user, &one, &gone).await.unwrap(), SetChange::Lost);
    assert_eq!(s.keys.leave(&phone.user, &two, &gone).await.unwrap(), SetChange::Done);
    let users = [phone.user.clone(), s.user("nobody")];
    let sets = s.device_sets.device_sets(&users).await.unwrap();
    assert_eq!(sets, BTreeMap::from([(phone.user.clone(), gone.clone())]));
    s.registry.revoke(&phone).await.unwrap();
    let back = DeviceSet { version: 4, ..set_of(&phone, 4) };
    assert_eq!(s.keys.enter(&phone, &gone, &back).await.unwrap(), SetChange::Refused, "it is revoked");
}

/// However many take at once, each package goes to one; one that was taken does not come back.
pub async fn a_package_is_taken_once(s: Subject<'_>) {
    let phone = s.device("kate", "phone2");
    let packages: Vec<KeyPackage> = (0..60).map(hour_later).collect();
    s.keys.put_packages(&phone, "aWQ=", &packages).await.unwrap();
    s.keys.put_packages(&phone, "aWQ=", &packages).await.unwrap();
    assert_eq!(s.keys.count(&phone, "aWQ=", NOW).await.unwrap(), 60);
    assert_eq!(s.keys.count(&phone, "other", NOW).await.unwrap(), 0, "they are of another key");
    let takes = join_all((0..20).map(|_| s.keys.take(&phone, "aWQ=", &packages[7]))).await;
    assert_eq!(takes.into_iter().filter(|taken| *taken.as_ref().unwrap()).count(), 1);
    s.keys.put_packages(&phone, "aWQ=", &packages).await.unwrap();
    assert_eq!(s.keys.count(&phone, "aWQ=", NOW).await.unwrap(), 59);
    let found = s.keys.packages(&phone, "aWQ=", NOW, 25).await.unwrap();
    let hashes: BTreeSet<_> = found.iter().map(|package| package.hash.clone()).collect();
    assert_eq!((found.len(), hashes.len()), (25, 25));
    assert!(found.iter().all(|package| packages.contains(package) && *package != packages[7]));
}

/// What has expired is neither counted nor found; the last resort is kept by its key.
pub async fn packages_expire(s: Subject<'_>) {
    let phone = s.device("kate", "phone3");
    let packages = [package(1, NOW.plus_ms(1_000)), package(2, NOW.plus_ms(60_000))];
    s.keys.put_packages(&phone, "aWQ=", &packages).await.unwrap();
    let later = NOW.plus_ms(2_000);
    assert_eq!(s.keys.count(&phone, "aWQ=", later).await.unwrap(), 1);
    assert_eq!(s.keys.packages(&phone, "aWQ=", later, 5).await.unwrap(), [packages[1].clone()]);
    assert_eq!(s.keys.last_resort(&phone, "aWQ=").await.unwrap(), None);
    for last in [&packages[1], &packages[0]] {
        s.keys.put_last_resort(&phone, "aWQ=", last).await.unwrap();
        assert_eq!(s.keys.last_resort(&phone, "aWQ=").await.unwrap().as_ref(), Some(last));
    }
    assert_eq!(s.keys.last_resort(&phone, "other").await.unwrap(), None);
    assert_eq!(s.keys.packages(&phone, "aWQ=", later, 5).await.unwrap().len(), 1, "it is none of the others");
}

fn mail(s: &Subject<'_>, to: &Sender, number: u64) -> Mail {
    let from = s.device("lee", "laptop");
    let conversation = s.direct("kate", "lee");
    let source = MessageId::of(&conversation, &from, &ClientMsgId::parse(&format!("c{number}")).unwrap());
    Mail {
        to: to.clone(),
        id: MailId::of(Timestamp(NOW.0 + number), &source),
        kind: KindName::parse("welcome").unwrap(),
        from,
        conversation: Some(conversation).filter(|_| number.is_multiple_of(2)),
        sequence: Some(Sequence(number)).filter(|_| number.is_multiple_of(2)),
        payload: r#""d2VsY29tZQ==""#.into(),
        ts: Timestamp(NOW.0 + number),
    }
}

/// Mail comes in order, in pages, and goes by its ids alone.
pub async fn mail_is_kept_in_order(s: Subject<'_>) {
    let phone = s.device("kate", "phone4");
    let pieces: Vec<Mail> = (1..=7).map(|number| mail(&s, &phone, number)).collect();
    for piece in pieces.iter().rev() {
        assert_eq!(s.mailboxes.put(piece, 100).await.unwrap(), Deposit::Kept);
    }
    assert_eq!(s.mailboxes.put(&pieces[3], 7).await.unwrap(), Deposit::Kept, "it is there already");
    let first = s.mailboxes.page(&phone, None, 4).await.unwrap();
    assert_eq!((first.mail.as_slice(), first.has_more), (&pieces[..4], true));
    let rest = s.mailboxes.page(&phone, Some(&pieces[3].id), 4).await.unwrap();
    assert_eq!((rest.mail.as_slice(), rest.has_more), (&pieces[4..], false));
    let ids = [pieces[0].id.clone(), pieces[5].id.clone(), pieces[0].id.clone()];
    s.mailboxes.remove(&phone, &ids).await.unwrap();
    let left = s.mailboxes.page(&phone, None, 100).await.unwrap();
    assert_eq!(left.mail, [&pieces[1..5], &pieces[6..]].concat());
    assert_eq!(s.mailboxes.page(&s.device("kate", "other"), None, 4).await.unwrap().mail, []);
}

/// A mailbox takes no more than it may hold, says what it lost, and takes on once there is room.
pub async fn a_mailbox_is_bounded(s: Subject<'_>) {
    let phone = s.device("kate", "phone5");
    let puts = (1..=9).map(|number| {
        let piece = mail(&s, &phone, number);
        async move { s.mailboxes.put(&piece, 5).await.unwrap() }
    });
    let kept = join_all(puts).await.into_iter().filter(|deposit| *deposit == Deposit::Kept).count();
    assert_eq!(kept, 5);
    let page = s.mailboxes.page(&phone, None, 100).await.unwrap();
    assert_eq!((page.mail.len(), page.dropped), (5, 4));
    assert_eq!(s.mailboxes.page(&phone, None, 100).await.unwrap().dropped, 0, "told once");
    s.mailboxes.remove(&phone, &[page.mail[0].id.clone()]).await.unwrap();
    assert_eq!(s.mailboxes.put(&mail(&s, &phone, 20), 5).await.unwrap(), Deposit::Kept);
    assert_eq!(s.mailboxes.put(&mail(&s, &phone, 21), 5).await.unwrap(), Deposit::Full);
}
