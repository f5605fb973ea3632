//! Media on the running stack: storage, the function that looks at uploads, and who may read them.

use std::sync::Mutex;

use reqwest::Method;
use serde_json::{Value, json};
use tidings_sdk::{
    Draft, Page,
    media::{Attachment, MediaError, MediaFile, Sealing},
    protocol::Payload,
};
use tidings_tests::{
    Http, Socket, User, announced, direct, dynamodb, encoded, eventually, fresh, from_storage, get_item, invoke,
    message, now_ms, png, sha256, to_storage,
};
use tokio::sync::Notify;

const HANDLE: &str = "md:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d";

fn with_media(conversation: &str, id: &str, handle: &str) -> Value {
    let mut frame = message(conversation, id, "look");
    frame["mediaHandle"] = json!(handle);
    frame["kind"] = json!("image");
    frame
}

async fn send(socket: &mut Socket, conversation: &str, handle: &str) -> Value {
    let sent = socket.ask(with_media(conversation, &fresh("c"), handle)).await;
    assert_eq!(sent["type"], "message.sent", "{sent}");
    sent
}

async fn head(handle: &str) -> Value {
    get_item("MediaTable", json!({ "mid": { "S": handle }, "sk": { "S": "h" } })).await
}

async fn url_for(http: &Http, handle: &str) -> String {
    http.media(handle).await.ok()["url"].as_str().expect("an address").to_owned()
}

#[tokio::test]
async fn a_picture_goes_from_one_member_to_the_other_and_to_nobody_else() {
    let (alice, bob, stranger) = (User::new("alice"), User::new("bob"), User::new("eve"));
    let conversation = direct(&alice, &bob);
    let mut a = alice.connect("a").await;
    let bytes = png(&conversation);
    let http = alice.http("a");
    let handle = http.upload(&conversation, "image/png", &bytes).await;
    bob.http("b").media(&handle).await.refused(404, "not_found");
    send(&mut a, &conversation, &handle).await;
    for reader in [&alice, &bob] {
        let seen = reader.http("r").media(&handle).await.ok();
        assert_eq!(
            (&seen["status"], &seen["mime"], &seen["size"]),
            (&json!("ready"), &json!("image/png"), &json!(bytes.len()))
        );
        let expires_at = seen["expiresAt"].as_u64().unwrap();
        assert!(expires_at > now_ms() && expires_at <= now_ms() + 15 * 60_000);
        let url = seen["url"].as_str().unwrap();
        assert_eq!(from_storage(url, None).await, (200, bytes.clone()));
        assert_eq!(from_storage(url, Some("bytes=4-9")).await, (206, bytes[4..10].to_vec()));
    }
    stranger.http("s").media(&handle).await.refused(403, "not_a_member");
    // The same content once more: there is nothing to upload.
    let again = bob.http("b").post("/media/presign", &announced(&conversation, "image/png", &bytes)).await.ok();
    assert_eq!(
        (&again["mediaHandle"], &again["status"], &again["upload"]),
        (&json!(handle), &json!("ready"), &Value::Null)
    );
}

