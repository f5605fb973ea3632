//! The authorizer function
