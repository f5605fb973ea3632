//! What the service leans on in API Gateway, as far as the emulator's own tests do not show it
//! with the real template.

use serde_json::{Value, json};
use tidings_tests::{User, calls, eventually, fresh};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

fn heartbeat(id: &str, bytes: usize) -> String {
    let frame = json!({ "type": "presence.heartbeat", "id": id, "active": true, "filler": "" }).to_string();
    frame.replace(r#""filler":"""#, &format!(r#""filler":"{}""#, "x".repeat(bytes - frame.len())))
}

#[tokio::test]
async fn a_frame_of_32_kib_is_served_and_a_larger_one_closes_the_socket() {
    let user = User::new("alice");
    let mut socket = user.connect("a").await;
    let largest = heartbeat("largest", 32 * 1024);
    assert_eq!(largest.len(), 32 * 1024);
    socket.send_text(largest).await;
    assert_eq!(socket.answer_to("largest").await["type"], "presence.ok");
    socket.send_text(heartbeat("larger", 32 * 1024 + 1)).await;
    assert_eq!(socket.closed().await, Some(1009));
    // The user comes back as if nothing had been.
    user.connect("a").await.round_trip().await;
}

#[tokio::test]
async fn a_message_put_together_from_frames_is_refused_by_the_service() {
    let mut socket = User::new("alice").connect("a").await;
    let text = heartbeat("parts", 40 * 1024);
    let (first, second) = text.split_at(20 * 1024);
    let part = |text: &str, opcode, last| Message::Frame(Frame::message(text.to_owned(), OpCode::Data(opcode), last));
    assert!(socket.send_raw(part(first, Data::Text, false)).await);
    assert!(socket.send_raw(part(second, Data::Continue, true)).await);
    let error = socket.expect("error").await;
    assert_eq!((&error["code"], &error["details"]["field"]), (&json!("too_large"), &json!("frame")));
    socket.round_trip().await;
}

#[tokio::test]
async fn binary_frames_are_not_taken() {
    let mut socket = User::new("alice").connect("a").await;
    assert!(socket.send_raw(Message::binary(heartbeat("binary", 200).into_bytes())).await);
    assert_eq!(socket.closed().await, Some(1003));
}

#[tokio::test]
async fn success_of_an_ack_is_silent_and_an_answer_is_the_routes_response() {
    let alice = User::new("alice");
    let notes = alice.notes();
    let mut socket = alice.connect("a").await;
    let sent = socket.say(&notes, "x").await;
    let ack = fresh("ack");
    socket.send(json!({ "type": "message.ack", "id": ack, "conversationId": notes, "upTo": 1 })).await;
    eventually("the mark has risen", || async {
        (alice.http("a").summary(&notes).await["deliveredUpTo"] == 1).then_some(())
    })
    .await;
    socket.round_trip().await;
    assert!(socket.unread("error").is_empty() && socket.unread("message.delivered").is_empty());
    // Neither was posted: a response costs no call of @connections.
    let id = sent["clientMsgId"].as_str().unwrap();
    let posts: Vec<_> = calls(id).await.into_iter().filter(|call| call.action == "PostToConnection").collect();
    assert!(posts.is_empty(), "{posts:?}");
}

#[tokio::test]
async fn frames_of_a_socket_are_served_side_by_side() {
    let mut socket = User::new("alice").connect("a").await;
    let ids: Vec<String> = (0..20).map(|n| format!("h{n}")).collect();
    for id in &ids {
        socket.send_text(heartbeat(id, 120)).await;
    }
    let mut answered = Vec::new();
    for _ in &ids {
        let pong: Value = socket.expect("presence.ok").await;
        answered.push(pong["replyTo"].as_str().unwrap().to_owned());
    }
    answered.sort_by_key(|id| id[1..].parse::<usize>().unwrap());
    assert_eq!(answered, ids, "each once, in whatever order");
}
