//! Reading and writing items by attribute.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    primitives::Blob,
    types::{AttributeValue, KeysAndAttributes},
};
use futures_util::future::try_join_all;
use tidings_domain::{ids::UserId, ports::Unavailable};

use crate::{StoreError, error::failed};

/// A key that no row has: reading it opens the connection to storage.
pub(crate) const NO_KEY: &str = "warm-up";

/// `BatchGetItem` takes so many keys.
pub(crate) const BATCH_KEYS_MAX: usize = 100;
/// Tries of keys that a batch left unprocessed. They were throttled, each try is half the batch at worst.
const BATCH_TRIES_MAX: usize = 8;

pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(crate) fn n(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(crate) fn binary_set<'a>(values: impl IntoIterator<Item = &'a [u8; 8]>) -> AttributeValue {
    AttributeValue::Bs(values.into_iter().map(|bytes| Blob::new(bytes.to_vec())).collect())
}

pub(crate) fn text<'a>(item: &'a Item, name: &'static str) -> Result<&'a str, StoreError> {
    item.get(name).and_then(|v| v.as_s().ok()).map(String::as_str).ok_or(StoreError::Attribute(name))
}

pub(crate) fn number(item: &Item, name: &'static str) -> Result<u64, StoreError> {
    optional_number(item, name)?.ok_or(StoreError::Attribute(name))
}

/// A text that may be absent; what is no text is an error.
pub(crate) fn optional_text<'a>(item: &'a Item, name: &'static str) -> Result<Option<&'a str>, StoreError> {
    item.contains_key(name).then(|| text(item, name)).transpose()
}

pub(crate) fn list<'a>(texts: impl IntoIterator<Item = &'a str>) -> AttributeValue {
    AttributeValue::L(texts.into_iter().map(s).collect())
}

/// A list of texts that may be absent.
pub(crate) fn optional_list<'a>(item: &'a Item, name: &'static str) -> Result<Option<Vec<&'a str>>, StoreError> {
    let Some(value) = item.get(name) else { return Ok(None) };
    let values = value.as_l().map_err(|_| StoreError::Attribute(name))?;
    let texts = values.iter().map(|value| value.as_s().map(String::as_str).map_err(|_| StoreError::Attribute(name)));
    texts.collect::<Result<_, _>>().map(Some)
}

/// A flag, which is false where it is absent.
pub(crate) fn flag(item: &Item, name: &'static str) -> Result<bool, StoreError> {
    item.get(name).map_or(Ok(false), |value| value.as_bool().copied().map_err(|_| StoreError::Attribute(name)))
}

/// A number that may be absent; one that is no number is an error.
pub(crate) fn optional_number(item: &Item, name: &'static str) -> Result<Option<u64>, StoreError> {
    match item.get(name) {
        None => Ok(None),
        Some(value) => {
            let digits = value.as_n().map_err(|_| StoreError::Attribute(name))?;
            digits.parse().map(Some).map_err(|_| StoreError::Attribute(name))
        }
    }
}

/// What a user has in a table that is keyed by `uid`; eventually consistent.
pub(crate) async fn rows_of_user<T>(
    client: &Client,
    table: &str,
    user: &UserId,
    operation: &'static str,
    read: impl Fn(&Item) -> Result<T, StoreError>,
) -> Result<Vec<T>, Unavailable> {
    let answer = client
        .query()
        .table_name(table)
        .key_condition_expression("uid = :uid")
        .expression_attribute_values(":uid", s(user.as_str()))
        .send()
        .await
        .map_err(failed(operation))?;
    let items = answer.items.unwrap_or_default();
    items.iter().map(|item| read(item).map_err(failed(operation))).collect()
}

/// Single items of a table by their keys, in as many requests as they need.
pub(crate) async fn batch_get(
    client: &Client,
    table: &str,
    keys: Vec<Item>,
    is_strong: bool,
    operation: &'static str,
) -> Result<Vec<Item>, Unavailable> {
    let batches =
        keys.chunks(BATCH_KEYS_MAX).map(|chunk| batch_get_once(client, table, chunk.to_vec(), is_strong, operation));
    Ok(try_join_all(batches).await?.into_iter().flatten().collect())
}

async fn batch_get_once(
    client: &Client,
    table: &str,
    mut keys: Vec<Item>,
    is_strong: bool,
    operation: &'static str,
) -> Result<Vec<Item>, Unavailable> {
    let mut items = Vec::with_capacity(keys.len());
    for _ in 0..BATCH_TRIES_MAX {
        if keys.is_empty() {
            return Ok(items);
        }
        let request = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(is_strong).build();
        let request = request.map_err(failed(operation))?;
        let answer = client.batch_get_item().request_items(table, request).send().await.map_err(failed(operation))?;
        items.extend(answer.responses.unwrap_or_default().remove(table).unwrap_or_default());
        let left = answer.unprocessed_keys.unwrap_or_default().remove(table);
        keys = left.map(|left| left.keys).unwrap_or_default();
    }
    if keys.is_empty() { Ok(items) } else { Err(failed(operation)(StoreError::Unprocessed)) }
}
