//! Previews on the running stack: made by the function that has the codecs, out of real files.

use std::io::Cursor;

use image::{ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};
use tidings_tests::{Http, User, direct, encoded, eventually, fresh, from_storage, message, png, to_storage};

/// A picture that no other test has.
fn picture(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let chance = fresh("p").bytes().fold(7_u8, u8::wrapping_add);
    let colour = |x: u32, y: u32| Rgb([u8::try_from(x % 256).unwrap(), u8::try_from(y % 256).unwrap(), chance]);
    RgbImage::from_fn(width, height, colour).write_to(&mut bytes, ImageFormat::Png).unwrap();
    let mut bytes = bytes.into_inner();
    bytes.extend(fresh("end").into_bytes());
    bytes
}

/// A voice note of a second, of 8,000 samples, silent in its first half.
fn voice() -> Vec<u8> {
    let chance = i16::from(fresh("v").bytes().fold(0_u8, u8::wrapping_add));
    let sample = |n: i16| if n < 4_000 { 0 } else { (n % 40 - 20) * 800 + chance };
    let samples: Vec<u8> = (0..8_000).flat_map(|n| sample(n).to_le_bytes()).collect();
    let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data".to_vec();
    bytes.extend(16_000_u32.to_le_bytes());
    bytes.extend(samples);
    bytes[4..8].copy_from_slice(&(36_u32 + 16_000).to_le_bytes());
    bytes
}

async fn ask(http: &Http, handle: &str, size: &str) -> tidings_tests::Answer {
    http.get(&format!("/media/{}/preview?size={size}", encoded(handle))).await
}

async fn settled(http: &Http, handle: &str, size: &str) -> Value {
    eventually("the preview was made", || async {
        let seen = ask(http, handle, size).await.ok();
        if seen["status"] == "pending" {
            assert!(seen["retryAfterMs"].as_u64().is_some(), "{seen}");
        }
        (seen["status"] != "pending").then_some(seen)
    })
    .await
}

async fn upload_and_send(by: &User, conversation: &str, mime: &str, bytes: &[u8]) -> (String, Value) {
    let http = by.http("a");
    let handle = http.upload(conversation, mime, bytes).await;
    let mut frame = message(conversation, &fresh("c"), "look");
    frame["mediaHandle"] = json!(handle);
    frame.as_object_mut().unwrap().remove("type");
    let sent = http.post("/messages", &frame).await.ok();
    (handle, sent)
}

#[tokio::test]
async fn a_picture_is_shown_small_to_members_and_gone_with_its_message() {
    let (alice, bob, eve) = (User::new("alice"), User::new("bob"), User::new("eve"));
    let conversation = direct(&alice, &bob);
    let (handle, sent) = upload_and_send(&alice, &conversation, "image/png", &picture(2000, 1000)).await;
    let first = ask(&bob.http("b"), &handle, "small").await;
    assert_eq!((first.status, &first.ok()["status"]), (202, &json!("pending")));
    let mut addresses = Vec::new();
    for (size, width, height) in [("small", 160, 80), ("medium", 640, 320), ("large", 1600, 800)] {
        let seen = settled(&bob.http("b"), &handle, size).await;
        let shown = &seen["picture"];
        assert_eq!((&shown["width"], &shown["height"]), (&json!(width), &json!(height)), "{seen}");
        assert_eq!((&shown["mime"], &seen["durationMs"]), (&json!("image/jpeg"), &Value::Null));
        let url = shown["url"].as_str().unwrap().to_owned();
        let (status, bytes) = from_storage(&url, None).await;
        assert_eq!((status, json!(bytes.len())), (200, shown["size"].clone()));
        let read = image::load_from_memory_with_format(&bytes, ImageFormat::Jpeg).unwrap();
        assert_eq!((read.width(), read.height()), (width, height));
        addresses.push(url);
    }
    ask(&eve.http("e"), &handle, "small").await.refused(403, "not_a_member");
    let error = ask(&bob.http("b"), &handle, "huge").await.refused(400, "bad_request");
    assert_eq!(error["details"]["field"], "size");

    let about = json!({ "type": "message.delete", "conversationId": conversation, "messageId": sent["messageId"],
        "clientMsgId": fresh("d"), "for": "everyone" });
    let mut socket = alice.connect("s").await;
    assert_eq!(socket.ask(about).await["type"], "message.sent");
    for url in &addresses {
        eventually("the pieces went with the content", || async {
            (from_storage(url, None).await.0 == 404).then_some(())
        })
        .await;
    }
    ask(&bob.http("b"), &handle, "small").await.refused(404, "not_found");
}

