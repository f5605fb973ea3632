//! The batch sequencer, step by step: `shared/domain/src/sequencer.rs`.

use crate::{
    config::{Break, Config},
    log::{Entry, Seq, What},
    model::SequencerDo,
    state::{Floating, How, Pending, Sequencer, State, bit},
};

/// What is to be done with the first of those who wait: `Plan`.
struct Plan {
    /// How many it settles.
    taken: u8,
    /// One row.
    entries: Vec<Entry>,
    /// By message: where it is, or none where it is refused.
    answers: Vec<(u8, Option<(Seq, How)>)>,
}

impl Config {
    pub(crate) fn sequence(&self, state: &mut State, what: SequencerDo) {
        match (state.sequencer, what) {
            (Sequencer::Idle, SequencerDo::Take(count)) => {
                let from = state.checkpoint;
                state.sequencer = Sequencer::Reading { from, to: from + count };
                if self.is(Break::CheckpointFirst) {
                    state.checkpoint += count;
                }
            }
            (Sequencer::Reading { from, to }, SequencerDo::Read) => {
                let tail = state.log.tail(self.broken);
                self.look_at_senders(state, from, to, tail);
            }
            (Sequencer::Standing { from, to, tail }, SequencerDo::ReadStanding) => {
                state.sequencer = Sequencer::Putting { from, to, tail, members: state.members };
            }
            (Sequencer::Putting { from, to, tail, members }, what) => {
                self.put_batch(state, (from, to), tail, members, what);
            }
            // A crash: the records come again.
            _ => state.sequencer = Sequencer::Idle,
        }
    }

    /// `standings`: those who were checked at another membership version than the tail's are
    /// looked at again, after the tail was read.
    fn look_at_senders(&self, state: &mut State, from: u8, to: u8, tail: Seq) {
        let version = state.log.carried_at(tail).version;
        let is_other = |pending: &Pending| pending.version != version;
        let is_any = waiting(state, from, to).iter().any(is_other);
        state.sequencer = if is_any && !self.is(Break::SequencerTrustsSender) {
            Sequencer::Standing { from, to, tail }
        } else {
            Sequencer::Putting { from, to, tail, members: 0 }
        };
    }

    fn put_batch(&self, state: &mut State, (from, to): (u8, u8), tail: Seq, members: u8, what: SequencerDo) {
        let plan = self.plan(state, (from, to), tail, members);
        let key = tail + 1;
        let puts = !plan.entries.is_empty();
        match what {
            SequencerDo::Crash => return state.sequencer = Sequencer::Idle,
            SequencerDo::PutFloats => {
                state.floating = Some(Floating { key, entries: plan.entries });
                return state.sequencer = Sequencer::Reading { from, to };
            }
            _ => {}
        }
        if puts && !state.log.put(key, &plan.entries, self.broken) {
            return state.sequencer = Sequencer::Reading { from, to };
        }
        if what == SequencerDo::PutAndCrash {
            return state.sequencer = Sequencer::Idle;
        }
        let end = tail + count(&plan.entries);
        (key..=end).for_each(|sequence| state.published |= bit(sequence));
        for (message, outcome) in plan.answers {
            match outcome {
                Some((sequence, how)) => state.answer(message, sequence, how),
                None => state.refuse(message),
            }
        }
        let from = from + plan.taken;
        if from < to {
            return self.look_at_senders(state, from, to, end);
        }
        state.sequencer = Sequencer::Idle;
        if what != SequencerDo::PutAndCrashBeforeCheckpoint {
            state.checkpoint = to;
        }
    }

    /// `Plan::make`: each is in the log already, is refused, or goes into the row.
    fn plan(&self, state: &State, (from, to): (u8, u8), tail: Seq, members: u8) -> Plan {
        let mut plan = Plan { taken: 0, entries: Vec::new(), answers: Vec::new() };
        let at_tail = state.log.carried_at(tail);
        let mut carried = at_tail;
        for pending in waiting(state, from, to) {
            let message = pending.message;
            let is_member = pending.version == at_tail.version
                || self.is(Break::SequencerTrustsSender)
                || members & (1 << self.message(message).sender) != 0;
            let epoch = if self.is(Break::SequencerOneEpochPerBatch) { at_tail.epoch } else { carried.epoch };
            let copy = plan.entries.iter().zip(tail + 1..).find(|(entry, _)| entry.what == What::Message(message));
            let copy = copy.filter(|_| !self.is(Break::SequencerNoDedupeInBatch)).map(|(_, sequence)| sequence);
            let outcome = if let Some(sequence) = self.find_since_checked(state, *pending, tail).or(copy) {
                Some((sequence, How::BatchDuplicate))
            } else if !is_member || self.is_stale(message, epoch) {
                None
            } else if count(&plan.entries) == self.segment_entries {
                break;
            } else {
                let entry = self.entry_after(message, carried);
                carried = entry.carried;
                plan.entries.push(entry);
                Some((tail + count(&plan.entries), How::Batch))
            };
            plan.answers.push((message, outcome));
            plan.taken += 1;
        }
        plan
    }

    /// `End::seen`: every entry since the place up to which the sender has looked.
    fn find_since_checked(&self, state: &State, pending: Pending, tail: Seq) -> Option<Seq> {
        let reads_tail = self.is(Break::SequencerReadsTail);
        let after = if reads_tail { tail.saturating_sub(self.tail_rows) } else { pending.after };
        state.log.find(pending.message, state.log.read_start(after, self.broken), tail)
    }

    /// Whether a row would be put now.
    pub(crate) fn puts_row(&self, state: &State) -> bool {
        match state.sequencer {
            Sequencer::Putting { from, to, tail, members } => {
                !self.plan(state, (from, to), tail, members).entries.is_empty()
            }
            _ => false,
        }
    }
}

fn waiting(state: &State, from: u8, to: u8) -> &[Pending] {
    state.ingest.get(usize::from(from)..usize::from(to)).unwrap_or_default()
}

fn count(entries: &[Entry]) -> u8 {
    u8::try_from(entries.len()).unwrap_or(u8::MAX)
}
