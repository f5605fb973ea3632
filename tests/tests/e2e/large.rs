//! A group of hundreds: announced and pulled above the threshold, pushed below it, and nothing is
//! lost where it crosses from one to the other.

use reqwest::Method;
use serde_json::{Value, json};
use tidings_tests::{Http, Socket, User, encoded, eventually, message};

/// As the template has it.
const PUSH_MEMBERS_MAX: usize = 256;

fn members_path(group: &str) -> String {
    format!("/groups/{}/members", encoded(group))
}

async fn add(http: &Http, group: &str, crowd: &[String]) {
    for some in crowd.chunks(89) {
        http.post(&members_path(group), &json!({ "userIds": some })).await.ok();
    }
}

async fn remove(http: &Http, group: &str, crowd: &[String]) {
    for user in crowd {
        http.send(Method::DELETE, &format!("{}/{user}", members_path(group)), &Value::Null).await.ok();
    }
}

/// Hears how far the group has got, and pulls what is missing; returns how far that is.
async fn pull_to(socket: &mut Socket, group: &str, since: u64, end: u64) {
    let is_told = |frame: &Value| {
        frame["type"] == "conversation.updated"
            && frame["conversationId"] == group
            && frame["lastSequence"].as_u64().is_some_and(|last| last >= end)
    };
    socket.expect_where("how far it has got", is_told).await;
    let page = socket.ask(json!({ "type": "sync.pull", "conversationId": group, "since": since })).await;
    let pulled: Vec<u64> =
        page["messages"].as_array().unwrap().iter().map(|m| m["sequence"].as_u64().unwrap()).collect();
    assert_eq!(pulled, (since + 1..=end).collect::<Vec<_>>());
}

async fn say(socket: &mut Socket, group: &str, id: &str) -> u64 {
    let sent = socket.ask(message(group, id, id)).await;
    assert_eq!(sent["type"], "message.sent", "{sent}");
    sent["sequence"].as_u64().unwrap()
}

fn pushed(socket: &mut Socket, group: &str) -> Vec<Value> {
    socket.unread("message.new").into_iter().filter(|frame| frame["conversationId"] == group).collect()
}

#[tokio::test]
async fn a_group_of_hundreds_is_pulled_and_crosses_the_boundary_whole() {
    let (olga, carl, dora) = (User::new("olga"), User::new("carl"), User::new("dora"));
    let http = olga.http("o");
    let group = &http.make_group(&[&carl, &dora]).await;
    let (mut o, mut c) = (olga.connect("o").await, carl.connect("c").await);
    assert_eq!(say(&mut o, group, "pushed").await, 2);
    c.expect_message(group, 2).await;

    // Up: whoever was pushed to is told from now on.
    let run = &olga.id;
    let crowd: Vec<String> = (0..PUSH_MEMBERS_MAX).map(|n| format!("crowd-{n}-{run}")).collect();
    add(&http, group, &crowd).await;
    let info = http.get(&format!("/groups/{}", encoded(group))).await.ok();
    assert_eq!((&info["pulled"], &info["memberCount"]), (&json!(true), &json!(PUSH_MEMBERS_MAX + 3)));
    pull_to(&mut c, group, 2, 5).await;
    // And who comes later.
    let mut d = dora.connect("d").await;
    c.forget();
    for id in ["pulled-1", "pulled-2", "pulled-3"] {
        say(&mut o, group, id).await;
    }
    pull_to(&mut c, group, 5, 8).await;
    pull_to(&mut d, group, 5, 8).await;
    assert_eq!(pushed(&mut c, group), Vec::<Value>::new());

    // Marks are kept and told to nobody; who wants to know asks.
    c.send(json!({ "type": "message.read", "conversationId": group, "upTo": 8 })).await;
    let id = carl.http("c").log(group).await[7]["messageId"].as_str().unwrap().to_owned();
    let path = format!("/conversations/{}/receipts?messageId={}", encoded(group), encoded(&id));
    let report = eventually("carl has read it", || async {
        let report = http.get(&path).await.ok();
        (report["statusByUser"][&carl.id] == "read").then_some(report)
    });
    let report = report.await;
    assert_eq!((&report["hasMore"], &report["counts"]["read"]), (&json!(false), &json!(1)));
    let page = http.get(&format!("{path}&limit=100")).await.ok();
    assert_eq!((&page["hasMore"], page["statusByUser"].as_object().unwrap().len()), (&json!(true), 100));
    let cursor = encoded(page["next"].as_str().unwrap());
    let next = http.get(&format!("{path}&limit=100&cursor={cursor}")).await.ok();
    assert!(next["marksByUser"].as_object().unwrap().keys().all(|user| page["marksByUser"][user].is_null()));
    assert_eq!(http.get(&format!("{path}&limit=501")).await.refused(400, "bad_request")["details"]["field"], "limit");
    assert_eq!(
        http.get(&format!("{path}&cursor=a%20b")).await.refused(400, "bad_request")["details"]["field"],
        "cursor"
    );

    // Down, and up again: a resend of what was sent before is known, and nothing is missing.
    let (some, _) = crowd.split_at(40);
    remove(&http, group, some).await;
    let end = say(&mut o, group, "pushed again").await;
    c.expect_message(group, end).await;
    let again = o.ask(message(group, "pulled-1", "pulled-1")).await;
    assert_eq!((&again["duplicate"], &again["sequence"]), (&json!(true), &json!(6)));
    c.forget();
    add(&http, group, some).await;
    let end = say(&mut o, group, "pulled again").await;
    let is_told = |frame: &Value| frame["type"] == "conversation.updated" && frame["lastSequence"] == json!(end);
    c.expect_where("the end", is_told).await;
    let again = o.ask(message(group, "pulled-2", "pulled-2")).await;
    assert_eq!((&again["duplicate"], &again["sequence"]), (&json!(true), &json!(7)));
    assert_eq!(o.unread("message.read"), Vec::<Value>::new());
    for user in [&carl, &dora] {
        let log = user.http("h").log(group).await;
        let sequences: Vec<u64> = log.iter().map(|entry| entry["sequence"].as_u64().unwrap()).collect();
        assert_eq!(sequences, (1..=end).collect::<Vec<_>>());
        assert_eq!(user.http("h").summary(group).await["lastSequence"], end);
    }
}
