//! The ports in memory, with seeded faults
