//! Real MLS through the service: what the crate `tidings-mls` makes goes by the key directory, the log and the mailbox,
//! and is read at the other end.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde_json::{Value, json};
use tidings_mls::{
    Changes, Commit, Content, Device, Entry, Event, Group, Identity, IdentityKey, KeyPackage, MemoryStore, Processed,
    WelcomeMail,
};
use tidings_tests::{Http, Socket, User, direct, dynamodb, fresh, now_ms};

/// openmls looks at the machine's clock.
fn now_seconds() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "openmls compares lifetimes with the machine's clock")]
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A device with its store, connected, with its keys in the directory.
struct Phone {
    store: MemoryStore,
    identity: Identity,
    http: Http,
    socket: Socket,
}

impl Phone {
    async fn new(user: &User, device: &str) -> Self {
        let store = MemoryStore::new();
        let identity = Identity::create(&store, Device::new(&user.id, device).unwrap()).unwrap();
        let http = user.http(device);
        let keys = json!({
            "identityKey": STANDARD.encode(identity.key().as_bytes()),
            "keyPackages": identity.make_key_packages(&store, 5, now_seconds()).unwrap(),
            "lastResort": identity.make_last_resort_key_package(&store, now_seconds()).unwrap(),
        });
        let stock = http.send(Method::PUT, &format!("/devices/{device}/keys"), &keys).await.ok();
        assert_eq!((stock["count"].as_u64(), stock["hasLastResort"].as_bool()), (Some(5), Some(true)));
        Self { store, identity, http, socket: user.connect(device).await }
    }

    /// One package of each device of a user, out of the directory, checked against the key that it names.
    async fn packages_of(&self, user: &User) -> Vec<KeyPackage> {
        let taken = self.http.get(&format!("/users/{}/keys", user.id)).await.ok();
        let of_device = |bundle: &Value| {
            let device = Device::new(&user.id, bundle["deviceId"].as_str().unwrap()).unwrap();
            let key = STANDARD.decode(bundle["identityKey"].as_str().unwrap()).unwrap();
            let key = IdentityKey::from_bytes(&key).unwrap();
            KeyPackage::parse(bundle["keyPackage"].as_str().unwrap(), &device, key, now_seconds()).unwrap()
        };
        taken["devices"].as_array().unwrap().iter().map(of_device).collect()
    }

    /// Sends a commit, which the service takes or refuses.
    async fn offer(&mut self, conversation: &str, commit: &Commit) -> Value {
        let welcomed: Vec<Value> = commit
            .welcomed
            .iter()
            .map(|device| json!({ "userId": device.user_id(), "deviceId": device.device_id() }))
            .collect();
        let mut frame = json!({
            "type": "message.commit", "conversationId": conversation, "clientMsgId": fresh("c"), "ts": now_ms(),
            "epoch": commit.epoch, "payload": commit.payload, "welcomed": welcomed,
        });
        if let Some(welcome) = &commit.welcome {
            frame["welcome"] = json!(welcome);
        }
        self.socket.ask(frame).await
    }

    async fn say(&mut self, group: &mut Group, text: &str) -> u64 {
        let made = group.encrypt(&self.store, &self.identity, &Content::text(text)).unwrap();
        let sent = self
            .socket
            .ask(json!({
                "type": "message.send", "conversationId": group.conversation_id(), "clientMsgId": fresh("m"),
                "ts": now_ms(), "epoch": made.epoch, "payload": made.payload,
            }))
            .await;
        assert_eq!(sent["type"], "message.sent", "{sent}");
        sent["sequence"].as_u64().unwrap()
    }

    /// The Welcome that has come by mail.
    async fn join(&mut self, conversation: &str) -> Group {
        let mail = self.socket.expect("mailbox.new").await;
        let from = device(&mail, "fromUserId", "fromDeviceId");
        let payload = mail["payload"].as_str().unwrap();
        let welcome = WelcomeMail { conversation_id: conversation, from: &from, payload };
        Group::join(&self.store, &self.identity, &welcome).unwrap()
    }

