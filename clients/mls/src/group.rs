//! One conversation's MLS group, as one device has it.

mod commit;
mod join;
mod process;
#[cfg(test)]
mod vectors;

use openmls::prelude::{
    GroupId, Lifetime, MlsGroup, MlsGroupCreateConfig, MlsGroupJoinConfig, PURE_CIPHERTEXT_WIRE_FORMAT_POLICY,
    SenderRatchetConfiguration,
};

pub use commit::{Changes, Commit, CommitError};
pub use join::{JoinError, WelcomeMail};
pub use process::{CommitSummary, Entry, Event, ProcessError, Processed};

use crate::Source;
use crate::content::{Content, ContentError};
use crate::identity::{Identity, SUITE};
use crate::key_packages::capabilities;
use crate::limits::{
    CLOCK_SKEW_SECONDS, CONVERSATION_ID_BYTES_MAX, KEY_PACKAGE_LIFETIME_SECONDS, LATE_MESSAGES_MAX, PADDING_BYTES,
    PAST_EPOCHS_MAX, SKIPPED_MESSAGES_MAX,
};
use crate::provider::{self, Label, Provider};
use crate::roster::{Roster, RosterError};
use crate::store::{Overlay, Store, StoreError};
use crate::wire;

/// A group cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The conversation has one already.
    #[error("this conversation has a group already")]
    Exists,
    /// The name of the conversation is empty or too long.
    #[error("a conversation id is 1 to {CONVERSATION_ID_BYTES_MAX} bytes")]
    ConversationId,
    /// openmls could not.
    #[error("the group cannot be made")]
    Mls(#[source] Source),
    /// The state could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A message cannot be encrypted.
#[derive(Debug, thiserror::Error)]
pub enum EncryptError {
    /// This device was removed from the group.
    #[error("this device is no longer in the group")]
    Removed,
    /// The content does not fit or cannot be written.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// openmls could not.
    #[error("the message cannot be encrypted")]
    Mls(#[source] Source),
    /// The state could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An encrypted message, to be sent as it is: encrypting once more takes another key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encrypted {
    /// The `payload` of `message.send`.
    pub payload: String,
    /// The `epoch` of `message.send`. When the service answers `stale_epoch`, the content is encrypted anew.
    pub epoch: u64,
}

/// The group of one conversation.
///
/// It is a copy of what is stored: operations change both. After a transaction that was rolled back, load it again.
#[derive(Debug)]
pub struct Group {
    inner: MlsGroup,
    conversation_id: String,
}

/// Which things of MLS are spoken. The service's rules are the one set in use; the vectors of the standard need more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Leaves must be devices.
    devices: bool,
    /// Handshakes must be encrypted, and commits have nothing but adds and removes in them, by value.
    strict: bool,
}

impl Rules {
    const SERVICE: Self = Self { devices: true, strict: true };
}

impl Group {
    /// Makes the group of a conversation, with this device alone in it, in epoch 0. Its first commit adds everybody
    /// else; until the service has accepted that, it may turn out that somebody else made the group: then
    /// [`delete`](Self::delete) this one and join by their Welcome.
    pub fn create(
        store: &dyn Store,
        identity: &Identity,
        conversation_id: &str,
        now_seconds: u64,
    ) -> Result<Self, CreateError> {
        if !(1..=CONVERSATION_ID_BYTES_MAX).contains(&conversation_id.len()) {
            return Err(CreateError::ConversationId);
        }
        let overlay = Overlay::new(store);
        let provider = Provider::new(&overlay);
        let id = GroupId::from_slice(conversation_id.as_bytes());
        if MlsGroup::load(openmls_traits::OpenMlsProvider::storage(&provider), &id)?.is_some() {
            return Err(CreateError::Exists);
        }
        let config = MlsGroupCreateConfig::builder()
            .ciphersuite(SUITE)
            .capabilities(capabilities())
            .lifetime(Lifetime::init(
                now_seconds.saturating_sub(CLOCK_SKEW_SECONDS),
                now_seconds.saturating_add(KEY_PACKAGE_LIFETIME_SECONDS),
            ))
            .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
            .padding_size(PADDING_BYTES)
            .max_past_epochs(PAST_EPOCHS_MAX)
            .sender_ratchet_configuration(ratchet())
            .use_ratchet_tree_extension(true)
            .build();
        let inner = MlsGroup::new_with_group_id(&provider, identity, &config, id, identity.credential())
            .map_err(|error| CreateError::Mls(error.into()))?;
        overlay.flush()?;
        Ok(Self { inner, conversation_id: conversation_id.to_owned() })
    }

    /// The group of a conversation as it is stored, if there is one.
    pub fn load(store: &dyn Store, conversation_id: &str) -> Result<Option<Self>, StoreError> {
        let provider = Provider::new(store);
        let id = GroupId::from_slice(conversation_id.as_bytes());
        let inner = MlsGroup::load(openmls_traits::OpenMlsProvider::storage(&provider), &id)?;
        Ok(inner.map(|inner| Self { inner, conversation_id: conversation_id.to_owned() }))
    }

    /// Destroys the group on this device, with all its keys.
    pub fn delete(mut self, store: &dyn Store) -> Result<(), StoreError> {
        let overlay = Overlay::new(store);
        self.delete_from(&overlay)?;
        overlay.flush()
    }

    fn delete_from(&mut self, overlay: &Overlay<'_>) -> Result<(), StoreError> {
        let provider = Provider::new(overlay);
        self.inner.delete(openmls_traits::OpenMlsProvider::storage(&provider))?;
        overlay.delete(&pending_key(&self.conversation_id)?)
    }

    /// The conversation.
    pub fn conversation_id(&self) -> &str {
        &self.conversation_id
    }

    /// The epoch: how many commits there have been.
    pub fn epoch(&self) -> u64 {
        self.inner.epoch().as_u64()
    }

    /// Whether this device is in the group, and has not been removed.
    pub fn is_active(&self) -> bool {
        self.inner.is_active()
    }

    /// The devices in the group.
    pub fn roster(&self) -> Result<Roster, RosterError> {
        Roster::read(self.inner.members())
    }

    /// A value that is the same on two devices exactly when their groups are the same (RFC 9420 §8.7).
    pub fn authenticator(&self) -> &[u8] {
        self.inner.epoch_authenticator().as_slice()
    }

    /// Encrypts a message to the devices of this epoch.
    ///
    /// Store the group (by the transaction that `store` is of) together with the result, before anything is sent.
    pub fn encrypt(
        &mut self,
        store: &dyn Store,
        identity: &Identity,
        content: &Content,
    ) -> Result<Encrypted, EncryptError> {
        let plaintext = content.encode()?;
        if !self.is_active() {
            return Err(EncryptError::Removed);
        }
        let epoch = self.epoch();
        let payload = self.change(store, |group, overlay| {
            let provider = Provider::new(overlay);
            let message = group
                .inner
                .create_message(&provider, identity, &plaintext)
                .map_err(|error| EncryptError::Mls(error.into()))?;
            wire::encode(&message).map_err(|error| EncryptError::Mls(error.into()))
        })?;
        Ok(Encrypted { payload, epoch })
    }

    /// Runs an operation whose writes count only if it succeeds; a failure leaves the copy in memory as it was stored.
    fn change<T, E: From<StoreError>>(
        &mut self,
        store: &dyn Store,
        operation: impl FnOnce(&mut Self, &Overlay<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let overlay = Overlay::new(store);
        match operation(self, &overlay) {
            Ok(value) => {
                overlay.flush()?;
                Ok(value)
            }
            Err(error) => {
                if let Some(stored) = Self::load(store, &self.conversation_id)? {
                    *self = stored;
                }
                Err(error)
            }
        }
    }
}

fn ratchet() -> SenderRatchetConfiguration {
    SenderRatchetConfiguration::new(LATE_MESSAGES_MAX, SKIPPED_MESSAGES_MAX)
}

fn join_config() -> MlsGroupJoinConfig {
    MlsGroupJoinConfig::builder()
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .padding_size(PADDING_BYTES)
        .max_past_epochs(PAST_EPOCHS_MAX)
        .sender_ratchet_configuration(ratchet())
        .use_ratchet_tree_extension(true)
        .build()
}

/// Where it is kept which commit of this device waits for the service.
fn pending_key(conversation_id: &str) -> Result<Vec<u8>, StoreError> {
    provider::key(Label::PendingCommit, &conversation_id)
}
