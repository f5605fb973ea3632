//! The devices table: devices, who holds which push token, and what was pushed.
//!
//! | `uid` | `dev` | |
//! |---|---|---|
//! | user | device | a device: `since` `seen` `rv`, `bn` banned until, `nm` name, `pf` platform, `wk` woken, and where pushes go: `ps` service, `pt` token, `pe` endpoint, `pk` `pa` keys of a browser |
//! | `t#` and the hash of service and token | `holder` | who holds the token: `hu` user, `hd` device |
//! | `s#`, `f#`, `g#`, `l#` | | keys of devices; see `keys` |
//! | `b#` and the user | `ban` | that the user is banned: `by` `why` `ts` since, `un` until |
//! | `p#` and the user | conversation | the marks of pushes: `q` queued, `m` queued as a mention, `s#DEVICE` sent |

use std::{collections::HashMap, fmt::Write as _};

use aws_sdk_dynamodb::{
    Client,
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use sha2::{Digest, Sha256};
use tidings_domain::{
    bans::{Ban, Bans},
    devices::{Platform, PushAddress, PushEndpoint, PushService, Registration, WebPushKeys},
    ids::{ConversationId, DeviceId, Sender, Sequence, Timestamp, UserId},
    ports::{DeviceRegistry, Devices, PortResult, PushMarks, Unavailable},
    push::Marks,
    session::Device,
};

use crate::{
    StoreError,
    error::{delete_held, failed, is_refused, update_held, update_if},
    item::{Item, flag, n, number, optional_number, optional_text, rows_of_user, s, text},
};

/// Whoever has a revoked device is told so at once, and nothing is written.
const NOT_REVOKED: &str = "(attribute_not_exists(rv) OR rv = :no) AND (attribute_not_exists(bn) OR bn <= :now)";
const BAN: &str = "ban";
const HOLDER: &str = "holder";
const SENT: &str = "s#";

/// Devices in a table.
#[derive(Clone, Debug)]
pub struct DynamoDevices {
    pub(crate) client: Client,
    pub(crate) table: String,
}

impl DynamoDevices {
    /// The devices in this table.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    fn update(&self, uid: impl Into<String>, dev: impl Into<String>) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.table).key("uid", s(uid)).key("dev", s(dev))
    }

    fn update_device(&self, device: &Sender) -> UpdateItemFluentBuilder {
        self.update(device.user.as_str(), device.device.as_str())
    }

    async fn seen(&self, device: &Sender, now: Timestamp) -> Result<bool, Unavailable> {
        let update = self
            .update_device(device)
            .update_expression("SET seen = :now, #since = if_not_exists(#since, :now)")
            .condition_expression(NOT_REVOKED)
            .expression_attribute_names("#since", "since")
            .expression_attribute_values(":now", n(now.0))
            .expression_attribute_values(":no", AttributeValue::Bool(false));
        update_held(update, "note a device").await
    }

    async fn one(&self, device: &Sender, is_strong: bool) -> Result<Option<Device>, Unavailable> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("uid", s(device.user.as_str()))
            .key("dev", s(device.device.as_str()))
            .consistent_read(is_strong)
            .send()
            .await
            .map_err(failed("read a device"))?;
        answer.item.as_ref().map(device_of).transpose().map_err(failed("read a device"))
    }

    fn ban_key(user: &UserId) -> Item {
        HashMap::from([("uid".to_owned(), s(format!("b#{user}"))), ("dev".to_owned(), s(BAN))])
    }

    async fn read_ban(&self, user: &UserId, is_strong: bool) -> Result<Option<Ban>, Unavailable> {
        const OPERATION: &str = "read a ban";
        let get = self.client.get_item().table_name(&self.table).set_key(Some(Self::ban_key(user)));
        let answer = get.consistent_read(is_strong).send().await.map_err(failed(OPERATION))?;
        answer.item.as_ref().map(ban_of).transpose().map_err(failed(OPERATION))
    }

    async fn write_ban(&self, user: &UserId, ban: &Ban) -> Result<(), Unavailable> {
        let mut row = Self::ban_key(user);
        row.insert("by".into(), s(ban.by.as_ref()));
        row.insert("why".into(), s(ban.reason.as_ref()));
        row.insert("ts".into(), n(ban.since.0));
        row.insert("un".into(), n(ban.until.0));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(row));
        put.send().await.map(drop).map_err(failed("ban a user"))
    }

    async fn delete_ban(&self, user: &UserId) -> Result<bool, Unavailable> {
        let delete = self.client.delete_item().table_name(&self.table).set_key(Some(Self::ban_key(user)));
        delete_held(delete.condition_expression("attribute_exists(uid)"), "end a ban").await
    }

    async fn mark_banned(&self, device: &Sender, until: Timestamp) -> Result<(), Unavailable> {
        let update = self.update_device(device).condition_expression("attribute_exists(uid)");
        let update = if until == Timestamp::default() {
            update.update_expression("REMOVE bn")
        } else {
            update.update_expression("SET bn = :until").expression_attribute_values(":until", n(until.0))
        };
        update_if(update.send().await.map(drop), "note a ban")
    }

    async fn by_user(&self, user: &UserId) -> Result<Vec<Device>, Unavailable> {
        rows_of_user(&self.client, &self.table, user, "read devices", device_of).await
    }

    async fn put_registration(
        &self,
        device: &Sender,
        wanted: &Registration,
        push: Option<&PushEndpoint>,
        now: Timestamp,
    ) -> Result<bool, Unavailable> {
        let set = "SET seen = :now, #since = if_not_exists(#since, :now), nm = :nm, pf = :pf";
        let mut update = self
            .update_device(device)
            .condition_expression(NOT_REVOKED)
            .expression_attribute_names("#since", "since")
            .expression_attribute_values(":now", n(now.0))
            .expression_attribute_values(":no", AttributeValue::Bool(false))
            .expression_attribute_values(":nm", s(wanted.name.as_ref()))
            .expression_attribute_values(":pf", s(platform_name(wanted.platform)));
        let expression = match push {
            None => format!("{set} REMOVE ps, pt, pe, pk, pa"),
            Some(push) => {
                update = update
                    .expression_attribute_values(":ps", s(service_name(push.address.service)))
                    .expression_attribute_values(":pt", s(push.address.token.as_ref()))
                    .expression_attribute_values(":pe", s(push.endpoint.as_ref()));
                match &push.address.keys {
                    None => format!("{set}, ps = :ps, pt = :pt, pe = :pe REMOVE pk, pa"),
                    Some(keys) => {
                        update = update
                            .expression_attribute_values(":pk", s(keys.public.as_ref()))
                            .expression_attribute_values(":pa", s(keys.auth.as_ref()));
                        format!("{set}, ps = :ps, pt = :pt, pe = :pe, pk = :pk, pa = :pa")
                    }
                }
            }
        };
        update_held(update.update_expression(expression), "register a device").await
    }

    async fn mark_revoked(&self, device: &Sender) -> Result<Option<Device>, Unavailable> {
        const OPERATION: &str = "revoke a device";
        let update = self
            .update_device(device)
            .update_expression("SET rv = :yes")
            .condition_expression("attribute_exists(uid)")
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
            .return_values(ReturnValue::AllOld);
        match update.send().await {
            Ok(answer) => answer.attributes.as_ref().map(device_of).transpose().map_err(failed(OPERATION)),
            Err(error) if is_refused(&error) => Ok(None),
            Err(error) => Err(failed(OPERATION)(error)),
        }
    }

    async fn remove_push(&self, device: &Sender, address: &PushAddress) -> Result<Option<PushEndpoint>, Unavailable> {
        const OPERATION: &str = "take an endpoint off a device";
        let update = self
            .update_device(device)
            .update_expression("REMOVE ps, pt, pe, pk, pa")
            .condition_expression("ps = :ps AND pt = :pt")
            .expression_attribute_values(":ps", s(service_name(address.service)))
            .expression_attribute_values(":pt", s(address.token.as_ref()))
            .return_values(ReturnValue::AllOld);
        match update.send().await {
            Ok(answer) => {
                let before = answer.attributes.as_ref().map(device_of).transpose().map_err(failed(OPERATION))?;
                Ok(before.and_then(|before| before.push))
            }
            Err(error) if is_refused(&error) => Ok(None),
            Err(error) => Err(failed(OPERATION)(error)),
        }
    }

    async fn holder_of(&self, address: &PushAddress) -> Result<Option<Sender>, Unavailable> {
        const OPERATION: &str = "read who holds a push token";
        let get = self.client.get_item().table_name(&self.table).set_key(Some(token_key(address)));
        let answer = get.consistent_read(true).send().await.map_err(failed(OPERATION))?;
        answer.item.as_ref().map(holder_in).transpose().map_err(failed(OPERATION))
    }

    async fn take_token(&self, address: &PushAddress, device: &Sender) -> Result<Option<Sender>, Unavailable> {
        const OPERATION: &str = "hold a push token";
        let mut row = token_key(address);
        row.insert("hu".into(), s(device.user.as_str()));
        row.insert("hd".into(), s(device.device.as_str()));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(row));
        let answer = put.return_values(ReturnValue::AllOld).send().await.map_err(failed(OPERATION))?;
        let before = answer.attributes.as_ref().map(holder_in).transpose().map_err(failed(OPERATION))?;
        Ok(before.filter(|before| before != device))
    }

    async fn let_go(&self, address: &PushAddress, device: &Sender) -> Result<(), Unavailable> {
        let delete = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(token_key(address)))
            .condition_expression("hu = :user AND hd = :device")
            .expression_attribute_values(":user", s(device.user.as_str()))
            .expression_attribute_values(":device", s(device.device.as_str()));
        delete_held(delete, "let a push token go").await.map(drop)
    }

    async fn wake_if_due(&self, device: &Sender, earliest: Timestamp, now: Timestamp) -> Result<bool, Unavailable> {
        let update = self
            .update_device(device)
            .update_expression("SET wk = :now")
            .condition_expression("attribute_exists(uid) AND (attribute_not_exists(wk) OR wk <= :earliest)")
            .expression_attribute_values(":now", n(now.0))
            .expression_attribute_values(":earliest", n(earliest.0));
        update_held(update, "note a wake").await
    }

    async fn raise_mark(
        &self,
        user: &UserId,
        conversation: &ConversationId,
        sequence: Sequence,
        is_mention: bool,
    ) -> Result<Marks, Unavailable> {
        const OPERATION: &str = "note a queued push";
        let update = self
            .update(marks_of(user), conversation.to_string())
            .update_expression("SET #mark = :at")
            .condition_expression("attribute_not_exists(#mark) OR #mark < :at")
            .expression_attribute_names("#mark", if is_mention { "m" } else { "q" })
            .expression_attribute_values(":at", n(sequence.0))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let row = match update.send().await {
            Ok(answer) => answer.attributes,
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => refused.item.clone(),
                _ => return Err(failed(OPERATION)(error)),
            },
        };
        marks_in(&row.unwrap_or_default()).map_err(failed(OPERATION))
    }

    async fn mark_sent(
        &self,
        user: &UserId,
        conversation: &ConversationId,
        sequence: Sequence,
        devices: &[DeviceId],
    ) -> Result<(), Unavailable> {
        if devices.is_empty() {
            return Ok(());
        }
        let mut update = self.update(marks_of(user), conversation.to_string());
        let mut expression = String::from("SET ");
        for (index, device) in devices.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            let _ = write!(expression, "{separator}#d{index} = :at");
            update = update.expression_attribute_names(format!("#d{index}"), format!("{SENT}{device}"));
        }
        let update = update.update_expression(expression).expression_attribute_values(":at", n(sequence.0));
        update_if(update.send().await.map(|_| ()), "note a push that was sent")
    }
}

