//! Keys, commits and mailboxes: what end-to-end encryption needs of the service. What is in the messages is another
//! matter: here it is nothing, with an outside of MLS.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tidings_testkit::mls::{self, KeyPackageParts};
use tidings_tests::{Http, User, direct, eventually, fresh, message, now_ms};

const KEY: [u8; 32] = [3; 32];

fn package_with(user: &User, device: &str, number: u8, change: impl Fn(&mut KeyPackageParts<'_>)) -> String {
    let identity = format!("{}/{device}", user.id);
    let mut parts = KeyPackageParts {
        suite: 1,
        identity: identity.as_bytes(),
        signature_key: &KEY,
        // The same package, the same day.
        not_after: (now_ms() / 86_400_000 + 2) * 86_400,
        is_last_resort: false,
        number,
    };
    change(&mut parts);
    STANDARD.encode(mls::key_package(&parts))
}

fn package(user: &User, device: &str, number: u8) -> String {
    package_with(user, device, number, |_| {})
}

fn last_resort(user: &User, device: &str) -> String {
    package_with(user, device, 255, |parts| parts.is_last_resort = true)
}

async fn put_keys(http: &Http, device: &str, body: &Value) -> tidings_tests::Answer {
    http.send(Method::PUT, &format!("/devices/{device}/keys"), body).await
}

/// A device with keys.
async fn keyed(user: &User, device: &str, count: u8) -> Http {
    let http = user.http(device);
    let packages: Vec<String> = (0..count).map(|number| package(user, device, number)).collect();
    let body = json!({
        "identityKey": STANDARD.encode(KEY), "keyPackages": packages, "lastResort": last_resort(user, device),
    });
    put_keys(&http, device, &body).await.ok();
    http
}

fn commit(conversation: &str, id: &str, epoch: u64) -> Value {
    json!({
        "type": "message.commit", "conversationId": conversation, "clientMsgId": id, "ts": now_ms(), "epoch": epoch,
        "payload": STANDARD.encode(mls::private_message(conversation, epoch, 3)),
    })
}

fn in_epoch(conversation: &str, epoch: u64) -> Value {
    let mut frame = message(conversation, &fresh("m"), "");
    frame["payload"] = json!(STANDARD.encode(mls::private_message(conversation, epoch, 1)));
    frame["epoch"] = json!(epoch);
    frame
}

#[tokio::test]
async fn each_key_package_goes_to_one_of_a_hundred_takers() {
    let bob = User::new("bob");
    keyed(&bob, "phone", 40).await;
    let takers: Vec<User> = (0..100).map(|_| User::new("taker")).collect();
    let path = format!("/users/{}/keys", bob.id);
    let takes = join_all(takers.iter().map(|taker| {
        let (http, path) = (taker.http("t"), &path);
        async move { http.get(path).await.ok()["devices"][0].clone() }
    }))
    .await;
    let of = |is_last: bool| takes.iter().filter(move |taken| (taken["lastResort"] == true) == is_last);
    let once: Vec<&str> = of(false).map(|taken| taken["keyPackage"].as_str().unwrap()).collect();
    assert_eq!(once.iter().collect::<BTreeSet<_>>().len(), once.len(), "each went to one");
    assert!(of(true).all(|taken| taken["keyPackage"] == json!(last_resort_of(&takes))));
    assert!(takes.iter().all(|taken| taken["identityKey"] == json!(STANDARD.encode(KEY))));
    let left = bob.http("phone").get("/devices/phone/keys").await.ok();
    assert_eq!(left["count"], json!(40 - once.len()), "{} went once", once.len());
    assert_eq!(left["hasLastResort"], true);
}

/// The one last resort that was handed out.
fn last_resort_of(takes: &[Value]) -> String {
    let last: BTreeSet<&str> = takes
        .iter()
        .filter(|taken| taken["lastResort"] == true)
        .filter_map(|taken| taken["keyPackage"].as_str())
        .collect();
    assert_eq!(last.len(), 1, "there is one");
    last.into_iter().next().unwrap().to_owned()
}

#[tokio::test]
async fn an_upload_may_be_repeated_and_what_was_taken_does_not_come_back() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let http = keyed(&bob, "phone", 2).await;
    let taken = alice.http("a").get(&format!("/users/{}/keys?deviceId=phone", bob.id)).await.ok();
    assert_eq!((taken["devicesVersion"].as_u64(), taken["devices"][0]["deviceId"].as_str()), (Some(1), Some("phone")));
    let again = keyed(&bob, "phone", 2).await.get("/devices/phone/keys").await.ok();
    assert_eq!((again["count"].as_u64(), again["hasLastResort"].as_bool()), (Some(1), Some(true)));
    let none = alice.http("a").get(&format!("/users/{}/keys?deviceId=tablet", bob.id)).await.ok();
    assert_eq!(none["devices"], json!([]));
    let identities = alice.http("a").get(&format!("/users/{}/identities", bob.id)).await.ok();
    assert_eq!(identities["devices"], json!([{ "deviceId": "phone", "identityKey": STANDARD.encode(KEY) }]));
    assert_eq!(http.get("/devices/phone/keys").await.ok()["count"], 1, "nothing was taken");
}

