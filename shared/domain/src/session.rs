//! Sessions, devices and tickets.

use std::sync::Arc;

use crate::ids::{ConnectionId, Sender, Timestamp};

/// A live socket of a device. There is one for each device: the latest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The device and its user.
    pub owner: Sender,
    /// The socket.
    pub connection: ConnectionId,
    /// Where to post to it: cells have different ones.
    pub endpoint: Arc<str>,
    /// Since when.
    pub connected_at: Timestamp,
    /// When the user was last active on it.
    pub active_at: Timestamp,
    /// A heartbeat moves this on; past it, the session counts for nothing.
    pub expires_at: Timestamp,
}

impl Session {
    /// Whether it counts.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at > now
    }
}

/// A device that has connected before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The device and its user.
    pub owner: Sender,
    /// When it was last there.
    pub seen_at: Timestamp,
    /// It may not connect any more.
    pub revoked: bool,
}

/// What a ticket grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// One connection of this device.
    pub owner: Sender,
    /// Until then.
    pub expires_at: Timestamp,
}
