//! The standard's passive-client vectors: a client that was given a key package joins by a Welcome and follows commits,
//! through the code by which a device joins and processes the log. They need more of MLS than the service speaks:
//! handshakes in the clear, proposals by reference, pre-shared keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openmls::prelude::tls_codec::Deserialize as _;
use openmls::prelude::{
    HpkePrivateKey, KeyPackage, KeyPackageBundle, MlsGroup, MlsMessageBodyIn, MlsMessageIn, ProcessedMessageContent,
    ProtocolMessage, RatchetTreeIn,
};
use openmls::schedule::PreSharedKeyId;
use openmls_traits::OpenMlsProvider as _;
use openmls_traits::storage::StorageProvider as _;
use serde::Deserialize;

use super::join::stage;
use super::{Entry, Event, Group, ProcessError, Rules};
use crate::device::Device;
use crate::provider::{CRYPTO, Provider};
use crate::store::{MemoryStore, Overlay, Store};
use crate::wire;

const LAX: Rules = Rules { devices: false, strict: false };

#[derive(Deserialize)]
struct Vector {
    external_psks: Vec<ExternalPsk>,
    key_package: String,
    encryption_priv: String,
    init_priv: String,
    welcome: String,
    ratchet_tree: Option<String>,
    initial_epoch_authenticator: String,
    epochs: Vec<Move>,
}

#[derive(Deserialize)]
struct ExternalPsk {
    psk_id: String,
    psk: String,
}

#[derive(Deserialize)]
struct Move {
    proposals: Vec<String>,
    commit: String,
    epoch_authenticator: String,
}

/// What could be followed of a vector.
#[derive(Debug, Default, PartialEq, Eq)]
struct Followed {
    joined: usize,
    epochs: usize,
    /// Ends at a commit that adds by a key package whose time is over by now: openmls looks at the clock.
    expired: usize,
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn run(json: &str) -> Followed {
    let vectors: Vec<Vector> = serde_json::from_str(json).unwrap();
    let mut followed = Followed::default();
    for vector in &vectors {
        let store = MemoryStore::new();
        give_keys(&store, vector);
        let mut group = join(&store, vector);
        assert_eq!(group.authenticator(), hex(&vector.initial_epoch_authenticator));
        followed.joined += 1;
        for epoch in &vector.epochs {
            for proposal in &epoch.proposals {
                propose(&store, &mut group, &hex(proposal));
            }
            let device = Device::new("any", "one").unwrap();
            let payload = STANDARD.encode(hex(&epoch.commit));
            let entry = Entry { sender: &device, event: Event::Commit, epoch: group.epoch() + 1, payload: &payload };
            match group.process_by(&store, &entry, LAX) {
                Ok(_) => {}
                Err(ProcessError::Invalid(error)) if error.to_string().contains("expired") => {
                    followed.expired += 1;
                    break;
                }
                Err(error) => panic!("{error:?}"),
            }
            assert_eq!(group.authenticator(), hex(&epoch.epoch_authenticator));
            // What was stored is what is in memory.
            let id = group.inner.group_id().clone();
            group.inner = MlsGroup::load(Provider::new(&store).storage(), &id).unwrap().unwrap();
            assert_eq!(group.authenticator(), hex(&epoch.epoch_authenticator));
            followed.epochs += 1;
        }
    }
    followed
}

fn give_keys(store: &dyn Store, vector: &Vector) {
    let provider = Provider::new(store);
    for psk in &vector.external_psks {
        PreSharedKeyId::external(hex(&psk.psk_id), vec![]).store(&provider, &hex(&psk.psk)).unwrap();
    }
    let message = MlsMessageIn::tls_deserialize_exact(hex(&vector.key_package).as_slice()).unwrap();
    let MlsMessageBodyIn::KeyPackage(key_package) = message.extract() else { panic!("no key package") };
    // Some are over by now, and openmls looks at the clock when it checks one from elsewhere. This one is our own.
    let key_package = serde_json::to_value(key_package).unwrap();
    let key_package: KeyPackage = serde_json::from_value(key_package).unwrap();
    let reference = key_package.hash_ref(&*CRYPTO).unwrap();
    // The one way to a bundle of keys from elsewhere that openmls leaves open.
    let bundle: KeyPackageBundle = serde_json::from_value(serde_json::json!({
        "key_package": key_package,
        "private_init_key": HpkePrivateKey::from(hex(&vector.init_priv)),
        "private_encryption_key": {"key": HpkePrivateKey::from(hex(&vector.encryption_priv))},
    }))
    .unwrap();
    provider.storage().write_key_package(&reference, &bundle).unwrap();
}

fn join(store: &dyn Store, vector: &Vector) -> Group {
    let MlsMessageBodyIn::Welcome(welcome) = wire::decode(&STANDARD.encode(hex(&vector.welcome))).unwrap() else {
        panic!("no Welcome")
    };
    let tree =
        vector.ratchet_tree.as_ref().map(|tree| RatchetTreeIn::tls_deserialize_exact(hex(tree).as_slice()).unwrap());
    let overlay = Overlay::new(store);
    let staged = stage(&overlay, welcome, tree, LAX).unwrap();
    // The groups of the vectors have ids that are no text.
    let name = String::from_utf8_lossy(staged.group_context().group_id().as_slice()).into_owned();
    let group = Group::enter(&overlay, staged, &name, LAX).unwrap();
    overlay.flush().unwrap();
    group
}

fn propose(store: &dyn Store, group: &mut Group, bytes: &[u8]) {
    let provider = Provider::new(store);
    let message: ProtocolMessage = match MlsMessageIn::tls_deserialize_exact(bytes).unwrap().extract() {
        MlsMessageBodyIn::PublicMessage(message) => message.into(),
        MlsMessageBodyIn::PrivateMessage(message) => message.into(),
        other => panic!("{other:?}"),
    };
    match group.inner.process_message(&provider, message).unwrap().into_content() {
        ProcessedMessageContent::ProposalMessage(proposal) => {
            group.inner.store_pending_proposal(provider.storage(), *proposal).unwrap();
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn joining_by_a_welcome() {
    let followed = run(include_str!("../../tests/vectors/passive-client-welcome.json"));
    assert_eq!(followed, Followed { joined: 8, epochs: 0, expired: 0 });
}

#[test]
fn following_commits() {
    let followed = run(include_str!("../../tests/vectors/passive-client-handling-commit.json"));
    assert_eq!(followed, Followed { joined: 13, epochs: 26, expired: 0 });
}

#[test]
fn following_a_long_history() {
    let followed = run(include_str!("../../tests/vectors/passive-client-random.json"));
    assert_eq!(followed, Followed { joined: 1, epochs: 30, expired: 0 });
}