#[tokio::test]
async fn of_a_voice_note_there_is_its_length_its_waveform_and_a_playable_form() {
    let alice = User::new("alice");
    let (handle, _) = upload_and_send(&alice, &alice.notes(), "audio/wav", &voice()).await;
    let seen = settled(&alice.http("a"), &handle, "medium").await;
    assert_eq!((&seen["status"], &seen["durationMs"], &seen["picture"]), (&json!("ready"), &json!(1000), &Value::Null));
    let peaks: Vec<u64> = seen["peaks"].as_array().unwrap().iter().map(|peak| peak.as_u64().unwrap()).collect();
    assert_eq!(peaks.len(), 100);
    assert!(peaks[..49].iter().all(|peak| *peak == 0) && peaks[51..].iter().all(|peak| *peak > 200), "{peaks:?}");
    let (status, bytes) = from_storage(seen["playable"]["url"].as_str().unwrap(), None).await;
    assert_eq!((status, json!(bytes.len())), (200, seen["playable"]["size"].clone()));
    assert_eq!((&bytes[..4], &bytes[8..12]), (&b"RIFF"[..], &b"WAVE"[..]));
}

/// A sample with an end of its own, which players pass over.
fn own(sample: &[u8]) -> Vec<u8> {
    let end = fresh("free");
    let length = u32::try_from(8 + end.len()).unwrap();
    [sample, &length.to_be_bytes(), b"free", end.as_bytes()].concat()
}

#[tokio::test]
async fn of_a_film_there_is_a_picture_its_length_and_a_small_film() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let film = own(include_bytes!("../../../shared/preview/samples/film.mp4"));
    let (handle, sent) = upload_and_send(&alice, &conversation, "video/mp4", &film).await;
    let seen = settled(&bob.http("b"), &handle, "large").await;
    assert_eq!((&seen["status"], &seen["durationMs"]), (&json!("ready"), &json!(1200)), "{seen}");
    assert_eq!((&seen["picture"]["width"], &seen["picture"]["height"]), (&json!(192), &json!(108)));
    assert_eq!((&seen["playable"]["mime"], &seen["peaks"]), (&json!("video/mp4"), &Value::Null));
    let url = seen["playable"]["url"].as_str().unwrap().to_owned();
    let (status, bytes) = from_storage(&url, None).await;
    assert_eq!((status, json!(bytes.len())), (200, seen["playable"]["size"].clone()));
    assert_eq!(&bytes[4..8], b"ftyp");
    let about = json!({ "type": "message.delete", "conversationId": conversation, "messageId": sent["messageId"],
        "clientMsgId": fresh("d"), "for": "everyone" });
    assert_eq!(alice.connect("s").await.ask(about).await["type"], "message.sent");
    eventually("the small film went with the film", || async {
        (from_storage(&url, None).await.0 == 404).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_picture_of_a_phone_is_shown_as_every_other() {
    let alice = User::new("alice");
    let picture = own(include_bytes!("../../../shared/preview/samples/picture.heic"));
    let (handle, _) = upload_and_send(&alice, &alice.notes(), "image/heic", &picture).await;
    let seen = settled(&alice.http("a"), &handle, "small").await;
    assert_eq!((&seen["picture"]["width"], &seen["picture"]["mime"]), (&json!(160), &json!("image/jpeg")), "{seen}");
}

#[tokio::test]
async fn what_cannot_have_a_preview_says_why_again_and_again() {
    let alice = User::new("alice");
    let (notes, http) = (alice.notes(), alice.http("a"));
    let broken = png(&fresh("broken"));
    for (mime, bytes, reason) in [
        ("image/png", broken.as_slice(), "corrupt"),
        ("application/octet-stream", fresh("sealed").as_bytes(), "unsupported"),
        ("text/plain", fresh("words").as_bytes(), "unsupported"),
    ] {
        let handle = http.upload(&notes, mime, bytes).await;
        for _ in 0..2 {
            let seen = settled(&http, &handle, "small").await;
            assert_eq!((&seen["status"], &seen["reason"]), (&json!("refused"), &json!(reason)), "{mime}: {seen}");
        }
    }
    let offer = http.post("/media/presign", &tidings_tests::announced(&notes, "image/png", &picture(9, 9))).await.ok();
    let pending = ask(&http, offer["mediaHandle"].as_str().unwrap(), "small").await;
    assert_eq!(pending.status, 202, "what is not uploaded has none yet");
    let (status, _) = to_storage(&offer["upload"], b"other").await;
    assert!((400..500).contains(&status));
}

#[tokio::test]
async fn many_who_ask_at_once_are_shown_one() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (handle, _) = upload_and_send(&alice, &conversation, "image/png", &picture(300, 200)).await;
    let asking = (0..12).map(|n| {
        let http = if n % 2 == 0 { alice.http("a") } else { bob.http("b") };
        let handle = handle.clone();
        async move { settled(&http, &handle, "medium").await }
    });
    for seen in futures_util::future::join_all(asking).await {
        assert_eq!((&seen["picture"]["width"], &seen["picture"]["height"]), (&json!(300), &json!(200)), "{seen}");
    }
}
