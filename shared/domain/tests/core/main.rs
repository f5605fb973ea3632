//! The use cases on the world in memory, in virtual time.

mod catching_up;
mod delivery;
mod support;
mod trips;
mod write_path;
