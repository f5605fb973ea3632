//! The ack function
