//! Groups: who should be in them, commits, and sending.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{StreamExt as _, stream};
use tidings_mls::{Changes, Device, IdentityKey, KeyPackage, KeyPackageError, Plan, limits::ADDS_MAX};
use tidings_sdk::{
    Draft, HttpError, SendError,
    media::MediaError,
    protocol::{ErrorCode, ErrorFrame, MessageSend, Payload, convert, keys::KeyBundles, keys::MailPost},
};
use tidings_vault::{DeviceSet, Sealed};
use tokio::time::Instant;

use super::{Actor, Step, Stop, chain, mail::REJOIN};
use crate::{
    account::{Membership, PendingCommit},
    error::AccountError,
    event::{Event, Waiting},
    now_ms, opaque,
};

/// Calls for different users that go at once.
const CALLS_AT_ONCE: usize = 8;
/// Users whose device versions a message names; with more members it names none, and changes come by `device.changed`.
const VERSIONS_MAX: usize = 64;
/// Somebody without keys is looked for again after this.
const KEYS_PATIENCE: Duration = Duration::from_secs(5);
/// An own commit that lost is followed by the winner's, which comes by the log within this.
const LOG_PATIENCE: Duration = Duration::from_millis(300);
/// Asking to be added: at first, and at most.
const ASK_BASE: Duration = Duration::from_secs(5);
const ASK_CAP: Duration = Duration::from_mins(5);
/// Commits that lost in a row before the connection is made anew, for the log seems not to come.
const LOST_COMMITS_MAX: u32 = 5;

impl Actor {
    /// The next thing to do for a conversation.
    pub(super) async fn step(&mut self, conversation: &str) -> Result<Step, Stop> {
        let result = self.account.pending_commit(conversation);
        if let Some(pending) = self.kept(result).await? {
            return self.offer(conversation, pending).await;
        }
        if self.talk(conversation).in_flight.is_some() {
            return Ok(Step::Done);
        }
        let result = self.account.next_message(conversation);
        let next = self.kept(result).await?;
        let result = self.account.membership(conversation);
        let membership = self.kept(result).await?;
        match (next, membership) {
            (None, Membership::In) => {
                let result = self.account.vault().rejoins(conversation);
                let has_rejoins = !self.kept(result.map_err(AccountError::from)).await?.is_empty();
                if has_rejoins || self.talk(conversation).is_eager {
                    return self.renew(conversation, None).await;
                }
                Ok(Step::Done)
            }
            (None, Membership::Out) => self.ask_to_be_added(conversation).await,
            (None, _) => {
                if self.is_elsewhere(conversation).await? {
                    return self.ask_to_be_added(conversation).await;
                }
                if self.talk(conversation).is_eager {
                    return self.renew(conversation, None).await;
                }
                Ok(Step::Done)
            }
            // It was encrypted before a restart: the same bytes go again.
            (Some((send, Some(sealed))), _) => self.transmit(send, Some(&sealed), BTreeMap::new()).await,
            (Some((send, None)), membership) => {
                let result = self.account.is_clear(conversation);
                if membership == Membership::None && self.kept(result).await? {
                    return self.transmit(send, None, BTreeMap::new()).await;
                }
                if membership == Membership::Out
                    || (membership == Membership::None && self.is_elsewhere(conversation).await?)
                {
                    return self.ask_to_be_added(conversation).await;
                }
                self.renew(conversation, Some(send)).await
            }
        }
    }

    /// Whether somebody else has encrypted a conversation that this device has no group of.
    async fn is_elsewhere(&mut self, conversation: &str) -> Result<bool, Stop> {
        if self.talk(conversation).is_founded_elsewhere {
            return Ok(true);
        }
        let result = self.account.vault().held();
        Ok(self.kept(result.map_err(AccountError::from)).await?.contains_key(conversation))
    }

