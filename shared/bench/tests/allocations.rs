//! Bounds on what our code allocates for a message: the counts do not vary.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tidings_bench::code::{Bench, Way, allocations};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn allocations_of_each_way_are_bounded() {
    let bench = Bench::new();
    let bounds = [(Way::Send, 112), (Way::FanOut, 68), (Way::Read, 36), (Way::FanOutOfReceipt, 75), (Way::Repair, 14)];
    assert_eq!(bounds.map(|(way, _)| way), Way::ALL);
    for (way, bound) in bounds {
        let counts = [(); 3].map(|()| allocations(&INSTRUMENTED_SYSTEM, &bench, way).allocations);
        assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?} on the way of {}", way.name());
        assert!(counts[0] <= bound, "{} allocations on the way of {}", counts[0], way.name());
    }
}
