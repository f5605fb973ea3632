//! The use cases of the messaging core, on the world in memory: see `tests/`.
//!
//! They have a package of their own because the core is optimised, for the simulation: tests that were optimised with it took
//! four times as long to compile.
