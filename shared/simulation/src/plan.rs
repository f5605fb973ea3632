//! What a seed makes of a run: who is there, who talks to whom, and how rough it gets.

use std::collections::BTreeMap;

use tidings_domain::ids::{ConversationId, DeviceId, Sender, UserId};

use crate::chance::Chance;

/// Device names. Users share them on purpose: a device is known by its user and its name.
const DEVICE_NAMES: [&str; 3] = ["phone", "web", "pad"];
const USER_NAMES: [&str; 6] = ["alice", "bob", "carol", "dora", "emil", "frida"];

/// A run, as its seed has it.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) users: Vec<UserId>,
    pub(crate) devices: Vec<Sender>,
    /// Direct conversations, notes to oneself among them.
    pub(crate) direct: Vec<ConversationId>,
    /// Groups, with those who are in them at the start; the first of them has it.
    pub(crate) groups: BTreeMap<ConversationId, Vec<UserId>>,
    /// How long it is rough, in milliseconds.
    pub(crate) storm_ms: u64,
    /// A device waits up to this between two deeds, in milliseconds.
    pub(crate) think_ms_max: u64,
    /// How rough it is, from 0 to 1.
    pub(crate) roughness: f64,
    /// A device does little else than send.
    pub(crate) is_busy: bool,
    /// Milliseconds from the hour at which the run starts: activity is filed by the hour.
    pub(crate) starts_at_ms: u64,
}

impl Plan {
    /// The plan of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let chance = &mut Chance::of(seed, "plan");
        let users: Vec<UserId> = USER_NAMES[..2 + usize_below(chance, 4)].iter().filter_map(|n| user(n)).collect();
        let mut devices = Vec::new();
        for user in &users {
            for name in &DEVICE_NAMES[..=usize_below(chance, 3)] {
                devices.extend(DeviceId::parse(name).ok().map(|device| Sender { user: user.clone(), device }));
            }
        }
        let mut direct = vec![ConversationId::direct(users[0].clone(), users[1].clone())];
        if chance.hits(0.3) {
            direct.push(ConversationId::direct(users[0].clone(), users[0].clone()));
        }
        if users.len() > 2 && chance.hits(0.6) {
            direct.push(ConversationId::direct(users[1].clone(), users[2].clone()));
        }
        let is_busy = chance.hits(0.25);
        // One run in eight is without faults: what is wrong there is wrong anywhere.
        let is_calm = chance.hits(0.125);
        Self {
            groups: groups(chance, &users),
            direct,
            devices,
            storm_ms: chance.within(6_000..24_000),
            think_ms_max: if is_busy { 150 } else { chance.within(300..3_000) },
            roughness: if is_calm { 0.0 } else { chance.fraction() },
            is_busy,
            starts_at_ms: if chance.hits(0.5) { 3_600_000 - chance.within(0..40_000) } else { chance.below(3_600_000) },
            users,
        }
    }

    /// The conversations that a user may ever be in.
    pub(crate) fn conversations(&self) -> impl Iterator<Item = &ConversationId> {
        self.direct.iter().chain(self.groups.keys())
    }
}

fn groups(chance: &mut Chance, users: &[UserId]) -> BTreeMap<ConversationId, Vec<UserId>> {
    let mut groups = BTreeMap::new();
    if users.len() > 2 && chance.hits(0.7) {
        let count = 2 + usize_below(chance, users.len() - 1);
        let members = users[users.len() - count.min(users.len())..].to_vec();
        if let Ok(group) = ConversationId::parse("g:team") {
            groups.insert(group, members);
        }
    }
    groups
}

fn usize_below(chance: &mut Chance, bound: usize) -> usize {
    usize::try_from(chance.below(bound as u64)).unwrap_or_default()
}

fn user(name: &str) -> Option<UserId> {
    UserId::parse(name).ok()
}
