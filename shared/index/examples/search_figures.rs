//! The figures of docs/search.md: `search_figures CORPUS [MESSAGES…]`. The corpus is a text a line.
//!
//! Everything but storage is what runs on AWS; storage is in memory, and counted. How long it takes on AWS is reckoned
//! from what S3 is known to do.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program that prints figures, for developers")]
#![expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "figures")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use tidings_blobs::{MemoryBlobs, Traffic};
use tidings_domain::ids::{ConversationId, Sequence, Timestamp, UserId};
use tidings_index::{Room, ShardedIndex};
use tidings_memory::World;
use tidings_search::{
    document::{Document, Key, Shard, Tag},
    index::{Candidate, Change, Hunt, Index, Lifecycle, Order},
    query::{Matcher, Words},
    text::{TokenKind, tokens},
};

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const ALWAYS: Lifecycle = Lifecycle { text_months: 1000, months: 1000 };
/// Messages of one write: what a busy bucket gathers in some seconds.
const BATCH: usize = 500;
/// Writes between two visits of the curator.
const VISIT_WRITES: usize = 60;
/// Queries of each sort; and of those the ones that are asked of a process that has nothing yet.
const QUERIES: usize = 100;
const COLD_QUERIES: usize = 20;
/// The first byte of S3, in ms, and what one request brings in a second after it.
const FIRST_BYTE_MS: f64 = 30.0;
const BYTES_PER_MS: f64 = 85_000.0;

fn conversation() -> ConversationId {
    ConversationId::parse("g:figures").unwrap()
}

fn document(sequence: u64, text: &str) -> Document {
    let sender = Tag::from(&UserId::parse(&format!("user{}", sequence % 50)).unwrap());
    let ts = NOW.minus_ms(1_000_000 - sequence.min(1_000_000));
    Document {
        key: Key { conversation: Tag::conversation(&conversation()), sequence: Sequence(sequence) },
        shard: Shard::of(&conversation(), NOW),
        version: Sequence(sequence),
        ts,
        expires_at: None,
        sender,
        tags: BTreeSet::from([sender, Tag::kind("text")]),
        text: Some(text.to_owned()),
    }
}

fn open(blobs: &MemoryBlobs) -> ShardedIndex {
    // Each process has chance of its own.
    static SEEDS: AtomicU64 = AtomicU64::new(1);
    let world = World::new(SEEDS.fetch_add(1, Ordering::Relaxed));
    ShardedIndex::new(Arc::new(blobs.clone()), Arc::new(world), Room { memory_bytes: 1 << 30, files: None })
}

async fn hunt(index: &ShardedIndex, words: Option<&Words>, tags: &[BTreeSet<Tag>], limit: usize) -> Vec<Candidate> {
    let hunt = Hunt {
        scope: &BTreeMap::from([(Tag::conversation(&conversation()), Sequence(1))]),
        words,
        tags,
        not_from: &BTreeSet::new(),
        since: Timestamp(0),
        until: Timestamp(u64::MAX),
        order: if words.is_some() { Order::Relevant } else { Order::Recent },
        asked_at: NOW,
        now: NOW,
        after: None,
        limit,
    };
    index.hunt(&hunt).await.unwrap()
}

/// A number that looks like chance and is the same each time.
fn chance(seed: u64) -> u64 {
    let mixed = (seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 31)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 16
}

fn percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

/// Long words of a text, as they are indexed.
fn long_words(text: &str, letters: usize) -> Vec<String> {
    let words = tokens(text).into_iter().filter(|t| t.kind == TokenKind::Word && t.text.chars().count() >= letters);
    words.map(|token| token.text).collect()
}

/// What people ask for, made of the texts.
fn queries(texts: &[&str], kind: &str, count: usize) -> Vec<(usize, Words)> {
    let mut made = Vec::new();
    for seed in 0.. {
        if made.len() == count || seed > 200 * count as u64 {
            break;
        }
        let at = chance(seed) as usize % texts.len();
        let words = long_words(texts[at], 4);
        let Some(word) = words.get(chance(seed + 7) as usize % words.len().max(1)) else { continue };
        let query = match kind {
            "word" => Some(word.clone()),
            "two words" => words.first().zip(words.last()).filter(|(a, b)| a != b).map(|(a, b)| format!("{a} {b}")),
            "phrase" => {
                let all: Vec<String> = tokens(texts[at]).into_iter().take(3).map(|t| t.text).collect();
                (all.len() == 3).then(|| format!("\"{}\"", all.join(" ")))
            }
            "prefix" => Some(format!("{}*", word.chars().take(4).collect::<String>())),
            "misspelt, ~1" => misspelt(word, 1, seed).map(|w| format!("{w}~1")),
            "misspelt, ~2" => misspelt(word, 2, seed).map(|w| format!("{w}~2")),
            "two characters, no spaces" => pair(texts[at], seed),
            _ => None,
        };
        made.extend(query.and_then(|query| Words::parse(&query).ok()).map(|words| (at, words)));
    }
    made
}

