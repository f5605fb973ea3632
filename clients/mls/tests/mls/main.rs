//! The crate from outside: devices that share a log.

mod convergence;
mod groups;
mod interop;
mod key_packages;
mod peer;
mod support;
