//! Where the state is kept: bytes by key, which the application writes in the same transaction as the message.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::error::Error;

use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

/// The state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store itself failed.
    #[error("the store failed")]
    Backend(#[source] Box<dyn Error + Send + Sync>),
    /// What was read is not what was written: another version's, or damaged.
    #[error("a stored value cannot be read")]
    Malformed,
    /// A value cannot be written down.
    #[error("a value cannot be written down")]
    Unwritable,
}

/// Secrets by key, opaque to whoever keeps them.
///
/// An operation of this crate writes only when it has succeeded, and then everything that it changed. For a crash to
/// lose no message and to use no key twice, these writes and what goes with them (the ciphertext that is to be sent,
/// the message that was read, the cursor) belong into **one** transaction, and nothing may leave the device before that
/// is durable. After a transaction that was rolled back, load the [`Group`](crate::Group) again.
pub trait Store {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;
    /// Sets the value of a key.
    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), StoreError>;
    /// Removes a key. One that is not there is fine.
    fn delete(&self, key: &[u8]) -> Result<(), StoreError>;
}

/// A store that is gone with the process.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct MemoryStore {
    values: RefCell<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl MemoryStore {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.values.borrow().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of all values.
    pub fn bytes(&self) -> usize {
        self.values.borrow().values().map(Vec::len).sum()
    }
}

impl Store for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.values.borrow().get(key).cloned())
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.values.borrow_mut().insert(key.to_vec(), value.to_vec());
        Ok(())
    }

    fn delete(&self, key: &[u8]) -> Result<(), StoreError> {
        self.values.borrow_mut().remove(key);
        Ok(())
    }
}

/// A new value, or none any more.
type Change = Option<Zeroizing<Vec<u8>>>;

/// Holds back what one operation writes until it has succeeded: what fails has changed nothing.
pub(crate) struct Overlay<'a> {
    below: &'a dyn Store,
    changes: RefCell<BTreeMap<Vec<u8>, Change>>,
}

impl<'a> Overlay<'a> {
    pub(crate) fn new(below: &'a dyn Store) -> Self {
        Self { below, changes: RefCell::default() }
    }

    /// Writes what was held back.
    pub(crate) fn flush(self) -> Result<(), StoreError> {
        for (key, change) in self.changes.into_inner() {
            match change {
                Some(value) => self.below.put(&key, &value)?,
                None => self.below.delete(&key)?,
            }
        }
        Ok(())
    }
}

impl Store for Overlay<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.changes.borrow().get(key) {
            Some(change) => Ok(change.as_ref().map(|value| value.to_vec())),
            None => self.below.get(key),
        }
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.changes.borrow_mut().insert(key.to_vec(), Some(Zeroizing::new(value.to_vec())));
        Ok(())
    }

    fn delete(&self, key: &[u8]) -> Result<(), StoreError> {
        self.changes.borrow_mut().insert(key.to_vec(), None);
        Ok(())
    }
}

/// The first byte of every value: the form of the rest, CBOR.
const FORM: u8 = 1;

pub(crate) fn encode(value: &impl Serialize) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let mut bytes = Zeroizing::new(vec![FORM]);
    ciborium::into_writer(value, &mut *bytes).map_err(|_| StoreError::Unwritable)?;
    Ok(bytes)
}

pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    match bytes.split_first() {
        Some((&FORM, rest)) => ciborium::from_reader(rest).map_err(|_| StoreError::Malformed),
        _ => Err(StoreError::Malformed),
    }
}

pub(crate) fn get<T: DeserializeOwned>(store: &dyn Store, key: &[u8]) -> Result<Option<T>, StoreError> {
    store.get(key)?.map(|bytes| decode(&Zeroizing::new(bytes))).transpose()
}

pub(crate) fn put(store: &dyn Store, key: &[u8], value: &impl Serialize) -> Result<(), StoreError> {
    store.put(key, &encode(value)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_back_is_seen_above_and_not_below() {
        let below = MemoryStore::new();
        below.put(b"kept", b"1").unwrap();
        below.put(b"gone", b"2").unwrap();
        let above = Overlay::new(&below);
        above.put(b"new", b"3").unwrap();
        above.delete(b"gone").unwrap();
        assert_eq!(above.get(b"new").unwrap().as_deref(), Some(&b"3"[..]));
        assert_eq!(above.get(b"kept").unwrap().as_deref(), Some(&b"1"[..]));
        assert_eq!(above.get(b"gone").unwrap(), None);
        assert_eq!((below.get(b"new").unwrap(), below.len()), (None, 2));
        above.flush().unwrap();
        assert_eq!((below.get(b"gone").unwrap(), below.len()), (None, 2));
    }

    #[test]
    fn a_value_of_another_form_is_refused() {
        let store = MemoryStore::new();
        for bytes in [&b""[..], &[2, 0x01], &[1], &[1, 0xff]] {
            store.put(b"key", bytes).unwrap();
            assert!(matches!(get::<u32>(&store, b"key"), Err(StoreError::Malformed)), "{bytes:?}");
        }
        put(&store, b"key", &7u32).unwrap();
        assert_eq!(get::<u32>(&store, b"key").unwrap(), Some(7));
    }
}