#[tokio::test]
async fn bad_keys_are_refused_by_their_field() {
    let bob = User::new("bob");
    let (http, good) = (bob.http("phone"), package(&bob, "phone", 1));
    let key = STANDARD.encode(KEY);
    let hour = now_ms() / 1000 + 3600;
    let with = |change: &dyn Fn(&mut KeyPackageParts<'_>)| json!([package_with(&bob, "phone", 1, change)]);
    let many: Vec<&String> = std::iter::repeat_n(&good, 51).collect();
    let rows = [
        (json!({ "keyPackages": [good] }), "bad_request", "identityKey"),
        (json!({ "identityKey": "AAAA" }), "bad_request", "identityKey"),
        (json!({ "identityKey": key, "keyPackages": ["AAAA"] }), "bad_request", "keyPackages[0]"),
        (json!({ "identityKey": key, "keyPackages": [good, "?"] }), "bad_request", "keyPackages[1]"),
        (json!({ "identityKey": key, "keyPackages": ["A".repeat(4100)] }), "too_large", "keyPackages[0]"),
        (json!({ "identityKey": key, "keyPackages": many }), "too_large", "keyPackages"),
        (json!({ "identityKey": key, "lastResort": good }), "bad_request", "lastResort"),
        (json!({ "identityKey": STANDARD.encode([9; 32]), "keyPackages": [good] }), "bad_request", "keyPackages[0]"),
        (json!({ "identityKey": key, "keyPackages": with(&|p| p.suite = 2) }), "bad_request", "keyPackages[0]"),
        (
            json!({ "identityKey": key, "keyPackages": with(&|p| p.identity = b"eve/phone") }),
            "bad_request",
            "keyPackages[0]",
        ),
        (json!({ "identityKey": key, "keyPackages": with(&|p| p.not_after = 1) }), "bad_request", "keyPackages[0]"),
        (
            json!({ "identityKey": key, "keyPackages": with(&|p| p.not_after = hour + 91 * 86400) }),
            "bad_request",
            "keyPackages[0]",
        ),
        (
            json!({ "identityKey": key, "keyPackages": with(&|p| p.is_last_resort = true) }),
            "bad_request",
            "keyPackages[0]",
        ),
    ];
    for (body, code, field) in rows {
        let status = if code == "too_large" { 413 } else { 400 };
        let error = put_keys(&http, "phone", &body).await.refused(status, code);
        assert_eq!(error["details"]["field"], field, "{error}");
    }
    put_keys(&http, "tablet", &json!({ "identityKey": key })).await.refused(403, "forbidden");
    assert_eq!(http.get("/devices/phone/keys").await.ok(), json!({ "count": 0, "hasLastResort": false }));
}

#[tokio::test]
async fn a_commit_welcomes_by_mail_and_the_mail_goes_when_it_is_acknowledged() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    keyed(&bob, "phone", 1).await;
    keyed(&bob, "tablet", 1).await;
    let (mut a, mut phone) = (alice.connect("a").await, bob.connect("phone").await);
    let mut first = commit(&conversation, "c1", 0);
    first["welcome"] = json!(STANDARD.encode(mls::welcome(300)));
    first["welcomed"] = json!([{ "userId": bob.id, "deviceId": "phone" }, { "userId": bob.id, "deviceId": "tablet" }]);
    let sent = a.ask(first.clone()).await;
    assert_eq!((sent["type"].as_str(), sent["sequence"].as_u64()), (Some("message.sent"), Some(1)), "{sent}");
    let entry = phone.expect_message(&conversation, 1).await;
    assert_eq!((entry["event"].as_str(), entry["epoch"].as_u64()), (Some("commit"), Some(1)));
    assert_eq!((&entry["payload"], &entry["welcome"]), (&first["payload"], &Value::Null));
    let mail = phone.expect("mailbox.new").await;
    assert_eq!((mail["kind"].as_str(), &mail["payload"]), (Some("welcome"), &first["welcome"]));
    assert_eq!((&mail["conversationId"], mail["sequence"].as_u64()), (&json!(conversation), Some(1)));
    phone.send(json!({ "type": "mailbox.ack", "mailIds": [mail["mailId"]] })).await;
    let phone_http = bob.http("phone");
    eventually("the mail is gone", || async {
        (phone_http.get("/mailbox").await.ok()["mail"] == json!([])).then_some(())
    })
    .await;
    // The tablet was away: its mail comes after the log, and again until it says that it has it.
    for _ in 0..2 {
        let (_tablet, drained) = bob.connect_with("tablet", json!({})).await;
        let kinds: Vec<&str> = drained.iter().filter_map(|frame| frame["type"].as_str()).collect();
        assert_eq!(kinds.iter().filter(|kind| **kind == "mailbox.new").count(), 1, "{kinds:?}");
        assert_eq!(kinds[kinds.len() - 2..], ["mailbox.new", "sync.complete"], "{kinds:?}");
    }
    let page = bob.http("tablet").get("/mailbox?limit=1").await.ok();
    assert_eq!((page["mail"].as_array().unwrap().len(), page["hasMore"].as_bool()), (1, Some(false)));
    let ack = json!({ "mailIds": [page["mail"][0]["mailId"]] });
    bob.http("tablet").post("/mailbox/acks", &ack).await;
    assert_eq!(bob.http("tablet").get("/mailbox").await.ok()["mail"], json!([]));
}

