//! The use cases on the world in memory, in virtual time.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod catching_up;
mod delivery;
mod support;
mod trips;
mod write_path;
