//! The key directory: what others need to encrypt for a device, handed out once.
//!
//! A device puts key packages here, each of which starts one member of one MLS group, and a last
//! resort for when they have run out. Which devices of a user have keys, and what they sign with, is one row
//! with a version: who has encrypted for an older version is told what has changed since.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures_util::future::try_join_all;
use thiserror::Error;
use tracing::{info, warn};

use crate::{
    ids::{DeviceId, Sender, Timestamp, UserId},
    limits::{
        DEVICE_SET_ATTEMPTS_MAX, KEY_PACKAGES_LOW, KEY_PACKAGES_MAX, KEYED_DEVICES_MAX, REMOVED_DEVICES_MAX,
        TAKE_ATTEMPTS_MAX, TAKE_CANDIDATES,
    },
    notice::{DeviceChange, Notice},
    ports::{Clock, Gateway, KeyDirectory, Sessions, Unavailable},
    rate::{self, Buckets, KEY_TAKES_PER_TARGET, KEY_TAKES_PER_USER, LimitError},
    send::Refusal,
    session::Session,
    sessions::tell,
};

/// A key package, as it goes to whoever takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPackage {
    /// Its hash (SHA-256, in hexadecimal): the same package is the same row.
    pub hash: Arc<str>,
    /// The framed package, in base64.
    pub package: Arc<str>,
    /// It is worth nothing from then on.
    pub expires_at: Timestamp,
}

/// What a device offers to those who want to encrypt for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUpload {
    /// What the device signs with: an Ed25519 public key, in base64.
    pub identity: Arc<str>,
    /// Packages, each for one taker.
    pub packages: Vec<KeyPackage>,
    /// The package for when those have run out, in place of the one before.
    pub last_resort: Option<KeyPackage>,
}

/// A device with keys, in its user's set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyedDevice {
    /// What it signs with, in base64.
    pub identity: Arc<str>,
    /// The version of the set that it came with.
    pub added: u64,
    /// The version that its key came with.
    pub keyed: u64,
}

/// Which devices of a user have keys. Any change makes a new version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceSet {
    /// Counts the changes; zero: there never was one.
    pub version: u64,
    /// The devices.
    pub devices: BTreeMap<DeviceId, KeyedDevice>,
    /// Those that were taken out last, with the version of that, oldest first.
    pub removed: Vec<(DeviceId, u64)>,
}

/// How the devices that something was encrypted for differ from those that there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// The version that there is.
    pub version: u64,
    /// There, and not encrypted for.
    pub missing: BTreeSet<DeviceId>,
    /// Encrypted for, and not there.
    pub extra: BTreeSet<DeviceId>,
    /// There with another key.
    pub stale: BTreeSet<DeviceId>,
}

impl DeviceSet {
    /// The set with this key for a device; none where that is what there is.
    fn with(&self, device: &DeviceId, identity: &Arc<str>) -> Option<Self> {
        let before = self.devices.get(device);
        if before.is_some_and(|before| before.identity == *identity) {
            return None;
        }
        let version = self.version + 1;
        let added = before.map_or(version, |before| before.added);
        let mut next = Self { version, ..self.clone() };
        next.devices.insert(device.clone(), KeyedDevice { identity: identity.clone(), added, keyed: version });
        Some(next)
    }

    /// The set without a device; none where it is not in it.
    fn without(&self, device: &DeviceId) -> Option<Self> {
        let mut next = Self { version: self.version + 1, ..self.clone() };
        next.devices.remove(device)?;
        next.removed.push((device.clone(), next.version));
        let surplus = next.removed.len().saturating_sub(REMOVED_DEVICES_MAX);
        next.removed.drain(..surplus);
        Some(next)
    }

    /// What is different for who knows the set at a version; none where nothing is.
    ///
    /// Of devices that went very long ago `extra` may not tell: only the last removals are kept.
    pub fn since(&self, known: u64) -> Option<Difference> {
        if known == self.version {
            return None;
        }
        // Nobody has seen a version that there is not yet: what they know is of no use.
        let known = if known > self.version { 0 } else { known };
        let there = |is: fn(&KeyedDevice, u64) -> bool| {
            let devices = self.devices.iter().filter(move |(_, device)| is(device, known));
            devices.map(|(id, _)| id.clone()).collect()
        };
        let gone = self.removed.iter().filter(|(id, at)| *at > known && !self.devices.contains_key(id));
        Some(Difference {
            version: self.version,
            missing: there(|device, known| device.added > known),
            extra: gone.map(|(id, _)| id.clone()).collect(),
            stale: there(|device, known| device.added <= known && device.keyed > known),
        })
    }
}

