//! Ctrl-C: long waits look here, so that `up` can stop what it started.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::{Context, Failure, Result};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

pub(crate) fn listen() -> Result<()> {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::SeqCst)).context(|| "cannot listen for Ctrl-C".to_owned())
}

pub(crate) fn requested() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

pub(crate) fn check() -> Result<()> {
    if requested() {
        return Err(Failure::new("interrupted"));
    }
    Ok(())
}

/// Tries until the attempt answers or the time is up; `Err` is the last refusal.
pub(crate) fn wait_until<T>(patience: Duration, pause: Duration, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        check()?;
        match attempt() {
            Ok(value) => return Ok(value),
            Err(failure) if Instant::now() >= deadline => return Err(failure),
            Err(_) => thread::sleep(pause),
        }
    }
}
