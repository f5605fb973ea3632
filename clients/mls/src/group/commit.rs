//! Commits of this device.

use std::collections::{BTreeMap, BTreeSet};

use openmls::prelude::LeafNodeIndex;
use openmls_traits::OpenMlsProvider as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Group, pending_key};
use crate::Source;
use crate::device::{Device, IdentityKey};
use crate::identity::Identity;
use crate::key_packages::KeyPackage;
use crate::limits::{ADDS_MAX, PAYLOAD_BASE64_BYTES_MAX};
use crate::provider::Provider;
use crate::roster::{Plan, RosterError};
use crate::store::{self, Store, StoreError};
use crate::wire;

/// What a commit is to change. With nothing in it, it renews this device's keys.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Devices to add. One that is in the group already must be removed by the same commit.
    pub add: Vec<KeyPackage>,
    /// Devices to remove.
    pub remove: Vec<Device>,
}

/// A commit that waits for the service to accept it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The `payload` of `message.commit`.
    pub payload: String,
    /// The `epoch` of `message.commit`: the one that it ends.
    pub epoch: u64,
    /// One Welcome for everybody who was added, if anybody was.
    pub welcome: Option<String>,
    /// Who was added: the `welcomed` of `message.commit`.
    pub welcomed: Vec<Device>,
    /// Whether this device's keys are new with it.
    pub renews_keys: bool,
}

impl Commit {
    /// Whether the Welcome is too large for a frame, and goes by media handle.
    pub fn is_welcome_by_media(&self) -> bool {
        self.welcome
            .as_ref()
            .is_some_and(|welcome| welcome.len().saturating_add(self.payload.len()) > PAYLOAD_BASE64_BYTES_MAX)
    }
}

