//! Token buckets.

use tidings_domain::{
    ids::Timestamp,
    ports::PortResult,
    rate::{Buckets, Charge, Charged, charged},
};

use crate::World;

impl Buckets for World {
    fn charge<'a>(&'a self, charge: &'a Charge, now: Timestamp) -> PortResult<'a, Charged> {
        Box::pin(self.call("charge_bucket", move |state| {
            state.meter.write(|| 0);
            let full_at_us = state.buckets.entry(charge.bucket.clone()).or_default();
            let answer = charged(*full_at_us, charge, now);
            if let Charged::Taken(at) = answer {
                *full_at_us = at;
            }
            answer
        }))
    }
}