#[tokio::test]
async fn storage_takes_nothing_but_what_was_announced() {
    let alice = User::new("alice");
    let conversation = alice.notes();
    let http = alice.http("a");
    let bytes = png(&conversation);
    let offer = http.post("/media/presign", &announced(&conversation, "image/png", &bytes)).await.ok();
    let (handle, upload) = (offer["mediaHandle"].as_str().unwrap(), &offer["upload"]);
    assert_eq!(upload["method"], "PUT");
    let other = png("something else of another size");
    let same_size: Vec<u8> = bytes.iter().rev().copied().collect();
    for wrong in [&other, &same_size, &Vec::new()] {
        let (status, said) = to_storage(upload, wrong).await;
        assert!((400..500).contains(&status), "{status} {said}");
    }
    for (name, value) in [("content-type", "text/html"), ("x-amz-checksum-sha256", "AAAA")] {
        let mut changed = upload.clone();
        changed["headers"][name] = json!(value);
        let (status, said) = to_storage(&changed, &bytes).await;
        assert!((400..500).contains(&status), "{name}: {status} {said}");
    }
    let url = upload["url"].as_str().unwrap();
    let uuid = handle.trim_start_matches("md:");
    for (from, to) in [
        (uuid, "00000000-0000-5000-8000-000000000000"),
        ("/media/", "/other/"),
        ("X-Amz-Expires=900", "X-Amz-Expires=9000"),
        ("X-Amz-Signature=", "X-Amz-Signature=0"),
    ] {
        assert!(url.contains(from), "{url}");
        let mut changed = upload.clone();
        changed["url"] = json!(url.replacen(from, to, 1));
        let (status, said) = to_storage(&changed, &bytes).await;
        assert!((400..500).contains(&status), "{to}: {status} {said}");
    }
    assert_eq!(http.media(handle).await.ok()["status"], "pending");
    for _ in 0..2 {
        assert_eq!(to_storage(upload, &bytes).await.0, 200, "a retry is harmless");
    }
    assert_eq!(http.settled_media(handle).await["status"], "ready");
}

#[tokio::test]
async fn bytes_of_another_type_are_refused_and_removed() {
    let alice = User::new("alice");
    let (conversation, http) = (alice.notes(), alice.http("a"));
    let mut socket = alice.connect("a").await;
    let page = format!("<!DOCTYPE html><script>steal()</script>{conversation}").into_bytes();
    let body = announced(&conversation, "image/png", &page);
    let offer = http.post("/media/presign", &body).await.ok();
    let handle = offer["mediaHandle"].as_str().unwrap();
    let error = socket.ask(with_media(&conversation, "early", handle)).await;
    assert_eq!((&error["code"], &error["details"]["field"]), (&json!("conflict"), &json!("mediaHandle")), "{error}");
    assert_eq!(to_storage(&offer["upload"], &page).await.0, 200);
    let seen = http.settled_media(handle).await;
    assert_eq!((&seen["status"], &seen["reason"], &seen["url"]), (&json!("refused"), &json!("mime"), &Value::Null));
    let error = socket.ask(with_media(&conversation, "late", handle)).await;
    assert_eq!((&error["code"], &error["details"]["reason"]), (&json!("forbidden"), &json!("mime")), "{error}");
    let again = http.post("/media/presign", &body).await.refused(403, "forbidden");
    assert_eq!(again["details"]["reason"], "mime");
    // Whoever has the address still may try: the object does not stay.
    assert_eq!(to_storage(&offer["upload"], &page).await.0, 200);
    assert_eq!(http.log(&conversation).await, Vec::<Value>::new());
}

#[tokio::test]
async fn bad_announcements_are_refused_each_by_its_field() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let (conversation, http) = (alice.notes(), alice.http("a"));
    let good = announced(&conversation, "image/png", b"x");
    let theirs = direct(&bob, &User::new("carol"));
    for (name, value, status, code) in [
        ("size", json!(0), 400, "bad_request"),
        ("size", json!(-1), 400, "bad_request"),
        ("size", json!(5_u64 << 30), 413, "too_large"),
        ("size", json!((32_u64 << 20) + 1), 413, "too_large"),
        ("mime", json!("text/html"), 400, "bad_request"),
        ("mime", json!("image/svg+xml"), 400, "bad_request"),
        ("mime", json!("image/png; charset=utf-8"), 400, "bad_request"),
        ("sha256", json!("00"), 400, "bad_request"),
        ("sha256", json!("../../etc/passwd"), 400, "bad_request"),
        ("conversationId", json!("../x"), 400, "bad_request"),
        ("conversationId", json!(theirs), 403, "not_a_member"),
        ("conversationId", json!("g:none"), 403, "not_a_member"),
    ] {
        let mut body = good.clone();
        body[name] = value.clone();
        let error = http.post("/media/presign", &body).await.refused(status, code);
        assert_eq!(error["details"]["field"], name, "{value}");
        assert!(error["message"].as_str().unwrap().contains(name), "{error}");
    }
    for path in ["..%2F..%2Fetc", "media%2F1", "..", "%2e%2e"] {
        // Of the service or of the gateway, which may take it for a path of its own.
        let answer = http.get(&format!("/media/{path}")).await;
        assert!([400, 404].contains(&answer.status), "{path}: {}", answer.body);
    }
    for path in ["md:..", "md:0a1b2c3d", "%00", "md%3A%2e%2e"] {
        let error = http.get(&format!("/media/{path}")).await.refused(400, "bad_request");
        assert_eq!(error["details"]["field"], "handle", "{path}");
    }
    http.media(HANDLE).await.refused(404, "not_found");
    let unsigned = Http::new(None, Some("a"));
    unsigned.post("/media/presign", &good).await.refused(401, "unauthorized");
    unsigned.media(HANDLE).await.refused(401, "unauthorized");
}

