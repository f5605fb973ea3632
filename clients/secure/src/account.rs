//! What this device holds, and what each thing that happens changes: the vault with the MLS state in it. No network.
//!
//! Every change is one transaction: the state of MLS, what was read or encrypted with it, and the cursor.

mod reading;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{File, TryLockError},
    path::Path,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tidings_mls::{
    Changes, Commit, Content, Device, Group, Identity, IdentityKey, Plan, SafetyNumber, own_key_packages,
    remove_expired_key_packages,
};
use tidings_sdk::protocol::{
    MessageNew, MessageSend, MessageSent,
    keys::{DeviceRef, KeyUpload, MessageCommit},
};
use tidings_vault::{DeviceSet, NewMessage, Outgoing, Sealed, Transaction, Unlock, Vault, VaultError};

pub(crate) use self::reading::{Effect, Joined};
use crate::error::{AccountError, OpenError};

/// The file whose lock says that a process uses the account.
const LOCK_FILE: &str = "lock";
/// Key packages that are put into the directory at once; so many are kept there.
const KEY_PACKAGES: usize = 40;
/// Below this they are topped up.
const KEY_PACKAGES_LOW: u64 = 20;
/// Messages that are looked through for those after a place.
const KEPT_MAX: usize = 1_000;
/// A Welcome may be so late that the key package of it is over, in seconds.
const WELCOME_GRACE_SECONDS: u64 = 30 * 24 * 60 * 60;

/// A device of a user: its keys, its groups and its history.
#[derive(Debug)]
pub struct Account {
    vault: Vault,
    identity: Identity,
    /// Held for as long as the account is open: two that used the same keys would use them twice.
    _lock: File,
}

/// A commit that waits for the service, as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PendingCommit {
    pub(crate) message: MessageCommit,
    /// A Welcome that is too large for a frame, and goes as media.
    pub(crate) large_welcome: Option<String>,
}

/// How this device stands to the group of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// There is no group here: the conversation is in the clear, or this device has not been added yet.
    None,
    /// The group was made here, and its first commit is not accepted yet.
    Founding,
    /// This device is in the group.
    In,
    /// This device was removed, or cannot follow any more. It has to be added anew.
    Out,
}

