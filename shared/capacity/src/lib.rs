//! Capacity on paper that runs: what a number of users asks of AWS, which limit it meets first, and what it costs.
//!
//! What a message needs is what `cargo dev bench` counts (see docs/performance.md); limits and prices are those of
//! us-east-1 that the design counts with. Nothing here was measured in an AWS account.
#![expect(clippy::cast_precision_loss, reason = "counts of users and messages are far below 2^53")]

mod limits;
mod load;
mod price;
mod storm;

pub use limits::{Demand, Limit, MARGIN, cells, demands, first_hit};
pub use load::{Assumptions, Load, Message};
pub use price::{Line, bill, total};
pub use storm::{Backoff, Outcome, Storm, weather};
