//! A stream of shards, as Kinesis and the streams of DynamoDB are: records of one key are in
//! order, shards split and merge while they run, and a child begins where its parents end.

use tidings_domain::ids::Timestamp;

/// A record.
#[derive(Clone, Debug)]
pub struct Record<T> {
    /// Its number in the stream.
    pub number: u64,
    /// Its partition key.
    pub key: String,
    /// When the stream took it.
    pub at: Timestamp,
    /// What it carries.
    pub data: T,
}

/// A shard: a range of the keys' hashes.
#[derive(Debug)]
struct Shard<T> {
    /// The first hash and the last.
    range: (u64, u64),
    parents: Vec<usize>,
    is_closed: bool,
    records: Vec<Record<T>>,
}

/// A stream.
#[derive(Debug)]
pub struct Stream<T> {
    shards: Vec<Shard<T>>,
    next_number: u64,
}

impl<T> Stream<T> {
    /// A stream of one shard.
    pub fn new() -> Self {
        let all = Shard { range: (0, u64::MAX), parents: Vec::new(), is_closed: false, records: Vec::new() };
        Self { shards: vec![all], next_number: 1 }
    }

    /// Takes a record, into the open shard that its key falls into.
    pub fn put(&mut self, key: &str, at: Timestamp, data: T) {
        let hash = hash_of(key);
        let number = self.next_number;
        let falls_into = |shard: &&mut Shard<T>| !shard.is_closed && shard.range.0 <= hash && hash <= shard.range.1;
        if let Some(shard) = self.shards.iter_mut().find(falls_into) {
            shard.records.push(Record { number, key: key.to_owned(), at, data });
            self.next_number += 1;
        }
    }

    /// How many shards there are, closed ones included.
    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    /// Shards that still take records.
    pub fn open_shards(&self) -> Vec<usize> {
        (0..self.shards.len()).filter(|shard| !self.shards[*shard].is_closed).collect()
    }

    /// The shards that must be read to their ends before this one is begun.
    pub fn parents(&self, shard: usize) -> &[usize] {
        &self.shards[shard].parents
    }

    /// Whether a reader that has got so far in a shard has all that it will ever hold.
    pub fn is_read(&self, shard: usize, position: usize) -> bool {
        self.shards[shard].is_closed && position >= self.shards[shard].records.len()
    }

    /// The records of a shard.
    pub fn records(&self, shard: usize) -> &[Record<T>] {
        &self.shards[shard].records
    }

    /// Splits a shard in the middle of its range; false where it cannot be.
    pub fn split(&mut self, shard: usize) -> bool {
        let (first, last) = self.shards[shard].range;
        if self.shards[shard].is_closed || first == last {
            return false;
        }
        let middle = first + (last - first) / 2;
        self.shards[shard].is_closed = true;
        for range in [(first, middle), (middle + 1, last)] {
            self.shards.push(Shard { range, parents: vec![shard], is_closed: false, records: Vec::new() });
        }
        true
    }

    /// Merges two shards that lie side by side; false where they do not.
    pub fn merge(&mut self, one: usize, other: usize) -> bool {
        let (low, high) = (self.shards[one].range, self.shards[other].range);
        if self.shards[one].is_closed || self.shards[other].is_closed || low.1.checked_add(1) != Some(high.0) {
            return false;
        }
        self.shards[one].is_closed = true;
        self.shards[other].is_closed = true;
        let range = (low.0, high.1);
        self.shards.push(Shard { range, parents: vec![one, other], is_closed: false, records: Vec::new() });
        true
    }
}

impl<T> Default for Stream<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// Where a key falls. Any even spread will do; this one is FNV-1a with a final mix.
pub fn hash_of(key: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in key.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_of(stream: &Stream<u32>, key: &str) -> Vec<u32> {
        // As a consumer reads: parents first.
        let of_shard = |shard| stream.records(shard).iter().filter(|r| r.key == key).map(|r| r.data);
        (0..stream.shards()).flat_map(of_shard).collect()
    }

    #[test]
    fn a_keys_records_stay_in_order_over_splits_and_merges() {
        let mut stream = Stream::new();
        for round in 0..6 {
            for key in ["a", "b", "c", "d", "e"] {
                stream.put(key, Timestamp(0), round);
            }
            match round {
                0 => assert!(stream.split(0)),
                2 => assert!(stream.split(1)),
                3 => assert!(stream.merge(3, 4)),
                4 => assert!(stream.merge(5, 2)),
                _ => {}
            }
        }
        for key in ["a", "b", "c", "d", "e"] {
            assert_eq!(all_of(&stream, key), [0, 1, 2, 3, 4, 5], "{key}");
        }
        assert_eq!(stream.open_shards(), [6]);
        assert_eq!(stream.parents(6), [5, 2]);
    }

    #[test]
    fn shards_that_are_closed_or_apart_are_left_alone() {
        let mut stream = Stream::<u32>::new();
        assert!(stream.split(0));
        assert!(!stream.split(0), "it is closed");
        assert!(stream.split(1));
        assert!(!stream.merge(2, 3), "the lower one comes first");
        assert!(!stream.merge(3, 2), "another lies between them");
        assert!(stream.merge(4, 2));
    }
}
