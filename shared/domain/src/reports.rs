//! Reports of messages, with proof that the service carried them.
//!
//! What a message was is in the log for as long as its content is there. When it is taken out, because it was deleted or has
//! expired, a [`Commitment`] stays for a week: hashes of what was carried, from whom, where and when. So whoever still holds what they
//! got can prove it, be it ciphertext or not, and whoever was sent nothing can prove nothing. The hash of what is short can be guessed
//! by whoever has the table, which is the service itself; that is why it is kept for so short a time.

use std::{collections::BTreeSet, sync::Arc};

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::{
    history::{ReadError, visible_from},
    ids::{ConversationId, MessageId, Sender, Sequence, Timestamp, UserId},
    limits::COMMITMENT_MS,
    log::{Entry, EventKind},
    messages::find,
    ports::{BoxFuture, Clock, Conversations, Log, PortResult, Unavailable},
    send::TargetRef,
};

/// What somebody reports a message for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// It is unwanted advertising, or a fraud.
    Spam,
    /// It insults, threatens or harasses.
    Abuse,
    /// Its sender says that they are somebody else.
    Impersonation,
    /// It is against the law.
    Illegal,
    /// Anything else.
    Other,
}

impl Ground {
    /// All of them, with what rows and clients call them.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Spam, "spam"),
        (Self::Abuse, "abuse"),
        (Self::Impersonation, "impersonation"),
        (Self::Illegal, "illegal"),
        (Self::Other, "other"),
    ];

    /// What rows and clients call it.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(ground, _)| *ground == self).map_or("other", |(_, name)| name)
    }

    /// The one of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, called)| *called == name).map(|(ground, _)| *ground)
    }
}

/// That the service carried something: a hash of each piece of content that a message had, bound to who sent it, where and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commitment {
    /// The message.
    pub message: MessageId,
    /// Who sent it.
    pub sender: Sender,
    /// When it was appended.
    pub ts: Timestamp,
    /// Of the payload, and of each envelope.
    pub hashes: BTreeSet<[u8; 32]>,
}

impl Commitment {
    /// Of an entry whose content is there.
    pub fn of(entry: &Entry) -> Self {
        let mut commitment =
            Self { message: entry.message_id(), sender: entry.sender.clone(), ts: entry.ts, hashes: BTreeSet::new() };
        let pieces = std::iter::once(&entry.content.payload).chain(entry.content.envelopes.values());
        commitment.hashes = pieces.map(|piece| commitment.hash(piece)).collect();
        commitment
    }

    /// Whether the service carried this, as this message.
    pub fn has(&self, content: &str) -> bool {
        self.hashes.contains(&self.hash(content))
    }

    fn hash(&self, content: &str) -> [u8; 32] {
        let mut hash = Sha256::new();
        let Self { message, sender, ts, .. } = self;
        hash.update(format!("tidings commitment 1\n{message}\n{}\n{}\n{}\n", sender.user, sender.device, ts.0));
        hash.update(content);
        hash.finalize().into()
    }
}

/// Commitments to content that is gone.
pub trait Commitments: Send + Sync {
    /// Keeps one until a moment; one that is there stays.
    fn keep<'a>(
        &'a self,
        conversation: &'a ConversationId,
        sequence: Sequence,
        commitment: &'a Commitment,
        until: Timestamp,
    ) -> PortResult<'a, ()>;

    /// The one of a place, if it is kept at this time.
    fn kept<'a>(
        &'a self,
        conversation: &'a ConversationId,
        sequence: Sequence,
        now: Timestamp,
    ) -> PortResult<'a, Option<Commitment>>;
}

/// Keeps what there is to prove of an entry before its content goes. May be repeated.
pub(crate) async fn commit(commitments: &dyn Commitments, entry: &Entry, now: Timestamp) -> Result<(), Unavailable> {
    let says_something = matches!(entry.event, EventKind::Message | EventKind::Edit);
    if entry.erased.is_some() || !says_something {
        return Ok(());
    }
    let until = now.plus_ms(COMMITMENT_MS);
    commitments.keep(&entry.conversation, entry.sequence, &Commitment::of(entry), until).await
}

/// What somebody wants to report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportRequest {
    /// The conversation.
    pub conversation: ConversationId,
    /// The message.
    pub about: TargetRef,
    /// What for.
    pub ground: Ground,
    /// In the reporter's words.
    pub comment: Option<Arc<str>>,
    /// What the reporter got: the payload, or the envelope of their device, as it came.
    pub content: Option<Arc<str>>,
    /// What that says, where it was encrypted: the reporter's word, which nothing proves.
    pub plaintext: Option<Arc<str>>,
}

