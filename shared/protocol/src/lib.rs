//! The wire: frames and HTTP bodies of protocol v1, and their conversions to domain types.
//!
//! The types here are what JSON looks like; the checks that make them domain types are in
//! [`convert`]. A client uses the types alone.

mod about;
pub mod abuse;
mod client;
pub mod convert;
pub mod cursor;
pub mod devices;
mod error;
pub mod groups;
pub mod http;
pub mod invites;
pub mod keys;
pub mod media;
pub mod messages;
pub mod mls;
mod packed;
mod payload;
pub mod personal;
pub mod schema;
pub mod search;
mod server;

pub use about::{DeleteFor, MessageDelete, MessageEdit, MessagePin, MessageReact, MessageVote};
pub use client::{
    Ack, ClientFrame, FrameHeader, FrameType, Heartbeat, Hello, MessageSend, PresenceUsers, Pull, Read, TypingNow,
    parse_body,
};
pub use error::{ErrorCode, ErrorFrame, ParseError};
pub use packed::{Encoding, Packed, gzip};
pub use payload::Payload;
pub use server::{
    ConversationSettings, ConversationUpdated, DeviceChanged, Draft, FlowControl, Kind, MessageEvent, MessageHidden,
    MessageNew, MessageSent, PresenceOk, PresenceState, PresenceUpdate, Receipt, ServerFrame, SessionReady,
    SyncComplete, SyncPage, Typing, UserPresence,
};

/// A frame, in either direction, in bytes.
pub const FRAME_BYTES_MAX: usize = tidings_domain::limits::FRAME_BYTES_MAX;
/// The last place that a conversation can have.
pub const SEQUENCE_MAX: u64 = tidings_domain::limits::SEQUENCE_MAX;
