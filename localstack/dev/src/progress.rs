//! One line per step: a spinner or a bar on a terminal, plain lines elsewhere.
//! All of it on stderr, so that stdout holds only the answer.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

pub(crate) struct Step {
    bar: Option<ProgressBar>,
    started: Instant,
}

impl Step {
    pub(crate) fn start(name: &str) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(style("{spinner:.cyan} {prefix} {wide_msg:.dim} {elapsed:.dim}"));
            bar.set_prefix(name.to_owned());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        if bar.is_none() {
            eprintln!("{name} …");
        }
        Self { bar, started: Instant::now() }
    }

    /// Shows that `done` of `total` parts are through.
    pub(crate) fn advance(&self, done: u64, total: u64) {
        if let Some(bar) = &self.bar {
            if bar.length() != Some(total) {
                bar.set_length(total);
                bar.set_style(style(
                    "{spinner:.cyan} {prefix} [{bar:24.cyan}] {pos}/{len} {wide_msg:.dim} {elapsed:.dim}",
                ));
            }
            bar.set_position(done);
        }
    }

    /// What is going on inside the step; only on a terminal, where it can be replaced.
    pub(crate) fn note(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(text.to_owned());
        }
    }

    /// Ends the step with what came of it.
    pub(crate) fn done(self, outcome: &str) {
        let seconds = self.started.elapsed().as_secs_f32();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
            eprintln!("\x1b[32m✓\x1b[0m {outcome} \x1b[2m{seconds:.1} s\x1b[0m");
        } else {
            eprintln!("{outcome} ({seconds:.1} s)");
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner()).progress_chars("━╸─")
}
