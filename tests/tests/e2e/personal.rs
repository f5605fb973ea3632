//! Drafts, stars and hidden messages, on several devices of one user.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tidings_sdk::Event;
use tidings_tests::{Answer, Http, User, direct, encoded, eventually, get_item, member_key, message, now_ms};
use tokio::time::timeout;

/// So long without an event, and none is on its way.
const SILENCE: Duration = Duration::from_secs(5);

async fn save(http: &Http, conversation: &str, payload: Value, ts: u64) -> Answer {
    let body = json!({ "payload": payload, "ts": ts });
    http.send(Method::PUT, &format!("/drafts/{}", encoded(conversation)), &body).await
}

fn on_message(what: &str, conversation: &str, sent: &Value) -> String {
    let id = encoded(sent["messageId"].as_str().unwrap());
    format!("/{what}/{}/{id}?sequence={}", encoded(conversation), sent["sequence"])
}

async fn put(http: &Http, what: &str, conversation: &str, sent: &Value) -> Answer {
    http.send(Method::PUT, &on_message(what, conversation, sent), &Value::Null).await
}

async fn changes(http: &Http, since: &str) -> (Vec<Value>, String) {
    let page = http.get(&format!("/personal?since={since}")).await.ok();
    assert_eq!(page["hasMore"], false);
    (page["changes"].as_array().unwrap().clone(), page["next"].as_str().unwrap().to_owned())
}

fn sequences(log: &[Value]) -> Vec<u64> {
    log.iter().map(|entry| entry["sequence"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_draft_goes_to_ones_other_devices_and_the_later_stands() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (mut phone, mut web, mut b) =
        (alice.connect("phone").await, alice.connect("web").await, bob.connect("b").await);
    let (by_phone, by_web) = (alice.http("phone"), alice.http("web"));
    let ts = now_ms() - 60_000;
    let kept = save(&by_phone, &conversation, json!({ "text": "he" }), ts).await.ok();
    assert_eq!(kept, json!({ "conversationId": conversation, "payload": { "text": "he" }, "ts": ts }));
    let heard = web.expect("draft.updated").await;
    assert_eq!((&heard["payload"]["text"], &heard["ts"]), (&json!("he"), &json!(ts)));
    let stands = save(&by_web, &conversation, json!({ "text": "older" }), ts - 1).await.ok();
    assert_eq!(stands["payload"]["text"], "he", "what stands is answered");
    save(&by_web, &conversation, json!({ "text": "hello" }), ts + 1).await.ok();
    assert_eq!(phone.expect("draft.updated").await["payload"]["text"], "hello");
    let listed = by_phone.get("/drafts").await.ok();
    assert_eq!(listed["drafts"][0]["payload"]["text"], "hello");
    save(&by_web, &conversation, Value::Null, ts + 2).await.ok();
    assert_eq!(phone.expect("draft.updated").await["payload"], Value::Null);
    assert_eq!(by_phone.get("/drafts").await.ok(), json!({ "drafts": [], "hasMore": false }));
    web.round_trip().await;
    assert_eq!(web.unread("draft.updated"), Vec::<Value>::new(), "not its own");
    b.round_trip().await;
    assert_eq!(b.unread("draft.updated"), Vec::<Value>::new(), "nobody else's");
    save(&User::new("eve").http("e"), &conversation, json!("mine"), ts).await.refused(403, "not_a_member");
    let large = json!("x".repeat(25 * 1024));
    save(&by_web, &conversation, large, ts).await.refused(413, "too_large");
    for (body, field) in [(json!({ "payload": 1 }), "ts"), (json!({ "ts": 1 }), "payload")] {
        let answer = by_web.send(Method::PUT, &format!("/drafts/{}", encoded(&conversation)), &body).await;
        assert_eq!(answer.refused(400, "bad_request")["details"]["field"], field);
    }
}

#[tokio::test]
async fn drafts_page_by_conversation() {
    let alice = User::new("alice");
    let http = alice.http("a");
    let friends = [1, 2, 3, 4, 5].map(|n| User::new(&format!("friend{n}")));
    for friend in &friends {
        save(&http, &direct(&alice, friend), json!("x"), 1).await.ok();
    }
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = http.get(&format!("/drafts?limit=2&after={}", encoded(&after))).await.ok();
        found.extend(page["drafts"].as_array().unwrap().iter().map(|d| d["conversationId"].to_string()));
        let Some(next) = page["next"].as_str() else { break };
        after = next.to_owned();
    }
    assert_eq!(found.len(), 5);
    assert!(found.is_sorted());
}

#[tokio::test]
async fn stars_page_the_newest_first() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let http = alice.http("a");
    let mut sent = Vec::new();
    for n in 0..5 {
        sent.push(bob.http("b").post("/messages", &message(&conversation, &n.to_string(), "hey")).await.ok());
    }
    for sent in &sent {
        let star = put(&http, "stars", &conversation, sent).await.ok();
        assert_eq!((&star["messageId"], &star["sequence"]), (&sent["messageId"], &sent["sequence"]));
    }
    http.send(Method::DELETE, &on_message("stars", &conversation, &sent[2]), &Value::Null).await.ok();
    let (mut found, mut before) = (Vec::new(), String::new());
    loop {
        let page = alice.http("web").get(&format!("/stars?limit=3&before={before}")).await.ok();
        found.extend(page["stars"].as_array().unwrap().iter().map(|star| star["sequence"].as_u64().unwrap()));
        let Some(next) = page["next"].as_str() else { break };
        before = next.to_owned();
    }
    assert_eq!(found, [5, 4, 2, 1]);
    assert_eq!(bob.http("b").get("/stars").await.ok()["stars"], json!([]), "alice's alone");

    let wrong = json!({ "messageId": sent[0]["messageId"], "sequence": 2 });
    put(&http, "stars", &conversation, &wrong).await.refused(404, "not_found");
    put(&User::new("eve").http("e"), "stars", &conversation, &sent[0]).await.refused(403, "not_a_member");
    let nowhere = format!("/stars/{}/{}", encoded(&conversation), encoded(sent[0]["messageId"].as_str().unwrap()));
    let error = http.send(Method::PUT, &nowhere, &Value::Null).await.refused(400, "bad_request");
    assert_eq!(error["details"]["field"], "sequence");
    http.get("/stars?before=garbage").await.refused(400, "bad_request");
    http.get("/personal?since=garbage").await.refused(400, "bad_request");
}

