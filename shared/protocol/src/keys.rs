//! Commits, and the bodies of the calls about keys and mailboxes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings_domain::limits;

use crate::{Payload, schema::types};

/// `message.commit`, and the body of `POST /commits`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageCommit {
    /// The conversation.
    #[schemars(with = "types::ConversationId")]
    pub conversation_id: String,
    /// The sender's own name for the commit, unique for the device and conversation.
    #[schemars(with = "types::ClientMsgId")]
    pub client_msg_id: String,
    /// The commit: a framed MLS message, in base64.
    #[schemars(with = "types::MlsMessage")]
    pub payload: String,
    /// The sender's clock, in ms since the epoch; for display only.
    #[schemars(with = "types::Timestamp")]
    pub ts: u64,
    /// The epoch that it was made in; the conversation is in the next one then.
    #[schemars(with = "types::Count")]
    pub epoch: u64,
    /// The Welcome for those whom it adds: a framed MLS message, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::MlsMessage>")]
    pub welcome: Option<String>,
    /// Whose mailboxes the Welcome is put into.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = limits::WELCOMED_MAX))]
    pub welcomed: Vec<DeviceRef>,
    /// Content in object storage: a Welcome that is too large for a frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::MediaHandle>")]
    pub media_handle: Option<String>,
    /// For whose devices it is made, by the versions of their sets that the sender knows; see `message.send`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<types::UserId, types::Count>", extend("maxProperties" = limits::DEVICE_VERSIONS_MAX))]
    pub devices: BTreeMap<String, u64>,
    /// 1 at the first send, 2 at the first resend, and so on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub attempt: Option<u32>,
    /// The last sequence held at the first attempt; asked for from attempt 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::SequenceOrZero>")]
    pub base_sequence: Option<u64>,
}

/// A device, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceRef {
    /// The user.
    #[schemars(with = "types::UserId")]
    pub user_id: String,
    /// The device.
    #[schemars(with = "types::DeviceId")]
    pub device_id: String,
}

/// `PUT /devices/{id}/keys`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyUpload {
    /// What the device signs with: an Ed25519 public key, in base64.
    #[schemars(with = "types::IdentityKey")]
    pub identity_key: String,
    /// Key packages, each for one taker: framed MLS messages, in base64.
    #[serde(default)]
    #[schemars(with = "Vec<types::KeyPackage>", length(max = limits::KEY_UPLOAD_MAX))]
    pub key_packages: Vec<String>,
    /// The key package for when those have run out, in place of the one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::KeyPackage>")]
    pub last_resort: Option<String>,
}

/// The keys that a device has here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyStock {
    /// What the device signs with; absent before it has put any keys here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::IdentityKey>")]
    pub identity_key: Option<String>,
    /// Key packages that nobody has taken.
    #[schemars(with = "types::Count")]
    pub count: u64,
    /// Whether there is one for when those have run out.
    pub has_last_resort: bool,
}

/// The answer of `GET /users/{id}/keys`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyBundles {
    /// The user.
    #[schemars(with = "types::UserId")]
    pub user_id: String,
    /// The version of the user's set of devices; for `devices` of what is encrypted for them.
    #[schemars(with = "types::Count")]
    pub devices_version: u64,
    /// One bundle for each device.
    pub devices: Vec<KeyBundle>,
}

/// What one device is encrypted for with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyBundle {
    /// The device.
    #[schemars(with = "types::DeviceId")]
    pub device_id: String,
    /// What it signs with.
    #[schemars(with = "types::IdentityKey")]
    pub identity_key: String,
    /// The key package; absent where there is none left, and in `GET /users/{id}/identities`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::KeyPackage>")]
    pub key_package: Option<String>,
    /// Others may have been given the same package.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub last_resort: bool,
}

/// `POST /mailbox/{userId}/{deviceId}`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MailPost {
    /// The sender's own name for the mail, unique for the two devices.
    #[schemars(with = "types::ClientMsgId")]
    pub client_mail_id: String,
    /// What it is for; `welcome` is the service's word.
    #[schemars(with = "types::KindName")]
    pub kind: String,
    /// The content: any JSON value, of at most 24 KiB of JSON text; opaque to the service.
    pub payload: Payload,
    /// A conversation of both; needed for another user's device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::ConversationId>")]
    pub conversation_id: Option<String>,
}

/// `mailbox.new`, and a piece of mail of `GET /mailbox`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MailNew {
    /// Its name, by which it is acknowledged. Ids sort by time.
    #[schemars(with = "types::MailId")]
    pub mail_id: String,
    /// What it is for.
    #[schemars(with = "types::KindName")]
    pub kind: String,
    /// Who sent it.
    #[schemars(with = "types::UserId")]
    pub from_user_id: String,
    /// From which device.
    #[schemars(with = "types::DeviceId")]
    pub from_device_id: String,
    /// The conversation that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::ConversationId>")]
    pub conversation_id: Option<String>,
    /// Of a Welcome: the place of its commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::Sequence>")]
    pub sequence: Option<u64>,
    /// The content: any JSON value; of a Welcome base64.
    pub payload: Payload,
    /// When it was put here, in ms since the epoch.
    #[schemars(with = "types::Timestamp")]
    pub ts: u64,
}

/// The answer of `GET /mailbox`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MailPage {
    /// The mail, oldest first.
    #[schemars(length(max = limits::MAIL_PAGE_MAX))]
    pub mail: Vec<MailNew>,
    /// `after` of the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::MailId>")]
    pub next: Option<String>,
    /// Whether there is more.
    pub has_more: bool,
    /// Pieces that found no room since the mailbox was last read to its end.
    #[schemars(with = "types::Count")]
    pub dropped: u64,
}

/// `mailbox.ack`, and the body of `POST /mailbox/acks`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MailAck {
    /// What the device has, and needs no more.
    #[schemars(with = "Vec<types::MailId>", length(min = 1, max = limits::MAIL_ACK_MAX))]
    pub mail_ids: Vec<String>,
}

/// `keys.low`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeysLow {
    /// Key packages that nobody has taken.
    #[schemars(with = "types::Count")]
    pub count: u64,
}
