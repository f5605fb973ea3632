//! What people do with messages, by real clients: edits, deletions, reactions, polls, pins, threads,
//! content that is opened once or whose life ends.

use serde_json::{Value, json};
use tidings_sdk::{
    Draft, Event, Events, HttpError, MessageRef,
    protocol::{ErrorCode, Kind, MessageEvent, MessageNew, Payload},
};
use tidings_tests::{User, direct, dynamodb, encoded, eventually, invoke, message, now_ms};

/// The next message that a client hears and that is wanted.
async fn hears(events: &mut Events, wanted: impl Fn(&MessageNew) -> bool) -> MessageNew {
    loop {
        let next = tokio::time::timeout(std::time::Duration::from_secs(20), events.next()).await;
        if let Some(Event::Message(message)) = next.expect("heard in time")
            && wanted(&message)
        {
            return *message;
        }
    }
}

fn text(text: &str) -> Payload {
    Payload::of(&json!({ "text": text }))
}

fn code(result: Result<impl std::fmt::Debug, HttpError>) -> (Option<ErrorCode>, Value) {
    let error = result.unwrap_err();
    let details = match &error {
        HttpError::Rejected { error, .. } => error.details.clone().unwrap_or_default(),
        other => panic!("not refused by the service: {other:?}"),
    };
    (error.code(), details)
}

/// Everything of a conversation that the log's table holds.
async fn stored(conversation: &str) -> String {
    let query = json!({
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": { ":pk": { "S": format!("{conversation}#0") } },
    });
    dynamodb("Query", "LogTable", query).await.to_string()
}

#[tokio::test]
async fn an_edit_reaches_everyone_and_its_history_is_kept() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let chat = direct(&alice, &bob);
    let (a, _) = alice.client("phone").await;
    let (b, mut b_hears) = bob.client("phone").await;
    let sent = a.send(&chat, Draft::text("hallo")).await.await.unwrap();
    let target = MessageRef::from(&sent);
    let http = a.http().unwrap();
    http.edit(&target, text("hello")).await.unwrap();
    http.edit(&target, text("hello!")).await.unwrap();
    let edit = hears(&mut b_hears, |m| m.event == MessageEvent::Edit && m.sequence == 3).await;
    assert_eq!((edit.target_message_id.as_ref(), edit.target_sequence), (Some(&sent.message_id), Some(sent.sequence)));
    assert_eq!((edit.payload.value(), edit.target_user_id.as_ref()), (json!({ "text": "hello!" }), Some(&alice.id)));
    let by_bob = b.http().unwrap();
    let edits = || async { by_bob.edits(&target, 0).await.unwrap().messages };
    let history = eventually("both edits are noted", || async { Some(edits().await).filter(|e| e.len() == 2) }).await;
    let said: Vec<Value> = history.iter().map(|m| m.payload.value()["text"].clone()).collect();
    assert_eq!(said, ["hello", "hello!"]);
    assert_eq!(
        by_bob.message(&target).await.unwrap().payload.value(),
        json!({ "text": "hallo" }),
        "the log is as it was"
    );
    let (refused, details) = code(by_bob.edit(&target, text("mine")).await);
    assert_eq!((refused, details), (Some(ErrorCode::Forbidden), json!({ "rule": "only_author_edits" })));
}

#[tokio::test]
async fn what_is_deleted_for_everyone_is_gone_from_the_log() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let chat = direct(&alice, &bob);
    let (a, _) = alice.client("phone").await;
    let (b, mut b_hears) = bob.client("phone").await;
    let secret = "the-first-secret";
    let sent = a.send(&chat, Draft::text(secret).mentions([bob.id.as_str()])).await.await.unwrap();
    let target = MessageRef::from(&sent);
    a.http().unwrap().edit(&target, text("the-second-secret")).await.unwrap();
    let (refused, details) = code(b.http().unwrap().delete(&target).await);
    assert_eq!((refused, details), (Some(ErrorCode::Forbidden), json!({ "rule": "only_author_or_admin_deletes" })));
    assert!(stored(&chat).await.contains(secret));
    a.http().unwrap().delete(&target).await.unwrap();
    hears(&mut b_hears, |m| m.event == MessageEvent::Delete).await;
    eventually("no secret is left", || async { (!stored(&chat).await.contains("secret")).then_some(()) }).await;
    let left = b.http().unwrap().message(&target).await.unwrap();
    assert!(left.deleted && left.payload.value().is_null() && left.mentions.is_empty(), "{left:?}");
    let (refused, _) = code(b.http().unwrap().react(&target, Some("?")).await);
    assert_eq!(refused, Some(ErrorCode::NotFound));
    let (late, _) = bob.client("tablet").await;
    let log = late.http().unwrap().messages(&chat, tidings_sdk::Page::default()).await.unwrap();
    assert!(!serde_json::to_string(&log).unwrap().contains("secret"));
}