#[tokio::test]
async fn a_message_deleted_for_me_is_gone_from_every_read_of_mine_and_no_others() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let mut b = bob.connect("b").await;
    let mut sent = Vec::new();
    for n in 0..4 {
        sent.push(b.say(&conversation, &format!("message {n}")).await);
    }
    let (mut phone, mut web) = (alice.connect("phone").await, alice.connect("web").await);
    let http = alice.http("phone");
    put(&http, "hidden", &conversation, &sent[1]).await.ok();
    let by_id = format!("/hidden/{}/{}", encoded(&conversation), encoded(sent[3]["messageId"].as_str().unwrap()));
    http.send(Method::PUT, &by_id, &Value::Null).await.ok();
    for socket in [&mut phone, &mut web] {
        for sent in [&sent[1], &sent[3]] {
            let heard = socket.expect("message.hidden").await;
            assert_eq!((&heard["conversationId"], &heard["messageId"]), (&json!(conversation), &sent["messageId"]));
        }
    }
    assert_eq!(sequences(&http.log(&conversation).await), [1, 3]);
    assert_eq!(sequences(&bob.http("b").log(&conversation).await), [1, 2, 3, 4]);
    let pull = json!({ "type": "sync.pull", "conversationId": conversation, "since": 0 });
    let page = web.ask(pull.clone()).await;
    assert_eq!(sequences(page["messages"].as_array().unwrap()), [1, 3]);
    assert_eq!((&page["next"], &page["hasMore"]), (&json!(4), &json!(false)), "the page goes to the end");
    let backwards = http.messages(&conversation, "before=4&limit=2").await.ok();
    assert_eq!(sequences(backwards["messages"].as_array().unwrap()), [3]);
    assert_eq!(backwards["next"], 2);
    let (_tablet, drained) = alice.connect_with("tablet", json!({ "cursors": { &conversation: 0 } })).await;
    let drained: Vec<Value> = drained.into_iter().filter(|frame| frame["type"] == "message.new").collect();
    assert_eq!(sequences(&drained), [1, 3]);
    let listed = http.summary(&conversation).await;
    assert_eq!((&listed["unread"], &listed["lastMessage"]), (&json!(2), &Value::Null));

    put(&User::new("eve").http("e"), "hidden", &conversation, &sent[0]).await.refused(403, "not_a_member");
    let other = json!({ "messageId": sent[0]["messageId"], "sequence": 3 });
    put(&http, "hidden", &conversation, &other).await.refused(404, "not_found");
    let row = get_item("ConversationsTable", member_key(&conversation, &bob)).await;
    assert_eq!(row["hh"], Value::Null, "bob's reads look for nothing");
}

