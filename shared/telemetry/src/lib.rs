//! Logs and metrics
