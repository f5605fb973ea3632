use rand::SeedableRng;
use serde_json::{Value, json};
use tidings_protocol::{MessageSend, Payload, http::ConversationSummary};

mod any_frames;

use super::*;
use crate::{draft::Draft, error::RequestError};

const CONVERSATION: &str = "u:alice|u:bob";

fn ms(ms: u64) -> Moment {
    Duration::from_millis(ms)
}

fn engine(lists: bool) -> Engine {
    Engine::new(
        EngineConfig {
            device: "d1".into(),
            outbox: OutboxConfig { capacity: 10, answer_timeout: ms(10_000) },
            ack_delay: ms(300),
            auto_ack: true,
            request_timeout: ms(10_000),
            cursors: Vec::new(),
            lists,
        },
        SmallRng::seed_from_u64(1),
    )
}

fn ready() -> String {
    json!({"type": "session.ready", "userId": "alice", "deviceId": "d1", "resumeToken": "r1", "heartbeatSeconds": 240,
        "sendWindow": 8, "maxFrameBytes": 32768, "reconnectBefore": 7_000_000, "serverTs": 0})
    .to_string()
}

fn new(sequence: u64, sender: &str, client_msg_id: &str) -> String {
    json!({"type": "message.new", "conversationId": CONVERSATION, "messageId": format!("m{sequence}"),
        "sequence": sequence, "senderUserId": sender, "senderDeviceId": "d1", "clientMsgId": client_msg_id,
        "event": "message", "kind": "text", "payload": {"text": "hi"}, "ts": 1})
    .to_string()
}

fn written(engine: &mut Engine) -> Vec<Value> {
    std::iter::from_fn(|| engine.next_frame()).map(|text| serde_json::from_str(&text).unwrap()).collect()
}

fn types(frames: &[Value]) -> Vec<&str> {
    frames.iter().map(|frame| frame["type"].as_str().unwrap()).collect()
}

fn messages(engine: &mut Engine) -> Vec<u64> {
    std::iter::from_fn(|| engine.next_event())
        .filter_map(|event| if let Event::Message(message) = event { Some(message.sequence) } else { None })
        .collect()
}

