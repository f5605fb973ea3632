//! The repair function
