//! The registry of devices, pushes, and what users rule for themselves.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tidings_domain::{
    blocks::Block,
    devices::{Created, PushAddress, PushEndpoint, PushService, Registration},
    ids::{ConversationId, DeviceId, Sender, Sequence, Timestamp, UserId},
    ports::{DeviceRegistry, PortResult, PrivacyRules, PushMarks, PushProvider, PushQueue, Rules},
    privacy::{Pair, Stances},
    push::{Marks, Published, Push, PushJob},
    quiet::UserSettings,
    session::Device,
};

use crate::{World, units::Rate};

/// A push that an endpoint took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The endpoint.
    pub endpoint: Arc<str>,
    /// The token that it has.
    pub token: Arc<str>,
    /// What it was sent.
    pub push: Push,
}

type Token = (PushService, Arc<str>);

#[derive(Debug, Default)]
pub(crate) struct Pushing {
    holders: BTreeMap<Token, Sender>,
    woken: BTreeMap<Sender, Timestamp>,
    jobs: Vec<PushJob>,
    marks: BTreeMap<(UserId, ConversationId), Marks>,
    blocks: BTreeMap<UserId, BTreeMap<UserId, Timestamp>>,
    settings: BTreeMap<UserId, UserSettings>,
    /// Endpoints by name, with the token of each.
    endpoints: BTreeMap<Arc<str>, Token>,
    disabled: BTreeSet<Arc<str>>,
    made: u64,
    pushed: Vec<Pushed>,
}

fn token_of(address: &PushAddress) -> Token {
    (address.service, address.token.clone())
}

impl World {
    /// Takes the pushes that were queued since the last time.
    pub fn take_push_jobs(&self) -> Vec<PushJob> {
        std::mem::take(&mut self.state().pushing.jobs)
    }

    /// Takes what endpoints were sent since the last time.
    pub fn take_pushed(&self) -> Vec<Pushed> {
        std::mem::take(&mut self.state().pushing.pushed)
    }

    /// The endpoints that there are.
    pub fn push_endpoints(&self) -> BTreeSet<Arc<str>> {
        self.state().pushing.endpoints.keys().cloned().collect()
    }

    /// The push service sends nothing to this endpoint any more, until it is renewed.
    pub fn disable_endpoint(&self, endpoint: &str) {
        self.state().pushing.disabled.insert(endpoint.into());
    }
}

impl DeviceRegistry for World {
    fn registered<'a>(&'a self, device: &'a Sender) -> PortResult<'a, Option<Device>> {
        Box::pin(self.call("registered_device", move |state| {
            state.meter.query(Rate::Strong, || 0);
            state.devices.get(device).cloned()
        }))
    }

    fn register<'a>(
        &'a self,
        device: &'a Sender,
        wanted: &'a Registration,
        push: Option<&'a PushEndpoint>,
        now: Timestamp,
    ) -> PortResult<'a, bool> {
        Box::pin(self.call("register_device", move |state| {
            state.meter.write(|| 0);
            let row = state.devices.entry(device.clone()).or_insert_with(|| Device::new(device.clone(), now));
            if row.revoked {
                return false;
            }
            let (name, platform) = (Some(wanted.name.clone()), Some(wanted.platform));
            *row = Device { seen_at: now, name, platform, push: push.cloned(), ..row.clone() };
            true
        }))
    }

    fn revoke<'a>(&'a self, device: &'a Sender) -> PortResult<'a, Option<Device>> {
        Box::pin(self.call("revoke_device", move |state| {
            state.meter.write(|| 0);
            let row = state.devices.get_mut(device)?;
            let before = row.clone();
            row.revoked = true;
            Some(before)
        }))
    }

    fn drop_push<'a>(&'a self, device: &'a Sender, address: &'a PushAddress) -> PortResult<'a, Option<PushEndpoint>> {
        Box::pin(self.call("drop_push", move |state| {
            state.meter.write(|| 0);
            let row = state.devices.get_mut(device)?;
            row.push.take_if(|push| token_of(&push.address) == token_of(address))
        }))
    }

    fn holder<'a>(&'a self, address: &'a PushAddress) -> PortResult<'a, Option<Sender>> {
        Box::pin(self.call("token_holder", move |state| {
            state.meter.query(Rate::Strong, || 0);
            state.pushing.holders.get(&token_of(address)).cloned()
        }))
    }

    fn hold<'a>(&'a self, address: &'a PushAddress, device: &'a Sender) -> PortResult<'a, Option<Sender>> {
        Box::pin(self.call("hold_token", move |state| {
            state.meter.write(|| 0);
            let before = state.pushing.holders.insert(token_of(address), device.clone());
            before.filter(|before| before != device)
        }))
    }

    fn release<'a>(&'a self, address: &'a PushAddress, device: &'a Sender) -> PortResult<'a, ()> {
        Box::pin(self.call("release_token", move |state| {
            state.meter.write(|| 0);
            let token = token_of(address);
            if state.pushing.holders.get(&token) == Some(device) {
                state.pushing.holders.remove(&token);
            }
        }))
    }

    fn note_wake<'a>(&'a self, device: &'a Sender, earliest: Timestamp, now: Timestamp) -> PortResult<'a, bool> {
        Box::pin(self.call("note_wake", move |state| {
            state.meter.write(|| 0);
            let is_due = state.pushing.woken.get(device).is_none_or(|woken| *woken <= earliest);
            let is_woken = is_due && state.devices.contains_key(device);
            if is_woken {
                state.pushing.woken.insert(device.clone(), now);
            }
            is_woken
        }))
    }
}

