//! openmls's storage over a [`Store`], and its cryptography.

use std::sync::LazyLock;

use openmls_rust_crypto::RustCrypto;
use openmls_traits::OpenMlsProvider;
use openmls_traits::storage::{CURRENT_VERSION, StorageProvider, traits};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::{self, Store, StoreError};

/// One for the process: it holds a random number generator and nothing else.
pub(crate) static CRYPTO: LazyLock<RustCrypto> = LazyLock::new(RustCrypto::default);

/// What openmls works with, over the store of one operation.
pub(crate) struct Provider<'a> {
    storage: Storage<'a>,
}

impl<'a> Provider<'a> {
    pub(crate) fn new(store: &'a dyn Store) -> Self {
        Self { storage: Storage(store) }
    }
}

impl<'a> OpenMlsProvider for Provider<'a> {
    type CryptoProvider = RustCrypto;
    type RandProvider = RustCrypto;
    type StorageProvider = Storage<'a>;

    fn storage(&self) -> &Self::StorageProvider {
        &self.storage
    }

    fn crypto(&self) -> &Self::CryptoProvider {
        &CRYPTO
    }

    fn rand(&self) -> &Self::RandProvider {
        &CRYPTO
    }
}

/// What a value is. The first byte of its key: never change one.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Label {
    Identity = 1,
    KeyPackages = 2,
    PendingCommit = 3,
    Tree = 16,
    InterimHash = 17,
    Context = 18,
    ConfirmationTag = 19,
    State = 20,
    MessageSecrets = 21,
    Resumption = 22,
    OwnIndex = 23,
    EpochSecrets = 24,
    JoinConfig = 25,
    OwnLeafNodes = 26,
    Proposals = 27,
    SignatureKeys = 32,
    EncryptionKeys = 33,
    EpochKeys = 34,
    KeyPackage = 35,
    Psk = 36,
}

/// The key of a value: its label and whatever names it.
pub(crate) fn key(label: Label, name: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    let mut key = vec![label as u8];
    ciborium::into_writer(name, &mut key).map_err(|_| StoreError::Unwritable)?;
    Ok(key)
}

/// Items by their name, each encoded by itself.
type Items = Vec<(Vec<u8>, Vec<u8>)>;

/// openmls's storage.
pub(crate) struct Storage<'a>(&'a dyn Store);

impl Storage<'_> {
    fn write(&self, label: Label, name: &impl Serialize, value: &impl Serialize) -> Result<(), StoreError> {
        store::put(self.0, &key(label, name)?, value)
    }

    fn read<T: DeserializeOwned>(&self, label: Label, name: &impl Serialize) -> Result<Option<T>, StoreError> {
        store::get(self.0, &key(label, name)?)
    }

    fn delete(&self, label: Label, name: &impl Serialize) -> Result<(), StoreError> {
        self.0.delete(&key(label, name)?)
    }

    /// A list of values that are encoded one by one, so that an item can be compared without knowing its type.
    fn list(&self, label: Label, name: &impl Serialize) -> Result<Items, StoreError> {
        Ok(self.read(label, name)?.unwrap_or_default())
    }
}