    /// Brings the group up to date, and then sends.
    async fn renew(&mut self, conversation: &str, send: Option<MessageSend>) -> Result<Step, Stop> {
        let members = match self.members(conversation).await {
            Ok(members) => members,
            Err(error) => return self.troubled(conversation, error).await,
        };
        let mut wanted: BTreeMap<Device, IdentityKey> = BTreeMap::new();
        let mut versions = BTreeMap::new();
        if let Err(error) = self.ask_for_devices(&members).await? {
            return self.troubled(conversation, error).await;
        }
        for user in &members {
            let result = self.account.vault().devices(user);
            let set = self.kept(result.map_err(AccountError::from)).await?.unwrap_or_default();
            versions.insert(user.clone(), set.version);
            wanted.extend(set.devices);
        }
        wanted.insert(self.account.device().clone(), self.account.identity_key());
        // In a conversation of two, a message that the other side cannot read is not sent.
        let me = self.account.device().user_id().to_owned();
        let is_group = conversation.starts_with("g:");
        let without_keys =
            members.iter().find(|user| **user != me && !wanted.keys().any(|device| device.user_id() == *user));
        if let Some(user) = without_keys.filter(|_| !is_group) {
            let user_id = user.clone();
            self.work.dirty.insert(user_id.clone());
            if send.is_none() {
                self.talk(conversation).is_eager = false;
                return Ok(Step::Done);
            }
            return Ok(Step::Later(KEYS_PATIENCE, Some(Waiting::Keys { user_id })));
        }
        if members.len() > VERSIONS_MAX {
            versions.clear();
        }
        let left_out = &self.talk(conversation).left_out;
        wanted.retain(|device, _| !left_out.contains(device));
        let result = self.account.plan(conversation, &wanted);
        let plan = self.kept(result).await?;
        let result = self.account.membership(conversation);
        let membership = self.kept(result).await?;
        if membership != Membership::In || !plan.is_empty() {
            let plan = if membership == Membership::None { first_plan(&wanted, self.account.device()) } else { plan };
            return self.commit(conversation, plan, &wanted, versions).await;
        }
        self.talk(conversation).is_eager = false;
        let Some(send) = send else { return Ok(Step::Done) };
        match self.account.seal(&send) {
            Ok(sealed) => self.transmit(send, Some(&sealed), versions).await,
            Err(error) => {
                // Too large, for example: nothing has changed, and it will not get better.
                tracing::warn!(%error, "a message cannot be encrypted");
                let mut frame = ErrorFrame::new(ErrorCode::TooLarge, "");
                frame.message = format!("payload: {}", chain(&error));
                let error = SendError::Rejected(Box::new(frame));
                self.give_up(conversation, &send.client_msg_id, error).await?;
                Ok(Step::Again)
            }
        }
    }

    /// Hands a message to the SDK, which sends it until there is an answer.
    async fn transmit(
        &mut self,
        send: MessageSend,
        sealed: Option<&Sealed>,
        versions: BTreeMap<String, u64>,
    ) -> Result<Step, Stop> {
        let (conversation, id) = (send.conversation_id.clone(), send.client_msg_id.clone());
        let draft = match sealed {
            Some(sealed) => Draft::from(send).encrypted(&sealed.payload, sealed.epoch, versions),
            None => Draft::from(send),
        };
        // What becomes of it is told by an event.
        drop(self.client.send(&conversation, draft).await);
        self.talk(&conversation).in_flight = Some(id);
        Ok(Step::Done)
    }

    /// Who is in a conversation.
    async fn members(&mut self, conversation: &str) -> Result<Vec<String>, HttpError> {
        if let Some(members) = &self.talk(conversation).members {
            return Ok(members.clone());
        }
        let direct = convert::conversation_id("conversationId", conversation).ok().and_then(|id| id.direct_members());
        let members = if let Some(members) = direct {
            members.iter().map(ToString::to_string).collect()
        } else {
            let mut members = Vec::new();
            let mut after: Option<String> = None;
            loop {
                let page = self.http.members(conversation, after.as_deref()).await?;
                members.extend(page.members.into_iter().map(|member| member.user_id));
                after = page.next;
                if after.is_none() {
                    break members;
                }
            }
        };
        self.talk(conversation).members = Some(members.clone());
        Ok(members)
    }

