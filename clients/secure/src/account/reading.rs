//! Taking in the log, entry by entry, and Welcomes.

use serde::Deserialize;
use serde_json::{Value, json};
use tidings_mls::{
    Content, Device, Entry, Event as MlsEvent, Group, Identity, JoinError, ProcessError, Processed, WelcomeMail,
};
use tidings_sdk::protocol::{Kind, MessageEvent, MessageNew, MessageSend, Payload, keys::MailNew};
use tidings_vault::{Held, Message, NewMessage, Outgoing, Transaction, UNREADABLE, Vault, VaultError};

use super::{Account, PendingCommit, content_of, new_message, said};
use crate::error::AccountError;

const REACTION: &str = "reaction";
const VOTE: &str = "vote";

/// What an entry of the log has changed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    /// There is something to show: the entry as it was decrypted, or as it was in the clear.
    Show(Box<MessageNew>),
    /// An entry cannot be read before this device is in the group. It is kept until then.
    Held,
    /// The group has other devices now.
    Devices {
        /// Who has come, or was put in anew.
        added: Vec<Device>,
        /// Who has gone.
        removed: Vec<Device>,
    },
    /// This device was removed, or cannot follow: it has to be added anew.
    Out,
}

/// What became of a Welcome.
#[derive(Debug)]
pub(crate) enum Joined {
    /// This device is in the group, and can read these.
    In(Vec<Effect>),
    /// It is of no use.
    Refused(JoinError),
}

impl Account {
    /// Takes in the next entry of a conversation. One that was taken in before changes nothing.
    pub(crate) fn take(&mut self, entry: &MessageNew) -> Result<Vec<Effect>, AccountError> {
        let identity = &self.identity;
        self.vault
            .write(|tx| {
                if entry.sequence <= tx.cursor(&entry.conversation_id)? {
                    return Ok(Vec::new());
                }
                let effects = read(tx, identity, entry)?;
                tx.set_cursor(&entry.conversation_id, entry.sequence)?;
                Ok(effects)
            })
            .map_err(AccountError::from)
    }

    /// Joins by a Welcome, and reads what was held.
    pub(crate) fn join(&mut self, mail: &MailNew, welcome: &str) -> Result<Joined, AccountError> {
        let conversation = mail.conversation_id.as_deref().unwrap_or_default();
        let from = Device::new(&mail.from_user_id, &mail.from_device_id).map_err(AccountError::Device)?;
        let identity = &self.identity;
        self.vault
            .write(|tx| {
                let welcome = WelcomeMail { conversation_id: conversation, from: &from, payload: welcome };
                match Group::join(tx, identity, &welcome) {
                    Ok(_) => {}
                    Err(JoinError::Store(error)) => return Err(VaultError::other(error)),
                    Err(error) => return Ok(Joined::Refused(error)),
                }
                tx.set_lost(conversation, false)?;
                drop_commit(tx, conversation)?;
                let joined_at = mail.sequence.unwrap_or(0);
                let mut effects = Vec::new();
                for held in tx.take_held(conversation)? {
                    let entry: MessageNew = serde_json::from_str(&held.entry).map_err(VaultError::other)?;
                    if entry.sequence > joined_at {
                        effects.extend(read(tx, identity, &entry)?);
                    } else if entry.event != MessageEvent::Commit {
                        effects.push(unreadable(tx, &entry, "it is from before this device was added")?);
                    }
                }
                Ok(Joined::In(effects))
            })
            .map_err(AccountError::from)
    }

    /// Reads what is opened once, and is in no page of the log.
    pub(crate) fn open_once(&mut self, message: &MessageNew) -> Result<MessageNew, AccountError> {
        if !is_sealed(message) {
            return Ok(message.clone());
        }
        let identity = &self.identity;
        let effects = self.vault.write(|tx| sealed(tx, identity, message))?;
        let shown = effects.into_iter().find_map(|effect| match effect {
            Effect::Show(message) => Some(*message),
            _ => None,
        });
        shown.ok_or(AccountError::NotInGroup)
    }
}

