//! Devices, each with a store.

use std::time::{SystemTime, UNIX_EPOCH};

use tidings_mls::{
    Changes, Commit, Content, Device, Encrypted, Entry, Event, Group, Identity, KeyPackage, MemoryStore, ProcessError,
    Processed, WelcomeMail,
};

pub(crate) const CONVERSATION: &str = "g:crew";

/// openmls looks at the clock: tests do too.
pub(crate) fn now_seconds() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "openmls compares lifetimes with the machine's clock")]
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub(crate) struct Phone {
    pub(crate) store: MemoryStore,
    pub(crate) identity: Identity,
}

impl Phone {
    pub(crate) fn new(name: &str) -> Self {
        let store = MemoryStore::new();
        let identity = Identity::create(&store, Device::parse(name).unwrap()).unwrap();
        Self { store, identity }
    }

    pub(crate) fn device(&self) -> &Device {
        self.identity.device()
    }

    pub(crate) fn create(&self) -> Group {
        Group::create(&self.store, &self.identity, CONVERSATION, now_seconds()).unwrap()
    }

    /// A key package of this device, as another takes it from the directory.
    pub(crate) fn key_package(&self) -> KeyPackage {
        let made = self.identity.make_key_packages(&self.store, 1, now_seconds()).unwrap();
        KeyPackage::parse(&made[0], self.device(), self.identity.key(), now_seconds()).unwrap()
    }

    pub(crate) fn join(&self, from: &Phone, commit: &Commit) -> Group {
        Group::join(&self.store, &self.identity, &mail(from, commit)).unwrap()
    }

    pub(crate) fn say(&self, group: &mut Group, text: &str) -> Encrypted {
        group.encrypt(&self.store, &self.identity, &Content::text(text)).unwrap()
    }

    pub(crate) fn hear(&self, group: &mut Group, from: &Phone, message: &Encrypted) -> Result<Processed, ProcessError> {
        let entry =
            Entry { sender: from.device(), event: Event::Message, epoch: message.epoch, payload: &message.payload };
        group.process(&self.store, &entry)
    }

    /// The text of a message, which must be readable.
    pub(crate) fn read(&self, group: &mut Group, from: &Phone, message: &Encrypted) -> String {
        match self.hear(group, from, message).unwrap() {
            Processed::Message { sender, content } => {
                assert_eq!(sender, *from.device());
                content.unwrap().said().unwrap().to_owned()
            }
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn commit(&self, group: &mut Group, add: &[&Phone], remove: &[&Phone]) -> Commit {
        let changes = Changes {
            add: add.iter().map(|phone| phone.key_package()).collect(),
            remove: remove.iter().map(|phone| phone.device().clone()).collect(),
        };
        group.commit(&self.store, &self.identity, &changes).unwrap()
    }

    pub(crate) fn follow(&self, group: &mut Group, from: &Phone, commit: &Commit) -> Result<Processed, ProcessError> {
        let entry =
            Entry { sender: from.device(), event: Event::Commit, epoch: commit.epoch + 1, payload: &commit.payload };
        group.process(&self.store, &entry)
    }
}

pub(crate) fn mail<'a>(from: &'a Phone, commit: &'a Commit) -> WelcomeMail<'a> {
    WelcomeMail { conversation_id: CONVERSATION, from: from.device(), payload: commit.welcome.as_deref().unwrap() }
}

/// A group of all of them, made by the first.
pub(crate) fn group_of(phones: &[&Phone]) -> Vec<Group> {
    let (first, others) = phones.split_first().unwrap();
    let mut group = first.create();
    let commit = first.commit(&mut group, others, &[]);
    group.accept_commit(&first.store).unwrap();
    let joined = others.iter().map(|phone| phone.join(first, &commit));
    let mut groups: Vec<Group> = joined.collect();
    groups.insert(0, group);
    groups
}
