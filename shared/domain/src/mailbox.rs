//! The mailbox of a device: what it alone may read, in order, until it says that it has it.
//!
//! Welcomes come here from the log, by the durable lane; everything else from the devices of people
//! who share a conversation, and from the user's own. Each piece is deleted by its id once the device
//! has acknowledged it: an older one that comes late is not taken for acknowledged.

use std::sync::Arc;

use thiserror::Error;
use tracing::{info, warn};

use crate::{
    history::{ReadError, visible_from},
    ids::{ConversationId, DeviceId, KindName, MailId, Sender, Sequence, Timestamp},
    limits::{MAIL_LIFE_MS, MAIL_PAGE_MAX, MAILBOX_MAX},
    log::Entry,
    notice::Notice,
    ports::{Clock, Conversations, Gateway, KeyDirectory, Mailboxes, Post, Sessions, Unavailable},
    session::Session,
    sessions::tell,
    sync::SyncError,
};

/// The sort of mail that carries the Welcome of a commit.
pub const WELCOME: &str = "welcome";

/// A piece of mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Whose it is.
    pub to: Sender,
    /// Its name: its time, and what it comes from. The same piece put twice is one.
    pub id: MailId,
    /// What it is for: `welcome` is the service's word, all others are the clients'.
    pub kind: KindName,
    /// Who sent it.
    pub from: Sender,
    /// The conversation that it belongs to.
    pub conversation: Option<ConversationId>,
    /// Of a Welcome: the place of its commit.
    pub sequence: Option<Sequence>,
    /// JSON text, opaque.
    pub payload: Arc<str>,
    /// When it was put here.
    pub ts: Timestamp,
}

impl Mail {
    /// It is gone from then on.
    pub fn expires_at(&self) -> Timestamp {
        self.ts.plus_ms(MAIL_LIFE_MS)
    }
}

/// What became of a piece of mail that was to be put somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deposit {
    /// It is there.
    Kept,
    /// The mailbox holds as much as it may.
    Full,
}

/// A page of a mailbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailPage {
    /// The mail, oldest first.
    pub mail: Vec<Mail>,
    /// Whether there is more.
    pub has_more: bool,
    /// Pieces that found no room since the mailbox was last read to its end.
    pub dropped: u64,
}

/// Why a piece of mail is not put into a mailbox.
#[derive(Debug, Error)]
pub enum MailError {
    /// Mail for somebody else's device names a conversation of both.
    #[error("must name a conversation of both")]
    NoConversation,
    /// One of the two is not in the conversation.
    #[error("not a member of {0}")]
    NotAMember(ConversationId),
    /// The user has no such device that takes mail.
    #[error("no device {0} with keys")]
    NoSuchDevice(DeviceId),
    /// The mailbox holds as much as it may.
    #[error("the mailbox holds {MAILBOX_MAX} pieces, and takes no more before its device has read some")]
    Full,
    /// The world did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// What mailboxes need of the world.
#[derive(Clone, Copy)]
pub struct MailPorts<'a> {
    /// The mailboxes.
    pub mailboxes: &'a dyn Mailboxes,
    /// Who is in a conversation.
    pub conversations: &'a dyn Conversations,
    /// Who has keys.
    pub keys: &'a dyn KeyDirectory,
    /// Live sockets.
    pub sessions: &'a dyn Sessions,
    /// The sockets.
    pub gateway: &'a dyn Gateway,
    /// Time.
    pub clock: &'a dyn Clock,
}

