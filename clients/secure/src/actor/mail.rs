//! The mailbox, and what this device keeps in the directory.

use std::time::Duration;

use tidings_mls::{Device, JoinError};
use tidings_sdk::{Event as ClientEvent, HttpError, Page, media::MediaError, protocol::keys::MailNew};
use tokio::time::Instant;

use super::{Actor, Stop, WELCOME_PATIENCE, chain};
use crate::{
    account::{Joined, Membership},
    error::AccountError,
    event::Event,
    now_ms, opaque,
};

/// The service's word for a Welcome.
const WELCOME: &str = "welcome";
/// Asks to be added to a group anew.
pub(super) const REJOIN: &str = "rejoin";
/// Who was added is not added again within this: mail may come twice, and an addition may cross with a wish for it.
const REJOIN_PAUSE: Duration = Duration::from_secs(4);
/// A Welcome of this size is no Welcome.
const WELCOME_BYTES_MAX: u64 = 8 * 1024 * 1024;
const KEYS_RETRY: Duration = Duration::from_secs(5);
/// Packages are looked at for their age this often.
const KEYS_EVERY: Duration = Duration::from_hours(12);

impl Actor {
    /// A piece of mail. It is acknowledged when what it says is kept.
    pub(super) async fn mail(&mut self, mail: MailNew) -> Result<(), Stop> {
        match (mail.kind.as_str(), mail.conversation_id.as_deref()) {
            (WELCOME, Some(_)) => self.welcome(&mail).await,
            (REJOIN, Some(_)) => self.rejoin(&mail).await,
            _ => {
                self.tell(Event::Client(Box::new(ClientEvent::Mail(Box::new(mail))))).await;
                Ok(())
            }
        }
    }

    async fn acknowledge(&mut self, mail: &MailNew) {
        if let Err(error) = self.http.acknowledge_mail(vec![mail.mail_id.clone()]).await {
            // It comes again, and is known then.
            tracing::debug!(error = chain(&error), "mail is not acknowledged yet");
        }
    }

    async fn welcome(&mut self, mail: &MailNew) -> Result<(), Stop> {
        let conversation = mail.conversation_id.clone().unwrap_or_default();
        let text = match self.welcome_text(mail, &conversation).await {
            Ok(text) => text,
            Err(error) => {
                // It stays in the mailbox, and comes with the next connection.
                tracing::warn!(conversation, %error, "a Welcome cannot be had");
                return Ok(());
            }
        };
        let joined = match self.account.join(mail, &text) {
            Err(AccountError::Device(_)) => return self.refuse_welcome(mail, &conversation).await,
            result => self.kept(result).await?,
        };
        match joined {
            Joined::In(effects) => {
                self.acknowledge(mail).await;
                let talk = self.talk(&conversation);
                (talk.asked, talk.asked_again, talk.told, talk.failures) = (0, None, None, 0);
                self.tell(Event::Joined { conversation_id: conversation.clone() }).await;
                self.apply(&conversation, effects).await?;
                // A last-resort package that was used is to be replaced.
                self.work.keys_due = Some(Instant::now());
                self.drive(&conversation).await
            }
            // It was processed before, and came again.
            Joined::Refused(JoinError::Stale { .. }) => {
                self.acknowledge(mail).await;
                Ok(())
            }
            Joined::Refused(error) => {
                tracing::warn!(conversation, error = chain(&error), "a Welcome is of no use");
                self.refuse_welcome(mail, &conversation).await
            }
        }
    }

    async fn refuse_welcome(&mut self, mail: &MailNew, conversation: &str) -> Result<(), Stop> {
        self.acknowledge(mail).await;
        let result = self.account.membership(conversation);
        if self.kept(result).await? != Membership::In {
            self.talk(conversation).is_founded_elsewhere = true;
            self.look_within(conversation, WELCOME_PATIENCE);
        }
        Ok(())
    }

