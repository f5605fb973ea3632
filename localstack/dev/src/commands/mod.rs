//! One file per command.

pub(crate) mod bench;
pub(crate) mod capacity;
pub(crate) mod chaos;
pub(crate) mod dlq;
pub(crate) mod down;
pub(crate) mod fuzz;
pub(crate) mod logs;
pub(crate) mod metrics;
pub(crate) mod operator;
pub(crate) mod push;
pub(crate) mod recovery;
pub(crate) mod reset;
pub(crate) mod search;
pub(crate) mod serve_oidc;
pub(crate) mod simulate;
pub(crate) mod status;
pub(crate) mod test;
pub(crate) mod token;
pub(crate) mod trace;
pub(crate) mod up;
