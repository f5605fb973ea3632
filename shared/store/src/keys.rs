//! The key directory, in the devices table, beside the devices.
//!
//! | `uid` | `dev` | |
//! |---|---|---|
//! | `s#` and the user | `set` | the user's set of devices: `v` version, `ds` by device: `ik` identity, `a` added, `k` keyed; `rm` removed |
//! | `f#`, user, `#`, device | 16 digits of the hash of the identity, `#`, hash of the package | a package that nobody has taken: `kp`, `exp` |
//! | `f#`, user, `#`, device | `last#` and those digits | the last resort: `kh` its hash, `kp`, `exp` |
//! | `g#`, user, `#`, device | as the package | it was taken; goes with the package's time |

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
};

use aws_sdk_dynamodb::{
    operation::query::builders::QueryFluentBuilder,
    types::{AttributeValue, ConditionCheck, Delete, Put, Select, TransactWriteItem},
};
use sha2::{Digest, Sha256};
use tidings_domain::{
    ids::{DeviceId, Sender, Timestamp, UserId},
    keys::{DeviceSet, KeyPackage, KeyedDevice, SetChange},
    ports::{DeviceSets, KeyDirectory, PortResult, Unavailable},
};

use crate::{
    DynamoDevices, StoreError,
    error::{failed, transact},
    item::{Item, batch_get, n, number, s, text},
};

const SET: &str = "set";
/// Packages of one transaction, which has a hundred items: each is checked not to have been taken.
const PACKAGES_AT_ONCE: usize = 50;

/// Where something of a device stands.
fn key(sort: char, device: &Sender, dev: String) -> Item {
    HashMap::from([("uid".into(), s(partition(sort, device))), ("dev".into(), s(dev))])
}

/// No id has the sign in it.
fn partition(sort: char, device: &Sender) -> String {
    format!("{sort}#{}#{}", device.user, device.device)
}

fn set_key(user: &UserId) -> Item {
    HashMap::from([("uid".into(), s(format!("s#{user}"))), ("dev".into(), s(SET))])
}

