//! How many messages are on their way at a time: as many as this machine can bear.
//!
//! One that is asked for more than it can do answers nobody in time, and everything is tried again:
//! that would show how the machine breaks, and not the service.

use std::time::Duration;

use super::ledger::Ledger;

const START: f64 = 12.0;
const RANGE: (f64, f64) = (6.0, 150.0);
/// The pace is looked at after so many more messages.
const STEP: usize = 20;
const FAST: Duration = Duration::from_millis(1_500);
const SLOW: Duration = Duration::from_secs(3);

pub(super) struct Pace {
    window: f64,
    looked_at: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { window: START, looked_at: 0 }
    }
}

impl Pace {
    /// Messages that may be on their way, those of devices that are away among them.
    pub(super) fn window(&mut self, ledger: &Ledger) -> usize {
        let book = ledger.book();
        if book.to_sent.len() >= self.looked_at + STEP {
            let mut last = book.to_sent[book.to_sent.len() - STEP..].to_vec();
            self.looked_at = book.to_sent.len();
            last.sort_unstable();
            self.adapt(last[STEP / 2]);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
        let window = self.window as usize;
        window
    }

    fn adapt(&mut self, median: Duration) {
        if median < FAST {
            self.window *= 1.2;
        } else if median > SLOW {
            self.window *= 0.7;
        }
        self.window = self.window.clamp(RANGE.0, RANGE.1);
    }
}
