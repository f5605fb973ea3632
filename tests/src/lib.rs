//! End to end, parity and coverage tests
