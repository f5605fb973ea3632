//! Calls about keys and mail, read as the function `keys` reads them; and commits.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tidings_domain::{
    ids::{DeviceId, Sender, Timestamp, UserId},
    limits,
};
use tidings_events::HttpRequest;
use tidings_protocol::{
    ParseError, ServerFrame, convert,
    keys::{DeviceRef, KeyUpload, MailAck, MailPost, MessageCommit},
};
use tidings_testkit::mls::{self, KeyPackageParts};

use crate::{
    Seed,
    client_frame::named,
    entry::fits,
    http_event::{body, call},
};

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn owner(device: DeviceId) -> Sender {
    Sender { user: UserId::parse("alice").unwrap(), device }
}

/// What the call asks for; false where there is no such call.
pub(crate) fn taken(request: &HttpRequest) -> Result<bool, ParseError> {
    match request.route_key.as_str() {
        "PUT /devices/{id}/keys" => {
            let owner = owner(convert::device_id("id", request.path("id"))?);
            let upload = named(convert::key_upload(&owner, &body::<KeyUpload>(request)?, NOW))?;
            assert!(upload.packages.len() <= limits::KEY_UPLOAD_MAX);
            for package in upload.packages.iter().chain(&upload.last_resort) {
                assert!(package.expires_at > NOW && package.package.len() <= limits::KEY_PACKAGE_BYTES_MAX);
                assert_eq!(package.hash.len(), 64);
            }
        }
        "GET /users/{id}/keys" => {
            convert::user_id("id", request.path("id"))?;
            let wanted = convert::wanted_devices(request.query("deviceId"))?;
            assert!(wanted.len() <= request.query("deviceId").map_or(0, str::len));
        }
        "GET /mailbox" => {
            request.query("after").map(|id| convert::mail_id("after", id)).transpose()?;
        }
        "POST /mailbox/acks" => mail_ack(&body(request)?)?,
        "POST /mailbox/{userId}/{deviceId}" => {
            let to = owner(convert::device_id("deviceId", request.path("deviceId"))?);
            let from = owner(DeviceId::parse(&"d".repeat(64)).unwrap());
            let post: MailPost = body(request)?;
            let mail = named(convert::mail_request(&from, to, &post, NOW))?;
            assert_eq!(mail.payload.as_ref(), post.payload.text(), "a payload keeps its bytes");
            assert_eq!(convert::mail_request(&from, mail.to.clone(), &post, NOW)?.id, mail.id);
            fits(&ServerFrame::Mail(Box::new(convert::mail_new(&mail))), None);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

pub(crate) fn mail_ack(body: &MailAck) -> Result<(), ParseError> {
    let ids = named(convert::mail_ack(body))?;
    assert!((1..=limits::MAIL_ACK_MAX).contains(&ids.len()));
    Ok(())
}

/// A commit that adds a device.
pub(crate) fn commit() -> MessageCommit {
    MessageCommit {
        conversation_id: "u:alice|u:bob".into(),
        client_msg_id: "9".into(),
        payload: STANDARD.encode(mls::private_message("u:alice|u:bob", 4, 3)),
        ts: NOW.0,
        epoch: 4,
        welcome: Some(STANDARD.encode(mls::welcome(90))),
        welcomed: vec![DeviceRef { user_id: "bob".into(), device_id: "web".into() }],
        media_handle: Some("md:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d".into()),
        devices: [("bob".into(), 3)].into(),
        attempt: Some(2),
        base_sequence: Some(41),
    }
}

fn package(is_last_resort: bool) -> String {
    let not_after = NOW.as_seconds() + 3600;
    let (identity, signature_key) = (&b"alice/ios:3f2a"[..], &[3; 32][..]);
    let parts = KeyPackageParts { suite: 1, identity, signature_key, not_after, is_last_resort, number: 1 };
    STANDARD.encode(mls::key_package(&parts))
}

pub(crate) fn seeds() -> Vec<Seed> {
    let nothing = json!({});
    let upload = json!({
        "identityKey": STANDARD.encode([3; 32]),
        "keyPackages": [package(false)],
        "lastResort": package(true),
    });
    let mail = json!({
        "clientMailId": "1", "kind": "link", "payload": { "code": "AAAA" }, "conversationId": "u:alice|u:bob",
    });
    let id = "1800000000000-5d4f6cde3f545a8e9d6b1c2f5b8a7e90";
    let on = |route: &str, query: &Value, body: Option<&Value>| {
        let mut event = call(route, "/", query, body);
        event["pathParameters"] = json!({ "id": "ios:3f2a", "userId": "bob", "deviceId": "web" });
        event
    };
    let commit = serde_json::to_value(commit()).unwrap();
    let mut taken = on("GET /users/{id}/keys", &json!({ "deviceId": "web,ios:3f2a" }), None);
    taken["pathParameters"]["id"] = "bob".into();
    vec![
        Seed::new("commit", on("POST /commits", &nothing, Some(&commit))),
        Seed::new("keys", on("PUT /devices/{id}/keys", &nothing, Some(&upload))),
        Seed::new("take", taken),
        Seed::new("mailbox", on("GET /mailbox", &json!({ "after": id }), None)),
        Seed::new("mail-ack", on("POST /mailbox/acks", &nothing, Some(&json!({ "mailIds": [id] })))),
        Seed::new("mail", on("POST /mailbox/{userId}/{deviceId}", &nothing, Some(&mail))),
    ]
}
