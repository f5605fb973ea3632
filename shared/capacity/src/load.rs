//! From users to rates.

const SECONDS_PER_DAY: f64 = 86_400.0;
const GIB: f64 = 1_073_741_824.0;
const TIB: f64 = GIB * 1024.0;

/// What is assumed of users. The default is what the reference assumes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assumptions {
    /// Users who are there on a day.
    pub daily_users: f64,
    /// What each of them sends on a day.
    pub messages_per_user: f64,
    /// How much more than the average the busiest second has.
    pub peak_factor: f64,
    /// The share of the daily users who are connected at once.
    pub connected_share: f64,
    /// What a text weighs with all that belongs to it, in bytes.
    pub text_bytes: f64,
    /// The share of messages with media.
    pub media_share: f64,
    /// What a piece of media weighs, in bytes.
    pub media_bytes: f64,
    /// Seconds between two heartbeats of a socket.
    pub heartbeat_seconds: f64,
    /// Seconds for which a connection lives at most.
    pub connection_seconds: f64,
}

impl Default for Assumptions {
    fn default() -> Self {
        Self {
            daily_users: 50e6,
            messages_per_user: 40.0,
            peak_factor: 5.0,
            connected_share: 0.10,
            text_bytes: 640.0,
            media_share: 0.15,
            media_bytes: 400.0 * 1024.0,
            heartbeat_seconds: 240.0,
            connection_seconds: 7_200.0,
        }
    }
}

/// What a message needs, with its share of receipts: 1:1, one read for four messages (docs/performance.md).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Message {
    /// Frames in both directions.
    pub frames: f64,
    /// Those of them that clients send: each is a request of API Gateway.
    pub frames_in: f64,
    /// Write units.
    pub write_units: f64,
    /// Write units of the log alone.
    pub log_write_units: f64,
    /// Read units.
    pub read_units: f64,
    /// Invocations of functions.
    pub invocations: f64,
    /// Time in functions, in milliseconds.
    pub function_ms: f64,
    /// Records on the stream of events.
    pub records: f64,
    /// Bytes on it.
    pub stream_bytes: f64,
}

impl Default for Message {
    fn default() -> Self {
        Self {
            frames: 3.5,
            frames_in: 1.25,
            write_units: 3.30,
            log_write_units: 1.0,
            read_units: 5.0,
            invocations: 2.75,
            function_ms: 75.0,
            records: 1.25,
            stream_bytes: 1_310.0,
        }
    }
}

/// What all of it comes to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Messages on a day.
    pub messages_per_day: f64,
    /// Messages in the average second.
    pub messages_per_second: f64,
    /// Messages in the busiest second.
    pub peak_messages_per_second: f64,
    /// Sockets that are open at once.
    pub sockets: f64,
    /// Text on a day, once, in GiB.
    pub text_gib_per_day: f64,
    /// Media on a day, once, in TiB.
    pub media_tib_per_day: f64,
    /// Heartbeats in a second.
    pub heartbeats_per_second: f64,
    /// Connections that are made anew in a second because others have lived for as long as they may.
    pub reconnects_per_second: f64,
    /// Requests of API Gateway in the busiest second: frames in, posts to sockets, heartbeats, handshakes.
    pub peak_requests_per_second: f64,
    /// Write units in the busiest second.
    pub peak_write_units: f64,
    /// Write units of the log in the busiest second.
    pub peak_log_write_units: f64,
    /// Read units in the busiest second.
    pub peak_read_units: f64,
    /// Executions at once in the busiest second.
    pub peak_concurrency: f64,
    /// Shards that the stream of events needs in the busiest second.
    pub peak_shards: f64,
    /// Uploads in the busiest second.
    pub peak_uploads_per_second: f64,
}

/// What a shard takes in a second: records, and bytes.
const SHARD_RECORDS: f64 = 1_000.0;
const SHARD_BYTES: f64 = 1_048_576.0;
/// What a heartbeat takes: write and read units, time in the function.
const HEARTBEAT_WRITE_UNITS: f64 = 2.0;
const HEARTBEAT_READ_UNITS: f64 = 1.0;
const HEARTBEAT_MS: f64 = 20.0;

impl Load {
    /// Of users, and of what a message needs.
    pub fn of(users: &Assumptions, message: &Message) -> Self {
        let messages_per_day = users.daily_users * users.messages_per_user;
        let messages_per_second = messages_per_day / SECONDS_PER_DAY;
        let peak = messages_per_second * users.peak_factor;
        let sockets = users.daily_users * users.connected_share;
        let heartbeats = sockets / users.heartbeat_seconds;
        let reconnects = sockets / users.connection_seconds;
        Self {
            messages_per_day,
            messages_per_second,
            peak_messages_per_second: peak,
            sockets,
            text_gib_per_day: messages_per_day * users.text_bytes / GIB,
            media_tib_per_day: messages_per_day * users.media_share * users.media_bytes / TIB,
            heartbeats_per_second: heartbeats,
            reconnects_per_second: reconnects,
            peak_requests_per_second: peak * message.frames + heartbeats + reconnects,
            peak_write_units: peak * message.write_units + heartbeats * HEARTBEAT_WRITE_UNITS,
            peak_log_write_units: peak * message.log_write_units,
            peak_read_units: peak * message.read_units + heartbeats * HEARTBEAT_READ_UNITS,
            peak_concurrency: (peak * message.function_ms + heartbeats * HEARTBEAT_MS) / 1e3,
            peak_shards: (peak * message.records / SHARD_RECORDS).max(peak * message.stream_bytes / SHARD_BYTES).ceil(),
            peak_uploads_per_second: peak * users.media_share,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(value: f64, expected: f64) -> bool {
        (value - expected).abs() <= expected * 5e-5
    }

    /// Every figure that the reference gives comes out of what it assumes.
    #[test]
    fn the_figures_of_the_reference_come_out() {
        let load = Load::of(&Assumptions::default(), &Message::default());
        for (what, found, expected) in [
            ("messages a day", load.messages_per_day, 2e9),
            ("average messages a second", load.messages_per_second, 23_148.15),
            ("peak messages a second", load.peak_messages_per_second, 115_740.74),
            ("sockets", load.sockets, 5e6),
            ("text, GiB a day", load.text_gib_per_day, 1_192.09),
            ("media, TiB a day", load.media_tib_per_day, 111.76),
        ] {
            assert!(about(found, expected), "{what}: {found}, not {expected}");
        }
        // Three copies of it, in TiB.
        assert!((load.text_gib_per_day * 3.0 / 1024.0 - 3.49).abs() < 0.005);
    }

    #[test]
    fn everything_but_the_rounding_is_in_proportion_to_the_users() {
        let half = Assumptions { daily_users: 25e6, ..Assumptions::default() };
        let (half, whole) =
            (Load::of(&half, &Message::default()), Load::of(&Assumptions::default(), &Message::default()));
        assert!(about(half.peak_requests_per_second * 2.0, whole.peak_requests_per_second));
        assert!(about(half.peak_concurrency * 2.0, whole.peak_concurrency));
        assert!((half.peak_shards * 2.0 - whole.peak_shards).abs() <= 2.0);
    }
}
