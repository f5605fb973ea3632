//! Rust client for Tidings