impl Account {
    /// Opens the account of a device in a folder, or makes it where there is none.
    pub fn open(folder: &Path, unlock: &Unlock<'_>, device: Device) -> Result<Self, OpenError> {
        std::fs::create_dir_all(folder).map_err(OpenError::Files)?;
        let lock = File::create(folder.join(LOCK_FILE)).map_err(OpenError::Files)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => OpenError::InUse,
            TryLockError::Error(error) => OpenError::Files(error),
        })?;
        let mut vault = match Vault::open(folder, unlock) {
            Err(tidings_vault::OpenError::Missing(_)) => Vault::create(folder, unlock)?,
            opened => opened?,
        };
        let identity = vault.write(|tx| match Identity::load(tx).map_err(VaultError::other)? {
            Some(identity) => Ok(identity),
            None => Identity::create(tx, device.clone()).map_err(VaultError::other),
        })?;
        if *identity.device() != device {
            return Err(OpenError::OtherDevice { expected: device, found: identity.device().clone() });
        }
        Ok(Self { vault, identity, _lock: lock })
    }

    /// The device.
    pub fn device(&self) -> &Device {
        self.identity.device()
    }

    /// What it signs with.
    pub fn identity_key(&self) -> IdentityKey {
        self.identity.key()
    }

    /// The vault: history, search, verified users, backups.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The same, to be written to. Its state of MLS is this crate's alone.
    pub fn vault_mut(&mut self) -> &mut Vault {
        &mut self.vault
    }

    /// The last entry of each conversation that was taken in.
    pub(crate) fn cursors(&self) -> Result<Vec<(String, u64)>, AccountError> {
        let conversations = self.vault.conversations()?.into_iter();
        Ok(conversations.filter(|found| found.cursor > 0).map(|found| (found.id, found.cursor)).collect())
    }

    /// The keys to put into the directory, given what it has; none where that suffices.
    pub(crate) fn key_upload(
        &mut self,
        directory_key: Option<&str>,
        count: u64,
        has_last_resort: bool,
        now_seconds: u64,
    ) -> Result<Option<KeyUpload>, AccountError> {
        let identity_key = STANDARD.encode(self.identity.key().as_bytes());
        let identity = &self.identity;
        self.vault
            .write(|tx| {
                remove_expired_key_packages(tx, now_seconds, WELCOME_GRACE_SECONDS).map_err(VaultError::other)?;
                let own = own_key_packages(tx).map_err(VaultError::other)?;
                let is_old = own.iter().any(|package| package.needs_renewal(now_seconds));
                let is_new = directory_key != Some(identity_key.as_str()) || is_old;
                if !is_new && count > KEY_PACKAGES_LOW && has_last_resort {
                    return Ok(None);
                }
                let held = if is_new { 0 } else { usize::try_from(count).unwrap_or(KEY_PACKAGES) };
                let wanted = KEY_PACKAGES.saturating_sub(held);
                let key_packages = identity.make_key_packages(tx, wanted, now_seconds).map_err(VaultError::other)?;
                let last_resort = if is_new || !has_last_resort {
                    Some(identity.make_last_resort_key_package(tx, now_seconds).map_err(VaultError::other)?)
                } else {
                    None
                };
                Ok(Some(KeyUpload { identity_key, key_packages, last_resort }))
            })
            .map_err(AccountError::from)
    }

    /// How this device stands to the group of a conversation.
    pub fn membership(&mut self, conversation: &str) -> Result<Membership, AccountError> {
        self.vault.write(|tx| membership(tx, conversation)).map_err(AccountError::from)
    }

    /// The devices in the group of a conversation; none where this device has no group.
    pub fn roster(&mut self, conversation: &str) -> Result<BTreeSet<Device>, AccountError> {
        let roster = self.vault.write(|tx| {
            let group = Group::load(tx, conversation).map_err(VaultError::other)?;
            group.map(|group| group.roster().map_err(VaultError::other)).transpose()
        })?;
        Ok(roster.map(|roster| roster.devices()).unwrap_or_default())
    }

    /// The conversations in whose groups this device is, where the roster is wanted.
    pub(crate) fn groups(&mut self, wanted: impl Fn(&BTreeSet<Device>) -> bool) -> Result<Vec<String>, AccountError> {
        let mut groups = Vec::new();
        for conversation in self.vault.conversations()? {
            if wanted(&self.roster(&conversation.id)?) {
                groups.push(conversation.id);
            }
        }
        Ok(groups)
    }

    /// Whether the user has said that a conversation is to be in the clear.
    pub fn is_clear(&self, conversation: &str) -> Result<bool, AccountError> {
        Ok(self.vault.conversations()?.iter().any(|found| found.id == conversation && found.is_clear))
    }

    /// What is to change in the group of a conversation for it to have the wanted devices.
    pub(crate) fn plan(
        &mut self,
        conversation: &str,
        wanted: &BTreeMap<Device, IdentityKey>,
    ) -> Result<Plan, AccountError> {
        let rejoin = self.vault.rejoins(conversation)?;
        let identity = &self.identity;
        self.vault
            .write(|tx| {
                let Some(group) = Group::load(tx, conversation).map_err(VaultError::other)? else {
                    return Ok(Plan::default());
                };
                for device in &rejoin {
                    // Who is not a member any more does not come back by asking.
                    if !wanted.contains_key(device) {
                        tx.rejoined(conversation, device)?;
                    }
                }
                group.plan(identity, wanted, &rejoin).map_err(VaultError::other)
            })
            .map_err(AccountError::from)
    }

    /// Makes a commit, and the group where there is none; it waits in the outbox from here on.
    pub(crate) fn begin_commit(
        &mut self,
        conversation: &str,
        changes: &Changes,
        devices: BTreeMap<String, u64>,
        now_ms: u64,
    ) -> Result<(), AccountError> {
        let identity = &self.identity;
        self.vault
            .write(|tx| {
                let mut group = match Group::load(tx, conversation).map_err(VaultError::other)? {
                    Some(group) => group,
                    None => Group::create(tx, identity, conversation, now_ms / 1000).map_err(VaultError::other)?,
                };
                let commit = group.commit(tx, identity, changes).map_err(VaultError::other)?;
                let pending = pending(conversation, commit, devices, tx.cursor(conversation)?, now_ms);
                let message = &pending.message;
                tx.queue(&Outgoing {
                    conversation_id: conversation.to_owned(),
                    client_msg_id: message.client_msg_id.clone(),
                    is_commit: true,
                    sealed: Some(Sealed { epoch: message.epoch, payload: message.payload.clone() }),
                    body: Some(json(&pending)?),
                })
            })
            .map_err(AccountError::from)
    }

    /// The commit of a conversation that waits for the service.
    pub(crate) fn pending_commit(&self, conversation: &str) -> Result<Option<PendingCommit>, AccountError> {
        let outbox = self.vault.outbox()?;
        let found = outbox.into_iter().find(|out| out.is_commit && out.conversation_id == conversation);
        let body = found.and_then(|out| out.body);
        body.map(|body| serde_json::from_str(&body).map_err(|_| AccountError::Malformed)).transpose()
    }

    /// The service has accepted the commit that waits.
    pub(crate) fn commit_accepted(&mut self, sent: &MessageSent) -> Result<(), AccountError> {
        let conversation = sent.conversation_id.as_str();
        self.vault
            .write(|tx| {
                let Some(out) = tx.unqueue(conversation, &sent.client_msg_id)? else { return Ok(()) };
                if let Some(mut group) = Group::load(tx, conversation).map_err(VaultError::other)? {
                    group.accept_commit(tx).map_err(VaultError::other)?;
                }
                reading::forget_rejoins(tx, conversation, &out)?;
                pass_over(tx, sent)
            })
            .map_err(AccountError::from)
    }

    /// The service has refused the commit that waits, for good. A group that was being founded is gone with it where
    /// `is_founded_elsewhere`.
    pub(crate) fn commit_refused(
        &mut self,
        pending: &PendingCommit,
        is_founded_elsewhere: bool,
    ) -> Result<(), AccountError> {
        let conversation = pending.message.conversation_id.as_str();
        self.vault
            .write(|tx| {
                tx.unqueue(conversation, &pending.message.client_msg_id)?;
                let Some(mut group) = Group::load(tx, conversation).map_err(VaultError::other)? else { return Ok(()) };
                if group.epoch() == 0 && is_founded_elsewhere {
                    return group.delete(tx).map_err(VaultError::other);
                }
                group.discard_commit(tx).map_err(VaultError::other)
            })
            .map_err(AccountError::from)
    }

    /// Puts a message into the outbox.
    pub(crate) fn queue(&mut self, send: &MessageSend) -> Result<(), AccountError> {
        let outgoing = Outgoing {
            conversation_id: send.conversation_id.clone(),
            client_msg_id: send.client_msg_id.clone(),
            is_commit: false,
            sealed: None,
            body: Some(json(send)?),
        };
        self.vault.write(|tx| tx.queue(&outgoing)).map_err(AccountError::from)
    }

    /// Takes a message out of the outbox that will not be sent. `false` where it is not there.
    pub(crate) fn withdraw(&mut self, conversation: &str, client_msg_id: &str) -> Result<bool, AccountError> {
        Ok(self.vault.write(|tx| tx.unqueue(conversation, client_msg_id))?.is_some())
    }

    /// The next message of a conversation that is to be sent, and its ciphertext if it has one.
    pub(crate) fn next_message(
        &self,
        conversation: &str,
    ) -> Result<Option<(MessageSend, Option<Sealed>)>, AccountError> {
        let outbox = self.vault.outbox()?;
        let next = outbox.into_iter().find(|out| !out.is_commit && out.conversation_id == conversation);
        let Some(Outgoing { sealed, body: Some(body), .. }) = next else { return Ok(None) };
        let send = serde_json::from_str(&body).map_err(|_| AccountError::Malformed)?;
        Ok(Some((send, sealed)))
    }

    /// Conversations that have something to send.
    pub(crate) fn waiting(&self) -> Result<BTreeSet<String>, AccountError> {
        Ok(self.vault.outbox()?.into_iter().map(|out| out.conversation_id).collect())
    }

    /// Encrypts a message of the outbox. From here on it is this ciphertext that is sent, until the service refuses it.
    pub(crate) fn seal(&mut self, send: &MessageSend) -> Result<Sealed, AccountError> {
        let content = content_of(send);
        let identity = &self.identity;
        let conversation = send.conversation_id.as_str();
        self.vault
            .write(|tx| {
                let sealed = encrypted(tx, identity, conversation, &content)?;
                tx.seal(conversation, &send.client_msg_id, Some(&sealed))?;
                Ok(sealed)
            })
            .map_err(AccountError::from)
    }

    /// Encrypts what is not queued, as an edit is.
    pub(crate) fn encrypt(&mut self, conversation: &str, content: &Content) -> Result<Sealed, AccountError> {
        let identity = &self.identity;
        self.vault.write(|tx| encrypted(tx, identity, conversation, content)).map_err(AccountError::from)
    }

    /// The service has refused a ciphertext for its epoch or its devices: the message is to be encrypted anew.
    pub(crate) fn unseal(&mut self, conversation: &str, client_msg_id: &str) -> Result<(), AccountError> {
        self.vault.write(|tx| tx.seal(conversation, client_msg_id, None)).map_err(AccountError::from)
    }

    /// The service has accepted a message. What it was goes into the history.
    pub(crate) fn sent(&mut self, sent: &MessageSent) -> Result<(), AccountError> {
        let me = self.identity.device();
        self.vault
            .write(|tx| {
                let Some(out) = tx.unqueue(&sent.conversation_id, &sent.client_msg_id)? else { return Ok(()) };
                reading::keep_own(tx, me, &out, &sent.message_id, sent.sequence, sent.ts)?;
                pass_over(tx, sent)
            })
            .map_err(AccountError::from)
    }

    /// Keeps an edit of a message that this device made.
    pub(crate) fn keep_edit(
        &mut self,
        conversation: &str,
        sequence: Option<u64>,
        body: &Value,
    ) -> Result<(), AccountError> {
        let Some(sequence) = sequence else { return Ok(()) };
        self.vault.write(|tx| tx.edit(conversation, sequence, body, said(body)).map(drop)).map_err(AccountError::from)
    }

    /// What the directory says of a user's devices. Tells whether they are others than those whose safety number was seen
    /// before.
    pub(crate) fn set_devices(&mut self, user: &str, set: &DeviceSet) -> Result<bool, AccountError> {
        let before = self.vault.devices(user)?;
        self.vault.write(|tx| tx.set_devices(user, set))?;
        Ok(before.is_some_and(|before| !before.devices.is_empty() && before.devices != set.devices))
    }

    /// The safety number of this user and another, of the devices that the directory last named; none where it was
    /// never asked for one of them.
    pub fn safety_number(&self, user: &str) -> Result<Option<SafetyNumber>, AccountError> {
        let me = self.device().user_id();
        let (Some(mut own), Some(theirs)) = (self.vault.devices(me)?, self.vault.devices(user)?) else {
            return Ok(None);
        };
        own.devices.insert(self.device().clone(), self.identity_key());
        let keys = |set: &DeviceSet| set.devices.values().copied().collect::<Vec<_>>();
        Ok(Some(SafetyNumber::of((me, &keys(&own)), (user, &keys(&theirs)))))
    }

    /// Whether the user has compared the safety number with another, and it has not changed since.
    pub fn is_verified(&self, user: &str) -> Result<Option<bool>, AccountError> {
        let Some(verified) = self.vault.verified()?.into_iter().find(|verified| verified.user_id == user) else {
            return Ok(None);
        };
        let now = self.safety_number(user)?;
        Ok(Some(now.is_some_and(|now| now.digits() == verified.safety_number)))
    }

    /// Messages that are kept after a place, oldest first, as they were in the log. What else is in an entry is not kept.
    pub fn kept_after(&self, conversation: &str, sequence: u64) -> Result<Vec<MessageNew>, AccountError> {
        let mut kept = self.vault.messages(conversation, u64::MAX, KEPT_MAX)?;
        kept.retain(|message| message.sequence > sequence);
        kept.reverse();
        Ok(kept.iter().map(reading::entry_of).collect())
    }

    /// A page of a log with what this device can read of it in place of the ciphertexts.
    pub fn read_page(&self, messages: &mut [MessageNew]) -> Result<(), AccountError> {
        messages.iter_mut().try_for_each(|message| reading::substitute(&self.vault, message))
    }
}

