//! Search over recent history: documents, queries, rights, ranking, cursors, and the port of an index.
//!
//! # Architecture invariants
//! - An index proposes, the log disposes: what is shown was read from the log, with the reader's rights, after the index
//!   named it. So nothing that is deleted, expired or out of reach is shown, however far the index lags.
//! - What is not allowed is not counted either: no answer tells how many there are.

mod cursor;
pub mod document;
pub mod finding;
pub mod index;
pub mod indexing;
mod matching;
mod memory;
pub mod query;
mod snippet;
pub mod text;
pub mod withdrawal;

pub use crate::{cursor::Cursor, memory::MemoryIndex, snippet::Snippet};
