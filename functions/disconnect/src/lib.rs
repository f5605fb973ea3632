//! The disconnect function
