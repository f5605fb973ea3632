//! What follows an append: the stream and the express lane, together.

use std::collections::BTreeSet;

use futures_util::future::{Either, join, join_all, select};
use tracing::{info, warn};

use super::SendPorts;
use crate::{
    ids::{Sender, UserId},
    limits::DELIVERY_MS_MAX,
    log::Entry,
    notice::Notice,
    ports::{Bus, Clock, Gateway, Post, Sessions, Unavailable, live_sessions},
    session::Session,
    signals::{Metric, Stage, is_heard, measure, stage},
    stream::StreamRecord,
};

/// Publishes the entry and posts it to the live sockets. Neither can fail the send: the entry is
/// in the log, and the repair lane publishes what was not.
pub(super) async fn deliver(ports: SendPorts<'_>, express_sockets_max: usize, entry: &Entry, sessions: &[Session]) {
    let sessions = if sessions.len() <= express_sockets_max { sessions } else { &[] };
    let reached = sessions.iter().map(|s| s.owner.clone()).collect();
    let publishing = publish(ports.bus, ports.clock, vec![entry.clone()], reached);
    let (published, missed) = join(publishing, express(ports, entry, sessions)).await;
    // The record said that these were reached; say that they were not.
    if published && !missed.is_empty() {
        let reached = sessions.iter().map(|s| s.owner.clone()).filter(|device| !missed.contains(device)).collect();
        publish(ports.bus, ports.clock, vec![entry.clone()], reached).await;
    }
}

/// The live sessions of users; none where they cannot be had in time.
pub(super) async fn sessions_in_time(ports: SendPorts<'_>, users: &[UserId]) -> Vec<Session> {
    if users.is_empty() {
        return Vec::new();
    }
    let reading = Box::pin(live_sessions(ports.sessions, users, ports.clock.now()));
    let failure = match within(ports.clock, reading).await {
        Some(Ok(sessions)) => return sessions,
        Some(Err(error)) => error.to_string(),
        None => "no answer in time".into(),
    };
    info!(error = failure, "a small group is left to the durable lane");
    Vec::new()
}

/// Publishes entries of one row; whether the stream took them in time.
pub(crate) async fn publish(bus: &dyn Bus, clock: &dyn Clock, entries: Vec<Entry>, reached: Vec<Sender>) -> bool {
    let Some((conversation, sequence)) = entries.first().map(|e| (e.conversation.clone(), e.sequence)) else {
        return true;
    };
    let (count, told) = (entries.len(), if is_heard() { entries.len() } else { 0 });
    let places: Vec<_> = entries.iter().take(told).map(|e| (e.message_id(), e.sequence)).collect();
    let record = StreamRecord::Appended { conversation: conversation.clone(), entries, reached };
    let from = clock.now();
    let failure = match within(clock, bus.publish(&record)).await {
        Some(Ok(())) => {
            let to = clock.now();
            for (message, at) in places {
                stage(message, at, Stage::Published, from, to, "");
            }
            return true;
        }
        Some(Err(error)) => error.to_string(),
        None => "no answer in time".into(),
    };
    warn!(error = failure, %conversation, %sequence, "not published; the repair lane will");
    measure(Metric::Unpublished, count as u64);
    false
}

/// Posts the entry to each session; returns the devices that could not be posted to in time.
async fn express(ports: SendPorts<'_>, entry: &Entry, sessions: &[Session]) -> BTreeSet<Sender> {
    let from = ports.clock.now();
    let notice = Notice::Entry(Box::new(entry.clone().as_read_at(from)));
    let posts = sessions.iter().map(|session| {
        let post = Box::pin(post_or_remove(ports.sessions, ports.gateway, session, &notice));
        async move {
            let failure = match within(ports.clock, post).await {
                Some(Ok(_)) => return None,
                Some(Err(error)) => error.to_string(),
                None => "no answer in time".into(),
            };
            info!(error = failure, device = %session.owner.device, "express post left to the durable lane");
            Some(session.owner.clone())
        }
    });
    let missed: BTreeSet<Sender> = join_all(posts).await.into_iter().flatten().collect();
    if !sessions.is_empty() && is_heard() {
        let note = format!("{} of {} sockets", sessions.len() - missed.len(), sessions.len());
        stage(entry.message_id(), entry.sequence, Stage::Express, from, ports.clock.now(), &note);
    }
    missed
}

/// What comes within the time that an answer may wait for delivery.
pub(crate) async fn within<T>(clock: &dyn Clock, work: impl Future<Output = T> + Unpin) -> Option<T> {
    match select(work, clock.sleep_ms(DELIVERY_MS_MAX)).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}

/// Posts to a session; one whose socket is gone is removed, if it still names that socket.
pub(crate) async fn post_or_remove(
    sessions: &dyn Sessions,
    gateway: &dyn Gateway,
    session: &Session,
    notice: &Notice,
) -> Result<Post, Unavailable> {
    let post = gateway.post(session, notice).await?;
    if post == Post::Gone {
        measure(Metric::SocketsGone, 1);
        sessions.remove(&session.owner, &session.connection).await?;
    }
    Ok(post)
}
