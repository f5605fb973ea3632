//! What the run has shown.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    device::Device,
    faults::Struck,
    ledger::{Ledger, Violation},
    marks::Marks,
    plan::Plan,
};
use crate::{logs::digest, stack::run_dev, user::now_ms};

/// Log lines shown of one conversation.
const LOG_LINES_MAX: usize = 20;
/// Violations shown; more of them are counted.
const SHOWN_MAX: usize = 50;

/// Why Lambda gives a batch up.
const GIVEN_UP: [&str; 2] = ["RetryAttemptsExhausted", "RecordAgeExceeded"];

/// What becomes the report.
pub(super) struct Outcome {
    seed: u64,
    size: (usize, usize, usize),
    struck: Struck,
    sending: Duration,
    convergence: Duration,
    settling: Duration,
    pub(super) log_entries: usize,
    looks_at_marks: usize,
    /// Messages in the on-failure queues, by their reasons.
    pub(super) failures: BTreeMap<String, BTreeMap<String, u64>>,
    violations: Vec<Violation>,
    /// Conversations of violations: their log lines are evidence.
    broken: Vec<String>,
}

impl Outcome {
    pub(super) fn new(plan: &Plan, struck: Struck) -> Self {
        Self {
            seed: plan.seed,
            size: (plan.messages.len(), plan.conversations.len(), plan.devices.len()),
            struck,
            sending: Duration::ZERO,
            convergence: Duration::ZERO,
            settling: Duration::ZERO,
            log_entries: 0,
            looks_at_marks: 0,
            failures: BTreeMap::new(),
            violations: Vec::new(),
            broken: Vec::new(),
        }
    }

    pub(super) fn times(&mut self, sending: Duration, convergence: Duration, settling: Duration) {
        (self.sending, self.convergence, self.settling) = (sending, convergence, settling);
    }

    pub(super) fn looked_at(&mut self, marks: Marks) {
        self.looks_at_marks = marks.looks;
        self.violations.extend(marks.violations);
    }

    /// Notes what was found, and the conversation in which it was.
    pub(super) fn broken(&mut self, conversation: &str, found: Vec<Violation>) {
        if !found.is_empty() && !conversation.is_empty() {
            self.broken.push(conversation.to_owned());
        }
        self.violations.extend(found);
    }

    /// The report, and whether every promise held and every kind of fault has struck.
    pub(super) fn finish(mut self, ledger: &Ledger, devices: &[Arc<Device>], started_ms: u64) -> (Value, String, bool) {
        self.violations.append(&mut ledger.book().violations);
        let (mut ends, mut disconnects, mut came, mut again) = (BTreeMap::new(), 0, 0, 0);
        for device in devices {
            let store = device.store();
            disconnects += store.disconnects;
            for (end, count) in &store.ends {
                *ends.entry(*end).or_insert(0) += count;
            }
            let (all, repeats) = device.wire.repeats();
            (came, again) = (came + all, again + repeats);
        }
        for end in ["closes", "crashes", "outages"] {
            let count = ends.get(end).copied().unwrap_or_default();
            self.struck.by_kind.insert(format!("device: {end}"), count as u64);
        }
        let never: Vec<&String> =
            self.struck.by_kind.iter().filter(|(_, count)| **count == 0).map(|(kind, _)| kind).collect();
        let untried = (!never.is_empty()).then(|| format!("faults that never struck, so nothing is proved: {never:?}"));
        self.violations.extend(untried);
        self.violations.extend(poison(&self.failures));
        let book = ledger.book();
        let (messages, conversations, device_count) = self.size;
        let report = json!({
            "seed": self.seed,
            "messages": messages,
            "conversations": conversations,
            "devices": device_count,
            "startedMs": started_ms,
            "endedMs": now_ms(),
            "faults": self.struck.by_kind,
            "functionsKilledInAnInvocation": self.struck.killed,
            "sendingSeconds": seconds(self.sending),
            "convergedAfterSeconds": seconds(self.convergence),
            "settledAfterSeconds": seconds(self.settling),
            "logEntries": self.log_entries,
            "answersToResends": book.duplicates,
            "messagesOnTheWire": came,
            "repeatsOnTheWire": again,
            "receiptsHeard": book.receipts,
            "disconnects": disconnects,
            "looksAtMarks": self.looks_at_marks,
            "latencyMs": {
                "sent": latencies(&book.to_sent),
                "deliveredToRunning": latencies(&book.to_started),
                "deliveredToStartedLater": latencies(&book.to_away),
            },
            "slowestDeliveries": book
                .slowest
                .iter()
                .map(|(took, what)| json!({ "ms": took.as_millis(), "what": what }))
                .collect::<Vec<_>>(),
            "onFailureQueues": self.failures,
            "violations": self.violations,
        });
        let text = self.text(&report);
        (report, text, self.violations.is_empty())
    }

