use ratatui::{Terminal, backend::TestBackend, buffer::Buffer};
use serde_json::json;
use tidings_sdk::{
    Event,
    protocol::{MessageNew, UserPresence},
};

use super::*;
use crate::render::tests::message;

const NOW: u64 = 1_795_521_789_000;
const DAY: u64 = 86_400_000;

fn chat(messages: &[MessageNew]) -> Chat {
    let mut chat = Chat::new("alice", "u:alice|u:bob");
    chat.history(messages, false);
    chat.connection = Connection::Online;
    chat
}

fn drawn(chat: &mut Chat, width: u16, height: u16) -> (Vec<String>, Drawn, Buffer) {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let mut found = Drawn::default();
    terminal.draw(|frame| found = draw(frame, chat, &Zone::utc(), NOW)).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let rows = (0..height)
        .map(|y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned())
        .collect();
    (rows, found, buffer)
}

fn rows(chat: &mut Chat, width: u16, height: u16) -> Vec<String> {
    drawn(chat, width, height).0
}

fn own(sequence: u64) -> MessageNew {
    message(sequence, &json!({"senderUserId": "alice"}))
}

#[test]
fn a_chat_has_names_times_days_and_ticks() {
    let yesterday = message(1, &json!({"ts": NOW - DAY}));
    let mut chat = chat(&[yesterday, own(2), own(3), own(4)]);
    chat.mark("bob", 3, 2);
    chat.queued("c9", "not yet", NOW);
    chat.presence = Some(UserPresence { user_id: "bob".into(), state: PresenceState::Online, last_seen: None });
    chat.editor.insert("typing");
    assert_eq!(
        rows(&mut chat, 40, 12),
        [
            " bob  online  NOT encrypted",
            "",
            "",
            "     ── Monday 23 November 2026 ──",
            "12:03 bob  number 1",
            "     ── Tuesday 24 November 2026 ──",
            "12:03 alice  number 2 ✓✓",
            "12:03 alice  number 3 ✓✓",
            "12:03 alice  number 4 ✓",
            "12:03 alice  not yet ◷",
            "> typing",
            "● online as alice",
        ]
    );
    let (_, _, buffer) = drawn(&mut chat, 40, 12);
    assert_eq!(buffer[(22, 6)].fg, Color::LightBlue, "read is coloured");
    assert_eq!(buffer[(22, 7)].fg, Color::DarkGray, "delivered is not");
}

#[test]
fn long_messages_are_indented_and_the_tick_is_at_the_end() {
    let text = json!({"senderUserId": "alice", "payload": {"text": "the quick brown fox jumps over\nthe dog"}});
    let mut chat = chat(&[message(1, &text)]);
    assert_eq!(
        rows(&mut chat, 30, 7)[2..5],
        ["12:03 alice  the quick brown", "             fox jumps over", "             the dog ✓"]
    );
}

#[test]
fn a_narrow_terminal_still_shows_everything() {
    let mut chat = chat(&[own(1)]);
    assert_eq!(rows(&mut chat, 14, 6)[1..4], ["── Tuesday 24", "12:03 alice", "  number 1 ✓"]);
    for (width, height) in [(1, 1), (3, 2), (1, 9), (80, 3)] {
        drawn(&mut chat, width, height);
    }
}

#[test]
fn a_failure_says_why() {
    let mut chat = chat(&[]);
    chat.queued("c1", "hello", NOW);
    let error = tidings_sdk::SendError::QueueFull;
    let failed = Event::SendFailed { conversation_id: chat.conversation.clone(), client_msg_id: "c1".into(), error };
    chat.event(failed, NOW);
    assert_eq!(rows(&mut chat, 40, 6)[2..4], ["12:03 alice  hello ✗", "      the send queue is full"]);
}

#[test]
fn scrolling_stops_at_the_top_and_says_what_is_below() {
    let messages: Vec<MessageNew> = (1..=20).map(|sequence| message(sequence, &json!({}))).collect();
    let mut chat = chat(&messages);
    let (rows, found, _) = drawn(&mut chat, 40, 8);
    assert_eq!((rows[1].as_str(), rows[5].as_str()), ("12:03 bob  number 16", "12:03 bob  number 20"));
    assert_eq!((found.seen, found.at_top), (Some(20), false));

    chat.offset = 3;
    let (rows, found, _) = drawn(&mut chat, 40, 8);
    assert_eq!((rows[5].as_str(), found.seen), ("12:03 bob  number 17", Some(17)));
    assert!(rows[7].ends_with("↓ more below"), "{rows:?}");

    chat.offset = 500;
    let (rows, found, _) = drawn(&mut chat, 40, 8);
    assert_eq!(rows[1], "     ── Tuesday 24 November 2026 ──");
    assert!(found.at_top);
    assert_eq!(chat.offset, 16);
}

#[test]
fn a_message_that_is_half_on_the_screen_is_not_seen() {
    let long = message(2, &json!({"payload": {"text": "a\nb\nc"}}));
    let mut chat = chat(&[message(1, &json!({})), long]);
    chat.offset = 1;
    assert_eq!(drawn(&mut chat, 40, 7).1.seen, Some(1));
}

#[test]
fn the_status_line_counts_down() {
    let mut chat = chat(&[]);
    chat.connection = Connection::Offline { reason: "no answer".into(), retry_at_ms: Some(NOW + 2_500) };
    assert_eq!(rows(&mut chat, 60, 5)[4], "● offline, next try in 3 s: no answer");
    chat.connection = Connection::Offline { reason: "no".into(), retry_at_ms: None };
    assert_eq!(rows(&mut chat, 60, 5)[4], "● stopped: no");
}

#[test]
fn presence_is_told_as_well_as_it_is_known() {
    let mut chat = chat(&[]);
    let mut title = |state, last_seen| {
        chat.presence = Some(UserPresence { user_id: "bob".into(), state, last_seen });
        rows(&mut chat, 40, 4)[0].clone()
    };
    assert_eq!(title(PresenceState::Offline, Some(NOW - DAY)), " bob  last seen 23 Nov");
    assert_eq!(title(PresenceState::Recently, None), " bob  seen recently");
    assert_eq!(title(PresenceState::Offline, None), " bob", "never seen, or not ours to know");
}

#[test]
fn wide_characters_keep_their_columns() {
    let mut chat = chat(&[message(1, &json!({"payload": {"text": "日本語 👋 ok"}}))]);
    let (rows, _, _) = drawn(&mut chat, 40, 5);
    // A wide character leaves the cell after it empty.
    assert_eq!(rows[2].replace(' ', ""), "12:03bob日本語👋ok");
}
