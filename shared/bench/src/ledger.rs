//! What a run came to.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;
use tidings_memory::Call;

/// A stream is charged for each record by whole KB.
const STREAM_STEP_BYTES: usize = 1024;

/// One function's part.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// Times it ran.
    pub invocations: f64,
    /// How long it ran, in milliseconds: each run is charged by whole ones.
    pub duration_ms: f64,
    /// Requests to AWS.
    pub requests: f64,
    /// Read units.
    pub read_units: f64,
    /// Write units.
    pub write_units: f64,
}

/// What a run came to, or one message of it.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ledger {
    /// By function.
    pub functions: BTreeMap<&'static str, Part>,
    /// Frames from clients.
    pub frames_in: f64,
    /// Frames to clients, answers included.
    pub frames_out: f64,
    /// Bytes put to streams, as they are charged.
    pub stream_bytes: f64,
}

impl Ledger {
    /// A function ran.
    pub fn ran(&mut self, function: &'static str, time: Duration) {
        let part = self.functions.entry(function).or_default();
        part.invocations += 1.0;
        part.duration_ms += (time.as_secs_f64() * 1e3).ceil();
    }

    /// A call was made. `write_factor` is what its write units are multiplied by.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub fn called(&mut self, call: &Call, write_factor: f64) {
        // No function made it: a scenario has set the stage.
        if call.caller.is_empty() {
            return;
        }
        let part = self.functions.entry(call.caller).or_default();
        part.requests += call.units.requests as f64;
        part.read_units += call.units.half_reads as f64 / 2.0;
        part.write_units += call.units.writes as f64 * write_factor;
        if call.units.stream_bytes > 0 {
            self.stream_bytes += call.units.stream_bytes.next_multiple_of(STREAM_STEP_BYTES) as f64;
        }
    }

    /// All functions together.
    pub fn total(&self) -> Part {
        self.functions.values().fold(Part::default(), |sum, part| Part {
            invocations: sum.invocations + part.invocations,
            duration_ms: sum.duration_ms + part.duration_ms,
            requests: sum.requests + part.requests,
            read_units: sum.read_units + part.read_units,
            write_units: sum.write_units + part.write_units,
        })
    }

    /// Frames in both directions.
    pub fn frames(&self) -> f64 {
        self.frames_in + self.frames_out
    }

    /// The part of each message.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub fn per_message(&self, messages: usize) -> Self {
        let share = 1.0 / messages.max(1) as f64;
        let scale = |part: &Part| Part {
            invocations: part.invocations * share,
            duration_ms: part.duration_ms * share,
            requests: part.requests * share,
            read_units: part.read_units * share,
            write_units: part.write_units * share,
        };
        Self {
            functions: self.functions.iter().map(|(name, part)| (*name, scale(part))).collect(),
            frames_in: self.frames_in * share,
            frames_out: self.frames_out * share,
            stream_bytes: self.stream_bytes * share,
        }
    }
}