#[tokio::test]
async fn a_message_names_only_media_of_its_own_conversation() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let (conversation, notes) = (direct(&alice, &bob), alice.notes());
    let mut socket = alice.connect("a").await;
    let handle = alice.http("a").upload(&notes, "image/png", &png(&notes)).await;
    for (n, wrong) in [handle.as_str(), HANDLE].into_iter().enumerate() {
        let error = socket.ask(with_media(&conversation, &format!("c{n}"), wrong)).await;
        assert_eq!(
            (&error["code"], &error["details"]["field"]),
            (&json!("not_found"), &json!("mediaHandle")),
            "{error}"
        );
        let mut body = with_media(&conversation, &format!("h{n}"), wrong);
        body.as_object_mut().unwrap().remove("type");
        alice.http("a").post("/messages", &body).await.refused(404, "not_found");
        let body = json!({ "sendAt": now_ms() + 600_000, "message": body });
        alice.http("a").post("/scheduled", &body).await.refused(404, "not_found");
    }
    assert_eq!(alice.http("a").log(&conversation).await, Vec::<Value>::new());
    send(&mut socket, &notes, &handle).await;
}

#[tokio::test]
async fn large_content_goes_in_parts_and_is_taken_up_again() {
    const PART: usize = 8 << 20;
    let alice = User::new("alice");
    let (conversation, http) = (alice.notes(), alice.http("a"));
    let bytes: Vec<u8> = (0..2 * PART + 99).map(|n| u8::try_from(n * 31 % 251).unwrap()).collect();
    let body = announced(&conversation, "application/octet-stream", &bytes);
    let offer = http.post("/media/presign", &body).await.ok();
    assert_eq!(offer["multipart"], json!({ "partBytes": PART, "partCount": 3 }));
    let handle = offer["mediaHandle"].as_str().unwrap();
    let path = format!("/media/{}", encoded(handle));
    let pieces: Vec<&[u8]> = bytes.chunks(PART).collect();
    let wanted: Vec<Value> =
        pieces.iter().zip(1..).map(|(piece, number)| json!({ "number": number, "sha256": sha256(piece) })).collect();
    let signed = http.post(&format!("{path}/parts"), &json!({ "parts": wanted })).await.ok();
    let upload = |n: usize| &signed["parts"][n]["upload"];
    assert!((400..500).contains(&to_storage(upload(0), pieces[1]).await.0), "the hash of another part");
    assert!((400..500).contains(&to_storage(upload(0), pieces[2]).await.0), "the size of another part");
    for n in [0, 2] {
        assert_eq!(to_storage(upload(n), pieces[n]).await.0, 200);
    }
    // Another device of the user goes on.
    let other = alice.http("b");
    let same = other.post("/media/presign", &body).await.ok();
    assert_eq!(same["mediaHandle"], handle);
    let there = other.get(&format!("{path}/parts")).await.ok();
    let numbers: Vec<&Value> = there["parts"].as_array().unwrap().iter().map(|part| &part["number"]).collect();
    assert_eq!(numbers, [&json!(1), &json!(3)]);
    assert_eq!(there["parts"][1]["size"], 99);
    let early = other.post(&format!("{path}/complete"), &json!({})).await.refused(409, "conflict");
    assert_eq!(early["details"]["missingParts"], json!([2]));
    assert_eq!(to_storage(upload(1), pieces[1]).await.0, 200);
    for _ in 0..2 {
        other.post(&format!("{path}/complete"), &json!({})).await.ok();
    }
    assert_eq!(http.settled_media(handle).await["status"], "ready");
    let url = url_for(&http, handle).await;
    assert_eq!(from_storage(&url, Some("bytes=8388600-8388615")).await, (206, bytes[8_388_600..8_388_616].to_vec()));
    for bad in [json!([]), json!([{ "number": 4, "sha256": "0".repeat(64) }]), json!([{ "number": 1, "sha256": "" }])] {
        let answer = http.post(&format!("{path}/parts"), &json!({ "parts": bad })).await;
        assert!([400, 409].contains(&answer.status), "{}", answer.body);
    }
    // Given up before it is complete, nothing is left of it.
    let more = [bytes.as_slice(), b"!"].concat();
    let offer = http.post("/media/presign", &announced(&conversation, "application/octet-stream", &more)).await.ok();
    let path = format!("/media/{}", encoded(offer["mediaHandle"].as_str().unwrap()));
    for (bad, field) in [
        (json!([]), "parts"),
        (json!([{ "number": 4, "sha256": "0".repeat(64) }]), "parts[0].number"),
        (json!([{ "number": 1, "sha256": "" }]), "parts[0].sha256"),
    ] {
        let error = http.post(&format!("{path}/parts"), &json!({ "parts": bad })).await.refused(400, "bad_request");
        assert_eq!(error["details"]["field"], field);
    }
    http.send(Method::DELETE, &path, &Value::Null).await.ok();
    http.get(&format!("{path}/parts")).await.refused(404, "not_found");
}

