//! Every state of every configuration.

use std::time::Instant;

use stateright::{Checker, Model};
use tidings_model::{Config, story};

use crate::configs;

/// Explores all there is; asserts every property, that every state which makes the check worth
/// something was reached, and that there was enough to explore.
fn holds(config: &Config, states_min: usize) {
    let started = Instant::now();
    let checker = config.clone().checker().threads(2).spawn_dfs().join();
    println!("{} states, {:.1} s", checker.unique_state_count(), started.elapsed().as_secs_f32());
    let found = checker.discoveries();
    for property in config.properties() {
        let path = found.get(property.name);
        let is_counterexample = property.expectation.discovery_is_failure();
        let told = || path.map(|path| story(config, path.clone())).unwrap_or_default();
        assert_eq!(path.is_some(), !is_counterexample, "{}\n{}", property.name, told());
    }
    assert!(checker.is_done(), "not all was explored");
    assert!(checker.unique_state_count() > states_min, "too little was explored to say anything");
}

#[test]
fn a_message_is_appended_once_however_it_is_resent() {
    holds(&configs::dedupe(), 1_000_000);
}

#[test]
fn a_message_is_appended_once_without_marks() {
    holds(&configs::unmarked(), 300_000);
}

#[test]
fn only_members_are_in_the_log() {
    holds(&configs::members(), 1_000_000);
}

#[test]
fn who_comes_back_is_known() {
    holds(&configs::rejoin(), 300_000);
}

#[test]
fn an_epoch_is_ended_once() {
    holds(&configs::epoch(), 1_000_000);
}

#[test]
fn both_paths_may_run_at_once() {
    holds(&configs::sequencer(), 3_000_000);
}

#[test]
fn both_paths_may_run_at_once_without_marks() {
    holds(&configs::sequencer_unmarked(), 2_000_000);
}

#[test]
fn both_paths_keep_to_members_though_their_rows_are_read_apart() {
    holds(&configs::sequencer_members(), 9_000_000);
}

#[test]
fn both_paths_end_an_epoch_once() {
    holds(&configs::sequencer_epoch(), 3_000_000);
}
