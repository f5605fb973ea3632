//! Key packages: how they are made, checked, used up and thrown away.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tidings_mls::limits::{KEY_PACKAGE_LIFETIME_SECONDS, KEY_PACKAGES_MAX};
use tidings_mls::{Device, IdentityKey, KeyPackage, KeyPackageError, own_key_packages, remove_expired_key_packages};

use crate::support::{Phone, group_of, now_seconds};

#[test]
fn they_fit_the_directory_and_are_listed() {
    let (phone, now) = (Phone::new("alice/phone"), now_seconds());
    let made = phone.identity.make_key_packages(&phone.store, 3, now).unwrap();
    let last = phone.identity.make_last_resort_key_package(&phone.store, now).unwrap();
    assert!(made.iter().chain([&last]).all(|package| STANDARD.decode(package).unwrap().len() < 1024));
    let own = own_key_packages(&phone.store).unwrap();
    assert_eq!(own.iter().map(|package| package.is_last_resort).collect::<Vec<_>>(), [false, false, false, true]);
    assert!(own.iter().all(|package| !package.needs_renewal(now) && package.needs_renewal(now + 29 * 24 * 3600)));
    let parse = |package| KeyPackage::parse(package, phone.device(), phone.identity.key(), now).unwrap();
    assert!(!parse(&made[0]).is_last_resort() && parse(&last).is_last_resort());
    let many = phone.identity.make_key_packages(&phone.store, KEY_PACKAGES_MAX + 1, now);
    assert!(matches!(many, Err(KeyPackageError::TooMany { .. })));
}

#[test]
fn another_devices_are_checked() {
    let (phone, other, now) = (Phone::new("alice/phone"), Phone::new("bob/phone"), now_seconds());
    let made = phone.identity.make_key_packages(&phone.store, 1, now).unwrap().remove(0);
    let (device, key) = (phone.device(), phone.identity.key());
    let wrong = KeyPackage::parse(&made, other.device(), key, now);
    assert!(matches!(wrong, Err(KeyPackageError::WrongDevice { found, .. }) if found == *device));
    let wrong = KeyPackage::parse(&made, device, other.identity.key(), now);
    assert!(matches!(wrong, Err(KeyPackageError::WrongKey(_))));
    for time in [now + KEY_PACKAGE_LIFETIME_SECONDS, now - 2 * 3600] {
        assert!(matches!(KeyPackage::parse(&made, device, key, time), Err(KeyPackageError::Lifetime(_))));
    }
    let mut bytes = STANDARD.decode(&made).unwrap();
    for at in [20, 100, bytes.len() - 1] {
        bytes[at] ^= 1;
        let damaged = KeyPackage::parse(&STANDARD.encode(&bytes), device, key, now);
        assert!(matches!(damaged, Err(KeyPackageError::Invalid(_) | KeyPackageError::Wire(_))), "{at}");
        bytes[at] ^= 1;
    }
    for text in ["", "hello", "AAAA"] {
        assert!(matches!(KeyPackage::parse(text, device, key, now), Err(KeyPackageError::Wire(_))));
    }
    assert!(KeyPackage::parse(&made, device, key, now).is_ok());
    assert!(IdentityKey::from_bytes(&[0; 31]).is_none());
    assert!(Device::parse("alice").is_err());
}

#[test]
fn one_that_was_used_is_gone_and_one_that_is_over_is_destroyed() {
    let (alice, bob, now) = (Phone::new("alice/1"), Phone::new("bob/1"), now_seconds());
    bob.identity.make_key_packages(&bob.store, 2, now).unwrap();
    bob.identity.make_last_resort_key_package(&bob.store, now - 3600).unwrap();
    group_of(&[&alice, &bob]);
    // The group took one that was made for it; two and the last resort are left.
    assert_eq!(own_key_packages(&bob.store).unwrap().len(), 3);
    let over = now + KEY_PACKAGE_LIFETIME_SECONDS - 1800;
    assert_eq!(remove_expired_key_packages(&bob.store, over, 3600).unwrap(), 0);
    assert_eq!(remove_expired_key_packages(&bob.store, over, 0).unwrap(), 1);
    assert_eq!(own_key_packages(&bob.store).unwrap().len(), 2);
    let keys_before = bob.store.len();
    assert_eq!(remove_expired_key_packages(&bob.store, over + 3600, 0).unwrap(), 2);
    assert_eq!(bob.store.len(), keys_before - 2);
}
