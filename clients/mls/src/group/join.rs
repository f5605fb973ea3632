//! Joining by a Welcome.

use openmls::prelude::{
    MIXED_CIPHERTEXT_WIRE_FORMAT_POLICY, MlsGroupJoinConfig, MlsMessageBodyIn, RatchetTreeIn, StagedWelcome, Welcome,
    WelcomeError,
};

use super::{Group, Rules, join_config};
use crate::Source;
use crate::device::Device;
use crate::identity::{Identity, SUITE};
use crate::key_packages::own_key_packages;
use crate::provider::{self, Label, Provider};
use crate::roster::{Roster, RosterError};
use crate::store::{self, Overlay, Store, StoreError};
use crate::wire::{self, WireError};

/// A Welcome, with what the service says of it.
#[derive(Clone, Copy, Debug)]
pub struct WelcomeMail<'a> {
    /// The conversation that it should be of.
    pub conversation_id: &'a str,
    /// Who should have made it.
    pub from: &'a Device,
    /// The Welcome.
    pub payload: &'a str,
}

/// A Welcome cannot be used. The device stays outside, and asks to be added anew.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// It is no MLS message.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// It was not made for any key package that this device still has.
    #[error("the Welcome is for none of this device's key packages")]
    NotForUs,
    /// It is made for another cipher suite.
    #[error("the Welcome is for another cipher suite")]
    CipherSuite,
    /// It is of another conversation than the service named.
    #[error("the Welcome is of another conversation")]
    WrongConversation,
    /// It was made by another device than the service named.
    #[error("the Welcome is by {found}, and not by {expected}")]
    WrongSender {
        /// Who the service named.
        expected: Device,
        /// Who signed it.
        found: Device,
    },
    /// The leaf that it gives this device is not this device.
    #[error("the Welcome adds this device under another name or key")]
    NotOurLeaf,
    /// It leads into an epoch that this device has already passed.
    #[error("the Welcome is into epoch {epoch}, and the group is in {current} already")]
    Stale {
        /// The epoch of the Welcome.
        epoch: u64,
        /// Ours.
        current: u64,
    },
    /// Its tree has a leaf that is none of ours.
    #[error(transparent)]
    Roster(#[from] RosterError),
    /// It is not valid.
    #[error("the Welcome is not valid")]
    Invalid(#[source] Source),
    /// The state could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Group {
    /// Joins a group, and takes the place of what this device had of it before, if that is of an earlier epoch, or of the
    /// one in which this device was removed.
    pub fn join(store: &dyn Store, identity: &Identity, mail: &WelcomeMail<'_>) -> Result<Self, JoinError> {
        let MlsMessageBodyIn::Welcome(welcome) = wire::decode(mail.payload)? else {
            return Err(WireError::WrongKind("a Welcome").into());
        };
        let overlay = Overlay::new(store);
        let staged = stage(&overlay, welcome, None, Rules::SERVICE)?;
        if staged.group_context().group_id().as_slice() != mail.conversation_id.as_bytes() {
            return Err(JoinError::WrongConversation);
        }
        let sender = staged.welcome_sender().map_err(|error| JoinError::Invalid(error.into()))?;
        let found = Device::from_credential(sender.credential()).map_err(RosterError::from)?;
        if found != *mail.from {
            return Err(JoinError::WrongSender { expected: mail.from.clone(), found });
        }
        let own = staged.own_leaf_node().ok_or(JoinError::NotOurLeaf)?;
        if *own.credential() != identity.device().credential()
            || own.signature_key().as_slice() != identity.key().as_bytes()
        {
            return Err(JoinError::NotOurLeaf);
        }
        let group = Self::enter(&overlay, staged, mail.conversation_id, Rules::SERVICE)?;
        // The key package that was used is gone from the list with its private part.
        let remaining = own_key_packages(&overlay)?;
        store::put(&overlay, &provider::key(Label::KeyPackages, &())?, &remaining)?;
        overlay.flush()?;
        Ok(group)
    }

    /// Makes the group of a Welcome that was checked, in place of an earlier one.
    pub(super) fn enter(
        overlay: &Overlay<'_>,
        staged: StagedWelcome,
        conversation_id: &str,
        rules: Rules,
    ) -> Result<Self, JoinError> {
        if rules.devices {
            Roster::read(staged.members())?;
        }
        let epoch = staged.group_context().epoch().as_u64();
        if let Some(mut old) = Self::load(overlay, conversation_id)? {
            // Who is put in anew was removed by the same commit.
            let is_passed = if old.is_active() { epoch <= old.epoch() } else { epoch < old.epoch() };
            if is_passed {
                return Err(JoinError::Stale { epoch, current: old.epoch() });
            }
            old.delete_from(overlay)?;
        }
        let provider = Provider::new(overlay);
        let inner = staged.into_group(&provider).map_err(|error| JoinError::Invalid(error.into()))?;
        Ok(Self { inner, conversation_id: conversation_id.to_owned() })
    }
}

/// Decrypts and checks a Welcome. The one-time key package that it was made for is destroyed in `overlay`.
pub(super) fn stage(
    overlay: &Overlay<'_>,
    welcome: Welcome,
    tree: Option<RatchetTreeIn>,
    rules: Rules,
) -> Result<StagedWelcome, JoinError> {
    if welcome.ciphersuite() != SUITE {
        return Err(JoinError::CipherSuite);
    }
    let provider = Provider::new(overlay);
    let config = if rules.strict { join_config() } else { lax_config() };
    let mut builder = StagedWelcome::build_from_welcome(&provider, &config, welcome).map_err(join_error)?;
    if let Some(tree) = tree {
        builder = builder.with_ratchet_tree(tree);
    }
    // Devices that have committed nothing since they were added still have the lifetime of their key package; that it
    // is over is no reason to keep out whoever comes later. What is earlier here is compared by `enter`.
    builder.skip_lifetime_validation().replace_old_group().build().map_err(join_error)
}

/// As the vectors of the standard need it: handshakes in the clear are taken too.
fn lax_config() -> MlsGroupJoinConfig {
    MlsGroupJoinConfig::builder()
        .wire_format_policy(MIXED_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .number_of_resumption_psks(16)
        .build()
}

fn join_error(error: WelcomeError<StoreError>) -> JoinError {
    match error {
        WelcomeError::NoMatchingKeyPackage => JoinError::NotForUs,
        WelcomeError::StorageError(error) => error.into(),
        other => JoinError::Invalid(other.into()),
    }
}
