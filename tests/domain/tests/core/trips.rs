//! Sequential trips and calls of the use cases. Each call takes one virtual millisecond, so the
//! time that a use case takes is the number of trips that wait for one another.

use std::collections::BTreeMap;

use tidings_domain::{
    conversation::Watermark,
    fanout::fan_out,
    ids::Sequence,
    receipts::{MarkAt, raise},
    repair::repair,
};
use tidings_memory::World;

use crate::support::*;

fn calls_since(world: &World, start: usize) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for call in &world.calls()[start..] {
        *counts.entry(call.operation).or_default() += 1;
    }
    counts
}

#[tokio::test(start_paused = true)]
async fn a_message_takes_three_sequential_trips_before_sent() {
    let world = World::new(1);
    let (alice, bob) = (device("alice", "phone"), device("bob", "phone"));
    world.open(&session(&alice, "a", &world));
    world.open(&session(&bob, "b", &world));
    for id in ["1", "2", "3"] {
        let (before, started) = (world.calls().len(), world.now());
        send(&world, &message(&alice, &alice_and_bob(), id)).await.unwrap();
        assert_eq!(world.now().ms_since(started), 3, "trips of message {id}");
        let expected =
            [("append", 1), ("post", 1), ("publish", 1), ("read_tail", 1), ("sessions_of_user", 1), ("standing", 1)];
        assert_eq!(calls_since(&world, before), expected.into(), "calls of message {id}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_is_answered_after_one_trip() {
    let world = World::new(1);
    let alice = device("alice", "phone");
    let request = message(&alice, &alice_and_bob(), "1");
    send(&world, &request).await.unwrap();
    let started = world.now();
    let again = send(&world, &request).await.unwrap();
    assert!(again.duplicate);
    assert_eq!(world.now().ms_since(started), 1);
}

#[tokio::test(start_paused = true)]
async fn the_durable_lane_writes_each_member_row_once_and_reads_none() {
    let world = World::new(1);
    let (alice, bob) = (device("alice", "phone"), device("bob", "phone"));
    world.open(&session(&bob, "b", &world));
    send(&world, &message(&alice, &alice_and_bob(), "1")).await.unwrap();
    let before = world.calls().len();
    let failed = fan_out(fanout_ports(&world), 256, world.take_published()).await;
    assert!(failed.is_empty());
    assert_eq!(calls_since(&world, before), [("advance", 2), ("sessions_of_user", 2)].into());
}

#[tokio::test(start_paused = true)]
async fn the_repair_lane_costs_one_read_when_all_is_well() {
    let world = World::new(1);
    let (alice, bob) = (device("alice", "phone"), device("bob", "phone"));
    world.open(&session(&bob, "b", &world));
    let conversation = alice_and_bob();
    send(&world, &message(&alice, &conversation, "1")).await.unwrap();
    fan_out(fanout_ports(&world), 256, world.take_published()).await;
    let up_to = MarkAt::Sequence(Sequence(1));
    raise(receipt_ports(&world), &bob, &conversation, Watermark::Delivered, up_to).await.unwrap();
    world.take_published();
    let before = world.calls().len();
    assert!(repair(repair_ports(&world), world.log(&conversation)).await.is_empty());
    assert_eq!(calls_since(&world, before), [("members", 1)].into());
    assert!(world.take_published().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_receipt_takes_three_calls() {
    let world = World::new(1);
    let conversation = alice_and_bob();
    send(&world, &message(&device("alice", "phone"), &conversation, "1")).await.unwrap();
    let before = world.calls().len();
    let up_to = MarkAt::Sequence(Sequence(1));
    raise(receipt_ports(&world), &device("bob", "phone"), &conversation, Watermark::Read, up_to).await.unwrap();
    assert_eq!(calls_since(&world, before), [("publish", 1), ("raise", 1), ("read_one", 1)].into());
}
