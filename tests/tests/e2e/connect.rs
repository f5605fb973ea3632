//! Who may open a socket, and what becomes of it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tidings_tests::{
    Device, ForeignKey, Opening, User, calls, direct, dynamodb, eventually, get_item, token_with, unsigned,
};

async fn session(device: Device<'_>) -> Value {
    get_item("SessionsTable", device.key()).await
}

#[tokio::test]
async fn a_token_of_each_algorithm_opens_a_socket() {
    for algorithm in ["ES256", "EdDSA", "RS256"] {
        let user = User::new("alg");
        let token = token_with(&user.id, &["--alg", algorithm]);
        let mut socket = Opening::with_token(&token, "d").open().await.unwrap_or_else(|s| panic!("{algorithm}: {s}"));
        let ready = &socket.hello(json!({})).await[0];
        assert_eq!((&ready["userId"], &ready["deviceId"]), (&json!(user.id), &json!("d")), "{algorithm}");
    }
}

#[tokio::test]
async fn the_scheme_of_the_header_is_of_any_case() {
    let user = User::new("case");
    let opening = Opening::default().query("device", "d").authorization(&format!("bearer {}", user.token()));
    assert!(opening.open().await.is_ok());
}

#[tokio::test]
async fn a_bad_credential_is_401() {
    let user = User::new("mallory");
    let id = user.id.as_str();
    let key = ForeignKey::default();
    let good = user.token();
    let (head, signature) = good.rsplit_once('.').unwrap();
    let (header, _) = head.split_once('.').unwrap();
    let other = if signature.starts_with('A') { 'B' } else { 'A' };
    let other_claims = token_with(&User::new("other").id, &[]);
    let other_claims = other_claims.split('.').nth(1).unwrap();
    let tokens = [
        ("garbage", "garbage".to_owned()),
        ("three parts of garbage", "a.b.c".to_owned()),
        ("empty", String::new()),
        ("expired", token_with(id, &["--ttl", "-60"])),
        ("for another audience", token_with(id, &["--aud", "another"])),
        ("of another issuer", token_with(id, &["--iss", "http://127.0.0.1:1"])),
        ("signed with a foreign key under the issuer's key id", key.token(id)),
        ("signed with a foreign key", key.token_of_key(id, "unheard-of")),
        ("not signed", unsigned(id)),
        ("signed with a shared secret", ForeignKey::symmetric(id)),
        ("with its signature cut", format!("{head}.")),
        ("with its signature changed", format!("{head}.{other}{}", &signature[1..])),
        ("with the claims of another token", format!("{header}.{other_claims}.{signature}")),
        ("too long", format!("{head}.{}", "A".repeat(9000))),
    ];
    for (what, token) in tokens {
        let opened = Opening::with_token(&token, "d").open().await;
        assert_eq!(opened.err(), Some(401), "a token {what}");
    }
    for (what, opening) in [
        ("nothing", Opening::default()),
        ("a device alone", Opening::default().query("device", "d")),
        ("another scheme", Opening::default().query("device", "d").authorization(&format!("Basic {good}"))),
        ("the bare token", Opening::default().query("device", "d").authorization(good)),
        ("a ticket that is none", Opening::with_ticket("no-ticket")),
        ("an empty ticket", Opening::with_ticket("")),
        ("a ticket of the right form", Opening::with_ticket(&URL_SAFE_NO_PAD.encode([7; 32]))),
    ] {
        assert_eq!(opening.open().await.err(), Some(401), "{what}");
    }
}

#[tokio::test]
async fn a_device_must_have_a_proper_name() {
    let user = User::new("alice");
    let long = "d".repeat(65);
    for bad in ["", "a b", "a#b", "ä", "a/b", &long] {
        assert_eq!(Opening::with_token(user.token(), bad).open().await.err(), Some(401), "{bad:?}");
    }
    let missing = Opening::default().authorization(&format!("Bearer {}", user.token()));
    assert_eq!(missing.open().await.err(), Some(401), "no device");
    let longest = "d".repeat(64);
    for good in ["ios:3f2a", "A.b_c-9", &longest] {
        assert!(Opening::with_token(user.token(), good).open().await.is_ok(), "{good:?}");
    }
}

async fn ticket(user: &User, device: &str) -> String {
    let ticket = user.http("any").post("/tickets", &json!({ "deviceId": device })).await.ok();
    ticket["ticket"].as_str().unwrap().to_owned()
}

fn ticket_key(ticket: &str) -> Value {
    json!({ "tid": { "S": URL_SAFE_NO_PAD.encode(Sha256::digest(ticket)) } })
}

#[tokio::test]
async fn a_ticket_works_once_and_for_its_owner_alone() {
    let (user, other) = (User::new("web"), User::new("other"));
    let ticket = ticket(&user, "browser:1").await;
    // Whatever else the handshake says, the identity is the ticket's.
    let opening = Opening::with_ticket(&ticket)
        .query("device", "another")
        .query("userId", &other.id)
        .authorization(&format!("Bearer {}", other.token()));
    let mut socket = opening.open().await.unwrap();
    let ready = &socket.hello(json!({})).await[0];
    assert_eq!((&ready["userId"], &ready["deviceId"]), (&json!(user.id), &json!("browser:1")));
    assert_eq!(Opening::with_ticket(&ticket).open().await.err(), Some(401), "a second use");
    assert_eq!(get_item("TicketsTable", ticket_key(&ticket)).await, Value::Null, "it is gone");
}