impl StorageProvider<CURRENT_VERSION> for Storage<'_> {
    type Error = StoreError;

    fn write_tree<G: traits::GroupId<CURRENT_VERSION>, T: traits::TreeSync<CURRENT_VERSION>>(
        &self,
        group: &G,
        value: &T,
    ) -> Result<(), StoreError> {
        self.write(Label::Tree, group, value)
    }

    fn tree<G: traits::GroupId<CURRENT_VERSION>, T: traits::TreeSync<CURRENT_VERSION>>(
        &self,
        group: &G,
    ) -> Result<Option<T>, StoreError> {
        self.read(Label::Tree, group)
    }

    fn delete_tree<G: traits::GroupId<CURRENT_VERSION>>(&self, group: &G) -> Result<(), StoreError> {
        self.delete(Label::Tree, group)
    }

    fn write_interim_transcript_hash<
        G: traits::GroupId<CURRENT_VERSION>,
        T: traits::InterimTranscriptHash<CURRENT_VERSION>,
    >(
        &self,
        group: &G,
        value: &T,
    ) -> Result<(), StoreError> {
        self.write(Label::InterimHash, group, value)
    }

    fn interim_transcript_hash<
        G: traits::GroupId<CURRENT_VERSION>,
        T: traits::InterimTranscriptHash<CURRENT_VERSION>,
    >(
        &self,
        group: &G,
    ) -> Result<Option<T>, StoreError> {
        self.read(Label::InterimHash, group)
    }

    fn delete_interim_transcript_hash<G: traits::GroupId<CURRENT_VERSION>>(&self, group: &G) -> Result<(), StoreError> {
        self.delete(Label::InterimHash, group)
    }

    fn write_context<G: traits::GroupId<CURRENT_VERSION>, T: traits::GroupContext<CURRENT_VERSION>>(
        &self,
        group: &G,
        value: &T,
    ) -> Result<(), StoreError> {
        self.write(Label::Context, group, value)
    }

    fn group_context<G: traits::GroupId<CURRENT_VERSION>, T: traits::GroupContext<CURRENT_VERSION>>(
        &self,
        group: &G,
    ) -> Result<Option<T>, StoreError> {
        self.read(Label::Context, group)
    }

    fn delete_context<G: traits::GroupId<CURRENT_VERSION>>(&self, group: &G) -> Result<(), StoreError> {
        self.delete(Label::Context, group)
    }

    fn write_confirmation_tag<G: traits::GroupId<CURRENT_VERSION>, T: traits::ConfirmationTag<CURRENT_VERSION>>(
        &self,
        group: &G,
        value: &T,
    ) -> Result<(), StoreError> {
        self.write(Label::ConfirmationTag, group, value)
    }

    fn confirmation_tag<G: traits::GroupId<CURRENT_VERSION>, T: traits::ConfirmationTag<CURRENT_VERSION>>(
        &self,
        group: &G,
    ) -> Result<Option<T>, StoreError> {
        self.read(Label::ConfirmationTag, group)
    }

    fn delete_confirmation_tag<G: traits::GroupId<CURRENT_VERSION>>(&self, group: &G) -> Result<(), StoreError> {
        self.delete(Label::ConfirmationTag, group)
    }

    fn write_group_state<T: traits::GroupState<CURRENT_VERSION>, G: traits::GroupId<CURRENT_VERSION>>(
        &self,
        group: &G,
        value: &T,
    ) -> Result<(), StoreError> {
        self.write(Label::State, group, value)
    }

    fn group_state<T: traits::GroupState<CURRENT_VERSION>, G: traits::GroupId<CURRENT_VERSION>>(
        &self,
        group: &G,
    ) -> Result<Option<T>, StoreError> {
        self.read(Label::State, group)
    }

    fn delete_group_state<G: traits::GroupId<CURRENT_VERSION>>(&self, group: &G) -> Result<(), StoreError> {
        self.delete(Label::State, group)
    }

    fn write_message_secrets<G: traits::GroupId<CURRENT_VERSION>, T: traits::MessageSecrets<CURRENT_VERSION>>(
        &self,
        group: &G,
        value: &T,
    ) -> Result<(), StoreError> {
        self.write(Label::MessageSecrets, group, value)
    }

    fn message_secrets<G: traits::GroupId<CURRENT_VERSION>, T: traits::MessageSecrets<CURRENT_VERSION>>(
        &self,
        group: &G,
    ) -> Result<Option<T>, StoreError> {
        self.read(Label::MessageSecrets, group)
    }

    fn delete_message_secrets<G: traits::GroupId<CURRENT_VERSION>>(&self, group: &G) -> Result<(), StoreError> {
        self.delete(Label::MessageSecrets, group)
    }

    fn write_resumption_psk_store<
        G: traits::GroupId<CURRENT_VERSION>,
        T: traits::ResumptionPskStore<CURRENT_VERSION>,
    >(
        &self,
        group: &G,
        value: &T,
    ) -> Result<(), StoreError> {
        self.write(Label::Resumption, group, value)
    }

    fn resumption_psk_store<G: traits::GroupId<CURRENT_VERSION>, T: traits::ResumptionPskStore<CURRENT_VERSION>>(
        &self,
        group: &G,
    ) -> Result<Option<T>, StoreError> {
        self.read(Label::Resumption, group)
    }

    fn delete_all_resumption_psk_secrets<G: traits::GroupId<CURRENT_VERSION>>(
        &self,
        group: &G,
    ) -> Result<(), StoreError> {
        self.delete(Label::Resumption, group)
    }

    fn write_own_leaf_index<G: traits::GroupId<CURRENT_VERSION>, T: traits::LeafNodeIndex<CURRENT_VERSION>>(
        &self,
        group: &G,
        value: &T,
    ) -> Result<(), StoreError> {
        self.write(Label::OwnIndex, group, value)
    }

    fn own_leaf_index<G: traits::GroupId<CURRENT_VERSION>, T: traits::LeafNodeIndex<CURRENT_VERSION>>(
        &self,
        group: &G,
    ) -> Result<Option<T>, StoreError> {
        self.read(Label::OwnIndex, group)
    }

    fn delete_own_leaf_index<G: traits::GroupId<CURRENT_VERSION>>(&self, group: &G) -> Result<(), StoreError> {
        self.delete(Label::OwnIndex, group)
    }

    fn write_group_epoch_secrets<G: traits::GroupId<CURRENT_VERSION>, T: traits::GroupEpochSecrets<CURRENT_VERSION>>(
        &self,
        group: &G,
        value: &T,
    ) -> Result<(), StoreError> {
        self.write(Label::EpochSecrets, group, value)
    }

    fn group_epoch_secrets<G: traits::GroupId<CURRENT_VERSION>, T: traits::GroupEpochSecrets<CURRENT_VERSION>>(
        &self,
        group: &G,
    ) -> Result<Option<T>, StoreError> {
        self.read(Label::EpochSecrets, group)
    }

    fn delete_group_epoch_secrets<G: traits::GroupId<CURRENT_VERSION>>(&self, group: &G) -> Result<(), StoreError> {
        self.delete(Label::EpochSecrets, group)
    }

    fn write_mls_join_config<G: traits::GroupId<CURRENT_VERSION>, T: traits::MlsGroupJoinConfig<CURRENT_VERSION>>(
        &self,
        group: &G,
        value: &T,
    ) -> Result<(), StoreError> {
        self.write(Label::JoinConfig, group, value)
    }

    fn mls_group_join_config<G: traits::GroupId<CURRENT_VERSION>, T: traits::MlsGroupJoinConfig<CURRENT_VERSION>>(
        &self,
        group: &G,
    ) -> Result<Option<T>, StoreError> {
        self.read(Label::JoinConfig, group)
    }

    fn delete_group_config<G: traits::GroupId<CURRENT_VERSION>>(&self, group: &G) -> Result<(), StoreError> {
        self.delete(Label::JoinConfig, group)
    }

    fn write_signature_key_pair<
        K: traits::SignaturePublicKey<CURRENT_VERSION>,
        T: traits::SignatureKeyPair<CURRENT_VERSION>,
    >(
        &self,
        name: &K,
        value: &T,
    ) -> Result<(), StoreError> {
        self.write(Label::SignatureKeys, name, value)
    }

    fn signature_key_pair<
        K: traits::SignaturePublicKey<CURRENT_VERSION>,
        T: traits::SignatureKeyPair<CURRENT_VERSION>,
    >(
        &self,
        name: &K,
    ) -> Result<Option<T>, StoreError> {
        self.read(Label::SignatureKeys, name)
    }

    fn delete_signature_key_pair<K: traits::SignaturePublicKey<CURRENT_VERSION>>(
        &self,
        name: &K,
    ) -> Result<(), StoreError> {
        self.delete(Label::SignatureKeys, name)
    }

    fn write_encryption_key_pair<K: traits::EncryptionKey<CURRENT_VERSION>, T: traits::HpkeKeyPair<CURRENT_VERSION>>(
        &self,
        name: &K,
        value: &T,
    ) -> Result<(), StoreError> {
        self.write(Label::EncryptionKeys, name, value)
    }

    fn encryption_key_pair<T: traits::HpkeKeyPair<CURRENT_VERSION>, K: traits::EncryptionKey<CURRENT_VERSION>>(
        &self,
        name: &K,
    ) -> Result<Option<T>, StoreError> {
        self.read(Label::EncryptionKeys, name)
    }

    fn delete_encryption_key_pair<K: traits::EncryptionKey<CURRENT_VERSION>>(
        &self,
        name: &K,
    ) -> Result<(), StoreError> {
        self.delete(Label::EncryptionKeys, name)
    }

    fn write_key_package<K: traits::HashReference<CURRENT_VERSION>, T: traits::KeyPackage<CURRENT_VERSION>>(
        &self,
        name: &K,
        value: &T,
    ) -> Result<(), StoreError> {
        self.write(Label::KeyPackage, name, value)
    }

    fn key_package<K: traits::HashReference<CURRENT_VERSION>, T: traits::KeyPackage<CURRENT_VERSION>>(
        &self,
        name: &K,
    ) -> Result<Option<T>, StoreError> {
        self.read(Label::KeyPackage, name)
    }

    fn delete_key_package<K: traits::HashReference<CURRENT_VERSION>>(&self, name: &K) -> Result<(), StoreError> {
        self.delete(Label::KeyPackage, name)
    }

    fn write_psk<K: traits::PskId<CURRENT_VERSION>, T: traits::PskBundle<CURRENT_VERSION>>(
        &self,
        name: &K,
        value: &T,
    ) -> Result<(), StoreError> {
        self.write(Label::Psk, name, value)
    }

    fn psk<T: traits::PskBundle<CURRENT_VERSION>, K: traits::PskId<CURRENT_VERSION>>(
        &self,
        name: &K,
    ) -> Result<Option<T>, StoreError> {
        self.read(Label::Psk, name)
    }

    fn delete_psk<K: traits::PskId<CURRENT_VERSION>>(&self, name: &K) -> Result<(), StoreError> {
        self.delete(Label::Psk, name)
    }

    fn write_encryption_epoch_key_pairs<
        G: traits::GroupId<CURRENT_VERSION>,
        E: traits::EpochKey<CURRENT_VERSION>,
        T: traits::HpkeKeyPair<CURRENT_VERSION>,
    >(
        &self,
        group: &G,
        epoch: &E,
        leaf: u32,
        pairs: &[T],
    ) -> Result<(), StoreError> {
        self.write(Label::EpochKeys, &(group, epoch, leaf), &pairs)
    }

    fn encryption_epoch_key_pairs<
        G: traits::GroupId<CURRENT_VERSION>,
        E: traits::EpochKey<CURRENT_VERSION>,
        T: traits::HpkeKeyPair<CURRENT_VERSION>,
    >(
        &self,
        group: &G,
        epoch: &E,
        leaf: u32,
    ) -> Result<Vec<T>, StoreError> {
        Ok(self.read(Label::EpochKeys, &(group, epoch, leaf))?.unwrap_or_default())
    }

    fn delete_encryption_epoch_key_pairs<G: traits::GroupId<CURRENT_VERSION>, E: traits::EpochKey<CURRENT_VERSION>>(
        &self,
        group: &G,
        epoch: &E,
        leaf: u32,
    ) -> Result<(), StoreError> {
        self.delete(Label::EpochKeys, &(group, epoch, leaf))
    }

    fn append_own_leaf_node<G: traits::GroupId<CURRENT_VERSION>, T: traits::LeafNode<CURRENT_VERSION>>(
        &self,
        group: &G,
        leaf: &T,
    ) -> Result<(), StoreError> {
        let mut leaves = self.list(Label::OwnLeafNodes, group)?;
        leaves.push((Vec::new(), store::encode(leaf)?.to_vec()));
        self.write(Label::OwnLeafNodes, group, &leaves)
    }

    fn own_leaf_nodes<G: traits::GroupId<CURRENT_VERSION>, T: traits::LeafNode<CURRENT_VERSION>>(
        &self,
        group: &G,
    ) -> Result<Vec<T>, StoreError> {
        self.list(Label::OwnLeafNodes, group)?.iter().map(|(_, leaf)| store::decode(leaf)).collect()
    }

    fn delete_own_leaf_nodes<G: traits::GroupId<CURRENT_VERSION>>(&self, group: &G) -> Result<(), StoreError> {
        self.delete(Label::OwnLeafNodes, group)
    }

    fn queue_proposal<
        G: traits::GroupId<CURRENT_VERSION>,
        R: traits::ProposalRef<CURRENT_VERSION>,
        P: traits::QueuedProposal<CURRENT_VERSION>,
    >(
        &self,
        group: &G,
        reference: &R,
        proposal: &P,
    ) -> Result<(), StoreError> {
        let mut proposals = self.list(Label::Proposals, group)?;
        proposals.push((store::encode(reference)?.to_vec(), store::encode(proposal)?.to_vec()));
        self.write(Label::Proposals, group, &proposals)
    }

    fn queued_proposal_refs<G: traits::GroupId<CURRENT_VERSION>, R: traits::ProposalRef<CURRENT_VERSION>>(
        &self,
        group: &G,
    ) -> Result<Vec<R>, StoreError> {
        self.list(Label::Proposals, group)?.iter().map(|(reference, _)| store::decode(reference)).collect()
    }

    fn queued_proposals<
        G: traits::GroupId<CURRENT_VERSION>,
        R: traits::ProposalRef<CURRENT_VERSION>,
        P: traits::QueuedProposal<CURRENT_VERSION>,
    >(
        &self,
        group: &G,
    ) -> Result<Vec<(R, P)>, StoreError> {
        let proposals = self.list(Label::Proposals, group)?;
        proposals
            .iter()
            .map(|(reference, proposal)| Ok((store::decode(reference)?, store::decode(proposal)?)))
            .collect()
    }

    fn remove_proposal<G: traits::GroupId<CURRENT_VERSION>, R: traits::ProposalRef<CURRENT_VERSION>>(
        &self,
        group: &G,
        reference: &R,
    ) -> Result<(), StoreError> {
        let wanted = store::encode(reference)?;
        let mut proposals = self.list(Label::Proposals, group)?;
        proposals.retain(|(reference, _)| reference != &*wanted);
        self.write(Label::Proposals, group, &proposals)
    }

    fn clear_proposal_queue<G: traits::GroupId<CURRENT_VERSION>, R: traits::ProposalRef<CURRENT_VERSION>>(
        &self,
        group: &G,
    ) -> Result<(), StoreError> {
        self.delete(Label::Proposals, group)
    }
}
