//! The index for search: segments in object storage.
//!
//! A shard is a month of a bucket of conversations. Its manifest names its segments, which are objects that never change,
//! and what of them is gone. A writer puts a segment, then the manifest with it, on the condition that the manifest is
//! still the one that it read; having lost, it reads again. There is no server and no lock, and nothing to pay for while
//! nobody writes or asks.
//!
//! # Architecture invariants
//! - What a manifest names is there: segments are put before it and removed after it.
//! - Changes may be repeated and come in any order: of a message the highest version counts, and what is gone is
//!   remembered for as long as a stream may bring it again.

mod cache;
mod engine;
mod hunting;
mod manifest;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures_util::future::try_join_all;
use thiserror::Error;
use tidings_blobs::Blobs;
use tidings_domain::{
    ids::{Sequence, Timestamp},
    limits::SEARCH_BUCKETS,
    ports::{Clock, PortResult, Unavailable},
};
use tidings_search::{
    document::{Document, Month, Shard, Tag, bucket_of},
    index::{Candidate, Change, Hunt, Index, Lifecycle, Maintained, Order},
};
use tracing::{info, warn};

pub use crate::cache::Room;
use crate::{
    cache::{Cache, Opened},
    engine::{Held, Made, Open, SegmentError, Written, build, merge},
    manifest::{Absent, Manifest, ManifestError, Segment},
};

const MANIFESTS: &str = "manifests/";
const SEGMENTS: &str = "segments/";
/// Shards that are written to at once, and that are opened at once.
const SHARDS_AT_ONCE: usize = 8;
/// Segments of a shard that are read at once.
const READS_AT_ONCE: usize = 8;
/// Races for a manifest that are lost before it is given up.
const TRIES_MAX: u32 = 10;
/// A segment that no manifest names is left by a writer that ended; so long after, in milliseconds, none is writing.
const ORPHAN_MS: u64 = 3600 * 1000;

#[derive(Debug, Error)]
enum IndexError {
    #[error(transparent)]
    Blobs(#[from] Unavailable),
    #[error("a manifest")]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Segment(#[from] SegmentError),
    #[error("lost {TRIES_MAX} races for a manifest")]
    Contended,
    #[error("a segment that its manifest names is not there")]
    Missing,
}

fn failed(operation: &'static str) -> impl Fn(IndexError) -> Unavailable {
    move |error| match error {
        IndexError::Blobs(unavailable) => unavailable,
        other => Unavailable { operation, source: Box::new(other) },
    }
}

/// An index in object storage.
pub struct ShardedIndex {
    blobs: Arc<dyn Blobs>,
    clock: Arc<dyn Clock>,
    cache: Cache,
}

/// A manifest, and the name of its content; none where there is no such object.
type Found = (Manifest, Option<String>);

fn manifest_key(shard: Shard) -> String {
    format!("{MANIFESTS}{shard}")
}

fn segment_key(shard: Shard, id: &str) -> String {
    format!("{SEGMENTS}{shard}/{id}")
}

impl ShardedIndex {
    /// The index in these objects, of which a process keeps as much as there is room for.
    pub fn new(blobs: Arc<dyn Blobs>, clock: Arc<dyn Clock>, room: Room) -> Self {
        Self { blobs, clock, cache: Cache::new(room) }
    }

    async fn manifest(&self, shard: Shard) -> Result<Found, IndexError> {
        match self.blobs.get(&manifest_key(shard)).await? {
            Some(blob) => Ok((Manifest::parse(&blob.bytes)?, Some(blob.etag))),
            None => Ok((Manifest::default(), None)),
        }
    }

    /// Puts a manifest in the place of the one that was read; false where another writer was first.
    async fn commit(&self, shard: Shard, manifest: &Manifest, etag: Option<&str>) -> Result<bool, IndexError> {
        Ok(self.blobs.put_if(&manifest_key(shard), &manifest.to_bytes()?, etag).await?.is_some())
    }

    /// Waits before a race is run again, with full jitter.
    async fn pause(&self, lost: u32) {
        self.clock.sleep_ms(self.clock.random_below((20 << lost.min(6)) + 1)).await;
    }

    /// What a new segment is called: a name that no other has.
    fn made(&self, freed: u64, at: Timestamp) -> Made {
        let chance = || self.clock.random_below(1 << 48);
        Made { id: format!("{:011x}-{:012x}{:012x}", at.0, chance(), chance()), freed, at }
    }