#[tokio::test]
async fn deleted_for_everyone_the_object_goes_with_its_last_message() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (mut a, http) = (alice.connect("a").await, alice.http("a"));
    let handle = http.upload(&conversation, "image/png", &png(&conversation)).await;
    let path = format!("/media/{}", encoded(&handle));
    let sent = [send(&mut a, &conversation, &handle).await, send(&mut a, &conversation, &handle).await];
    http.send(Method::DELETE, &path, &Value::Null).await.refused(409, "conflict");
    let url = url_for(&bob.http("b"), &handle).await;
    for (n, sent) in sent.iter().enumerate() {
        assert_eq!(from_storage(&url, None).await.0, 200, "a message refers to it");
        let delete = json!({
            "type": "message.delete", "conversationId": conversation, "messageId": sent["messageId"],
            "clientMsgId": format!("d{n}"), "for": "everyone",
        });
        assert_eq!(a.ask(delete).await["type"], "message.sent");
        eventually("the reference is gone", || async {
            let head = head(&handle).await;
            (head["n"]["N"].as_str() == Some(["1", "0"][n])).then_some(())
        })
        .await;
    }
    eventually("the object is gone", || async { (from_storage(&url, None).await.0 == 404).then_some(()) }).await;
    for reader in [&alice, &bob] {
        reader.http("r").media(&handle).await.refused(404, "not_found");
    }
    assert!(http.log(&conversation).await[..2].iter().all(|entry| entry["mediaHandle"].is_null()));
    let again = http.upload(&conversation, "image/png", &png(&conversation)).await;
    assert_eq!(again, handle, "it begins anew under the same name");
}

