//! What stands in object storage: whole under concurrent writers, and without what is gone.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use tidings_blobs::{Blobs, MemoryBlobs};
use tidings_domain::ids::{ConversationId, Sequence, Timestamp, UserId};
use tidings_search::{
    document::{Document, Key, Shard, Tag},
    index::{Change, Hunt, Index, Lifecycle, Order},
    query::Words,
};

use crate::ports::sharded;

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const ALWAYS: Lifecycle = Lifecycle { text_months: 1000, months: 1000 };
const HOUR_MS: u64 = 3600 * 1000;

fn conversation() -> ConversationId {
    ConversationId::parse("g:crew").unwrap()
}

fn document(sequence: u64, text: &str) -> Document {
    let sender = Tag::from(&UserId::parse("alice").unwrap());
    Document {
        key: Key { conversation: Tag::conversation(&conversation()), sequence: Sequence(sequence) },
        shard: Shard::of(&conversation(), NOW),
        version: Sequence(sequence),
        ts: NOW.plus_ms(sequence),
        expires_at: None,
        sender,
        tags: BTreeSet::from([sender]),
        text: Some(text.into()),
    }
}

async fn found(index: &dyn Index, words: &str) -> Vec<u64> {
    let words = Words::parse(words).unwrap();
    let hunt = Hunt {
        scope: &BTreeMap::from([(Tag::conversation(&conversation()), Sequence(1))]),
        words: Some(&words),
        tags: &[],
        not_from: &BTreeSet::new(),
        since: Timestamp(0),
        until: Timestamp(u64::MAX),
        order: Order::Recent,
        asked_at: NOW,
        now: NOW,
        after: None,
        limit: 1000,
    };
    index.hunt(&hunt).await.unwrap().into_iter().map(|candidate| candidate.place.key.sequence.0).collect()
}

#[tokio::test(start_paused = true)]
async fn concurrent_writers_and_tidying_lose_nothing() {
    let blobs = MemoryBlobs::default();
    blobs.set_now(NOW);
    let writers: Vec<_> = (0..6).map(|_| sharded(&blobs)).collect();
    blobs.lose_answers(5);
    let writing = writers.iter().zip(0u64..).map(|(writer, first)| async move {
        for round in 0..4 {
            writer.apply(&[Change::Put(document(1 + first * 10 + round, "tea"))]).await.unwrap();
            writer.maintain(ALWAYS, Timestamp(1), NOW).await.unwrap();
        }
    });
    join_all(writing).await;
    let mut expected: Vec<u64> = (0..6).flat_map(|first| (0..4).map(move |round| 1 + first * 10 + round)).collect();
    expected.reverse();
    assert_eq!(found(&writers[0], "tea").await, expected);
    // A reader from before and one from now see the same.
    assert_eq!(found(&sharded(&blobs), "tea").await, expected);
    let manifests = blobs.objects().into_keys().filter(|key| key.starts_with("manifests/")).count();
    assert_eq!(manifests, 1);
}

/// Forgets what the manifests say is gone, so that a search tells what the segments still hold.
async fn unveil(blobs: &MemoryBlobs) -> MemoryBlobs {
    let copy = MemoryBlobs::default();
    for (key, bytes) in blobs.objects() {
        let mut bytes = bytes;
        if key.starts_with("manifests/") {
            let mut manifest: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            manifest["gone"] = serde_json::json!([]);
            manifest["forgotten"] = serde_json::json!([]);
            bytes = serde_json::to_vec(&manifest).unwrap();
        }
        copy.put(&key, &bytes).await.unwrap();
    }
    copy
}

