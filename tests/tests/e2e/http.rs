//! The HTTP API, call by call.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde_json::{Value, json};
use tidings_tests::{
    Http, User, direct, encoded, eventually, fresh, message, now_ms, seed_log, seed_unreadable, token_with,
};

/// A message that is not there, as a path names it.
const NO_MESSAGE: &str = "m%3A00000000-0000-5000-8000-000000000000";

/// Every call: method, path and a body that is good for these two users.
fn every_call(conversation: &str) -> Vec<(Method, String, Value)> {
    let id = encoded(conversation);
    vec![
        (Method::POST, "/tickets".into(), json!({ "deviceId": "web" })),
        (Method::GET, "/sync".into(), Value::Null),
        (Method::GET, format!("/conversations/{id}/messages"), Value::Null),
        (
            Method::GET,
            format!("/conversations/{id}/receipts?messageId=m%3A00000000-0000-5000-8000-000000000000"),
            Value::Null,
        ),
        (Method::POST, "/messages".into(), message(conversation, "1", "x")),
        (Method::POST, "/acks".into(), json!({ "conversationId": conversation, "upTo": 1 })),
        (Method::POST, "/reads".into(), json!({ "conversationId": conversation, "upTo": 1 })),
        (Method::POST, "/groups".into(), json!({ "title": "Crew" })),
        (Method::GET, "/groups/g%3Acrew".into(), Value::Null),
        (Method::PATCH, "/groups/g%3Acrew".into(), json!({ "title": "Crew" })),
        (Method::DELETE, "/groups/g%3Acrew".into(), Value::Null),
        (Method::GET, "/groups/g%3Acrew/members".into(), Value::Null),
        (Method::POST, "/groups/g%3Acrew/members".into(), json!({ "userIds": ["bob"] })),
        (Method::PUT, "/groups/g%3Acrew/members/bob".into(), Value::Null),
        (Method::PATCH, "/groups/g%3Acrew/members/bob".into(), json!({ "role": "admin" })),
        (Method::DELETE, "/groups/g%3Acrew/members/bob".into(), Value::Null),
        (Method::PUT, format!("/conversations/{id}/settings"), json!({ "pinned": true })),
        (Method::GET, "/personal".into(), Value::Null),
        (Method::GET, "/drafts".into(), Value::Null),
        (Method::PUT, format!("/drafts/{id}"), json!({ "payload": "x", "ts": 1 })),
        (Method::GET, "/stars".into(), Value::Null),
        (Method::PUT, format!("/stars/{id}/{NO_MESSAGE}?sequence=1"), Value::Null),
        (Method::DELETE, format!("/stars/{id}/{NO_MESSAGE}?sequence=1"), Value::Null),
        (Method::PUT, format!("/hidden/{id}/{NO_MESSAGE}"), Value::Null),
    ]
}

#[tokio::test]
async fn every_call_asks_who_is_there() {
    let user = User::new("alice");
    let expired = token_with(&user.id, &["--ttl", "-60"]);
    let foreign = token_with(&user.id, &["--aud", "another"]);
    for token in [None, Some("garbage"), Some(expired.as_str()), Some(foreign.as_str())] {
        let http = Http::new(token, Some("d"));
        for (method, path, body) in every_call(&user.notes()) {
            let request = http.request(method.clone(), &path).body(body.to_string());
            let answer = Http::call(request).await;
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{method} {path}");
            assert_eq!(answer.header("content-type"), Some("application/json"));
            let body = answer.refused(401, "unauthorized");
            assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
        }
    }
    assert_eq!(user.http("d").log(&user.notes()).await, Vec::<Value>::new(), "nothing was sent");
}

#[tokio::test]
async fn the_device_is_a_header() {
    let user = User::new("alice");
    let (notes, id) = (user.notes(), encoded(&user.notes()));
    let long = "d".repeat(65);
    for bad in ["a b", "a/b", &long] {
        let body = user.http(bad).get("/sync").await.refused(400, "bad_request");
        assert_eq!(body["details"]["field"], "X-Device-Id", "{bad}");
    }
    for (device, named) in [(Some("ios:3f2a"), "ios:3f2a"), (None, "http")] {
        let http = Http::new(Some(user.token()), device);
        http.post("/messages", &message(&notes, &fresh("c"), "x")).await.ok();
        let page = http.get(&format!("/conversations/{id}/messages?before=99&limit=1")).await.ok();
        assert_eq!(page["messages"][0]["senderDeviceId"], named);
    }
}

