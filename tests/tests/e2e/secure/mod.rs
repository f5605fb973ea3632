//! The encrypted client on the running stack: what two people see, and what the service does not.

mod devices;
mod groups;
mod hidden;
mod talk;

use std::{path::PathBuf, time::Duration};

use serde_json::json;
use tidings_sdk::{Draft, Event as ClientEvent, protocol::MessageNew, protocol::MessageSent};
use tidings_secure::{DatabaseKey, Event, Events, SecureClient, Unlock};
use tidings_tests::{User, fresh};
use tokio::time::timeout;

/// Nothing takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const KEY: [u8; 32] = [5; 32];

/// A device with a vault.
pub(crate) struct Phone {
    pub(crate) user: User,
    device: String,
    folder: PathBuf,
    pub(crate) client: SecureClient,
    events: Events,
}

impl Phone {
    /// A new device, whose keys are in the directory.
    pub(crate) async fn new(user: &User, device: &str) -> Self {
        let folder = std::env::temp_dir().join(fresh("vault"));
        let mut phone = Self::open(user, device, folder);
        phone.client.ready().await.unwrap();
        assert!(phone.client.publish_keys().await.unwrap());
        phone.catch_up().await;
        phone
    }

    fn open(user: &User, device: &str, folder: PathBuf) -> Self {
        let key = DatabaseKey::from_bytes(KEY);
        let (client, events) =
            SecureClient::start(user.sdk(device), &user.id, device, &folder, &Unlock::Key(&key)).unwrap();
        Self { user: User::called(user.id.clone()), device: device.to_owned(), folder, client, events }
    }

    /// The process ends; the device is what is in its folder.
    async fn stop(self) -> PathBuf {
        self.client.close().await;
        self.folder
    }

    /// The process ends and begins again.
    async fn restart(self) -> Self {
        let (user, device) = (User::called(self.user.id.clone()), self.device.clone());
        let next = Self::open(&user, &device, self.stop().await);
        next.client.ready().await.unwrap();
        next
    }

    async fn catch_up(&mut self) {
        timeout(PATIENCE, self.client.catch_up()).await.expect("catches up").unwrap();
    }

    pub(crate) async fn say(&self, conversation: &str, text: &str) -> MessageSent {
        let sending = self.client.send(conversation, Draft::text(text)).await;
        let accepted = timeout(PATIENCE, sending).await;
        accepted.unwrap_or_else(|_| panic!("{}/{}: {text:?} is not accepted", self.user.id, self.device)).unwrap()
    }

    async fn until<T>(&mut self, what: &str, mut wanted: impl FnMut(&Event) -> Option<T>) -> T {
        let mut seen = Vec::new();
        let found = timeout(PATIENCE, async {
            loop {
                let event = self.events.next().await.unwrap_or_else(|| panic!("stopped before {what}: {seen:?}"));
                if let Some(found) = wanted(&event) {
                    return found;
                }
                seen.push(event);
            }
        })
        .await;
        found.unwrap_or_else(|_| panic!("{}/{}: no {what}; there was {seen:#?}", self.user.id, self.device))
    }

    /// The message that says this, in a conversation.
    pub(crate) async fn hears(&mut self, conversation: &str, text: &str) -> MessageNew {
        let wanted = json!({ "text": text });
        self.message(&format!("{text:?}"), |message| {
            message.conversation_id == conversation && message.payload.value() == wanted
        })
        .await
    }

    pub(crate) async fn message(&mut self, what: &str, wanted: impl Fn(&MessageNew) -> bool) -> MessageNew {
        self.until(what, |event| match event {
            Event::Client(event) => match &**event {
                ClientEvent::Message(message) if wanted(message) => Some((**message).clone()),
                _ => None,
            },
            _ => None,
        })
        .await
    }

    /// What is kept of a conversation, oldest first.
    async fn history(&self, conversation: &str) -> Vec<(String, serde_json::Value)> {
        let conversation = conversation.to_owned();
        let kept = self.client.with(move |account| account.vault().messages(&conversation, u64::MAX, 1_000)).await;
        let mut kept = kept.unwrap().unwrap();
        kept.reverse();
        kept.into_iter().map(|message| (message.kind, message.body)).collect()
    }

    async fn texts(&self, conversation: &str) -> Vec<String> {
        let texts = self.history(conversation).await;
        texts.iter().filter_map(|(_, body)| Some(body["text"].as_str()?.to_owned())).collect()
    }
}
