//! Bodies of the calls about devices, blocks, and when not to disturb.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings_domain::limits;

use crate::schema::types;

/// What sort of device it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DevicePlatform {
    /// A phone or tablet of Apple's.
    Ios,
    /// A phone or tablet with Android.
    Android,
    /// A browser.
    Web,
    /// A computer's own program.
    Desktop,
    /// Anything else.
    Other,
}

/// Who takes pushes to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DevicePushService {
    /// Apple's, for apps from its store.
    Apns,
    /// Apple's, for apps under development.
    ApnsSandbox,
    /// Google's.
    Fcm,
    /// A browser maker's, by the standard.
    #[serde(rename = "webpush")]
    WebPush,
}

/// The keys of a browser's subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionKeys {
    /// The browser's public key, in URL-safe base64.
    pub p256dh: String,
    /// The secret of the two, in URL-safe base64.
    pub auth: String,
}

/// What a browser's `pushManager.subscribe` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// Where to post to.
    #[schemars(length(max = limits::PUSH_TOKEN_BYTES_MAX))]
    pub endpoint: String,
    /// Its keys.
    pub keys: SubscriptionKeys,
}

/// Where a device is to be pushed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DevicePush {
    /// By whom.
    pub service: DevicePushService,
    /// What the service calls this installation of the app: of all services but `webpush`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::PUSH_TOKEN_BYTES_MAX))]
    pub token: Option<String>,
    /// The subscription of a browser: of `webpush` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription: Option<Subscription>,
}

/// `PUT /devices/{id}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceRegistration {
    /// What its user calls it.
    #[schemars(length(min = 1, max = limits::DEVICE_NAME_CHARS_MAX))]
    pub name: String,
    /// What it is.
    pub platform: DevicePlatform,
    /// Where to push to; absent: it is not pushed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push: Option<DevicePush>,
}

/// A device of the user's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceInfo {
    /// The device.
    #[schemars(with = "types::DeviceId")]
    pub device_id: String,
    /// What its user calls it; absent until it is registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is; absent until it is registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<DevicePlatform>,
    /// When it was last there, in ms since the epoch.
    #[schemars(with = "types::Timestamp")]
    pub last_seen: u64,
    /// It is the one that asks.
    pub current: bool,
    /// Who takes pushes to it; absent where it is not pushed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push_service: Option<DevicePushService>,
}

/// The answer of `GET /devices`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceList {
    /// Devices that have not been revoked, the latest seen first.
    pub devices: Vec<DeviceInfo>,
    /// The key that a browser subscribes with (`applicationServerKey`); absent where browsers are not pushed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web_push_key: Option<String>,
}

/// A user who is blocked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BlockedUser {
    /// Who.
    #[schemars(with = "types::UserId")]
    pub user_id: String,
    /// Since when, in ms since the epoch.
    #[schemars(with = "types::Timestamp")]
    pub since: u64,
}

/// The answer of `GET /blocks`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BlockPage {
    /// Users, by name.
    #[schemars(length(max = limits::BLOCKS_PAGE_MAX))]
    pub blocks: Vec<BlockedUser>,
    /// `after` of the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::UserId>")]
    pub next: Option<String>,
    /// Whether there is more.
    pub has_more: bool,
}

/// Hours in which nothing is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuietHours {
    /// When they begin, in minutes since midnight.
    #[schemars(range(max = 1439))]
    pub from_minute: u16,
    /// When they end, in minutes since midnight: on the next day where that is not after the beginning.
    #[schemars(range(max = 1439))]
    pub to_minute: u16,
    /// On which days they begin: 1 is Monday, 7 is Sunday.
    #[schemars(length(min = 1, max = 7), inner(range(min = 1, max = 7)))]
    pub days: Vec<u8>,
    /// What the user's clock is ahead of UTC, in minutes. A client sets it anew when that changes.
    #[schemars(range(min = -840, max = 840))]
    pub utc_offset_minutes: i16,
}

/// `GET` and `PUT /settings`: what is absent is not set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserSettings {
    /// Nothing is shown until then, in ms since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::Timestamp>")]
    pub quiet_until: Option<u64>,
    /// Hours in which nothing is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<QuietHours>,
    /// Whether what strangers send waits in the list without a push; absent: it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_requests: Option<bool>,
    /// Who sees whether the user is there, and when they last were; absent: everyone. Who hides it does not see it of others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Audience>,
    /// Who sees what the user has read; absent: everyone. Who hides it does not see it of others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_receipts: Option<Audience>,
}

/// To whom something is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Audience {
    /// To everyone who may ask.
    Everyone,
    /// To those whom the user has written to.
    Contacts,
    /// To nobody.
    Nobody,
}
