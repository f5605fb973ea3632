//! What a call costs: requests, capacity units and bytes, from the sizes of the items that the
//! adapters store.
//!
//! Log rows are encoded as the adapter encodes them. Rows of the other tables are written by
//! expressions there, so their attributes are listed here once more; that the units are those of
//! the running stack is tested end to end.

use serde_json::Value;
use tidings_domain::{
    conversation::Member,
    group::Group,
    ids::{ConversationId, Sequence, Timestamp, UserId},
    log::{Entry, partition_end, partition_of},
    send::Pending,
    session::Session,
    stream::StreamRecord,
};
use tidings_record::{EntryRecord, to_ingest, to_stream};

const READ_UNIT_BYTES: usize = 4096;
const WRITE_UNIT_BYTES: usize = 1024;
/// One answer of a query has at most so much.
const PAGE_BYTES_MAX: usize = 1 << 20;
/// One `BatchGetItem` takes so many keys.
const BATCH_KEYS_MAX: usize = 100;

/// What one call of a port comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Units {
    /// Requests to AWS.
    pub requests: usize,
    /// Those that wait for one another.
    pub trips: usize,
    /// Halves of a read unit: an eventually consistent read of up to 4 KB takes one.
    pub half_reads: usize,
    /// Write units.
    pub writes: usize,
    /// Bytes put to the stream.
    pub stream_bytes: usize,
}

/// Adds up the units of one call.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    pub(crate) is_on: bool,
    units: Units,
}

/// How much of its size a read is charged.
#[derive(Clone, Copy)]
pub(crate) enum Rate {
    Eventual,
    Strong,
}

impl From<tidings_domain::ports::Consistency> for Rate {
    fn from(consistency: tidings_domain::ports::Consistency) -> Self {
        match consistency {
            tidings_domain::ports::Consistency::Eventual => Self::Eventual,
            tidings_domain::ports::Consistency::Strong => Self::Strong,
        }
    }
}

impl Meter {
    pub(crate) fn take(&mut self) -> Units {
        std::mem::take(&mut self.units)
    }

    fn request(&mut self) {
        self.units.requests += 1;
        self.units.trips += 1;
    }

    /// One request that is charged nothing by size.
    pub(crate) fn plain(&mut self) {
        if self.is_on {
            self.request();
        }
    }

    /// One item, or the items of one query together; a query goes on where a page ends.
    pub(crate) fn query(&mut self, rate: Rate, bytes: impl FnOnce() -> usize) {
        if !self.is_on {
            return;
        }
        let mut left = bytes();
        loop {
            self.request();
            let page = left.min(PAGE_BYTES_MAX);
            self.units.half_reads += half_reads(rate, page);
            left -= page;
            if left == 0 {
                return;
            }
        }
    }

    /// Single items by their keys, strongly consistent, up to 100 in one request; each is charged alone.
    pub(crate) fn batch(&mut self, items: impl FnOnce() -> Vec<usize>) {
        if !self.is_on {
            return;
        }
        let items = items();
        self.units.requests += items.len().div_ceil(BATCH_KEYS_MAX);
        self.units.trips += 1.min(items.len());
        self.units.half_reads += items.into_iter().map(|bytes| half_reads(Rate::Strong, bytes)).sum::<usize>();
    }

    /// Small items by their keys, eventually consistent, up to 100 in one request.
    pub(crate) fn batch_eventual(&mut self, keys: usize) {
        if self.is_on {
            self.units.requests += keys.div_ceil(BATCH_KEYS_MAX);
            self.units.trips += 1.min(keys);
            self.units.half_reads += keys;
        }
    }

    /// Single items read as one, each at twice the price.
    pub(crate) fn transact_read(&mut self, items: impl FnOnce() -> Vec<usize>) {
        if self.is_on {
            self.request();
            self.units.half_reads +=
                items().into_iter().map(|bytes| 2 * half_reads(Rate::Strong, bytes)).sum::<usize>();
        }
    }

    /// One write: the larger of the item before and after it counts.
    pub(crate) fn write(&mut self, bytes: impl FnOnce() -> usize) {
        if self.is_on {
            self.request();
            self.units.writes += write_units(bytes());
        }
    }

    /// A write to a member row, which the index of activity follows.
    pub(crate) fn member_write(&mut self, conversation: &ConversationId, before: &Member, after: &Member) {
        if !self.is_on {
            return;
        }
        self.write(|| member_bytes(conversation, before).max(member_bytes(conversation, after)));
        let entry_units = write_units(activity_entry_bytes(conversation, &after.user, after.active_at));
        let (old, new) = (before.active_at, after.active_at);
        if old != new {
            let is_new = before.active_at == Timestamp::default();
            self.units.writes += if is_new { entry_units } else { 2 * entry_units };
        }
    }

