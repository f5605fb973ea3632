//! Bugs that can be switched on, to show that the checks find them. None is in the product: they
//! stand between the use cases and the world, or in the runner.

mod tables;
mod wires;

use tidings_memory::World;

use crate::lambda::Ports;

macro_rules! mutations {
    ($($(#[$doc:meta])* $name:ident: $text:literal,)+) => {
        /// A bug.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Mutation {
            $(#[doc = $text] $name,)+
        }

        impl Mutation {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// What it does.
            pub fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

mutations! {
    PutWithoutCondition: "a row is put without the condition that its place is free",
    TakenIsDone: "a place that was taken counts as put",
    UnansweredIsDone: "a put without an answer counts as done",
    AckBeforePut: "a message is acknowledged before its row is put",
    SkipASequence: "a row is put one place after the next",
    SegmentCutShort: "of a row of several messages the last is left out",
    ReadTailEventually: "the tail is read from a replica",
    ReadLogEventually: "pages, drains and resends are read from a replica",
    TtlOnTheLog: "a message that expires takes its row with it",
    SkipRing: "the sender's ring is not looked at",
    FillNoRing: "the durable lane keeps no ring",
    DropBaseSequence: "a marked resend is handled as an unmarked one",
    MarksFall: "a mark is set to what is asked for, though it is higher",
    ReadWithoutDelivered: "what is read is not noted as delivered",
    PushIsDelivery: "an accepted post counts as delivered",
    AckOfNothing: "an ack beyond the end of the log is taken",
    RowsFall: "a member row is set to an entry, though it is further",
    ListNothing: "the index of activity is empty",
    PassOverGaps: "a member row moves over entries that it has not got",
    LookAtNoHead: "how far a pulled group has got is looked for in the member's row alone",
    BeginAtOnce: "a group counts as pulled before its rows have been brought there",
    HeadRunsAhead: "the head of a pulled group tells of what the durable lane has not seen",
    TrustStaleRow: "a sender is let in by a member row of a replica",
    PushToStaleRows: "the durable lane goes by member rows of a replica",
    ForgetTheJoining: "who joins is shown what came before",
    RowComesBack: "a late record makes the row of who has left again",
    EverybodyIsAMember: "whoever asks is a member",
    PostToEverybody: "sessions of all users are posted to",
    PostAnotherContent: "what is posted is not what the log has",
    RemoveWithoutCompare: "a session is removed though it names another socket",
    RegisterNothing: "a hello registers no session",
    PublishNothing: "nothing is put on the stream",
    SkipFanout: "nobody reads the stream",
    SkipRepair: "nobody reads the log table's stream",
    CheckpointPastFailures: "a batch is done with though records of it failed",
}

/// What is switched on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mutations(Option<Mutation>);

impl Mutations {
    pub(crate) fn of(mutation: Option<Mutation>) -> Self {
        Self(mutation)
    }

    pub(crate) fn has(self, mutation: Mutation) -> bool {
        self.0 == Some(mutation)
    }

    /// What a new instance of a function works with.
    pub(crate) fn ports(self, world: &World) -> Ports {
        match self.0 {
            None => ports(world, world),
            Some(mutation) => ports(&Mutated { world: world.clone(), mutation }, world),
        }
    }
}

/// The world with a bug.
#[derive(Clone)]
struct Mutated {
    world: World,
    mutation: Mutation,
}

/// What users keep, and ways into groups, are stored, and pushes are queued, without bugs.
fn ports<T>(world: &T, kept: &World) -> Ports
where
    T: Clone
        + tidings_domain::ports::Log
        + tidings_domain::ports::Conversations
        + tidings_domain::ports::Sessions
        + tidings_domain::ports::Devices
        + tidings_domain::ports::Bus
        + tidings_domain::ports::Ingest
        + tidings_domain::ports::Gateway
        + 'static,
{
    Ports {
        log: Box::new(world.clone()),
        conversations: Box::new(world.clone()),
        invites: Box::new(kept.clone()),
        personal: Box::new(kept.clone()),
        sessions: Box::new(world.clone()),
        devices: Box::new(world.clone()),
        bus: Box::new(world.clone()),
        ingest: Box::new(world.clone()),
        media: Box::new(kept.clone()),
        gateway: Box::new(world.clone()),
        pushes: Box::new(kept.clone()),
        keys: Box::new(kept.clone()),
        mailboxes: Box::new(kept.clone()),
        privacy: Box::new(kept.clone()),
    }
}
