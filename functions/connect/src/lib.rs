//! The connect function