/// No user id has the sign in it.
fn marks_of(user: &UserId) -> String {
    format!("p#{user}")
}

fn token_key(address: &PushAddress) -> Item {
    let mut hash = Sha256::new();
    hash.update(service_name(address.service));
    hash.update([0]);
    hash.update(address.token.as_bytes());
    let digits = hash.finalize().iter().fold(String::from("t#"), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    HashMap::from([("uid".to_owned(), s(digits)), ("dev".to_owned(), s(HOLDER))])
}

fn holder_in(item: &Item) -> Result<Sender, StoreError> {
    Ok(Sender { user: UserId::parse(text(item, "hu")?)?, device: DeviceId::parse(text(item, "hd")?)? })
}

pub(crate) fn marks_in(item: &Item) -> Result<Marks, StoreError> {
    let mark = |name| Ok::<_, StoreError>(Sequence(optional_number(item, name)?.unwrap_or_default()));
    let mut marks = Marks { queued: mark("q")?, mentioned: mark("m")?, ..Marks::default() };
    for (name, value) in item {
        if let Some(device) = name.strip_prefix(SENT) {
            let at = value.as_n().ok().and_then(|digits| digits.parse().ok()).ok_or(StoreError::Attribute(SENT))?;
            marks.sent.insert(DeviceId::parse(device)?, Sequence(at));
        }
    }
    Ok(marks)
}

const SERVICES: [(PushService, &str); 4] = [
    (PushService::Apns, "apns"),
    (PushService::ApnsSandbox, "apns_sandbox"),
    (PushService::Fcm, "fcm"),
    (PushService::WebPush, "webpush"),
];

const PLATFORMS: [(Platform, &str); 5] = [
    (Platform::Ios, "ios"),
    (Platform::Android, "android"),
    (Platform::Web, "web"),
    (Platform::Desktop, "desktop"),
    (Platform::Other, "other"),
];

fn name_in<T: PartialEq>(names: &[(T, &'static str)], value: &T) -> &'static str {
    names.iter().find(|(found, _)| found == value).map_or("", |(_, name)| name)
}

fn service_name(service: PushService) -> &'static str {
    name_in(&SERVICES, &service)
}

fn platform_name(platform: Platform) -> &'static str {
    name_in(&PLATFORMS, &platform)
}

fn named<T: Copy>(names: &[(T, &'static str)], attribute: &'static str, name: &str) -> Result<T, StoreError> {
    let found = names.iter().find(|(_, found)| *found == name).map(|(value, _)| *value);
    found.ok_or(StoreError::Attribute(attribute))
}

impl Devices for DynamoDevices {
    fn touch<'a>(&'a self, device: &'a Sender, now: Timestamp) -> PortResult<'a, bool> {
        Box::pin(self.seen(device, now))
    }

    fn find<'a>(&'a self, device: &'a Sender) -> PortResult<'a, Option<Device>> {
        Box::pin(self.one(device, false))
    }

    fn of_user<'a>(&'a self, user: &'a UserId) -> PortResult<'a, Vec<Device>> {
        Box::pin(self.by_user(user))
    }

    fn banned_until<'a>(&'a self, user: &'a UserId) -> PortResult<'a, Timestamp> {
        Box::pin(async move { Ok(self.read_ban(user, true).await?.map(|ban| ban.until).unwrap_or_default()) })
    }
}

impl DeviceRegistry for DynamoDevices {
    fn registered<'a>(&'a self, device: &'a Sender) -> PortResult<'a, Option<Device>> {
        Box::pin(self.one(device, true))
    }

    fn register<'a>(
        &'a self,
        device: &'a Sender,
        wanted: &'a Registration,
        push: Option<&'a PushEndpoint>,
        now: Timestamp,
    ) -> PortResult<'a, bool> {
        Box::pin(self.put_registration(device, wanted, push, now))
    }

    fn revoke<'a>(&'a self, device: &'a Sender) -> PortResult<'a, Option<Device>> {
        Box::pin(self.mark_revoked(device))
    }

    fn drop_push<'a>(&'a self, device: &'a Sender, address: &'a PushAddress) -> PortResult<'a, Option<PushEndpoint>> {
        Box::pin(self.remove_push(device, address))
    }

    fn holder<'a>(&'a self, address: &'a PushAddress) -> PortResult<'a, Option<Sender>> {
        Box::pin(self.holder_of(address))
    }

    fn hold<'a>(&'a self, address: &'a PushAddress, device: &'a Sender) -> PortResult<'a, Option<Sender>> {
        Box::pin(self.take_token(address, device))
    }

    fn release<'a>(&'a self, address: &'a PushAddress, device: &'a Sender) -> PortResult<'a, ()> {
        Box::pin(self.let_go(address, device))
    }

    fn note_wake<'a>(&'a self, device: &'a Sender, earliest: Timestamp, now: Timestamp) -> PortResult<'a, bool> {
        Box::pin(self.wake_if_due(device, earliest, now))
    }
}

