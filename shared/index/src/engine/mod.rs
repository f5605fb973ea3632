//! Segments: an inverted index of some messages in one piece of bytes, never changed.
//!
//! Four parts follow one another: positions of words, postings, the dictionary, and columns of numbers. Positions come
//! first, so that all else is one range: they are needed for phrases alone. Messages are in the order of their time, so the
//! latest are found from the end.

mod bytes;
mod columns;
mod segment;
mod words;

use thiserror::Error;

pub(crate) use self::{
    columns::Columns,
    segment::{Held, Made, Open, Parts, build, merge},
    words::Posting,
};

/// The bytes of a segment are not what a segment's are.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("a damaged segment: {0}")]
pub(crate) struct Damaged(pub(crate) &'static str);
