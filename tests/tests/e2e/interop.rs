//! Two implementations in one conversation, through the service: ours in Rust, and ts-mls in Node, whose bytes this test
//! carries to and from the service as a client of its own would.

#[expect(clippy::print_stderr, reason = "says where a second implementation is missing")]
#[path = "../../../clients/mls/tests/mls/peer.rs"]
mod peer;

use std::{rc::Rc, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use tidings_tests::{Http, Socket, User, direct, eventually, fresh, now_ms, repository};
use tokio::time::sleep;

use self::peer::Peer;
use crate::secure::Phone;

/// A device with ts-mls, connected.
struct Theirs {
    peer: Rc<Peer>,
    name: String,
    http: Http,
    socket: Socket,
    /// Entries come at least once.
    taken: u64,
}

impl Theirs {
    async fn new(peer: &Rc<Peer>, user: &User, device: &str) -> Self {
        let name = format!("{}/{device}", user.id);
        let made = peer.ask(&json!({ "op": "device", "device": name })).unwrap();
        let http = user.http(device);
        let package = |last: bool| {
            let asked = json!({ "nowSeconds": now_ms() / 1000, "lastResort": last });
            peer.get(&name, "keyPackage", &asked)["keyPackage"].clone()
        };
        let keys = json!({
            "identityKey": made["identityKey"], "keyPackages": [package(false), package(false)], "lastResort": package(true),
        });
        http.send(Method::PUT, &format!("/devices/{device}/keys"), &keys).await.ok();
        Self { peer: Rc::clone(peer), name, http, socket: user.connect(device).await, taken: 0 }
    }

    async fn join(&mut self) {
        let mail = self.socket.expect("mailbox.new").await;
        self.peer.get(&self.name, "join", &json!({ "welcome": mail["payload"] }));
        self.http.post("/mailbox/acks", &json!({ "mailIds": [mail["mailId"]] })).await.ok();
        // What came before the commit of the Welcome is not for this device.
        self.taken = self.taken.max(mail["sequence"].as_u64().unwrap());
    }

    /// The next entry of another device, with what was in it.
    async fn take(&mut self, conversation: &str) -> Value {
        let (taken, me) = (self.taken, self.name.clone());
        let epoch = self.peer.get(&me, "state", &json!({}))["epoch"].as_u64().unwrap();
        let entry = self
            .socket
            .expect_where("an entry", |frame| {
                let is_own = format!("{}/{}", frame["senderUserId"], frame["senderDeviceId"]).replace('"', "") == me;
                frame["type"] == "message.new"
                    && frame["conversationId"] == conversation
                    && frame["event"] != "membership"
                    && frame["sequence"].as_u64().is_some_and(|sequence| sequence > taken)
                    && !is_own
                    && (frame["event"] != "commit" || frame["epoch"].as_u64().is_some_and(|of| of > epoch))
            })
            .await;
        self.taken = entry["sequence"].as_u64().unwrap();
        let read = self.peer.get(&self.name, "process", &json!({ "payload": entry["payload"] }));
        read["content"]["body"].clone()
    }

    async fn hears(&mut self, conversation: &str, text: &str) {
        // Commits come between.
        for _ in 0..10 {
            if self.take(conversation).await["text"] == text {
                return;
            }
        }
        panic!("{} has not heard {text:?}", self.name);
    }

    async fn say(&mut self, conversation: &str, text: &str) {
        let content = json!({ "v": 1, "kind": "text", "body": { "text": text } });
        let made = self.peer.get(&self.name, "encrypt", &json!({ "content": content }));
        let frame = json!({
            "type": "message.send", "conversationId": conversation, "clientMsgId": fresh("m"), "ts": now_ms(),
            "epoch": made["epoch"], "payload": made["payload"],
        });
        let sent = self.socket.ask(frame).await;
        assert_eq!(sent["type"], "message.sent", "{sent}");
    }

    /// Commits, and is answered.
    async fn commit(&mut self, conversation: &str, add: &[Value], welcomed: &Value) {
        let made = self.peer.get(&self.name, "commit", &json!({ "add": add, "remove": [] }));
        let mut frame = json!({
            "type": "message.commit", "conversationId": conversation, "clientMsgId": fresh("c"), "ts": now_ms(),
            "epoch": made["epoch"], "payload": made["payload"], "welcomed": welcomed,
        });
        if made["welcome"].is_string() {
            frame["welcome"] = made["welcome"].clone();
        }
        let sent = self.socket.ask(frame).await;
        assert_eq!(sent["type"], "message.sent", "{sent}");
        self.peer.get(&self.name, "accept", &json!({}));
    }
}

fn start() -> Option<Rc<Peer>> {
    Peer::start(&repository().join("clients/mls/tests/interop"))
}

#[tokio::test]
async fn rust_begins_and_typescript_answers() {
    let Some(peer) = start() else { return };
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let mut a = Phone::new(&alice, "phone").await;
    let mut b = Theirs::new(&peer, &bob, "web").await;
    a.say(&conversation, "hello, web").await;
    b.join().await;
    b.hears(&conversation, "hello, web").await;
    b.say(&conversation, "hello, phone").await;
    a.hears(&conversation, "hello, phone").await;
    // Out of order: the later of two is read first, by the one that has both.
    a.say(&conversation, "one").await;
    a.say(&conversation, "two").await;
    let mut entries = Vec::new();
    for _ in 0..2 {
        let entry = b.socket.expect_where("the next", |frame| frame["sequence"].as_u64() > Some(b.taken)).await;
        b.taken = entry["sequence"].as_u64().unwrap();
        entries.push(entry);
    }
    for (entry, text) in entries.iter().rev().zip(["two", "one"]) {
        let read = b.peer.get(&b.name, "process", &json!({ "payload": entry["payload"] }));
        assert_eq!(read["content"]["body"]["text"], text);
    }
    // A device of alice's comes, and one of bob's goes.
    let mut tablet = Phone::new(&alice, "tablet").await;
    a.say(&conversation, "and the tablet").await;
    tablet.hears(&conversation, "and the tablet").await;
    b.hears(&conversation, "and the tablet").await;
    b.say(&conversation, "hello, both").await;
    tablet.hears(&conversation, "hello, both").await;
    a.client.revoke_device("tablet").await.unwrap();
    a.say(&conversation, "without the tablet").await;
    b.hears(&conversation, "without the tablet").await;
    let roster = b.peer.get(&b.name, "state", &json!({}))["roster"].to_string();
    assert!(!roster.contains("tablet"), "{roster}");
}

#[tokio::test]
async fn typescript_has_lost_its_welcome_and_is_added_anew() {
    let Some(peer) = start() else { return };
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let mut a = Phone::new(&alice, "phone").await;
    let mut b = Theirs::new(&peer, &bob, "web").await;
    a.say(&conversation, "you will not read this").await;
    let lost = b.socket.expect("mailbox.new").await["mailId"].clone();
    b.http.post("/mailbox/acks", &json!({ "mailIds": [lost] })).await.ok();
    // Who has just been added is not added again at once, so it asks until it is.
    let path = format!("/mailbox/{}/phone", alice.id);
    eventually("another Welcome", || async {
        let wish = json!({
            "clientMailId": fresh("r"), "kind": "rejoin", "payload": { "v": 1 }, "conversationId": conversation,
        });
        b.http.post(&path, &wish).await.ok();
        sleep(Duration::from_secs(1)).await;
        let page = b.http.get("/mailbox").await.ok();
        page["mail"].as_array().is_some_and(|mail| !mail.is_empty()).then_some(())
    })
    .await;
    b.join().await;
    a.say(&conversation, "but this").await;
    b.hears(&conversation, "but this").await;
    b.say(&conversation, "I do").await;
    a.hears(&conversation, "I do").await;
}

#[tokio::test]
async fn typescript_begins_and_a_group_grows_and_shrinks() {
    let Some(peer) = start() else { return };
    let (alice, bob, carol) = (User::new("alice"), User::new("bob"), User::new("carol"));
    let mut b = Theirs::new(&peer, &bob, "web").await;
    let mut a = Phone::new(&alice, "phone").await;
    let mut c = Phone::new(&carol, "phone").await;
    let group = bob.http("web").make_group(&[&alice]).await;
    b.peer.get(&b.name, "create", &json!({ "conversation": group, "nowSeconds": now_ms() / 1000 }));
    let taken = b.http.get(&format!("/users/{}/keys", alice.id)).await.ok();
    let package = taken["devices"][0]["keyPackage"].clone();
    b.commit(&group, &[package], &json!([{ "userId": alice.id, "deviceId": "phone" }])).await;
    b.say(&group, "begun by the web").await;
    a.hears(&group, "begun by the web").await;
    // Carol is taken in, and added by the Rust client's next message.
    bob.http("web").post(&format!("/groups/{group}/members"), &json!({ "userIds": [carol.id] })).await.ok();
    a.message("her joining", |message| message.payload.value()["change"] == "added").await;
    a.say(&group, "hello, carol").await;
    c.hears(&group, "hello, carol").await;
    b.hears(&group, "hello, carol").await;
    c.say(&group, "hello, all").await;
    b.hears(&group, "hello, all").await;
    // Alice leaves, and the others go on.
    alice.http("any").send(Method::DELETE, &format!("/groups/{group}/members/{}", alice.id), &json!(null)).await;
    c.message("her leaving", |message| message.payload.value()["change"] == "left").await;
    c.say(&group, "the two of us").await;
    b.hears(&group, "the two of us").await;
    let roster = b.peer.get(&b.name, "state", &json!({}))["roster"].to_string();
    assert!(!roster.contains(&alice.id) && roster.contains(&carol.id), "{roster}");
}
