//! What users have ruled for themselves, in the table of what they keep: `set` has the settings, `b#USER` a block.
//! Neither has the attributes that the table's indexes go by, so no list of drafts or changes meets them.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, KeysAndAttributes},
};
use tidings_domain::{
    blocks::Block,
    ids::{Timestamp, UserId},
    ports::{PortResult, PrivacyRules, Rules, Unavailable},
    privacy::{Audience, Pair, Privacy, Stances},
    quiet::{QuietHours, UserSettings},
};

use crate::{
    StoreError,
    error::{failed, put_if},
    item::{Item, batch_get, flag, n, number, optional_number, s, text},
};

const SETTINGS: &str = "set";
const BLOCK: &str = "b#";
/// The sign after `#`: no key of a block is above it.
const AFTER_BLOCKS: &str = "b$";

/// Blocks and settings in a table.
#[derive(Clone, Debug)]
pub struct DynamoRules {
    client: Client,
    table: String,
}

impl DynamoRules {
    /// The rules in this table.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    async fn put_block(&self, user: &UserId, other: &UserId, now: Timestamp) -> Result<(), Unavailable> {
        let mut row = key(user, block_key(other));
        row.insert("ts".into(), n(now.0));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(row));
        let put = put.condition_expression("attribute_not_exists(uid)").send().await;
        put_if(put.map(|_| ()), "block a user")
    }

    async fn delete_block(&self, user: &UserId, other: &UserId) -> Result<(), Unavailable> {
        let delete = self.client.delete_item().table_name(&self.table).set_key(Some(key(user, block_key(other))));
        delete.send().await.map(|_| ()).map_err(failed("unblock a user"))
    }

    async fn list_blocks(
        &self,
        user: &UserId,
        after: Option<&UserId>,
        limit: usize,
    ) -> Result<Vec<Block>, Unavailable> {
        const OPERATION: &str = "read blocks";
        let mut start = after.map(|after| key(user, block_key(after)));
        let mut blocks = Vec::new();
        loop {
            let answer = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("uid = :uid AND sk BETWEEN :from AND :to")
                .expression_attribute_values(":uid", s(user.as_str()))
                .expression_attribute_values(":from", s(BLOCK))
                .expression_attribute_values(":to", s(AFTER_BLOCKS))
                .consistent_read(true)
                .limit(i32::try_from(limit - blocks.len()).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(failed(OPERATION))?;
            for row in answer.items.unwrap_or_default() {
                blocks.push(block_of(&row).map_err(failed(OPERATION))?);
            }
            start = answer.last_evaluated_key;
            if start.is_none() || blocks.len() >= limit {
                return Ok(blocks);
            }
        }
    }

    async fn read_settings(&self, user: &UserId) -> Result<UserSettings, Unavailable> {
        const OPERATION: &str = "read settings";
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key(user, SETTINGS)));
        let answer = get.consistent_read(true).send().await.map_err(failed(OPERATION))?;
        let settings = answer.item.as_ref().map(settings_of).transpose().map_err(failed(OPERATION))?;
        Ok(settings.unwrap_or_default())
    }

    async fn put_settings(&self, user: &UserId, settings: &UserSettings) -> Result<(), Unavailable> {
        let mut row = key(user, SETTINGS);
        row.insert("qu".into(), n(settings.quiet_until.0));
        if let Some(hours) = &settings.quiet_hours {
            row.insert("qd".into(), n(u64::from(hours.days)));
            row.insert("qf".into(), n(u64::from(hours.from_minute)));
            row.insert("qt".into(), n(u64::from(hours.to_minute)));
            row.insert("qo".into(), AttributeValue::N(hours.utc_offset_minutes.to_string()));
        }
        if settings.has_quiet_requests {
            row.insert("qr".into(), AttributeValue::Bool(true));
        }
        for (name, audience) in [("pl", settings.privacy.last_seen), ("pr", settings.privacy.read_receipts)] {
            match audience {
                Audience::Everyone => {}
                Audience::Contacts => drop(row.insert(name.into(), n(1))),
                Audience::Nobody => drop(row.insert(name.into(), n(2))),
            }
        }
        let put = self.client.put_item().table_name(&self.table).set_item(Some(row));
        put.send().await.map(|_| ()).map_err(failed("write settings"))
    }

    async fn read_stances(&self, users: &[UserId], pairs: &[Pair]) -> Result<Stances, Unavailable> {
        const OPERATION: &str = "read what users show of themselves";
        let keys = users.iter().map(|user| key(user, SETTINGS));
        let keys = keys.chain(pairs.iter().map(|(user, other)| key(user, block_key(other)))).collect();
        let mut stances = Stances::default();
        for row in batch_get(&self.client, &self.table, keys, false, OPERATION).await? {
            let user = text(&row, "uid").and_then(|user| Ok(UserId::parse(user)?)).map_err(failed(OPERATION))?;
            if text(&row, "sk").map_err(failed(OPERATION))? == SETTINGS {
                let settings = settings_of(&row).map_err(failed(OPERATION))?;
                stances.privacy.insert(user, settings.privacy);
            } else {
                let block = block_of(&row).map_err(failed(OPERATION))?;
                stances.blocked.insert((user, block.user));
            }
        }
        Ok(stances)
    }

    async fn settings_and_block(&self, user: &UserId, other: &UserId) -> Result<(UserSettings, bool), Unavailable> {
        const OPERATION: &str = "read what a user has ruled";
        let keys = KeysAndAttributes::builder().keys(key(user, SETTINGS)).keys(key(user, block_key(other)));
        let keys = keys.build().map_err(failed(OPERATION))?;
        let answer = self.client.batch_get_item().request_items(&self.table, keys).send().await;
        let answer = answer.map_err(failed(OPERATION))?;
        if answer.unprocessed_keys.is_some_and(|left| !left.is_empty()) {
            return Err(failed(OPERATION)(StoreError::Unprocessed));
        }
        let rows = answer.responses.and_then(|mut tables| tables.remove(&self.table)).unwrap_or_default();
        let (mut settings, mut is_blocked) = (UserSettings::default(), false);
        for row in &rows {
            if text(row, "sk").map_err(failed(OPERATION))? == SETTINGS {
                settings = settings_of(row).map_err(failed(OPERATION))?;
            } else {
                is_blocked = true;
            }
        }
        Ok((settings, is_blocked))
    }
}

