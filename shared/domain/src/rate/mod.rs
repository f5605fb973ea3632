//! Rate limits: token buckets in storage, charged by leases that functions hold in memory.
//!
//! A bucket is one number: the moment at which it will be full again. Taking a token moves that moment on by the time that a
//! token takes to come back; the bucket is empty where it is further away than all tokens together. So a charge is one write.
//!
//! Two ways of charging:
//! - [`take`]: each use is charged before it happens. Exact: nothing is ever let in above the bucket. For what is rare.
//! - [`Leases`]: a function lets up to [`Limit::lease`] uses in on its own account and then charges them in one write, beside the
//!   work that it does anyway. A use costs `1 / lease` write units and no time. What is let in is charged in any case, so a bucket may
//!   go below empty; who learns of that refuses until it is not. In any time, with `n` functions at work, no more than
//!   `burst + time / every + 2 · n · lease` uses are let in; see `what_is_let_in_is_bounded`.
//!
//! What a limit does where its bucket cannot be reached is part of the limit: [`OnFailure`].

mod buckets;
mod leases;
mod limit;
mod slowed;
#[cfg(test)]
mod tests;

pub use buckets::{Buckets, Charge, Charged, LimitError, RateLimited, charged, micros, penalty, take, take_several};
pub use leases::{Leases, Settlement, beside, settle};
pub use limit::*;
pub use slowed::{Slowdown, Slowed};
