//! Dollars a month, by line: list prices of us-east-1.

use crate::load::{Assumptions, Load, Message};

const DAYS: f64 = 30.0;
const SECONDS: f64 = DAYS * 86_400.0;

/// A line of the bill.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// For what.
    pub what: &'static str,
    /// How much of it in a month.
    pub amount: f64,
    /// In what.
    pub unit: &'static str,
    /// Dollars in a month.
    pub dollars: f64,
}

/// The memory of functions, in GB.
const MEMORY_GB: f64 = 0.5;
/// Months of text and media that are kept: one, so a service that deletes nothing adds as much each month.
const MONTHS_KEPT: f64 = 1.0;
/// What a function writes of its logs for each invocation, in bytes: measurements are gathered for ten seconds.
const LOG_BYTES: f64 = 120.0;
/// How often media is read from the distribution for each upload.
const READS_PER_UPLOAD: f64 = 1.5;
/// The share of messages whose reader is away, and is pushed to.
const PUSHED_SHARE: f64 = 0.5;

/// What a month costs.
pub fn bill(users: &Assumptions, message: &Message, load: &Load) -> Vec<Line> {
    let messages = load.messages_per_day * DAYS;
    let heartbeats = load.heartbeats_per_second * SECONDS;
    let invocations = messages * message.invocations + heartbeats;
    let uploads = messages * users.media_share;
    let media_gb = load.media_tib_per_day * 1024.0 * DAYS;
    let line = |what, amount: f64, unit, price: f64| Line { what, amount, unit, dollars: amount * price };
    vec![
        line("WebSocket frames of messages", messages * message.frames / 1e6, "million", 1.00),
        line("WebSocket frames of heartbeats", heartbeats * 2.0 / 1e6, "million", 1.00),
        line("minutes of connections", load.sockets * SECONDS / 60.0 / 1e6, "million", 0.25),
        line("DynamoDB write units", (messages * message.write_units + heartbeats * 2.0) / 1e6, "million", 0.625),
        line("DynamoDB read units", (messages * message.read_units + heartbeats) / 1e6, "million", 0.125),
        line("DynamoDB storage", load.text_gib_per_day * DAYS * MONTHS_KEPT, "GB", 0.25),
        line("DynamoDB point-in-time recovery", load.text_gib_per_day * DAYS * MONTHS_KEPT, "GB", 0.20),
        line("Lambda requests", invocations / 1e6, "million", 0.20),
        line(
            "Lambda time",
            (messages * message.function_ms + heartbeats * 20.0) / 1e3 * MEMORY_GB / 1e6,
            "million GB-s",
            13.33,
        ),
        line("Kinesis, in and out", messages * message.stream_bytes / 1e9, "GB", 0.13),
        line("SQS requests of pushes", messages * PUSHED_SHARE * 3.0 / 1e6, "million", 0.40),
        line("SNS pushes to devices", messages * PUSHED_SHARE / 1e6, "million", 0.50),
        line("S3 storage of media", media_gb * MONTHS_KEPT, "GB", 0.023),
        line("S3 uploads", uploads / 1e3, "thousand", 0.005),
        line("CloudFront, out to readers", media_gb * READS_PER_UPLOAD, "GB", 0.020),
        line("CloudWatch Logs", invocations * LOG_BYTES / 1e9, "GB", 0.50),
    ]
}

/// All of it.
pub fn total(lines: &[Line]) -> f64 {
    lines.iter().map(|line| line.dollars).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_messages_cost_what_the_performance_page_says() {
        let message = Message::default();
        // One user who sends a million messages a month, and is never connected.
        let users = Assumptions {
            daily_users: 1.0,
            messages_per_user: 1e6 / DAYS,
            connected_share: 0.0,
            media_share: 0.0,
            ..Assumptions::default()
        };
        let lines = bill(&users, &message, &Load::of(&users, &message));
        let dollars = |names: &[&str]| -> f64 {
            lines.iter().filter(|line| names.contains(&line.what)).map(|line| line.dollars).sum()
        };
        let found = dollars(&[
            "WebSocket frames of messages",
            "DynamoDB write units",
            "DynamoDB read units",
            "Lambda requests",
            "Lambda time",
            "Kinesis, in and out",
        ]);
        assert!((found - 7.41).abs() < 0.02, "{found}");
        assert!(dollars(&["WebSocket frames of heartbeats", "minutes of connections", "S3 uploads"]).abs() < 1e-9);
    }

    #[test]
    fn connections_cost_what_the_performance_page_says() {
        let (users, message) = (Assumptions::default(), Message::default());
        let load = Load::of(&users, &message);
        let lines = bill(&users, &message, &load);
        let minutes = lines.iter().find(|line| line.what == "minutes of connections").unwrap();
        let per_million_messages = minutes.dollars / (load.messages_per_day * DAYS / 1e6);
        assert!((per_million_messages - 0.90).abs() < 0.005, "{per_million_messages}");
        assert!((total(&lines) - lines.iter().map(|l| l.dollars).sum::<f64>()).abs() < 1e-6);
    }
}
