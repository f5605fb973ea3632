//! Watermarks of several devices, raised at once while calls fail: they only rise, a read is a
//! delivery, and nobody is told of an entry that is not there.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use proptest::prelude::*;
use tidings_domain::{
    conversation::Watermark,
    ids::{Sender, Sequence, UserId},
    limits::RECEIPTS_PAGE_MAX,
    log::Entry,
    receipts::{MarkAt, ReceiptError, Status, raise, status},
    stream::{Receipt, StreamRecord},
};
use tidings_memory::{Faults, World};

use crate::support::*;

const ENTRIES: u64 = 8;

/// A wish to raise a mark: by which of three devices, to where, read or delivered.
type Wish = (usize, u64, bool);

/// What a watcher has seen of each member's marks: delivered and read.
type Seen = BTreeMap<UserId, (Sequence, Sequence)>;

fn devices() -> [Sender; 3] {
    [device("bob", "phone"), device("bob", "web"), device("alice", "phone")]
}

/// Looks at the rows: nothing has fallen, and no read is beyond what was delivered.
fn watch(world: &World, seen: &mut Seen) -> Result<(), TestCaseError> {
    for name in ["alice", "bob"] {
        let Some(row) = world.member(&alice_and_bob(), &user(name)) else { continue };
        let (delivered, read) = seen.entry(row.user.clone()).or_default();
        prop_assert!(row.delivered_up_to >= *delivered && row.read_up_to >= *read, "a mark fell");
        prop_assert!(row.read_up_to <= row.delivered_up_to, "read and not delivered");
        prop_assert!(row.delivered_up_to <= Sequence(ENTRIES), "beyond the end");
        (*delivered, *read) = (row.delivered_up_to, row.read_up_to);
    }
    Ok(())
}

async fn one(world: World, (by, up_to, is_read): Wish) -> Result<(), TestCaseError> {
    let by = &devices()[by];
    let mark = if is_read { Watermark::Read } else { Watermark::Delivered };
    let at = MarkAt::Sequence(Sequence(up_to));
    let result = raise(receipt_ports(&world), by, &alice_and_bob(), mark, at).await;
    let row = world.member(&alice_and_bob(), &by.user);
    match result {
        Ok(_) => {
            let row = row.unwrap();
            prop_assert!(row.delivered_up_to >= Sequence(up_to) && (!is_read || row.read_up_to >= Sequence(up_to)));
        }
        Err(ReceiptError::NoSuchSequence(_)) => prop_assert!(up_to == 0 || up_to > ENTRIES),
        Err(ReceiptError::Unavailable(_)) => {}
        Err(error) => prop_assert!(false, "{error}"),
    }
    watch(&world, &mut Seen::new())
}

fn receipts(world: &World) -> Vec<Receipt> {
    let receipt = |record| if let StreamRecord::Raised(receipt) = record { Some(receipt) } else { None };
    world.take_published().into_iter().filter_map(receipt).collect()
}

/// What each member is told of each message is what the marks say.
async fn reports_agree(world: &World, seen: &Seen) -> Result<(), TestCaseError> {
    for entry in world.log(&alice_and_bob()) {
        let report = status(
            receipt_ports(world),
            world,
            &user("alice"),
            &alice_and_bob(),
            entry.message_id(),
            None,
            RECEIPTS_PAGE_MAX,
        )
        .await
        .unwrap();
        prop_assert!(!report.by_user.contains_key(&entry.sender.user));
        for (user, of_user) in &report.by_user {
            let (delivered, read) = seen.get(user).copied().unwrap_or_default();
            prop_assert_eq!(*of_user == Status::Read, read >= entry.sequence);
            prop_assert_eq!(*of_user >= Status::Delivered, delivered >= entry.sequence);
            prop_assert_eq!(report.marks[user], (delivered, read));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn marks_of_several_devices_rise_together(
        seed: u64,
        wishes in proptest::collection::vec((0_usize..3, 0..ENTRIES + 3, any::<bool>()), 1..40),
        refused in 0.0..0.2,
        answer_lost in 0.0..0.2,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let world = World::new(seed);
            for n in 0..ENTRIES {
                send(&world, &message(&device("alice", "phone"), &alice_and_bob(), &n.to_string())).await.unwrap();
            }
            world.take_published();
            world.set_faults(Faults { refused, answer_lost, latency_ms_max: 20, ..Faults::default() });
            let mut seen = Seen::new();
            // Some at once, then the next ones.
            for wishes in wishes.chunks(7) {
                for result in join_all(wishes.iter().map(|wish| one(world.clone(), *wish))).await {
                    result?;
                }
                watch(&world, &mut seen)?;
            }
            world.set_faults(Faults::default());
            let log = world.log(&alice_and_bob());
            for receipt in receipts(&world) {
                let entry = log.iter().find(|entry| entry.sequence == receipt.up_to);
                prop_assert_eq!(entry.map(Entry::message_id), Some(receipt.message_id));
                let (delivered, read) = seen[&receipt.by.user];
                let mark = if receipt.mark == Watermark::Read { read } else { delivered };
                prop_assert!(receipt.up_to <= mark, "told of more than is stored");
            }
            reports_agree(&world, &seen).await
        })?;
    }
}
