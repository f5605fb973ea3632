//! Whatever the service says, in whatever order, and whatever the network does: the client goes
//! on, hands messages over in order and once, and writes only frames that the service takes.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;
use serde_json::{Value, json};
use tidings_protocol::{FRAME_BYTES_MAX, FrameHeader, FrameType, convert, parse_body};

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Open,
    Lose,
    Wait(u64),
    Say(String),
    Send(usize),
    Read(usize, u64),
    Pull(usize),
    List(Vec<(String, u64, u64)>),
}

const CONVERSATIONS: [&str; 3] = ["u:alice|u:bob", "u:alice|u:carol", "g:team"];

/// Mostly small, and the ends of what a number can be.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        12 => 0_u64..12,
        1 => prop_oneof![Just(u64::MAX), Just(1 << 40), Just((1 << 40) - 1), Just(u64::MAX / 1000), any::<u64>()],
    ]
}

fn conversation() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => prop::sample::select(&CONVERSATIONS[..]).prop_map(str::to_owned),
        1 => prop_oneof![Just(String::new()), Just("\u{1}".repeat(300)), any::<String>()],
    ]
}

fn message() -> impl Strategy<Value = Value> {
    (conversation(), number(), prop::sample::select(vec!["alice", "bob"]), 0_u8..6).prop_map(
        |(conversation, sequence, sender, id)| {
            json!({ "type": "message.new", "conversationId": conversation, "messageId": format!("m{sequence}"),
                "sequence": sequence, "senderUserId": sender, "senderDeviceId": "d1", "clientMsgId": id.to_string(),
                "payload": { "text": "hi" }, "ts": 1 })
        },
    )
}

fn ready() -> impl Strategy<Value = Value> {
    (number(), 0_u32..5, number(), 0_usize..3).prop_map(|(heartbeat, window, moment, length)| {
        json!({ "type": "session.ready", "userId": "alice", "deviceId": "d1", "heartbeatSeconds": heartbeat,
            "resumeToken": "\u{1}".repeat([4, 400, 40_000][length]), "sendWindow": window, "maxFrameBytes": 32_768,
            "reconnectBefore": moment, "serverTs": 0 })
    })
}

fn frame() -> impl Strategy<Value = Value> {
    // Ids of requests are 1, 2, … and those of marks m1, m2, …; those of messages are what was sent.
    let id = prop_oneof!["[0-9]", "m[1-4]", Just("hello".to_owned())];
    prop_oneof![
        2 => ready(),
        6 => message(),
        3 => (conversation(), number(), 0_u8..6).prop_map(|(conversation, sequence, id)| json!({ "type": "message.sent",
            "conversationId": conversation, "clientMsgId": id.to_string(), "messageId": "m", "sequence": sequence,
            "ts": 1, "duplicate": false })),
        3 => (conversation(), prop::collection::vec(message(), 0..5), number(), any::<bool>(), id.clone()).prop_map(
            |(conversation, mut messages, next, more, id)| {
                for message in &mut messages {
                    message["conversationId"] = conversation.clone().into();
                }
                json!({ "type": "sync.page", "conversationId": conversation, "messages": messages, "next": next,
                    "hasMore": more, "replyTo": id })
            }),
        1 => number().prop_map(|n| json!({ "type": "sync.complete", "conversations": n })),
        1 => (conversation(), number())
            .prop_map(|(c, n)| json!({ "type": "conversation.updated", "conversationId": c, "lastSequence": n })),
        1 => (0_u32..4, number())
            .prop_map(|(window, ms)| json!({ "type": "flow_control", "window": window, "retryAfterMs": ms })),
        1 => id.clone().prop_map(|id| json!({ "type": "presence.ok", "serverTs": 1, "replyTo": id })),
        2 => (prop::sample::select(vec!["rate_limited", "unavailable", "bad_request", "hologram"]), number(), id)
            .prop_map(|(code, ms, id)| json!({ "type": "error", "code": code, "message": "no", "replyTo": id,
                "retryAfterMs": ms })),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Open),
        1 => Just(Step::Lose),
        4 => (0_u64..20_000).prop_map(Step::Wait),
        12 => frame().prop_map(|frame| Step::Say(frame.to_string())),
        1 => any::<String>().prop_map(Step::Say),
        3 => (0_usize..3).prop_map(Step::Send),
        1 => (0_usize..3, number()).prop_map(|(conversation, up_to)| Step::Read(conversation, up_to)),
        1 => (0_usize..3).prop_map(Step::Pull),
        1 => prop::collection::vec((conversation(), number(), number()), 0..4).prop_map(Step::List),
    ]
}