#[tokio::test]
async fn a_ticket_tells_when_it_ends() {
    let user = User::new("alice");
    let before_ms = now_ms();
    let ticket = user.http("any").post("/tickets", &json!({ "deviceId": "web" })).await.ok();
    let life_ms = ticket["expiresAt"].as_u64().unwrap() - before_ms;
    assert!((30_000..35_000).contains(&life_ms), "{life_ms}");
    assert!(ticket["ticket"].as_str().unwrap().len() >= 43, "256 bits of chance");
    for (body, field) in [
        (json!({}), "deviceId"),
        (json!({ "deviceId": "" }), "deviceId"),
        (json!({ "deviceId": "a b" }), "deviceId"),
        (json!({ "deviceId": 5 }), "deviceId"),
    ] {
        let error = user.http("any").post("/tickets", &body).await.refused(400, "bad_request");
        assert_eq!(error["details"]["field"], field, "{body}");
    }
}

fn sequences(page: &Value) -> Vec<u64> {
    page["messages"].as_array().unwrap().iter().map(|m| m["sequence"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn history_is_read_in_pages_both_ways() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    seed_log(&conversation, alice.device("a"), 1..=130).await;
    let http = bob.http("b");
    for (query, expected, next, more) in [
        ("", 1..=100, 100, true),
        ("since=0", 1..=100, 100, true),
        ("since=30", 31..=130, 130, false),
        ("since=30&limit=100", 31..=130, 130, false),
        ("since=29&limit=100", 30..=129, 129, true),
        ("since=128&limit=2", 129..=130, 130, false),
        ("before=131", 31..=130, 31, true),
        ("before=101", 1..=100, 1, false),
        ("before=102", 2..=101, 2, true),
        ("before=11&limit=3", 8..=10, 8, true),
        ("before=4&limit=3", 1..=3, 1, false),
        ("before=999999", 31..=130, 31, true),
        ("since=10&before=15", 11..=14, 14, false),
        ("since=10&before=15&limit=2", 11..=12, 12, true),
        ("since=10&before=15&limit=4", 11..=14, 14, false),
    ] {
        let page = http.messages(&conversation, query).await.ok();
        assert_eq!(sequences(&page), expected.collect::<Vec<_>>(), "{query}");
        assert_eq!((&page["next"], &page["hasMore"]), (&json!(next), &json!(more)), "{query}");
    }
    for (query, next) in
        [("since=130", 130), ("since=999", 999), ("before=1", 1), ("before=0", 0), ("since=5&before=6", 5)]
    {
        let page = http.messages(&conversation, query).await.ok();
        assert_eq!(
            (sequences(&page), &page["next"], &page["hasMore"]),
            (vec![], &json!(next), &json!(false)),
            "{query}"
        );
    }
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("limit=-1", "limit"),
        ("since=x", "since"),
        ("since=-1", "since"),
        ("since=1.5", "since"),
        ("since=99999999999999", "since"),
        ("since=99999999999999999999999", "since"),
        ("before=x", "before"),
        ("before=99999999999999", "before"),
    ] {
        let error = http.messages(&conversation, query).await.refused(400, "bad_request");
        assert_eq!(error["details"]["field"], field, "{query}");
    }
    for bad in ["nonsense", "u:b|u:a", "g:", "u:a"] {
        let error = http.messages(bad, "").await.refused(400, "bad_request");
        assert_eq!(error["details"]["field"], "id", "{bad}");
    }
}

#[tokio::test]
async fn a_long_log_is_read_over_its_partitions() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    // A partition ends at 4,096. Only the rows beside that end are asked for, so only they are there.
    seed_log(&conversation, alice.device("a"), 4_080..=4_110).await;
    let http = bob.http("b");
    let page = http.messages(&conversation, "since=4089&limit=14").await.ok();
    assert_eq!(sequences(&page), (4_090..=4_103).collect::<Vec<_>>());
    let page = http.messages(&conversation, "before=4103&limit=14").await.ok();
    assert_eq!(sequences(&page), (4_089..=4_102).collect::<Vec<_>>());
    // A write finds the tail, from the member row's hint or without it.
    let sent = http.post("/messages", &message(&conversation, "next", "x")).await.ok();
    assert_eq!(sent["sequence"], 4_111);
}

#[tokio::test]
async fn receipts_need_a_message() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let http = alice.http("a");
    let path = format!("/conversations/{}/receipts", encoded(&conversation));
    let error = http.get(&path).await.refused(400, "bad_request");
    assert_eq!(error["details"]["field"], "messageId");
    for bad in ["", "x", "m:x", "m:"] {
        let error = http.receipts(&conversation, bad).await.refused(400, "bad_request");
        assert_eq!(error["details"]["field"], "messageId", "{bad}");
    }
    let error = http.receipts(&conversation, "m:00000000-0000-5000-8000-000000000000").await.refused(404, "not_found");
    assert_eq!(error["details"]["field"], "messageId");
    // Of another conversation.
    let sent = http.post("/messages", &message(&alice.notes(), "1", "x")).await.ok();
    http.receipts(&conversation, sent["messageId"].as_str().unwrap()).await.refused(404, "not_found");
    // The sender's own state is told of no message.
    let report = http.receipts(&alice.notes(), sent["messageId"].as_str().unwrap()).await.ok();
    assert_eq!(report["statusByUser"], json!({}));
}

