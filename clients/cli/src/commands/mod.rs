//! One file per command.

pub(crate) mod chat;
pub(crate) mod history;
pub(crate) mod list;
pub(crate) mod send;
pub(crate) mod tail;