/// Whether the content of an entry is a ciphertext.
fn is_sealed(entry: &MessageNew) -> bool {
    let has_content = matches!(entry.event, MessageEvent::Message | MessageEvent::Edit);
    let is_gone = entry.payload == Payload::default();
    has_content && !is_gone && entry.epoch.is_some_and(|epoch| epoch > 0)
}

fn read(tx: &Transaction<'_>, identity: &Identity, entry: &MessageNew) -> Result<Vec<Effect>, VaultError> {
    if is_sealed(entry) || entry.event == MessageEvent::Commit {
        return sealed(tx, identity, entry);
    }
    let conversation = entry.conversation_id.as_str();
    let body = entry.payload.value();
    match entry.event {
        MessageEvent::Message => {
            tx.unqueue(conversation, &entry.client_msg_id)?;
            if entry.payload != Payload::default() {
                tx.keep(&new_message(entry, &name_of(&entry.kind), body))?;
            }
        }
        MessageEvent::Edit => edit(tx, entry, &body)?,
        MessageEvent::Delete => {
            if let Some(sequence) = entry.target_sequence {
                tx.forget(conversation, sequence)?;
            }
        }
        _ => {}
    }
    Ok(vec![Effect::Show(Box::new(entry.clone()))])
}

/// An entry with a ciphertext, or a commit.
fn sealed(tx: &Transaction<'_>, identity: &Identity, entry: &MessageNew) -> Result<Vec<Effect>, VaultError> {
    let conversation = entry.conversation_id.as_str();
    let Ok(sender) = Device::new(&entry.sender_user_id, &entry.sender_device_id) else {
        return Ok(vec![unreadable(tx, entry, "its sender is no device")?]);
    };
    if sender == *identity.device() && entry.event != MessageEvent::Commit {
        return own(tx, identity.device(), entry);
    }
    let mut group = match Group::load(tx, conversation).map_err(VaultError::other)? {
        // Somebody else's first commit has won: theirs is the group.
        Some(group) if group.epoch() == 0 && sender != *identity.device() => {
            drop_commit(tx, conversation)?;
            group.delete(tx).map_err(VaultError::other)?;
            return hold(tx, entry);
        }
        Some(group) if group.is_active() && !tx.is_lost(conversation)? => group,
        _ => return hold(tx, entry),
    };
    let (Some(epoch), Value::String(payload)) = (entry.epoch, entry.payload.value()) else {
        return Ok(vec![unreadable(tx, entry, "it is no ciphertext")?]);
    };
    let event = if entry.event == MessageEvent::Commit { MlsEvent::Commit } else { MlsEvent::Message };
    let processed = group.process(tx, &Entry { sender: &sender, event, epoch, payload: &payload });
    Ok(match processed {
        Ok(Processed::Message { content: Ok(content), .. }) => vec![show(tx, entry, &content)?],
        Ok(Processed::Message { content: Err(error), .. }) => vec![unreadable(tx, entry, &error.to_string())?],
        Ok(Processed::OwnMessage | Processed::Known) => Vec::new(),
        Ok(Processed::OwnCommit { .. }) => {
            let out = tx.unqueue(conversation, &entry.client_msg_id)?;
            out.iter().try_for_each(|out| forget_rejoins(tx, conversation, out))?;
            Vec::new()
        }
        Ok(Processed::Commit(summary)) => {
            drop_commit(tx, conversation)?;
            for device in summary.replaced.iter().chain(&summary.added) {
                tx.rejoined(conversation, device)?;
            }
            let added = summary.added.into_iter().chain(summary.replaced).collect();
            vec![Effect::Devices { added, removed: summary.removed }]
        }
        Ok(Processed::Removed { .. }) => {
            drop_commit(tx, conversation)?;
            tx.set_lost(conversation, true)?;
            vec![Effect::Out]
        }
        Err(ProcessError::Store(error)) => return Err(VaultError::other(error)),
        Err(error) if error.needs_rejoin(event) => {
            tracing::warn!(conversation, sequence = entry.sequence, %error, "the group cannot be followed");
            tx.set_lost(conversation, true)?;
            drop_commit(tx, conversation)?;
            let mut effects = hold(tx, entry)?;
            effects.push(Effect::Out);
            effects
        }
        Err(_) if event == MlsEvent::Commit => Vec::new(),
        Err(error) => vec![unreadable(tx, entry, &error.to_string())?],
    })
}