    async fn write(&self, shard: Shard, changes: &[&Change]) -> Result<(), IndexError> {
        let mut tried: Vec<String> = Vec::new();
        for lost in 0..TRIES_MAX {
            let (mut manifest, etag) = self.manifest(shard).await?;
            // A put whose answer was lost was done.
            if tried.iter().any(|id| manifest.has(id)) {
                return Ok(());
            }
            let told = manifest.told;
            let now = self.clock.now();
            for change in changes {
                match change {
                    Change::Put(document) => manifest.note_version(document, now),
                    Change::Remove { key, ts, .. } => manifest.note_gone(*key, u64::MAX, Some(*ts), now),
                }
            }
            let documents = latest(changes, &manifest.absent(), manifest.is_downsampled);
            if documents.is_empty() && manifest.told == told {
                return Ok(());
            }
            if !documents.is_empty() {
                // A new one each time: one whose commit was not answered may have been put together with others since,
                // and removed. What is there twice counts once.
                let Written { segment, object } = build(&documents, self.made(told, now))?;
                self.blobs.put(&segment_key(shard, &segment.id), &object).await?;
                tried.push(segment.id.clone());
                manifest.segments.push(segment);
            }
            if self.commit(shard, &manifest, etag.as_deref()).await? {
                return Ok(());
            }
            self.pause(lost).await;
        }
        Err(IndexError::Contended)
    }

    async fn write_all(&self, changes: &[Change]) -> Result<(), IndexError> {
        let mut by_shard: BTreeMap<Shard, Vec<&Change>> = BTreeMap::new();
        for change in changes {
            by_shard.entry(change.shard()).or_default().push(change);
        }
        let by_shard: Vec<(Shard, Vec<&Change>)> = by_shard.into_iter().collect();
        for some in by_shard.chunks(SHARDS_AT_ONCE) {
            try_join_all(some.iter().map(|(shard, changes)| self.write(*shard, changes))).await?;
        }
        Ok(())
    }

    async fn forget_words(&self, conversation: Tag, until: Timestamp, now: Timestamp) -> Result<(), IndexError> {
        for (shard, _) in self.shards().await? {
            if shard.bucket != bucket_of(conversation) || shard.month > Month::of(until) {
                continue;
            }
            for lost in 0..=TRIES_MAX {
                if lost == TRIES_MAX {
                    return Err(IndexError::Contended);
                }
                let (mut manifest, Some(etag)) = self.manifest(shard).await? else { break };
                let told = manifest.told;
                manifest.note_forgotten(conversation, until, now);
                if manifest.told == told || self.commit(shard, &manifest, Some(&etag)).await? {
                    break;
                }
                self.pause(lost).await;
            }
        }
        Ok(())
    }

    /// All shards, with the names of their manifests and when these were put.
    async fn shards(&self) -> Result<BTreeMap<Shard, (String, Timestamp)>, IndexError> {
        let listed = self.blobs.list(MANIFESTS).await?;
        let shards = listed.into_iter().filter_map(|object| {
            let shard = Shard::parse(object.key.strip_prefix(MANIFESTS)?)?;
            Some((shard, (object.etag, object.modified)))
        });
        Ok(shards.collect())
    }

    async fn read(&self, shard: Shard, segment: &Segment, from: u64) -> Result<Held, IndexError> {
        if let Some(bytes) = self.cache.segment(shard, segment, from) {
            return Ok(bytes);
        }
        let bytes = self.blobs.get_range(&segment_key(shard, &segment.id), from..segment.bytes).await?;
        let bytes = Held::parse(from, bytes.ok_or(IndexError::Missing)?)?;
        self.cache.keep_segment(shard, segment, &bytes);
        Ok(bytes)
    }

    async fn read_all(
        &self,
        shard: Shard,
        segments: &[Segment],
        needs_positions: bool,
    ) -> Result<Vec<Held>, IndexError> {
        let mut held = Vec::with_capacity(segments.len());
        for some in segments.chunks(READS_AT_ONCE) {
            let reading = some.iter().map(|segment| self.read(shard, segment, segment.needed_from(needs_positions)));
            held.extend(try_join_all(reading).await?);
        }
        Ok(held)
    }

    /// A shard as its manifest has it; none where there is none.
    async fn open(&self, shard: Shard, etag: &str, needs_positions: bool) -> Result<Option<Arc<Opened>>, IndexError> {
        if let Some(opened) = self.cache.shard(shard, etag, needs_positions) {
            return Ok(Some(opened));
        }
        // A segment may be replaced and removed while it is read: the manifest tells by what.
        for lost in 0..TRIES_MAX {
            let (manifest, Some(etag)) = self.manifest(shard).await? else {
                self.cache.forget(shard);
                return Ok(None);
            };
            self.cache.sweep(shard, &manifest);
            let segments = match self.read_all(shard, &manifest.segments, needs_positions).await {
                Err(IndexError::Missing) => {
                    self.pause(lost).await;
                    continue;
                }
                segments => segments?,
            };
            let absent = manifest.absent();
            let open = Open::new(&segments)?;
            let opened = Arc::new(Opened { etag, open, absent, has_positions: needs_positions });
            self.cache.keep_shard(shard, Arc::clone(&opened));
            return Ok(Some(opened));
        }
        Err(IndexError::Missing)
    }

