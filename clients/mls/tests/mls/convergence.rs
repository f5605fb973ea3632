//! Random interleavings over a modelled log: whatever is sent, committed, lost and restored in whatever order, all
//! devices that should be in the group end in the same group, and nobody has read what they should not.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tidings_mls::{
    Changes, Commit, CommitError, Content, Device, Entry, Event, Group, Identity, KeyPackage, MemoryStore, Processed,
    WelcomeMail,
};

use crate::support::{CONVERSATION, now_seconds};

const DEVICES: usize = 6;

#[derive(Clone, Debug)]
enum Step {
    /// Processes so many entries of the log, and the mail that belongs to them.
    Sync {
        device: usize,
        entries: usize,
    },
    Send {
        device: usize,
    },
    /// Makes the commit that brings the group to the wanted devices, or that renews keys; it is not sent yet.
    Prepare {
        device: usize,
        renew: bool,
    },
    /// Sends what was prepared. The answer may be lost: then the log tells.
    Submit {
        device: usize,
        answer_lost: bool,
    },
    /// A device is to be in the group, or not.
    Want {
        device: usize,
        is_in: bool,
    },
    /// The process dies and starts again: what is in memory is gone.
    Restart {
        device: usize,
    },
    /// The group is gone from the device; it asks to be added anew.
    LoseGroup {
        device: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let device = 0..DEVICES;
    prop_oneof![
        4 => (device.clone(), 1..6usize).prop_map(|(device, entries)| Step::Sync { device, entries }),
        4 => device.clone().prop_map(|device| Step::Send { device }),
        3 => (device.clone(), any::<bool>()).prop_map(|(device, renew)| Step::Prepare { device, renew }),
        4 => (device.clone(), any::<bool>()).prop_map(|(device, answer_lost)| Step::Submit { device, answer_lost }),
        2 => (device.clone(), any::<bool>()).prop_map(|(device, is_in)| Step::Want { device, is_in }),
        1 => device.clone().prop_map(|device| Step::Restart { device }),
        1 => device.prop_map(|device| Step::LoseGroup { device }),
    ]
}

/// An entry of the log, and the truth about it.
struct Logged {
    sender: usize,
    event: Event,
    epoch: u64,
    payload: String,
    text: String,
}

struct Mail {
    sequence: usize,
    from: usize,
    payload: String,
}

struct Phone {
    store: MemoryStore,
    identity: Identity,
    group: Option<Group>,
    /// The entries of the log before this are done with.
    cursor: usize,
    mails: Vec<Mail>,
    prepared: Option<Commit>,
    /// Sequences of the messages that were read.
    read: BTreeSet<usize>,
    /// Whether the group was ever lost: what was not processed by then stays unread.
    has_lost: bool,
}

struct World {
    phones: Vec<Phone>,
    log: Vec<Logged>,
    epoch: u64,
    wanted: BTreeSet<usize>,
    rejoin: BTreeSet<usize>,
    /// Who is in the group in each epoch, by the commits that were accepted.
    members: BTreeMap<u64, BTreeSet<usize>>,
}

impl World {
    fn new() -> Self {
        let phones: Vec<Phone> = (0..DEVICES)
            .map(|number| {
                let store = MemoryStore::new();
                // Two devices of each user.
                let device = Device::new(&format!("u{}", number / 2), &format!("d{}", number % 2)).unwrap();
                let identity = Identity::create(&store, device).unwrap();
                let (cursor, has_lost) = (0, false);
                Phone {
                    store,
                    identity,
                    group: None,
                    cursor,
                    mails: vec![],
                    prepared: None,
                    read: BTreeSet::new(),
                    has_lost,
                }
            })
            .collect();
        let mut world = Self {
            phones,
            log: vec![],
            epoch: 0,
            wanted: BTreeSet::from([0, 1, 2]),
            rejoin: BTreeSet::new(),
            members: BTreeMap::new(),
        };
        let creator = &mut world.phones[0];
        creator.group = Some(Group::create(&creator.store, &creator.identity, CONVERSATION, now_seconds()).unwrap());
        world.prepare(0, false);
        world.submit(0, false);
        world
    }

