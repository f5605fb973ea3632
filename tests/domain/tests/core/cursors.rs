//! Pages, drains and lists for whatever logs, cursors and limits, while others go on writing:
//! together they are everything, in order, once.

use std::collections::BTreeMap;

use futures_util::future::join;
use proptest::prelude::*;
use tidings_domain::{
    fanout::fan_out,
    history::{ReadPorts, Span, page},
    ids::{ConnectionId, ConversationId, Sequence, Timestamp},
    notice::Notice,
    sessions::Socket,
    sync::{HelloRequest, ListCursor, ResumeTokens, SessionTerms, hello, list},
};
use tidings_memory::{Faults, World};

use crate::support::*;

const TERMS: SessionTerms = SessionTerms { heartbeat_seconds: 240, session_ttl_seconds: 300, send_window: 32 };
/// More pages than any of these tests can need.
const PAGES_MAX: usize = 600;

struct Tokens;

impl ResumeTokens for Tokens {
    fn issue(&self, _: &Socket, at: Timestamp) -> String {
        at.0.to_string()
    }
}

fn with(other: usize) -> ConversationId {
    ConversationId::direct(user("bob"), user(&format!("friend{other}")))
}

/// A friend of bob's writes, and the durable lane comes round.
async fn friend_writes(world: &World, other: usize, count: u64) {
    let friend = device(&format!("friend{other}"), "phone");
    for _ in 0..count {
        let n = world.log(&with(other)).len();
        send(world, &message(&friend, &with(other), &n.to_string())).await.unwrap();
    }
    fan_out(fanout_ports(world), 256, world.take_published()).await;
}