#[tokio::test]
async fn of_concurrent_commits_one_wins_and_nothing_is_said_in_the_clear_any_more() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (mut a, mut b) = (alice.connect("a").await, bob.connect("b").await);
    a.say(&conversation, "not encrypted yet").await;
    for epoch in 0..3 {
        let id = format!("c{epoch}");
        let (mine, theirs) = (commit(&conversation, &id, epoch), commit(&conversation, &id, epoch));
        let (one, other) = futures_util::future::join(a.ask(mine), b.ask(theirs)).await;
        let (won, lost) = if one["type"] == "message.sent" { (one, other) } else { (other, one) };
        assert_eq!(won["type"], "message.sent", "{won}");
        assert_eq!((lost["code"].as_str(), lost["details"]["epoch"].as_u64()), (Some("stale_epoch"), Some(epoch + 1)));
    }
    let refused = a.ask(message(&conversation, &fresh("m"), "in the clear")).await;
    assert_eq!((refused["code"].as_str(), refused["details"]["epoch"].as_u64()), (Some("stale_epoch"), Some(3)));
    let refused = a.ask(in_epoch(&conversation, 2)).await;
    assert_eq!(refused["code"], "stale_epoch");
    let sent = a.ask(in_epoch(&conversation, 3)).await;
    assert_eq!(sent["type"], "message.sent", "{sent}");
    let (id, place) = (&sent["messageId"], &sent["sequence"]);
    let refused = b
        .ask(json!({
            "type": "message.react", "conversationId": conversation, "messageId": id, "messageSequence": place,
            "clientMsgId": fresh("r"), "reaction": "!",
        }))
        .await;
    assert_eq!((refused["code"].as_str(), refused["details"]["rule"].as_str()), (Some("forbidden"), Some("encrypted")));
    let deleted = a
        .ask(json!({
            "type": "message.delete", "conversationId": conversation, "messageId": id, "messageSequence": place,
            "clientMsgId": fresh("d"), "for": "everyone",
        }))
        .await;
    assert_eq!(deleted["type"], "message.sent", "a deletion has no content: {deleted}");
    assert_eq!(alice.http("a").summary(&conversation).await["encrypted"], true);
    let over_http = alice.http("a").post("/commits", &commit(&conversation, "c9", 3)).await.ok();
    assert_eq!(over_http["type"], "message.sent");
}

