//! The presence function
