//! Dollars, by the list prices of us-east-1 that the design counts with.

use serde::Serialize;

use crate::ledger::Ledger;

/// A WebSocket message of up to 32 KB, in dollars per million.
pub const FRAME: f64 = 1.00;
/// A write unit on demand, in dollars per million.
pub const WRITE_UNIT: f64 = 0.625;
/// A read unit on demand, in dollars per million.
pub const READ_UNIT: f64 = 0.125;
/// A Lambda request, in dollars per million.
pub const REQUEST: f64 = 0.20;
/// A second of a GB of Lambda on arm64, in dollars per million.
pub const GB_SECOND: f64 = 13.33;
/// A GB put to a stream on demand, in dollars.
pub const STREAM_IN_GB: f64 = 0.08;
/// A GB read from it by enhanced fan-out, in dollars.
pub const STREAM_OUT_GB: f64 = 0.05;
/// A minute of a connection, in dollars per million.
pub const CONNECTION_MINUTE: f64 = 0.25;

/// What a million messages cost, in dollars.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bill {
    /// Frames in both directions.
    pub frames: f64,
    /// Write units.
    pub writes: f64,
    /// Read units.
    pub reads: f64,
    /// Lambda's requests.
    pub requests: f64,
    /// Lambda's time.
    pub time: f64,
    /// Streams, in and out.
    pub streams: f64,
}

impl Bill {
    /// Of a million messages that each come to this.
    pub fn per_million(message: &Ledger, memory_mb: f64) -> Self {
        let total = message.total();
        Self {
            frames: message.frames() * FRAME,
            writes: total.write_units * WRITE_UNIT,
            reads: total.read_units * READ_UNIT,
            requests: total.invocations * REQUEST,
            time: total.duration_ms / 1e3 * memory_mb / 1024.0 * GB_SECOND,
            // A million bytes, a thousandth of a GB, for each byte of a message.
            streams: message.stream_bytes * 1e6 / 1e9 * (STREAM_IN_GB + STREAM_OUT_GB),
        }
    }

    /// Everything.
    pub fn total(&self) -> f64 {
        self.frames + self.writes + self.reads + self.requests + self.time + self.streams
    }
}

/// What a million messages bear of connections that are open whether or not anything is said.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Idle {
    /// Minutes that a connection is open for each message.
    pub minutes_per_message: f64,
    /// The minutes themselves, in dollars.
    pub minutes: f64,
    /// Heartbeats, each with its answer, the write of the session and, where the user is active,
    /// that of the device, in dollars.
    pub heartbeats: f64,
}

impl Idle {
    /// Of so many connected devices, of users who send so many messages a day together.
    pub fn per_million(connections: f64, messages_per_day: f64, heartbeat_seconds: f64, heartbeat: &Bill) -> Self {
        let minutes_per_message = connections * 24.0 * 60.0 / messages_per_day;
        Self {
            minutes_per_message,
            minutes: minutes_per_message * CONNECTION_MINUTE,
            heartbeats: minutes_per_message * 60.0 / heartbeat_seconds * heartbeat.total(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Part;

    #[test]
    fn a_bill_adds_up() {
        let part = Part { invocations: 2.0, duration_ms: 1000.0, requests: 9.0, read_units: 4.0, write_units: 3.0 };
        let message =
            Ledger { functions: [("send", part)].into(), frames_in: 1.0, frames_out: 2.0, stream_bytes: 1000.0 };
        let bill = Bill::per_million(&message, 512.0);
        let expected = 3.0 + 3.0 * 0.625 + 4.0 * 0.125 + 2.0 * 0.2 + 0.5 * 13.33 + 0.13;
        assert!((bill.total() - expected).abs() < 1e-9, "{bill:?}");
    }
}