#[tokio::test]
async fn reactions_and_votes_are_counted_and_page_by_user() {
    let users = [User::new("olga"), User::new("carl"), User::new("dora")];
    let group = users[0].http("o").make_group(&[&users[1], &users[2]]).await;
    let (o, mut o_hears) = users[0].client("phone").await;
    let poll = o.send(&group, Draft::poll("Tea?", ["yes", "no", "later"])).await.await.unwrap();
    let poll = MessageRef::from(&poll);
    for (user, reaction, choices) in
        [(&users[0], "👍", &["yes"][..]), (&users[1], "👍", &["yes", "later"]), (&users[2], "🎉", &["no"])]
    {
        let (client, _) = user.client("voter").await;
        client.http().unwrap().react(&poll, Some(reaction)).await.unwrap();
        client.http().unwrap().vote(&poll, choices.iter().copied()).await.unwrap();
    }
    let (c, _) = users[1].client("other").await;
    c.http().unwrap().react(&poll, None).await.unwrap();
    c.http().unwrap().vote(&poll, ["no"]).await.unwrap();
    let reaction = hears(&mut o_hears, |m| m.event == MessageEvent::Reaction && m.reaction.is_none()).await;
    assert_eq!(reaction.sender_user_id, users[1].id);
    let vote = hears(&mut o_hears, |m| {
        m.event == MessageEvent::Vote && m.choices == ["no"] && m.sender_user_id == users[1].id
    })
    .await;
    assert_eq!(vote.target_message_id.as_deref(), Some(poll.message_id.as_str()));
    let http = o.http().unwrap();
    let expected = [("no".to_owned(), 2), ("yes".to_owned(), 1)].into();
    let votes = eventually("votes are counted", || async {
        Some(http.votes(&poll, None).await.unwrap()).filter(|votes| votes.counts == expected)
    })
    .await;
    assert_eq!((votes.by_user.len(), votes.next), (3, None));
    let reactions = http.reactions(&poll, None).await.unwrap();
    assert_eq!(reactions.counts, [("👍".to_owned(), 1), ("🎉".to_owned(), 1)].into());
    assert_eq!(reactions.by_user.len(), 2, "{reactions:?}");
    let text = o.send(&group, Draft::text("no poll")).await.await.unwrap();
    let (refused, details) = code(http.vote(&MessageRef::from(&text), ["yes"]).await);
    assert_eq!((refused, details), (Some(ErrorCode::Forbidden), json!({ "rule": "not_a_poll" })));
}

