//! The log's entries, in its order.

use std::collections::BTreeSet;

use openmls::framing::ContentType;
use openmls::framing::errors::{MessageDecryptionError, SecretTreeError};
use openmls::group::ValidationError;
use openmls::prelude::{
    MlsMessageBodyIn, ProcessMessageError, ProcessedMessageContent, Proposal, ProposalOrRefType, ProtocolMessage,
    Sender, StagedCommit,
};

use super::commit::Pending;
use super::{Group, Rules, pending_key};
use crate::Source;
use crate::content::{Content, ContentError};
use crate::device::{Device, IdentityKey};
use crate::provider::Provider;
use crate::roster::RosterError;
use crate::store::{self, Overlay, Store, StoreError};
use crate::wire::{self, WireError};

/// What an entry of the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message.
    Message,
    /// A commit.
    Commit,
}

/// An entry of the log, with what the service says of it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Who sent it.
    pub sender: &'a Device,
    /// What it is.
    pub event: Event,
    /// The `epoch` of the entry: the one that a message is encrypted in, and the one that a commit leads to.
    pub epoch: u64,
    /// The payload.
    pub payload: &'a str,
}

/// What a commit has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitSummary {
    /// Who made it.
    pub committer: Device,
    /// The epoch that it led to.
    pub epoch: u64,
    /// Devices that were not in the group before.
    pub added: Vec<Device>,
    /// Devices that are no longer in the group.
    pub removed: Vec<Device>,
    /// Devices that were replaced: added anew, having lost their state or changed their key.
    pub replaced: Vec<Device>,
}

/// What an entry was.
#[derive(Debug)]
pub enum Processed {
    /// A message of another device.
    Message {
        /// Who encrypted and signed it: the device that the service named.
        sender: Device,
        /// What was in it. One that cannot be understood is read all the same: its key is used up.
        content: Result<Content, ContentError>,
    },
    /// A message of this device, come back. What was in it is known here alone: it cannot be decrypted.
    OwnMessage,
    /// A commit, by which the group is now in its next epoch. A commit of ours that waited is discarded: make it anew.
    Commit(CommitSummary),
    /// The commit of this device that waited, come back: the group is now in its next epoch.
    OwnCommit {
        /// The epoch that it led to.
        epoch: u64,
    },
    /// A commit that removed this device. Nothing can be encrypted or decrypted from here on.
    Removed {
        /// Who made it.
        committer: Device,
    },
    /// A commit into an epoch that the group has reached already.
    Known,
}

