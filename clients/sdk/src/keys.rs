//! Keys of devices, commits, and mailboxes: what end-to-end encryption needs of the service.

use reqwest::Method;
use serde::Serialize;
use tidings_protocol::{
    MessageSent,
    keys::{KeyBundles, KeyStock, KeyUpload, MailAck, MailPage, MailPost, MessageCommit},
};

use crate::{
    error::HttpError,
    http::{Http, Query, decode, encoded},
};

impl Http {
    /// Puts keys of this device into the directory, which is the one that [`Http`] calls as. May be repeated.
    pub async fn upload_keys(&self, device: &str, keys: &KeyUpload) -> Result<KeyStock, HttpError> {
        self.put(&format!("/devices/{}/keys", encoded(device)), keys).await
    }

    /// What this device has in the directory.
    pub async fn key_stock(&self, device: &str) -> Result<KeyStock, HttpError> {
        self.get(&format!("/devices/{}/keys", encoded(device))).await
    }

    /// Takes a key package of each of a user's devices, or of those that are named.
    pub async fn take_keys(&self, user: &str, devices: &[&str]) -> Result<KeyBundles, HttpError> {
        let mut query = Query::default();
        query.add("deviceId", Some(devices.join(",")).filter(|names| !names.is_empty()));
        self.get(&format!("/users/{}/keys{query}", encoded(user))).await
    }

    /// What a user's devices sign with; takes nothing.
    pub async fn identities(&self, user: &str) -> Result<KeyBundles, HttpError> {
        self.get(&format!("/users/{}/identities", encoded(user))).await
    }

    /// Sends an MLS commit. Its `attempt` counts on from the one that it has: a commit that was tried before a restart
    /// is known again.
    pub async fn commit(&self, commit: &MessageCommit) -> Result<MessageSent, HttpError> {
        let before = commit.attempt.unwrap_or(0);
        let body = |attempt: u32| {
            let attempt = Some(before.saturating_add(attempt));
            serde_json::to_string(&MessageCommit { attempt, ..commit.clone() })
        };
        decode(&self.call(Method::POST, "/commits", Some(&body)).await?)
    }

    /// Mail of this device after a piece, oldest first.
    pub async fn mail(&self, after: Option<&str>, limit: Option<u32>) -> Result<MailPage, HttpError> {
        let mut query = Query::default();
        query.add("after", after);
        query.add("limit", limit);
        self.get(&format!("/mailbox{query}")).await
    }

    /// Says what mail this device has: it is deleted.
    pub async fn acknowledge_mail(&self, mail_ids: Vec<String>) -> Result<(), HttpError> {
        self.tell("/mailbox/acks", &MailAck { mail_ids }).await
    }

    pub(crate) async fn tell(&self, path: &str, body: &(impl Serialize + Sync)) -> Result<(), HttpError> {
        self.call(Method::POST, path, Some(&|_| serde_json::to_string(body))).await.map(drop)
    }

    /// Puts mail into the mailbox of a device.
    pub async fn post_mail(&self, user: &str, device: &str, mail: &MailPost) -> Result<(), HttpError> {
        self.tell(&format!("/mailbox/{}/{}", encoded(user), encoded(device)), mail).await
    }
}
