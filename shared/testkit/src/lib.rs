//! One conformance suite for every implementation of the ports. It runs on the world in memory
//! and on the local AWS; where the two differ, the world in memory is wrong.
//!
//! Each check takes fresh names, so that all may run at once against one stack.

#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a check that does not hold panics: that is its answer"
)]

mod annotations;
mod buckets;
mod conversations;
mod groups;
mod invites;
mod keys;
mod log;
mod media;
pub mod mls;
mod personal;
pub mod programs;
mod push;
mod search;
mod sessions;

pub use annotations::*;
pub use buckets::*;
pub use conversations::*;
pub use groups::*;
pub use invites::*;
pub use keys::*;
pub use log::*;
pub use media::*;
pub use personal::*;
pub use push::*;
pub use search::*;
pub use sessions::*;

use tidings_domain::{
    annotations::{Annotations, Eraser},
    ids::{ClientMsgId, ConversationId, DeviceId, Sender, Sequence, Timestamp, UserId},
    log::{Content, ContentKind, ConversationState, Entry, EventKind},
    media::Media,
    ports::{
        Conversations, DeviceRegistry, DeviceSets, Devices, Inboxes, Invites, KeyDirectory, Log, Mailboxes, Personal,
        PrivacyRules, PushMarks, Rules, Sessions, Tickets,
    },
    rate::Buckets,
    schedule::Schedule,
    timers::Timers,
};

/// The ports under test, and names that nothing else has.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The log.
    pub log: &'a dyn Log,
    /// Conversations and members.
    pub conversations: &'a dyn Conversations,
    /// Ways into groups.
    pub invites: &'a dyn Invites,
    /// Live sockets.
    pub sessions: &'a dyn Sessions,
    /// Devices.
    pub devices: &'a dyn Devices,
    /// What devices have registered.
    pub registry: &'a dyn DeviceRegistry,
    /// Keys of devices.
    pub keys: &'a dyn KeyDirectory,
    /// Which devices have keys.
    pub device_sets: &'a dyn DeviceSets,
    /// Inboxes of devices that ask for events.
    pub inboxes: &'a dyn Inboxes,
    /// Mailboxes of devices.
    pub mailboxes: &'a dyn Mailboxes,
    /// Marks of pushes.
    pub marks: &'a dyn PushMarks,
    /// What users have ruled.
    pub rules: &'a dyn Rules,
    /// What users show of themselves.
    pub privacy: &'a dyn PrivacyRules,
    /// What users keep.
    pub personal: &'a dyn Personal,
    /// Token buckets.
    pub buckets: &'a dyn Buckets,
    /// Connect tickets.
    pub tickets: &'a dyn Tickets,
    /// Rows about single messages.
    pub annotations: &'a dyn Annotations,
    /// The log's content.
    pub eraser: &'a dyn Eraser,
    /// Timers.
    pub timers: &'a dyn Timers,
    /// Rows about content in object storage.
    pub media: &'a dyn Media,
    /// Scheduled messages.
    pub schedule: &'a dyn Schedule,
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
                mentions_all: true,
                is_view_once: true,
                forwards: 2,
                choices: vec!["yes".into()],
                ttl_seconds: Some(60),
                envelopes: [(DeviceId::parse("web").unwrap(), "AAAA".into())].into(),
                welcome: None,
                is_withheld: false,
            },
            membership: None,
            erased: None,
            state: ConversationState { epoch: 2, membership_version: Sequence(1), indexes_text: true },
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
        $test!(a_row_of_many_reads_like_many_rows);
        $test!(a_conversation_is_hot_until_the_latest_moment);
        $test!(marks_rise_and_read_implies_delivered);
        $test!(a_member_row_advances_by_the_highest_and_collects_its_rings);
        $test!(a_ring_keeps_the_last_64_in_any_order);
        $test!(a_group_row_is_not_made_by_a_late_event);
        $test!(activity_lists_latest_first_and_pages);
        $test!(a_standing_tells_the_senders_row);
        $test!(a_member_row_is_not_moved_over_what_it_lacks);
        $test!(preferences_are_set_and_taken_away);
        $test!(the_life_of_messages_is_kept_on_the_head);
        $test!(a_group_reads_back);
        $test!(text_is_indexed_while_all_agree);
        $test!(a_change_of_a_group_is_whole_or_not_at_all);
        $test!(roles_and_settings_change);
        $test!(of_two_who_change_one_thing_one_wins);
        $test!(ways_into_a_group_read_back);
        $test!(an_entrance_is_on_condition);
        $test!(changes_page_in_their_order);
        $test!(drafts_and_stars_page_without_what_is_gone);
        $test!(hidden_messages_are_found_by_their_place);
        $test!(drafts_are_counted);
        $test!(the_reach_of_a_pulled_group_begins_rises_and_ends);
        $test!(reading_in_a_pulled_group_leaves_the_row_at_the_far_end);
        $test!(a_session_is_its_sockets_alone);
        $test!(subscribers_are_listed_by_place);
        $test!(a_device_is_known_from_its_first_use);
        $test!(a_ticket_is_taken_once);
        $test!(a_registration_reads_back);
        $test!(a_revoked_device_stays_revoked);
        $test!(an_endpoint_goes_if_it_is_still_the_devices);
        $test!(a_token_has_one_holder);
        $test!(a_device_is_woken_once_in_a_time);
        $test!(a_set_of_devices_is_compared_and_swapped);
        $test!(a_package_is_taken_once);
        $test!(packages_expire);
        $test!(an_inbox_keeps_what_its_session_has_not_fetched);
        $test!(a_bucket_empties_and_fills);
        $test!(charges_at_once_are_all_counted);
        $test!(mail_is_kept_in_order);
        $test!(a_mailbox_is_bounded);
        $test!(marks_of_pushes_rise);
        $test!(blocks_and_quiet_times_are_kept);
        $test!(an_edit_and_a_deletion_see_one_another);
        $test!(the_latest_word_of_each_user_is_counted);
        $test!(words_at_once_are_all_counted);
        $test!(pins_are_as_the_latest_event_says);
        $test!(replies_are_counted_once);
        $test!(a_message_is_opened_once_by_each);
        $test!(content_goes_and_the_entry_stays);
        $test!(timers_are_found_in_their_minute);
        $test!(media_is_begun_once_and_within_the_days_quota);
        $test!(media_changes_are_of_one_object);
        $test!(media_is_ready_after_all_checks);
        $test!(media_lives_while_a_message_refers_to_it);
        $test!(media_is_looked_at_in_its_minute);
        $test!(a_preview_is_kept_in_the_place_of_what_was_read);
        $test!(a_scheduled_message_waits_for_its_minute);
    };
}