#[tokio::test]
async fn access_ends_when_the_message_expires() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (mut a, http) = (alice.connect("a").await, bob.http("b"));
    let handle = alice.http("a").upload(&conversation, "image/png", &png(&conversation)).await;
    let mut frame = with_media(&conversation, "brief", &handle);
    frame["ttlSeconds"] = json!(2);
    let sent = a.ask(frame).await;
    let url = url_for(&http, &handle).await;
    eventually("access ends", || async { (http.media(&handle).await.status == 404).then_some(()) }).await;
    assert!(now_ms() >= sent["ts"].as_u64().unwrap() + 2000);
    eventually("the object is gone", || async {
        invoke("sweeper", &json!({})).await;
        (from_storage(&url, None).await.0 != 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn who_joins_later_reads_media_from_the_joining_on() {
    let (alice, bob, late) = (User::new("alice"), User::new("bob"), User::new("late"));
    let http = alice.http("a");
    let group = http.make_group(&[&bob]).await;
    let mut a = alice.connect("a").await;
    let [before, after] = ["before", "after"].map(|word| png(&format!("{word}{group}")));
    let before = http.upload(&group, "image/png", &before).await;
    send(&mut a, &group, &before).await;
    let path = format!("/groups/{}/members/{}", encoded(&group), late.id);
    late.http("l").media(&before).await.refused(403, "not_a_member");
    http.send(Method::PUT, &path, &Value::Null).await.ok();
    let after = http.upload(&group, "image/png", &after).await;
    send(&mut a, &group, &after).await;
    url_for(&late.http("l"), &after).await;
    url_for(&bob.http("b"), &before).await;
    late.http("l").media(&before).await.refused(404, "not_found");
    http.send(Method::DELETE, &path, &Value::Null).await.ok();
    late.http("l").media(&after).await.refused(403, "not_a_member");
}

#[tokio::test]
async fn what_no_message_refers_to_is_collected() {
    let alice = User::new("alice");
    let (conversation, http) = (alice.notes(), alice.http("a"));
    let handle = http.upload(&conversation, "image/png", &png(&conversation)).await;
    let url = url_for(&http, &handle).await;
    // As if it had been uploaded three days ago, and its minute were just over.
    let old = json!({
        "Key": { "mid": { "S": handle }, "sk": { "S": "h" } },
        "UpdateExpression": "SET #xp = :xp",
        "ExpressionAttributeNames": { "#xp": "xp" },
        "ExpressionAttributeValues": { ":xp": { "N": (now_ms() - 2 * 24 * 3_600_000).to_string() } },
    });
    dynamodb("UpdateItem", "MediaTable", old).await;
    let minute = now_ms() / 60_000 - 1;
    let watch = json!({ "Item": { "min": { "S": format!("m#{minute}") }, "tid": { "S": handle } } });
    dynamodb("PutItem", "TimersTable", watch).await;
    eventually("it is collected", || async {
        invoke("sweeper", &json!({})).await;
        (http.media(&handle).await.status == 404).then_some(())
    })
    .await;
    eventually("the object is gone", || async { (from_storage(&url, None).await.0 == 404).then_some(()) }).await;
}

#[tokio::test]
async fn what_a_scan_finds_takes_the_object_away() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let mut a = alice.connect("a").await;
    let handle = alice.http("a").upload(&conversation, "image/png", &png(&conversation)).await;
    send(&mut a, &conversation, &handle).await;
    let url = url_for(&bob.http("b"), &handle).await;
    let key = head(&handle).await["ob"]["S"].as_str().unwrap().to_owned();
    let verdict = json!({
        "detail-type": "GuardDuty Malware Protection Object Scan Result",
        "source": "aws.guardduty",
        "detail": {
            "scanStatus": "COMPLETED",
            "s3ObjectDetails": { "bucketName": "any", "objectKey": key },
            "scanResultDetails": { "scanResultStatus": "THREATS_FOUND", "threats": [{ "name": "EICAR" }] },
        },
    });
    invoke("mediacheck", &json!({ "Records": [{ "messageId": "1", "body": verdict.to_string() }] })).await;
    assert_eq!(from_storage(&url, None).await.0, 404);
    assert_eq!(alice.http("a").media(&handle).await.ok()["reason"], "malware");
    bob.http("b").media(&handle).await.refused(404, "not_found");
    let error = a.ask(with_media(&conversation, "again", &handle)).await;
    assert_eq!(error["details"]["reason"], "malware", "{error}");
}

/// A file that this test alone has.
fn file_of(name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(fresh("media"));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[tokio::test]
async fn a_client_sends_a_sealed_file_that_another_reads_in_parts_and_whole() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let bytes: Vec<u8> = (0..18_000_000_u32).map(|n| u8::try_from(n * 31 % 251).unwrap()).collect();
    let path = file_of("film.mp4", &bytes);
    let sealing = Sealing::new();
    let file = MediaFile::open(&path, None, Some(sealing.clone())).await.unwrap();
    let http = alice.sdk("a").http_only().unwrap();
    // Cancelled after the first part; the same file under the same key goes on.
    let seen = Mutex::new(Vec::new());
    let cancel = Notify::new();
    {
        let progress = |done, total| {
            seen.lock().unwrap().push((done, total));
            if done > 0 {
                cancel.notify_one();
            }
        };
        let uploading = http.upload_media(&conversation, &file, &progress);
        tokio::select! {
            done = uploading => panic!("not cancelled: {done:?}"),
            () = cancel.notified() => {}
        }
    }
    seen.lock().unwrap().clear();
    let again = MediaFile::open(&path, None, Some(sealing)).await.unwrap();
    let handle = http
        .upload_media(&conversation, &again, &|done, total| seen.lock().unwrap().push((done, total)))
        .await
        .unwrap();
    let told = seen.lock().unwrap().clone();
    assert!(told[1].0 > 0, "the parts that were there are not uploaded again: {told:?}");
    assert!(told.is_sorted() && told.last().is_some_and(|(done, total)| done == total), "{told:?}");
    let payload = json!({ "media": again.attachment() });
    let draft = Draft::payload(Payload::of(&payload)).media_handle(&handle);
    let sent = http.send(&conversation, draft, 0).await.unwrap();

    let reader = bob.sdk("b").http_only().unwrap();
    let page =
        reader.messages(&conversation, Page { since: Some(sent.sequence - 1), ..Page::default() }).await.unwrap();
    let payload: Value = serde_json::from_str(page.messages[0].payload.text()).unwrap();
    let attachment: Attachment = serde_json::from_value(payload["media"].clone()).unwrap();
    assert_eq!((attachment.safe_name().as_str(), attachment.mime.as_str()), ("film.mp4", "video/mp4"));
    let part = reader.read_media(&handle, &attachment, 65_530, 200_000).await.unwrap();
    assert_eq!(part, bytes[65_530..200_000]);
    let end = reader.read_media(&handle, &attachment, 17_999_990, u64::MAX).await.unwrap();
    assert_eq!(end, bytes[17_999_990..]);
    // What is there of an interrupted download is kept.
    let to = path.with_file_name("got.mp4");
    std::fs::write(path.with_file_name("got.mp4.part"), &bytes[..3 * 65_536 + 7]).unwrap();
    let first = Mutex::new(None);
    let progress = |done, _| {
        first.lock().unwrap().get_or_insert(done);
    };
    reader.download_media(&handle, &attachment, &to, &progress).await.unwrap();
    assert_eq!(*first.lock().unwrap(), Some(3 * 65_536));
    assert!(std::fs::read(&to).unwrap() == bytes);
    // Storage, and so the service, has nothing of it in the clear, and another key opens nothing.
    let url = reader.media(&handle).await.unwrap().url.unwrap();
    let (_, stored) = from_storage(&url, Some("bytes=0-65551")).await;
    assert!(stored[..64] != bytes[..64]);
    let wrong = Attachment { sealing: Some(Sealing::new()), ..attachment };
    let refused = reader.read_media(&handle, &wrong, 0, 10).await;
    assert!(matches!(refused, Err(MediaError::Damaged)), "{refused:?}");
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

#[tokio::test]
async fn a_client_is_told_why_its_file_was_refused() {
    let alice = User::new("alice");
    let http = alice.sdk("a").http_only().unwrap();
    let path = file_of("page.pdf", format!("<!DOCTYPE html>{}", alice.id).as_bytes());
    let file = MediaFile::open(&path, None, None).await.unwrap();
    let refused = http.upload_media(&alice.notes(), &file, &|_, _| {}).await;
    assert!(matches!(&refused, Err(MediaError::Refused(why)) if why == "mime"), "{refused:?}");
    let empty = file_of("empty.txt", b"");
    assert!(matches!(MediaFile::open(&empty, None, None).await, Err(MediaError::Empty)));
    for path in [path, empty] {
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}
