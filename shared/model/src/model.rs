//! Which steps can come next, and what each does.

use stateright::{Model, Property};

use crate::{
    config::{Break, Config, Marks},
    log::{Carried, Entry, Seq, What},
    properties,
    state::{CHANGING, Client, Flight, Outcome, Reading, Sequencer, State, Step, bit},
};

/// One step of the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A client sends a message, for the first time or again.
    Send {
        /// Which.
        message: u8,
        /// The function that is called remembers the conversation to be hot.
        remembers_hot: bool,
    },
    /// An invocation of `send` goes on.
    Flight(Flight, Do),
    /// The sequencer goes on.
    Sequencer(SequencerDo),
    /// A row that the sequencer had given up on arrives.
    Land,
    /// The durable lane reads the record of an entry: `fan_out`, `advance`.
    FanOut(u8),
    /// The repair lane looks at an entry, and publishes it again: `repair_conversation`.
    Repair(u8),
    /// The second sender is added or removed: log row, head and member row in one transaction.
    ChangeMembers,
    /// The half of a broken membership change that comes late.
    ChangeRows,
    /// `hot_until` has passed.
    Cool,
}

/// What an invocation of `send` does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Do {
    /// `read_tail`.
    ReadTail,
    /// `standing`, of one moment.
    ReadStanding,
    /// `standing`, its head row alone.
    ReadHead,
    /// `standing`, its member row alone.
    ReadRow,
    /// `Log::append`.
    Put(PutOutcome),
    /// `read_since`.
    ReadSince,
    /// `Ingest::put`.
    HandOver,
    /// It ends here.
    Crash,
}

/// What becomes of a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// Answered: the row is there and published, or it was taken.
    Answered,
    /// The row is there, the stream refuses the record.
    NotPublished,
    /// The row is there, the answer is lost.
    NotAnswered,
    /// The row is there, the function dies.
    CrashedAfter,
    /// It was taken, one time too many: the sequencer is to have it.
    Crowded,
}

/// What the sequencer does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SequencerDo {
    /// Takes so many records.
    Take(u8),
    /// Reads the log.
    Read,
    /// Reads how the senders stand.
    ReadStanding,
    /// Puts the row, publishes, answers, and moves its place in the stream.
    Put,
    /// The same, but the answer is lost and the row arrives later, if at all.
    PutFloats,
    /// Puts the row and dies.
    PutAndCrash,
    /// Does all but move its place in the stream.
    PutAndCrashBeforeCheckpoint,
    /// Dies.
    Crash,
}

impl Model for Config {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let members: &[u8] = if self.member_changes > 0 { &[0b11, 0b01] } else { &[0b11] };
        let hot: &[bool] = if self.sequencer { &[false, true] } else { &[false] };
        let of = |members: u8| hot.iter().map(move |is_hot| self.start(members, *is_hot));
        members.iter().copied().flat_map(of).collect()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.client_actions(state, actions);
        for (place, flight) in state.flights.iter().enumerate() {
            // Of two that are the same, one stands for both.
            if place == 0 || state.flights[place - 1] != *flight {
                self.flight_actions(state, *flight, actions);
            }
        }
        self.sequencer_actions(state, actions);
        self.lane_actions(state, actions);
        let changes = state.log.entries().filter(|(_, entry)| entry.what == What::MembersChange).count();
        if changes < usize::from(self.member_changes) {
            actions.push(Action::ChangeMembers);
        }
        if state.head_version != state.log.carried_at(state.log.end()).version && self.is(Break::ChangeInTwoWrites) {
            actions.push(Action::ChangeRows);
        }
        if state.is_hot {
            actions.push(Action::Cool);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Send { message, remembers_hot } => self.send(&mut state, message, remembers_hot),
            Action::Flight(flight, what) => {
                if !state.land(&flight) {
                    return None;
                }
                state.faults = state.faults.checked_sub(u8::from(is_fault(what)))?;
                self.step(&mut state, flight, what);
            }
            Action::Sequencer(what) => {
                let is_fault = !matches!(
                    what,
                    SequencerDo::Take(_) | SequencerDo::Read | SequencerDo::ReadStanding | SequencerDo::Put
                );
                state.faults = state.faults.checked_sub(u8::from(is_fault))?;
                self.sequence(&mut state, what);
            }
            Action::Land => {
                let floating = state.floating.take()?;
                // Taken or not, nobody waits for the answer.
                let _ = state.log.put(floating.key, &floating.entries, self.broken);
            }
            Action::FanOut(sequence) => {
                // An entry beyond the end of what the row has seen: what lies between is read.
                let leaves_gaps = self.is(Break::FanoutLeavesGaps) || self.is(Break::RepairByRows);
                let up_to = if leaves_gaps { bit(sequence) } else { (bit(sequence) << 1) - 1 };
                state.fanned_out |= up_to;
            }
            Action::Repair(sequence) => state.published |= bit(sequence),
            Action::ChangeMembers => {
                let version = state.log.end() + 1;
                let carried = Carried { version, ..state.log.carried_at(state.log.end()) };
                let entry = Entry { what: What::MembersChange, carried };
                let _ = state.log.put(version, &[entry], self.broken);
                state.published |= bit(version);
                if !self.is(Break::ChangeInTwoWrites) {
                    change_rows(&mut state);
                }
            }
            Action::ChangeRows => change_rows(&mut state),
            Action::Cool => state.is_hot = false,
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all(self)
    }

