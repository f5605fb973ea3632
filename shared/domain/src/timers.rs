//! What is to be done at a later time: content that goes when its life ends, messages that are sent.
//!
//! Timers are filed by the minute that they are due in. The sweeper comes by every minute and does
//! what is due; a minute that it has missed, it makes up for.

use futures_util::future::join_all;
use tracing::warn;

use crate::{
    annotations::Eraser,
    ids::{ConversationId, Sequence, Timestamp},
    limits::SWEEP_BACK_MS,
    log::Erasure,
    media::{self, ErasePorts, Media, Objects},
    ports::{PortResult, Unavailable},
    reports::Commitments,
    schedule::{Schedule, send_minute},
    send::{SendPorts, SendTerms},
};

/// Content that goes at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer {
    /// When.
    pub due: Timestamp,
    /// Of which conversation.
    pub conversation: ConversationId,
    /// Of which entry.
    pub sequence: Sequence,
    /// Why.
    pub why: Erasure,
}

/// A minute, counted from the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minute(pub u64);

impl Minute {
    /// The minute of a moment.
    pub fn of(at: Timestamp) -> Self {
        Self(at.0 / 60_000)
    }
}

/// Timers, by the minute that they are due in.
pub trait Timers: Send + Sync {
    /// Sets a timer. Set again, it is one.
    fn set<'a>(&'a self, timer: &'a Timer) -> PortResult<'a, ()>;

    /// Some timers of a minute; none only where none is left.
    fn of_minute(&self, minute: Minute) -> PortResult<'_, Vec<Timer>>;

    /// Takes a timer away.
    fn remove<'a>(&'a self, timer: &'a Timer) -> PortResult<'a, ()>;

    /// The minute before which nothing is left.
    fn swept(&self) -> PortResult<'_, Option<Minute>>;

    /// Notes that nothing is left before a minute.
    fn set_swept(&self, minute: Minute) -> PortResult<'_, ()>;
}

/// What the sweeper needs of the world.
#[derive(Clone, Copy)]
pub struct SweepPorts<'a> {
    /// The timers.
    pub timers: &'a dyn Timers,
    /// The log's content.
    pub eraser: &'a dyn Eraser,
    /// Media, and what of it nothing refers to.
    pub media: &'a dyn Media,
    /// The objects of media.
    pub objects: &'a dyn Objects,
    /// What is to be proved of what is gone.
    pub commitments: &'a dyn Commitments,
    /// Scheduled messages.
    pub schedule: &'a dyn Schedule,
    /// The write path.
    pub send: SendPorts<'a>,
}

/// Does what is due; how much that was. What fails stays for the next time.
pub async fn sweep(ports: SweepPorts<'_>, terms: SendTerms<'_>) -> Result<usize, Unavailable> {
    let now = ports.send.clock.now();
    let current = Minute::of(now);
    let first = ports.timers.swept().await?.unwrap_or(Minute::of(now.minus_ms(SWEEP_BACK_MS)));
    let (mut done, mut failure) = (0, None);
    for minute in (first.0..=current.0).map(Minute) {
        match sweep_minute(ports, terms, minute, now).await {
            Ok(count) => done += count,
            // The minutes after it are not held up; the next round begins with this one.
            Err(error) => failure = Some(error),
        }
        // A timer may be set while its minute runs, and be seen late: two minutes are looked at again.
        if failure.is_none() && minute.0 + 2 < current.0 {
            ports.timers.set_swept(Minute(minute.0 + 1)).await?;
        }
    }
    failure.map_or(Ok(done), Err)
}

async fn sweep_minute(
    ports: SweepPorts<'_>,
    terms: SendTerms<'_>,
    minute: Minute,
    now: Timestamp,
) -> Result<usize, Unavailable> {
    let mut done = send_minute(ports.send, terms, ports.schedule, minute).await?;
    done += collect_minute(ports, minute, now).await?;
    let erasing = ErasePorts {
        log: ports.send.log,
        eraser: ports.eraser,
        media: ports.media,
        objects: ports.objects,
        commitments: ports.commitments,
        clock: ports.send.clock,
    };
    loop {
        let timers = ports.timers.of_minute(minute).await?;
        let due: Vec<_> = timers.into_iter().filter(|timer| timer.due <= now).collect();
        if due.is_empty() {
            return Ok(done);
        }
        let results = join_all(due.iter().map(|timer| async move {
            media::erase(erasing, &timer.conversation, timer.sequence, timer.why).await?;
            ports.timers.remove(timer).await
        }));
        for result in results.await {
            result.inspect_err(|error| warn!(%error, "a timer is left for the next time"))?;
            done += 1;
        }
    }
}

/// Looks at the media of a minute that is over: what is filed again is filed under a later one.
async fn collect_minute(ports: SweepPorts<'_>, minute: Minute, now: Timestamp) -> Result<usize, Unavailable> {
    let mut done = 0;
    if minute >= Minute::of(now) {
        return Ok(done);
    }
    loop {
        let handles = ports.media.watched(minute).await?;
        if handles.is_empty() {
            return Ok(done);
        }
        let results = join_all(handles.iter().map(|handle| async move {
            media::collect(ports.media, ports.objects, *handle, now).await?;
            ports.media.unwatch(*handle, minute).await
        }));
        for result in results.await {
            result.inspect_err(|error| warn!(%error, "media is left for the next time"))?;
            done += 1;
        }
    }
}
