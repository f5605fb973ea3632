//! The one artifact.
fn main() {}