/// A report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// When it was made, which is where it is found.
    pub at: Timestamp,
    /// Tells it from others of that moment.
    pub nonce: u64,
    /// Who made it.
    pub by: UserId,
    /// Who sent the message, as the service knows.
    pub of: Sender,
    /// Where.
    pub conversation: ConversationId,
    /// The place.
    pub sequence: Sequence,
    /// The message.
    pub message: MessageId,
    /// When the service took it.
    pub sent_at: Timestamp,
    /// What for.
    pub ground: Ground,
    /// In the reporter's words.
    pub comment: Option<Arc<str>>,
    /// What the service carried, which is proved; none where it is gone and the reporter has not shown it.
    pub content: Option<Arc<str>>,
    /// What the reporter says that it means, where it was encrypted.
    pub plaintext: Option<Arc<str>>,
    /// What became of it; none while it is open.
    pub resolution: Option<Resolution>,
}

/// What became of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// Which administrator says so.
    pub by: Arc<str>,
    /// When.
    pub at: Timestamp,
    /// In their words.
    pub note: Arc<str>,
}

/// Where reports are kept.
pub trait Reports: Send + Sync {
    /// Keeps a report, and that its maker has reported the sender.
    fn put<'a>(&'a self, report: &'a Report) -> PortResult<'a, ()>;
}

/// What reporting needs of the world.
#[derive(Clone, Copy)]
pub struct ReportPorts<'a> {
    /// The log.
    pub log: &'a dyn Log,
    /// Members.
    pub conversations: &'a dyn Conversations,
    /// What is to be proved of what is gone.
    pub commitments: &'a dyn Commitments,
    /// The reports.
    pub reports: &'a dyn Reports,
    /// Time and chance.
    pub clock: &'a dyn Clock,
}

/// Why a message is not reported.
#[derive(Debug, Error)]
pub enum ReportError {
    /// The user is not in the conversation, or the world did not answer.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is no such message of another's that the user may see.
    #[error("there is no message {0}")]
    NoSuchMessage(MessageId),
    /// It is not what the service carried.
    #[error("is not what the service carried as this message")]
    NotCarried,
    /// The content has been gone for too long.
    #[error("the content has been gone for more than a week: nothing proves it any more")]
    TooLate,
}

impl From<Unavailable> for ReportError {
    fn from(error: Unavailable) -> Self {
        Self::Read(error.into())
    }
}

/// Reports a message.
pub fn report<'a>(
    ports: ReportPorts<'a>,
    user: &'a UserId,
    request: &'a ReportRequest,
) -> BoxFuture<'a, Result<Report, ReportError>> {
    Box::pin(async move {
        let ReportRequest { conversation, about, .. } = request;
        let visible_from = visible_from(ports.conversations, user, conversation).await?;
        let found = find(ports.log, conversation, *about).await?;
        let is_reportable = |entry: &Entry| {
            entry.sequence >= visible_from
                && entry.is_for(user)
                && entry.sender.user != *user
                && matches!(entry.event, EventKind::Message | EventKind::Edit)
        };
        let entry = found.filter(is_reportable).ok_or(ReportError::NoSuchMessage(about.message))?;
        let now = ports.clock.now();
        let commitment = if entry.erased.is_none() {
            Commitment::of(&entry)
        } else {
            let kept = ports.commitments.kept(conversation, entry.sequence, now).await?;
            kept.ok_or(ReportError::TooLate)?
        };
        let content = match &request.content {
            Some(content) if commitment.has(content) => Some(content.clone()),
            Some(_) => return Err(ReportError::NotCarried),
            None => Some(entry.content.payload.clone()).filter(|_| entry.erased.is_none()),
        };
        let report = Report {
            at: now,
            nonce: ports.clock.random_below(1 << 32),
            by: user.clone(),
            of: entry.sender.clone(),
            conversation: conversation.clone(),
            sequence: entry.sequence,
            message: commitment.message,
            sent_at: entry.ts,
            ground: request.ground,
            comment: request.comment.clone(),
            content,
            plaintext: request.plaintext.clone(),
            resolution: None,
        };
        ports.reports.put(&report).await?;
        Ok(report)
    })
}
