//! `send`, step by step: `shared/domain/src/send`.

use crate::{
    config::{Break, Config, Message},
    log::{Carried, Entry, Seq, What},
    model::{Do, PutOutcome},
    state::{CHANGING, Flight, Head, How, Pending, Reading, Row, State, Step, bit},
};

impl Config {
    pub(crate) fn message(&self, message: u8) -> Message {
        self.messages[usize::from(message)]
    }

    /// The entry that a message becomes after a tail.
    pub(crate) fn entry_after(&self, message: u8, carried: Carried) -> Entry {
        let epoch = carried.epoch + u8::from(self.message(message).is_commit);
        Entry { what: What::Message(message), carried: Carried { epoch, ..carried } }
    }

    /// `check_epoch`.
    pub(crate) fn is_stale(&self, message: u8, epoch: u8) -> bool {
        self.message(message).epoch.is_some_and(|made_in| made_in != epoch)
    }

    /// One step of one invocation, which has been taken off.
    pub(crate) fn step(&self, state: &mut State, flight: Flight, what: Do) {
        match (flight.step, what) {
            (Step::Reading(reading), Do::ReadTail) => {
                let tail = Some(state.log.tail(self.broken));
                self.read(state, flight, Reading { tail, ..reading });
            }
            (Step::Reading(reading), Do::ReadHead) => {
                let head = Some(head_row(state));
                self.read(state, flight, Reading { head, ..reading });
            }
            (Step::Reading(reading), Do::ReadRow) => match self.member_row(state, flight.message) {
                None => state.refuse(flight.message),
                row => self.read(state, flight, Reading { row, ..reading }),
            },
            (Step::Reading(reading), Do::ReadStanding) => match self.member_row(state, flight.message) {
                None => state.refuse(flight.message),
                row => self.read(state, flight, Reading { head: Some(head_row(state)), row, ..reading }),
            },
            (Step::Rereading { first, tail }, Do::ReadStanding) => {
                if !state.is_member(self.message(flight.message).sender) {
                    return state.refuse(flight.message);
                }
                self.get_ready(state, flight, (first, tail, state.head_version));
            }
            (Step::Putting { first, tail, version }, Do::Put(outcome)) => {
                self.put(state, flight, (first, tail, version), outcome);
            }
            (Step::Lost { first, version }, Do::ReadSince) => {
                let tail = state.log.tail(self.broken);
                if self.find_since(state, flight.message, first) {
                    return;
                }
                self.agree_on_members(state, flight, (first, tail, version));
            }
            (Step::Unanswered { first }, Do::ReadSince) => {
                // Where it is not found the caller is told `Unavailable`: the client knows nothing.
                self.find_since(state, flight.message, first);
            }
            (Step::HandingOver { after, version }, Do::HandOver) => {
                state.ingest.push(Pending { message: flight.message, after, version });
            }
            // A crash: it is off already.
            _ => {}
        }
    }

    /// The first reads, as far as they are answered. `try_join3` waits for all of them.
    fn read(&self, state: &mut State, flight: Flight, reading: Reading) {
        let again = |state: &mut State, reading| state.launch(Flight { step: Step::Reading(reading), ..flight });
        let (Some(head), Some(row)) = (reading.head, reading.row) else { return again(state, reading) };
        if self.reads_tear
            && !reading.settles
            && !self.is(Break::TrustTornRead)
            && head.version != reading.version_at_call
        {
            return again(state, Reading { head: None, row: None, settles: true, ..reading });
        }
        let version = head.version;
        if reading.remembers_hot {
            if head.is_hot {
                return self.send_if_hot(state, flight, row, version);
            }
            return again(state, Reading { version_at_call: reading.version_at_call, ..Reading::default() });
        }
        let Some(tail) = reading.tail else { return again(state, reading) };
        if row.known > tail {
            // `settle_tail`.
            return again(state, Reading { tail: None, ..reading });
        }
        if let Some((sequence, how)) = self.find_earlier(state, flight, row, tail) {
            return state.answer(flight.message, sequence, how);
        }
        if head.is_hot && self.sequencer {
            return state.launch(Flight { step: Step::HandingOver { after: tail, version }, ..flight });
        }
        self.agree_on_members(state, flight, (tail, tail, version));
    }

    /// `find_earlier`: the tail, the ring, and what the ring cannot name yet or the mark tells of.
    fn find_earlier(&self, state: &State, flight: Flight, row: Row, tail: Seq) -> Option<(Seq, How)> {
        let before = tail.saturating_sub(self.tail_rows);
        if let Some(sequence) = state.log.find(flight.message, before, tail) {
            return Some((sequence, How::Tail));
        }
        if self.is(Break::TailOnly) {
            return None;
        }
        if let Some(sequence) = row.ring {
            return Some((sequence, How::Ring));
        }
        let (after, how) = flight.base.map_or((row.known, How::BeyondRing), |base| (base, How::Marked));
        let start = state.log.read_start(after, self.broken);
        Some((state.log.find(flight.message, start, before)?, how))
    }

