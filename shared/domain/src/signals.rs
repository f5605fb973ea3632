//! What is measured, and the way of a message: told as events of `tracing`, of which telemetry makes metrics and traces.
//!
//! # Architecture invariants
//! - A signal names no user, device or conversation: a metric has none to name, and a stage names the message, whose id
//!   is a digest of what it is made of.
//! - The trace of a message is its id. Sender, functions, streams and pushes all know it already, so a trace costs no
//!   byte on the wire and none in a row, and each of them decides by the id alone whether a message is traced.

use crate::ids::{MessageId, Sequence, Timestamp};

/// The target of events that are measurements.
pub const METRIC_TARGET: &str = "tidings_signal::metric";
/// The target of events that are stages of a message's way.
pub const STAGE_TARGET: &str = "tidings_signal::stage";

/// What is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// How often something was.
    Count,
    /// How long something took: each value is kept, for percentiles.
    Milliseconds,
}

macro_rules! metrics {
    ($($(#[$doc:meta])* $name:ident $unit:ident,)*) => {
        /// Everything that is measured.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Metric {
            $($(#[$doc])* $name,)*
        }

        impl Metric {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// What it is measured in.
            pub fn unit(self) -> Unit {
                match self { $(Self::$name => Unit::$unit,)* }
            }
        }
    };
}

metrics! {
    /// Traffic: invocations of a function.
    Invocations Count,
    /// Traffic: frames and calls of clients.
    Requests Count,
    /// Errors: invocations, frames and calls that failed for a reason of ours.
    Faults Count,
    /// Frames and calls that failed for the client's own reason.
    Refusals Count,
    /// Latency: of an invocation, in the function.
    DurationMs Milliseconds,
    /// Processes that were started.
    ColdStarts Count,
    /// From the frame at the gateway to the answer that it was sent.
    SentMs Milliseconds,
    /// From the append to the acknowledgement of a device that was connected at the append.
    DeliveredMs Milliseconds,
    /// From the append to the reading.
    ReadMs Milliseconds,
    /// From a member's mark of delivery to the same member's mark of reading it.
    DeliveredToReadMs Milliseconds,
    /// Saturation: races for the next place that a send has lost.
    RacesLost Count,
    /// Saturation: messages that were left to the batch sequencer.
    HandedOver Count,
    /// Messages that the batch sequencer has appended.
    Sequenced Count,
    /// From the append to the end of the fan-out.
    FanoutMs Milliseconds,
    /// Entries that the stream did not take in time: repair will publish them.
    Unpublished Count,
    /// Entries that repair has published again.
    Republished Count,
    /// From the append to what is known of single messages: the lag of that index.
    ProjectedMs Milliseconds,
    /// From the append to the index for search.
    IndexedMs Milliseconds,
    /// Records that could not be read, and were put away.
    Poison Count,
    /// Handshakes that were let in.
    Connected Count,
    /// Sockets that were found to be gone at a post.
    SocketsGone Count,
    /// Pushes that services took, by device.
    PushSent Count,
    /// Devices that were woken without anything to show.
    PushWoken Count,
    /// Pushes that a service did not take, to be tried again.
    PushFailed Count,
    /// Pushes that were not sent, by reason.
    PushDropped Count,
    /// What was refused because there was too much of it, by the limit.
    RateLimited Count,
    /// Devices that sent on whatever they were answered, and were put out.
    FloodsPutOut Count,
    /// Users that were banned.
    Banned Count,
}

/// Tells a measurement.
pub fn measure(metric: Metric, value: u64) {
    if value > 0 || metric.unit() == Unit::Milliseconds {
        tracing::info!(target: METRIC_TARGET, metric = metric.name(), value);
    }
}

/// Tells a measurement that is counted by its reason, too.
pub fn measure_reason(metric: Metric, value: u64, reason: &'static str) {
    if value > 0 {
        tracing::info!(target: METRIC_TARGET, metric = metric.name(), value, reason);
    }
}

/// Where a message is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The service has taken it from its sender.
    Sent,
    /// It was put on the stream of events.
    Published,
    /// The express lane has posted it to sockets.
    Express,
    /// The batch sequencer has appended it.
    Sequenced,
    /// The durable lane has moved its members' rows and posted it to sockets.
    FannedOut,
    /// Repair has published it again.
    Repaired,
    /// What it says about other messages is known.
    Projected,
    /// A push about it was sent, or was not.
    Pushed,
    /// A device has acknowledged it, or a later one.
    Delivered,
    /// A user has read it, or a later one.
    Read,
}

impl Stage {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Published => "published",
            Self::Express => "express",
            Self::Sequenced => "sequenced",
            Self::FannedOut => "fanned out",
            Self::Repaired => "repaired",
            Self::Projected => "projected",
            Self::Pushed => "pushed",
            Self::Delivered => "delivered",
            Self::Read => "read",
        }
    }
}

/// Whether anybody hears of stages: what is only there to be told need not be put together else.
pub fn is_heard() -> bool {
    tracing::enabled!(target: STAGE_TARGET, tracing::Level::INFO)
}

/// Tells a stage of a message's way.
pub fn stage(message: MessageId, sequence: Sequence, stage: Stage, from: Timestamp, to: Timestamp, note: &str) {
    let (from_ms, to_ms) = (from.0, to.0.max(from.0));
    tracing::info!(target: STAGE_TARGET, %message, sequence = sequence.0, stage = stage.name(), from_ms, to_ms, note);
}