#[tokio::test]
async fn threads_count_what_each_has_not_read_and_pins_are_for_all() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let chat = direct(&alice, &bob);
    let (a, _) = alice.client("phone").await;
    let (b, _) = bob.client("phone").await;
    let root = a.send(&chat, Draft::text("shall we?")).await.await.unwrap();
    let mut last = 0;
    for text in ["yes", "where?", "here"] {
        last = b.send(&chat, Draft::text(text).thread_root(&root.message_id)).await.await.unwrap().sequence;
    }
    let http = a.http().unwrap();
    let thread = eventually("three replies", || async {
        http.threads(&chat, None).await.unwrap().threads.pop().filter(|thread| thread.replies == 3)
    })
    .await;
    assert_eq!(
        (thread.root_message_id.as_str(), thread.unread, thread.last_sequence),
        (root.message_id.as_str(), 3, last)
    );
    let replies = http.thread(&chat, &root.message_id, root.sequence).await.unwrap();
    assert_eq!((replies.messages.len(), replies.has_more), (3, false));
    http.read_thread(&chat, &root.message_id, last - 1).await.unwrap();
    assert_eq!(http.threads(&chat, None).await.unwrap().threads[0].unread, 1);

    let (first, second) = (MessageRef::from(&root), MessageRef { sequence: None, ..MessageRef::from(&root) });
    b.http().unwrap().pin(&first, true).await.unwrap();
    let pins = || async { http.pins(&chat).await.unwrap().pins };
    let pinned = eventually("it is pinned", || async { pins().await.pop() }).await;
    assert_eq!((pinned.message_id, pinned.by_user_id, pinned.sequence), (root.message_id, bob.id, root.sequence));
    http.pin(&second, false).await.unwrap();
    eventually("it is pinned no more", || async { pins().await.is_empty().then_some(()) }).await;
}

