//! The sync function