/// How the devices that envelopes are for differ from those of these sets; none where they fit. Users
/// without keys are not in question: nobody can encrypt for them.
pub(crate) fn envelope_difference<'a>(
    sets: &BTreeMap<UserId, DeviceSet>,
    sender: &Sender,
    given: impl IntoIterator<Item = &'a DeviceId>,
) -> Option<BTreeMap<UserId, Difference>> {
    let keyed: BTreeMap<&UserId, &DeviceSet> = sets.iter().filter(|(_, set)| !set.devices.is_empty()).collect();
    if keyed.is_empty() {
        return None;
    }
    let given: BTreeSet<&DeviceId> = given.into_iter().collect();
    let mut known = BTreeSet::new();
    let mut differences = BTreeMap::new();
    for (user, set) in keyed {
        let is_other = |device: &&DeviceId| *user != sender.user || **device != sender.device;
        let devices: BTreeSet<&DeviceId> = set.devices.keys().filter(is_other).collect();
        known.extend(devices.iter().copied());
        let missing: BTreeSet<DeviceId> = devices.difference(&given).map(|device| (*device).clone()).collect();
        if !missing.is_empty() {
            differences.insert(user.clone(), Difference { version: set.version, missing, ..Difference::default() });
        }
    }
    // A device id does not say whose it is: one that nobody has is told of with the sender's.
    let extra: BTreeSet<DeviceId> = given.difference(&known).map(|device| (*device).clone()).collect();
    if !extra.is_empty() {
        let version = sets.get(&sender.user).map(|set| set.version).unwrap_or_default();
        let empty = Difference { version, ..Difference::default() };
        differences.entry(sender.user.clone()).or_insert(empty).extra = extra;
    }
    (!differences.is_empty()).then_some(differences)
}

/// What one device of a user is encrypted for with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyBundle {
    /// The device.
    pub device: DeviceId,
    /// What it signs with, in base64.
    pub identity: Arc<str>,
    /// The package; none where it has none left, nor a last resort.
    pub package: Option<KeyPackage>,
    /// Others may have been given the same.
    pub is_last_resort: bool,
}

/// The packages that one device has here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyStock {
    /// What it signs with, in base64; none before it has put any here.
    pub identity: Option<Arc<str>>,
    /// Packages that nobody has taken.
    pub count: usize,
    /// Whether there is one for when those have run out.
    pub has_last_resort: bool,
}

/// What became of a key that is put into a set of devices, or of a device that goes from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetChange {
    /// It is so.
    Done,
    /// The set is another by now.
    Lost,
    /// The device may not: it was revoked, or is not known.
    Refused,
}

/// Why keys are not kept, or not handed out.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The device was revoked, or never seen.
    #[error("the device is not known, or revoked")]
    NoSuchDevice,
    /// The user has as many devices with keys as they may.
    #[error("at most {KEYED_DEVICES_MAX} devices of a user have keys")]
    TooManyDevices,
    /// The device has as many packages here as it may.
    #[error("at most {KEY_PACKAGES_MAX} packages are kept for a device, and {count} are")]
    TooManyPackages {
        /// How many there are.
        count: usize,
    },
    /// The caller has taken as many as they may for now.
    #[error(transparent)]
    Limited(#[from] LimitError),
    /// Many devices of the user change at once.
    #[error("too many changes at once")]
    Contended,
    /// The world did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// What the key directory needs of the world.
#[derive(Clone, Copy)]
pub struct KeyPorts<'a> {
    /// The keys.
    pub keys: &'a dyn KeyDirectory,
    /// What takes are charged to.
    pub buckets: &'a dyn Buckets,
    /// Live sockets.
    pub sessions: &'a dyn Sessions,
    /// The sockets.
    pub gateway: &'a dyn Gateway,
    /// Time and chance.
    pub clock: &'a dyn Clock,
}

/// Keeps the keys of a device. May be repeated: what was put here before, and taken since, does not come back.
/// How the set of the user's devices has changed, where it has, and what there is now.
pub async fn upload(
    ports: KeyPorts<'_>,
    owner: &Sender,
    upload: &KeyUpload,
) -> Result<(Option<DeviceChange>, KeyStock), KeyError> {
    let count = ports.keys.count(owner, &upload.identity, ports.clock.now()).await?;
    if count + upload.packages.len() > KEY_PACKAGES_MAX {
        return Err(KeyError::TooManyPackages { count });
    }
    let change = enter(ports, owner, &upload.identity).await?;
    if let Some(last) = &upload.last_resort {
        ports.keys.put_last_resort(owner, &upload.identity, last).await?;
    }
    ports.keys.put_packages(owner, &upload.identity, &upload.packages).await?;
    Ok((change, stock(ports, owner).await?))
}