#[tokio::test(start_paused = true)]
async fn what_is_deleted_or_edited_leaves_no_trace_in_any_object() {
    let blobs = MemoryBlobs::default();
    let index = sharded(&blobs);
    let edited = Document { version: Sequence(9), ..document(2, "sanitised") };
    index.apply(&[Change::Put(document(1, "secretword")), Change::Put(document(2, "regrettable"))]).await.unwrap();
    index.apply(&[Change::Put(document(3, "harmless"))]).await.unwrap();
    let (key, shard, ts) = (document(1, "").key, document(1, "").shard, document(1, "").ts);
    index.apply(&[Change::Remove { key, shard, ts }, Change::Put(edited)]).await.unwrap();
    for word in ["secretword", "regrettable"] {
        assert_eq!(found(&index, word).await, [0; 0], "{word}");
        assert_eq!(found(&sharded(&unveil(&blobs).await), word).await.len(), 1, "{word} is in a segment yet");
    }
    let done = index.maintain(ALWAYS, Timestamp(0), NOW).await.unwrap();
    assert_eq!((done.shards, done.merged, done.removed), (1, 1, 2));
    let bare = sharded(&unveil(&blobs).await);
    for word in ["secretword", "regrettable"] {
        assert_eq!(found(&bare, word).await, [0; 0], "{word}");
    }
    assert_eq!((found(&bare, "harmless").await, found(&bare, "sanitised").await), (vec![3], vec![2]));
    assert_eq!(blobs.objects().len(), 3, "a manifest, the new segment and the one that held nothing of it");
    assert_eq!(index.maintain(ALWAYS, Timestamp(0), NOW).await.unwrap().merged, 0, "there is no more to do");
}

#[tokio::test(start_paused = true)]
async fn what_has_expired_goes_from_the_segments() {
    let blobs = MemoryBlobs::default();
    let index = sharded(&blobs);
    let expiring = Document { expires_at: Some(NOW.plus_ms(5)), ..document(1, "tea") };
    index.apply(&[Change::Put(expiring)]).await.unwrap();
    index.maintain(ALWAYS, Timestamp(0), NOW.plus_ms(4)).await.unwrap();
    assert_eq!(found(&index, "tea").await, [1]);
    index.maintain(ALWAYS, Timestamp(0), NOW.plus_ms(5)).await.unwrap();
    assert_eq!(found(&index, "tea").await, [0; 0]);
    assert!(blobs.objects().into_keys().all(|key| !key.starts_with("segments/")), "nothing is left of it");
}

#[tokio::test(start_paused = true)]
async fn a_segment_that_no_manifest_names_goes_after_a_while() {
    let blobs = MemoryBlobs::default();
    blobs.set_now(NOW);
    let index = sharded(&blobs);
    index.apply(&[Change::Put(document(1, "tea"))]).await.unwrap();
    let orphan = format!("segments/{}/0000", document(1, "").shard);
    blobs.put(&orphan, b"left by a writer that ended").await.unwrap();
    index.maintain(ALWAYS, Timestamp(0), NOW.plus_ms(HOUR_MS)).await.unwrap();
    assert!(blobs.objects().contains_key(&orphan), "its writer may still be at it");
    index.maintain(ALWAYS, Timestamp(0), NOW.plus_ms(HOUR_MS + 1)).await.unwrap();
    assert!(!blobs.objects().contains_key(&orphan));
    assert_eq!(found(&index, "tea").await, [1]);
}

#[tokio::test(start_paused = true)]
async fn a_shard_is_read_once_and_positions_only_where_they_are_asked_for() {
    let blobs = MemoryBlobs::default();
    let index = sharded(&blobs);
    let long: Vec<String> = (0..2000).map(|word| format!("word{}", word % 50)).collect();
    let long = long.join(" ");
    index.apply(&[Change::Put(document(1, &long))]).await.unwrap();
    blobs.take_traffic();
    assert_eq!(found(&index, "word1").await, [1]);
    let cold = blobs.take_traffic();
    assert_eq!((cold.lists, cold.reads), (1, 2), "the list, the manifest and the segment");
    assert_eq!(found(&index, "word2").await, [1]);
    let warm = blobs.take_traffic();
    assert_eq!((warm.lists, warm.reads), (1, 0));
    assert_eq!(found(&index, r#""word1 word2""#).await, [1]);
    let phrase = blobs.take_traffic();
    assert!(phrase.read_bytes > cold.read_bytes, "with positions: {} > {}", phrase.read_bytes, cold.read_bytes);
}