/// Puts a piece of mail into a device's mailbox, and tells the device where it is connected.
pub async fn post(ports: MailPorts<'_>, mail: &Mail) -> Result<(), MailError> {
    if mail.from.user != mail.to.user {
        let conversation = mail.conversation.as_ref().ok_or(MailError::NoConversation)?;
        for user in [&mail.from.user, &mail.to.user] {
            visible_from(ports.conversations, user, conversation).await.map_err(|error| match error {
                ReadError::NotAMember(conversation) => MailError::NotAMember(conversation),
                ReadError::Unavailable(error) => MailError::Unavailable(error),
            })?;
        }
        // Who is blocked is told nothing of it: the mail is lost, as any may be.
        let is_direct = conversation.direct_members().is_some();
        if is_direct && ports.conversations.standing(conversation, &mail.from.user).await?.is_blocked() {
            return Ok(());
        }
        let set = ports.keys.device_set(&mail.to.user).await?;
        if !set.devices.contains_key(&mail.to.device) {
            return Err(MailError::NoSuchDevice(mail.to.device.clone()));
        }
    }
    match ports.mailboxes.put(mail, MAILBOX_MAX).await? {
        Deposit::Full => Err(MailError::Full),
        Deposit::Kept => {
            tell_of(ports.sessions, ports.gateway, ports.clock, mail).await;
            Ok(())
        }
    }
}

async fn tell_of(sessions: &dyn Sessions, gateway: &dyn Gateway, clock: &dyn Clock, mail: &Mail) {
    let is_told = |session: &Session| session.owner == mail.to;
    let notice = Notice::Mail(Box::new(mail.clone()));
    tell(sessions, gateway, clock, std::slice::from_ref(&mail.to.user), is_told, &notice).await;
}

/// The Welcomes of an entry, as mail: the same entry makes the same mail.
pub fn welcomes(entry: &Entry) -> Vec<Mail> {
    let Some(welcome) = &entry.content.welcome else { return Vec::new() };
    let Ok(kind) = KindName::parse(WELCOME) else { return Vec::new() };
    let mail = welcome.devices.iter().map(|to| Mail {
        to: to.clone(),
        id: MailId::of(entry.ts, &entry.message_id()),
        kind: kind.clone(),
        from: entry.sender.clone(),
        conversation: Some(entry.conversation.clone()),
        sequence: Some(entry.sequence),
        payload: welcome.payload.clone(),
        ts: entry.ts,
    });
    mail.collect()
}

/// Puts Welcomes into the mailboxes of the devices that they are for. One that is full loses it: its device is told
/// so when it reads, and asks to be added again.
pub(crate) async fn deposit(
    mailboxes: &dyn Mailboxes,
    sessions: &dyn Sessions,
    gateway: &dyn Gateway,
    clock: &dyn Clock,
    welcomes: &[Mail],
) -> Result<(), Unavailable> {
    for mail in welcomes.iter().filter(|mail| mail.expires_at() > clock.now()) {
        match mailboxes.put(mail, MAILBOX_MAX).await? {
            Deposit::Kept => tell_of(sessions, gateway, clock, mail).await,
            Deposit::Full => warn!(user = %mail.to.user, device = %mail.to.device, "a mailbox is full"),
        }
    }
    Ok(())
}

/// A page of the device's own mailbox, from its start: what was acknowledged is gone from it.
pub async fn page(
    mailboxes: &dyn Mailboxes,
    clock: &dyn Clock,
    owner: &Sender,
    after: Option<&MailId>,
    limit: usize,
) -> Result<MailPage, Unavailable> {
    let mut page = mailboxes.page(owner, after, limit).await?;
    let now = clock.now();
    page.mail.retain(|mail| mail.expires_at() > now);
    if page.dropped > 0 {
        info!(user = %owner.user, device = %owner.device, dropped = page.dropped, "mail found no room");
    }
    Ok(page)
}

/// Posts a device's mail to its socket, in order: what a hello brings after the log. What the device does not
/// acknowledge comes again with the next.
pub async fn drain(
    mailboxes: &dyn Mailboxes,
    gateway: &dyn Gateway,
    clock: &dyn Clock,
    session: &Session,
) -> Result<(), SyncError> {
    let mut after = None;
    loop {
        let page = page(mailboxes, clock, &session.owner, after.as_ref(), MAIL_PAGE_MAX).await?;
        after = page.mail.last().map(|mail| mail.id.clone());
        for mail in page.mail {
            if gateway.post(session, &Notice::Mail(Box::new(mail))).await? == Post::Gone {
                return Err(SyncError::SocketGone);
            }
        }
        if !page.has_more || after.is_none() {
            return Ok(());
        }
    }
}
