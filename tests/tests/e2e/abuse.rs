//! Blocks, requests, reports and bans, on the running stack.

use reqwest::Method;
use serde_json::{Value, json};
use tidings_tests::{Http, Opening, Socket, User, direct, encoded, eventually, get_item, member_key, message, token};

/// Whom the local stack lets administrate.
const ADMIN: &str = "admin";

fn admin() -> Http {
    Http::new(Some(&token(ADMIN)), Some("desk"))
}

async fn put(http: &Http, path: &str, body: Value) -> Value {
    http.send(Method::PUT, path, &body).await.ok()
}

#[tokio::test]
async fn a_block_is_silent_on_every_way() {
    let (alice, bob, carol) = (User::new("alice"), User::new("bob"), User::new("carol"));
    let conversation = direct(&alice, &bob);
    let (mut a, mut b) = (alice.connect("a").await, bob.connect("b").await);
    a.say(&conversation, "hello").await;
    b.say(&conversation, "hi").await;
    b.expect_message(&conversation, 1).await;
    a.expect_message(&conversation, 2).await;
    put(&bob.http("b"), &format!("/blocks/{}", encoded(&alice.id)), Value::Null).await;

    // Answered as ever, by frame and by call; a reaction and an edit as well.
    let sent = a.say(&conversation, "are you there?").await;
    assert_eq!(
        (&sent["type"], &sent["sequence"], &sent["duplicate"]),
        (&json!("message.sent"), &json!(3), &json!(false))
    );
    alice.http("a2").post("/messages", &message(&conversation, "by-call", "hello?")).await.ok();
    let id = sent["messageId"].as_str().unwrap();
    let about = json!({ "conversationId": conversation, "messageId": id, "messageSequence": 3, "clientMsgId": "e" });
    let mut edit = about.clone();
    edit["payload"] = json!({ "text": "please" });
    alice.http("a").post("/edits", &edit).await.ok();
    // In alice's own log, and on her other device when it comes.
    assert_eq!(alice.http("a").log(&conversation).await.len(), 5);
    let (mut a2, drained) = alice.connect_with("a2", json!({ "cursors": { &conversation: 2 } })).await;
    assert_eq!(drained.iter().filter(|frame| frame["type"] == "message.new").count(), 3);
    // The durable lane is through with it when the sender's row has moved.
    eventually("the row of alice moves", async || {
        let row = get_item("ConversationsTable", member_key(&conversation, &alice)).await;
        (row["ls"]["N"] == "5").then_some(())
    })
    .await;
    // On no way to bob: pages, the list, a drain, one message, search by name.
    let http = bob.http("b");
    assert_eq!(http.log(&conversation).await.len(), 2);
    let summary = http.summary(&conversation).await;
    assert_eq!((&summary["lastSequence"], &summary["unread"]), (&json!(2), &json!(1)), "{summary}");
    let path = format!("/conversations/{}/messages/{}?sequence=3", encoded(&conversation), encoded(id));
    http.get(&path).await.refused(404, "not_found");
    let (mut b2, drained) = bob.connect_with("b2", json!({ "cursors": { &conversation: 0 } })).await;
    assert_eq!(drained.iter().filter(|frame| frame["type"] == "message.new").count(), 2);
    b.round_trip().await;
    assert_eq!(b.unread("message.new"), Vec::<Value>::new());
    // What was there before it was blocked may be told of again, for bob has acknowledged nothing.
    let told = b.unread("conversation.updated");
    assert!(told.iter().all(|frame| frame["lastSequence"].as_u64().unwrap() <= 2), "{told:?}");

    // Who blocks is told that they do.
    let refused = b.ask(message(&conversation, "back", "go away")).await;
    assert_eq!(refused["code"], "blocked", "{refused}");
    // Nobody whom bob has blocked takes him into a group; others do.
    let group = alice.http("a").make_group(&[&bob, &carol]).await;
    let members = alice.http("a").get(&format!("/groups/{}/members", encoded(&group))).await.ok();
    let names: Vec<&str> = members["members"].as_array().unwrap().iter().filter_map(|m| m["userId"].as_str()).collect();
    assert!(names.contains(&carol.id.as_str()) && !names.contains(&bob.id.as_str()), "{members}");

    // The end of the block shows what comes, and nothing of what came.
    http.send(Method::DELETE, &format!("/blocks/{}", encoded(&alice.id)), &Value::Null).await.ok();
    a.say(&conversation, "after").await;
    let after = b.expect_message(&conversation, 6).await;
    assert_eq!(after["payload"]["text"], "after");
    assert_eq!(http.log(&conversation).await.len(), 3);
    [&mut a, &mut a2, &mut b, &mut b2].into_iter().for_each(Socket::forget);
}