fn run(test: impl Future<Output = Result<(), TestCaseError>>) -> Result<(), TestCaseError> {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(test)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn forward_pages_are_the_log_in_order(
        length in 0_u64..60,
        since in 0_u64..70,
        limit in 1_usize..40,
        // Written after so many pages.
        appends in proptest::collection::vec(0_u64..4, 0..6),
    ) {
        run(async {
            let world = World::new(1);
            friend_writes(&world, 0, length).await;
            let ports = ReadPorts { log: &world, conversations: &world, personal: &world, clock: &world };
            let (mut got, mut at, mut appends) = (Vec::new(), Sequence(since), appends.into_iter());
            for _ in 0..PAGES_MAX {
                let page = page(ports, &user("bob"), &with(0), Span::After(at), limit).await.unwrap();
                prop_assert!(page.entries.len() <= limit);
                let end = world.log(&with(0)).last().map_or(Sequence::ZERO, |entry| entry.sequence);
                prop_assert_eq!(page.has_more, page.next < end, "whether there is more now");
                got.extend(page.entries.iter().map(|entry| entry.sequence.0));
                at = page.next;
                let written = appends.next();
                friend_writes(&world, 0, written.unwrap_or(0)).await;
                if !page.has_more && written.is_none() {
                    break;
                }
            }
            let end = world.log(&with(0)).len() as u64;
            prop_assert_eq!(got, (since + 1..=end).collect::<Vec<_>>());
            prop_assert_eq!(at.0, end.max(since), "where the next page starts");
            Ok(())
        })?;
    }

    #[test]
    fn backward_pages_are_the_log_once(length in 0_u64..60, before in 1_u64..70, limit in 1_usize..40) {
        run(async {
            let world = World::new(1);
            friend_writes(&world, 0, length).await;
            let ports = ReadPorts { log: &world, conversations: &world, personal: &world, clock: &world };
            let (mut got, mut at) = (Vec::new(), Sequence(before));
            for _ in 0..PAGES_MAX {
                let page = page(ports, &user("bob"), &with(0), Span::Before(at), limit).await.unwrap();
                prop_assert!(page.entries.is_sorted_by_key(|entry| entry.sequence));
                got.extend(page.entries.iter().rev().map(|entry| entry.sequence.0));
                at = page.next;
                if !page.has_more {
                    break;
                }
            }
            prop_assert_eq!(got, (1..=length.min(before - 1)).rev().collect::<Vec<_>>());
            Ok(())
        })?;
    }

    /// A drain says, of each conversation, what is after the cursor, in order and without a gap.
    #[test]
    fn a_drain_is_what_is_after_the_cursors(
        seed: u64,
        logs in proptest::collection::vec((1_u64..12, proptest::option::of(0_u64..15)), 1..6),
        meanwhile in proptest::collection::vec(0_usize..6, 0..8),
    ) {
        run(async {
            let world = World::new(seed);
            for (other, (length, _)) in logs.iter().enumerate() {
                friend_writes(&world, other, *length).await;
            }
            let owner = device("bob", "phone");
            let socket = Socket {
                owner: owner.clone(),
                connection: ConnectionId::parse("b").unwrap(),
                endpoint: "https://cell".into(),
                connected_at: world.now(),
            };
            world.open(&socket.session(world.now(), 300));
            world.set_faults(Faults { latency_ms_max: 10, ..Faults::default() });
            let cursors = logs.iter().enumerate();
            let cursors = cursors.filter_map(|(n, (_, held))| Some((with(n), Sequence((*held)?)))).collect();
            let request = HelloRequest { up_to_date_at: None, cursors };
            let writing = async {
                for other in &meanwhile {
                    friend_writes(&world, other % logs.len(), 1).await;
                }
            };
            let (drained, ()) = join(hello(sync_ports(&world), &Tokens, TERMS, &socket, &request), writing).await;
            drained.unwrap();
            let mut heard: BTreeMap<ConversationId, Vec<u64>> = BTreeMap::new();
            for posted in world.posted() {
                if let Notice::Entry(entry) = posted.notice {
                    heard.entry(entry.conversation.clone()).or_default().push(entry.sequence.0);
                }
            }
            for (other, (length, held)) in logs.iter().enumerate() {
                let mut heard = heard.remove(&with(other)).unwrap_or_default();
                let held = held.unwrap_or(0);
                // What was written meanwhile may come twice, by the drain and by a push.
                heard.sort_unstable();
                heard.dedup();
                let missed: Vec<u64> = (held + 1..=*length).collect();
                let drained: Vec<u64> = heard.iter().copied().filter(|sequence| sequence <= length).collect();
                prop_assert_eq!(drained, missed, "of conversation {}", other);
                let end = world.log(&with(other)).len() as u64;
                prop_assert!(heard.into_iter().filter(|sequence| *sequence > held).eq(held + 1..=end.max(held)));
            }
            Ok(())
        })?;
    }

    /// A list, and the one that follows it, tell of every conversation as it is in the end, whatever
    /// moved while the pages were read; and a list in peace tells of each once.
    #[test]
    fn lists_miss_no_conversation(
        count in 1_usize..10,
        limit in 1_usize..5,
        moves in proptest::collection::vec((0_usize..10, 0_u64..100, any::<bool>()), 0..8),
    ) {
        run(async {
            let world = World::new(1);
            for other in 0..count {
                friend_writes(&world, other, 1).await;
                tokio::time::sleep(std::time::Duration::from_mins(25)).await;
            }
            let mut moves = moves.into_iter();
            let mut known: BTreeMap<ConversationId, u64> = BTreeMap::new();
            let (mut cursor, mut in_peace) = (ListCursor::default(), 0);
            for _ in 0..PAGES_MAX {
                let page = list(sync_ports(&world), &user("bob"), &cursor, limit).await.unwrap();
                prop_assert!(page.conversations.len() <= limit);
                for summary in page.conversations {
                    known.insert(summary.conversation, summary.member.last_sequence.0);
                }
                cursor = page.next;
                let moved = moves.next();
                if let Some((other, minutes, at_once)) = moved {
                    let friend = device(&format!("friend{}", other % count), "phone");
                    let n = world.log(&with(other % count)).len();
                    send(&world, &message(&friend, &with(other % count), &n.to_string())).await.unwrap();
                    if at_once {
                        fan_out(fanout_ports(&world), 256, world.take_published()).await;
                    }
                    tokio::time::sleep(std::time::Duration::from_mins(minutes)).await;
                } else {
                    // The durable lane comes round at last, and two more lists are read to their ends.
                    fan_out(fanout_ports(&world), 256, world.take_published()).await;
                    in_peace += usize::from(!page.has_more);
                    if in_peace == 3 {
                        break;
                    }
                }
            }
            let all: BTreeMap<ConversationId, u64> =
                (0..count).map(|other| (with(other), world.log(&with(other)).len() as u64)).collect();
            prop_assert_eq!(known, all);
            Ok(())
        })?;
    }
}