    fn format_action(&self, action: &Action) -> String {
        crate::story::action(self, action)
    }
}

fn change_rows(state: &mut State) {
    state.head_version = state.log.carried_at(state.log.end()).version;
    state.members ^= CHANGING;
}

fn is_fault(what: Do) -> bool {
    use PutOutcome::{Answered, Crowded};
    matches!(what, Do::Crash) || matches!(what, Do::Put(outcome) if outcome != Answered && outcome != Crowded)
}

impl Config {
    fn start(&self, members: u8, is_hot: bool) -> State {
        State {
            log: crate::log::Log::default(),
            head_version: 0,
            members,
            members_at_start: members,
            is_hot,
            published: 0,
            // Bit 0 stands for the empty log.
            fanned_out: 1,
            flights: Vec::new(),
            clients: vec![Client::default(); self.messages.len()],
            ingest: Vec::new(),
            checkpoint: 0,
            sequencer: Sequencer::Idle,
            floating: None,
            faults: self.faults,
        }
    }

    fn send(&self, state: &mut State, message: u8, remembers_hot: bool) {
        let end = state.log.end();
        let client = &mut state.clients[usize::from(message)];
        if client.attempts == 0 {
            client.base = end;
        }
        client.attempts += 1;
        let base = Some(client.base).filter(|_| self.marks == Marks::Resends && client.attempts > 1);
        let version_at_call = if self.reads_tear { state.head_version } else { 0 };
        let reading = Reading { remembers_hot, version_at_call, ..Reading::default() };
        state.launch(Flight { message, base, step: Step::Reading(reading) });
    }

    fn client_actions(&self, state: &State, actions: &mut Vec<Action>) {
        for ((message, client), number) in self.messages.iter().zip(&state.clients).zip(0..) {
            let is_answered = |m: u8| state.clients[usize::from(m)].outcome != Outcome::Unknown;
            if client.attempts < message.attempts_max && message.after.is_none_or(is_answered) {
                actions.push(Action::Send { message: number, remembers_hot: false });
                if self.sequencer {
                    actions.push(Action::Send { message: number, remembers_hot: true });
                }
            }
        }
    }

    fn flight_actions(&self, state: &State, flight: Flight, actions: &mut Vec<Action>) {
        let mut push = |what| actions.push(Action::Flight(flight, what));
        match flight.step {
            Step::Reading(reading) => self.read_actions(reading, &mut push),
            Step::Rereading { .. } => push(Do::ReadStanding),
            Step::Putting { tail, .. } => {
                push(Do::Put(PutOutcome::Answered));
                // Known beforehand, so that no step does the same under two names.
                let is_taken = state.log.end() != tail;
                if is_taken && self.sequencer {
                    push(Do::Put(PutOutcome::Crowded));
                }
                if !is_taken && state.faults > 0 {
                    push(Do::Put(PutOutcome::NotPublished));
                    push(Do::Put(PutOutcome::NotAnswered));
                    push(Do::Put(PutOutcome::CrashedAfter));
                }
            }
            Step::Lost { .. } | Step::Unanswered { .. } => push(Do::ReadSince),
            Step::HandingOver { .. } => push(Do::HandOver),
        }
        if state.faults > 0 {
            push(Do::Crash);
        }
    }

    fn read_actions(&self, reading: Reading, push: &mut impl FnMut(Do)) {
        let Reading { remembers_hot, settles, tail, head, row, .. } = reading;
        if tail.is_none() && !remembers_hot {
            push(Do::ReadTail);
        }
        if (!self.reads_tear || settles) && head.is_none() {
            return push(Do::ReadStanding);
        }
        if head.is_none() {
            push(Do::ReadHead);
        }
        if row.is_none() {
            push(Do::ReadRow);
        }
    }

    fn sequencer_actions(&self, state: &State, actions: &mut Vec<Action>) {
        let mut push = |what| actions.push(Action::Sequencer(what));
        let waiting = Seq::try_from(state.ingest.len()).unwrap_or(Seq::MAX) - state.checkpoint;
        match state.sequencer {
            Sequencer::Idle => (1..=waiting).for_each(|count| push(SequencerDo::Take(count))),
            Sequencer::Reading { .. } => push(SequencerDo::Read),
            Sequencer::Standing { .. } => push(SequencerDo::ReadStanding),
            Sequencer::Putting { .. } => {
                push(SequencerDo::Put);
                if state.faults > 0 {
                    push(SequencerDo::PutAndCrashBeforeCheckpoint);
                    if self.puts_row(state) {
                        push(SequencerDo::PutAndCrash);
                        if state.floating.is_none() {
                            push(SequencerDo::PutFloats);
                        }
                    }
                }
            }
        }
        if state.faults > 0 && state.sequencer != Sequencer::Idle {
            push(SequencerDo::Crash);
        }
        if state.floating.is_some() {
            actions.push(Action::Land);
        }
    }

    fn lane_actions(&self, state: &State, actions: &mut Vec<Action>) {
        for sequence in 1..=state.log.end() {
            let is_published = state.published & bit(sequence) != 0;
            if is_published && state.fanned_out & bit(sequence) == 0 {
                actions.push(Action::FanOut(sequence));
            }
            let looks_done = self.is(Break::RepairByRows) && state.last_fanned_out() >= sequence;
            if !is_published && !looks_done && !self.is(Break::NoRepair) {
                actions.push(Action::Repair(sequence));
            }
        }
    }
}
