//! The wire: frames and HTTP bodies of protocol v1, and their conversions to domain types
