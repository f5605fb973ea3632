//! Objects that are put on conditions: what many writers share without a lock.
//!
//! Timeouts and retries are the client's, set where it is made. A put whose answer was lost is tried again by the client,
//! and may then be refused by its own first success: whoever puts on a condition looks at what stands there.

mod memory;
mod s3;

use std::ops::Range;

use tidings_domain::{ids::Timestamp, ports::PortResult};

pub use crate::{
    memory::{MemoryBlobs, Traffic},
    s3::S3Blobs,
};

/// An object that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// What it holds.
    pub bytes: Vec<u8>,
    /// Names this content.
    pub etag: String,
}

/// An object in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// Names its content.
    pub etag: String,
    /// When it was put.
    pub modified: Timestamp,
}

/// Objects by their keys. Reads and lists see every put that was answered.
pub trait Blobs: Send + Sync {
    /// An object; none where there is none.
    fn get<'a>(&'a self, key: &'a str) -> PortResult<'a, Option<Blob>>;

    /// Bytes of an object; none where there is none.
    fn get_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> PortResult<'a, Option<Vec<u8>>>;

    /// Puts an object, whatever stands there.
    fn put<'a>(&'a self, key: &'a str, bytes: &'a [u8]) -> PortResult<'a, ()>;

    /// Puts an object in the place of the content of that name, or where there is none. The name of what was put;
    /// none where something else stands there.
    fn put_if<'a>(&'a self, key: &'a str, bytes: &'a [u8], expected: Option<&'a str>)
    -> PortResult<'a, Option<String>>;

    /// Removes objects, as far as they are there.
    fn remove<'a>(&'a self, keys: &'a [String]) -> PortResult<'a, ()>;

    /// All objects whose keys begin so, by key.
    fn list<'a>(&'a self, prefix: &'a str) -> PortResult<'a, Vec<Listed>>;
}