#[tokio::test]
async fn the_list_is_paged_and_goes_on_where_it_ended() {
    let alice = User::new("alice");
    let others: Vec<User> = (0..4).map(|n| User::new(&format!("other{n}"))).collect();
    let mut conversations = BTreeSet::new();
    for other in &others {
        let conversation = direct(&alice, other);
        other.http("o").post("/messages", &message(&conversation, "1", "x")).await.ok();
        conversations.insert(conversation);
    }
    let http = alice.http("a");
    eventually("the list has them", || async {
        let list = http.get("/sync").await.ok();
        (list["conversations"].as_array().unwrap().len() == others.len()).then_some(())
    })
    .await;
    let all = http.get("/sync?since=0").await.ok();
    assert_eq!(all["hasMore"], false);
    let latest_first = all["conversations"].as_array().unwrap();
    assert!(latest_first.is_sorted_by_key(|c| std::cmp::Reverse(c["lastTs"].as_u64().unwrap())), "{all}");
    let expected = json!({
        "conversationId": direct(&alice, &others[3]),
        "lastSequence": 1,
        "readUpTo": 0,
        "deliveredUpTo": 0,
        "unread": 1,
        "mentions": 0,
        "muted": false,
        "pinned": false,
        "archived": false,
        "request": true,
        "lastTs": latest_first[0]["lastTs"],
        "lastMessage": latest_first[0]["lastMessage"],
    });
    assert_eq!(latest_first[0], expected);
    assert_eq!(expected["lastMessage"]["ts"], expected["lastTs"]);

    let mut end = String::new();
    for limit in 1..=4 {
        let (mut since, mut seen) = (String::new(), Vec::new());
        loop {
            let page = http.get(&format!("/sync?limit={limit}&since={since}")).await.ok();
            let here = page["conversations"].as_array().unwrap();
            assert!(here.len() <= limit, "{page}");
            seen.extend(here.iter().map(|c| c["conversationId"].as_str().unwrap().to_owned()));
            page["next"].as_str().unwrap().clone_into(&mut since);
            if page["hasMore"] == false {
                break;
            }
        }
        assert_eq!(seen.len(), others.len(), "each once, {limit} at a time: {seen:?}");
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), conversations);
        end = since;
    }
    // From the end on, what is new is told. Activity is kept by the hour, so this hour's is repeated.
    let newest = User::new("newest");
    let conversation = direct(&alice, &newest);
    newest.http("n").post("/messages", &message(&conversation, "1", "x")).await.ok();
    eventually("the next list has the new conversation", || async {
        let page = http.get(&format!("/sync?since={end}")).await.ok();
        let list = page["conversations"].as_array().unwrap();
        list.iter().any(|c| c["conversationId"] == conversation).then_some(())
    })
    .await;
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("since=!", "since"),
        ("since=17", "since"),
    ] {
        let error = http.get(&format!("/sync?{query}")).await.refused(400, "bad_request");
        assert_eq!(error["details"]["field"], field, "{query}");
    }
}

#[tokio::test]
async fn unread_counts_what_others_said_and_one_has_not_read() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (a, b) = (alice.http("a"), bob.http("b"));
    for (n, http) in [&a, &a, &b, &a, &b].into_iter().enumerate() {
        http.post("/messages", &message(&conversation, &n.to_string(), "x")).await.ok();
    }
    eventually("all has been seen", || async {
        let (of_a, of_b) = (a.summary(&conversation).await, b.summary(&conversation).await);
        (of_a["lastSequence"] == 5 && of_b["lastSequence"] == 5).then_some(())
    })
    .await;
    let unread = |http: Http| {
        let conversation = conversation.clone();
        async move { http.summary(&conversation).await["unread"].as_u64().unwrap() }
    };
    assert_eq!((unread(a.clone()).await, unread(b.clone()).await), (2, 3));
    for (up_to, left) in [(1, 2), (3, 1), (4, 0)] {
        b.post("/reads", &json!({ "conversationId": conversation, "upTo": up_to })).await.ok();
        assert_eq!(unread(b.clone()).await, left, "read up to {up_to}");
        assert_eq!(b.summary(&conversation).await["readUpTo"], up_to);
    }
    // An ack changes nothing of it.
    a.post("/acks", &json!({ "conversationId": conversation, "upTo": 5 })).await.ok();
    assert_eq!(unread(a).await, 2);
}