    fn number(&self, device: &Device) -> usize {
        self.phones.iter().position(|phone| phone.identity.device() == device).unwrap()
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Sync { device, entries } => self.sync(device, entries),
            Step::Send { device } => self.send(device),
            Step::Prepare { device, renew } => self.prepare(device, renew),
            Step::Submit { device, answer_lost } => self.submit(device, answer_lost),
            Step::Want { device, is_in } => {
                // The first stays, so that somebody can commit.
                if is_in {
                    self.wanted.insert(device);
                } else if device != 0 {
                    self.wanted.remove(&device);
                }
            }
            Step::Restart { device } => {
                let phone = &mut self.phones[device];
                phone.group = Group::load(&phone.store, CONVERSATION).unwrap();
            }
            Step::LoseGroup { device } => {
                let phone = &mut self.phones[device];
                // Not the first, and not before the commit that it waits for is decided: its key package is in there.
                if device != 0
                    && let Some(group) = phone.group.take()
                {
                    group.delete(&phone.store).unwrap();
                    phone.prepared = None;
                    phone.has_lost = true;
                    self.rejoin.insert(device);
                }
            }
        }
    }

    fn send(&mut self, device: usize) {
        let phone = &mut self.phones[device];
        let Some(group) = phone.group.as_mut().filter(|group| group.is_active()) else { return };
        let text = format!("{}", self.log.len());
        let sent = group.encrypt(&phone.store, &phone.identity, &Content::text(&text)).unwrap();
        // `stale_epoch`: it would be encrypted anew once the device has caught up.
        if sent.epoch == self.epoch {
            let entry =
                Logged { sender: device, event: Event::Message, epoch: sent.epoch, payload: sent.payload, text };
            self.log.push(entry);
        }
    }

    fn prepare(&mut self, device: usize, renew: bool) {
        let wanted: BTreeMap<_, _> = self
            .wanted
            .iter()
            .map(|number| (self.phones[*number].identity.device().clone(), self.phones[*number].identity.key()))
            .collect();
        let rejoin = self.rejoin.iter().map(|number| self.phones[*number].identity.device().clone()).collect();
        let Some(group) = self.phones[device].group.as_ref().filter(|group| group.is_active()) else { return };
        let plan = group.plan(&self.phones[device].identity, &wanted, &rejoin).unwrap();
        if plan.is_empty() && !renew {
            return;
        }
        let add: Vec<KeyPackage> = plan
            .add
            .iter()
            .map(|device| {
                let phone = &self.phones[self.number(device)];
                let made = phone.identity.make_key_packages(&phone.store, 1, now_seconds()).unwrap();
                KeyPackage::parse(&made[0], device, phone.identity.key(), now_seconds()).unwrap()
            })
            .collect();
        let phone = &mut self.phones[device];
        let group = phone.group.as_mut().unwrap();
        match group.commit(&phone.store, &phone.identity, &Changes { add, remove: plan.remove }) {
            Ok(commit) => phone.prepared = Some(commit),
            Err(CommitError::Pending) => {}
            Err(error) => panic!("{error:?}"),
        }
    }

    fn submit(&mut self, device: usize, answer_lost: bool) {
        let phone = &mut self.phones[device];
        let Some(commit) = phone.prepared.take() else { return };
        if commit.epoch != self.epoch {
            // `stale_epoch`: it stays waiting until the winner's commit is processed, which discards it.
            return;
        }
        let before = self.members.get(&self.epoch).cloned().unwrap_or_else(|| BTreeSet::from([device]));
        self.epoch += 1;
        let sequence = self.log.len();
        self.log.push(Logged {
            sender: device,
            event: Event::Commit,
            epoch: self.epoch,
            payload: commit.payload,
            text: String::new(),
        });
        let removed = {
            let phone = &mut self.phones[device];
            // The truth of who is in, from the committer's group: read off a copy that has merged.
            let copy = phone.store.clone();
            let mut group = Group::load(&copy, CONVERSATION).unwrap().unwrap();
            group.accept_commit(&copy).unwrap();
            let devices = group.roster().unwrap().devices();
            let members: BTreeSet<usize> = devices.iter().map(|device| self.number(device)).collect();
            self.members.insert(self.epoch, members.clone());
            before.difference(&members).copied().collect::<Vec<_>>()
        };
        for number in commit.welcomed.iter().map(|device| self.number(device)).collect::<Vec<_>>() {
            self.rejoin.remove(&number);
            let payload = commit.welcome.clone().unwrap();
            self.phones[number].mails.push(Mail { sequence, from: device, payload });
        }
        for number in removed {
            self.rejoin.remove(&number);
        }
        let phone = &mut self.phones[device];
        if !answer_lost {
            phone.group.as_mut().unwrap().accept_commit(&phone.store).unwrap();
        }
    }

    fn sync(&mut self, device: usize, entries: usize) {
        for _ in 0..entries {
            self.sync_one(device);
        }
    }

