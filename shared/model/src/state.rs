//! The state of the world: storage, streams, functions under way, clients.

use crate::log::{Log, Seq, What};

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub(crate) log: Log,
    /// Head row: `mv`. The log's own last membership event, but while a change is half written.
    pub(crate) head_version: Seq,
    /// Member rows, one bit a sender.
    pub(crate) members: u8,
    /// Who was a member at the start.
    pub(crate) members_at_start: u8,
    /// Head row: `hot_until` lies ahead.
    pub(crate) is_hot: bool,
    /// Entries with a record on the event stream, one bit a sequence. A record may be read again and again.
    pub(crate) published: u16,
    /// Entries that the durable lane has moved the member rows for. Each sender's ring and
    /// `lastSequence` follow from it.
    pub(crate) fanned_out: u16,
    /// Invocations of `send` under way, in a fixed order: which is which does not matter.
    pub(crate) flights: Vec<Flight>,
    /// By message.
    pub(crate) clients: Vec<Client>,
    /// The batch sequencer's stream.
    pub(crate) ingest: Vec<Pending>,
    /// The sequencer's place in it.
    pub(crate) checkpoint: u8,
    pub(crate) sequencer: Sequencer,
    /// A row that the sequencer put and got no answer for, still on its way.
    pub(crate) floating: Option<Floating>,
    /// Crashes, lost answers and refused publishes that may still come.
    pub(crate) faults: u8,
}

/// What a client knows of its message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Client {
    pub(crate) attempts: u8,
    /// The last sequence held at the first attempt. The most that can be held is the most
    /// dangerous: less makes a marked resend read more.
    pub(crate) base: Seq,
    pub(crate) outcome: Outcome,
}

/// What the service told a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    /// Nothing yet.
    #[default]
    Unknown,
    /// `message.sent`.
    Sent {
        /// The sequence.
        sequence: u8,
        /// How it was known.
        how: How,
    },
    /// An error that a resend does not mend: not a member, or a stale epoch.
    Refused,
}

/// How an entry that is answered was come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum How {
    /// The put was answered.
    Appended,
    /// Found in the tail.
    Tail,
    /// Found by the ring.
    Ring,
    /// Found beyond the ring.
    BeyondRing,
    /// Found since the base of a marked resend.
    Marked,
    /// Found since the first tail, after a lost race or a lost answer.
    Since,
    /// Appended by the sequencer.
    Batch,
    /// Found by the sequencer.
    BatchDuplicate,
}

/// One invocation of `send`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Flight {
    pub(crate) message: u8,
    /// `resend_after`.
    pub(crate) base: Option<Seq>,
    pub(crate) step: Step,
}

/// Where an invocation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Step {
    /// `send`: the reads that run at once, each answered or not.
    Reading(Reading),
    /// `append`: about to put the row after `tail`.
    Putting { first: Seq, tail: Seq, version: Seq },
    /// `agree_on_members`: about to read how the sender stands, once more.
    Rereading { first: Seq, tail: Seq },
    /// `append`: the row was taken; about to read all since the first tail.
    Lost { first: Seq, version: Seq },
    /// `append`: the put was not answered; about to read all since the first tail.
    Unanswered { first: Seq },
    /// `hand_over`: about to put the message on the sequencer's stream.
    HandingOver { after: Seq, version: Seq },
}

/// The first reads of a `send`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Reading {
    /// `send_if_hot`: the function remembers a hot conversation and does not read the tail.
    pub(crate) remembers_hot: bool,
    /// The membership version at the call, where it matters: another that is read is a late change.
    pub(crate) version_at_call: Seq,
    /// The members have changed lately, so both rows are read as of one moment.
    pub(crate) settles: bool,
    pub(crate) tail: Option<Seq>,
    pub(crate) head: Option<Head>,
    pub(crate) row: Option<Row>,
}

/// What was read of the head row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Head {
    pub(crate) version: Seq,
    pub(crate) is_hot: bool,
}

/// What was read of the sender's member row, which was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Row {
    /// `lastSequence`.
    pub(crate) known: Seq,
    /// Where the ring has this message.
    pub(crate) ring: Option<Seq>,
}

/// `Pending`: a record of the sequencer's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pending {
    pub(crate) message: u8,
    /// The message is not in the log up to here.
    pub(crate) after: Seq,
    /// The membership version at which the sender was a member.
    pub(crate) version: Seq,
}

/// The one consumer of the sequencer's stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Sequencer {
    /// Waiting.
    #[default]
    Idle,
    /// It has the records from one place up to before another, and is about to read the log.
    Reading { from: u8, to: u8 },
    /// It has read up to `tail`, and is about to read how the senders stand.
    Standing { from: u8, to: u8, tail: Seq },
    /// It is about to put a row. `members`, one bit a sender, counts where versions differ.
    Putting { from: u8, to: u8, tail: Seq, members: u8 },
}

/// A row on its way to storage.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Floating {
    pub(crate) key: Seq,
    pub(crate) entries: Vec<crate::log::Entry>,
}

/// The bit of a sequence.
pub(crate) fn bit(sequence: Seq) -> u16 {
    1 << sequence
}

impl State {
    /// `lastSequence` of the member rows.
    pub(crate) fn last_fanned_out(&self) -> Seq {
        (1..=self.log.end()).rev().find(|s| self.fanned_out & bit(*s) != 0).unwrap_or_default()
    }

    pub(crate) fn is_member(&self, sender: u8) -> bool {
        self.members & (1 << sender) != 0
    }

    /// The members after the entry at a sequence, by the log alone.
    pub(crate) fn members_at(&self, sequence: Seq) -> u8 {
        let changes = self.log.entries().filter(|(s, e)| *s <= sequence && e.what == What::MembersChange);
        changes.fold(self.members_at_start, |members, _| members ^ CHANGING)
    }

    pub(crate) fn launch(&mut self, flight: Flight) {
        let place = self.flights.partition_point(|other| *other <= flight);
        self.flights.insert(place, flight);
    }

    /// Takes one such flight off; false where there is none.
    pub(crate) fn land(&mut self, flight: &Flight) -> bool {
        let place = self.flights.iter().position(|other| other == flight);
        place.map(|place| self.flights.remove(place)).is_some()
    }

    pub(crate) fn answer(&mut self, message: u8, sequence: Seq, how: How) {
        if let Some(client) = self.clients.get_mut(usize::from(message))
            && !matches!(client.outcome, Outcome::Sent { .. })
        {
            client.outcome = Outcome::Sent { sequence, how };
        }
    }

    pub(crate) fn refuse(&mut self, message: u8) {
        if let Some(client) = self.clients.get_mut(usize::from(message))
            && client.outcome == Outcome::Unknown
        {
            client.outcome = Outcome::Refused;
        }
    }
}

/// The member who comes or goes: the second sender.
pub(crate) const CHANGING: u8 = 0b10;