#[tokio::test]
async fn a_stranger_is_a_request_until_it_is_accepted() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    alice.http("a").post("/messages", &message(&conversation, "1", "hello, stranger")).await.ok();
    let listed = async || {
        let summary = bob.http("b").summary(&conversation).await;
        (!summary.is_null()).then_some(summary)
    };
    assert_eq!(eventually("it is in the list", listed).await["request"], true);
    put(&bob.http("b"), &format!("/requests/{}", encoded(&alice.id)), Value::Null).await;
    assert_eq!(listed().await.unwrap()["request"], Value::Null);
    let settings = json!({ "quietRequests": true });
    assert_eq!(put(&bob.http("b"), "/settings", settings.clone()).await, settings);
    // Turned down: blocked and put away.
    bob.http("b").send(Method::DELETE, &format!("/requests/{}", encoded(&alice.id)), &Value::Null).await.ok();
    assert_eq!(listed().await.unwrap()["archived"], true);
    let blocks = bob.http("b").get("/blocks").await.ok();
    assert_eq!(blocks["blocks"][0]["userId"], alice.id);
    bob.http("b")
        .send(Method::PUT, &format!("/requests/{}", encoded(&bob.id)), &Value::Null)
        .await
        .refused(400, "bad_request");
}

#[tokio::test]
async fn a_report_has_proof_be_it_deleted() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let sent = alice.http("a").post("/messages", &message(&conversation, "1", "an insult")).await.ok();
    let got = bob.http("b").log(&conversation).await.remove(0);
    let report = |payload: Option<&Value>| {
        let mut report = json!({
            "conversationId": conversation, "messageId": sent["messageId"], "messageSequence": 1, "ground": "abuse",
            "comment": "see for yourself",
        });
        if let Some(payload) = payload {
            report["payload"] = payload.clone();
        }
        report
    };
    let made = bob.http("b").post("/reports", &report(None)).await.ok();
    assert_eq!(made["proved"], true);
    let delete = json!({
        "conversationId": conversation, "messageId": sent["messageId"], "clientMsgId": "d", "for": "everyone",
    });
    alice.http("a").post("/deletes", &delete).await.ok();
    eventually("the content is gone", async || {
        bob.http("b").log(&conversation).await[0]["deleted"].as_bool().filter(|gone| *gone)
    })
    .await;
    let proved = bob.http("b").post("/reports", &report(Some(&got["payload"]))).await.ok();
    assert_eq!(proved["proved"], true, "what came is proved, though it is gone");
    let forged = bob.http("b").post("/reports", &report(Some(&json!({ "text": "worse" })))).await;
    assert_eq!(forged.refused(400, "bad_request")["details"]["field"], "payload");
    alice.http("a").post("/reports", &report(None)).await.refused(404, "not_found");

    // Administrators see it, and say what became of it; others do not.
    bob.http("b").get("/admin/reports").await.refused(403, "forbidden");
    let id = proved["reportId"].as_str().unwrap();
    let find = async || {
        let mut before = String::new();
        loop {
            let page = admin().get(&format!("/admin/reports?limit=50{before}")).await.ok();
            let found = page["reports"].as_array().unwrap().iter().find(|report| report["reportId"] == id).cloned();
            let Some(next) = page["next"].as_str() else { return found };
            if found.is_some() {
                return found;
            }
            before = format!("&before={next}");
        }
    };
    let listed = find().await.unwrap();
    assert_eq!((&listed["senderUserId"], &listed["byUserId"]), (&json!(alice.id), &json!(bob.id)));
    let content: Value = serde_json::from_str(listed["content"].as_str().unwrap()).unwrap();
    assert_eq!(content, got["payload"]);
    admin().post(&format!("/admin/reports/{id}"), &json!({ "note": "warned" })).await.ok();
    assert_eq!(find().await.unwrap()["resolution"]["note"], "warned");
    let file = admin().get(&format!("/admin/users/{}", encoded(&alice.id))).await.ok();
    assert_eq!(file["reporters"], 1, "{file}");
}

