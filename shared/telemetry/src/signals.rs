//! Makes metrics and traces of the events that tell them.

use std::{
    io::Write as _,
    sync::{Arc, Mutex, PoisonError},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::{Map, Value};
use tidings_domain::signals::{METRIC_TARGET, Metric};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

use crate::{Settings, emf::Measurements};

/// What was measured and not written yet.
#[derive(Debug)]
struct Pending {
    measured: Measurements,
    /// When it was last written; never at the start.
    written: Option<Instant>,
    /// It is not to wait any longer.
    is_urgent: bool,
}

/// What a process has measured.
#[derive(Debug)]
pub(crate) struct Signals {
    settings: Settings,
    pending: Mutex<Pending>,
}

impl Signals {
    pub(crate) fn new(settings: Settings) -> Self {
        let pending = Pending { measured: Measurements::default(), written: None, is_urgent: false };
        Self { settings, pending: Mutex::new(pending) }
    }

    /// Writes what was measured, where that is due: it has waited long enough, something has failed, or a line is full.
    pub(crate) fn flush_if_due(&self, now: Instant) {
        for line in self.take_due(now) {
            write(&line);
        }
    }

    fn take_due(&self, now: Instant) -> Vec<Value> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let has_waited = pending.written.is_none_or(|then| now.duration_since(then) >= self.settings.flush_every);
        if pending.measured.is_empty() || !(has_waited || pending.is_urgent) {
            return Vec::new();
        }
        pending.written = Some(now);
        pending.is_urgent = false;
        pending.measured.take_lines(&self.settings.cell, &self.settings.function, now_ms())
    }

    fn measure(&self, metric: &str, reason: Option<&str>, value: u64) {
        let Some(metric) = Metric::ALL.iter().copied().find(|known| known.name() == metric) else { return };
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = pending.measured.add(metric, reason, value);
        // What an alarm waits for, and what has no more room.
        pending.is_urgent |= !has_room || metric == Metric::Faults;
    }

    /// Whether a message is traced: all functions decide alike, by its id.
    fn is_traced(&self, message: &str) -> bool {
        // The variant of a UUID is in its middle: its end is free.
        let end = message.get(message.len().saturating_sub(8)..).unwrap_or_default();
        u32::from_str_radix(end, 16).is_ok_and(|number| number % 1000 < self.settings.traced_per_mille)
    }

    fn stage_line(&self, fields: Fields) -> Option<Value> {
        let message = fields.0.get("message").and_then(Value::as_str)?;
        if !self.is_traced(message) {
            return None;
        }
        let mut line = Map::new();
        line.insert("trace".into(), message.into());
        line.insert("function".into(), self.settings.function.as_str().into());
        line.extend(fields.0.into_iter().filter(|(name, _)| name != "message"));
        Some(Value::Object(line))
    }
}

/// Takes the events that are signals.
pub(crate) struct SignalLayer(pub(crate) Arc<Signals>);

impl<S: Subscriber> Layer<S> for SignalLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        if event.metadata().target() == METRIC_TARGET {
            let text = |name| fields.0.get(name).and_then(Value::as_str);
            let value = fields.0.get("value").and_then(Value::as_u64).unwrap_or_default();
            self.0.measure(text("metric").unwrap_or_default(), text("reason"), value);
        } else if let Some(line) = self.0.stage_line(fields) {
            write(&line);
        }
    }
}

/// The fields of an event.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name().into(), format!("{value:?}").into());
    }
}

fn write(line: &Value) {
    let mut out = std::io::stderr().lock();
    // A measurement that cannot be written is a measurement that is missing, and no reason to fail.
    let _ = writeln!(out, "{line}");
}

fn now_ms() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "this is the module that stamps metrics")]
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tidings_domain::{
        ids::{MessageId, Sequence, Timestamp},
        signals::{Stage, measure, measure_reason, stage},
    };
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    fn signals(traced_per_mille: u32) -> Arc<Signals> {
        Arc::new(Signals::new(Settings {
            filter: "info".into(),
            cell: "tidings".into(),
            function: "send".into(),
            flush_every: Duration::from_secs(10),
            traced_per_mille,
        }))
    }

    fn message() -> MessageId {
        MessageId::parse("m:7d1e5f0a-3c62-4b7e-9f43-0c8a51d2e6b4").unwrap()
    }

    fn told(signals: &Arc<Signals>, tell: impl FnOnce()) {
        tracing::subscriber::with_default(tracing_subscriber::registry().with(SignalLayer(signals.clone())), tell);
    }

    #[test]
    fn measurements_wait_until_they_are_due_and_faults_do_not() {
        let signals = signals(0);
        let start = Instant::now();
        told(&signals, || measure(Metric::Requests, 1));
        assert_eq!(signals.take_due(start).len(), 1, "the first are written at once");
        told(&signals, || measure(Metric::Requests, 2));
        assert!(signals.take_due(start + Duration::from_secs(9)).is_empty());
        let lines = signals.take_due(start + Duration::from_secs(10));
        assert_eq!(lines[0]["Requests"], 2);
        told(&signals, || measure(Metric::Faults, 1));
        assert_eq!(signals.take_due(start + Duration::from_secs(11))[0]["Faults"], 1);
        assert!(signals.take_due(start + Duration::from_mins(1)).is_empty(), "nothing is written of nothing");
    }

    #[test]
    fn nothing_is_measured_of_what_did_not_happen() {
        let signals = signals(0);
        told(&signals, || {
            measure(Metric::RacesLost, 0);
            measure_reason(Metric::PushDropped, 0, "muted");
        });
        assert!(signals.take_due(Instant::now()).is_empty());
        told(&signals, || measure(Metric::SentMs, 0));
        assert_eq!(signals.take_due(Instant::now())[0]["SentMs"], serde_json::json!([0]), "in no time is a time");
    }

    #[test]
    fn all_functions_trace_the_same_messages() {
        let text = message().to_string();
        // 0x51d2e6b4 is …116, of a thousand.
        assert!(signals(117).is_traced(&text) && !signals(116).is_traced(&text));
        assert!(!signals(0).is_traced(&text) && signals(1000).is_traced(&text) && !signals(1000).is_traced("?"));
    }

    /// What a layer would write of a stage.
    struct Kept(Arc<Mutex<Option<Value>>>, Arc<Signals>);
    impl<S: Subscriber> Layer<S> for Kept {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let mut fields = Fields::default();
            event.record(&mut fields);
            *self.0.lock().unwrap() = self.1.stage_line(fields);
        }
    }

    #[test]
    fn a_stage_names_the_message_and_nobody() {
        let signals = signals(1000);
        let message = message();
        let told = Arc::new(Mutex::new(None));
        let kept = Kept(told.clone(), signals);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(kept), || {
            stage(message, Sequence(3), Stage::FannedOut, Timestamp(5), Timestamp(9), "2 sockets");
        });
        let line = told.lock().unwrap().take().unwrap();
        assert_eq!(
            line,
            serde_json::json!({
                "trace": message.to_string(), "function": "send", "sequence": 3, "stage": "fanned out",
                "from_ms": 5, "to_ms": 9, "note": "2 sockets",
            })
        );
    }
}
