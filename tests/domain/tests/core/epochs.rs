//! The MLS epoch of a conversation under concurrent sends: what was made in another epoch than
//! the tail's never lands, and state is carried on from row to row.

use std::collections::BTreeMap;

use futures_util::future::{join, join_all};
use proptest::prelude::*;
use tidings_domain::{
    ids::{MessageId, Sequence},
    log::{ConversationState, Entry, EventKind},
    ports::{Append, Log},
    send::{Refusal, SendError},
};
use tidings_memory::{Faults, World};

use crate::support::*;

/// Moves the epoch on, as a commit will: by a row after the tail.
async fn commit(world: &World, n: u64) {
    let request = message(&device("bob", "phone"), &alice_and_bob(), &format!("commit {n}"));
    for _ in 0..200 {
        let Ok(tail) = world.read_tail(&alice_and_bob(), Sequence::ZERO, 1).await else { continue };
        let state = ConversationState { epoch: tail.state().epoch + 1, ..tail.state() };
        let entry =
            Entry { event: EventKind::Commit, ..request.draft.entry_at(tail.sequence().next(), world.now(), state) };
        // An answer that was lost would make a second commit, which is as good.
        if matches!(world.append(std::slice::from_ref(&entry)).await, Ok(Append::Done)) {
            return;
        }
    }
    panic!("never committed");
}

/// Sends until there is an answer that counts.
async fn speak(world: &World, n: usize, epoch: Option<u64>) -> Result<(), TestCaseError> {
    let mut request = message(&device("alice", "phone"), &alice_and_bob(), &n.to_string());
    request.draft.epoch = epoch;
    for _ in 0..200 {
        match send(world, &request).await {
            Ok(_) => return Ok(()),
            Err(SendError::Refused(Refusal::StaleEpoch { current })) => {
                // What has no epoch is in the clear, and refused once there was a commit.
                prop_assert!(epoch.unwrap_or_default() != current);
                return Ok(());
            }
            Err(SendError::Unavailable(_) | SendError::Contended { .. }) => {
                request.resend_after = Some(Sequence::ZERO);
            }
            Err(error) => prop_assert!(false, "{error}"),
        }
    }
    panic!("never answered");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_lands_in_another_epoch(
        seed: u64,
        epochs in proptest::collection::vec(proptest::option::of(0_u64..4), 1..16),
        commits in 0_u64..4,
        refused in 0.0..0.2,
        answer_lost in 0.0..0.2,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let world = World::new(seed);
            world.set_faults(Faults { refused, answer_lost, latency_ms_max: 15, ..Faults::default() });
            let speeches = epochs.iter().enumerate().map(|(n, epoch)| speak(&world, n, *epoch));
            let committing = async {
                for n in 0..commits {
                    commit(&world, n).await;
                }
            };
            let (spoken, ()) = join(join_all(speeches), committing).await;
            spoken.into_iter().collect::<Result<Vec<()>, _>>()?;

            let wanted: BTreeMap<MessageId, Option<u64>> = epochs
                .iter()
                .enumerate()
                .map(|(n, epoch)| {
                    let request = message(&device("alice", "phone"), &alice_and_bob(), &n.to_string());
                    (request.draft.message_id(), *epoch)
                })
                .collect();
            let mut before = ConversationState::default();
            for entry in world.log(&alice_and_bob()) {
                if let Some(epoch) = wanted.get(&entry.message_id()) {
                    prop_assert_eq!(epoch.unwrap_or_default(), before.epoch);
                    prop_assert_eq!(entry.state, before, "a message carries the state on");
                } else {
                    prop_assert_eq!(entry.state.epoch, before.epoch + 1);
                }
                before = entry.state;
            }
            Ok(())
        })?;
    }
}