    /// The entry at a place, as the group takes it.
    async fn hear(&mut self, group: &mut Group, sequence: u64) -> Processed {
        let entry = self.socket.expect_message(group.conversation_id(), sequence).await;
        let event = if entry["event"] == "commit" { Event::Commit } else { Event::Message };
        let sender = device(&entry, "senderUserId", "senderDeviceId");
        let (epoch, payload) = (entry["epoch"].as_u64().unwrap(), entry["payload"].as_str().unwrap());
        group.process(&self.store, &Entry { sender: &sender, event, epoch, payload }).unwrap()
    }

    async fn read(&mut self, group: &mut Group, sequence: u64) -> String {
        match self.hear(group, sequence).await {
            Processed::Message { content, .. } => content.unwrap().said().unwrap().to_owned(),
            other => panic!("{other:?}"),
        }
    }
}

fn device(value: &Value, user: &str, device: &str) -> Device {
    Device::new(value[user].as_str().unwrap(), value[device].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn two_users_talk_and_a_third_device_joins() {
    const SECRET: &str = "nobody but us reads this";
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (mut a, mut b) = (Phone::new(&alice, "phone").await, Phone::new(&bob, "phone").await);

    let mut at_a = Group::create(&a.store, &a.identity, &conversation, now_seconds()).unwrap();
    let changes = Changes { add: a.packages_of(&bob).await, remove: Vec::new() };
    let commit = at_a.commit(&a.store, &a.identity, &changes).unwrap();
    let sent = a.offer(&conversation, &commit).await;
    assert_eq!((sent["type"].as_str(), sent["sequence"].as_u64()), (Some("message.sent"), Some(1)), "{sent}");
    at_a.accept_commit(&a.store).unwrap();
    let mut at_b = b.join(&conversation).await;
    assert_eq!(at_a.authenticator(), at_b.authenticator());

    let place = a.say(&mut at_a, SECRET).await;
    assert_eq!(b.read(&mut at_b, place).await, SECRET);
    let place = b.say(&mut at_b, "nor this").await;
    assert_eq!(a.read(&mut at_a, place).await, "nor this");

    // Both add Bob's new device at once: one wins, the other follows.
    let mut tablet = Phone::new(&bob, "tablet").await;
    let added = |packages: Vec<KeyPackage>| {
        let add = packages.into_iter().filter(|package| package.device().device_id() == "tablet").collect();
        Changes { add, remove: Vec::new() }
    };
    let by_a = at_a.commit(&a.store, &a.identity, &added(a.packages_of(&bob).await)).unwrap();
    let by_b = at_b.commit(&b.store, &b.identity, &added(b.packages_of(&bob).await)).unwrap();
    let won = a.offer(&conversation, &by_a).await;
    let lost = b.offer(&conversation, &by_b).await;
    assert_eq!((lost["code"].as_str(), lost["details"]["epoch"].as_u64()), (Some("stale_epoch"), Some(2)), "{won}");
    at_a.accept_commit(&a.store).unwrap();
    at_b.discard_commit(&b.store).unwrap();
    let followed = b.hear(&mut at_b, won["sequence"].as_u64().unwrap()).await;
    assert!(matches!(followed, Processed::Commit(_)), "{followed:?}");
    let mut at_tablet = tablet.join(&conversation).await;
    let place = tablet.say(&mut at_tablet, "three of us").await;
    assert_eq!(a.read(&mut at_a, place).await, "three of us");
    assert_eq!(b.read(&mut at_b, place).await, "three of us");

    // What is stored is not what was written.
    let key = json!({ "pk": { "S": format!("{conversation}#0") } });
    let rows = dynamodb(
        "Query",
        "LogTable",
        json!({ "KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": { ":pk": key["pk"] } }),
    )
    .await;
    assert_eq!(rows["Items"].as_array().unwrap().len(), 5, "{rows}");
    let text = rows.to_string();
    assert!(!text.contains(SECRET) && !text.contains(&STANDARD.encode(SECRET)), "{text}");
}