    fn sync_one(&mut self, device: usize) {
        let phone = &mut self.phones[device];
        // A Welcome is read when its commit comes up in the log; a device without a group goes straight to it.
        if phone.group.as_ref().is_none_or(|group| !group.is_active())
            && let Some(mail) = phone.mails.first()
        {
            phone.cursor = phone.cursor.max(mail.sequence);
        }
        let Some(entry) = self.log.get(phone.cursor) else { return };
        let sequence = phone.cursor;
        if let Some(at) = phone.mails.iter().position(|mail| mail.sequence == sequence) {
            let mail = phone.mails.remove(at);
            phone.mails.retain(|later| later.sequence > sequence);
            let from = self.phones[mail.from].identity.device().clone();
            let phone = &mut self.phones[device];
            let mail = WelcomeMail { conversation_id: CONVERSATION, from: &from, payload: &mail.payload };
            let mut group = Group::join(&phone.store, &phone.identity, &mail).unwrap();
            // Nothing from before the joining can be read.
            for earlier in self.log[..sequence].iter().rev().take(8) {
                let sender = self.phones[earlier.sender].identity.device();
                let entry = Entry { sender, event: earlier.event, epoch: earlier.epoch, payload: &earlier.payload };
                let phone = &self.phones[device];
                let answer = group.process(&phone.store, &entry);
                let is_own = earlier.sender == device;
                assert!(matches!(answer, Err(_) | Ok(Processed::Known)) || is_own, "read before joining: {answer:?}");
            }
            let phone = &mut self.phones[device];
            phone.group = Some(group);
            phone.cursor = sequence + 1;
            return;
        }
        let sender = self.phones[entry.sender].identity.device().clone();
        let phone = &mut self.phones[device];
        phone.cursor += 1;
        let Some(group) = phone.group.as_mut() else { return };
        let entry_of = Entry { sender: &sender, event: entry.event, epoch: entry.epoch, payload: &entry.payload };
        match group.process(&phone.store, &entry_of) {
            Ok(Processed::Message { content, .. }) => {
                assert_eq!(content.unwrap().said(), Some(entry.text.as_str()));
                assert!(phone.read.insert(sequence), "read twice");
            }
            Ok(Processed::OwnMessage) => assert_eq!(entry.sender, device),
            Ok(Processed::Removed { .. } | Processed::Commit(_)) => phone.prepared = None,
            Ok(Processed::OwnCommit { .. } | Processed::Known) => {}
            Err(error) => assert!(!group.is_active(), "{device} at {sequence}: {error:?}"),
        }
    }

    /// Everybody catches up, the group is brought to the wanted devices, and everybody catches up again.
    fn settle(&mut self) {
        for _ in 0..DEVICES + 2 {
            for device in 0..DEVICES {
                self.submit(device, true);
                self.sync(device, self.log.len() + 1);
            }
            self.prepare(0, false);
            self.submit(0, false);
        }
        for device in 0..DEVICES {
            self.sync(device, self.log.len() + 1);
        }
    }

    fn check(&self) {
        let reference = self.phones[0].group.as_ref().unwrap();
        assert_eq!(reference.epoch(), self.epoch);
        let in_group: BTreeSet<usize> =
            reference.roster().unwrap().devices().iter().map(|device| self.number(device)).collect();
        assert_eq!(in_group, self.wanted);
        for (number, phone) in self.phones.iter().enumerate() {
            let active = phone.group.as_ref().filter(|group| group.is_active());
            assert_eq!(active.is_some(), self.wanted.contains(&number), "{number}");
            if let Some(group) = active {
                assert_eq!(group.authenticator(), reference.authenticator(), "{number}");
                assert_eq!(group.roster().unwrap(), reference.roster().unwrap());
                assert!(!group.has_pending_commit());
                let stored = Group::load(&phone.store, CONVERSATION).unwrap().unwrap();
                assert_eq!(stored.authenticator(), group.authenticator());
            }
            for (sequence, entry) in self.log.iter().enumerate() {
                if entry.event != Event::Message || entry.sender == number {
                    continue;
                }
                let may = self.members[&entry.epoch].contains(&number);
                let has = phone.read.contains(&sequence);
                assert!(may || !has, "{number} read {sequence} of epoch {}", entry.epoch);
                assert!(has || !may || phone.has_lost, "{number} did not read {sequence} of epoch {}", entry.epoch);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn all_interleavings_converge(steps in proptest::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        for step in &steps {
            world.run(step);
        }
        world.settle();
        world.check();
    }
}