    /// Asks the directory for the devices of these users, where they may have changed since it was asked last.
    async fn ask_for_devices(&mut self, users: &[String]) -> Result<Result<(), HttpError>, Stop> {
        let is_due = |user: &&String| self.work.dirty.contains(*user) || !self.work.asked.contains(*user);
        let due: Vec<String> = users.iter().filter(is_due).cloned().collect();
        let calls = due.into_iter().map(|user| {
            let http = self.http.clone();
            async move { http.identities(&user).await }
        });
        let answers: Vec<_> = stream::iter(calls).buffer_unordered(CALLS_AT_ONCE).collect().await;
        for answer in answers {
            match answer {
                Ok(bundles) => drop(self.take_devices(&bundles.user_id, &bundles).await?),
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(()))
    }

    /// Asks the directory for the devices of a user.
    pub(super) async fn fetch_devices(&mut self, user: &str) -> Result<Result<DeviceSet, HttpError>, Stop> {
        match self.http.identities(user).await {
            Ok(bundles) => Ok(Ok(self.take_devices(user, &bundles).await?)),
            Err(error) => Ok(Err(error)),
        }
    }

    /// Keeps what the directory says, and tells where a safety number has changed.
    async fn take_devices(&mut self, user: &str, bundles: &KeyBundles) -> Result<DeviceSet, Stop> {
        let set = set_of(user, bundles);
        let result = self.account.is_verified(user);
        let was_verified = self.kept(result).await? == Some(true);
        let result = self.account.set_devices(user, &set);
        let has_changed = self.kept(result).await?;
        self.work.dirty.remove(user);
        self.work.asked.insert(user.to_owned());
        if has_changed && user != self.account.device().user_id() {
            self.tell(Event::SafetyNumberChanged { user_id: user.to_owned(), was_verified }).await;
        }
        Ok(set)
    }

    /// Makes a commit of a plan; it is offered by the next step.
    async fn commit(
        &mut self,
        conversation: &str,
        plan: Plan,
        wanted: &BTreeMap<Device, IdentityKey>,
        versions: BTreeMap<String, u64>,
    ) -> Result<Step, Stop> {
        let packages = match self.packages(&plan.add, wanted).await {
            Ok(packages) => packages,
            Err(error) => return self.troubled(conversation, error).await,
        };
        let (mut add, mut left_out) = (Vec::new(), BTreeSet::new());
        for device in &plan.add {
            match packages.get(device) {
                Some(Ok(package)) => add.push(package.clone()),
                Some(Err(error)) => {
                    tracing::warn!(%device, error = chain(error), "left out of the group");
                    left_out.insert(device.clone());
                }
                None => {
                    left_out.insert(device.clone());
                }
            }
        }
        // Who is to be replaced and cannot be added is not removed either.
        let remove: Vec<Device> = plan.remove.into_iter().filter(|device| !left_out.contains(device)).collect();
        self.talk(conversation).left_out.extend(left_out);
        let changes = Changes { add, remove };
        let result = self.account.begin_commit(conversation, &changes, versions, now_ms());
        self.kept(result).await?;
        let result = self.account.pending_commit(conversation);
        if let Some(pending) = self.kept(result).await? {
            self.work.begun.insert(pending.message.client_msg_id, 0);
        }
        Ok(Step::Again)
    }

    /// A key package of each device, out of the directory.
    async fn packages(
        &mut self,
        devices: &[Device],
        wanted: &BTreeMap<Device, IdentityKey>,
    ) -> Result<BTreeMap<Device, Result<KeyPackage, KeyPackageError>>, HttpError> {
        let mut by_user: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for device in devices {
            by_user.entry(device.user_id()).or_default().push(device.device_id());
        }
        let calls: Vec<_> = by_user
            .into_iter()
            .map(|(user, names)| {
                let (http, user) = (self.http.clone(), user.to_owned());
                let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
                async move { http.take_keys(&user, &names.iter().map(String::as_str).collect::<Vec<_>>()).await }
            })
            .collect();
        let answers: Vec<_> = stream::iter(calls).buffer_unordered(CALLS_AT_ONCE).collect().await;
        let now_seconds = now_ms() / 1000;
        let mut packages = BTreeMap::new();
        for answer in answers {
            let bundles = answer?;
            for bundle in bundles.devices {
                let Ok(device) = Device::new(&bundles.user_id, &bundle.device_id) else { continue };
                let (Some(payload), Some(key)) = (bundle.key_package, wanted.get(&device)) else { continue };
                let package = KeyPackage::parse(&payload, &device, *key, now_seconds);
                packages.insert(device, package);
            }
        }
        Ok(packages)
    }

    /// Offers a commit that waits to the service.
    async fn offer(&mut self, conversation: &str, pending: PendingCommit) -> Result<Step, Stop> {
        let mut message = pending.message.clone();
        if let Some(welcome) = &pending.large_welcome {
            match self.upload(conversation, welcome.as_bytes()).await {
                Ok(handle) => message.media_handle = Some(handle),
                Err(error) => return Ok(Step::Retry(Some(Waiting::Service(chain(&error))))),
            }
        }
        // One that was begun before this start may have been sent before it.
        let tries = self.work.begun.entry(message.client_msg_id.clone()).or_insert(1);
        message.attempt = Some(*tries);
        *tries = tries.saturating_add(3);
        let result = self.account.membership(conversation);
        let is_founding = self.kept(result).await? == Membership::Founding;
        let error = match self.http.commit(&message).await {
            Ok(sent) => {
                let result = self.account.commit_accepted(&sent);
                self.kept(result).await?;
                self.work.begun.remove(&message.client_msg_id);
                let talk = self.talk(conversation);
                (talk.failures, talk.told) = (0, None);
                if is_founding {
                    self.tell(Event::Joined { conversation_id: conversation.to_owned() }).await;
                }
                return Ok(Step::Again);
            }
            Err(error) => error,
        };
        let HttpError::Rejected { error: frame, .. } = &error else {
            return Ok(Step::Retry(Some(Waiting::Service(chain(&error)))));
        };
        let is_elsewhere = frame.code == ErrorCode::StaleEpoch || frame.code == ErrorCode::Forbidden;
        match frame.code {
            // The winner's commit comes by the log, and takes the place of this one.
            ErrorCode::StaleEpoch if !is_founding => {
                let talk = self.talk(conversation);
                talk.failures += 1;
                if talk.failures.is_multiple_of(LOST_COMMITS_MAX) {
                    self.client.reconnect();
                }
                return Ok(Step::Later(LOG_PATIENCE, None));
            }
            _ => {}
        }
        if let Some(later) = passing(frame) {
            return Ok(later);
        }
        let result = self.account.commit_refused(&pending, is_elsewhere);
        self.kept(result).await?;
        self.learn(conversation, frame).await?;
        match frame.code {
            ErrorCode::StaleEpoch => self.ask_to_be_added(conversation).await,
            ErrorCode::StaleDevices => Ok(Step::Again),
            // In a group the first commit is for admins.
            ErrorCode::Forbidden if is_founding => {
                self.talk(conversation).is_eager = false;
                Ok(Step::Later(ASK_BASE, Some(Waiting::Founding)))
            }
            _ => self.troubled(conversation, error).await,
        }
    }

    /// A call has failed: what passes is tried again, else what waits to be sent has failed.
    async fn troubled(&mut self, conversation: &str, error: HttpError) -> Result<Step, Stop> {
        let HttpError::Rejected { error: frame, .. } = error else {
            return Ok(Step::Retry(Some(Waiting::Service(chain(&error)))));
        };
        if let Some(later) = passing(&frame) {
            return Ok(later);
        }
        self.talk(conversation).is_eager = false;
        let result = self.account.next_message(conversation);
        let Some((send, _)) = self.kept(result).await? else { return Ok(Step::Done) };
        self.give_up(conversation, &send.client_msg_id, SendError::Rejected(frame)).await?;
        Ok(Step::Again)
    }

    /// Asks a device that may be in the group to add this one, another each time.
    async fn ask_to_be_added(&mut self, conversation: &str) -> Result<Step, Stop> {
        let now = Instant::now();
        if let Some(again) = self.talk(conversation).asked_again
            && again > now
        {
            return Ok(Step::Later(again - now, Some(Waiting::BeingAdded)));
        }
        let members = match self.members(conversation).await {
            Ok(members) => members,
            // Not a member any more: there is nothing to be added to.
            Err(HttpError::Rejected { .. }) => return Ok(Step::Done),
            Err(error) => return Ok(Step::Retry(Some(Waiting::Service(chain(&error))))),
        };
        self.work.dirty.extend(members.iter().cloned());
        if let Err(error) = self.ask_for_devices(&members).await? {
            tracing::debug!(error = chain(&error), "the directory does not tell of all");
        }
        let mut devices = Vec::new();
        for user in &members {
            let result = self.account.vault().devices(user);
            let set = self.kept(result.map_err(AccountError::from)).await?.unwrap_or_default();
            devices.extend(set.devices.into_keys());
        }
        devices.retain(|device| device != self.account.device());
        let asked = self.talk(conversation).asked;
        let pause = ASK_BASE.saturating_mul(1 << asked.min(6)).min(ASK_CAP);
        let talk = self.talk(conversation);
        talk.asked = asked.saturating_add(1);
        talk.asked_again = Some(now + pause);
        if devices.is_empty() {
            return Ok(Step::Later(pause, Some(Waiting::BeingAdded)));
        }
        let at = (rand::random::<u32>() as usize) % devices.len();
        let Some(device) = devices.get(at) else { return Ok(Step::Later(pause, None)) };
        let mail = MailPost {
            client_mail_id: uuid::Uuid::now_v7().to_string(),
            kind: REJOIN.to_owned(),
            payload: Payload::of(&serde_json::json!({ "v": 1 })),
            conversation_id: Some(conversation.to_owned()),
        };
        if let Err(error) = self.http.post_mail(device.user_id(), device.device_id(), &mail).await {
            tracing::warn!(%device, error = chain(&error), "cannot be asked");
        }
        Ok(Step::Later(pause, Some(Waiting::BeingAdded)))
    }

    /// Puts bytes into storage, for the members of a conversation.
    async fn upload(&mut self, conversation: &str, bytes: &[u8]) -> Result<String, MediaError> {
        let path = self.account.vault().folder().join(format!("welcome-{}", uuid::Uuid::now_v7()));
        tokio::fs::write(&path, bytes).await?;
        let uploaded = opaque::upload(&self.http, conversation, &path).await;
        tokio::fs::remove_file(&path).await?;
        Ok(uploaded?.0)
    }

    /// Encrypted conversations of the user that this device is in none of the groups of.
    pub(super) async fn encrypted_elsewhere(&mut self) -> Result<Vec<String>, Stop> {
        let mut since: Option<String> = None;
        let mut found = Vec::new();
        loop {
            let Ok(page) = self.http.conversations(since.as_deref(), None).await else { return Ok(Vec::new()) };
            for conversation in page.conversations.into_iter().filter(|conversation| conversation.encrypted) {
                let result = self.account.membership(&conversation.conversation_id);
                if !matches!(self.kept(result).await?, Membership::In) {
                    self.talk(&conversation.conversation_id).is_founded_elsewhere = true;
                    found.push(conversation.conversation_id);
                }
            }
            if !page.has_more {
                break;
            }
            since = Some(page.next);
        }
        self.work.has_looked = true;
        Ok(found)
    }
}

/// Everybody but oneself, as many as one commit takes.
fn first_plan(wanted: &BTreeMap<Device, IdentityKey>, own: &Device) -> Plan {
    let others = wanted.keys().filter(|device| *device != own);
    Plan { add: others.take(ADDS_MAX).cloned().collect(), ..Plan::default() }
}

/// When to try again what the service cannot do now; none where that would not help.
fn passing(frame: &ErrorFrame) -> Option<Step> {
    let passes = matches!(frame.code, ErrorCode::RateLimited | ErrorCode::Unavailable | ErrorCode::Internal);
    let pause = Duration::from_millis(frame.retry_after_ms.unwrap_or(1_000));
    passes.then(|| Step::Later(pause, Some(Waiting::Service(frame.message.clone()))))
}

/// What the directory says; a key that is none is left out, and its device is not encrypted for.
pub(crate) fn set_of(user: &str, bundles: &KeyBundles) -> DeviceSet {
    let device = |bundle: &tidings_sdk::protocol::keys::KeyBundle| {
        let key = STANDARD.decode(&bundle.identity_key).ok()?;
        Some((Device::new(user, &bundle.device_id).ok()?, IdentityKey::from_bytes(&key)?))
    };
    DeviceSet { version: bundles.devices_version, devices: bundles.devices.iter().filter_map(device).collect() }
}
