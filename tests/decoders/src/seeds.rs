//! Where the fuzzer starts: inputs that are taken, made by the code so that they stay valid.

use std::fmt::Display;

/// One seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// The name of its file, without `seed-`.
    pub name: String,
    /// The input.
    pub input: Vec<u8>,
}

impl Seed {
    pub(crate) fn new(name: impl Into<String>, input: impl Display) -> Self {
        Self { name: name.into(), input: input.to_string().into_bytes() }
    }
}