    pub(crate) fn publish(&mut self, record: &StreamRecord) {
        if self.is_on {
            self.request();
            self.units.stream_bytes += to_stream(record).map_or(0, |bytes| bytes.len());
        }
    }

    pub(crate) fn ingest(&mut self, pending: &Pending) {
        if self.is_on {
            self.request();
            self.units.stream_bytes += to_ingest(pending).map_or(0, |bytes| bytes.len());
        }
    }

    /// The queries by which the adapter finds the last rows of a log that ends at `end`.
    pub(crate) fn tail(&mut self, rows: &[Entry], end: Sequence, known: Sequence, limit: usize) {
        if !self.is_on {
            return;
        }
        let mut partition = 0;
        if known > Sequence::ZERO {
            let (last, probes) = gallop(partition_of(known), end);
            for _ in 0..probes {
                self.query(Rate::Strong, || rows.first().map_or(0, one_row_bytes) * limit);
            }
            partition = last;
        }
        // Rows by partition, newest first: one query each.
        let mut left = limit;
        loop {
            let of_partition = |e: &&Entry| partition_of(e.sequence) == partition;
            let found: Vec<&Entry> = rows.iter().filter(of_partition).collect();
            self.query(Rate::Strong, || found.iter().map(|e| one_row_bytes(e)).sum());
            left = left.saturating_sub(found.len());
            if left == 0 || partition == 0 {
                return;
            }
            partition -= 1;
        }
    }
}

/// The last partition of a log that ends at `end`, from `start` on, and how many full or empty
/// partitions are looked at before it is known.
fn gallop(start: u64, end: Sequence) -> (u64, usize) {
    let is_full = |partition| end >= partition_end(partition);
    let has_rows = |partition: u64| partition == 0 || end > partition_end(partition - 1);
    let (mut low, mut step, mut high, mut probes) = (start, 1, None, 0);
    while is_full(low) && high.is_none_or(|high: u64| high - low > 1) {
        let probe = high.map_or(low + step, |high| low + (high - low) / 2);
        probes += 1;
        if has_rows(probe) {
            low = probe;
            step *= 2;
        } else {
            high = Some(probe);
        }
    }
    (low, probes)
}

fn half_reads(rate: Rate, bytes: usize) -> usize {
    let steps = bytes.div_ceil(READ_UNIT_BYTES).max(1);
    match rate {
        Rate::Eventual => steps,
        Rate::Strong => 2 * steps,
    }
}

fn write_units(bytes: usize) -> usize {
    bytes.div_ceil(WRITE_UNIT_BYTES).max(1)
}

/// The size of a log row of these entries.
pub(crate) fn log_row_bytes(entries: &[Entry]) -> usize {
    let Some(first) = entries.first() else { return 0 };
    let record = serde_json::to_value(EntryRecord::of_row(entries)).unwrap_or_default();
    let Value::Object(attributes) = record else { return 0 };
    let key = format!("{}#{}", first.conversation, partition_of(first.sequence));
    text("pk", &key) + attributes.iter().map(|(name, value)| name.len() + value_bytes(value)).sum::<usize>()
}

/// The size of a log row of one entry.
pub(crate) fn one_row_bytes(entry: &Entry) -> usize {
    log_row_bytes(std::slice::from_ref(entry))
}

/// The size of as many rows as there are entries.
pub(crate) fn log_rows_bytes(entries: &[Entry]) -> usize {
    entries.iter().map(one_row_bytes).sum()
}

/// The size of a member row.
pub(crate) fn member_bytes(conversation: &ConversationId, member: &Member) -> usize {
    let rings: usize = member.rings.iter().map(|(d, ring)| 2 + d.as_str().len() + 8 * ring.entries().len()).sum();
    let marks = [
        ("ls", member.last_sequence.0),
        ("lt", member.last_ts.0),
        ("dl", member.delivered_up_to.0),
        ("rd", member.read_up_to.0),
        ("jn", member.joined_at.0),
        ("mu", member.muted_until.0),
        ("st", member.sent_at.0),
        ("pi", member.pinned_at.0),
        ("ar", u64::from(member.is_archived)),
        ("hh", u64::from(member.has_hidden)),
        ("bk", member.blocked_at.0),
        ("ok", member.accepted_at.0),
    ];
    let marks = marks.iter().filter(|(_, n)| *n > 0).map(|(name, n)| number(name, *n));
    activity_entry_bytes(conversation, &member.user, member.active_at) + marks.sum::<usize>() + rings
}

/// What the index of activity holds of a member row.
pub(crate) fn activity_entry_bytes(conversation: &ConversationId, user: &UserId, active_at: Timestamp) -> usize {
    text("cid", &conversation.to_string())
        + text("sk", user.as_str())
        + "m#".len()
        + text("uid", user.as_str())
        + number("act", active_at.0)
}

