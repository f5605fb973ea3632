//! What the check would notice: each rule that carries the promises, broken, and the way to what
//! must not be.

use stateright::{Checker, HasDiscoveries, Model};
use tidings_model::{Break, Config, shortened, story};

use crate::configs;

const ONCE: &str = "a message is appended once";
const ACKNOWLEDGED: &str = "what is acknowledged is in the log at its sequence";
const MEMBERS: &str = "a sender is a member where the message stands";
const EPOCHS: &str = "an entry is of the epoch before it";
const ROWS: &str = "rows have no gap and no overlap";
const FANNED_OUT: &str = "at rest every entry is fanned out";
const SETTLED: &str = "at rest what was handed over is in the log or refused";

/// Looks for a short way to a state that must not be, and tells it.
fn breaks(config: &Config, property: &'static str) {
    let until = HasDiscoveries::AnyOf([property].into());
    let checker = config.clone().checker().finish_when(until).spawn_bfs().join();
    let path = checker.discovery(property);
    let path =
        path.unwrap_or_else(|| panic!("{property}: holds, though broken ({} states)", checker.unique_state_count()));
    let condition = config.property(property).condition;
    let path = shortened(config, path, |state| !condition(config, state));
    println!("{:?}\nNot so: {property}\n{}", config.broken, story(config, path));
}

#[test]
fn without_the_condition() {
    breaks(&configs::dedupe().with(Break::NoCondition), ACKNOWLEDGED);
}

#[test]
fn one_row_and_nothing_else() {
    breaks(&configs::dedupe().with(Break::TailOnly), ONCE);
}

#[test]
fn two_rows_and_nothing_else() {
    breaks(&Config { tail_rows: 2, ..configs::dedupe() }.with(Break::TailOnly), ONCE);
}

#[test]
fn a_retry_that_reads_the_last_rows() {
    breaks(&configs::dedupe().with(Break::RetryReadsTail), ONCE);
}

#[test]
fn a_durable_lane_that_leaves_gaps() {
    breaks(&configs::unmarked().with(Break::FanoutLeavesGaps), ONCE);
}

#[test]
fn a_durable_lane_that_leaves_gaps_under_a_late_first_attempt() {
    breaks(&configs::dedupe().with(Break::FanoutLeavesGaps), ONCE);
}

#[test]
fn a_member_row_of_any_version() {
    breaks(&configs::members().with(Break::TrustMemberRow), MEMBERS);
}

#[test]
fn a_membership_change_in_two_writes() {
    breaks(&configs::members().with(Break::ChangeInTwoWrites), MEMBERS);
}

#[test]
fn head_and_member_row_of_different_moments() {
    breaks(&configs::sequencer_members().with(Break::TrustTornRead), MEMBERS);
}

#[test]
fn a_new_ring_for_who_comes_back() {
    breaks(&configs::rejoin().with(Break::RejoinForgets), ONCE);
}

#[test]
fn an_epoch_that_is_not_looked_at_again() {
    breaks(&configs::epoch().with(Break::EpochOnce), EPOCHS);
}

#[test]
fn no_repair() {
    breaks(&configs::dedupe().with(Break::NoRepair), FANNED_OUT);
}

#[test]
fn a_repair_that_goes_by_the_member_rows_alone() {
    breaks(&configs::dedupe().with(Break::RepairByRows), FANNED_OUT);
}

#[test]
fn a_sequencer_that_reads_the_last_rows() {
    breaks(&configs::sequencer().with(Break::SequencerReadsTail), ONCE);
}

#[test]
fn a_batch_that_holds_a_message_twice() {
    breaks(&configs::sequencer().with(Break::SequencerNoDedupeInBatch), ONCE);
}

#[test]
fn a_sequencer_that_trusts_the_sender() {
    breaks(&configs::sequencer_members().with(Break::SequencerTrustsSender), MEMBERS);
}

#[test]
fn a_batch_of_one_epoch_whatever_is_in_it() {
    breaks(&configs::sequencer_epoch().with(Break::SequencerOneEpochPerBatch), EPOCHS);
}

#[test]
fn a_checkpoint_before_the_put() {
    breaks(&configs::sequencer().with(Break::CheckpointFirst), SETTLED);
}

#[test]
fn a_tail_that_is_the_key_of_the_last_row() {
    breaks(&configs::sequencer().with(Break::TailIsKey), ROWS);
}

#[test]
fn a_read_that_misses_the_rest_of_a_row() {
    breaks(&configs::sequencer().with(Break::ReadMissesStraddling), ONCE);
}

/// Nothing is broken: what the protocol promises for unmarked resends goes for a first attempt
/// too, which never has a mark, where it comes after its own resend.
#[test]
fn a_first_attempt_that_comes_later_than_the_ring_goes_back() {
    breaks(&Config { ring_entries: 1, forgets_after: u8::MAX, ..configs::dedupe() }, ONCE);
}
