//! The send function
