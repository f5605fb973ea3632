//! What a message costs and how long it takes.
//!
//! The use cases themselves run here, on the world in memory, where every call takes a time from
//! published measurements and is charged as AWS charges it. What no call of a port is (the way
//! from API Gateway or a stream to a function, a client that reads) is added by [`system`].

#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "a bench that cannot go on has failed")]

pub mod cast;
pub mod code;
mod consumers;
pub mod growth;
pub mod hot;
pub mod ledger;
pub mod modelled;
pub mod plots;
mod ports;
pub mod prices;
pub mod report;
pub mod scenarios;
pub mod steady;
mod still;
pub mod system;
pub mod times;
