//! One conformance suite for every implementation of the ports. It runs on the world in memory
//! and on the local AWS; where the two differ, the world in memory is wrong.
//!
//! Each check takes fresh names, so that all may run at once against one stack.

#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a check that does not hold panics: that is its answer"
)]

mod conversations;
mod log;
mod sessions;

pub use conversations::*;
pub use log::*;
pub use sessions::*;

use tidings_domain::{
    ids::{ClientMsgId, ConversationId, DeviceId, Sender, Sequence, Timestamp, UserId},
    log::{Content, ContentKind, ConversationState, Entry, EventKind},
    ports::{Conversations, Devices, Log, Sessions, Tickets},
};

/// The ports under test, and names that nothing else has.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The log.
    pub log: &'a dyn Log,
    /// Conversations and members.
    pub conversations: &'a dyn Conversations,
    /// Live sockets.
    pub sessions: &'a dyn Sessions,
    /// Devices.
    pub devices: &'a dyn Devices,
    /// Connect tickets.
    pub tickets: &'a dyn Tickets,
    /// Part of each name.
    pub run: &'a str,
}

impl Subject<'_> {
    /// A user of this run.
    pub fn user(&self, name: &str) -> UserId {
        UserId::parse(&format!("{name}-{}", self.run)).unwrap()
    }

    /// A device of a user of this run.
    pub fn device(&self, user: &str, device: &str) -> Sender {
        Sender { user: self.user(user), device: DeviceId::parse(device).unwrap() }
    }

    /// The conversation of two users of this run.
    pub fn direct(&self, one: &str, other: &str) -> ConversationId {
        ConversationId::direct(self.user(one), self.user(other))
    }

    /// A row of a log.
    pub fn entry(&self, conversation: &ConversationId, sequence: u64) -> Entry {
        Entry {
            conversation: conversation.clone(),
            sequence: Sequence(sequence),
            sender: self.device("alice", "phone"),
            client_msg_id: ClientMsgId::parse(&format!("c{sequence}")).unwrap(),
            ts: Timestamp(1_800_000_000_000 + sequence),
            event: EventKind::Message,
            target: None,
            content: Content {
                kind: ContentKind::Text,
                payload: r#"{"text":"hey"}"#.into(),
                client_ts: Timestamp(7),
                media_handle: None,
                in_reply_to: None,
                thread_root: None,
                mentions: vec![self.user("bob")],
                ttl_seconds: Some(60),
                envelopes: [(DeviceId::parse("web").unwrap(), "AAAA".into())].into(),
            },
            state: ConversationState { epoch: 2, membership_version: Sequence(1) },
        }
    }
}

/// Runs every check on a subject: `conformance!(subject, runner)`, where `runner` makes a test of
/// a name and an async check.
#[macro_export]
macro_rules! conformance {
    ($test:ident) => {
        $test!(an_append_takes_a_free_place_and_no_other);
        $test!(of_concurrent_appends_one_wins);
        $test!(a_log_reads_across_partitions_in_both_directions);
        $test!(a_tail_is_found_from_any_known_sequence);
        $test!(marks_rise_and_read_implies_delivered);
        $test!(a_member_row_advances_by_the_highest_and_collects_its_rings);
        $test!(a_ring_keeps_the_last_64_in_any_order);
        $test!(a_group_row_is_not_made_by_a_late_event);
        $test!(activity_lists_latest_first_and_pages);
        $test!(a_standing_tells_the_senders_row);
        $test!(a_session_is_its_sockets_alone);
        $test!(a_device_is_known_from_its_first_use);
        $test!(a_ticket_is_taken_once);
    };
}
