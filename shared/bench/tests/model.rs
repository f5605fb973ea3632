//! What the model must say, whatever is changed: counts, and the times and dollars that follow
//! from them by the seed alone.

use tidings_bench::{
    growth::{self, Cost},
    hot,
    scenarios::{LIVELY, Receipts, Scenario},
    steady::{Step, steps},
};

/// The same figures are asserted of the running stack, end to end.
#[test]
fn a_message_takes_what_the_running_stack_meters() {
    let [acknowledged, receipt, read_at_once] = steps();
    let delivered = Step { requests: 6.0, read_units: 1.5, write_units: 1.0, frames: 2.0 };
    // What was read is told to those whom both of the two let see it: their settings, and whether one has blocked the other.
    assert_eq!(receipt, Step { requests: 7.0, read_units: 3.5, write_units: 1.0, frames: 2.0 });
    let alone = Step { requests: 11.0, read_units: 5.0, write_units: 3.0, frames: 3.0 };
    let with = |receipt: Step| Step {
        requests: alone.requests + receipt.requests,
        read_units: alone.read_units + receipt.read_units,
        write_units: alone.write_units + receipt.write_units,
        frames: alone.frames + receipt.frames,
    };
    assert_eq!(acknowledged, with(delivered));
    assert_eq!(read_at_once, with(receipt));
}

#[test]
fn a_message_is_delivered_within_its_budget_of_time() {
    let report = Scenario { messages: 2_000, ..Scenario::default() }.run();
    assert!(report.delivered.count >= 2_000);
    assert!(report.delivered.p50_ms <= 50.0, "{:?}", report.delivered);
    assert!(report.delivered.p95_ms <= 85.0, "{:?}", report.delivered);
}

#[test]
fn a_million_messages_of_a_lively_chat_cost_at_most_seven_and_a_half_dollars() {
    let report = Scenario { messages: 2_000, ..LIVELY }.run();
    let [frames, writes, reads] = report.counts();
    assert!(frames <= 3.52 && writes <= 3.35 && reads <= 5.8, "{:?}", report.counts());
    assert!(report.bill.total() <= 7.5, "{:?}", report.bill);
}

#[test]
fn a_group_message_is_pushed_once_to_each_and_moves_each_row_once() {
    let report =
        Scenario { members: 10, messages: 200, receipts: Receipts::Free, warm_up: 90, ..Scenario::default() }.run();
    let [frames, writes, _] = report.counts();
    // In, answer, and nine posts; some are told once more how far the log has got.
    assert!((11.0..12.0).contains(&frames), "{frames}");
    assert!((11.0..11.1).contains(&writes), "{writes}");
    assert!(report.delivered.p50_ms <= 115.0, "{:?}", report.delivered);
}

/// Costs the same at every place.
#[track_caller]
fn assert_flat(costs: &[Cost]) {
    assert!(costs.len() > 1);
    for cost in costs {
        assert_eq!(cost.counts(), costs[0].counts(), "at {} and at {}", cost.x, costs[0].x);
    }
}

#[test]
fn what_a_sender_waits_for_does_not_grow_with_the_members() {
    let growth = growth::members(&[10, 16, 17, 100, 300, 1_000]);
    let sends = growth.costs("send, until its answer");
    let (small, large) = sends.split_at(2);
    assert_flat(large);
    for cost in small {
        // The express lane: a read of each other member's sessions, and a post to each.
        let others = cost.x - 1;
        assert_eq!(cost.requests, large[0].requests + 2 * others);
        assert_eq!(cost.frames, large[0].frames + others);
    }
    assert_flat(growth.costs("receipt, until it is stored"));
    for cost in growth.costs("fan-out of a message").iter().filter(|cost| cost.x < 256) {
        assert_eq!(cost.write_units, cost.x, "a row of each member");
    }
    // Of many, only the reader's own other devices are told.
    let of_many = &growth.costs("fan-out of a receipt")[3..];
    assert_flat(of_many);
    assert_eq!((of_many[0].requests, of_many[0].frames), (1, 0));
}

/// A tenth of the members is connected. What a message costs rises with them up to the subscribers
/// that it is announced to, and not beyond.
#[test]
fn a_message_of_a_pulled_group_costs_the_same_however_many_members_there_are() {
    let growth = growth::members(&[300, 3_000, 30_000, 100_000]);
    let costs = growth.costs("fan-out of a message");
    for cost in costs {
        assert_eq!(cost.write_units, 2, "the sender's row and the head: {cost:?}");
        assert!(cost.frames <= 256, "{cost:?}");
        assert!(cost.requests <= 271 && cost.read_units <= 290.0, "{cost:?}");
    }
    assert!(costs[0].frames <= 30, "all who are connected: {:?}", costs[0]);
    let frames = |n: usize| costs[n].frames.abs_diff(costs[1].frames);
    assert!(frames(2) <= 1 && frames(3) <= 1, "the sender's own device may be among them: {costs:?}");
    for work in ["send, until its answer", "receipt, until it is stored", "fan-out of a receipt"] {
        assert_flat(growth.costs(work));
    }
}

#[test]
fn a_device_that_comes_back_pays_for_what_has_changed_and_not_for_what_it_has() {
    let growth = growth::conversations(&[1, 100, 1_000, 10_000]);
    assert_flat(growth.costs("hello, resumed"));
    assert_flat(growth.costs("list since the last list"));
    assert_flat(&growth.costs("first page of 20")[1..]);
    assert_flat(&growth.costs("page of 20 in the middle")[1..]);
    // The index, member rows, heads, and the last entry of each conversation.
    assert_eq!(growth.costs("page of 20 in the middle")[3].requests, 3 + 20);
    assert!(growth.costs("hello of a new device")[2].requests <= 22, "bounded by the conversations it looks at");
}

#[test]
fn nothing_grows_with_the_log_but_the_search_for_an_id() {
    let growth = growth::log_length(&[100, 5_000, 100_000]);
    for work in ["send", "read up to a sequence", "last page of 50"] {
        assert_flat(growth.costs(work));
    }
    assert_flat(&growth.costs("send, the first of a new function")[1..]);
    let by_id = growth.costs("read up to a message id");
    assert!(by_id[2].requests <= 13, "{by_id:?}");
}

#[test]
fn a_backlog_costs_who_has_it_and_nobody_else() {
    let growth = growth::backlog(&[0, 10, 1_001, 100_000]);
    assert_flat(growth.costs("send to who is behind"));
    assert_flat(&growth.costs("hello, with the drain")[2..]);
    assert_flat(&growth.costs("list with unread counts")[2..]);
}

/// A thousand is asked for; beyond it the stream's shard ends, whatever the sequencer could do.
#[test]
fn the_batch_sequencer_takes_a_thousand_a_second() {
    let (alone, batched) = (hot::one_by_one(16), hot::in_batches(256, 500));
    assert!(alone.messages_per_second < 100.0, "{alone:?}");
    assert!(batched.messages_per_second >= 1_000.0, "{batched:?}");
    assert!(batched.is_within_a_partition(), "{batched:?}");
}