fn hold(tx: &Transaction<'_>, entry: &MessageNew) -> Result<Vec<Effect>, VaultError> {
    let text = serde_json::to_string(entry).map_err(VaultError::other)?;
    tx.hold(&entry.conversation_id, &Held { sequence: entry.sequence, entry: text })?;
    Ok(vec![Effect::Held])
}

/// What this device sent itself, come back by the log: it cannot be decrypted, and is what is in the outbox, or kept.
fn own(tx: &Transaction<'_>, me: &Device, entry: &MessageNew) -> Result<Vec<Effect>, VaultError> {
    let conversation = entry.conversation_id.as_str();
    if let Some(out) = tx.unqueue(conversation, &entry.client_msg_id)? {
        keep_own(tx, me, &out, &entry.message_id, entry.sequence, entry.ts)?;
    }
    let kept = content_at(entry).map(|at| tx.message(conversation, at)).transpose()?.flatten();
    let Some(kept) = kept else {
        return Ok(vec![unreadable(tx, entry, "this device sent it, and has lost it")?]);
    };
    Ok(vec![Effect::Show(Box::new(with_content(entry, &kept.kind, &kept.body)))])
}

/// Puts a message of this device into the history.
pub(super) fn keep_own(
    tx: &Transaction<'_>,
    me: &Device,
    out: &Outgoing,
    message_id: &str,
    sequence: u64,
    ts: u64,
) -> Result<(), VaultError> {
    let Some(body) = out.body.as_deref().filter(|_| !out.is_commit) else { return Ok(()) };
    let send: MessageSend = serde_json::from_str(body).map_err(VaultError::other)?;
    let content = content_of(&send);
    let message = NewMessage {
        conversation_id: send.conversation_id,
        sequence,
        message_id: message_id.to_owned(),
        sender_user_id: me.user_id().to_owned(),
        sender_device_id: me.device_id().to_owned(),
        sent_ms: ts,
        text: said(&content.body).map(str::to_owned),
        kind: content.kind,
        body: content.body,
        mentions: send.mentions,
    };
    tx.keep(&message).map(drop)
}

/// Keeps what was decrypted, and shows it.
fn show(tx: &Transaction<'_>, entry: &MessageNew, content: &Content) -> Result<Effect, VaultError> {
    if entry.event == MessageEvent::Edit {
        edit(tx, entry, &content.body)?;
    } else {
        tx.keep(&new_message(entry, &content.kind, content.body.clone()))?;
    }
    Ok(Effect::Show(Box::new(with_content(entry, &content.kind, &content.body))))
}

/// Applies an edit, where it is by the author: which message it is about is the service's word alone.
fn edit(tx: &Transaction<'_>, entry: &MessageNew, body: &Value) -> Result<(), VaultError> {
    let Some(sequence) = entry.target_sequence else { return Ok(()) };
    let kept = tx.message(&entry.conversation_id, sequence)?;
    if kept.is_some_and(|kept| kept.sender_user_id == entry.sender_user_id) {
        tx.edit(&entry.conversation_id, sequence, body, said(body))?;
    }
    Ok(())
}

fn unreadable(tx: &Transaction<'_>, entry: &MessageNew, reason: &str) -> Result<Effect, VaultError> {
    let body = json!({ "reason": reason });
    if entry.event == MessageEvent::Message {
        tx.keep(&new_message(entry, UNREADABLE, body.clone()))?;
    }
    Ok(Effect::Show(Box::new(with_content(entry, UNREADABLE, &body))))
}

