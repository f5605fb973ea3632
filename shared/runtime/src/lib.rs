//! The Lambda loop, configuration, AWS clients and error classes.
//!
//! # Architecture invariants
//! - Only this crate knows the environment and the events of AWS.
//! - Only this crate classifies errors, and logs each once, with the whole chain.
//! - Everything generic is instantiated here: a function crate hands over a `dyn Function`.

mod aws;
mod batch;
mod clock;
pub mod config;
mod failure;
mod fetch;
mod function;
mod http;
mod sender;
mod websocket;

pub use aws::Adapters;
pub use batch::{Batch, BatchAnswer, kinesis_records, log_entries};
pub use clock::SystemClock;
pub use failure::Failure;
pub use function::{Function, FunctionError, run};
pub use http::{HttpAnswer, HttpRequest};
pub use sender::MessageSender;
pub use tidings_telemetry::chain as error_chain;
pub use websocket::{Frame, FrameFunction, FrameHandler, Handshake, Refusals, WebSocketEvent, answer_nothing};
