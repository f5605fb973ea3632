//! Reading and writing items by attribute.

use std::collections::HashMap;

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};

use crate::StoreError;

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
