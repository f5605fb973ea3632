//! Devices that are told to slow down.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::RateLimited;
use crate::{
    ids::{DeviceId, Sender, Timestamp, UserId},
    limits::RATE_LEASES_MAX,
};

/// What a device that floods is told: how many frames it may have unanswered, and to pause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slowdown {
    /// Frames that may be unanswered at once.
    pub window: u32,
    /// Send nothing for so long, in milliseconds.
    pub retry_after_ms: u64,
}

/// Devices that a function has slowed down, so that it can tell them when that is over.
#[derive(Debug, Default)]
pub struct Slowed(Mutex<HashMap<(UserId, DeviceId), Timestamp>>);

impl Slowed {
    /// What a device is to be told after a charge, if anything: slower where a bucket is below empty; as before where it was
    /// told so, the pause is over, and a charge found tokens.
    pub fn after(
        &self,
        device: &Sender,
        limited: Option<RateLimited>,
        send_window: u32,
        now: Timestamp,
    ) -> Option<Slowdown> {
        let key = (device.user.clone(), device.device.clone());
        let mut slowed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(RateLimited { retry_after_ms, .. }) = limited else {
            slowed.get(&key).filter(|until| **until <= now)?;
            slowed.remove(&key);
            return Some(Slowdown { window: send_window, retry_after_ms: 0 });
        };
        if slowed.len() >= RATE_LEASES_MAX {
            slowed.clear();
        }
        slowed.insert(key, now.plus_ms(retry_after_ms));
        Some(Slowdown { window: (send_window / 4).max(1), retry_after_ms })
    }
}