impl PushMarks for DynamoDevices {
    fn note_queued<'a>(
        &'a self,
        user: &'a UserId,
        conversation: &'a ConversationId,
        sequence: Sequence,
        is_mention: bool,
    ) -> PortResult<'a, Marks> {
        Box::pin(self.raise_mark(user, conversation, sequence, is_mention))
    }

    fn note_sent<'a>(
        &'a self,
        user: &'a UserId,
        conversation: &'a ConversationId,
        sequence: Sequence,
        devices: &'a [DeviceId],
    ) -> PortResult<'a, ()> {
        Box::pin(self.mark_sent(user, conversation, sequence, devices))
    }
}

impl Bans for DynamoDevices {
    fn ban<'a>(&'a self, user: &'a UserId, now: Timestamp) -> PortResult<'a, Option<Ban>> {
        Box::pin(async move { Ok(self.read_ban(user, true).await?.filter(|ban| ban.until > now)) })
    }

    fn put_ban<'a>(&'a self, user: &'a UserId, ban: &'a Ban) -> PortResult<'a, ()> {
        Box::pin(self.write_ban(user, ban))
    }

    fn lift_ban<'a>(&'a self, user: &'a UserId) -> PortResult<'a, bool> {
        Box::pin(self.delete_ban(user))
    }

    fn note_ban<'a>(&'a self, device: &'a Sender, until: Timestamp) -> PortResult<'a, ()> {
        Box::pin(self.mark_banned(device, until))
    }
}