fn misspelt(word: &str, edits: u64, seed: u64) -> Option<String> {
    let mut letters: Vec<char> = word.chars().collect();
    if letters.len() < 6 {
        return None;
    }
    for edit in 0..edits {
        let at = chance(seed * 31 + edit) as usize % (letters.len() - 1);
        match chance(seed * 17 + edit) % 3 {
            0 => letters.swap(at, at + 1),
            1 => drop(letters.remove(at)),
            _ => letters.insert(at, 'e'),
        }
    }
    Some(letters.into_iter().collect())
}

fn pair(text: &str, seed: u64) -> Option<String> {
    let pairs: Vec<_> = tokens(text).into_iter().filter(|token| token.kind == TokenKind::Pair).collect();
    pairs.get(chance(seed) as usize % pairs.len().max(1)).map(|token| token.text.clone())
}

async fn fill(blobs: &MemoryBlobs, texts: &[&str], messages: usize) -> (f64, Traffic) {
    blobs.set_now(NOW);
    let index = open(blobs);
    let began = Instant::now();
    for (write, first) in (0..messages).step_by(BATCH).enumerate() {
        let changes: Vec<Change> = (first..(first + BATCH).min(messages))
            .map(|at| Change::Put(document(at as u64 + 1, texts[at % texts.len()])))
            .collect();
        index.apply(&changes).await.unwrap();
        if write % VISIT_WRITES == VISIT_WRITES - 1 {
            index.maintain(ALWAYS, Timestamp(1), NOW).await.unwrap();
        }
    }
    (began.elapsed().as_secs_f64(), blobs.take_traffic())
}

async fn speed(texts: &[&str], messages: usize) {
    let blobs = MemoryBlobs::default();
    let (seconds, written) = fill(&blobs, texts, messages).await;
    let stored: usize = blobs.objects().values().map(Vec::len).sum();
    let million = 1e6 / messages as f64;
    // Puts and lists at $5 a million, reads at $0.40; a function of 1,769 MB at $13.33 a million GB-seconds.
    let requests = ((written.puts + written.lists) as f64 * 5.0 + written.reads as f64 * 0.4) / 1e6 * million;
    let work = seconds * million * 1.769 * 13.33e-6;
    println!(
        "\n{messages} messages: {:.1} MB in {} objects; written in {seconds:.1} s; a million: {:.0} puts, {:.1} GB written, {:.1} GB read, ${:.2} for requests, ${:.2} for work",
        stored as f64 / 1e6,
        blobs.objects().len(),
        written.puts as f64 * million,
        written.put_bytes as f64 * million / 1e9,
        written.read_bytes as f64 * million / 1e9,
        requests,
        work
    );
    let warm = open(&blobs);
    for kind in ["word", "two words", "phrase", "prefix", "misspelt, ~1", "misspelt, ~2"] {
        let asked: Vec<Words> = queries(texts, kind, QUERIES).into_iter().map(|(_, words)| words).collect();
        let asked: Vec<_> = asked.iter().map(|words| (Some(words), [].as_slice())).collect();
        measure(kind, &blobs, &warm, &asked).await;
    }
    let senders: Vec<_> = (0..QUERIES)
        .map(|user| [BTreeSet::from([Tag::from(&UserId::parse(&format!("user{}", user % 50)).unwrap())])])
        .collect();
    let asked: Vec<_> = senders.iter().map(|tags| (None, tags.as_slice())).collect();
    measure("sender alone", &blobs, &warm, &asked).await;
}

/// Asks a process that has the shard, and for some of the queries one that has nothing of it.
async fn measure(kind: &str, blobs: &MemoryBlobs, warm: &ShardedIndex, asked: &[(Option<&Words>, &[BTreeSet<Tag>])]) {
    let (mut times, mut cold, mut read) = (Vec::new(), Vec::new(), Traffic::default());
    for (words, tags) in asked.iter().take(COLD_QUERIES) {
        let fresh = open(blobs);
        blobs.take_traffic();
        let began = Instant::now();
        hunt(&fresh, *words, tags, 50).await;
        let own_ms = began.elapsed().as_secs_f64() * 1e3;
        read = blobs.take_traffic();
        cold.push(own_ms + reckoned_ms(read));
    }
    for round in 0..2 {
        for (words, tags) in asked {
            let began = Instant::now();
            hunt(warm, *words, tags, 50).await;
            // The first time, what was not read yet is.
            if round > 0 {
                times.push(began.elapsed().as_secs_f64() * 1e3);
            }
        }
    }
    let (warm, cold) = (sorted(times), sorted(cold));
    println!(
        "  {kind:26} warm p50 {:7.2} p95 {:7.2} ms; cold with S3 as reckoned p50 {:6.0} p95 {:6.0} ms; {:.2} MB read in {} requests",
        percentile(&warm, 50),
        percentile(&warm, 95),
        percentile(&cold, 50),
        percentile(&cold, 95),
        read.read_bytes as f64 / 1e6,
        read.reads
    );
}