/// Puts a device with its key into its user's set, where it is not so already.
async fn enter(ports: KeyPorts<'_>, owner: &Sender, identity: &Arc<str>) -> Result<Option<DeviceChange>, KeyError> {
    for _ in 0..DEVICE_SET_ATTEMPTS_MAX {
        let set = ports.keys.device_set(&owner.user).await?;
        let is_new = !set.devices.contains_key(&owner.device);
        let Some(next) = set.with(&owner.device, identity) else { return Ok(None) };
        if next.devices.len() > KEYED_DEVICES_MAX {
            return Err(KeyError::TooManyDevices);
        }
        match ports.keys.enter(owner, &set, &next).await? {
            SetChange::Done => return Ok(Some(if is_new { DeviceChange::Added } else { DeviceChange::Keys })),
            SetChange::Refused => return Err(KeyError::NoSuchDevice),
            SetChange::Lost => ports.clock.sleep_ms(ports.clock.random_below(50)).await,
        }
    }
    Err(KeyError::Contended)
}

/// Takes a device out of its user's set; whether it was in it.
pub(crate) async fn leave(keys: &dyn KeyDirectory, clock: &dyn Clock, owner: &Sender) -> Result<bool, KeyError> {
    for _ in 0..DEVICE_SET_ATTEMPTS_MAX {
        let set = keys.device_set(&owner.user).await?;
        let Some(next) = set.without(&owner.device) else { return Ok(false) };
        if keys.leave(&owner.user, &set, &next).await? == SetChange::Done {
            return Ok(true);
        }
        clock.sleep_ms(clock.random_below(50)).await;
    }
    Err(KeyError::Contended)
}

/// What a device has here.
pub async fn stock(ports: KeyPorts<'_>, owner: &Sender) -> Result<KeyStock, KeyError> {
    let set = ports.keys.device_set(&owner.user).await?;
    let Some(device) = set.devices.get(&owner.device) else { return Ok(KeyStock::default()) };
    let now = ports.clock.now();
    let count = ports.keys.count(owner, &device.identity, now).await?;
    let last = ports.keys.last_resort(owner, &device.identity).await?;
    let has_last_resort = last.is_some_and(|last| last.expires_at > now);
    Ok(KeyStock { identity: Some(device.identity.clone()), count, has_last_resort })
}

/// Takes one package of each of a user's devices, or of those that are named. The set that they are of, and what was taken.
///
/// Nobody is given a package that another has, but for a last resort. Takes are counted, so that
/// nobody can empty another's stock.
pub async fn take(
    ports: KeyPorts<'_>,
    taker: &UserId,
    user: &UserId,
    only: &BTreeSet<DeviceId>,
) -> Result<(DeviceSet, Vec<KeyBundle>), KeyError> {
    let now = ports.clock.now();
    rate::take(ports.buckets, ports.clock, &KEY_TAKES_PER_USER.of_user(taker)).await?;
    rate::take(ports.buckets, ports.clock, &KEY_TAKES_PER_TARGET.of_pair(taker, user)).await?;
    let set = ports.keys.device_set(user).await?;
    let wanted = set.devices.iter().filter(|(device, _)| only.is_empty() || only.contains(*device));
    let takes = wanted.map(|(device, keyed)| {
        let owner = Sender { user: user.clone(), device: device.clone() };
        async move { take_one(ports, &owner, &keyed.identity, now).await }
    });
    let bundles = try_join_all(takes).await?;
    Ok((set, bundles))
}

async fn take_one(
    ports: KeyPorts<'_>,
    owner: &Sender,
    identity: &Arc<str>,
    now: Timestamp,
) -> Result<KeyBundle, Unavailable> {
    let bundle = |package, is_last_resort| KeyBundle {
        device: owner.device.clone(),
        identity: identity.clone(),
        package,
        is_last_resort,
    };
    for _ in 0..TAKE_ATTEMPTS_MAX {
        let mut found = ports.keys.packages(owner, identity, now, TAKE_CANDIDATES).await?;
        if found.is_empty() {
            break;
        }
        // Any of them, so that those who come at once mostly want different ones.
        let count = found.len();
        let chosen = ports.clock.random_below(count as u64);
        let package = found.swap_remove(usize::try_from(chosen).unwrap_or_default());
        if ports.keys.take(owner, identity, &package).await? {
            if count <= KEY_PACKAGES_LOW {
                let left = Notice::KeysLow { count: count - 1 };
                tell_device(ports, owner, &left).await;
            }
            return Ok(bundle(Some(package), false));
        }
    }
    info!(user = %owner.user, device = %owner.device, "a device has no key packages left");
    tell_device(ports, owner, &Notice::KeysLow { count: 0 }).await;
    let last = ports.keys.last_resort(owner, identity).await?.filter(|last| last.expires_at > now);
    Ok(bundle(last, true))
}

