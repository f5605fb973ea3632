//! The fanout function