/// The size of a head: of a group, or of a conversation that is hot.
pub(crate) fn head_bytes(conversation: &ConversationId, group: Option<&Group>) -> usize {
    let key = text("cid", &conversation.to_string()) + text("sk", "head");
    let Some(group) = group else { return key + number("hot", group_moment()) };
    let settings = &group.settings;
    let texts =
        [("gt", Some(&settings.title)), ("gd", settings.description.as_ref()), ("ga", settings.avatar.as_ref())];
    let texts = texts.into_iter().filter_map(|(name, value)| Some(text(name, value?)));
    let numbers = [("gs", settings.slow_mode_seconds), ("gx", settings.ttl_seconds.unwrap_or_default())];
    let numbers = numbers.into_iter().filter(|(_, value)| *value > 0).map(|(name, value)| number(name, value));
    key + texts.sum::<usize>()
        + numbers.sum::<usize>()
        + text("go", group.owner.as_str())
        + number("gn", group.member_count)
        + number("gb", group.created_at.0)
        + number("gc", group.changed_at.0)
        + number("mv", group_moment())
}

/// A number as long as any that a head has.
fn group_moment() -> u64 {
    1_999_999_999_999
}

/// The size of a session row.
pub(crate) fn session_bytes(session: &Session) -> usize {
    text("uid", session.owner.user.as_str())
        + text("dev", session.owner.device.as_str())
        + text("conn", session.connection.as_str())
        + text("ep", &session.endpoint)
        + number("ca", session.connected_at.0)
        + number("aa", session.active_at.0)
        + number("exp", session.expires_at.as_seconds())
}

/// The size of a subscriber's row: a session's, under the group and the place.
pub(crate) fn subscriber_bytes(conversation: &ConversationId, session: &Session) -> usize {
    const PLACE_AND_SIGNS: usize = 10;
    session_bytes(session) + conversation.to_string().len() + PLACE_AND_SIGNS
}

fn text(name: &str, value: &str) -> usize {
    name.len() + value.len()
}

fn number(name: &str, value: u64) -> usize {
    name.len() + number_bytes(&value.to_string())
}

/// A byte for two significant digits, and one more.
fn number_bytes(digits: &str) -> usize {
    1 + digits.trim_matches('0').len().div_ceil(2)
}

/// The size of a value: a list or map takes 3 bytes, and one for each element besides its contents.
fn value_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 1,
        Value::Number(number) => number_bytes(&number.to_string()),
        Value::String(text) => text.len(),
        Value::Array(values) => 3 + values.iter().map(|value| 1 + value_bytes(value)).sum::<usize>(),
        Value::Object(map) => 3 + map.iter().map(|(name, value)| 1 + name.len() + value_bytes(value)).sum::<usize>(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_have_the_sizes_that_dynamodb_documents() {
        let sizes = [
            (json!(""), 0),
            (json!("äß€"), 7),
            (json!(0), 1),
            (json!(7), 2),
            (json!(123), 3),
            (json!(1000), 2),
            (json!(1_764_012_345_678_u64), 8),
            (json!(null), 1),
            (json!([]), 3),
            (json!(["ab", 1]), 3 + (1 + 2) + (1 + 2)),
            (json!({ "key": "ab", "n": [] }), 3 + (1 + 3 + 2) + (1 + 1 + 3)),
        ];
        for (value, size) in sizes {
            assert_eq!(value_bytes(&value), size, "{value}");
        }
    }

    #[test]
    fn a_read_is_charged_by_4_kb_and_a_write_by_1_kb() {
        assert_eq!([0, 1, 4096, 4097, 40_960].map(|bytes| half_reads(Rate::Strong, bytes)), [2, 2, 2, 4, 20]);
        assert_eq!([0, 4096, 4097].map(|bytes| half_reads(Rate::Eventual, bytes)), [1, 1, 2]);
        assert_eq!([0, 1024, 1025].map(write_units), [1, 1, 2]);
    }

    #[test]
    fn the_last_partition_is_found_by_galloping() {
        assert_eq!(gallop(0, Sequence(5)), (0, 0));
        assert_eq!(gallop(3, Sequence(3 * 4096 + 1)), (3, 0));
        assert_eq!(gallop(0, Sequence(4096)), (0, 1));
        assert_eq!(gallop(0, Sequence(4097)), (1, 1));
        // Probes 1, 3, 7, … 255 find rows and fewer than that, then between 127 and 255.
        let (last, probes) = gallop(0, Sequence(1_000_000));
        assert_eq!(last, 244);
        assert!(probes <= 16, "{probes}");
    }
}
