//! Which devices are in a group, and what has to change for them to be those that should be.

use std::collections::{BTreeMap, BTreeSet};

use openmls::prelude::{LeafNodeIndex, Member};

use crate::device::{Device, IdentityKey, InvalidDevice};
use crate::limits::ADDS_MAX;

/// A device in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The device.
    pub device: Device,
    /// The key that it signs with.
    pub key: IdentityKey,
    pub(crate) index: LeafNodeIndex,
}

/// The devices of a group in one epoch. Everything that is encrypted in it is readable by these, and by nobody else.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Roster {
    leaves: Vec<Leaf>,
}

/// Why a tree is not one of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RosterError {
    /// A leaf is no device.
    #[error(transparent)]
    Credential(#[from] InvalidDevice),
    /// A leaf's key is no Ed25519 key.
    #[error("the signature key of {0} is not one of 32 bytes")]
    Key(Device),
    /// A device is there twice.
    #[error("{0} is in the group twice")]
    Twice(Device),
}

/// What to commit, so that the group has the devices that it should have.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Plan {
    /// Devices to add, each by a key package that is yet to be fetched: at most [`ADDS_MAX`](crate::limits::ADDS_MAX).
    pub add: Vec<Device>,
    /// Devices to remove. One that is to be replaced is in both.
    pub remove: Vec<Device>,
    /// There are more to add than fit one commit: plan again after it.
    pub is_partial: bool,
    /// This device itself should not be there: somebody else has to commit that.
    pub is_own_removal_due: bool,
}

impl Plan {
    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }
}

impl Roster {
    pub(crate) fn read(members: impl Iterator<Item = Member>) -> Result<Self, RosterError> {
        let mut seen = BTreeSet::new();
        let mut leaves = Vec::new();
        for member in members {
            let device = Device::from_credential(&member.credential)?;
            let key = IdentityKey::from_bytes(&member.signature_key).ok_or_else(|| RosterError::Key(device.clone()))?;
            if !seen.insert(device.clone()) {
                return Err(RosterError::Twice(device));
            }
            leaves.push(Leaf { device, key, index: member.index });
        }
        Ok(Self { leaves })
    }

    /// All of them, in the order of the tree.
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// One of them.
    pub fn get(&self, device: &Device) -> Option<&Leaf> {
        self.leaves.iter().find(|leaf| leaf.device == *device)
    }

    /// The devices, sorted.
    pub fn devices(&self) -> BTreeSet<Device> {
        self.leaves.iter().map(|leaf| leaf.device.clone()).collect()
    }

    /// Devices that are here and should not be, or by another key than they should: nothing is to be encrypted for them.
    pub fn outsiders(&self, wanted: &BTreeMap<Device, IdentityKey>) -> Vec<Device> {
        self.leaves
            .iter()
            .filter(|leaf| wanted.get(&leaf.device) != Some(&leaf.key))
            .map(|leaf| leaf.device.clone())
            .collect()
    }

    /// What makes this the wanted set. `rejoin` are devices that have lost their state and asked to be added anew.
    pub fn plan(&self, own: &Device, wanted: &BTreeMap<Device, IdentityKey>, rejoin: &BTreeSet<Device>) -> Plan {
        let mut remove = BTreeSet::from_iter(self.outsiders(wanted));
        remove.extend(self.leaves.iter().map(|leaf| &leaf.device).filter(|device| rejoin.contains(device)).cloned());
        let is_own_removal_due = remove.remove(own);
        let present = self.devices();
        let mut add: Vec<Device> = wanted
            .keys()
            .filter(|device| *device != own && (!present.contains(device) || remove.contains(device)))
            .cloned()
            .collect();
        let is_partial = add.len() > ADDS_MAX;
        // Who is replaced comes first: they are taken out by this same commit.
        add.sort_by_key(|device| !remove.contains(device));
        add.truncate(ADDS_MAX);
        Plan { add, remove: remove.into_iter().collect(), is_partial, is_own_removal_due }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(text: &str) -> Device {
        Device::parse(text).unwrap()
    }

    fn key(byte: u8) -> IdentityKey {
        IdentityKey::from_bytes(&[byte; 32]).unwrap()
    }

    fn roster(devices: &[(&str, u8)]) -> Roster {
        let members = devices.iter().zip(0..).map(|((name, byte), index)| {
            Member::new(LeafNodeIndex::new(index), vec![], vec![*byte; 32], device(name).credential())
        });
        Roster::read(members).unwrap()
    }

    fn wanted(devices: &[(&str, u8)]) -> BTreeMap<Device, IdentityKey> {
        devices.iter().map(|(name, byte)| (device(name), key(*byte))).collect()
    }

    #[test]
    fn what_is_missing_extra_stale_or_lost_is_planned() {
        let roster = roster(&[("a/1", 1), ("b/1", 2), ("c/1", 3), ("d/1", 4)]);
        let own = device("a/1");
        let all = wanted(&[("a/1", 1), ("b/1", 2), ("c/1", 3), ("d/1", 4)]);
        assert!(roster.plan(&own, &all, &BTreeSet::new()).is_empty());
        // b is gone, c has another key, d lost its state, e is new.
        let plan = roster.plan(
            &own,
            &wanted(&[("a/1", 1), ("c/1", 9), ("d/1", 4), ("e/1", 5)]),
            &BTreeSet::from([device("d/1"), device("x/1")]),
        );
        assert_eq!(plan.add, [device("c/1"), device("d/1"), device("e/1")]);
        assert_eq!(plan.remove, [device("b/1"), device("c/1"), device("d/1")]);
        assert!(!plan.is_partial && !plan.is_own_removal_due);
        let plan = roster.plan(&own, &wanted(&[("b/1", 2)]), &BTreeSet::new());
        assert_eq!((plan.remove.len(), plan.is_own_removal_due), (2, true));
        assert_eq!(roster.outsiders(&wanted(&[("a/1", 1), ("b/1", 7)])), [device("b/1"), device("c/1"), device("d/1")]);
    }

    #[test]
    fn a_large_difference_takes_several_commits() {
        let roster = roster(&[("a/1", 1), ("z/9", 2)]);
        let names: Vec<String> = (0..50).map(|number| format!("u{number}/1")).collect();
        let mut all = wanted(&[("a/1", 1), ("z/9", 3)]);
        all.extend(names.iter().map(|name| (device(name), key(7))));
        let plan = roster.plan(&device("a/1"), &all, &BTreeSet::new());
        assert_eq!((plan.add.len(), plan.is_partial), (ADDS_MAX, true));
        assert_eq!((plan.add[0].clone(), plan.remove), (device("z/9"), vec![device("z/9")]));
    }

    #[test]
    fn a_tree_that_is_not_ours_is_refused() {
        let member = |identity: &str, key: usize, index| {
            let credential = openmls::prelude::BasicCredential::new(identity.as_bytes().to_vec());
            Member::new(LeafNodeIndex::new(index), vec![], vec![1; key], credential.into())
        };
        let read = |members: Vec<Member>| Roster::read(members.into_iter()).unwrap_err();
        assert_eq!(read(vec![member("nobody", 32, 0)]), RosterError::Credential(InvalidDevice));
        assert_eq!(read(vec![member("a/1", 31, 0)]), RosterError::Key(device("a/1")));
        assert_eq!(read(vec![member("a/1", 32, 0), member("a/1", 32, 1)]), RosterError::Twice(device("a/1")));
    }
}
