//! Objects in memory, for tests and measurements.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tidings_domain::{ids::Timestamp, ports::PortResult};

use crate::{Blob, Blobs, Listed};

/// What was asked of objects so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Reads, and bytes that they gave.
    pub reads: u64,
    /// Bytes that were read.
    pub read_bytes: u64,
    /// Puts.
    pub puts: u64,
    /// Bytes that were put.
    pub put_bytes: u64,
    /// Lists.
    pub lists: u64,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, (Vec<u8>, u64, Timestamp)>,
    version: u64,
    now: Timestamp,
    losses: usize,
    traffic: Traffic,
}

/// Objects in memory. Clones are the same ones.
#[derive(Clone, Debug, Default)]
pub struct MemoryBlobs(Arc<Mutex<State>>);

impl MemoryBlobs {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the time that later puts are of.
    pub fn set_now(&self, now: Timestamp) {
        self.state().now = now;
    }

    /// The answers of the next so many conditional puts get lost: they are done, and their writer hears that they
    /// are not.
    pub fn lose_answers(&self, count: usize) {
        self.state().losses = count;
    }

    /// All objects.
    pub fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        self.state().objects.iter().map(|(key, (bytes, ..))| (key.clone(), bytes.clone())).collect()
    }

    /// What was asked since the last time, and counts anew.
    pub fn take_traffic(&self) -> Traffic {
        std::mem::take(&mut self.state().traffic)
    }
}

impl State {
    fn put(&mut self, key: &str, bytes: &[u8]) -> String {
        self.version += 1;
        self.traffic.puts += 1;
        self.traffic.put_bytes += bytes.len() as u64;
        self.objects.insert(key.to_owned(), (bytes.to_vec(), self.version, self.now));
        self.version.to_string()
    }

    fn read(&mut self, bytes: &[u8]) {
        self.traffic.reads += 1;
        self.traffic.read_bytes += bytes.len() as u64;
    }
}

impl Blobs for MemoryBlobs {
    fn get<'a>(&'a self, key: &'a str) -> PortResult<'a, Option<Blob>> {
        Box::pin(async move {
            let mut state = self.state();
            let found = state.objects.get(key).cloned();
            state.read(found.as_ref().map_or(&[], |(bytes, ..)| bytes));
            Ok(found.map(|(bytes, version, _)| Blob { bytes, etag: version.to_string() }))
        })
    }

    fn get_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> PortResult<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            let mut state = self.state();
            let Some((bytes, ..)) = state.objects.get(key).cloned() else { return Ok(None) };
            let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
            let part = bytes.get(place(range.start)..place(range.end)).unwrap_or_default().to_vec();
            state.read(&part);
            Ok(Some(part))
        })
    }

    fn put<'a>(&'a self, key: &'a str, bytes: &'a [u8]) -> PortResult<'a, ()> {
        Box::pin(async move {
            self.state().put(key, bytes);
            Ok(())
        })
    }

    fn put_if<'a>(
        &'a self,
        key: &'a str,
        bytes: &'a [u8],
        expected: Option<&'a str>,
    ) -> PortResult<'a, Option<String>> {
        Box::pin(async move {
            let mut state = self.state();
            let stands = state.objects.get(key).map(|(_, version, _)| version.to_string());
            if stands.as_deref() != expected {
                return Ok(None);
            }
            let etag = state.put(key, bytes);
            let is_lost = state.losses > 0;
            state.losses = state.losses.saturating_sub(1);
            Ok(Some(etag).filter(|_| !is_lost))
        })
    }

    fn remove<'a>(&'a self, keys: &'a [String]) -> PortResult<'a, ()> {
        Box::pin(async move {
            let mut state = self.state();
            for key in keys {
                state.objects.remove(key);
            }
            Ok(())
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> PortResult<'a, Vec<Listed>> {
        Box::pin(async move {
            let mut state = self.state();
            state.traffic.lists += 1;
            let found = state.objects.iter().filter(|(key, _)| key.starts_with(prefix));
            let listed = found.map(|(key, (_, version, modified))| Listed {
                key: key.clone(),
                etag: version.to_string(),
                modified: *modified,
            });
            Ok(listed.collect())
        })
    }
}