#[tokio::test]
async fn what_was_encrypted_for_other_devices_is_refused_with_what_is_missing_extra_and_stale() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    keyed(&alice, "a", 1).await;
    keyed(&bob, "phone", 1).await;
    let mut a = alice.connect("a").await;
    let to = |id: &str, version: u64| {
        let mut frame = message(&conversation, id, "hey");
        frame["devices"] = json!({ bob.id.as_str(): version, alice.id.as_str(): 1 });
        frame
    };
    assert_eq!(a.ask(to("1", 1)).await["type"], "message.sent");
    keyed(&bob, "tablet", 1).await;
    let changed = a.expect("device.changed").await;
    assert_eq!(
        (&changed["userId"], &changed["deviceId"], &changed["change"]),
        (&json!(bob.id), &json!("tablet"), &json!("added"))
    );
    let refused = a.ask(to("2", 1)).await;
    let difference = &refused["details"]["users"][&bob.id];
    assert_eq!(refused["code"], "stale_devices");
    assert_eq!(*difference, json!({ "version": 2, "missing": ["tablet"], "extra": [], "stale": [] }));
    assert_eq!(a.ask(to("2", 2)).await["type"], "message.sent");

    let mut tablet = bob.connect("tablet").await;
    bob.http("phone").send(Method::DELETE, "/devices/tablet", &Value::Null).await;
    let changed = a.expect("device.changed").await;
    assert_eq!((&changed["deviceId"], &changed["change"]), (&json!("tablet"), &json!("removed")));
    tablet.closed().await;
    bob.http("tablet").get("/mailbox").await.refused(403, "forbidden");
    let refused = a.ask(to("3", 2)).await;
    assert_eq!(refused["details"]["users"][&bob.id]["extra"], json!(["tablet"]));
    let keys = alice.http("a").get(&format!("/users/{}/keys", bob.id)).await.ok();
    assert_eq!((keys["devicesVersion"].as_u64(), keys["devices"].as_array().unwrap().len()), (Some(3), 1));
    assert_eq!(alice.http("a").log(&conversation).await.len(), 2, "what was refused is not in the log");
}

#[tokio::test]
async fn mail_is_for_ones_own_devices_and_for_those_who_share_a_conversation() {
    let (alice, bob, eve) = (User::new("alice"), User::new("bob"), User::new("eve"));
    let conversation = direct(&alice, &bob);
    let mut laptop = alice.connect("laptop").await;
    let mail = |id: &str, kind: &str, to: Option<&str>| json!({ "clientMailId": id, "kind": kind, "payload": { "code": id }, "conversationId": to });
    let to = |user: &User, device: &str| format!("/mailbox/{}/{device}", user.id);
    let http = alice.http("phone");
    http.post(&to(&alice, "laptop"), &mail("1", "link", None)).await;
    let heard = laptop.expect("mailbox.new").await;
    assert_eq!((heard["kind"].as_str(), &heard["payload"]), (Some("link"), &json!({ "code": "1" })));
    assert_eq!((&heard["fromUserId"], heard["fromDeviceId"].as_str()), (&json!(alice.id), Some("phone")));
    keyed(&bob, "phone", 1).await;
    http.post(&to(&bob, "phone"), &mail("2", "keys", None)).await.refused(400, "bad_request");
    http.post(&to(&bob, "nowhere"), &mail("2", "keys", Some(&conversation))).await.refused(404, "not_found");
    http.post(&to(&bob, "phone"), &mail("2", "welcome", Some(&conversation))).await.refused(400, "bad_request");
    http.post(&to(&bob, "phone"), &mail("2", "keys", Some(&conversation))).await;
    eve.http("e").post(&to(&bob, "phone"), &mail("3", "keys", Some(&conversation))).await.refused(403, "not_a_member");
    let there = bob.http("phone").get("/mailbox").await.ok();
    assert_eq!(there["mail"].as_array().unwrap().len(), 1, "{there}");
    assert_eq!(bob.http("other").get("/mailbox").await.ok()["mail"], json!([]));
}
