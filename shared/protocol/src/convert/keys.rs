//! Commits, keys and mail, between the wire and the domain.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::Arc,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};
use tidings_domain::{
    ids::{ClientMsgId, DeviceId, KindName, MailId, MessageId, Sender, Timestamp, UserId},
    keys::{self, DeviceSet, Difference, KeyPackage},
    limits,
    log::{Content, EventKind, Welcome},
    mailbox::{self, Mail, WELCOME},
    notice::DeviceChange,
    send::{Draft, SendRequest},
};

use super::{conversation_id, device_id, field, fits_a_frame, media_of_message, payload, resend_after, user_id};
use crate::{
    DeviceChanged, ErrorCode, ErrorFrame, ParseError, Payload,
    keys::{
        DeviceRef, KeyBundle, KeyBundles, KeyStock, KeyUpload, MailAck, MailNew, MailPage, MailPost, MessageCommit,
    },
    mls::{self, NotMls},
};

/// Users of whom `stale_devices` tells at most: the answer must fit a frame.
const STALE_USERS_MAX: usize = 8;

/// Checks a `message.commit`.
pub fn commit_request(sender: &Sender, body: &MessageCommit) -> Result<SendRequest, ParseError> {
    let conversation = conversation_id("conversationId", &body.conversation_id)?;
    let bytes = mls_message("payload", &body.payload)?;
    let head = mls::commit(&bytes).map_err(|why| not_mls("payload", why))?;
    if head.group_id != conversation.to_string().as_bytes() {
        return Err(ParseError::field("payload", "must be of the group that is called as the conversation"));
    }
    if head.epoch != body.epoch {
        return Err(ParseError::field("epoch", format_args!("must be that of the commit, {}", head.epoch)));
    }
    let content = Content {
        payload: quoted(&body.payload),
        media_handle: media_of_message(body.media_handle.as_deref())?,
        welcome: welcome(body)?,
        ..Content::empty(Timestamp(body.ts))
    };
    let draft = Draft {
        sender: sender.clone(),
        conversation,
        client_msg_id: field("clientMsgId", ClientMsgId::parse(&body.client_msg_id))?,
        event: EventKind::Commit,
        target: None,
        content,
        epoch: Some(body.epoch),
    };
    fits_a_frame(&draft)?;
    let resend_after = resend_after(body.attempt, body.base_sequence)?;
    Ok(SendRequest { draft, devices: device_versions(&body.devices)?, resend_after, answer_to: None })
}

/// The Welcome and whom it is for. One that is too large for the frame is the commit's media: the mail has a `null` in
/// its place, and its `sequence` says where the handle is.
fn welcome(body: &MessageCommit) -> Result<Option<Box<Welcome>>, ParseError> {
    let payload: Arc<str> = match &body.welcome {
        Some(text) => {
            mls::welcome(&mls_message("welcome", text)?).map_err(|why| not_mls("welcome", why))?;
            if body.welcomed.is_empty() {
                return Err(ParseError::field("welcomed", "must name whom the welcome is for"));
            }
            quoted(text)
        }
        None if body.welcomed.is_empty() => return Ok(None),
        None if body.media_handle.is_some() => "null".into(),
        None => return Err(ParseError::field("welcomed", "must be absent where there is no welcome")),
    };
    if body.welcomed.len() > limits::WELCOMED_MAX {
        return Err(ParseError::too_large("welcomed", format_args!("at most {}", limits::WELCOMED_MAX)));
    }
    let devices = body.welcomed.iter().enumerate().map(|(i, device)| device_ref(&format!("welcomed[{i}]"), device));
    Ok(Some(Box::new(Welcome { payload, devices: devices.collect::<Result<_, _>>()? })))
}

fn device_ref(name: &str, device: &DeviceRef) -> Result<Sender, ParseError> {
    Ok(Sender {
        user: user_id(&format!("{name}.userId"), &device.user_id)?,
        device: device_id(&format!("{name}.deviceId"), &device.device_id)?,
    })
}

/// Base64 is JSON text when it stands in quotes.
fn quoted(base64: &str) -> Arc<str> {
    format!("\"{base64}\"").into()
}

fn not_mls(name: &str, why: NotMls) -> ParseError {
    ParseError::field(name, why)
}

/// The bytes of a framed MLS message.
fn mls_message(name: &str, text: &str) -> Result<Vec<u8>, ParseError> {
    if text.len() + 2 > limits::PAYLOAD_BYTES_MAX {
        return Err(ParseError::too_large(name, format_args!("at most {} bytes", limits::PAYLOAD_BYTES_MAX - 2)));
    }
    STANDARD.decode(text).map_err(|_| ParseError::field(name, "must be base64"))
}

