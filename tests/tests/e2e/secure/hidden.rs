//! No plaintext of an encrypted message is anywhere in the service: not in calls of its functions, frames, tables, logs or
//! buckets.

use std::fs;

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use serde_json::{Value, json};
use tidings_sdk::{
    Draft, MessageRef,
    media::{MediaFile, Sealing},
    protocol::Payload,
};
use tidings_tests::{Stack, Template, User, calls, direct, dynamodb, frames, fresh, repository};

use super::Phone;

/// A text as it is, and as it stands in base64, wherever in it it begins.
fn forms(text: &str) -> Vec<String> {
    let mut forms = vec![text.to_owned()];
    for skip in 0..3 {
        let padded = [&vec![0; skip][..], text.as_bytes()].concat();
        let encoded = STANDARD_NO_PAD.encode(padded);
        // The first and the last characters have bits of the neighbours in them.
        forms.push(encoded[4.min(skip * 4)..encoded.len() - 2].to_owned());
    }
    forms
}

#[test]
fn a_text_is_found_in_base64_wherever_it_begins() {
    for before in ["", "a", "ab", "abc"] {
        let inside = STANDARD_NO_PAD.encode(format!("{before}the secret of the sea and more"));
        let found = forms("the secret of the sea").iter().any(|form| inside.contains(form));
        assert!(found, "{before}: {inside}");
    }
}

async fn all_tables() -> String {
    let mut all = String::new();
    for table in Template::read().of_kind("AWS::DynamoDB::Table") {
        let mut start = Value::Null;
        loop {
            let mut body = json!({ "ConsistentRead": true });
            if !start.is_null() {
                body["ExclusiveStartKey"] = start.clone();
            }
            let page = dynamodb("Scan", &table.name, body).await;
            all.push_str(&page["Items"].to_string());
            start = page["LastEvaluatedKey"].clone();
            if start.is_null() {
                break;
            }
        }
    }
    all
}

#[tokio::test]
async fn what_is_said_is_nowhere_in_the_service() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (mut a, mut b) = (Phone::new(&alice, "phone").await, Phone::new(&bob, "phone").await);
    let (said, edited, reacted) = (fresh("the-plain-text"), fresh("the-edited-text"), fresh("the-reaction"));
    let sent = a.say(&conversation, &said).await;
    b.hears(&conversation, &said).await;
    a.client.edit(&MessageRef::from(&sent), &json!({ "text": edited })).await.unwrap();
    let draft = Draft::payload(Payload::of(&json!({ "messageId": sent.message_id, "reaction": reacted })));
    b.client.send(&conversation, draft).await.await.unwrap();
    a.message("the reaction", |message| message.payload.text().contains(&reacted)).await;
    // Media goes under a key that is in the message.
    let words = fresh("the-words-of-a-file").repeat(20);
    let path = a.folder.join("words.txt");
    fs::write(&path, &words).unwrap();
    let file = MediaFile::open(&path, None, Some(Sealing::new())).await.unwrap();
    let handle = a.client.http().upload_media(&conversation, &file, &|_, _| {}).await.unwrap();
    let media = json!({ "text": "a file", "media": file.attachment() });
    let key = serde_json::to_value(file.attachment()).unwrap()["sealing"].to_string();
    a.client.send(&conversation, Draft::payload(Payload::of(&media)).media_handle(&handle)).await.await.unwrap();
    let heard = b.hears_media(&handle).await;
    assert_eq!(heard["media"]["sealing"].to_string(), key, "who may read it has the key");
    // A linked device gets the history by the service, too.
    let tablet = Phone::new(&bob, "tablet").await;
    let code = tablet.client.link_code().await.unwrap();
    let patience = std::time::Duration::from_secs(30);
    let (linked, restored) = tokio::join!(b.client.link(&code), tablet.client.receive_history(&code, patience));
    linked.unwrap();
    assert!(restored.unwrap().messages >= 3);

    let tables = all_tables().await;
    assert!(tables.contains(&conversation), "the tables were read");
    let object = b.client.http().media(&handle).await.unwrap();
    let (_, stored) = tidings_tests::from_storage(&object.url.unwrap(), None).await;
    let logs = logs();
    let secrets = [said, edited, reacted, words[..30].to_owned(), key.trim_matches('"').to_owned()];
    for secret in &secrets {
        for form in forms(secret) {
            assert!(!tables.contains(&form), "{secret} is in a table");
            assert!(!logs.contains(&form), "{secret} is in a log");
            assert!(!stored.windows(form.len()).any(|window| window == form.as_bytes()), "{secret} is in a bucket");
            // Every call of every function, to tables, streams, queues, buckets and topics.
            let found = calls(&form).await;
            assert!(found.is_empty(), "{secret} is in {found:?}");
            let found = frames(&form).await;
            assert!(found.is_empty(), "{secret} is in {found:?}");
        }
    }
    // And what is in the clear would have been found.
    assert!(!calls(&conversation).await.is_empty());
    assert!(!frames(&conversation).await.is_empty());
}

/// What the functions and the local stack have logged.
fn logs() -> String {
    let folder = repository().join(".tidings");
    let mut all = String::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for file in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = file.path();
            let is_log = path.extension().is_some_and(|end| end == "log" || end == "jsonl");
            if path.is_dir() && !path.ends_with("venv") && !path.ends_with("vaults") {
                folders.push(path);
            } else if is_log {
                all.push_str(&String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()));
            }
        }
    }
    assert!(!all.is_empty(), "there are logs at {}", Stack::get().endpoint_url);
    all
}

impl Phone {
    async fn hears_media(&mut self, handle: &str) -> Value {
        self.message("the media", |message| message.media_handle.as_deref() == Some(handle)).await.payload.value()
    }
}
