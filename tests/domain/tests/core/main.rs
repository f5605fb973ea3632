//! The use cases on the world in memory, in virtual time.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod avatars;
mod catching_up;
mod cursors;
mod delivery;
mod epochs;
mod events;
mod groups;
mod hidden;
mod hot;
mod invites;
mod keys;
mod marks;
mod media;
mod messages;
mod personal;
mod preferences;
mod previews;
mod pulled;
mod push;
mod rates;
mod support;
mod trips;
mod write_path;
