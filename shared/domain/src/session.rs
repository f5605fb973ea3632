//! Sessions, devices and tickets.

use std::sync::Arc;

use crate::{
    devices::{Platform, PushEndpoint},
    ids::{ConnectionId, Sender, Timestamp},
};

/// The endpoint of a session that has no socket: what is posted to it waits in an inbox. See [`crate::events`].
pub const POLLED: &str = "inbox";

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
    /// Where the device stands among the subscribers of a group: a hash, so that a part of all
    /// places holds that part of the subscribers, whatever they are called. FNV-1a with a final mix.
    pub fn place(&self) -> u32 {
        place_of(&self.owner)
    }

    /// Whether its device asks for events and has no socket.
    pub fn is_polled(&self) -> bool {
        self.endpoint.as_ref() == POLLED
    }

    /// Whether it counts.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at > now
    }
}

/// See [`Session::place`].
pub fn place_of(owner: &Sender) -> u32 {
    let mut hash = 0x811c_9dc5_u32;
    for byte in owner.user.as_str().bytes().chain([b'#']).chain(owner.device.as_str().bytes()) {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
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
    /// Its user is banned until then; zero: is not.
    pub banned_until: Timestamp,
    /// What its user calls it; none until it is registered.
    pub name: Option<Arc<str>>,
    /// What it is; none until it is registered.
    pub platform: Option<Platform>,
    /// Where pushes to it go.
    pub push: Option<PushEndpoint>,
}

impl Device {
    /// A device of which nothing is known but that it is there.
    pub fn new(owner: Sender, seen_at: Timestamp) -> Self {
        Self {
            owner,
            seen_at,
            revoked: false,
            banned_until: Timestamp::default(),
            name: None,
            platform: None,
            push: None,
        }
    }
}

/// What a ticket grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// One connection of this device.
    pub owner: Sender,
    /// Until then.
    pub expires_at: Timestamp,
}