    /// The Welcome itself: in the mail, or, where it is too large, in the media of its commit.
    async fn welcome_text(&mut self, mail: &MailNew, conversation: &str) -> Result<String, MediaError> {
        if let serde_json::Value::String(text) = mail.payload.value() {
            return Ok(text);
        }
        let since = mail.sequence.unwrap_or(1).saturating_sub(1);
        let page = self.http.messages(conversation, Page { since: Some(since), before: None, limit: Some(1) }).await?;
        let handle = page.messages.into_iter().next().and_then(|commit| commit.media_handle);
        let handle = handle.ok_or(MediaError::NotReady)?;
        let size = self.http.media(&handle).await?.size.min(WELCOME_BYTES_MAX);
        let bytes = self.http.read_media(&handle, &opaque::attachment(size), 0, size).await?;
        String::from_utf8(bytes).map_err(|_| MediaError::Damaged)
    }

    /// A device asks to be added anew. Whether it should be in the group at all is looked up before it is.
    async fn rejoin(&mut self, mail: &MailNew) -> Result<(), Stop> {
        let conversation = mail.conversation_id.clone().unwrap_or_default();
        let now = Instant::now();
        let talk = self.talk(&conversation);
        let device = Device::new(&mail.from_user_id, &mail.from_device_id).ok();
        let device = device.filter(|device| talk.added_anew.get(device).is_none_or(|at| now - *at > REJOIN_PAUSE));
        let result = self.account.membership(&conversation);
        let is_in = self.kept(result).await? == Membership::In;
        if let Some(device) = device.filter(|_| is_in) {
            let result = self.account.vault_mut().write(|tx| tx.want_rejoin(&conversation, &device));
            self.kept(result.map_err(AccountError::from)).await?;
            self.work.dirty.insert(device.user_id().to_owned());
            let talk = self.talk(&conversation);
            talk.members = None;
            talk.left_out.remove(&device);
            talk.added_anew.insert(device, now);
        }
        self.acknowledge(mail).await;
        self.drive(&conversation).await
    }

    /// Reads the mailbox to its end. `false` where it cannot be read now.
    pub(super) async fn read_mailbox(&mut self) -> Result<bool, Stop> {
        let mut after: Option<String> = None;
        loop {
            let page = match self.http.mail(after.as_deref(), None).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(error = chain(&error), "the mailbox cannot be read");
                    return Ok(false);
                }
            };
            if page.dropped > 0 {
                tracing::warn!(dropped = page.dropped, "mail was lost: the mailbox was full");
            }
            for mail in page.mail {
                self.mail(mail).await?;
            }
            after = page.next;
            if !page.has_more || after.is_none() {
                return Ok(true);
            }
        }
    }

    /// Keeps the directory supplied with key packages of this device. `false` where it could not be reached.
    pub(super) async fn tend_keys(&mut self) -> Result<bool, Stop> {
        let device = self.account.device().device_id().to_owned();
        let supplied = async {
            let stock = self.http.key_stock(&device).await?;
            let key = stock.identity_key.as_deref();
            let upload = self.account.key_upload(key, stock.count, stock.has_last_resort, now_ms() / 1000);
            Ok::<_, HttpError>(upload)
        }
        .await;
        let pause = match supplied {
            Ok(upload) => match self.kept(upload).await? {
                None => KEYS_EVERY,
                Some(keys) => match self.http.upload_keys(&device, &keys).await {
                    Ok(_) => KEYS_EVERY,
                    Err(error) => {
                        tracing::warn!(error = chain(&error), "keys cannot be put into the directory");
                        KEYS_RETRY
                    }
                },
            },
            Err(error) => {
                tracing::debug!(error = chain(&error), "the directory does not answer");
                KEYS_RETRY
            }
        };
        self.work.keys_due = Some(Instant::now() + pause);
        Ok(pause == KEYS_EVERY)
    }
}