/// An entry cannot be processed, and nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It is no MLS message.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// This device was removed from the group.
    #[error("this device is no longer in the group")]
    Removed,
    /// It is of another conversation.
    #[error("the entry is of another conversation")]
    WrongConversation,
    /// It is not what the service says that it is.
    #[error("the entry is not what the service names it: {0}")]
    Misnamed(&'static str),
    /// Its sender is not who the service names. Somebody forged it, or the service lies.
    #[error("the entry is by {found}, and not by {expected}")]
    WrongSender {
        /// Who the service named.
        expected: Device,
        /// Who signed it.
        found: Device,
    },
    /// It is of a later epoch: commits are missing before it. Where the log has none, this device has to be added anew.
    #[error("the entry is of epoch {epoch}, and the group is in {current}")]
    Gap {
        /// The epoch of the entry.
        epoch: u64,
        /// Ours.
        current: u64,
    },
    /// It is a message from before this device joined, or from so long ago that its keys are destroyed.
    #[error("the keys of the message are not here: it is from before the joining, or too old")]
    TooOld,
    /// More messages are missing before it than may.
    #[error("too many messages are missing before this one")]
    TooFarAhead,
    /// It was processed before.
    #[error("the message was processed before")]
    Replayed,
    /// The service accepted a commit of this device that this device has discarded. It has to be added anew.
    #[error("a commit of this device was accepted that it no longer has")]
    LostCommit,
    /// A commit does what none may.
    #[error("the commit {0}")]
    Forbidden(&'static str),
    /// A commit leads to a group that is none of ours.
    #[error(transparent)]
    Roster(#[from] RosterError),
    /// It is not valid: damaged, forged, or made for another state of the group.
    #[error("the entry is not valid")]
    Invalid(#[source] Source),
    /// The state could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ProcessError {
    /// Whether this device has to be added to the group anew, where the log before the entry was processed: it cannot
    /// follow a commit that the service has accepted. (One that adds a device by a key package whose time has passed
    /// since is such a one, too.)
    pub fn needs_rejoin(&self, event: Event) -> bool {
        match self {
            Self::Gap { .. } | Self::LostCommit => true,
            Self::Invalid(_) => event == Event::Commit,
            _ => false,
        }
    }
}

impl Group {
    /// Processes one entry of the log. Entries are processed in its order; a message may be late by some, see
    /// [`limits`](crate::limits).
    pub fn process(&mut self, store: &dyn Store, entry: &Entry<'_>) -> Result<Processed, ProcessError> {
        self.process_by(store, entry, Rules::SERVICE)
    }

    pub(super) fn process_by(
        &mut self,
        store: &dyn Store,
        entry: &Entry<'_>,
        rules: Rules,
    ) -> Result<Processed, ProcessError> {
        let message = self.read(entry, rules)?;
        if !self.is_active() {
            return Err(ProcessError::Removed);
        }
        let current = self.epoch();
        if entry.event == Event::Commit && entry.epoch <= current {
            return Ok(Processed::Known);
        }
        let of_epoch = message.epoch().as_u64();
        if of_epoch > current {
            return Err(ProcessError::Gap { epoch: of_epoch, current });
        }
        self.change(store, |group, overlay| {
            let provider = Provider::new(overlay);
            let processed = group.inner.process_message(&provider, message).map_err(process_error)?;
            let sender = processed.sender().clone();
            let credential = processed.credential().clone();
            match processed.into_content() {
                ProcessedMessageContent::OwnPrivateMessage => group.process_own(overlay, entry),
                ProcessedMessageContent::ApplicationMessage(message) => {
                    let sender = Device::from_credential(&credential).map_err(RosterError::from)?;
                    expect_sender(entry, &sender)?;
                    Ok(Processed::Message { sender, content: Content::decode(&message.into_bytes()) })
                }
                ProcessedMessageContent::StagedCommitMessage(staged) => {
                    group.process_commit(overlay, entry, &sender, *staged, rules)
                }
                _ => Err(ProcessError::Misnamed("a proposal by itself")),
            }
        })
    }

    /// Decodes an entry and compares it with what the service says of it.
    fn read(&self, entry: &Entry<'_>, rules: Rules) -> Result<ProtocolMessage, ProcessError> {
        let message: ProtocolMessage = match wire::decode(entry.payload)? {
            MlsMessageBodyIn::PrivateMessage(message) => message.into(),
            MlsMessageBodyIn::PublicMessage(message) if !rules.strict => message.into(),
            _ => return Err(WireError::WrongKind("an encrypted message").into()),
        };
        if message.group_id() != self.inner.group_id() {
            return Err(ProcessError::WrongConversation);
        }
        let leads_to = match (message.content_type(), entry.event) {
            (ContentType::Application, Event::Message) => message.epoch().as_u64(),
            (ContentType::Commit, Event::Commit) => message.epoch().as_u64().saturating_add(1),
            (ContentType::Application, Event::Commit) => return Err(ProcessError::Misnamed("a message")),
            (ContentType::Commit, Event::Message) => return Err(ProcessError::Misnamed("a commit")),
            (ContentType::Proposal, _) => return Err(ProcessError::Misnamed("a proposal by itself")),
        };
        if leads_to != entry.epoch {
            return Err(ProcessError::Misnamed("of another epoch"));
        }
        Ok(message)
    }

    /// An entry that claims to be of this device. Nothing in it proves that (anybody in the group can name any leaf), so
    /// that nothing is taken from it: a message is what was queued here, a commit is the one that waits here.
    fn process_own(&mut self, overlay: &Overlay<'_>, entry: &Entry<'_>) -> Result<Processed, ProcessError> {
        let own = self.own_device()?;
        expect_sender(entry, &own)?;
        if entry.event == Event::Message {
            return Ok(Processed::OwnMessage);
        }
        let key = pending_key(&self.conversation_id)?;
        let pending: Option<Pending> = store::get(overlay, &key)?;
        if !pending.is_some_and(|pending| pending.is_of(entry.payload)) {
            return Err(ProcessError::LostCommit);
        }
        self.inner
            .merge_pending_commit(&Provider::new(overlay))
            .map_err(|error| ProcessError::Invalid(error.into()))?;
        overlay.delete(&key)?;
        Ok(Processed::OwnCommit { epoch: self.epoch() })
    }

    fn own_device(&self) -> Result<Device, ProcessError> {
        let credential = self.inner.credential().map_err(|error| ProcessError::Invalid(error.into()))?;
        Ok(Device::from_credential(credential).map_err(RosterError::from)?)
    }

    fn process_commit(
        &mut self,
        overlay: &Overlay<'_>,
        entry: &Entry<'_>,
        sender: &Sender,
        staged: StagedCommit,
        rules: Rules,
    ) -> Result<Processed, ProcessError> {
        let provider = Provider::new(overlay);
        if !rules.devices {
            self.inner.merge_staged_commit(&provider, staged).map_err(|error| ProcessError::Invalid(error.into()))?;
            return Ok(Processed::Known);
        }
        let summary = self.check_commit(entry, sender, &staged)?;
        let is_removed = staged.self_removed();
        self.inner.merge_staged_commit(&provider, staged).map_err(|error| ProcessError::Invalid(error.into()))?;
        overlay.delete(&pending_key(&self.conversation_id)?)?;
        if is_removed {
            return Ok(Processed::Removed { committer: summary.committer });
        }
        // What was worked out beforehand is what the tree now says, or the commit is not taken.
        self.roster()?;
        Ok(Processed::Commit(summary))
    }

    /// Compares a commit with the rules: openmls has checked that it is a valid one.
    fn check_commit(
        &self,
        entry: &Entry<'_>,
        sender: &Sender,
        staged: &StagedCommit,
    ) -> Result<CommitSummary, ProcessError> {
        let Sender::Member(index) = sender else {
            return Err(ProcessError::Forbidden("is from outside the group"));
        };
        let roster = self.roster()?;
        let leaf = roster.leaves().iter().find(|leaf| leaf.index == *index);
        let committer = leaf.ok_or(ProcessError::Forbidden("is of nobody in the group"))?;
        expect_sender(entry, &committer.device)?;
        for queued in staged.queued_proposals() {
            if !matches!(queued.proposal_or_ref_type(), ProposalOrRefType::Proposal) {
                return Err(ProcessError::Forbidden("names proposals that are not in it"));
            }
            if !matches!(queued.proposal(), Proposal::Add(_) | Proposal::Remove(_)) {
                return Err(ProcessError::Forbidden("has something else than adds and removes in it"));
            }
        }
        if let Some(renewed) = staged.update_path_leaf_node() {
            let device = Device::from_credential(renewed.credential()).map_err(RosterError::from)?;
            let key = IdentityKey::from_bytes(renewed.signature_key().as_slice());
            if device != committer.device || key != Some(committer.key) {
                return Err(ProcessError::Forbidden("gives its device another name or key"));
            }
        }
        let mut removed = BTreeSet::new();
        for queued in staged.remove_proposals() {
            let index = queued.remove_proposal().removed();
            removed.extend(roster.leaves().iter().find(|leaf| leaf.index == index).map(|leaf| leaf.device.clone()));
        }
        let mut added = BTreeSet::new();
        for queued in staged.add_proposals() {
            let leaf = queued.add_proposal().key_package().leaf_node();
            let device = Device::from_credential(leaf.credential()).map_err(RosterError::from)?;
            if IdentityKey::from_bytes(leaf.signature_key().as_slice()).is_none() {
                return Err(RosterError::Key(device).into());
            }
            let is_in = roster.get(&device).is_some() && !removed.contains(&device);
            if is_in || !added.insert(device.clone()) {
                return Err(RosterError::Twice(device).into());
            }
        }
        let replaced: Vec<Device> = added.intersection(&removed).cloned().collect();
        Ok(CommitSummary {
            committer: committer.device.clone(),
            epoch: staged.epoch().as_u64(),
            added: added.difference(&removed).cloned().collect(),
            removed: removed.difference(&added).cloned().collect(),
            replaced,
        })
    }
}

fn expect_sender(entry: &Entry<'_>, found: &Device) -> Result<(), ProcessError> {
    if entry.sender == found {
        return Ok(());
    }
    Err(ProcessError::WrongSender { expected: entry.sender.clone(), found: found.clone() })
}

fn process_error(error: ProcessMessageError<StoreError>) -> ProcessError {
    match error {
        ProcessMessageError::StorageError(error) => error.into(),
        ProcessMessageError::ValidationError(ValidationError::NoPastEpochData) => ProcessError::TooOld,
        ProcessMessageError::ValidationError(ValidationError::UnableToDecrypt(
            MessageDecryptionError::SecretTreeError(error),
        )) => match error {
            SecretTreeError::SecretReuseError => ProcessError::Replayed,
            SecretTreeError::TooDistantInThePast => ProcessError::TooOld,
            SecretTreeError::TooDistantInTheFuture => ProcessError::TooFarAhead,
            other => ProcessError::Invalid(other.into()),
        },
        other => ProcessError::Invalid(other.into()),
    }
}
