//! The write path as a model: every order in which its steps can run, checked one by one.
//!
//! What is modelled, what is left out and what was found is in `docs/model.md`. Each step names
//! the function that it stands for.

mod config;
mod flight;
mod log;
mod model;
mod properties;
mod sequencer;
mod state;
mod story;

pub use crate::{
    config::{Break, Config, Marks, Message},
    model::{Action, Do, PutOutcome, SequencerDo},
    state::{Flight, State},
    story::{shortened, story},
};