/// A push service that makes endpoints as SNS does: the same token again is the same endpoint.
impl PushProvider for World {
    fn create<'a>(&'a self, address: &'a PushAddress) -> PortResult<'a, Created> {
        Box::pin(self.call("create_endpoint", move |state| {
            let (pushing, token) = (&mut state.pushing, token_of(address));
            if address.service == PushService::WebPush {
                return Created::At(address.token.clone());
            }
            if let Some((endpoint, _)) = pushing.endpoints.iter().find(|(_, of)| **of == token) {
                return Created::At(endpoint.clone());
            }
            pushing.made += 1;
            let endpoint: Arc<str> = format!("endpoint-{}", pushing.made).into();
            pushing.endpoints.insert(endpoint.clone(), token);
            Created::At(endpoint)
        }))
    }

    fn renew<'a>(&'a self, push: &'a PushEndpoint) -> PortResult<'a, bool> {
        Box::pin(self.call("renew_endpoint", move |state| {
            let (pushing, token) = (&mut state.pushing, token_of(&push.address));
            let is_taken = pushing.endpoints.iter().any(|(endpoint, of)| *endpoint != push.endpoint && *of == token);
            let Some(of) = pushing.endpoints.get_mut(&push.endpoint).filter(|_| !is_taken) else { return false };
            *of = token;
            pushing.disabled.remove(&push.endpoint);
            true
        }))
    }

    fn delete<'a>(&'a self, push: &'a PushEndpoint) -> PortResult<'a, ()> {
        Box::pin(self.call("delete_endpoint", move |state| {
            state.pushing.endpoints.remove(&push.endpoint);
            state.pushing.disabled.remove(&push.endpoint);
        }))
    }

    fn publish<'a>(&'a self, to: &'a PushEndpoint, push: &'a Push) -> PortResult<'a, Published> {
        Box::pin(self.call("publish_push", move |state| {
            let pushing = &mut state.pushing;
            let token = match to.address.service {
                PushService::WebPush => Some(token_of(&to.address)),
                _ => pushing.endpoints.get(&to.endpoint).cloned(),
            };
            let Some((_, token)) = token.filter(|_| !pushing.disabled.contains(&to.endpoint)) else {
                return Published::Gone;
            };
            pushing.pushed.push(Pushed { endpoint: to.endpoint.clone(), token, push: push.clone() });
            Published::Taken
        }))
    }
}

impl PushQueue for World {
    fn put<'a>(&'a self, jobs: &'a [PushJob]) -> PortResult<'a, ()> {
        Box::pin(self.call("queue_pushes", move |state| state.pushing.jobs.extend(jobs.iter().cloned())))
    }
}