/// A commit cannot be made, and nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// This device was removed from the group.
    #[error("this device is no longer in the group")]
    Removed,
    /// A commit of this device waits for the service already.
    #[error("a commit waits already for the service's answer")]
    Pending,
    /// More at once than a frame has place for.
    #[error("{count} devices are more than the {ADDS_MAX} that one commit adds")]
    TooManyAdds {
        /// How many.
        count: usize,
    },
    /// The commit is larger than a payload may be. With fewer devices added, or after others have renewed their keys, it
    /// is smaller.
    #[error("a commit of {bytes} bytes is over the {PAYLOAD_BASE64_BYTES_MAX} of a payload")]
    TooLarge {
        /// Its size, as base64.
        bytes: usize,
    },
    /// A device that is to be added is in the group already, or twice in the list.
    #[error("{0} is in the group already")]
    AlreadyIn(Device),
    /// A device that is to be removed is not in the group.
    #[error("{0} is not in the group")]
    NotIn(Device),
    /// A device does not remove itself: it asks the others.
    #[error("a device cannot remove itself")]
    Oneself,
    /// The group has a leaf that is none of ours.
    #[error(transparent)]
    Roster(#[from] RosterError),
    /// openmls could not.
    #[error("the commit cannot be made")]
    Mls(#[source] Source),
    /// The state could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Which commit waits, by its hash: that it is this one is known when it comes back in the log.
#[derive(Serialize, Deserialize)]
pub(super) struct Pending {
    sha256: Vec<u8>,
}

impl Pending {
    pub(super) fn is_of(&self, payload: &str) -> bool {
        self.sha256[..] == Sha256::digest(payload)[..]
    }
}

impl Group {
    /// What to commit so that the group has the wanted devices, by the wanted keys. `rejoin` are devices that have lost
    /// their state and asked to be added anew.
    pub fn plan(
        &self,
        identity: &Identity,
        wanted: &BTreeMap<Device, IdentityKey>,
        rejoin: &BTreeSet<Device>,
    ) -> Result<Plan, RosterError> {
        Ok(self.roster()?.plan(identity.device(), wanted, rejoin))
    }

    /// Makes a commit and keeps it waiting. The group stays in its epoch, and messages are encrypted in it, until the
    /// service has accepted the commit ([`accept_commit`](Self::accept_commit), or processing it from the log), has
    /// refused it ([`discard_commit`](Self::discard_commit)), or has accepted another's (processing that discards ours).
    ///
    /// A commit renews this device's keys too, so that whoever knew the old ones reads nothing after it. Where that and
    /// the added devices do not fit a payload, and none is removed, the devices are added alone.
    pub fn commit(&mut self, store: &dyn Store, identity: &Identity, changes: &Changes) -> Result<Commit, CommitError> {
        if !self.is_active() {
            return Err(CommitError::Removed);
        }
        if self.inner.pending_commit().is_some() {
            return Err(CommitError::Pending);
        }
        if changes.add.len() > ADDS_MAX {
            return Err(CommitError::TooManyAdds { count: changes.add.len() });
        }
        let roster = self.roster()?;
        let mut indexes = Vec::with_capacity(changes.remove.len());
        let mut present = roster.devices();
        for device in &changes.remove {
            if device == identity.device() {
                return Err(CommitError::Oneself);
            }
            let leaf = roster.get(device).filter(|_| present.remove(device));
            indexes.push(leaf.ok_or_else(|| CommitError::NotIn(device.clone()))?.index);
        }
        for package in &changes.add {
            if !present.insert(package.device().clone()) {
                return Err(CommitError::AlreadyIn(package.device().clone()));
            }
        }
        let may_skip_path = !changes.add.is_empty() && indexes.is_empty();
        match self.make_commit(store, identity, &changes.add, &indexes, true) {
            Err(CommitError::TooLarge { .. }) if may_skip_path => {
                self.make_commit(store, identity, &changes.add, &indexes, false)
            }
            made => made,
        }
    }

    fn make_commit(
        &mut self,
        store: &dyn Store,
        identity: &Identity,
        add: &[KeyPackage],
        remove: &[LeafNodeIndex],
        renews_keys: bool,
    ) -> Result<Commit, CommitError> {
        let epoch = self.epoch();
        let welcomed = add.iter().map(|package| package.device().clone()).collect();
        let key = pending_key(&self.conversation_id)?;
        self.change(store, |group, overlay| {
            let provider = Provider::new(overlay);
            let mls = |error: Source| CommitError::Mls(error);
            let bundle = group
                .inner
                .commit_builder()
                .force_self_update(renews_keys)
                .propose_removals(remove.iter().copied())
                .propose_adds(add.iter().map(|package| package.inner.clone()))
                .load_psks(provider.storage())
                .map_err(|error| mls(error.into()))?
                .build(provider.rand(), provider.crypto(), identity, |_| true)
                .map_err(|error| mls(error.into()))?
                .stage_commit(&provider)
                .map_err(|error| mls(error.into()))?;
            let payload = wire::encode(bundle.commit()).map_err(|error| mls(error.into()))?;
            if payload.len() > PAYLOAD_BASE64_BYTES_MAX {
                return Err(CommitError::TooLarge { bytes: payload.len() });
            }
            let welcome = bundle.to_welcome_msg().map(|message| wire::encode(&message)).transpose();
            let welcome = welcome.map_err(|error| mls(error.into()))?;
            store::put(overlay, &key, &Pending { sha256: Sha256::digest(&payload).to_vec() })?;
            Ok(Commit { payload, epoch, welcome, welcomed, renews_keys })
        })
    }

    /// Whether a commit of this device waits for the service.
    pub fn has_pending_commit(&self) -> bool {
        self.inner.pending_commit().is_some()
    }

    /// The service has accepted the commit that waits: the group moves to the next epoch. Where none waits, nothing
    /// happens: it was processed from the log before the answer came.
    pub fn accept_commit(&mut self, store: &dyn Store) -> Result<(), CommitError> {
        if !self.has_pending_commit() {
            return Ok(());
        }
        let key = pending_key(&self.conversation_id)?;
        self.change(store, |group, overlay| {
            group
                .inner
                .merge_pending_commit(&Provider::new(overlay))
                .map_err(|error| CommitError::Mls(error.into()))?;
            Ok(overlay.delete(&key)?)
        })
    }

    /// The service has refused the commit that waits, for good. Never on a guess: a commit that was discarded here and
    /// accepted there leaves this device outside, and it has to be added anew.
    pub fn discard_commit(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        let key = pending_key(&self.conversation_id)?;
        self.change(store, |group, overlay| {
            group.inner.clear_pending_commit(Provider::new(overlay).storage())?;
            overlay.delete(&key)
        })
    }
}