    async fn find(&self, hunt: &Hunt<'_>) -> Result<Vec<Candidate>, IndexError> {
        let mut buckets: BTreeMap<u64, BTreeMap<Tag, Sequence>> = BTreeMap::new();
        for (conversation, from) in hunt.scope {
            buckets.entry(bucket_of(*conversation)).or_default().insert(*conversation, *from);
        }
        let (first, last) = (Month::of(hunt.since), Month::of(Timestamp(hunt.until.0.saturating_sub(1))));
        let mut months: BTreeMap<Month, Vec<(Shard, String)>> = BTreeMap::new();
        for (shard, (etag, _)) in self.shards().await? {
            if buckets.contains_key(&shard.bucket) && (first..=last).contains(&shard.month) {
                months.entry(shard.month).or_default().push((shard, etag));
            }
        }
        if hunt.order == Order::Relevant {
            let all = months.into_values().flatten().collect();
            return self.find_in(all, &buckets, hunt).await;
        }
        // The latest month that fills the page ends it.
        let mut found = Vec::new();
        for shards in months.into_values().rev() {
            found.extend(self.find_in(shards, &buckets, hunt).await?);
            if found.len() >= hunt.limit {
                break;
            }
        }
        found.truncate(hunt.limit);
        Ok(found)
    }

    async fn find_in(
        &self,
        shards: Vec<(Shard, String)>,
        buckets: &BTreeMap<u64, BTreeMap<Tag, Sequence>>,
        hunt: &Hunt<'_>,
    ) -> Result<Vec<Candidate>, IndexError> {
        let needs_positions = hunt.words.is_some_and(tidings_search::query::Words::needs_positions);
        let mut found: Vec<Candidate> = Vec::new();
        for some in shards.chunks(SHARDS_AT_ONCE) {
            let opening = some.iter().map(|(shard, etag)| self.open(*shard, etag, needs_positions));
            for ((shard, _), opened) in some.iter().zip(try_join_all(opening).await?) {
                let (Some(scope), Some(opened)) = (buckets.get(&shard.bucket), opened) else { continue };
                found.extend(hunting::hunt(&opened.open, &opened.absent, scope, hunt)?);
            }
        }
        found.sort_by_key(|candidate| Reverse(candidate.place));
        found.truncate(hunt.limit);
        Ok(found)
    }

    async fn tidy(
        &self,
        lifecycle: Lifecycle,
        changed_since: Timestamp,
        now: Timestamp,
    ) -> Result<Maintained, IndexError> {
        let this = Month::of(now);
        let mut done = Maintained::default();
        let shards = self.shards().await?;
        for (shard, (_, modified)) in &shards {
            let has_ended = |months: u32| shard.month <= this.minus(months);
            if has_ended(lifecycle.months) {
                done.removed += self.drop_shard(*shard).await?;
                done.expired += 1;
            } else if *modified >= changed_since {
                done.shards += 1;
                self.tidy_shard(*shard, has_ended(lifecycle.text_months), now, &mut done).await?;
            }
        }
        if changed_since == Timestamp::default() {
            done.removed += self.remove_orphans(now).await?;
        }
        Ok(done)
    }

    /// The manifest goes first: what it names is there as long as it is.
    async fn drop_shard(&self, shard: Shard) -> Result<u64, IndexError> {
        self.blobs.remove(&[manifest_key(shard)]).await?;
        let listed = self.blobs.list(&segment_key(shard, "")).await?;
        let keys: Vec<String> = listed.into_iter().map(|object| object.key).collect();
        self.blobs.remove(&keys).await?;
        self.cache.forget(shard);
        Ok(keys.len() as u64)
    }

    async fn tidy_shard(
        &self,
        shard: Shard,
        drops_text: bool,
        now: Timestamp,
        done: &mut Maintained,
    ) -> Result<(), IndexError> {
        let (manifest, etag) = self.manifest(shard).await?;
        let drops_text = drops_text && !manifest.is_downsampled;
        let old = if drops_text { manifest.segments.clone() } else { manifest.due(now) };
        let mut forgetting = manifest.clone();
        forgetting.forget_told(now);
        if old.is_empty() && !drops_text {
            if forgetting != manifest {
                // Lost, it is done the next time.
                self.commit(shard, &forgetting, etag.as_deref()).await?;
            }
            return Ok(());
        }
        let new = match self.read_all(shard, &old, true).await {
            // Another has replaced it meanwhile.
            Err(IndexError::Missing) => return Ok(()),
            _ if old.is_empty() => None,
            sources => {
                let absent: Absent = manifest.absent();
                merge(&sources?, shard, &absent, drops_text, self.made(manifest.told, now))?
            }
        };
        if let Some(Written { segment, object }) = &new {
            self.blobs.put(&segment_key(shard, &segment.id), object).await?;
        }
        let new = new.map(|written| written.segment);
        let is_done = self.replace(shard, &old, new.as_ref(), drops_text, now).await?;
        // A segment that came too late is found by the next look at all: its commit may be under way yet.
        let left = if is_done { old } else { Vec::new() };
        let keys: Vec<String> = left.iter().map(|segment| segment_key(shard, &segment.id)).collect();
        self.blobs.remove(&keys).await?;
        done.removed += keys.len() as u64;
        if is_done {
            done.merged += u64::from(!drops_text);
            done.downsampled += u64::from(drops_text);
            info!(%shard, segments = keys.len(), drops_text, "segments put together");
        }
        Ok(())
    }

