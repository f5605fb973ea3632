//! The Lambda loop, error classes and configuration
