//! The dedupe ring: which of a device's messages lie beyond the tail, and where.
//!
//! A ring is a *set* of small entries in the sender's member row, so adding one is idempotent
//! and free of order: the fan-out may be repeated, late or out of order and the ring is right.
//! An entry is a hint. The row at its sequence is read and its message id compared, so a
//! fingerprint that two messages share can never make one of them a duplicate.

use crate::{
    ids::{MessageId, Sequence},
    limits::{RING_ENTRIES, RING_SLACK_ENTRIES},
};

/// Three bytes of the message id and five of the sequence, big endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RingEntry([u8; 8]);

impl RingEntry {
    /// The entry of a message.
    pub fn of(id: MessageId, sequence: Sequence) -> Self {
        let [a, b, c] = id.fingerprint();
        let [.., s4, s3, s2, s1, s0] = sequence.0.to_be_bytes();
        Self([a, b, c, s4, s3, s2, s1, s0])
    }

    /// Reads what storage holds; none where it is no entry.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// What storage holds.
    pub fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }

    /// Where the message is in the log.
    pub fn sequence(&self) -> Sequence {
        let [_, _, _, s4, s3, s2, s1, s0] = self.0;
        Sequence(u64::from_be_bytes([0, 0, 0, s4, s3, s2, s1, s0]))
    }

    fn may_be(self, id: MessageId) -> bool {
        self.0[..3] == id.fingerprint()
    }
}

/// The entries of one device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ring(Vec<RingEntry>);

impl Ring {
    /// A ring of these entries.
    pub fn new(mut entries: Vec<RingEntry>) -> Self {
        entries.sort_unstable_by_key(|e| (e.sequence(), *e));
        entries.dedup();
        Self(entries)
    }

    /// Sequences at which this message may stand, latest first.
    pub fn candidates(&self, id: MessageId) -> Vec<Sequence> {
        self.0.iter().rev().filter(|e| e.may_be(id)).map(RingEntry::sequence).collect()
    }

    /// Whether the entry is there.
    pub fn contains(&self, entry: RingEntry) -> bool {
        self.0.contains(&entry)
    }

    /// The oldest entries, to be removed, once the ring has outgrown its slack.
    pub fn surplus(&self) -> &[RingEntry] {
        if self.0.len() > RING_ENTRIES + RING_SLACK_ENTRIES { &self.0[..self.0.len() - RING_ENTRIES] } else { &[] }
    }

    /// The entries, oldest first.
    pub fn entries(&self) -> &[RingEntry] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::{ClientMsgId, ConversationId, DeviceId, Sender, UserId};

    fn id(n: u64) -> MessageId {
        let sender = Sender { user: UserId::parse("alice").unwrap(), device: DeviceId::parse("d").unwrap() };
        let conversation = ConversationId::parse("u:alice|u:bob").unwrap();
        MessageId::of(&conversation, &sender, &ClientMsgId::parse(&n.to_string()).unwrap())
    }

    proptest! {
        #[test]
        fn an_entry_keeps_its_sequence(n: u64, sequence in 1_u64..1 << 40) {
            let entry = RingEntry::of(id(n), Sequence(sequence));
            prop_assert_eq!(entry.sequence(), Sequence(sequence));
            prop_assert_eq!(RingEntry::from_bytes(entry.as_bytes()), Some(entry));
        }

        #[test]
        fn the_last_64_are_found_however_they_came_in(count in 1_u64..200, seed: u64) {
            let mut order: Vec<u64> = (1..=count).collect();
            // Any order, with repeats: the set does not care.
            order.sort_by_key(|n| n.wrapping_mul(seed | 1));
            order.extend_from_within(..order.len() / 2);
            let ring = Ring::new(order.iter().map(|n| RingEntry::of(id(*n), Sequence(n * 3))).collect());
            let kept = &ring.entries()[ring.surplus().len()..];
            let ring = Ring::new(kept.to_vec());
            prop_assert!(ring.entries().len() <= RING_ENTRIES + RING_SLACK_ENTRIES);
            for n in (1..=count).rev().take(RING_ENTRIES) {
                prop_assert!(ring.candidates(id(n)).contains(&Sequence(n * 3)));
            }
        }
    }
}
