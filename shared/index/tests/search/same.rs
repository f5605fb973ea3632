//! Whatever is written in whatever order, the index in object storage finds what the one finds that looks at everything.

use std::collections::{BTreeMap, BTreeSet};

use tidings_blobs::MemoryBlobs;
use tidings_domain::ids::{ConversationId, Sequence, Timestamp, UserId};
use tidings_memory::World;
use tidings_search::{
    MemoryIndex,
    document::{Document, Key, Shard, Tag},
    index::{Change, Hunt, Index, Lifecycle, Order},
    query::Words,
};

use crate::ports::sharded;

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const WORDS: [&str; 14] =
    ["tea", "teas", "teapot", "té", "coffee", "toffee", "cup", "of", "a", "東京都", "京都", "猫", "👍", "Straße"];
const QUERIES: [&str; 20] = [
    "tea",
    "te*",
    "tea~",
    "coffee~1",
    "coffee~2",
    "\"cup of tea\"",
    "\"a cup\"",
    "cup -coffee",
    "京都",
    "猫",
    "東",
    "👍🏽",
    "strasse",
    "\"of of\"",
    "cup tea -\"cup tea\"",
    "tea \"a cup\"",
    "\"a cup\" \"of tea\" te*",
    "coffee~1 te* -\"of a\" -toff*",
    "te* \"of tea\" cup",
    "nothing",
];
const ALWAYS: Lifecycle = Lifecycle { text_months: 1000, months: 1000 };

/// One of these.
fn any<T: Copy>(world: &World, of: &[T]) -> T {
    of[usize::try_from(world.random_below(of.len() as u64)).unwrap()]
}

fn document(world: &World, sequence: u64) -> Document {
    let conversation = ConversationId::parse(&format!("g:{}", world.random_below(3))).unwrap();
    let sender = Tag::from(&UserId::parse(any(world, &["alice", "bob"])).unwrap());
    // The same message has the same time: three months of them.
    let ts = NOW.minus_ms(sequence * 3 * 24 * 3600 * 1000);
    let words: Vec<&str> = (0..world.random_below(8)).map(|_| any(world, &WORDS)).collect();
    Document {
        key: Key { conversation: Tag::conversation(&conversation), sequence: Sequence(sequence) },
        shard: Shard::of(&conversation, ts),
        version: Sequence(sequence + world.random_below(3) * 100),
        ts,
        expires_at: (world.random_below(9) == 0).then(|| NOW.plus_ms(world.random_below(2))),
        sender,
        tags: BTreeSet::from([sender, Tag::kind(any(world, &["text", "image"]))]),
        text: Some(words.join(" ")).filter(|_| world.random_below(6) > 0),
    }
}

async fn found(index: &dyn Index, words: Option<&str>, tag: Option<Tag>, now: Timestamp) -> Vec<(Key, Sequence)> {
    let words = words.map(|words| Words::parse(words).unwrap());
    let tags: Vec<BTreeSet<Tag>> = tag.map(|tag| BTreeSet::from([tag])).into_iter().collect();
    let of = |name: &str| Tag::conversation(&ConversationId::parse(name).unwrap());
    let hunt = Hunt {
        scope: &BTreeMap::from([(of("g:0"), Sequence(1)), (of("g:1"), Sequence(10))]),
        words: words.as_ref(),
        tags: &tags,
        not_from: &BTreeSet::new(),
        since: Timestamp(0),
        until: Timestamp(u64::MAX),
        order: Order::Recent,
        asked_at: NOW,
        now,
        after: None,
        limit: 1000,
    };
    let found = index.hunt(&hunt).await.unwrap();
    found.into_iter().map(|candidate| (candidate.place.key, candidate.version)).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_found_is_what_looking_at_everything_finds() {
    for seed in 0..12 {
        let world = World::new(seed);
        let (plain, blobs) = (MemoryIndex::default(), MemoryBlobs::default());
        let index = sharded(&blobs);
        let mut versions: BTreeMap<(Key, Sequence), Document> = BTreeMap::new();
        for _ in 0..8 {
            let mut changes = Vec::new();
            for _ in 0..world.random_below(8) {
                let made = document(&world, 1 + world.random_below(30));
                // A version of a message is the same whenever it comes.
                let document = versions.entry((made.key, made.version)).or_insert(made);
                let (key, shard, ts) = (document.key, document.shard, document.ts);
                let is_gone = world.random_below(7) == 0;
                changes.push(if is_gone { Change::Remove { key, shard, ts } } else { Change::Put(document.clone()) });
            }
            plain.apply(&changes).await.unwrap();
            index.apply(&changes).await.unwrap();
            if world.random_below(2) == 0 {
                index.maintain(ALWAYS, Timestamp(0), NOW).await.unwrap();
            }
            let reader = sharded(&blobs);
            for query in QUERIES.map(Some).into_iter().chain([None]) {
                for tag in [None, Some(Tag::kind("image"))] {
                    let expected = found(&plain, query, tag, NOW).await;
                    assert_eq!(found(&index, query, tag, NOW).await, expected, "{query:?} {tag:?}, seed {seed}");
                    assert_eq!(found(&reader, query, tag, NOW).await, expected, "anew: {query:?}, seed {seed}");
                }
            }
        }
    }
}