/// A commit of ours that can win no more.
fn drop_commit(tx: &Transaction<'_>, conversation: &str) -> Result<(), VaultError> {
    let pending = tx.outbox()?.into_iter().filter(|out| out.is_commit && out.conversation_id == conversation);
    for out in pending {
        tx.unqueue(conversation, &out.client_msg_id)?;
    }
    Ok(())
}

/// Whoever a commit of ours has added has what they asked for.
pub(super) fn forget_rejoins(tx: &Transaction<'_>, conversation: &str, out: &Outgoing) -> Result<(), VaultError> {
    let Some(body) = out.body.as_deref() else { return Ok(()) };
    let pending: PendingCommit = serde_json::from_str(body).map_err(VaultError::other)?;
    for device in &pending.message.welcomed {
        if let Ok(device) = Device::new(&device.user_id, &device.device_id) {
            tx.rejoined(conversation, &device)?;
        }
    }
    Ok(())
}

/// What is said about another message from within an encrypted one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct About {
    message_id: String,
    sequence: Option<u64>,
    #[serde(default)]
    reaction: Option<String>,
    #[serde(default)]
    choices: Vec<String>,
}

/// An entry with what was in it in place of its ciphertext. A reaction or a vote looks as it does in the clear.
fn with_content(entry: &MessageNew, kind: &str, body: &Value) -> MessageNew {
    let mut message = entry.clone();
    let about = || serde_json::from_value::<About>(body.clone()).ok();
    match kind {
        REACTION | VOTE if entry.event == MessageEvent::Message => {
            let Some(about) = about() else {
                return with_content(entry, UNREADABLE, &json!({ "reason": "it is about no message" }));
            };
            message.event = if kind == VOTE { MessageEvent::Vote } else { MessageEvent::Reaction };
            message.target_message_id = Some(about.message_id);
            message.target_sequence = about.sequence;
            (message.reaction, message.choices) = (about.reaction, about.choices);
            message.payload = Payload::default();
        }
        kind => {
            message.kind = kind_of(kind);
            message.payload = Payload::of(body);
        }
    }
    message
}

/// An entry of the log, as far as it is kept.
pub(super) fn entry_of(kept: &Message) -> MessageNew {
    let entry = MessageNew {
        conversation_id: kept.conversation_id.clone(),
        message_id: kept.message_id.clone(),
        sequence: kept.sequence,
        sender_user_id: kept.sender_user_id.clone(),
        sender_device_id: kept.sender_device_id.clone(),
        ts: kept.sent_ms,
        mentions: kept.mentions.clone(),
        ..MessageNew::default()
    };
    with_content(&entry, &kept.kind, &kept.body)
}

/// Puts what this device can read into an entry of a page.
pub(super) fn substitute(vault: &Vault, message: &mut MessageNew) -> Result<(), AccountError> {
    if !is_sealed(message) {
        return Ok(());
    }
    let kept = content_at(message).map(|at| vault.message(&message.conversation_id, at)).transpose()?.flatten();
    *message = match kept {
        Some(kept) => with_content(message, &kept.kind, &kept.body),
        None => with_content(message, UNREADABLE, &json!({ "reason": "this device has no keys for it" })),
    };
    Ok(())
}

/// Where the content of an entry is kept: an edit is applied to the message that it is about.
fn content_at(entry: &MessageNew) -> Option<u64> {
    if entry.event == MessageEvent::Edit { entry.target_sequence } else { Some(entry.sequence) }
}

fn name_of(kind: &Kind) -> String {
    match serde_json::to_value(kind) {
        Ok(Value::String(name)) => name,
        _ => "text".to_owned(),
    }
}

pub(super) fn kind_name(kind: Option<&Kind>) -> String {
    kind.map_or_else(|| "text".to_owned(), name_of)
}

fn kind_of(name: &str) -> Kind {
    serde_json::from_value(Value::String(name.to_owned())).unwrap_or_else(|_| Kind::Other(name.to_owned()))
}
