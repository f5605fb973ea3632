//! The index in object storage, and what search makes of any index.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panics")]

mod objects;
mod ports;
mod rights;
mod same;