/// Checks which versions of whose devices something was encrypted for.
pub(super) fn device_versions(devices: &BTreeMap<String, u64>) -> Result<BTreeMap<UserId, u64>, ParseError> {
    if devices.len() > limits::DEVICE_VERSIONS_MAX {
        return Err(ParseError::too_large("devices", format_args!("at most {}", limits::DEVICE_VERSIONS_MAX)));
    }
    devices.iter().map(|(user, version)| Ok((user_id(&format!("devices.{user}"), user)?, *version))).collect()
}

/// Checks a `PUT /devices/{id}/keys`.
pub fn key_upload(owner: &Sender, body: &KeyUpload, now: Timestamp) -> Result<keys::KeyUpload, ParseError> {
    let identity = STANDARD.decode(&body.identity_key).ok().filter(|key| key.len() == 32);
    let identity = identity.ok_or_else(|| ParseError::field("identityKey", "must be 32 bytes in base64"))?;
    if body.key_packages.len() > limits::KEY_UPLOAD_MAX {
        return Err(ParseError::too_large("keyPackages", format_args!("at most {}", limits::KEY_UPLOAD_MAX)));
    }
    let packages = body.key_packages.iter().enumerate();
    let packages =
        packages.map(|(i, text)| key_package(&format!("keyPackages[{i}]"), text, owner, &identity, now, false));
    let mut packages = packages.collect::<Result<Vec<_>, _>>()?;
    packages.sort_by(|a, b| a.hash.cmp(&b.hash));
    packages.dedup_by(|a, b| a.hash == b.hash);
    let last = body.last_resort.as_ref();
    let last_resort = last.map(|text| key_package("lastResort", text, owner, &identity, now, true)).transpose()?;
    // As it is printed: a key has one text.
    Ok(keys::KeyUpload { identity: STANDARD.encode(&identity).into(), packages, last_resort })
}

fn key_package(
    name: &str,
    text: &str,
    owner: &Sender,
    identity: &[u8],
    now: Timestamp,
    is_last_resort: bool,
) -> Result<KeyPackage, ParseError> {
    if text.len() > limits::KEY_PACKAGE_BYTES_MAX {
        let rule = format_args!("at most {} bytes", limits::KEY_PACKAGE_BYTES_MAX).to_string();
        return Err(ParseError::too_large(name, rule));
    }
    let bytes = STANDARD.decode(text).map_err(|_| ParseError::field(name, "must be base64"))?;
    let head = mls::key_package(&bytes).map_err(|why| not_mls(name, why))?;
    let rule = |rule: &str| Err(ParseError::field(name, rule));
    if head.identity != format!("{}/{}", owner.user, owner.device).as_bytes() {
        return rule("must be of this user and device");
    }
    if head.signature_key != identity {
        return rule("must be signed with the identityKey");
    }
    if head.is_last_resort != is_last_resort {
        return rule(if is_last_resort { "must say that it is a last resort" } else { "must not be a last resort" });
    }
    let expires_at = Timestamp(head.not_after.saturating_mul(1000));
    if expires_at <= now {
        return rule("has expired");
    }
    if expires_at.ms_since(now) > limits::KEY_PACKAGE_LIFE_MS_MAX {
        return rule("must expire within 90 days");
    }
    Ok(KeyPackage { hash: sha256_text(&bytes).into(), package: text.into(), expires_at })
}