fn encrypted(
    tx: &Transaction<'_>,
    identity: &Identity,
    conversation: &str,
    content: &Content,
) -> Result<Sealed, VaultError> {
    let group = Group::load(tx, conversation).map_err(VaultError::other)?;
    let mut group = group.ok_or(VaultError::Malformed("groups"))?;
    let made = group.encrypt(tx, identity, content).map_err(VaultError::other)?;
    Ok(Sealed { epoch: made.epoch, payload: made.payload })
}

/// Moves the cursor over an entry of this device, where nothing is missing before it: what is missing is yet to come.
fn pass_over(tx: &Transaction<'_>, sent: &MessageSent) -> Result<(), VaultError> {
    if tx.cursor(&sent.conversation_id)?.saturating_add(1) == sent.sequence {
        tx.set_cursor(&sent.conversation_id, sent.sequence)?;
    }
    Ok(())
}

fn membership(tx: &Transaction<'_>, conversation: &str) -> Result<Membership, VaultError> {
    let group = Group::load(tx, conversation).map_err(VaultError::other)?;
    Ok(match group {
        _ if tx.is_lost(conversation)? => Membership::Out,
        None => Membership::None,
        Some(group) if !group.is_active() => Membership::Out,
        Some(group) if group.epoch() == 0 => Membership::Founding,
        Some(_) => Membership::In,
    })
}

