//! Who writes what to whom, drawn from a seed.

use std::collections::BTreeSet;

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;

use crate::user::{User, direct};

/// Each user has so many devices.
const DEVICES_PER_USER: usize = 2;
/// Every fifth conversation is a group of so many users.
const GROUP_EVERY: usize = 5;
const GROUP_USERS: usize = 4;
/// One group takes this share of all messages: it becomes hot.
const HOT_SHARE: f64 = 0.15;

/// How large the run is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Messages.
    pub messages: usize,
    /// Conversations.
    pub conversations: usize,
    /// Devices.
    pub devices: usize,
}

pub(super) struct Conversation {
    pub(super) id: String,
    /// Indexes of users.
    pub(super) members: Vec<usize>,
    /// What the log has before the first message: how the group came to be.
    pub(super) events: u64,
}

impl Conversation {
    fn is_group(&self) -> bool {
        self.members.len() > 2
    }
}

pub(super) struct DeviceName {
    pub(super) user: usize,
    pub(super) id: String,
}

#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) conversation: usize,
    pub(super) device: usize,
    pub(super) client_msg_id: String,
    pub(super) text: String,
}

pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) users: Vec<User>,
    pub(super) devices: Vec<DeviceName>,
    pub(super) conversations: Vec<Conversation>,
    pub(super) messages: Vec<Message>,
}

impl Plan {
    pub(super) fn new(size: Size, seed: u64) -> Self {
        let user_count = size.devices / DEVICES_PER_USER;
        assert!(user_count > GROUP_USERS, "at least {} devices", DEVICES_PER_USER * (GROUP_USERS + 1));
        let users: Vec<User> = (0..user_count).map(|n| User::new(&format!("u{n}"))).collect();
        let devices = (0..user_count * DEVICES_PER_USER)
            .map(|n| DeviceName { user: n / DEVICES_PER_USER, id: format!("d{}", n % DEVICES_PER_USER) })
            .collect();
        let conversations = conversations(&users, size.conversations);
        let mut plan = Self { seed, users, devices, conversations, messages: Vec::new() };
        plan.messages = plan.draw(size.messages);
        plan
    }

    /// Makes the groups, by the users who own them.
    pub(super) async fn make_groups(&mut self) {
        for conversation in self.conversations.iter_mut().filter(|conversation| conversation.is_group()) {
            let [owner, others @ ..] = conversation.members.as_slice() else { continue };
            let others: Vec<&str> = others.iter().map(|user| self.users[*user].id.as_str()).collect();
            let http = self.users[*owner].http("owner");
            let made = http.post("/groups", &json!({ "title": conversation.id, "members": others })).await.ok();
            made["conversationId"].as_str().expect("an id").clone_into(&mut conversation.id);
            conversation.events = http.log(&conversation.id).await.len() as u64;
        }
    }

    /// The conversations that a device takes part in.
    pub(super) fn conversations_of(&self, device: usize) -> impl Iterator<Item = &Conversation> {
        let user = self.devices[device].user;
        self.conversations.iter().filter(move |conversation| conversation.members.contains(&user))
    }

    /// Another stream of chance of the same seed, for one purpose.
    pub(super) fn chance(&self, purpose: u64) -> StdRng {
        StdRng::seed_from_u64(self.seed ^ purpose.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn draw(&self, count: usize) -> Vec<Message> {
        let mut chance = self.chance(1);
        let hot = self.conversations.iter().position(Conversation::is_group);
        (0..count)
            .map(|n| {
                let any = chance.random_range(0..self.conversations.len());
                let conversation = hot.filter(|_| chance.random_bool(HOT_SHARE)).unwrap_or(any);
                let members = &self.conversations[conversation].members;
                let user = members[chance.random_range(0..members.len())];
                let device = user * DEVICES_PER_USER + chance.random_range(0..DEVICES_PER_USER);
                Message { conversation, device, client_msg_id: format!("c{n}"), text: format!("message {n}") }
            })
            .collect()
    }
}

/// Users in a ring write to the next, then to the one after, and so on; every fifth is a group.
fn conversations(users: &[User], count: usize) -> Vec<Conversation> {
    let made: Vec<Conversation> = (0..count)
        .map(|n| {
            let at = |step: usize| (n + step) % users.len();
            if n % GROUP_EVERY == GROUP_EVERY - 1 {
                let members = (0..GROUP_USERS).map(at).collect();
                return Conversation { id: format!("Crew {n}"), members, events: 0 };
            }
            let members = vec![at(0), at(1 + n / users.len())];
            Conversation { id: direct(&users[members[0]], &users[members[1]]), members, events: 0 }
        })
        .collect();
    let different: BTreeSet<&String> = made.iter().map(|conversation| &conversation.id).collect();
    assert_eq!(different.len(), count, "too many conversations for so few devices");
    made
}