    /// Puts a segment in the place of others; false where another was first.
    async fn replace(
        &self,
        shard: Shard,
        old: &[Segment],
        new: Option<&Segment>,
        drops_text: bool,
        now: Timestamp,
    ) -> Result<bool, IndexError> {
        for lost in 0..TRIES_MAX {
            let (manifest, etag) = self.manifest(shard).await?;
            if new.is_some_and(|segment| manifest.has(&segment.id)) {
                return Ok(true);
            }
            let Some(mut replaced) = manifest.replaced(old, new) else {
                // Where nothing was left, an answer that was lost looks like this, and is the same.
                return Ok(new.is_none() && !old.iter().any(|segment| manifest.has(&segment.id)));
            };
            // What came meanwhile has its text: the next time.
            replaced.is_downsampled |= drops_text && replaced.segments.iter().all(|segment| !segment.has_text);
            replaced.forget_told(now);
            if self.commit(shard, &replaced, etag.as_deref()).await? {
                return Ok(true);
            }
            self.pause(lost).await;
        }
        warn!(%shard, "lost all races for a manifest; the next time");
        Ok(false)
    }

    /// Removes segments that no manifest names, of writers that ended before they could.
    async fn remove_orphans(&self, now: Timestamp) -> Result<u64, IndexError> {
        let mut by_shard: BTreeMap<Shard, Vec<String>> = BTreeMap::new();
        for object in self.blobs.list(SEGMENTS).await? {
            let place = object.key.strip_prefix(SEGMENTS).and_then(|rest| rest.split_once('/'));
            let shard = place.and_then(|(shard, _)| Shard::parse(shard));
            if let Some(shard) = shard.filter(|_| now.ms_since(object.modified) > ORPHAN_MS) {
                by_shard.entry(shard).or_default().push(object.key);
            }
        }
        let mut removed = 0;
        for (shard, keys) in by_shard {
            let (manifest, _) = self.manifest(shard).await?;
            let named: BTreeSet<String> = manifest.segments.iter().map(|s| segment_key(shard, &s.id)).collect();
            let orphans: Vec<String> = keys.into_iter().filter(|key| !named.contains(key)).collect();
            self.blobs.remove(&orphans).await?;
            removed += orphans.len() as u64;
        }
        Ok(removed)
    }
}

/// The highest version of each message that is put and still there.
fn latest(changes: &[&Change], absent: &Absent, drops_text: bool) -> Vec<Document> {
    let mut latest = BTreeMap::new();
    for change in changes {
        let Change::Put(document) = change else { continue };
        if absent.is_gone(document.key, document.version) {
            continue;
        }
        let known = latest.entry(document.key).or_insert(document);
        if known.version < document.version {
            *known = document;
        }
    }
    let stripped = |document: &Document| {
        let keeps_text = !drops_text && !absent.is_text_gone(document.key.conversation, document.ts);
        Document { text: document.text.clone().filter(|_| keeps_text), ..document.clone() }
    };
    latest.into_values().map(stripped).collect()
}

impl Index for ShardedIndex {
    fn apply<'a>(&'a self, changes: &'a [Change]) -> PortResult<'a, ()> {
        Box::pin(async move { self.write_all(changes).await.map_err(failed("write to the index")) })
    }

    fn forget_text(&self, conversation: Tag, until: Timestamp, now: Timestamp) -> PortResult<'_, ()> {
        Box::pin(async move {
            self.forget_words(conversation, until, now).await.map_err(failed("take words out of the index"))
        })
    }

    fn hunt<'a>(&'a self, hunt: &'a Hunt<'a>) -> PortResult<'a, Vec<Candidate>> {
        Box::pin(async move { self.find(hunt).await.map_err(failed("search the index")) })
    }

    fn maintain(&self, lifecycle: Lifecycle, changed_since: Timestamp, now: Timestamp) -> PortResult<'_, Maintained> {
        Box::pin(async move { self.tidy(lifecycle, changed_since, now).await.map_err(failed("tidy the index")) })
    }
}

// A bucket is written with two digits.
const _: () = assert!(SEARCH_BUCKETS <= 100);
