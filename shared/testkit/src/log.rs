//! The log.

use futures_util::future::join_all;
use tidings_domain::{
    ids::Sequence,
    limits::PARTITION_SEQUENCES,
    log::Entry,
    ports::{Append, Consistency},
};

use crate::Subject;

fn sequences(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|e| e.sequence.0).collect()
}

/// An append takes a free place and no other, and the row reads back whole.
pub async fn an_append_takes_a_free_place_and_no_other(s: Subject<'_>) {
    let conversation = s.direct("alice", "bob");
    let entry = s.entry(&conversation, 1);
    assert_eq!(s.log.append(std::slice::from_ref(&entry)).await.unwrap(), Append::Done);
    let mut other = s.entry(&conversation, 1);
    other.content.payload = "2".into();
    assert_eq!(s.log.append(&[other]).await.unwrap(), Append::Taken);
    for consistency in [Consistency::Strong, Consistency::Eventual] {
        assert_eq!(s.log.read_one(&conversation, Sequence(1), consistency).await.unwrap(), Some(entry.clone()));
        assert_eq!(s.log.read_one(&conversation, Sequence(2), consistency).await.unwrap(), None);
    }
}

/// Of concurrent appends at one place, exactly one wins.
pub async fn of_concurrent_appends_one_wins(s: Subject<'_>) {
    let conversation = s.direct("alice", "crowd");
    let entries: Vec<Entry> = (0..10)
        .map(|n| {
            let mut entry = s.entry(&conversation, 1);
            entry.content.client_ts.0 = n;
            entry
        })
        .collect();
    let answers = join_all(entries.iter().map(|entry| s.log.append(std::slice::from_ref(entry)))).await;
    let won: Vec<usize> = (0..10).filter(|n| *answers[*n].as_ref().unwrap() == Append::Done).collect();
    assert_eq!(won.len(), 1);
    let row = s.log.read_one(&conversation, Sequence(1), Consistency::Strong).await.unwrap().unwrap();
    assert_eq!(row.content.client_ts.0, won[0] as u64);
}

/// Rows around the end of the first partition, without the ones before: what reads look at.
async fn around_the_boundary(s: &Subject<'_>, name: &str) -> tidings_domain::ids::ConversationId {
    let conversation = s.direct("alice", name);
    for sequence in PARTITION_SEQUENCES - 11..=PARTITION_SEQUENCES + 4 {
        assert_eq!(s.log.append(&[s.entry(&conversation, sequence)]).await.unwrap(), Append::Done);
    }
    conversation
}

/// A log reads on from one partition into the next, in both directions.
pub async fn a_log_reads_across_partitions_in_both_directions(s: Subject<'_>) {
    let conversation = around_the_boundary(&s, "partitions").await;
    let end = PARTITION_SEQUENCES;
    let after = s.log.read_after(&conversation, Sequence(end - 2), 4, Consistency::Strong).await.unwrap();
    assert_eq!(sequences(&after), [end - 1, end, end + 1, end + 2]);
    let at_boundary = s.log.read_after(&conversation, Sequence(end), 9, Consistency::Strong).await.unwrap();
    assert_eq!(sequences(&at_boundary), [end + 1, end + 2, end + 3, end + 4]);
    let none = s.log.read_after(&conversation, Sequence(end + 4), 9, Consistency::Strong).await.unwrap();
    assert!(none.is_empty());
    let before = s.log.read_before(&conversation, Sequence(end + 2), 4).await.unwrap();
    assert_eq!(sequences(&before), [end - 2, end - 1, end, end + 1]);
    let before_all = s.log.read_before(&conversation, Sequence(end + 2), 1000).await.unwrap();
    assert_eq!(before_all.len(), 13);
    let beyond = s.log.read_before(&conversation, Sequence(1 << 39), 2).await.unwrap();
    assert_eq!(sequences(&beyond), [end + 3, end + 4], "before a place beyond the end is the end");
}

/// A tail is found from any known sequence; from none, the first partition alone is looked at.
pub async fn a_tail_is_found_from_any_known_sequence(s: Subject<'_>) {
    let conversation = around_the_boundary(&s, "tails").await;
    let end = PARTITION_SEQUENCES;
    for known in [end - 3, end, end + 1, end + 4] {
        let tail = s.log.read_tail(&conversation, Sequence(known), 8).await.unwrap();
        assert_eq!(sequences(&tail.entries), (end - 3..=end + 4).collect::<Vec<_>>(), "known: {known}");
        assert_eq!(tail.state(), s.entry(&conversation, 1).state);
    }
    let cold = s.log.read_tail(&conversation, Sequence::ZERO, 2).await.unwrap();
    assert_eq!(sequences(&cold.entries), [end - 1, end]);
    let empty = s.log.read_tail(&s.direct("alice", "nobody"), Sequence::ZERO, 8).await.unwrap();
    assert_eq!(empty.sequence(), Sequence::ZERO);
}

/// A row of several entries takes one place, and reads like as many rows.
pub async fn a_row_of_many_reads_like_many_rows(s: Subject<'_>) {
    let conversation = s.direct("alice", "rows");
    let entries: Vec<Entry> = (1..=12).map(|sequence| s.entry(&conversation, sequence)).collect();
    // 1, 2–6, 7, 8–12.
    for row in [0..1, 1..6, 6..7, 7..12] {
        assert_eq!(s.log.append(&entries[row.clone()]).await.unwrap(), Append::Done);
        assert_eq!(s.log.append(&entries[row.start..=row.start]).await.unwrap(), Append::Taken);
    }
    for (place, after) in (0..=12).enumerate() {
        for limit in 1..=13 {
            let found = s.log.read_after(&conversation, Sequence(after), limit, Consistency::Strong).await.unwrap();
            let expected: Vec<Entry> = entries.iter().skip(place).take(limit).cloned().collect();
            assert_eq!(found, expected, "{limit} after {after}");
        }
    }
    for (place, before) in (1..=13).enumerate() {
        for limit in [1, 3, 8, 20] {
            let found = s.log.read_before(&conversation, Sequence(before), limit).await.unwrap();
            assert_eq!(found, entries[place.saturating_sub(limit)..place], "{limit} before {before}");
        }
    }
    for rows in [1, 3, 8, 20] {
        let tail = s.log.read_tail(&conversation, Sequence(3), rows).await.unwrap();
        assert_eq!(tail.entries, entries[12_usize.saturating_sub(rows)..], "the last {rows}");
    }
    for entry in &entries {
        let found = s.log.read_one(&conversation, entry.sequence, Consistency::Strong).await.unwrap();
        assert_eq!(found.as_ref(), Some(entry));
    }
    assert_eq!(s.log.read_one(&conversation, Sequence(13), Consistency::Strong).await.unwrap(), None);
}
