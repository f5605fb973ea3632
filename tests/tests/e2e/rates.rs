//! Rate limits, each at its edge: a bucket with one token left lets one in, and refuses the next with a time to come back.

use reqwest::Method;
use serde_json::{Value, json};
use tidings_domain::rate::{
    CALLS_PER_USER, GROUPS_PER_USER, INVITES_PER_USER, JOINS_PER_USER, KEY_TAKES_PER_TARGET, KEY_TAKES_PER_USER, Limit,
    REFUSALS_PER_DEVICE, SEARCHES_PER_USER, SENDS_PER_DEVICE, UPLOADS_PER_USER,
};
use tidings_tests::{Answer, Opening, User, announced, direct, dynamodb, encoded, message, now_ms, png};
use tokio_tungstenite::tungstenite::Message;

/// Frames that a device that floods sends before it looks at their answers.
const AT_ONCE: usize = 16;
/// Functions of one kind that the local AWS may have at work, each with a lease.
const FUNCTIONS_MAX: u64 = 64;

/// Leaves a bucket so many tokens. The rows of buckets that nobody else uses may be written by hand.
async fn leave(limit: Limit, subject: &str, tokens: u64) {
    let full_at_us = now_ms() * 1000 + limit.every_us * (limit.burst - tokens);
    let row = json!({
        "bk": { "S": format!("{}#{subject}", limit.name) },
        "fa": { "N": full_at_us.to_string() },
        "exp": { "N": (full_at_us / 1_000_000 + 3600).to_string() },
    });
    dynamodb("PutItem", "LimitsTable", json!({ "Item": row })).await;
}

fn assert_limited(error: &Value, limit: Limit) {
    assert_eq!((&error["code"], &error["details"]["limit"]), (&json!("rate_limited"), &json!(limit.name)), "{error}");
    let wait_ms = error["retryAfterMs"].as_u64().unwrap();
    assert!((1..=limit.every_us.div_ceil(1000)).contains(&wait_ms), "{error}");
}

#[tokio::test]
async fn what_is_rare_is_limited_exactly() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let http = alice.http("a");
    let group = http.make_group(&[]).await;
    let invites = format!("/groups/{}/invites", encoded(&group));
    let keys = format!("/users/{}/keys", encoded(&bob.id));
    let nowhere = format!("{}.{}", "x".repeat(22), group.trim_start_matches("g:"));
    let upload = announced(&direct(&alice, &bob), "image/png", &png("limited"));
    let pair = format!("{}#{}", alice.id, bob.id);
    let cases: [(Limit, &str, Method, String, Value); 8] = [
        (GROUPS_PER_USER, &alice.id, Method::POST, "/groups".into(), json!({ "title": "Crew", "members": [] })),
        (INVITES_PER_USER, &alice.id, Method::POST, invites, json!({})),
        (JOINS_PER_USER, &alice.id, Method::GET, format!("/invites/{}", encoded(&nowhere)), Value::Null),
        (JOINS_PER_USER, &alice.id, Method::POST, format!("/invites/{}", encoded(&nowhere)), json!({})),
        (KEY_TAKES_PER_USER, &alice.id, Method::GET, keys.clone(), Value::Null),
        (KEY_TAKES_PER_TARGET, &pair, Method::GET, keys, Value::Null),
        (SEARCHES_PER_USER, &alice.id, Method::GET, "/search?q=crew".into(), Value::Null),
        (UPLOADS_PER_USER, &alice.id, Method::POST, "/media/presign".into(), upload),
    ];
    for (limit, subject, method, path, body) in cases {
        let call = async || -> Answer {
            if method == Method::GET { http.get(&path).await } else { http.send(method.clone(), &path, &body).await }
        };
        leave(limit, subject, 1).await;
        let last = call().await;
        assert_ne!(last.status, 429, "{}: {}", limit.name, last.text);
        let refused = call().await;
        assert!(refused.header("retry-after").is_some(), "{}", limit.name);
        assert_limited(&refused.refused(429, "rate_limited"), limit);
        // Full again.
        leave(limit, subject, limit.burst).await;
        assert_ne!(call().await.status, 429, "{}", limit.name);
    }
}

/// Empties a bucket for a minute: the next charge of any function finds it so.
async fn overdraw(limit: Limit, subject: &str) {
    let full_at_us = (now_ms() + 60_000) * 1000 + limit.every_us * limit.burst;
    let row = json!({
        "bk": { "S": format!("{}#{subject}", limit.name) },
        "fa": { "N": full_at_us.to_string() },
        "exp": { "N": (full_at_us / 1_000_000 + 3600).to_string() },
    });
    dynamodb("PutItem", "LimitsTable", json!({ "Item": row })).await;
}

/// By device alone: those of a user and of a conversation take the same way (`tests/domain/tests/core/rates.rs`), and so
/// does what comes after the wait.
#[tokio::test]
async fn a_device_that_floods_is_slowed_and_then_refused() {
    let (limit, alice) = (SENDS_PER_DEVICE, User::new("alice"));
    let notes = alice.notes();
    let mut socket = alice.connect("a").await;
    overdraw(limit, &format!("{}#a", alice.id)).await;
    // Each function at work lets in a lease, and then learns of it.
    let mut let_in = 0;
    let refused = loop {
        let answer = socket.ask(message(&notes, &format!("{let_in}"), "flood")).await;
        if answer["type"] == "error" {
            break answer;
        }
        let_in += 1;
        assert!(let_in <= FUNCTIONS_MAX * limit.lease, "never refused");
    };
    assert!(let_in >= limit.lease, "after {let_in}");
    assert_eq!((&refused["code"], &refused["details"]["limit"]), (&json!("rate_limited"), &json!(limit.name)));
    let slower = socket.expect("flow_control").await;
    assert_eq!(slower["window"], 8, "a quarter of the window: {slower}");
    assert!(slower["retryAfterMs"].as_u64().unwrap() > 0, "{slower}");
    // What was refused is not in the log.
    assert_eq!(alice.http("b").log(&notes).await.len() as u64, let_in);
    // Who goes on all the same is put out: after the bucket of refusals, and what functions let in by leases.
    let most = REFUSALS_PER_DEVICE.burst + 2 * FUNCTIONS_MAX * REFUSALS_PER_DEVICE.lease;
    let mut refused = 0;
    'flood: loop {
        for n in 0..AT_ONCE {
            let frame = message(&notes, &format!("on{refused}.{n}"), "flood").to_string();
            if !socket.send_raw(Message::text(frame)).await {
                break 'flood;
            }
        }
        for _ in 0..AT_ONCE {
            match socket.heard().await {
                Some(frame) => refused += u64::from(frame["type"] == "error"),
                None => break 'flood,
            }
        }
        assert!(refused <= most, "not put out");
    }
    socket.closed().await;
    socket.forget();
    let again = Opening::with_token(alice.token(), "a").open().await.map(drop);
    assert_eq!(again, Err(500), "and is out for some minutes");
    alice.connect("c").await;
}

#[tokio::test]
async fn calls_are_limited_by_user() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    overdraw(CALLS_PER_USER, &alice.id).await;
    let mut answered = 0;
    let refused = loop {
        let answer = alice.http("a").get("/sync").await;
        if answer.status == 429 {
            break answer.refused(429, "rate_limited");
        }
        answered += 1;
        assert!(answered <= FUNCTIONS_MAX * CALLS_PER_USER.lease, "never refused");
    };
    assert_eq!(refused["details"]["limit"], CALLS_PER_USER.name);
    bob.http("b").get("/sync").await.ok();
}