async fn tell_device(ports: KeyPorts<'_>, owner: &Sender, notice: &Notice) {
    let is_told = |session: &Session| session.owner.device == owner.device;
    let users = std::slice::from_ref(&owner.user);
    tell(ports.sessions, ports.gateway, ports.clock, users, is_told, notice).await;
}

/// Whether something was encrypted for the devices that there are, as far as its sender says for which it was.
pub(crate) fn check_devices(sets: &BTreeMap<UserId, DeviceSet>, known: &BTreeMap<UserId, u64>) -> Result<(), Refusal> {
    let differences = known.iter().filter_map(|(user, version)| {
        let nothing = DeviceSet::default();
        let difference = sets.get(user).unwrap_or(&nothing).since(*version)?;
        Some((user.clone(), difference))
    });
    let differences: BTreeMap<UserId, Difference> = differences.collect();
    if differences.is_empty() { Ok(()) } else { Err(Refusal::StaleDevices(Box::new(differences))) }
}

/// What a failure to take a device out of the set is worth: it is revoked already, and the next try gets there.
pub(crate) fn left(result: Result<bool, KeyError>) -> Result<bool, Unavailable> {
    match result {
        Ok(was_in) => Ok(was_in),
        Err(KeyError::Unavailable(error)) => Err(error),
        Err(error) => {
            warn!(%error, "a revoked device is still in its user's set");
            Err(Unavailable { operation: "leave a set of devices", source: Box::new(error) })
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn device(name: &str) -> DeviceId {
        DeviceId::parse(name).unwrap()
    }

    proptest! {
        /// Whoever knows a set at any version and applies the difference knows the set.
        #[test]
        fn a_difference_leads_to_the_set(changes in prop::collection::vec((0..4_u8, 0..4_u8), 0..40), at in 0..40_usize) {
            let mut set = DeviceSet::default();
            let mut versions = vec![set.clone()];
            for (device_number, key) in changes {
                let id = device(&format!("d{device_number}"));
                let next = if key == 3 { set.without(&id) } else { set.with(&id, &format!("k{key}").into()) };
                if let Some(next) = next {
                    prop_assert_eq!(next.version, set.version + 1);
                    set = next;
                    versions.push(set.clone());
                }
            }
            let known = &versions[at.min(versions.len() - 1)];
            let Some(difference) = set.since(known.version) else {
                prop_assert_eq!(known, &set);
                return Ok(());
            };
            // What was removed and forgotten again is in neither: 16 are kept, of 40 changes to four devices.
            let mut devices: BTreeMap<DeviceId, Arc<str>> =
                known.devices.iter().map(|(id, keyed)| (id.clone(), keyed.identity.clone())).collect();
            devices.retain(|id, _| !difference.extra.contains(id));
            for id in difference.missing.iter().chain(&difference.stale) {
                devices.insert(id.clone(), set.devices[id].identity.clone());
            }
            let there: BTreeMap<DeviceId, Arc<str>> =
                set.devices.iter().map(|(id, keyed)| (id.clone(), keyed.identity.clone())).collect();
            let kept: BTreeSet<&DeviceId> = set.removed.iter().map(|(id, _)| id).collect();
            devices.retain(|id, _| there.contains_key(id) || kept.contains(id));
            prop_assert_eq!(devices, there);
        }
    }

    #[test]
    fn envelopes_are_for_each_other_device_and_no_more() {
        let set = |devices: &[&str]| DeviceSet {
            version: 1,
            devices: devices
                .iter()
                .map(|name| (device(name), KeyedDevice { identity: "k".into(), added: 1, keyed: 1 }))
                .collect(),
            removed: Vec::new(),
        };
        let user = |name: &str| UserId::parse(name).unwrap();
        let sender = Sender { user: user("a"), device: device("a1") };
        let sets = BTreeMap::from([(user("a"), set(&["a1", "a2"])), (user("b"), set(&["b1"]))]);
        let fits = [device("a2"), device("b1")];
        assert_eq!(envelope_difference(&sets, &sender, &fits), None);
        let given = [device("b1"), device("x")];
        let differences = envelope_difference(&sets, &sender, &given).unwrap();
        assert_eq!(differences[&user("a")].missing, BTreeSet::from([device("a2")]));
        assert_eq!(differences[&user("a")].extra, BTreeSet::from([device("x")]));
        assert!(!differences.contains_key(&user("b")));
        let unkeyed = BTreeMap::from([(user("a"), DeviceSet::default())]);
        assert_eq!(envelope_difference(&unkeyed, &sender, &given), None);
    }
}
