//! One file per command.

pub(crate) mod admin;
pub(crate) mod backup;
pub(crate) mod chat;
pub(crate) mod devices;
pub(crate) mod draft;
pub(crate) mod group;
pub(crate) mod hide;
pub(crate) mod history;
pub(crate) mod link;
pub(crate) mod list;
pub(crate) mod media;
pub(crate) mod message;
pub(crate) mod search;
pub(crate) mod send;
pub(crate) mod settings;
pub(crate) mod star;
pub(crate) mod tail;
pub(crate) mod verify;