#[tokio::test]
async fn sending_by_http_is_sending() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let mut b = bob.connect("b").await;
    let mut tablet = alice.connect("tablet").await;
    let sent = alice.http("web").post("/messages", &message(&conversation, "1", "no socket")).await.ok();
    assert_eq!((&sent["sequence"], &sent["duplicate"], &sent["clientMsgId"]), (&json!(1), &json!(false), &json!("1")));
    let heard = b.expect_message(&conversation, 1).await;
    assert_eq!((&heard["messageId"], &heard["senderDeviceId"]), (&sent["messageId"], &json!("web")));
    tablet.expect_message(&conversation, 1).await;
    let mark = json!({ "conversationId": conversation, "upTo": 1 });
    bob.http("web").post("/acks", &mark).await.ok();
    assert_eq!(tablet.expect("message.delivered").await["upTo"], 1);
    bob.http("web").post("/reads", &mark).await.ok();
    assert_eq!(tablet.expect("message.read").await["upTo"], 1);
}

#[tokio::test]
async fn bodies_are_json_objects_of_a_size() {
    let alice = User::new("alice");
    let http = alice.http("a");
    for path in ["/tickets", "/messages", "/acks", "/reads"] {
        for body in ["", "x", "[]", "null", "5", "{", r#"{"a":1}{"b":2}"#] {
            http.post_text(path, body).await.refused(400, "bad_request");
        }
        let large = format!(r#"{{"filler":"{}"}}"#, "x".repeat(32 * 1024));
        let error = http.post_text(path, &large).await.refused(413, "too_large");
        assert_eq!(error["details"]["field"], "body");
    }
    // API Gateway hands over as base64 what is not said to be text.
    let frame = message(&alice.notes(), "binary", "x").to_string();
    let request = http.request(Method::POST, "/messages").header("content-type", "application/octet-stream");
    assert_eq!(Http::call(request.body(frame)).await.ok()["sequence"], 1);
    let request = http.request(Method::POST, "/messages").header("content-type", "application/octet-stream");
    Http::call(request.body(STANDARD.decode("/////w==").unwrap())).await.refused(400, "bad_request");
}

#[tokio::test]
async fn there_are_no_other_calls() {
    let alice = User::new("alice");
    let http = alice.http("a");
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/tickets"),
        (Method::POST, "/sync"),
        (Method::DELETE, "/messages"),
        (Method::GET, "/conversations"),
        (Method::GET, "/nothing"),
    ] {
        let answer = Http::call(http.request(method.clone(), path)).await;
        assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
    }
}

#[tokio::test]
async fn a_web_page_may_call() {
    let alice = User::new("alice");
    let http = Http::new(None, None);
    for (method, path, _) in every_call(&alice.notes()) {
        let preflight = http
            .request(Method::OPTIONS, &path)
            .header("origin", "https://chat.example.org")
            .header("access-control-request-method", method.as_str())
            .header("access-control-request-headers", "authorization,x-device-id,content-type");
        let answer = Http::call(preflight).await;
        assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{path}");
        let allowed = |name: &str, wanted: &str| {
            let list = answer.header(name).unwrap_or_default().to_lowercase();
            assert!(list.split(',').any(|item| item.trim() == wanted), "{wanted} in {name}: {list}");
        };
        allowed("access-control-allow-methods", &method.as_str().to_lowercase());
        for header in ["authorization", "x-device-id", "content-type"] {
            allowed("access-control-allow-headers", header);
        }
    }
    let request = alice.http("web").request(Method::GET, "/sync").header("origin", "https://chat.example.org");
    let answer = Http::call(request).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.ok();
}

#[tokio::test]
async fn what_is_away_is_503_with_a_time_to_come_back() {
    let alice = User::new("alice");
    let notes = alice.notes();
    // A row of a later version of the service, which this one must not read over.
    seed_unreadable(&notes, alice.device("a")).await;
    let http = alice.http("a");
    let answer = http.post("/messages", &message(&notes, "1", "x")).await;
    assert_eq!(answer.header("retry-after"), Some("1"));
    let error = answer.refused(503, "unavailable");
    assert_eq!((&error["retryAfterMs"], &error["clientMsgId"]), (&json!(1000), &json!("1")));
    http.messages(&notes, "").await.refused(503, "unavailable");
    let mut socket = alice.connect("a").await;
    for frame in [
        message(&notes, "1", "x"),
        json!({ "type": "sync.pull", "conversationId": notes, "since": 0 }),
        json!({ "type": "message.ack", "conversationId": notes, "upTo": 1 }),
    ] {
        let error = socket.ask(frame).await;
        assert_eq!((&error["code"], &error["retryAfterMs"]), (&json!("unavailable"), &json!(1000)), "{error}");
    }
}
