//! The fixed set, and that a seed is a run.

use std::collections::BTreeSet;

use tidings_memory::FaultKind;
use tidings_simulation::{MUTATION_SEEDS_MAX, Mutation, Options, Promise, Totals, fixed_seeds, hunt, run, trace_hash};

#[test]
fn no_seed_of_the_fixed_set_breaks_a_promise_and_every_kind_of_fault_fires() {
    let mut totals = Totals::default();
    for seed in fixed_seeds() {
        let outcome = run(seed, Options::default()).unwrap();
        if let Some(violation) = outcome.violation {
            panic!("seed {seed} breaks {violation}\nsee it: cargo dev simulate --seed {seed}");
        }
        totals.add(&outcome.totals);
    }
    for kind in [
        FaultKind::Refused,
        FaultKind::Throttled,
        FaultKind::Conflict,
        FaultKind::AnswerLost,
        FaultKind::Repeated,
        FaultKind::Stale,
        FaultKind::StrayGone,
        FaultKind::Slow,
        FaultKind::Outage,
    ] {
        assert!(totals.faults.get(&kind).is_some_and(|times| *times > 0), "{kind}");
    }
    for what in [
        "$disconnect lost",
        "batches failed in part",
        "batches halved",
        "batches read twice",
        "dead sockets unnoticed",
        "devices crashed",
        "devices emptied",
        "devices offline",
        "devices set back",
        "duplicates answered",
        "group changes made",
        "group changes refused",
        "group changes that failed",
        "half open sockets",
        "invocations killed",
        "marked resends",
        "posts late",
        "posts to a dead socket",
        "rows of several messages",
        "sends left to the sequencer",
        "sends of non-members refused",
        "sends that lost races",
        "streams: reshards",
        "times of clocks that are off",
        "times of lagging streams",
        "unmarked resends",
    ] {
        assert!(totals.of(what) > 0, "{what}");
    }
}

#[test]
fn every_bug_that_is_switched_on_is_found_and_every_promise_can_be_broken() {
    let mut broken = BTreeSet::new();
    for mutation in Mutation::ALL {
        let found = hunt(*mutation, MUTATION_SEEDS_MAX).unwrap();
        let found = found.unwrap_or_else(|| panic!("not found: {}", mutation.text()));
        broken.insert(found.violation.promise);
    }
    assert_eq!(broken, Promise::ALL.iter().copied().collect());
}

#[test]
fn equal_seeds_give_equal_runs_and_others_do_not() {
    let options = Options { trace: true, ..Options::default() };
    let hashes = [3, 4].map(|seed| {
        let (one, other) = (run(seed, options).unwrap(), run(seed, options).unwrap());
        assert!(one.lines.len() > 100);
        assert_eq!(one, other);
        trace_hash(&one.lines)
    });
    assert_ne!(hashes[0], hashes[1]);
}

#[test]
fn keeping_a_trace_changes_nothing() {
    let (with, without) =
        (run(5, Options { trace: true, ..Options::default() }).unwrap(), run(5, Options::default()).unwrap());
    assert_eq!(with.totals, without.totals);
    assert_eq!(with.virtual_ms, without.virtual_ms);
}