impl PushMarks for World {
    fn note_queued<'a>(
        &'a self,
        user: &'a UserId,
        conversation: &'a ConversationId,
        sequence: Sequence,
        is_mention: bool,
    ) -> PortResult<'a, Marks> {
        Box::pin(self.call("note_push_queued", move |state| {
            state.meter.write(|| 0);
            let marks = state.pushing.marks.entry((user.clone(), conversation.clone())).or_default();
            let mark = if is_mention { &mut marks.mentioned } else { &mut marks.queued };
            *mark = sequence.max(*mark);
            marks.clone()
        }))
    }

    fn note_sent<'a>(
        &'a self,
        user: &'a UserId,
        conversation: &'a ConversationId,
        sequence: Sequence,
        devices: &'a [DeviceId],
    ) -> PortResult<'a, ()> {
        Box::pin(self.call("note_push_sent", move |state| {
            state.meter.write(|| 0);
            let marks = state.pushing.marks.entry((user.clone(), conversation.clone())).or_default();
            marks.sent.extend(devices.iter().map(|device| (device.clone(), sequence)));
        }))
    }
}

impl PrivacyRules for World {
    fn stances<'a>(&'a self, users: &'a [UserId], pairs: &'a [Pair]) -> PortResult<'a, Stances> {
        Box::pin(self.call("read_stances", move |state| {
            state.meter.batch_eventual(users.len() + pairs.len());
            let set = |user: &UserId| Some((user.clone(), state.pushing.settings.get(user)?.privacy));
            let has_blocked =
                |(user, other): &&Pair| state.pushing.blocks.get(user).is_some_and(|blocks| blocks.contains_key(other));
            Stances {
                privacy: users.iter().filter_map(set).collect(),
                blocked: pairs.iter().filter(has_blocked).cloned().collect(),
            }
        }))
    }
}

impl Rules for World {
    fn block<'a>(&'a self, user: &'a UserId, other: &'a UserId, now: Timestamp) -> PortResult<'a, ()> {
        Box::pin(self.call("block_user", move |state| {
            state.meter.write(|| 0);
            state.pushing.blocks.entry(user.clone()).or_default().entry(other.clone()).or_insert(now);
        }))
    }

    fn unblock<'a>(&'a self, user: &'a UserId, other: &'a UserId) -> PortResult<'a, ()> {
        Box::pin(self.call("unblock_user", move |state| {
            state.meter.write(|| 0);
            state.pushing.blocks.entry(user.clone()).or_default().remove(other);
        }))
    }

    fn blocks<'a>(&'a self, user: &'a UserId, after: Option<&'a UserId>, limit: usize) -> PortResult<'a, Vec<Block>> {
        Box::pin(self.call("read_blocks", move |state| {
            state.meter.query(Rate::Strong, || 0);
            let blocks = state.pushing.blocks.get(user).into_iter().flatten();
            let blocks = blocks.filter(|(blocked, _)| after.is_none_or(|after| *blocked > after));
            blocks.take(limit).map(|(user, since)| Block { user: user.clone(), since: *since }).collect()
        }))
    }

    fn settings<'a>(&'a self, user: &'a UserId) -> PortResult<'a, UserSettings> {
        Box::pin(self.call("read_user_settings", move |state| {
            state.meter.query(Rate::Strong, || 0);
            state.pushing.settings.get(user).copied().unwrap_or_default()
        }))
    }

    fn set_settings<'a>(&'a self, user: &'a UserId, settings: &'a UserSettings) -> PortResult<'a, ()> {
        Box::pin(self.call("set_user_settings", move |state| {
            state.meter.write(|| 0);
            state.pushing.settings.insert(user.clone(), *settings);
        }))
    }

    fn rules_for<'a>(&'a self, user: &'a UserId, other: &'a UserId) -> PortResult<'a, (UserSettings, bool)> {
        Box::pin(self.call("read_rules", move |state| {
            state.meter.query(Rate::Eventual, || 0);
            let settings = state.pushing.settings.get(user).copied().unwrap_or_default();
            (settings, state.pushing.blocks.get(user).is_some_and(|blocks| blocks.contains_key(other)))
        }))
    }
}
