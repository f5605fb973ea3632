//! Messages that are to be sent at a time.
//!
//! A user's messages are rows of the user; a pointer to each is filed by the minute that it is due
//! in. The row is what counts: a pointer without its row, or of another time, is of something that
//! was cancelled or moved.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::{StreamExt, stream};
use thiserror::Error;
use tracing::{info, warn};

use crate::{
    history::{ReadError, visible_from},
    ids::{DeviceId, InvalidId, MessageId, Timestamp, UserId},
    limits::{SCHEDULE_AHEAD_MS_MAX, SCHEDULED_MAX},
    media::{self, Claims},
    ports::{Clock, Conversations, PortResult, Unavailable},
    send::{Draft, Refusal, SendError, SendPorts, SendRequest, SendTerms, send},
    timers::Minute,
};

/// Messages that are sent at once.
const SENDS_AT_ONCE: usize = 32;

/// A message that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheduled {
    /// When.
    pub due: Timestamp,
    /// What. Its device is [`scheduling_device`], so that the device which scheduled it hears it as the others do.
    pub draft: Draft,
    /// Why it was not sent, where it was refused.
    pub refused: Option<Arc<str>>,
}

/// A filed pointer: the minute and whose message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// The minute that it is filed under.
    pub minute: Minute,
    /// Whose.
    pub user: UserId,
    /// Which.
    pub message: MessageId,
}

/// Scheduled messages.
pub trait Schedule: Send + Sync {
    /// Keeps a message in place of an earlier one of the same name, and files it under a minute.
    fn keep<'a>(&'a self, scheduled: &'a Scheduled, minute: Minute) -> PortResult<'a, ()>;

    /// How many a user has, up to a bound.
    fn count<'a>(&'a self, user: &'a UserId) -> PortResult<'a, usize>;

    /// Up to `limit` of a user's messages after one of them, by id.
    fn of_user<'a>(
        &'a self,
        user: &'a UserId,
        after: Option<MessageId>,
        limit: usize,
    ) -> PortResult<'a, Vec<Scheduled>>;

    /// One of a user's messages, strongly consistent.
    fn find<'a>(&'a self, user: &'a UserId, message: MessageId) -> PortResult<'a, Option<Scheduled>>;

    /// Takes a message away, if it is still to be sent at that time; whether it was there.
    fn remove<'a>(&'a self, user: &'a UserId, message: MessageId, due: Option<Timestamp>) -> PortResult<'a, bool>;

    /// Notes why a message was not sent.
    fn refuse<'a>(&'a self, user: &'a UserId, message: MessageId, why: &'a str) -> PortResult<'a, ()>;

    /// Some pointers of a minute; none only where none is left.
    fn of_minute(&self, minute: Minute) -> PortResult<'_, Vec<Pointer>>;

    /// Takes a pointer away.
    fn unfile<'a>(&'a self, pointer: &'a Pointer) -> PortResult<'a, ()>;
}

/// Why a message is not scheduled.
#[derive(Debug, Error)]
pub enum ScheduleError {
    /// The user is not in the conversation, or the world did not answer.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It is past, or more than a year away.
    #[error("must be a moment to come, within a year")]
    Time,
    /// The user has too many.
    #[error("at most {SCHEDULED_MAX} messages wait")]
    TooMany,
    /// The media that it names cannot be sent.
    #[error(transparent)]
    Media(Refusal),
    /// There is none of this name.
    #[error("there is no such scheduled message")]
    NoSuchMessage(MessageId),
}

impl From<Unavailable> for ScheduleError {
    fn from(error: Unavailable) -> Self {
        Self::Read(error.into())
    }
}

/// What scheduling needs of the world.
#[derive(Clone, Copy)]
pub struct SchedulePorts<'a> {
    /// The messages.
    pub schedule: &'a dyn Schedule,
    /// Media, which a message claims that waits.
    pub media: &'a dyn Claims,
    /// Members.
    pub conversations: &'a dyn Conversations,
    /// Time.
    pub clock: &'a dyn Clock,
}

/// The device that scheduled messages are of.
pub fn scheduling_device() -> Result<DeviceId, InvalidId> {
    DeviceId::parse("scheduled")
}