fn ban_of(item: &Item) -> Result<Ban, StoreError> {
    Ok(Ban {
        by: text(item, "by")?.into(),
        reason: text(item, "why")?.into(),
        since: Timestamp(number(item, "ts")?),
        until: Timestamp(number(item, "un")?),
    })
}

pub(crate) fn device_of(item: &Item) -> Result<Device, StoreError> {
    let push = optional_text(item, "ps")?.map(|service| push_of(item, service)).transpose()?;
    Ok(Device {
        owner: Sender { user: UserId::parse(text(item, "uid")?)?, device: DeviceId::parse(text(item, "dev")?)? },
        // Of the device of a user who was erased nothing is kept but that it is revoked.
        seen_at: Timestamp(optional_number(item, "seen")?.unwrap_or_default()),
        revoked: flag(item, "rv")?,
        banned_until: Timestamp(optional_number(item, "bn")?.unwrap_or_default()),
        name: optional_text(item, "nm")?.map(Into::into),
        platform: optional_text(item, "pf")?.map(|name| named(&PLATFORMS, "pf", name)).transpose()?,
        push,
    })
}

fn push_of(item: &Item, service: &str) -> Result<PushEndpoint, StoreError> {
    let keys = match optional_text(item, "pk")? {
        None => None,
        Some(public) => Some(WebPushKeys { public: public.into(), auth: text(item, "pa")?.into() }),
    };
    let address = PushAddress { service: named(&SERVICES, "ps", service)?, token: text(item, "pt")?.into(), keys };
    Ok(PushEndpoint { address, endpoint: text(item, "pe")?.into() })
}