fn sha256_text(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Checks the devices of which keys are asked for: names with commas between.
pub fn wanted_devices(text: Option<&str>) -> Result<BTreeSet<DeviceId>, ParseError> {
    let names = text.into_iter().flat_map(|text| text.split(','));
    names.map(|name| device_id("deviceId", name)).collect()
}

/// What a device has here.
pub fn key_stock(stock: &keys::KeyStock) -> KeyStock {
    KeyStock {
        identity_key: stock.identity.as_deref().map(str::to_owned),
        count: stock.count as u64,
        has_last_resort: stock.has_last_resort,
    }
}

/// The answer of `GET /users/{id}/keys`.
pub fn key_bundles(user: &UserId, set: &DeviceSet, bundles: &[keys::KeyBundle]) -> KeyBundles {
    let devices = bundles.iter().map(|bundle| KeyBundle {
        device_id: bundle.device.to_string(),
        identity_key: bundle.identity.to_string(),
        key_package: bundle.package.as_ref().map(|package| package.package.to_string()),
        last_resort: bundle.is_last_resort && bundle.package.is_some(),
    });
    KeyBundles { user_id: user.to_string(), devices_version: set.version, devices: devices.collect() }
}

/// The answer of `GET /users/{id}/identities`.
pub fn identities(user: &UserId, set: &DeviceSet) -> KeyBundles {
    let devices = set.devices.iter().map(|(device, keyed)| KeyBundle {
        device_id: device.to_string(),
        identity_key: keyed.identity.to_string(),
        key_package: None,
        last_resort: false,
    });
    KeyBundles { user_id: user.to_string(), devices_version: set.version, devices: devices.collect() }
}

/// Checks a `POST /mailbox/{userId}/{deviceId}`.
pub fn mail_request(from: &Sender, to: Sender, body: &MailPost, now: Timestamp) -> Result<Mail, ParseError> {
    let kind = field("kind", KindName::parse(&body.kind))?;
    if kind.as_str() == WELCOME {
        return Err(ParseError::field("kind", "must be another: a welcome comes with its commit"));
    }
    let name = field("clientMailId", ClientMsgId::parse(&body.client_mail_id))?;
    let conversation = body.conversation_id.as_deref().map(|id| conversation_id("conversationId", id)).transpose()?;
    Ok(Mail {
        id: MailId::of(now, &MessageId::of_mail(from, &to, &name)),
        to,
        kind,
        from: from.clone(),
        conversation,
        sequence: None,
        payload: payload(&body.payload)?,
        ts: now,
    })
}

/// Checks which mail is acknowledged.
pub fn mail_ack(body: &MailAck) -> Result<Vec<MailId>, ParseError> {
    if body.mail_ids.is_empty() {
        return Err(ParseError::field("mailIds", "must name at least one"));
    }
    if body.mail_ids.len() > limits::MAIL_ACK_MAX {
        return Err(ParseError::too_large("mailIds", format_args!("at most {}", limits::MAIL_ACK_MAX)));
    }
    let ids = body.mail_ids.iter().enumerate();
    ids.map(|(i, id)| mail_id(&format!("mailIds[{i}]"), id)).collect()
}

/// Reads the id of a piece of mail out of a field.
pub fn mail_id(name: &str, text: &str) -> Result<MailId, ParseError> {
    field(name, MailId::parse(text))
}

/// `mailbox.new`
pub fn mail_new(mail: &Mail) -> MailNew {
    MailNew {
        mail_id: mail.id.to_string(),
        kind: mail.kind.to_string(),
        from_user_id: mail.from.user.to_string(),
        from_device_id: mail.from.device.to_string(),
        conversation_id: mail.conversation.as_ref().map(ToString::to_string),
        sequence: mail.sequence.map(|sequence| sequence.0),
        payload: Payload::from_text(mail.payload.to_string()).unwrap_or_default(),
        ts: mail.ts.0,
    }
}

/// The answer of `GET /mailbox`.
pub fn mail_page(page: &mailbox::MailPage) -> MailPage {
    MailPage {
        mail: page.mail.iter().map(mail_new).collect(),
        next: page.mail.last().filter(|_| page.has_more).map(|mail| mail.id.to_string()),
        has_more: page.has_more,
        dropped: page.dropped,
    }
}

/// `device.changed`
pub fn device_changed(device: &Sender, change: DeviceChange) -> DeviceChanged {
    let change = match change {
        DeviceChange::Added => "added",
        DeviceChange::Removed => "removed",
        DeviceChange::Keys => "keys",
    };
    DeviceChanged { user_id: device.user.to_string(), device_id: device.device.to_string(), change: change.to_owned() }
}

/// The error of what was encrypted for other devices than there are: for each user what is missing, extra and stale.
pub(super) fn stale_devices(differences: &BTreeMap<UserId, Difference>) -> ErrorFrame {
    let names = |devices: &BTreeSet<DeviceId>| devices.iter().map(ToString::to_string).collect::<Vec<_>>();
    let users = differences.iter().take(STALE_USERS_MAX).map(|(user, difference)| {
        let difference = serde_json::json!({
            "version": difference.version,
            "missing": names(&difference.missing),
            "extra": names(&difference.extra),
            "stale": names(&difference.stale),
        });
        (user.to_string(), difference)
    });
    let users: serde_json::Map<String, serde_json::Value> = users.collect();
    let mut frame = ErrorFrame::new(ErrorCode::StaleDevices, "devices: there are others than it was encrypted for");
    frame.details = Some(serde_json::json!({ "field": "devices", "users": users }));
    frame
}