    fn text(&self, report: &Value) -> String {
        let verdict = if self.violations.is_empty() {
            "Every promise held: nothing lost, nothing twice, all devices converged.".to_owned()
        } else {
            format!("{} violations.", self.violations.len())
        };
        let mut text = format!(
            "# Chaos run, seed {}\n\n{verdict}\n\n{} messages in {} conversations, {} devices; {} s to have all accepted \
             ({:.1} a second), then {} s until every device held everything, {} s until all marks said so.\n\n",
            self.seed,
            report["messages"],
            report["conversations"],
            report["devices"],
            report["sendingSeconds"],
            report["messages"].as_f64().unwrap_or_default() / self.sending.as_secs_f64().max(0.001),
            report["convergedAfterSeconds"],
            report["settledAfterSeconds"],
        );
        text.push_str("| fault | struck |\n|---|---|\n");
        for (kind, count) in &self.struck.by_kind {
            let _ = writeln!(text, "| {kind} | {count} |");
        }
        let killed: Vec<String> =
            self.struck.killed.iter().map(|(function, count)| format!("{function} {count}")).collect();
        let _ = writeln!(text, "\nKilled in an invocation: {}.\n", killed.join(", "));
        text.push_str("| latency, ms | count | p50 | p95 | max |\n|---|---|---|---|---|\n");
        for (name, label) in [
            ("sent", "from the first sending to the acceptance"),
            ("deliveredToRunning", "to a device that was running"),
            ("deliveredToStartedLater", "to a device that was started later"),
        ] {
            let row = &report["latencyMs"][name];
            let _ = writeln!(text, "| {label} | {} | {} | {} | {} |", row["count"], row["p50"], row["p95"], row["max"]);
        }
        text.push_str("\n| | |\n|---|---|\n");
        for name in [
            "logEntries",
            "answersToResends",
            "messagesOnTheWire",
            "repeatsOnTheWire",
            "receiptsHeard",
            "disconnects",
            "looksAtMarks",
        ] {
            let _ = writeln!(text, "| {name} | {} |", report[name]);
        }
        text.push_str("\nThe slowest deliveries:\n\n");
        for slow in report["slowestDeliveries"].as_array().into_iter().flatten() {
            let _ = writeln!(text, "- {} ms: {}", slow["ms"], slow["what"].as_str().unwrap_or_default());
        }
        text.push_str("\nOn-failure queues at the end:\n\n");
        for (queue, reasons) in &self.failures {
            let _ = writeln!(
                text,
                "- {queue}: {}",
                if reasons.is_empty() { "empty".to_owned() } else { format!("{reasons:?}") }
            );
        }
        self.evidence(&mut text);
        text
    }

    fn evidence(&self, text: &mut String) {
        if self.violations.is_empty() {
            return;
        }
        text.push_str("\n## Violations\n\n");
        for violation in self.violations.iter().take(SHOWN_MAX) {
            let _ = writeln!(text, "- {violation}");
        }
        if self.violations.len() > SHOWN_MAX {
            let _ = writeln!(text, "- and {} more", self.violations.len() - SHOWN_MAX);
        }
        let logs = run_dev(&["logs", "--since", "1h"]).unwrap_or_else(|failed| failed);
        for conversation in self.broken.iter().take(3) {
            let _ = writeln!(text, "\n### The last log lines of {conversation}\n\n```");
            // Logs name it by its digest.
            let digest = digest(conversation);
            let lines: Vec<&str> = logs.lines().filter(|line| line.contains(&digest)).collect();
            for line in &lines[lines.len().saturating_sub(LOG_LINES_MAX)..] {
                let _ = writeln!(text, "{line}");
            }
            text.push_str("```\n");
        }
    }
}

/// Batches may be given up when functions die often enough; but no function may refuse what another has written.
fn poison(queues: &BTreeMap<String, BTreeMap<String, u64>>) -> Vec<Violation> {
    let poison = queues.values().flatten().filter(|(why, _)| !GIVEN_UP.contains(&why.as_str()));
    poison.map(|(why, count)| format!("{count} records were put away as poison: {why}")).collect()
}

fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 10.0).round() / 10.0
}

fn latencies(times: &[Duration]) -> Value {
    let mut times = times.to_vec();
    times.sort_unstable();
    let at = |percent: usize| {
        let time = times.get(times.len().saturating_sub(1) * percent / 100);
        time.map(Duration::as_millis)
    };
    json!({ "count": times.len(), "p50": at(50), "p95": at(95), "max": at(100) })
}
