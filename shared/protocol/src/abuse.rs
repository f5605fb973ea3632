//! Bodies of the calls about reports, and of those of administrators.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings_domain::limits;

use crate::{Payload, schema::types};

/// What a message is reported for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReportGround {
    /// Unwanted advertising, or a fraud.
    Spam,
    /// It insults, threatens or harasses.
    Abuse,
    /// Its sender says that they are somebody else.
    Impersonation,
    /// It is against the law.
    Illegal,
    /// Anything else.
    Other,
}

/// `POST /reports`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportMake {
    /// The conversation.
    #[schemars(with = "types::ConversationId")]
    pub conversation_id: String,
    /// The message.
    #[schemars(with = "types::MessageId")]
    pub message_id: String,
    /// Its place, where it is known: then it is read at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::Sequence>")]
    pub message_sequence: Option<u64>,
    /// What for.
    pub ground: ReportGround,
    /// In the reporter's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::COMMENT_CHARS_MAX))]
    pub comment: Option<String>,
    /// The `payload` of the message as it came, to the byte. It is proved to be what the service carried, or refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Payload>,
    /// The `envelope` of the message as it came, in place of the `payload`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envelope: Option<String>,
    /// What that says, where it was encrypted. Nothing proves this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plaintext: Option<Payload>,
}

/// The answer of `POST /reports`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportMade {
    /// The report.
    pub report_id: String,
    /// Content is in the report that the service is known to have carried.
    pub proved: bool,
}

/// A report, as administrators see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportInfo {
    /// The report.
    pub report_id: String,
    /// When it was made, in ms since the epoch.
    #[schemars(with = "types::Timestamp")]
    pub at: u64,
    /// Who made it.
    #[schemars(with = "types::UserId")]
    pub by_user_id: String,
    /// Who sent the message.
    #[schemars(with = "types::UserId")]
    pub sender_user_id: String,
    /// With which device.
    #[schemars(with = "types::DeviceId")]
    pub sender_device_id: String,
    /// Where.
    #[schemars(with = "types::ConversationId")]
    pub conversation_id: String,
    /// The message.
    #[schemars(with = "types::MessageId")]
    pub message_id: String,
    /// Its place.
    #[schemars(with = "types::Sequence")]
    pub sequence: u64,
    /// When the service took it, in ms since the epoch.
    #[schemars(with = "types::Timestamp")]
    pub sent_at: u64,
    /// What for.
    pub ground: ReportGround,
    /// In the reporter's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// What the service carried: JSON text, or an envelope in base64. It is proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// What the reporter says that it means: JSON text. Nothing proves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plaintext: Option<String>,
    /// What became of it; absent while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<ReportResolution>,
}

/// What became of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportResolution {
    /// Which administrator says so.
    pub by: String,
    /// When, in ms since the epoch.
    #[schemars(with = "types::Timestamp")]
    pub at: u64,
    /// In their words.
    pub note: String,
}

/// The answer of `GET /admin/reports`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportPage {
    /// Reports of the day, the latest first.
    pub reports: Vec<ReportInfo>,
    /// `before` of the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `POST /admin/reports/{reportId}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportResolve {
    /// What became of it.
    #[schemars(length(min = 1, max = limits::COMMENT_CHARS_MAX))]
    pub note: String,
}

/// `PUT /admin/bans/{userId}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BanMake {
    /// Why: for other administrators to read.
    #[schemars(length(min = 1, max = limits::COMMENT_CHARS_MAX))]
    pub reason: String,
    /// For so long, in seconds; absent: for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3_153_600_000_u64))]
    pub seconds: Option<u64>,
}

/// A ban.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BanInfo {
    /// Which administrator says so.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when, in ms since the epoch.
    #[schemars(with = "types::Timestamp")]
    pub since: u64,
    /// Until when, in ms since the epoch; absent: for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::Timestamp>")]
    pub until: Option<u64>,
}

/// The answer of `PUT /admin/bans/{userId}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BanMade {
    /// The ban.
    pub ban: BanInfo,
    /// Sockets that were closed.
    #[schemars(with = "types::Count")]
    pub sockets_closed: u64,
}

/// The answer of `GET /admin/users/{userId}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserFile {
    /// The user.
    #[schemars(with = "types::UserId")]
    pub user_id: String,
    /// The ban, if they are banned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ban: Option<BanInfo>,
    /// Devices that are known and were not revoked.
    #[schemars(with = "types::Count")]
    pub devices: u64,
    /// Sockets that are open.
    #[schemars(with = "types::Count")]
    pub sockets: u64,
    /// How many users have reported them in the last 30 days, counted up to ten.
    #[schemars(with = "types::Count")]
    pub reporters: u64,
}

/// What an administrator did, or asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeedInfo {
    /// When, in ms since the epoch.
    #[schemars(with = "types::Timestamp")]
    pub at: u64,
    /// Which administrator: `user:` and the user, or `key:` and the name of the key.
    pub by: String,
    /// What: `ban`, `unban`, `look`, `read reports`, `resolve`, `make key`, `drop key`, `read keys`, `read audit`.
    pub action: String,
    /// To whom, or to what.
    pub subject: String,
    /// More of it, in the administrator's words.
    pub detail: String,
}

/// The answer of `GET /admin/audit`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeedPage {
    /// What was done on the day, the latest first.
    pub deeds: Vec<DeedInfo>,
    /// `before` of the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `PUT /admin/keys/{name}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdminKeyMake {
    /// Its life, in seconds: at most 366 days.
    #[schemars(range(min = 60, max = 31_622_400))]
    pub seconds: u64,
}

/// The answer of `PUT /admin/keys/{name}`: the secret is shown this once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdminKeyMade {
    /// What the key is called.
    pub name: String,
    /// The bearer token.
    pub key: String,
    /// Until when it is good, in ms since the epoch.
    #[schemars(with = "types::Timestamp")]
    pub until: u64,
}

/// A key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdminKeyInfo {
    /// What it is called.
    pub name: String,
    /// Who made it.
    pub by: String,
    /// Until when it is good, in ms since the epoch.
    #[schemars(with = "types::Timestamp")]
    pub until: u64,
}

/// The answer of `GET /admin/keys`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdminKeyList {
    /// The keys that are good, by name.
    pub keys: Vec<AdminKeyInfo>,
}
