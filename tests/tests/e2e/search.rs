//! Search on the running stack: what is said is found by those who may read it, and by nobody else.

use reqwest::Method;
use serde_json::{Value, json};
use tidings_sdk::Search;
use tidings_tests::{User, direct, encoded, eventually, invoke, message, now_ms, run_dev};

async fn agree(user: &User, conversation: &str, agrees: bool) -> Value {
    let path = format!("/conversations/{}/settings", encoded(conversation));
    user.http("s").send(Method::PUT, &path, &json!({ "searchable": agrees })).await.ok()
}

async fn found(user: &User, query: &str) -> Vec<u64> {
    let page = user.http("s").get(&format!("/search?{query}")).await.ok();
    page["hits"].as_array().unwrap().iter().map(|hit| hit["sequence"].as_u64().unwrap()).collect()
}

/// Polls until a search finds these.
async fn finds(user: &User, query: &str, expected: &[u64]) {
    eventually(&format!("{query} finds {expected:?}"), || async {
        (found(user, query).await == expected).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_is_said_is_found_until_it_is_gone() {
    let (alice, bob, eve) = (User::new("alice"), User::new("bob"), User::new("eve"));
    let conversation = direct(&alice, &bob);
    let http = alice.http("a");
    assert_eq!(agree(&alice, &conversation, true).await["textIndexed"], Value::Null, "one is not all");
    assert_eq!(agree(&bob, &conversation, true).await["textIndexed"], true);
    let mut first = message(&conversation, "1", "A pot of Darjeeling for two");
    first["mentions"] = json!([bob.id]);
    let first = http.post("/messages", &first).await.ok();
    let second = http.post("/messages", &message(&conversation, "2", "東京の黒猫 and Assam")).await.ok();
    http.post("/messages", &message(&conversation, "3", "no tea at all")).await.ok();
    finds(&bob, "order=recent", &[3, 2, 1]).await;
    for (query, expected) in [
        ("q=darjeelnig~", vec![1]),
        ("q=%22pot%20of%20darjeeling%22", vec![1]),
        ("q=ass*", vec![2]),
        ("q=%E9%BB%92%E7%8C%AB", vec![2]),
        ("q=tea%20-assam", vec![3]),
        ("q=coffee", vec![]),
    ] {
        assert_eq!(found(&bob, query).await, expected, "{query}");
    }
    assert_eq!(found(&bob, &format!("mention={}", bob.id)).await, [1]);
    assert_eq!(found(&bob, &format!("from={}&before={}", alice.id, now_ms() - 600_000)).await, [0; 0]);
    let page = bob.http("s").get("/search?q=darjeeling").await.ok();
    let hit = &page["hits"][0];
    assert_eq!((&hit["conversationId"], &hit["messageId"]), (&json!(conversation), &first["messageId"]));
    assert_eq!((&hit["snippet"], &hit["senderUserId"]), (&json!("A pot of Darjeeling for two"), &json!(alice.id)));
    assert_eq!(hit["highlights"], json!([{ "start": 9, "length": 10 }]));
    assert_eq!(found(&eve, "q=darjeeling").await, [0; 0]);
    eve.http("s").get(&format!("/search?conversationId={}", encoded(&conversation))).await.refused(403, "not_a_member");
    let page = bob.http("s").get("/search?limit=2").await.ok();
    let next = format!("limit=2&cursor={}", encoded(page["next"].as_str().unwrap()));
    assert_eq!(found(&bob, &next).await, [1]);

    let about = |sent: &Value, id: &str| {
        json!({
            "conversationId": conversation, "messageId": sent["messageId"], "messageSequence": sent["sequence"],
            "clientMsgId": id, "payload": { "text": "A pot of Oolong" }, "for": "everyone",
        })
    };
    http.post("/edits", &about(&first, "e")).await.ok();
    http.post("/deletes", &about(&second, "d")).await.ok();
    finds(&bob, "q=oolong", &[1]).await;
    finds(&bob, "q=darjeeling", &[]).await;
    finds(&bob, "order=recent", &[3, 1]).await;
    let done = invoke("curator", &json!({ "all": true })).await;
    assert!(done["shards"].as_u64().unwrap() >= 1, "{done}");
    assert_eq!(found(&bob, "q=oolong").await, [1], "as it was");
    run_dev(&["search", "rebuild", &conversation]).unwrap();
    assert_eq!(found(&bob, "order=recent").await, [3, 1], "made anew from the log, nothing comes back");

    agree(&bob, &conversation, false).await;
    assert_eq!(found(&bob, "q=oolong").await, [0; 0], "at once");
    invoke("curator", &json!({ "all": true })).await;
    assert_eq!(found(&alice, "q=oolong").await, [0; 0]);
    assert_eq!(found(&alice, "order=recent").await, [3, 1], "metadata stays");
}

/// Messages in all segments; one that was indexed twice counts twice until the curator comes by.
fn documents() -> u64 {
    let shards: Vec<Value> = serde_json::from_str(&run_dev(&["search", "status", "--json"]).unwrap()).unwrap();
    shards.iter().map(|shard| shard["documents"].as_u64().unwrap()).sum()
}

#[tokio::test]
async fn a_conversation_is_indexed_again_from_its_log_by_a_command() {
    const MESSAGES: u64 = 3;
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    for number in 1..=MESSAGES {
        alice.http("a").post("/messages", &message(&conversation, &number.to_string(), "tea")).await.ok();
    }
    finds(&bob, "order=recent", &[3, 2, 1]).await;
    // Whoever tidies up meanwhile takes some away.
    eventually("the index to hold them once more", || async {
        let before = documents();
        run_dev(&["search", "rebuild", &conversation]).unwrap();
        (documents() >= before + MESSAGES).then_some(())
    })
    .await;
    assert_eq!(found(&bob, "order=recent").await, [3, 2, 1], "nothing is doubled");
    let refused = run_dev(&["search", "rebuild", "x:crew"]).unwrap_err();
    assert!(refused.contains("x:crew"), "{refused}");
    let refused = run_dev(&["search", "rebuild", "g:nowhere"]).unwrap_err();
    assert!(refused.contains("conversation: there is no g:nowhere"), "{refused}");
    run_dev(&["search", "rebuild"]).unwrap_err();
}

#[tokio::test]
async fn who_is_taken_out_of_a_group_finds_nothing() {
    let (alice, bob, carl) = (User::new("alice"), User::new("bob"), User::new("carl"));
    let group = alice.http("a").make_group(&[&bob]).await;
    for user in [&alice, &bob] {
        agree(user, &group, true).await;
    }
    let (client, _events) = bob.client("phone").await;
    let http = client.http().unwrap();
    alice.http("a").post("/messages", &message(&group, "1", "tea for two")).await.ok();
    finds(&bob, "q=tea", &[2]).await;
    let wanted = Search { words: Some("two".into()), is_recent_first: true, ..Search::default() };
    assert_eq!(http.search(&wanted).await.unwrap().hits[0].sequence, 2, "by the Rust client");
    let members = format!("/groups/{}/members", encoded(&group));
    alice.http("a").send(Method::PUT, &format!("{members}/{}", carl.id), &json!({})).await.ok();
    alice.http("a").post("/messages", &message(&group, "2", "tea for three")).await.ok();
    finds(&carl, "order=recent", &[4]).await;
    assert_eq!(found(&carl, "q=tea").await, [0; 0], "who has joined has not agreed");
    alice.http("a").send(Method::DELETE, &format!("{members}/{}", bob.id), &json!({})).await.ok();
    assert_eq!(found(&bob, "q=tea").await, [0; 0]);
    let here = format!("/search?conversationId={}", encoded(&group));
    bob.http("s").get(&here).await.refused(403, "not_a_member");
}

#[tokio::test]
async fn what_cannot_be_looked_for_names_its_field() {
    let alice = User::new("alice");
    for (query, field) in
        [("q=%22tea", "q"), ("q=-tea", "q"), ("kind=A", "kind"), ("after=x", "after"), ("cursor=x", "cursor")]
    {
        let error = alice.http("s").get(&format!("/search?{query}")).await.refused(400, "bad_request");
        assert_eq!(error["details"]["field"], field, "{query}");
    }
}
