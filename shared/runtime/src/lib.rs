//! The Lambda loop, configuration, AWS clients and error classes.
//!
//! # Architecture invariants
//! - Only this crate knows the environment; what AWS calls with is decoded in `tidings_events`.
//! - Only this crate classifies errors, and logs each once, with the whole chain.
//! - Everything generic is instantiated here: a function crate hands over a `dyn Function`.

mod aws;
mod batch;
mod caller;
mod clock;
pub mod config;
mod failure;
mod fetch;
mod function;
mod http;
mod sender;
mod websocket;

pub use aws::Adapters;
pub use batch::finish_batch;
pub use caller::Callers;
pub use clock::SystemClock;
pub use failure::Failure;
pub use fetch::OpenSearchHttp;
pub use function::{Function, FunctionError, run};
pub use http::HttpAnswer;
pub use sender::MessageSender;
pub use tidings_domain::chain as error_chain;
pub use tidings_events::{
    Handshake, HttpRequest, ObjectEvent, QueuedPreview, QueuedPush, WebSocketEvent, log_entries, object_events,
    pending_sends, queued_looks, queued_previews, queued_pushes, stream_records,
};
pub use websocket::{Frame, FrameFunction, FrameHandler, Refusals, answer_nothing};
