//! The write path, checked whole, and broken in every way that it must not be.

#![expect(clippy::panic, clippy::print_stdout, reason = "a test that cannot go on has failed, and tells what it found")]

mod breaks;
mod configs;
mod holds;