fn pending(
    conversation: &str,
    commit: Commit,
    devices: BTreeMap<String, u64>,
    cursor: u64,
    now_ms: u64,
) -> PendingCommit {
    let is_large = commit.is_welcome_by_media();
    let (welcome, large_welcome) = if is_large { (None, commit.welcome) } else { (commit.welcome, None) };
    let name =
        |device: &Device| DeviceRef { user_id: device.user_id().to_owned(), device_id: device.device_id().to_owned() };
    let message = MessageCommit {
        conversation_id: conversation.to_owned(),
        client_msg_id: uuid::Uuid::now_v7().to_string(),
        payload: commit.payload,
        ts: now_ms,
        epoch: commit.epoch,
        welcome,
        welcomed: commit.welcomed.iter().map(name).collect(),
        media_handle: None,
        devices,
        attempt: None,
        base_sequence: Some(cursor),
    };
    PendingCommit { message, large_welcome }
}

/// What a message says, inside of it.
fn content_of(send: &MessageSend) -> Content {
    Content { kind: reading::kind_name(send.kind.as_ref()), body: send.payload.value() }
}

/// What can be searched for in a body.
pub(crate) fn said(body: &Value) -> Option<&str> {
    body.get("text").and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn json(value: &impl Serialize) -> Result<String, VaultError> {
    serde_json::to_string(value).map_err(VaultError::other)
}

/// A message as it is kept.
fn new_message(message: &MessageNew, kind: &str, body: Value) -> NewMessage {
    NewMessage {
        conversation_id: message.conversation_id.clone(),
        sequence: message.sequence,
        message_id: message.message_id.clone(),
        sender_user_id: message.sender_user_id.clone(),
        sender_device_id: message.sender_device_id.clone(),
        sent_ms: message.ts,
        kind: kind.to_owned(),
        text: said(&body).map(str::to_owned),
        body,
        mentions: message.mentions.clone(),
    }
}