#[tokio::test]
async fn a_ticket_taken_by_many_at_once_opens_one_socket() {
    let user = User::new("web");
    let opening = Opening::with_ticket(&ticket(&user, "browser").await);
    let all = futures_util::future::join_all((0..8).map(|_| opening.open())).await;
    assert_eq!(all.iter().filter(|opened| opened.is_ok()).count(), 1);
    assert!(all.iter().filter_map(|opened| opened.as_ref().err()).all(|status| *status == 401));
}

#[tokio::test]
async fn a_ticket_past_its_time_is_401() {
    let user = User::new("web");
    let ticket = ticket(&user, "browser").await;
    let key = ticket_key(&ticket);
    let row = get_item("TicketsTable", key.clone()).await;
    assert!(!row.to_string().contains(&ticket), "only its hash is stored: {row}");
    let until: u64 = row["until"]["N"].as_str().unwrap().parse().unwrap();
    let past = json!({
        "Key": key,
        "UpdateExpression": "SET #until = :until",
        "ExpressionAttributeNames": { "#until": "until" },
        "ExpressionAttributeValues": { ":until": { "N": (until - 31_000).to_string() } },
    });
    dynamodb("UpdateItem", "TicketsTable", past).await;
    assert_eq!(Opening::with_ticket(&ticket).open().await.err(), Some(401));
}

#[tokio::test]
async fn a_revoked_device_is_403_and_others_are_not() {
    let user = User::new("alice");
    user.connect("phone").await.close().await;
    let old_ticket = ticket(&user, "phone").await;
    let revoke = json!({
        "Key": user.device("phone").key(),
        "UpdateExpression": "SET rv = :yes",
        "ExpressionAttributeValues": { ":yes": { "BOOL": true } },
    });
    dynamodb("UpdateItem", "DevicesTable", revoke).await;
    assert_eq!(Opening::with_token(user.token(), "phone").open().await.err(), Some(403));
    assert_eq!(Opening::with_ticket(&old_ticket).open().await.err(), Some(403), "a ticket from before");
    user.http("phone").get("/sync").await.refused(403, "forbidden");
    assert!(Opening::with_token(user.token(), "tablet").open().await.is_ok());
    user.http("tablet").get("/sync").await.ok();
}

#[tokio::test]
async fn no_frame_overrides_the_identity_of_its_connection() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let mut socket = alice.connect("a1").await;
    let mut frame = tidings_tests::message(&direct(&alice, &bob), "1", "hello");
    for (name, value) in [
        ("userId", json!(bob.id)),
        ("senderUserId", json!(bob.id)),
        ("deviceId", json!("b1")),
        ("senderDeviceId", json!("b1")),
        ("sequence", json!(77)),
        ("requestContext", json!({ "authorizer": { "userId": bob.id, "deviceId": "b1" } })),
    ] {
        frame[name] = value;
    }
    let before_ms = tidings_tests::now_ms();
    let sent = socket.ask(frame).await;
    assert_eq!(sent["sequence"], 1, "{sent}");
    let entry = &bob.http("b1").log(&direct(&alice, &bob)).await[0];
    assert_eq!((&entry["senderUserId"], &entry["senderDeviceId"]), (&json!(alice.id), &json!("a1")));
    // The frame said 2023; the server's clock says now.
    assert!(entry["ts"].as_u64().unwrap() + 5_000 > before_ms, "{entry}");
    assert_eq!(entry["clientTs"], 1_700_000_000_000_u64);
}

#[tokio::test]
async fn the_device_becomes_known_when_it_connects() {
    let user = User::new("alice");
    let _socket = user.open("phone").await;
    let row = get_item("DevicesTable", user.device("phone").key()).await;
    assert_eq!(row["seen"], row["since"], "{row}");
    // The session begins with the hello: before $connect has returned nobody may post to it.
    assert_eq!(session(user.device("phone")).await, Value::Null);
}

#[tokio::test]
async fn a_second_socket_of_a_device_closes_the_first_and_its_end_leaves_the_second() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let device = alice.device("phone");
    let mut first = alice.connect("phone").await;
    let first_row = session(device).await;
    let mut second = alice.connect("phone").await;
    first.closed().await;
    let second_row = session(device).await;
    assert_ne!(first_row["conn"], second_row["conn"]);

    // The first socket's $disconnect tries to take its own row away, and finds the second's.
    let connection = first_row["conn"]["S"].as_str().unwrap();
    let refused = eventually("$disconnect of the first", || async {
        let calls = calls(connection).await;
        calls.into_iter().find(|c| c.action == "DeleteItem" && c.app_id.as_deref() == Some("tidings-disconnect"))
    })
    .await;
    assert_eq!(refused.status, 400, "{refused:?}");
    assert_eq!(session(device).await["conn"], second_row["conn"]);

    let conversation = direct(&alice, &bob);
    bob.connect("b").await.say(&conversation, "still there?").await;
    assert_eq!(second.expect_message(&conversation, 1).await["payload"]["text"], "still there?");
}

#[tokio::test]
async fn a_closed_socket_takes_its_session_along() {
    let user = User::new("alice");
    let device = user.device("phone");
    let socket = user.connect("phone").await;
    assert!(session(device).await["conn"]["S"].is_string());
    socket.close().await;
    eventually("the session is gone", || async { session(device).await.is_null().then_some(()) }).await;
    eventually("the device was last seen at its end", || async {
        let row = get_item("DevicesTable", device.key()).await;
        (row["seen"] != row["since"]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_socket_that_is_cut_takes_its_session_along() {
    let user = User::new("alice");
    let device = user.device("phone");
    drop(user.connect("phone").await);
    eventually("the session is gone", || async { session(device).await.is_null().then_some(()) }).await;
}