#[tokio::test]
async fn what_is_opened_once_is_shown_once_to_each_and_then_gone() {
    let users = [User::new("olga"), User::new("carl"), User::new("dora")];
    let group = users[0].http("o").make_group(&[&users[1], &users[2]]).await;
    let (o, _) = users[0].client("phone").await;
    let (c, mut c_hears) = users[1].client("phone").await;
    let (d, _) = users[2].client("phone").await;
    let sent = o.send(&group, Draft::text("only-once").view_once()).await.await.unwrap();
    let heard = hears(&mut c_hears, |m| m.view_once).await;
    assert!(heard.payload.value().is_null(), "{heard:?}");
    let target = MessageRef::from(&sent);
    let opened = c.http().unwrap().open(&target).await.unwrap();
    assert_eq!(opened.payload.value(), json!({ "text": "only-once" }));
    let (tablet, _) = users[1].client("tablet").await;
    assert_eq!(code(tablet.http().unwrap().open(&target).await).0, Some(ErrorCode::Conflict));
    assert_eq!(code(o.http().unwrap().open(&target).await).0, Some(ErrorCode::Forbidden));
    assert!(stored(&group).await.contains("only-once"), "dora has not opened it");
    d.http().unwrap().open(&target).await.unwrap();
    let timers = json!({ "FilterExpression": "tid = :tid", "ExpressionAttributeValues": { ":tid": { "S": format!("{group}#{}", sent.sequence) } } });
    let whys = || async {
        let items = dynamodb("Scan", "TimersTable", timers.clone()).await["Items"].clone();
        items.as_array().unwrap().iter().map(|item| item["why"]["S"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let set = eventually("both timers are set", || async { Some(whys().await).filter(|whys| whys.len() == 2) }).await;
    assert!(set.contains(&"viewed".to_owned()) && set.contains(&"expired".to_owned()), "{set:?}");
}

#[tokio::test]
async fn content_goes_from_reads_at_once_and_from_storage_when_its_life_ends() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let chat = direct(&alice, &bob);
    let (a, _) = alice.client("phone").await;
    let (b, mut b_hears) = bob.client("phone").await;
    let sent = a.send(&chat, Draft::text("soon-gone").ttl_seconds(2)).await.await.unwrap();
    hears(&mut b_hears, |m| m.ttl_seconds == Some(2)).await;
    let target = MessageRef::from(&sent);
    let read = eventually("it has expired", || async {
        Some(b.http().unwrap().message(&target).await.unwrap()).filter(|message| message.expired)
    })
    .await;
    assert!(read.payload.value().is_null());
    // The sweeper comes by every minute; here it is asked to.
    let rows = eventually("it is gone from storage", || async {
        invoke("sweeper", &json!({})).await;
        Some(stored(&chat).await).filter(|rows| !rows.contains("soon-gone"))
    })
    .await;
    assert!(rows.contains("expired"), "{rows}");
}

#[tokio::test]
async fn kinds_that_the_service_does_not_know_pass_through_and_forwards_are_counted() {
    let (alice, bob, carl) = (User::new("alice"), User::new("bob"), User::new("carl"));
    let chat = direct(&alice, &bob);
    let (a, _) = alice.client("phone").await;
    let (b, mut b_hears) = bob.client("phone").await;
    let (_c, mut c_hears) = carl.client("phone").await;
    a.send(&chat, Draft::text("look").kind(Kind::Other("sticker.v2".into()))).await.await.unwrap();
    let heard = hears(&mut b_hears, |m| m.event == MessageEvent::Message).await;
    assert_eq!(heard.kind, Kind::Other("sticker.v2".into()));
    b.send(&direct(&bob, &carl), Draft::forward(&heard)).await.await.unwrap();
    let passed_on = hears(&mut c_hears, |m| m.event == MessageEvent::Message).await;
    assert_eq!((passed_on.forwards, passed_on.kind, passed_on.payload), (1, heard.kind, heard.payload));
}

#[tokio::test]
async fn in_a_group_roles_decide_and_errors_name_the_rule() {
    let users = [User::new("olga"), User::new("carl"), User::new("dora")];
    let group = users[0].http("o").make_group(&[&users[1], &users[2]]).await;
    let mut c = users[1].connect("c").await;
    let mut o = users[0].connect("o").await;
    let mut loud = message(&group, "1", "everybody!");
    loud["mentions"] = json!(["@all"]);
    let refused = c.ask(loud.clone()).await;
    assert_eq!(
        (&refused["code"], &refused["details"]["rule"]),
        (&json!("forbidden"), &json!("only_admins_mention_all"))
    );
    let sent = o.ask(loud).await;
    assert_eq!(sent["type"], "message.sent");
    let heard = c.expect_message(&group, sent["sequence"].as_u64().unwrap()).await;
    assert_eq!(heard["mentions"], json!(["@all"]));
    let about = |frame_type: &str, id: &str| {
        json!({
            "type": frame_type, "conversationId": group, "messageId": sent["messageId"], "clientMsgId": id,
            "for": "everyone", "pinned": true, "payload": 1,
        })
    };
    let rule = |answer: Value| answer["details"]["rule"].clone();
    assert_eq!(rule(c.ask(about("message.delete", "2")).await), "only_author_or_admin_deletes");
    assert_eq!(rule(c.ask(about("message.edit", "3")).await), "only_author_edits");
    assert_eq!(c.ask(about("message.pin", "4")).await["type"], "message.sent");
    let said = c.say(&group, "mine").await;
    let mut deletion = about("message.delete", "5");
    deletion["messageId"] = said["messageId"].clone();
    deletion["messageSequence"] = said["sequence"].clone();
    assert_eq!(o.ask(deletion.clone()).await["type"], "message.sent", "the owner deletes what others sent");
    assert_eq!(o.ask(deletion.clone()).await["duplicate"], true);
    deletion["clientMsgId"] = json!("6");
    let again = || async { users[0].http("x").post("/deletes", &deletion).await };
    let refused =
        eventually("it is gone", || async { Some(again().await).filter(|answer| answer.status == 404) }).await;
    assert_eq!(refused.refused(404, "not_found")["details"]["field"], "messageId");
    let path = format!("/conversations/{}/messages/{}", encoded(&group), encoded(said["messageId"].as_str().unwrap()));
    assert_eq!(users[2].http("d").get(&path).await.ok()["message"]["deleted"], true);
}

#[tokio::test]
async fn bad_fields_are_named() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let chat = direct(&alice, &bob);
    let mut a = alice.connect("a").await;
    let sent = a.say(&chat, "hey").await;
    let good = json!({
        "conversationId": chat, "messageId": sent["messageId"], "clientMsgId": "1", "payload": 1, "reaction": "x",
        "for": "everyone", "choices": ["x"], "pinned": true,
    });
    for (frame_type, field, value) in [
        ("message.react", "reaction", json!("x".repeat(65))),
        ("message.react", "reaction", json!("")),
        ("message.react", "messageId", json!("m:1")),
        ("message.react", "messageSequence", json!(1_u64 << 40)),
        ("message.react", "clientMsgId", json!("")),
        ("message.vote", "choices", json!(vec!["x"; 13])),
        ("message.vote", "choices[1]", json!(["x", "x"])),
        ("message.delete", "for", json!("nobody")),
        ("message.pin", "pinned", json!("yes")),
        ("message.edit", "attempt", json!(0)),
        ("message.edit", "mentions[0]", json!(["@some"])),
    ] {
        let mut frame = good.clone();
        frame["type"] = json!(frame_type);
        frame[field.split('[').next().unwrap()] = value;
        let answer = a.ask(frame).await;
        assert_eq!((&answer["type"], &answer["details"]["field"]), (&json!("error"), &json!(field)), "{answer}");
    }
}

#[tokio::test]
async fn a_scheduled_message_is_sent_at_its_time() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let chat = direct(&alice, &bob);
    let (a, mut a_hears) = alice.client("phone").await;
    let (_b, mut b_hears) = bob.client("phone").await;
    let http = a.http().unwrap();
    let soon = now_ms() + 1_500;
    let kept = http.schedule(&chat, Draft::text("later").client_msg_id("1"), soon + 60_000).await.unwrap();
    let moved = http.schedule(&chat, Draft::text("soon").client_msg_id("1"), soon).await.unwrap();
    assert_eq!(moved.message_id, kept.message_id);
    let other = http.schedule(&chat, Draft::text("never").client_msg_id("2"), soon).await.unwrap();
    http.cancel_scheduled(&other.message_id).await.unwrap();
    assert_eq!(code(http.cancel_scheduled(&other.message_id).await).0, Some(ErrorCode::NotFound));
    let list = http.scheduled(None).await.unwrap();
    assert_eq!(list.scheduled.iter().map(|m| m.send_at).collect::<Vec<_>>(), [soon]);
    eventually("it is sent", || async {
        invoke("sweeper", &json!({})).await;
        http.scheduled(None).await.unwrap().scheduled.is_empty().then_some(())
    })
    .await;
    for events in [&mut a_hears, &mut b_hears] {
        let heard = hears(events, |m| m.conversation_id == chat).await;
        assert_eq!((heard.payload.value(), &heard.message_id), (json!({ "text": "soon" }), &moved.message_id));
        assert!(heard.ts >= soon, "{} is before {soon}", heard.ts);
    }
    let (refused, details) = code(http.schedule(&chat, Draft::text("past"), now_ms() - 1).await);
    assert_eq!((refused, &details["field"]), (Some(ErrorCode::BadRequest), &json!("sendAt")));
    let carl = User::new("carl");
    let elsewhere = direct(&bob, &carl);
    assert_eq!(code(http.schedule(&elsewhere, Draft::text("hi"), soon + 60_000).await).0, Some(ErrorCode::NotAMember));
}