#[tokio::test]
async fn a_ban_puts_out_within_seconds_and_its_end_lets_in() {
    let mallory = User::new("mallory");
    let mut with_session = mallory.connect("a").await;
    // It has said no hello.
    let mut silent = mallory.open("b").await;
    let path = format!("/admin/bans/{}", encoded(&mallory.id));
    mallory.http("c").send(Method::PUT, &path, &json!({ "reason": "me" })).await.refused(403, "forbidden");
    let made = put(&admin(), &path, json!({ "reason": "spam", "seconds": 3600 })).await;
    assert_eq!((&made["socketsClosed"], &made["ban"]["by"]), (&json!(2), &json!("user:admin")), "{made}");
    for socket in [&mut with_session, &mut silent] {
        socket.closed().await;
    }
    // Tokens are refused: of devices that are known, and of new ones, on sockets and calls.
    for device in ["a", "new"] {
        let refused = Opening::with_token(mallory.token(), device).open().await;
        assert_eq!(refused.err(), Some(403), "{device}");
        let refused = mallory.http(device).get("/sync").await.refused(403, "forbidden");
        assert_eq!(refused["details"]["rule"], "banned", "{device}");
    }
    admin().send(Method::DELETE, &path, &Value::Null).await.ok();
    mallory.http("a").get("/sync").await.ok();
    mallory.connect("new").await.close().await;
    admin().send(Method::DELETE, &path, &Value::Null).await.refused(404, "not_found");
    let audit = admin().get("/admin/audit?limit=50").await.ok();
    let of_mallory = |action: &str| {
        let deeds = audit["deeds"].as_array().unwrap();
        deeds.iter().filter(|deed| deed["subject"] == mallory.id && deed["action"] == action).count()
    };
    assert_eq!((of_mallory("ban"), of_mallory("unban")), (1, 2), "{audit}");
}

#[tokio::test]
async fn a_key_administrates_and_makes_no_keys() {
    let name = tidings_tests::fresh("night");
    let path = format!("/admin/keys/{name}");
    let made = put(&admin(), &path, json!({ "seconds": 600 })).await;
    let key = Http::new(made["key"].as_str(), None);
    key.get("/admin/audit?limit=1").await.ok();
    key.send(Method::PUT, &path, &json!({ "seconds": 600 })).await.refused(403, "forbidden");
    key.get("/sync").await.refused(401, "unauthorized");
    let wrong = format!("{}x", made["key"].as_str().unwrap());
    Http::new(Some(&wrong), None).get("/admin/audit").await.refused(401, "unauthorized");
    let listed = admin().get("/admin/keys").await.ok();
    assert!(listed["keys"].as_array().unwrap().iter().any(|key| key["name"] == name), "{listed}");
    admin().send(Method::DELETE, &path, &Value::Null).await.ok();
    key.get("/admin/audit").await.refused(401, "unauthorized");
    for (field, refused) in [
        ("seconds", admin().send(Method::PUT, &path, &json!({ "seconds": 1 })).await),
        ("name", admin().send(Method::PUT, "/admin/keys/no_name", &json!({ "seconds": 600 })).await),
        ("reason", admin().send(Method::PUT, "/admin/bans/bob", &json!({ "reason": "" })).await),
        ("reportId", admin().post("/admin/reports/none", &json!({ "note": "?" })).await),
    ] {
        assert_eq!(refused.refused(400, "bad_request")["details"]["field"], field);
    }
}