/// What the service would say to a frame of the client.
fn is_taken(text: &str) -> Result<(), TestCaseError> {
    prop_assert!(text.len() <= FRAME_BYTES_MAX, "{} bytes", text.len());
    let header = FrameHeader::parse(text).map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?;
    let refused = match FrameType::parse(&header.frame_type) {
        Some(FrameType::Hello) => convert::hello_request(&parse_body(text).unwrap(), None).err(),
        Some(FrameType::Ack) => convert::ack_request(&parse_body(text).unwrap()).err(),
        Some(FrameType::Read) => convert::read_request(&parse_body(text).unwrap()).err(),
        Some(FrameType::Pull) => convert::pull_request(&parse_body(text).unwrap()).err(),
        Some(_) => None,
        None => return Err(TestCaseError::fail(format!("no such frame: {text}"))),
    };
    prop_assert!(refused.is_none(), "{refused:?}: {text}");
    Ok(())
}

#[derive(Default)]
struct Heard {
    last: BTreeMap<String, u64>,
    accepted: HashSet<String>,
}

impl Heard {
    fn take(&mut self, engine: &mut Engine) -> Result<(), TestCaseError> {
        while let Some(event) = engine.next_event() {
            match event {
                Event::Message(message) => {
                    let last = self.last.insert(message.conversation_id.clone(), message.sequence);
                    prop_assert!(last.is_none_or(|last| last < message.sequence), "in order, and once");
                }
                Event::MessageSent(sent) => prop_assert!(self.accepted.insert(sent.client_msg_id), "answered once"),
                _ => {}
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn goes_on_and_keeps_its_promises(steps in prop::collection::vec(step(), 1..60), lists: bool) {
        let mut engine = engine(lists);
        let (mut now, mut sent, mut heard) = (Moment::ZERO, 0, Heard::default());
        for step in steps {
            match step {
                Step::Open => {
                    engine.lost(now);
                    engine.opened(now);
                }
                Step::Lose => engine.lost(now),
                Step::Wait(ms) => now += Duration::from_millis(ms),
                Step::Say(text) => engine.frame(&text, now),
                Step::Send(conversation) => {
                    let draft = Draft::text("hi").client_msg_id(sent.to_string());
                    let message = Box::new(draft.into_send(CONVERSATIONS[conversation], 1));
                    let (reply, _) = oneshot::channel();
                    engine.command(Command::Send { message, reply }, now);
                    sent += 1;
                }
                Step::Read(conversation, up_to) => {
                    let conversation = CONVERSATIONS[conversation].to_owned();
                    engine.command(Command::Read { conversation, up_to }, now);
                }
                Step::Pull(conversation) => {
                    let conversation_id = CONVERSATIONS[conversation].to_owned();
                    let pull = Pull { conversation_id, since: 0, limit: None, encoding: None };
                    engine.command(Command::Pull { pull, reply: oneshot::channel().0 }, now);
                }
                Step::List(list) => {
                    if engine.list_request(now).is_some() {
                        let summary = |(conversation, last, read): (String, u64, u64)| {
                            json!({ "conversationId": conversation, "lastSequence": last, "deliveredUpTo": read,
                                "readUpTo": read, "unread": 0, "muted": false, "lastTs": 1 })
                        };
                        let conversations = list.into_iter().map(|one| serde_json::from_value(summary(one)).unwrap());
                        engine.listed(Some(List { conversations: conversations.collect(), next: "c".into() }), now);
                    }
                }
            }
            engine.tick(now);
            let _ = engine.wake();
            while let Some(text) = engine.next_frame() {
                is_taken(&text)?;
            }
            heard.take(&mut engine)?;
        }
        engine.flush();
        engine.stop();
    }
}