#[tokio::test]
async fn a_device_that_was_away_learns_what_changed_and_what_is_gone() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let sent = bob.http("b").post("/messages", &message(&conversation, "1", "hey")).await.ok();
    let (phone, web) = (alice.http("phone"), alice.http("web"));
    let (nothing, cursor) = changes(&web, "0").await;
    assert_eq!(nothing, Vec::<Value>::new());
    save(&phone, &conversation, json!({ "text": "he" }), 5).await.ok();
    put(&phone, "stars", &conversation, &sent).await.ok();
    put(&phone, "hidden", &conversation, &sent).await.ok();
    let (changed, cursor) = changes(&web, &cursor).await;
    let kinds: Vec<&str> = changed.iter().map(|change| change["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["draft", "star", "hidden"], "{changed:?}");
    assert_eq!((&changed[0]["payload"]["text"], &changed[0]["ts"]), (&json!("he"), &json!(5)));
    for change in &changed[1..] {
        assert_eq!((&change["messageId"], &change["sequence"]), (&sent["messageId"], &json!(1)));
    }
    save(&phone, &conversation, Value::Null, 6).await.ok();
    phone.send(Method::DELETE, &on_message("stars", &conversation, &sent), &Value::Null).await.ok();
    let (changed, _) = changes(&web, &cursor).await;
    let gone: Vec<(&str, bool)> = changed.iter().map(|c| (c["kind"].as_str().unwrap(), c["deleted"] == true)).collect();
    assert_eq!(gone, [("hidden", false), ("draft", true), ("star", true)]);
    let page = web.get("/personal?limit=2").await.ok();
    assert_eq!((page["changes"].as_array().unwrap().len(), &page["hasMore"]), (2, &json!(true)));
    let (rest, _) = changes(&web, page["next"].as_str().unwrap()).await;
    assert_eq!(rest.len(), 1);
}

#[tokio::test]
async fn the_rust_client_keeps_marks_and_hides() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (phone, _phones) = alice.client("phone").await;
    let (_web, mut webs) = alice.client("web").await;
    let (bobs, _events) = bob.client("b").await;
    for text in ["one", "two", "three"] {
        bobs.send(&conversation, tidings_sdk::Draft::text(text)).await.await.unwrap();
    }
    let http = phone.http().unwrap();
    let log = eventually("the log", || async {
        let page = http.messages(&conversation, tidings_sdk::Page::default()).await.unwrap();
        (page.messages.len() == 3).then_some(page.messages)
    })
    .await;
    let star = http.star(&conversation, &log[0].message_id, 1).await.unwrap();
    let (mut draft, mut heard) = (None, (false, false));
    while heard != (true, true) {
        // Devices are told at best effort: what was not heard is said again.
        draft = Some(http.save_draft(&conversation, &json!({ "text": "he" })).await.unwrap());
        http.hide(&conversation, &log[1].message_id, Some(2)).await.unwrap();
        while let Ok(event) = timeout(SILENCE, webs.next()).await {
            match event.unwrap() {
                Event::Draft(kept) => heard.0 |= Some(kept) == draft,
                Event::Hidden(hidden) => heard.1 |= hidden.message_id == log[1].message_id,
                _ => {}
            }
            if heard == (true, true) {
                break;
            }
        }
    }
    assert_eq!(http.stars(None, None).await.unwrap().stars, [star]);
    assert_eq!(http.drafts(None, None).await.unwrap().drafts, [draft.unwrap()]);
    assert_eq!(http.personal(None, None).await.unwrap().changes.len(), 3);
    // A device that starts now, and is sent what no other has acknowledged, has no message 2 and does
    // not wait for it.
    let (_tablet, mut tablets) = alice.client("tablet").await;
    bobs.send(&conversation, tidings_sdk::Draft::text("four")).await.await.unwrap();
    let mut got = Vec::new();
    while got.last() != Some(&4) {
        if let Event::Message(message) = tablets.next().await.unwrap() {
            got.push(message.sequence);
        }
    }
    assert!(got.is_sorted() && !got.contains(&2), "{got:?}");
    let seen = http.messages(&conversation, tidings_sdk::Page::default()).await.unwrap().messages;
    assert_eq!(seen.iter().map(|message| message.sequence).collect::<Vec<_>>(), [1, 3, 4]);
    http.unstar(&conversation, &log[0].message_id, 1).await.unwrap();
    assert_eq!(http.stars(None, None).await.unwrap().stars, []);
}