/// Keeps a message until its time, in place of an earlier one of the same name.
pub async fn schedule(ports: SchedulePorts<'_>, scheduled: &Scheduled) -> Result<(), ScheduleError> {
    let draft = &scheduled.draft;
    let now = ports.clock.now();
    if scheduled.due <= now || scheduled.due > now.plus_ms(SCHEDULE_AHEAD_MS_MAX) {
        return Err(ScheduleError::Time);
    }
    visible_from(ports.conversations, &draft.sender.user, &draft.conversation).await?;
    let before = ports.schedule.find(&draft.sender.user, draft.message_id()).await?;
    if before.is_none() && ports.schedule.count(&draft.sender.user).await? >= SCHEDULED_MAX {
        return Err(ScheduleError::TooMany);
    }
    // As of the time at which it is sent: until then the claim is not in vain.
    media::claim(ports.media, draft, scheduled.due).await?.map_err(ScheduleError::Media)?;
    ports.schedule.keep(scheduled, Minute::of(scheduled.due)).await?;
    if let Some(before) = before.filter(|before| before.draft.content.media_handle != draft.content.media_handle) {
        media::let_go(ports.media, &before.draft, now).await?;
    }
    Ok(())
}

/// Takes a message back before it is sent.
pub async fn cancel(ports: SchedulePorts<'_>, user: &UserId, message: MessageId) -> Result<(), ScheduleError> {
    let found = ports.schedule.find(user, message).await?;
    if !ports.schedule.remove(user, message, None).await? {
        return Err(ScheduleError::NoSuchMessage(message));
    }
    // Afterwards: a message that is just being sent keeps what it refers to. A claim that stays is collected.
    if let Some(scheduled) = &found {
        media::let_go(ports.media, &scheduled.draft, ports.clock.now()).await?;
    }
    Ok(())
}

/// Sends what a minute has due; how much that was. What fails stays for the next time.
pub(crate) async fn send_minute(
    ports: SendPorts<'_>,
    terms: SendTerms<'_>,
    schedule: &dyn Schedule,
    minute: Minute,
) -> Result<usize, Unavailable> {
    let mut done = 0;
    loop {
        let pointers = schedule.of_minute(minute).await?;
        let now = ports.clock.now();
        let results: Vec<Result<bool, Unavailable>> = stream::iter(pointers)
            .map(|pointer| Box::pin(send_one(ports, terms, schedule, pointer, now)))
            .buffer_unordered(SENDS_AT_ONCE)
            .collect()
            .await;
        let mut is_moved = false;
        for result in results {
            let is_done = result.inspect_err(|error| warn!(%error, "a scheduled message is left for the next time"))?;
            is_moved |= is_done;
            done += usize::from(is_done);
        }
        if !is_moved {
            return Ok(done);
        }
    }
}

/// Whether a pointer is done with. The send itself is exact by its name: sent again after a crash, it is
/// answered as a duplicate.
async fn send_one(
    ports: SendPorts<'_>,
    terms: SendTerms<'_>,
    schedule: &dyn Schedule,
    pointer: Pointer,
    now: Timestamp,
) -> Result<bool, Unavailable> {
    let found = schedule.find(&pointer.user, pointer.message).await?;
    let is_meant = |s: &Scheduled| Minute::of(s.due) == pointer.minute && s.refused.is_none();
    let Some(scheduled) = found.filter(is_meant) else {
        schedule.unfile(&pointer).await?;
        return Ok(true);
    };
    if scheduled.due > now {
        return Ok(false);
    }
    let draft = scheduled.draft.clone();
    let request = SendRequest { draft: scheduled.draft, devices: BTreeMap::new(), resend_after: None, answer_to: None };
    match send(ports, terms, &request).await {
        Ok(_) => {
            schedule.remove(&pointer.user, pointer.message, Some(scheduled.due)).await?;
        }
        Err(SendError::Refused(refusal)) => {
            info!(user = %pointer.user, message = %pointer.message, %refusal, "a scheduled message was refused");
            media::let_go(ports.media, &draft, now).await?;
            schedule.refuse(&pointer.user, pointer.message, &refusal.to_string()).await?;
        }
        // Once more with the next minute's round: it may be in the log already, and is known then.
        Err(SendError::Contended { .. } | SendError::Queued | SendError::Limited(_)) => return Ok(false),
        Err(SendError::Unavailable(error)) => return Err(error),
    }
    schedule.unfile(&pointer).await?;
    Ok(true)
}
