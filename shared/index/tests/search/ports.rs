//! One suite for every index.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tidings_blobs::MemoryBlobs;
use tidings_index::{Room, ShardedIndex};
use tidings_memory::World;
use tidings_search::MemoryIndex;
use tidings_testkit::Indexed;

pub(crate) fn sharded(blobs: &MemoryBlobs) -> ShardedIndex {
    // Each process has chance of its own.
    static SEEDS: AtomicU64 = AtomicU64::new(1);
    let room = Room { memory_bytes: 1 << 20, files: None };
    let world = World::new(SEEDS.fetch_add(1, Ordering::Relaxed));
    ShardedIndex::new(Arc::new(blobs.clone()), Arc::new(world), room)
}

macro_rules! conformance {
    ($($check:ident)*) => {
        mod in_memory {
            use super::*;
            $(#[tokio::test(start_paused = true)]
            async fn $check() {
                tidings_testkit::$check(Indexed { index: &MemoryIndex::default(), name: stringify!($check) }).await;
            })*
        }
        mod in_object_storage {
            use super::*;
            $(#[tokio::test(start_paused = true)]
            async fn $check() {
                let index = sharded(&MemoryBlobs::default());
                tidings_testkit::$check(Indexed { index: &index, name: stringify!($check) }).await;
            })*
        }
    };
}

conformance! {
    search_finds_what_words_ask_for
    search_stays_within_its_scope
    search_narrows_by_tags
    search_changes_come_in_any_order
    search_pages_fit_together
    search_forgets_words_and_months
}