/// A live connection at moment 0, with nothing to do.
fn live(lists: bool) -> Engine {
    let mut engine = engine(lists);
    engine.opened(ms(0));
    engine.frame(&ready(), ms(0));
    engine.frame(r#"{"type":"sync.complete","conversations":0,"replyTo":"hello"}"#, ms(0));
    if lists {
        assert_eq!(engine.list_request(ms(0)), Some(ListRequest { since: None }));
        engine.listed(Some(List { conversations: vec![], next: "c1".into() }), ms(0));
    }
    engine.tick(ms(0));
    written(&mut engine);
    while engine.next_event().is_some() {}
    engine
}

fn send(engine: &mut Engine, id: &str, now: Moment) -> oneshot::Receiver<Result<MessageSent, SendError>> {
    let message = Box::new(Draft::text("hi").client_msg_id(id).into_send(CONVERSATION, 1));
    let (reply, answer) = oneshot::channel();
    engine.command(Command::Send { message, reply }, now);
    engine.tick(now);
    answer
}

fn summary(last: u64, delivered: u64, read: u64) -> ConversationSummary {
    serde_json::from_value(json!({"conversationId": CONVERSATION, "lastSequence": last, "deliveredUpTo": delivered,
        "readUpTo": read, "unread": 0, "muted": false, "lastTs": 1}))
    .unwrap()
}

#[test]
fn frames_carry_ids_and_payloads_byte_for_byte() {
    let payload = Payload::from_text(r#"{"z":1.10,"n":12345678901234567890123}"#.into()).unwrap();
    let frame = ClientFrame::Send(Box::new(MessageSend { payload, ..MessageSend::default() }));
    let text = text_of(&frame, Some("7"));
    assert!(text.contains(r#""payload":{"z":1.10,"n":12345678901234567890123}"#), "{text}");
    assert!(text.contains(r#""id":"7""#) && text.contains(r#""type":"message.send""#), "{text}");
}

#[test]
fn says_hello_with_what_it_holds_and_resumes() {
    let mut engine = live(false);
    engine.frame(&new(1, "bob", "b1"), ms(10));
    engine.lost(ms(20));
    engine.opened(ms(30));
    let frames = written(&mut engine);
    assert_eq!(
        frames,
        [json!({"type": "session.hello", "id": "hello", "resumeToken": "r1", "cursors": {CONVERSATION: 1}})]
    );
}

#[test]
fn the_end_of_a_drain_may_bring_a_better_token() {
    let mut engine = live(false);
    engine.frame(r#"{"type":"sync.complete","conversations":0,"resumeToken":"r2"}"#, ms(0));
    engine.lost(ms(20));
    engine.opened(ms(30));
    assert_eq!(written(&mut engine)[0]["resumeToken"], "r2");
}

#[test]
fn an_unanswered_hello_is_a_dead_connection() {
    let mut engine = engine(false);
    engine.opened(ms(0));
    assert_eq!(engine.tick(ms(14_999)), Verdict::Fine);
    assert_eq!(engine.wake(), Some(ms(15_000)));
    assert_eq!(engine.tick(ms(15_000)), Verdict::Dead);
}

#[test]
fn a_refused_hello_is_a_dead_connection() {
    let mut engine = engine(false);
    engine.opened(ms(0));
    engine.frame(r#"{"type":"error","code":"unavailable","message":"later","replyTo":"hello"}"#, ms(5));
    assert_eq!(engine.tick(ms(5)), Verdict::Dead);
}

#[test]
fn an_unanswered_heartbeat_is_a_dead_connection_and_an_answered_one_is_not() {
    let mut engine = live(true);
    assert_eq!(engine.wake(), Some(ms(240_000)));
    assert_eq!(engine.tick(ms(240_000)), Verdict::Fine);
    let frames = written(&mut engine);
    assert_eq!(frames[0]["type"], "presence.heartbeat");
    assert_eq!(frames[0]["active"], true);
    assert_eq!(engine.list_request(ms(240_000)), Some(ListRequest { since: Some("c1".into()) }));
    let answer = json!({"type": "presence.ok", "serverTs": 1, "replyTo": frames[0]["id"]}).to_string();
    engine.frame(&answer, ms(240_100));
    assert_eq!(engine.tick(ms(250_000)), Verdict::Fine);
    engine.tick(ms(480_000));
    assert_eq!(engine.tick(ms(490_000)), Verdict::Dead);
}

#[test]
fn the_list_at_a_heartbeat_finds_what_was_lost() {
    let mut engine = live(true);
    engine.frame(&new(1, "bob", "b1"), ms(10));
    assert_eq!(messages(&mut engine), [1]);
    engine.tick(ms(400));
    assert_eq!(types(&written(&mut engine)), ["message.ack"]);
    engine.tick(ms(240_000));
    engine.list_request(ms(240_000)).unwrap();
    engine.listed(Some(List { conversations: vec![summary(3, 1, 0)], next: "c2".into() }), ms(240_010));
    engine.tick(ms(240_010));
    let frames = written(&mut engine);
    assert_eq!(types(&frames), ["presence.heartbeat", "sync.pull"]);
    assert_eq!((&frames[1]["since"], &frames[1]["conversationId"]), (&json!(1), &json!(CONVERSATION)));
    let entry = |sequence| serde_json::from_str::<Value>(&new(sequence, "bob", "x")).unwrap();
    let page = json!({"type": "sync.page", "conversationId": CONVERSATION, "messages": [entry(2), entry(3)],
        "next": 3, "hasMore": false, "replyTo": frames[1]["id"]});
    engine.frame(&page.to_string(), ms(240_020));
    assert_eq!(messages(&mut engine), [2, 3]);
    engine.tick(ms(240_320));
    let frames = written(&mut engine);
    assert_eq!((types(&frames), &frames[0]["upTo"]), (vec!["message.ack"], &json!(3)));
}

#[test]
fn an_unknown_conversation_starts_at_the_users_mark() {
    let mut engine = engine(true);
    let request = engine.list_request(ms(0));
    assert_eq!(request, Some(ListRequest { since: None }), "asked for beside the connecting");
    engine.opened(ms(0));
    engine.frame(&ready(), ms(10));
    engine.frame(&new(9, "bob", "b9"), ms(20));
    engine.frame(&new(7, "bob", "b7"), ms(21));
    assert_eq!(messages(&mut engine), Vec::<u64>::new());
    engine.listed(Some(List { conversations: vec![summary(9, 6, 6)], next: "c".into() }), ms(30));
    assert_eq!(messages(&mut engine), [7]);
    engine.frame(&new(8, "bob", "b8"), ms(40));
    assert_eq!(messages(&mut engine), [8, 9]);
}

#[test]
fn a_conversation_that_a_later_list_does_not_have_is_new() {
    let mut engine = live(true);
    engine.frame(&new(2, "bob", "b2"), ms(1_000));
    engine.tick(ms(1_000));
    let request = engine.list_request(ms(1_000)).expect("asks for the list again");
    assert_eq!(request.since.as_deref(), Some("c1"));
    engine.listed(Some(List { conversations: vec![], next: "c1".into() }), ms(1_010));
    engine.tick(ms(1_200));
    let frames = written(&mut engine);
    assert_eq!((types(&frames), &frames[0]["since"]), (vec!["sync.pull"], &json!(0)));
}

#[test]
fn without_a_list_the_first_message_is_the_start() {
    let mut engine = engine(false);
    engine.opened(ms(0));
    engine.frame(&ready(), ms(10));
    engine.frame(&new(9, "bob", "b9"), ms(20));
    engine.frame(&new(7, "bob", "b7"), ms(21));
    engine.tick(ms(25));
    assert_eq!(messages(&mut engine), Vec::<u64>::new(), "more may be drained");
    engine.frame(&new(8, "bob", "b8"), ms(30));
    engine.frame(r#"{"type":"sync.complete","conversations":1}"#, ms(40));
    engine.tick(ms(40));
    assert_eq!(messages(&mut engine), [7, 8, 9]);
}

#[test]
fn a_drain_that_nobody_ends_ends() {
    let mut engine = engine(false);
    engine.opened(ms(0));
    engine.frame(&ready(), ms(0));
    engine.frame(&new(5, "bob", "b5"), ms(5_000));
    engine.tick(ms(19_999));
    assert_eq!(messages(&mut engine), Vec::<u64>::new());
    assert_eq!(engine.wake(), Some(ms(20_000)));
    engine.tick(ms(20_000));
    assert_eq!(messages(&mut engine), [5]);
}

#[test]
fn a_message_is_answered_once_whatever_arrives() {
    let mut engine = live(false);
    let mut answer = send(&mut engine, "c1", ms(0));
    let frames = written(&mut engine);
    assert_eq!(types(&frames), ["message.send"]);
    assert_eq!((&frames[0]["attempt"], &frames[0]["baseSequence"]), (&json!(1), &json!(0)));
    // The answer is lost, and the message comes back by another lane.
    engine.frame(&new(1, "alice", "c1"), ms(50));
    assert_eq!(answer.try_recv().unwrap().unwrap().sequence, 1);
    let sent = json!({"type": "message.sent", "conversationId": CONVERSATION, "clientMsgId": "c1", "messageId": "m1",
        "sequence": 1, "ts": 1, "duplicate": true});
    engine.frame(&sent.to_string(), ms(60));
    engine.frame(&new(1, "alice", "c1"), ms(70));
    let told: Vec<Event> = std::iter::from_fn(|| engine.next_event()).collect();
    assert!(matches!(told.as_slice(), [Event::MessageSent(sent)] if sent.sequence == 1), "{told:?}");
    engine.tick(ms(10_000));
    assert_eq!(written(&mut engine), Vec::<Value>::new(), "neither a resend nor an acknowledgement");
}

#[test]
fn messages_of_the_users_other_devices_are_messages() {
    let mut engine = live(false);
    let other = new(1, "alice", "x").replace(r#""senderDeviceId":"d1""#, r#""senderDeviceId":"d2""#);
    engine.frame(&other, ms(0));
    assert_eq!(messages(&mut engine), [1]);
    engine.tick(ms(1_000));
    assert_eq!(written(&mut engine), Vec::<Value>::new(), "own messages need no acknowledgement");
}

#[test]
fn errors_find_whom_they_concern() {
    let mut engine = live(false);
    let mut answer = send(&mut engine, "c1", ms(0));
    let error = |rest: Value| {
        let mut error = json!({"type": "error", "code": "not_a_member", "message": "no"});
        error.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        error.to_string()
    };
    engine.frame(&error(json!({"code": "rate_limited", "clientMsgId": "c1", "retryAfterMs": 700})), ms(0));
    assert!(answer.try_recv().is_err(), "still on its way");
    written(&mut engine);
    engine.tick(ms(900));
    let again = written(&mut engine);
    assert_eq!(again[0]["attempt"], 2);
    engine.frame(&error(json!({"replyTo": "c1"})), ms(1_000));
    let refused = answer.try_recv().unwrap().unwrap_err();
    assert_eq!(refused.code(), Some(tidings_protocol::ErrorCode::NotAMember));
    assert!(matches!(engine.next_event(), Some(Event::SendFailed { client_msg_id, .. }) if client_msg_id == "c1"));

    let (reply, mut answer) = oneshot::channel();
    let pull = Pull { conversation_id: CONVERSATION.into(), since: 0, limit: None, encoding: None };
    engine.command(Command::Pull { pull: pull.clone(), reply }, ms(1_000));
    let id = written(&mut engine)[0]["id"].clone();
    engine.frame(&error(json!({"replyTo": id})), ms(1_000));
    assert!(matches!(answer.try_recv().unwrap(), Err(RequestError::Rejected(_))));

    let (reply, mut answer) = oneshot::channel();
    engine.command(Command::Pull { pull: pull.clone(), reply }, ms(1_000));
    engine.tick(ms(11_000));
    assert_eq!(answer.try_recv().unwrap().unwrap_err(), RequestError::TimedOut);

    let (reply, mut answer) = oneshot::channel();
    engine.command(Command::Pull { pull: pull.clone(), reply }, ms(12_000));
    engine.lost(ms(12_000));
    assert_eq!(answer.try_recv().unwrap().unwrap_err(), RequestError::NotConnected);

    let (reply, mut answer) = oneshot::channel();
    engine.command(Command::Pull { pull, reply }, ms(12_000));
    assert_eq!(answer.try_recv().unwrap().unwrap_err(), RequestError::NotConnected);
}

#[test]
fn a_refused_mark_is_sent_again() {
    let mut engine = live(false);
    engine.frame(&new(1, "bob", "b1"), ms(0));
    engine.tick(ms(300));
    let id = written(&mut engine)[0]["id"].clone();
    let error = json!({"type": "error", "code": "unavailable", "message": "later", "retryAfterMs": 500, "replyTo": id});
    engine.frame(&error.to_string(), ms(310));
    engine.tick(ms(800));
    assert_eq!(written(&mut engine), Vec::<Value>::new());
    engine.tick(ms(810));
    assert_eq!(types(&written(&mut engine)), ["message.ack"]);
}

#[test]
fn presence_is_watched_over_reconnects() {
    let mut engine = live(false);
    let (reply, mut answer) = oneshot::channel();
    engine.command(Command::Watch { users: vec!["bob".into()], on: true, reply }, ms(0));
    let id = written(&mut engine)[0]["id"].clone();
    let update = json!({"type": "presence.update", "users": [{"userId": "bob", "state": "online"}], "replyTo": id});
    engine.frame(&update.to_string(), ms(10));
    assert_eq!(answer.try_recv().unwrap().unwrap()[0].user_id, "bob");
    assert!(matches!(engine.next_event(), Some(Event::Presence(_))));
    engine.lost(ms(20));
    engine.opened(ms(30));
    engine.frame(&ready(), ms(40));
    let frames = written(&mut engine);
    assert_eq!(types(&frames), ["session.hello", "presence.subscribe"]);
    assert_eq!(frames[1]["userIds"], json!(["bob"]));
}

#[test]
fn too_large_a_message_never_leaves() {
    let mut engine = live(false);
    let message = Box::new(Draft::text("x".repeat(40_000)).client_msg_id("big").into_send(CONVERSATION, 1));
    let (reply, mut answer) = oneshot::channel();
    engine.command(Command::Send { message, reply }, ms(0));
    assert!(matches!(answer.try_recv().unwrap(), Err(SendError::TooLarge { .. })));
    engine.tick(ms(0));
    assert_eq!(written(&mut engine), Vec::<Value>::new());
}

#[test]
fn a_first_message_waits_for_the_list_and_not_for_ever() {
    let mut engine = engine(true);
    engine.list_request(ms(0));
    engine.opened(ms(0));
    engine.frame(&ready(), ms(100));
    engine.frame(r#"{"type":"sync.complete","conversations":0}"#, ms(100));
    send(&mut engine, "c1", ms(100));
    written(&mut engine);
    assert_eq!(engine.wake(), Some(ms(3_100)));
    engine.tick(ms(3_100));
    assert_eq!(types(&written(&mut engine)), ["message.send"]);
}

#[test]
fn unknown_and_broken_frames_do_no_harm() {
    let mut engine = live(false);
    for text in
        ["", "{", r#"{"type":"hologram"}"#, r#"{"message":"Internal server error"}"#, r#"{"type":"message.new"}"#]
    {
        engine.frame(text, ms(0));
    }
    assert_eq!(engine.tick(ms(0)), Verdict::Fine);
    assert_eq!(engine.events_waiting(), 0);
}