/// A device that starts anew under the same name has another key, and its old packages are not its own any more.
fn digits_of(identity: &str) -> String {
    Sha256::digest(identity.as_bytes()).iter().take(8).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn package_name(identity: &str, package: &KeyPackage) -> String {
    format!("{}#{}", digits_of(identity), package.hash)
}

fn last_name(identity: &str) -> String {
    format!("last#{}", digits_of(identity))
}

fn set_item(user: &UserId, set: &DeviceSet) -> Item {
    let devices = set.devices.iter().map(|(device, keyed)| {
        let map = HashMap::from([
            ("ik".to_owned(), s(keyed.identity.as_ref())),
            ("a".to_owned(), n(keyed.added)),
            ("k".to_owned(), n(keyed.keyed)),
        ]);
        (device.to_string(), AttributeValue::M(map))
    });
    let removed = set.removed.iter().map(|(device, at)| AttributeValue::L(vec![s(device.as_str()), n(*at)]));
    let mut item = set_key(user);
    item.insert("v".into(), n(set.version));
    item.insert("ds".into(), AttributeValue::M(devices.collect()));
    item.insert("rm".into(), AttributeValue::L(removed.collect()));
    item
}

pub(crate) fn set_of(item: &Item) -> Result<DeviceSet, StoreError> {
    let devices = item.get("ds").and_then(|v| v.as_m().ok()).ok_or(StoreError::Attribute("ds"))?;
    let devices = devices.iter().map(|(device, value)| {
        let map = value.as_m().map_err(|_| StoreError::Attribute("ds"))?;
        let keyed =
            KeyedDevice { identity: text(map, "ik")?.into(), added: number(map, "a")?, keyed: number(map, "k")? };
        Ok((DeviceId::parse(device)?, keyed))
    });
    let removed = item.get("rm").and_then(|v| v.as_l().ok()).ok_or(StoreError::Attribute("rm"))?;
    let removed = removed.iter().map(|value| {
        let pair = value.as_l().ok().filter(|pair| pair.len() == 2).ok_or(StoreError::Attribute("rm"))?;
        let device = pair[0].as_s().map_err(|_| StoreError::Attribute("rm"))?;
        let at = pair[1].as_n().ok().and_then(|digits| digits.parse().ok()).ok_or(StoreError::Attribute("rm"))?;
        Ok((DeviceId::parse(device)?, at))
    });
    Ok(DeviceSet {
        version: number(item, "v")?,
        devices: devices.collect::<Result<_, StoreError>>()?,
        removed: removed.collect::<Result<_, StoreError>>()?,
    })
}

fn package_of(item: &Item) -> Result<KeyPackage, StoreError> {
    let (_, hash) = text(item, "dev")?.split_once('#').ok_or(StoreError::Attribute("dev"))?;
    package_called(hash, item)
}

fn package_called(hash: &str, item: &Item) -> Result<KeyPackage, StoreError> {
    Ok(KeyPackage {
        hash: hash.into(),
        package: text(item, "kp")?.into(),
        expires_at: Timestamp(number(item, "exp")?.saturating_mul(1000)),
    })
}

impl DynamoDevices {
    async fn sets(&self, users: &[UserId]) -> Result<BTreeMap<UserId, DeviceSet>, Unavailable> {
        const OPERATION: &str = "read sets of devices";
        let keys = users.iter().map(set_key).collect();
        let items = batch_get(&self.client, &self.table, keys, false, OPERATION).await?;
        let sets = items.iter().map(|item| {
            let user = text(item, "uid")?.strip_prefix("s#").ok_or(StoreError::Attribute("uid"))?;
            Ok((UserId::parse(user)?, set_of(item)?))
        });
        sets.collect::<Result<_, StoreError>>().map_err(failed(OPERATION))
    }

    async fn set(&self, user: &UserId) -> Result<DeviceSet, Unavailable> {
        const OPERATION: &str = "read a set of devices";
        let get = self.client.get_item().table_name(&self.table).set_key(Some(set_key(user))).consistent_read(true);
        let answer = get.send().await.map_err(failed(OPERATION))?;
        answer.item.as_ref().map(set_of).transpose().map_err(failed(OPERATION)).map(Option::unwrap_or_default)
    }

    fn put_set(&self, user: &UserId, before: &DeviceSet, after: &DeviceSet) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder().table_name(&self.table).set_item(Some(set_item(user, after)));
        let put = if before.version == 0 {
            put.condition_expression("attribute_not_exists(uid)")
        } else {
            put.condition_expression("v = :before").expression_attribute_values(":before", n(before.version))
        };
        Ok(TransactWriteItem::builder().put(put.build()?).build())
    }

    async fn put_set_if_connected(
        &self,
        device: &Sender,
        before: &DeviceSet,
        after: &DeviceSet,
    ) -> Result<SetChange, Unavailable> {
        const OPERATION: &str = "enter a set of devices";
        let row = HashMap::from([("uid".into(), s(device.user.as_str())), ("dev".into(), s(device.device.as_str()))]);
        let check = ConditionCheck::builder()
            .table_name(&self.table)
            .set_key(Some(row))
            .condition_expression("attribute_exists(uid) AND (attribute_not_exists(rv) OR rv = :no)")
            .expression_attribute_values(":no", AttributeValue::Bool(false))
            .build()
            .map_err(|error| failed(OPERATION)(StoreError::from(error)))?;
        let put = self.put_set(&device.user, before, after).map_err(failed(OPERATION))?;
        let items = vec![TransactWriteItem::builder().condition_check(check).build(), put];
        Ok(match transact(&self.client, items, OPERATION).await? {
            Ok(()) => SetChange::Done,
            Err(cancelled) if cancelled.is_refused(0) => SetChange::Refused,
            Err(_) => SetChange::Lost,
        })
    }

    async fn replace_set(
        &self,
        user: &UserId,
        before: &DeviceSet,
        after: &DeviceSet,
    ) -> Result<SetChange, Unavailable> {
        const OPERATION: &str = "leave a set of devices";
        let put = self.put_set(user, before, after).map_err(failed(OPERATION))?;
        let made = transact(&self.client, vec![put], OPERATION).await?;
        Ok(if made.is_ok() { SetChange::Done } else { SetChange::Lost })
    }

    async fn keep_packages(&self, device: &Sender, identity: &str, packages: &[KeyPackage]) -> Result<(), Unavailable> {
        const OPERATION: &str = "keep key packages";
        for packages in packages.chunks(PACKAGES_AT_ONCE) {
            let mut left: Vec<&KeyPackage> = packages.iter().collect();
            while !left.is_empty() {
                let items = left.iter().map(|package| self.keep_one(device, identity, package));
                let items = items.collect::<Result<Vec<_>, StoreError>>().map_err(failed(OPERATION))?;
                match transact(&self.client, items.into_iter().flatten().collect(), OPERATION).await? {
                    Ok(()) => break,
                    Err(cancelled) => {
                        let before = left.len();
                        // Of each two items the second is refused where the package was taken: it does not come back.
                        let mut index = 0;
                        left.retain(|_| {
                            index += 2;
                            !cancelled.is_refused(index - 1)
                        });
                        if left.len() == before {
                            return Err(failed(OPERATION)(cancelled));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn keep_one(
        &self,
        device: &Sender,
        identity: &str,
        package: &KeyPackage,
    ) -> Result<[TransactWriteItem; 2], StoreError> {
        let name = package_name(identity, package);
        let mut item = key('f', device, name.clone());
        item.insert("kp".into(), s(package.package.as_ref()));
        item.insert("exp".into(), n(package.expires_at.as_seconds()));
        let put = Put::builder().table_name(&self.table).set_item(Some(item)).build()?;
        let check = ConditionCheck::builder()
            .table_name(&self.table)
            .set_key(Some(key('g', device, name)))
            .condition_expression("attribute_not_exists(uid)")
            .build()?;
        Ok([TransactWriteItem::builder().put(put).build(), TransactWriteItem::builder().condition_check(check).build()])
    }

    async fn count_free(&self, device: &Sender, identity: &str, now: Timestamp) -> Result<usize, Unavailable> {
        const OPERATION: &str = "count key packages";
        let mut count = 0;
        let mut start_key = None;
        loop {
            let query = self.query_free(device, identity, now).select(Select::Count);
            let answer = query.set_exclusive_start_key(start_key).send().await.map_err(failed(OPERATION))?;
            count += usize::try_from(answer.count).unwrap_or_default();
            start_key = answer.last_evaluated_key;
            if start_key.is_none() {
                return Ok(count);
            }
        }
    }

    fn query_free(&self, device: &Sender, identity: &str, now: Timestamp) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("uid = :uid AND begins_with(dev, :dev)")
            .filter_expression("#exp > :now")
            .expression_attribute_names("#exp", "exp")
            .expression_attribute_values(":uid", s(partition('f', device)))
            .expression_attribute_values(":dev", s(format!("{}#", digits_of(identity))))
            .expression_attribute_values(":now", n(now.as_seconds()))
    }

    async fn free(
        &self,
        device: &Sender,
        identity: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<KeyPackage>, Unavailable> {
        const OPERATION: &str = "read key packages";
        let mut found = Vec::new();
        let mut start_key = None;
        loop {
            let query = self.query_free(device, identity, now).limit(i32::try_from(limit).unwrap_or(i32::MAX));
            let answer = query.set_exclusive_start_key(start_key).send().await.map_err(failed(OPERATION))?;
            for item in answer.items.unwrap_or_default() {
                found.push(package_of(&item).map_err(failed(OPERATION))?);
            }
            start_key = answer.last_evaluated_key;
            if start_key.is_none() || found.len() >= limit {
                found.truncate(limit);
                return Ok(found);
            }
        }
    }

    async fn take_free(&self, device: &Sender, identity: &str, package: &KeyPackage) -> Result<bool, Unavailable> {
        const OPERATION: &str = "take a key package";
        let name = package_name(identity, package);
        let items = || {
            let delete = Delete::builder()
                .table_name(&self.table)
                .set_key(Some(key('f', device, name.clone())))
                .condition_expression("attribute_exists(uid)")
                .build()?;
            let mut gone = key('g', device, name.clone());
            gone.insert("exp".into(), n(package.expires_at.as_seconds()));
            let put = Put::builder().table_name(&self.table).set_item(Some(gone)).build()?;
            Ok::<_, StoreError>(vec![
                TransactWriteItem::builder().delete(delete).build(),
                TransactWriteItem::builder().put(put).build(),
            ])
        };
        Ok(transact(&self.client, items().map_err(failed(OPERATION))?, OPERATION).await?.is_ok())
    }

    async fn keep_last(&self, device: &Sender, identity: &str, package: &KeyPackage) -> Result<(), Unavailable> {
        let mut item = key('f', device, last_name(identity));
        item.insert("kh".into(), s(package.hash.as_ref()));
        item.insert("kp".into(), s(package.package.as_ref()));
        item.insert("exp".into(), n(package.expires_at.as_seconds()));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map(drop).map_err(failed("keep a last resort"))
    }

    async fn last(&self, device: &Sender, identity: &str) -> Result<Option<KeyPackage>, Unavailable> {
        const OPERATION: &str = "read a last resort";
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key('f', device, last_name(identity))));
        let answer = get.consistent_read(true).send().await.map_err(failed(OPERATION))?;
        let package = answer.item.as_ref().map(|item| package_called(text(item, "kh")?, item));
        package.transpose().map_err(failed(OPERATION))
    }
}

impl DeviceSets for DynamoDevices {
    fn device_sets<'a>(&'a self, users: &'a [UserId]) -> PortResult<'a, BTreeMap<UserId, DeviceSet>> {
        Box::pin(self.sets(users))
    }
}

impl KeyDirectory for DynamoDevices {
    fn device_set<'a>(&'a self, user: &'a UserId) -> PortResult<'a, DeviceSet> {
        Box::pin(self.set(user))
    }

    fn enter<'a>(
        &'a self,
        device: &'a Sender,
        before: &'a DeviceSet,
        after: &'a DeviceSet,
    ) -> PortResult<'a, SetChange> {
        Box::pin(self.put_set_if_connected(device, before, after))
    }

    fn leave<'a>(&'a self, user: &'a UserId, before: &'a DeviceSet, after: &'a DeviceSet) -> PortResult<'a, SetChange> {
        Box::pin(self.replace_set(user, before, after))
    }

    fn put_packages<'a>(
        &'a self,
        device: &'a Sender,
        identity: &'a str,
        packages: &'a [KeyPackage],
    ) -> PortResult<'a, ()> {
        Box::pin(self.keep_packages(device, identity, packages))
    }

    fn count<'a>(&'a self, device: &'a Sender, identity: &'a str, now: Timestamp) -> PortResult<'a, usize> {
        Box::pin(self.count_free(device, identity, now))
    }

    fn packages<'a>(
        &'a self,
        device: &'a Sender,
        identity: &'a str,
        now: Timestamp,
        limit: usize,
    ) -> PortResult<'a, Vec<KeyPackage>> {
        Box::pin(self.free(device, identity, now, limit))
    }

    fn take<'a>(&'a self, device: &'a Sender, identity: &'a str, package: &'a KeyPackage) -> PortResult<'a, bool> {
        Box::pin(self.take_free(device, identity, package))
    }

    fn put_last_resort<'a>(
        &'a self,
        device: &'a Sender,
        identity: &'a str,
        package: &'a KeyPackage,
    ) -> PortResult<'a, ()> {
        Box::pin(self.keep_last(device, identity, package))
    }

    fn last_resort<'a>(&'a self, device: &'a Sender, identity: &'a str) -> PortResult<'a, Option<KeyPackage>> {
        Box::pin(self.last(device, identity))
    }
}
