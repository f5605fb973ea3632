//! What is checked: who sends what, how small the windows are, and what is broken on purpose.

/// A message that a client wants to send.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// How the paths call it.
    pub name: &'static str,
    /// The sender: 0 or 1. Each has one device.
    pub sender: u8,
    /// The message that must be answered before this one is sent.
    pub after: Option<u8>,
    /// The MLS epoch that it was made in, where it is encrypted.
    pub epoch: Option<u8>,
    /// It ends that epoch.
    pub is_commit: bool,
    /// How often its client sends it at most. The client waits for nothing before a resend.
    pub attempts_max: u8,
}

impl Message {
    /// A message in plain text that is sent once.
    pub const fn new(name: &'static str, sender: u8) -> Self {
        Self { name, sender, after: None, epoch: None, is_commit: false, attempts_max: 1 }
    }

    /// The same, sent up to so many times.
    #[must_use]
    pub const fn attempts(self, attempts_max: u8) -> Self {
        Self { attempts_max, ..self }
    }

    /// The same, sent after another was answered.
    #[must_use]
    pub const fn after(self, message: u8) -> Self {
        Self { after: Some(message), ..self }
    }

    /// The same, encrypted in an epoch.
    #[must_use]
    pub const fn in_epoch(self, epoch: u8) -> Self {
        Self { epoch: Some(epoch), ..self }
    }

    /// The same, a commit that ends its epoch.
    #[must_use]
    pub const fn commit(self) -> Self {
        Self { is_commit: true, ..self }
    }
}

/// Which attempts carry `baseSequence`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marks {
    /// None: promise 2 holds for the device's last messages only.
    Never,
    /// Those from the second on, as the protocol asks.
    Resends,
}

/// What is broken on purpose, to see that the check notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// A row is put whether or not one stands there.
    NoCondition,
    /// The rows of the tail are all that is looked at: no ring, nothing beyond it, no marks.
    TailOnly,
    /// After a lost race only the last rows are read, not all since the first tail.
    RetryReadsTail,
    /// The member row counts whatever its membership version.
    TrustMemberRow,
    /// A standing counts though head and member row may be of different moments.
    TrustTornRead,
    /// A membership change writes the log row first and the head and the member row later.
    ChangeInTwoWrites,
    /// Who comes back has a new member row, whose ring is empty.
    RejoinForgets,
    /// The epoch is looked at when the tail was first read, and not again after a lost race.
    EpochOnce,
    /// Nothing is published again.
    NoRepair,
    /// The durable lane moves a member row past entries that it has not seen.
    FanoutLeavesGaps,
    /// The same, and repair takes a member row that has reached the sequence for proof that its entry
    /// was fanned out.
    RepairByRows,
    /// The sequencer reads the last rows, and not from where the sender has looked.
    SequencerReadsTail,
    /// The sequencer does not look for a message twice in one batch.
    SequencerNoDedupeInBatch,
    /// The sequencer takes the sender's word for being a member.
    SequencerTrustsSender,
    /// The sequencer goes by the tail's epoch for the whole batch, commits in it or not.
    SequencerOneEpochPerBatch,
    /// The sequencer's place in its stream moves before it puts.
    CheckpointFirst,
    /// The first sequence of the last row is taken for the tail.
    TailIsKey,
    /// A read from within a row of several misses the rest of that row.
    ReadMissesStraddling,
}

/// One configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// What is sent.
    pub messages: Vec<Message>,
    /// Which attempts carry `baseSequence`.
    pub marks: Marks,
    /// `TAIL_ROWS`.
    pub tail_rows: u8,
    /// `RING_ENTRIES`, without slack.
    pub ring_entries: u8,
    /// Promise 2 lets a message be appended again once so many others of its device stand between.
    pub forgets_after: u8,
    /// How often the second sender is removed where they are a member, added where not. Both are
    /// explored as the first change.
    pub member_changes: u8,
    /// Head and member row are read at different moments (`BatchGetItem`).
    pub reads_tear: bool,
    /// The batch sequencer is there.
    pub sequencer: bool,
    /// `SEGMENT_ENTRIES_MAX`.
    pub segment_entries: u8,
    /// Crashes, lost answers and refused publishes in one run.
    pub faults: u8,
    /// What is broken on purpose.
    pub broken: Option<Break>,
}

impl Config {
    /// Two senders and these messages in a conversation whose members stay, without the sequencer.
    pub fn new(messages: &[Message]) -> Self {
        Self {
            messages: messages.to_vec(),
            marks: Marks::Resends,
            tail_rows: 1,
            ring_entries: 2,
            forgets_after: 2,
            member_changes: 0,
            reads_tear: false,
            sequencer: false,
            segment_entries: 2,
            faults: 1,
            broken: None,
        }
    }

    /// The same, broken.
    #[must_use]
    pub fn with(&self, broken: Break) -> Self {
        Self { broken: Some(broken), ..self.clone() }
    }

    pub(crate) fn is(&self, broken: Break) -> bool {
        self.broken == Some(broken)
    }
}