#[tokio::test]
async fn what_is_deleted_for_oneself_is_gone_for_oneself_alone() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let chat = direct(&alice, &bob);
    let (mut phone, mut web) = (alice.connect("phone").await, alice.connect("web").await);
    let mut b = bob.connect("phone").await;
    let sent = b.say(&chat, "hey").await;
    phone.expect_message(&chat, 1).await;
    let frame = json!({
        "type": "message.delete", "conversationId": chat, "messageId": sent["messageId"], "messageSequence": 1,
        "clientMsgId": "1", "for": "me",
    });
    let answer = phone.ask(frame.clone()).await;
    assert_eq!((&answer["type"], &answer["messageId"]), (&json!("message.hidden"), &sent["messageId"]));
    assert_eq!(web.expect("message.hidden").await["messageId"], sent["messageId"]);
    assert_eq!(alice.http("phone").log(&chat).await, Vec::<Value>::new());
    assert_eq!(bob.http("phone").log(&chat).await.len(), 1);
    let by_http = b.say(&chat, "again").await;
    let mut body = frame;
    body["messageId"] = by_http["messageId"].clone();
    body["messageSequence"] = json!(2);
    let answer = alice.http("phone").post("/deletes", &body).await.ok();
    assert_eq!(answer["type"], "message.hidden");
    body["messageSequence"] = json!(7);
    alice.http("phone").post("/deletes", &body).await.refused(404, "not_found");
}
