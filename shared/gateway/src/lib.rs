//! The @connections adapter
