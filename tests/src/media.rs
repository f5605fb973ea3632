//! Content, uploaded as a client does it without the SDK.

use std::fmt::Write as _;

use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    http::{Http, encoded, http_client},
    retry::eventually,
};

/// The smallest picture that looks like one, told from others by a word after its end.
pub fn png(word: &str) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0".to_vec();
    bytes.extend_from_slice(word.as_bytes());
    bytes
}

/// The SHA-256 of bytes, as hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The body of `POST /media/presign`.
pub fn announced(conversation: &str, mime: &str, bytes: &[u8]) -> Value {
    json!({ "conversationId": conversation, "mime": mime, "size": bytes.len(), "sha256": sha256(bytes) })
}

/// Makes a signed request to storage; the status, and what it says.
pub async fn to_storage(upload: &Value, bytes: &[u8]) -> (u16, String) {
    let method = Method::from_bytes(upload["method"].as_str().unwrap().as_bytes()).unwrap();
    let mut request = http_client().request(method, upload["url"].as_str().unwrap()).body(bytes.to_vec());
    for (name, value) in upload["headers"].as_object().unwrap() {
        request = request.header(name, value.as_str().unwrap());
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Reads from storage; the status and the bytes.
pub async fn from_storage(url: &str, range: Option<&str>) -> (u16, Vec<u8>) {
    let mut request = http_client().get(url);
    if let Some(range) = range {
        request = request.header("range", range);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.bytes().await.unwrap().to_vec())
}

impl Http {
    /// What is known of media.
    pub async fn media(&self, handle: &str) -> crate::Answer {
        self.get(&format!("/media/{}", encoded(handle))).await
    }

    /// Waits until media is no longer pending, as its owner sees it.
    pub async fn settled_media(&self, handle: &str) -> Value {
        eventually("the upload was looked at", || async {
            let seen = self.media(handle).await.ok();
            (seen["status"] != "pending").then_some(seen)
        })
        .await
    }

    /// Uploads content into a conversation, and waits until it is ready; its handle.
    pub async fn upload(&self, conversation: &str, mime: &str, bytes: &[u8]) -> String {
        let offer = self.post("/media/presign", &announced(conversation, mime, bytes)).await.ok();
        let (status, said) = to_storage(&offer["upload"], bytes).await;
        assert_eq!(status, 200, "{said}");
        let handle = offer["mediaHandle"].as_str().unwrap().to_owned();
        let seen = self.settled_media(&handle).await;
        assert_eq!(seen["status"], "ready", "{seen}");
        handle
    }
}