fn block_key(other: &UserId) -> String {
    format!("{BLOCK}{other}")
}

fn key(user: &UserId, sort_key: impl Into<String>) -> Item {
    HashMap::from([("uid".to_owned(), s(user.as_str())), ("sk".to_owned(), s(sort_key))])
}

pub(crate) fn block_of(row: &Item) -> Result<Block, StoreError> {
    let other = text(row, "sk")?.strip_prefix(BLOCK).ok_or(StoreError::Attribute("sk"))?;
    Ok(Block { user: UserId::parse(other)?, since: Timestamp(number(row, "ts")?) })
}

pub(crate) fn settings_of(row: &Item) -> Result<UserSettings, StoreError> {
    let quiet_hours = match optional_number(row, "qd")? {
        None => None,
        Some(days) => {
            let minute = |name| u16::try_from(number(row, name)?).map_err(|_| StoreError::Attribute(name));
            let offset = row.get("qo").and_then(|value| value.as_n().ok()).and_then(|digits| digits.parse().ok());
            let hours = QuietHours {
                days: u8::try_from(days).map_err(|_| StoreError::Attribute("qd"))?,
                from_minute: minute("qf")?,
                to_minute: minute("qt")?,
                utc_offset_minutes: offset.ok_or(StoreError::Attribute("qo"))?,
            };
            Some(hours)
        }
    };
    if quiet_hours.is_some_and(|hours: QuietHours| !hours.are_valid()) {
        return Err(StoreError::Attribute("qd"));
    }
    let audience = |name| match optional_number(row, name)? {
        None => Ok(Audience::Everyone),
        Some(1) => Ok(Audience::Contacts),
        Some(2) => Ok(Audience::Nobody),
        Some(_) => Err(StoreError::Attribute(name)),
    };
    let privacy = Privacy { last_seen: audience("pl")?, read_receipts: audience("pr")? };
    let (quiet_until, has_quiet_requests) = (Timestamp(number(row, "qu")?), flag(row, "qr")?);
    Ok(UserSettings { quiet_until, quiet_hours, privacy, has_quiet_requests })
}

impl PrivacyRules for DynamoRules {
    fn stances<'a>(&'a self, users: &'a [UserId], pairs: &'a [Pair]) -> PortResult<'a, Stances> {
        Box::pin(self.read_stances(users, pairs))
    }
}

impl Rules for DynamoRules {
    fn block<'a>(&'a self, user: &'a UserId, other: &'a UserId, now: Timestamp) -> PortResult<'a, ()> {
        Box::pin(self.put_block(user, other, now))
    }

    fn unblock<'a>(&'a self, user: &'a UserId, other: &'a UserId) -> PortResult<'a, ()> {
        Box::pin(self.delete_block(user, other))
    }

    fn blocks<'a>(&'a self, user: &'a UserId, after: Option<&'a UserId>, limit: usize) -> PortResult<'a, Vec<Block>> {
        Box::pin(self.list_blocks(user, after, limit))
    }

    fn settings<'a>(&'a self, user: &'a UserId) -> PortResult<'a, UserSettings> {
        Box::pin(self.read_settings(user))
    }

    fn set_settings<'a>(&'a self, user: &'a UserId, settings: &'a UserSettings) -> PortResult<'a, ()> {
        Box::pin(self.put_settings(user, settings))
    }

    fn rules_for<'a>(&'a self, user: &'a UserId, other: &'a UserId) -> PortResult<'a, (UserSettings, bool)> {
        Box::pin(self.settings_and_block(user, other))
    }
}