/// Segments of a shard are read at once, after the list and the manifest.
fn reckoned_ms(read: Traffic) -> f64 {
    let segments = read.reads.saturating_sub(1).max(1) as f64;
    3.0 * FIRST_BYTE_MS + read.read_bytes as f64 / BYTES_PER_MS / segments.min(8.0)
}

async fn quality(texts: &[&str]) {
    let blobs = MemoryBlobs::default();
    fill(&blobs, texts, texts.len()).await;
    let index = open(&blobs);
    println!("\nquality, {} texts; recall and precision against looking at every text", texts.len());
    for kind in ["word", "two words", "phrase", "prefix", "misspelt, ~1", "misspelt, ~2", "two characters, no spaces"] {
        let asked = queries(texts, kind, 200);
        let (mut recall, mut precision, mut own, mut first) = (0.0, 0.0, 0usize, 0.0);
        for (at, words) in &asked {
            let found = hunt(&index, Some(words), &[], 2000).await;
            let found: Vec<usize> = found.iter().map(|c| c.place.key.sequence.0 as usize - 1).collect();
            let truth: BTreeSet<usize> = (0..texts.len()).filter(|at| words.find(texts[*at]).is_some()).collect();
            let hits = found.iter().filter(|at| truth.contains(at)).count();
            recall += if truth.is_empty() { 1.0 } else { hits as f64 / truth.len() as f64 };
            precision += if found.is_empty() { 1.0 } else { hits as f64 / found.len() as f64 };
            let place = found.iter().position(|found| found == at);
            own += usize::from(place.is_some_and(|place| place < 10));
            first += place.map_or(0.0, |place| 1.0 / (place + 1) as f64);
        }
        let count = asked.len().max(1) as f64;
        println!(
            "  {kind:26} {} queries: recall {:.3}, precision {:.3}; the text that was meant: in the first ten {:.3}, mean reciprocal rank {:.3}",
            asked.len(),
            recall / count,
            precision / count,
            own as f64 / count,
            first / count
        );
    }
    // What folding is worth: the same queries without it would have to be typed to the letter.
    let typed = queries(texts, "word", 200).into_iter().filter(|(at, words)| {
        let Some(Matcher::Phrase(word)) = words.all.first() else { return false };
        !texts[*at].contains(&word[0].1)
    });
    println!("  of 200 words {} are not in their text to the letter: case and diacritics", typed.count());
}

/// From the append until a search finds it: the stream's own lag, the gathering, and the write.
async fn lag(texts: &[&str]) {
    let blobs = MemoryBlobs::default();
    let index = open(&blobs);
    let mut writes = Vec::new();
    for round in 0..40u64 {
        let changes: Vec<Change> =
            (0..BATCH as u64).map(|at| Change::Put(document(round * 500 + at + 1, texts[at as usize]))).collect();
        let began = Instant::now();
        index.apply(&changes).await.unwrap();
        writes.push(began.elapsed().as_secs_f64() * 1e3);
    }
    let writes = sorted(writes);
    // Kinesis without enhanced fan-out: 627, 965, 1,580 ms at p50, p95, p99. S3: three requests, one after another.
    let lags = (0..10_000u64).map(|draw| {
        let stream = [627.0, 965.0, 1580.0][usize::from(draw % 100 >= 50) + usize::from(draw % 100 >= 95)];
        let gathering = (chance(draw) % 5000) as f64;
        stream + gathering + percentile(&writes, (chance(draw + 1) % 100) as usize) + 3.0 * FIRST_BYTE_MS
    });
    let lags = sorted(lags.collect());
    println!(
        "\nindex lag, gathering for 5 s: p50 {:.1} s, p95 {:.1} s, p99 {:.1} s; {BATCH} messages are written in {:.0} ms (p95 {:.0})",
        percentile(&lags, 50) / 1e3,
        percentile(&lags, 95) / 1e3,
        percentile(&lags, 99) / 1e3,
        percentile(&writes, 50),
        percentile(&writes, 95)
    );
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let corpus = arguments.next().and_then(|path| std::fs::read_to_string(path).ok());
    let Some(corpus) = corpus else {
        println!("search_figures CORPUS [MESSAGES…], where CORPUS is a file with a text a line");
        return;
    };
    let texts: Vec<&str> = corpus.lines().filter(|line| !line.trim().is_empty()).collect();
    let sizes: Vec<usize> = arguments.filter_map(|size| size.parse().ok()).collect();
    quality(&texts).await;
    lag(&texts).await;
    for size in if sizes.is_empty() { vec![10_000, 100_000] } else { sizes } {
        speed(&texts, size).await;
    }
}
