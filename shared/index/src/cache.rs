//! What a process keeps of the index, so that it is read from storage once: opened shards and segments in memory, and
//! segments in files. What a shard has no more is dropped from both.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tidings_search::document::Shard;

use crate::{
    engine::{Held, Open},
    manifest::{Absent, Manifest, Segment},
};

/// How much may be kept.
#[derive(Clone, Debug)]
pub struct Room {
    /// Bytes of segments in memory.
    pub memory_bytes: u64,
    /// Where segments are kept in files, and how many bytes of them; none where they are not.
    pub files: Option<(PathBuf, u64)>,
}

/// Bytes of the index that a function keeps in memory, and in files: Lambda gives 512 MB of these.
const MEMORY_BYTES: u64 = 384 << 20;
const FILES_BYTES: u64 = 448 << 20;
const FILES_FOLDER: &str = "/tmp/tidings-search";

impl Room {
    /// The room of a function that is asked again and again.
    pub fn with_files() -> Self {
        Self { memory_bytes: MEMORY_BYTES, files: Some((FILES_FOLDER.into(), FILES_BYTES)) }
    }

    /// The room of a function that works on.
    pub fn in_memory() -> Self {
        Self { memory_bytes: MEMORY_BYTES, files: None }
    }
}

/// A shard that can be searched.
pub(crate) struct Opened {
    pub(crate) etag: String,
    pub(crate) open: Open,
    pub(crate) absent: Absent,
    pub(crate) has_positions: bool,
}

#[derive(Default)]
struct Kept {
    shards: BTreeMap<Shard, Arc<Opened>>,
    segments: BTreeMap<String, KeptSegment>,
    /// Uses, counted: what was used longest ago goes first.
    uses: u64,
}

struct KeptSegment {
    shard: Shard,
    bytes: Held,
    used: u64,
}

pub(crate) struct Cache {
    room: Room,
    held: Mutex<Kept>,
}

impl Cache {
    pub(crate) fn new(room: Room) -> Self {
        Self { room, held: Mutex::default() }
    }

    fn held(&self) -> MutexGuard<'_, Kept> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn shard(&self, shard: Shard, etag: &str, needs_positions: bool) -> Option<Arc<Opened>> {
        let held = self.held();
        let opened = held.shards.get(&shard)?;
        (opened.etag == etag && (opened.has_positions || !needs_positions)).then(|| Arc::clone(opened))
    }

    pub(crate) fn keep_shard(&self, shard: Shard, opened: Arc<Opened>) {
        self.held().shards.insert(shard, opened);
    }

    /// Bytes of a segment from a place on, or from before.
    pub(crate) fn segment(&self, shard: Shard, segment: &Segment, from: u64) -> Option<Held> {
        let mut held = self.held();
        held.uses += 1;
        let uses = held.uses;
        if let Some(kept) = held.segments.get_mut(&segment.id).filter(|kept| kept.bytes.from <= from) {
            kept.used = uses;
            return Some(kept.bytes.clone());
        }
        drop(held);
        let bytes = fs::read(self.path(shard, &segment.id)?).ok()?;
        // A file that was not written to its end is none, and one that was damaged.
        Held::parse(0, bytes).ok()
    }

    pub(crate) fn keep_segment(&self, shard: Shard, segment: &Segment, bytes: &Held) {
        let mut held = self.held();
        held.uses += 1;
        let kept = KeptSegment { shard, bytes: bytes.clone(), used: held.uses };
        held.segments.insert(segment.id.clone(), kept);
        let mut total: u64 = held.segments.values().map(|kept| kept.bytes.bytes.len() as u64).sum();
        while total > self.room.memory_bytes {
            let Some((id, kept)) = held.segments.iter().min_by_key(|(_, kept)| kept.used) else { break };
            let (id, shard) = (id.clone(), kept.shard);
            total -= kept.bytes.bytes.len() as u64;
            held.segments.remove(&id);
            // What is opened holds the bytes as well.
            held.shards.remove(&shard);
        }
        drop(held);
        if bytes.from == 0 {
            self.write(shard, &segment.id, &bytes.bytes);
        }
    }

    /// Drops what a shard has no more.
    pub(crate) fn sweep(&self, shard: Shard, manifest: &Manifest) {
        self.held().segments.retain(|id, kept| kept.shard != shard || manifest.has(id));
        let prefix = format!("{shard}.");
        for (path, _) in self.kept_files() {
            let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
            if name.strip_prefix(&prefix).is_some_and(|id| !manifest.has(id)) {
                // One that stays takes room, and is tried again.
                let _ = fs::remove_file(path);
            }
        }
    }

    /// Drops a shard that is gone.
    pub(crate) fn forget(&self, shard: Shard) {
        self.held().shards.remove(&shard);
        self.sweep(shard, &Manifest::default());
    }

    fn path(&self, shard: Shard, id: &str) -> Option<PathBuf> {
        let (folder, _) = self.room.files.as_ref()?;
        Some(folder.join(format!("{shard}.{id}")))
    }

    fn kept_files(&self) -> Vec<(PathBuf, u64)> {
        let Some((folder, _)) = &self.room.files else { return Vec::new() };
        let listed = fs::read_dir(folder).into_iter().flatten().flatten();
        listed.filter_map(|file| Some((file.path(), file.metadata().ok()?.len()))).collect()
    }

    /// Keeps a segment in a file, where there is room. Failing it changes nothing but what the next process reads.
    fn write(&self, shard: Shard, id: &str, bytes: &[u8]) {
        let (Some(path), Some((folder, room_bytes))) = (self.path(shard, id), &self.room.files) else { return };
        let used: u64 = self.kept_files().iter().map(|(_, length)| length).sum();
        if !path.exists() && used + bytes.len() as u64 <= *room_bytes {
            let _ = write_whole(folder, &path, bytes);
        }
    }
}

fn write_whole(folder: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(path, bytes)
}