    /// `send_if_hot`: the tail, which many write to, is not read; the sequencer reads from the
    /// place up to which the ring and the mark have been looked at.
    fn send_if_hot(&self, state: &mut State, flight: Flight, row: Row, version: Seq) {
        // Where the durable lane leaves gaps, some slack: it makes one less likely, no more.
        let slack = if self.is(Break::FanoutLeavesGaps) { self.ring_entries } else { 0 };
        let after = row.known.saturating_sub(slack);
        let earlier =
            row.ring.filter(|sequence| *sequence <= after).map(|sequence| (sequence, How::Ring)).or_else(|| {
                let start = state.log.read_start(flight.base?, self.broken);
                Some((state.log.find(flight.message, start, after)?, How::Marked))
            });
        match earlier {
            Some((sequence, how)) => state.answer(flight.message, sequence, how),
            None => state.launch(Flight { step: Step::HandingOver { after, version }, ..flight }),
        }
    }

    /// `agree_on_members`: a member row counts only if the head is of the tail's version.
    fn agree_on_members(&self, state: &mut State, flight: Flight, at: (Seq, Seq, Seq)) {
        let (first, tail, version) = at;
        if version == state.log.carried_at(tail).version || self.is(Break::TrustMemberRow) {
            return self.get_ready(state, flight, at);
        }
        state.launch(Flight { step: Step::Rereading { first, tail }, ..flight });
    }

    fn get_ready(&self, state: &mut State, flight: Flight, (first, tail, version): (Seq, Seq, Seq)) {
        let is_looked_at = first == tail || !self.is(Break::EpochOnce);
        if is_looked_at && self.is_stale(flight.message, state.log.carried_at(tail).epoch) {
            return state.refuse(flight.message);
        }
        state.launch(Flight { step: Step::Putting { first, tail, version }, ..flight });
    }

    /// `append`: the conditional put, and what becomes of it.
    fn put(&self, state: &mut State, flight: Flight, at: (Seq, Seq, Seq), outcome: PutOutcome) {
        let (first, tail, version) = at;
        let entry = self.entry_after(flight.message, state.log.carried_at(tail));
        let sequence = tail + 1;
        if !state.log.put(sequence, &[entry], self.broken) {
            if outcome == PutOutcome::Crowded {
                // `heat_and_hand_over`.
                state.is_hot = true;
                return state.launch(Flight { step: Step::HandingOver { after: first, version }, ..flight });
            }
            return state.launch(Flight { step: Step::Lost { first, version }, ..flight });
        }
        match outcome {
            PutOutcome::NotAnswered => state.launch(Flight { step: Step::Unanswered { first }, ..flight }),
            PutOutcome::CrashedAfter => {}
            PutOutcome::Answered | PutOutcome::NotPublished | PutOutcome::Crowded => {
                state.answer(flight.message, sequence, How::Appended);
            }
        }
        if matches!(outcome, PutOutcome::Answered | PutOutcome::Crowded) {
            state.published |= bit(sequence);
        }
    }

    /// `read_since`, and the look for the message among what it read. Found: it is delivered once more.
    fn find_since(&self, state: &mut State, message: u8, first: Seq) -> bool {
        let end = state.log.end();
        let reads_tail = self.is(Break::RetryReadsTail) || self.is(Break::TailOnly);
        let after = if reads_tail { end.saturating_sub(self.tail_rows) } else { first };
        let start = state.log.read_start(after, self.broken);
        let Some(sequence) = state.log.find(message, start, end) else { return false };
        state.published |= bit(sequence);
        state.answer(message, sequence, How::Since);
        true
    }

    /// The sender's member row: `Member`, with the ring of the one device.
    fn member_row(&self, state: &State, message: u8) -> Option<Row> {
        let sender = self.message(message).sender;
        let new_row_at = self.new_row_at(state, sender);
        let known = state.last_fanned_out().max(new_row_at);
        state.is_member(sender).then(|| Row { known, ring: self.ring(state, message, new_row_at) })
    }

    /// The sequence with which the sender's row was made anew, its ring empty.
    fn new_row_at(&self, state: &State, sender: u8) -> Seq {
        if !self.is(Break::RejoinForgets) || CHANGING != 1 << sender {
            return 0;
        }
        let changes = state.log.entries().filter(|(_, entry)| entry.what == What::MembersChange);
        changes.last().map(|(sequence, _)| sequence).unwrap_or_default()
    }

    /// Where the sender's ring has a message: the last of the device's entries that were fanned out.
    fn ring(&self, state: &State, message: u8, new_row_at: Seq) -> Option<Seq> {
        let sender = self.message(message).sender;
        let mut in_ring: Vec<(Seq, u8)> = Vec::new();
        let is_added = |sequence: Seq| state.fanned_out & bit(sequence) != 0 && sequence > new_row_at;
        for (sequence, entry) in state.log.entries().filter(|(s, _)| is_added(*s)) {
            if let What::Message(other) = entry.what
                && self.message(other).sender == sender
            {
                in_ring.push((sequence, other));
            }
        }
        let latest = in_ring.iter().rev().take(usize::from(self.ring_entries));
        latest.into_iter().find(|(_, other)| *other == message).map(|(sequence, _)| *sequence)
    }
}

fn head_row(state: &State) -> Head {
    Head { version: state.head_version, is_hot: state.is_hot }
}
