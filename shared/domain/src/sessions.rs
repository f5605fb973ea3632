//! Sessions: registered by `session.hello`, prolonged by heartbeats, removed at the end.
//!
//! A session is registered at the hello and not at `$connect`: no socket can be posted to
//! before `$connect` has returned, and a post that came too early would be answered 410 and
//! take the fresh row away.

use std::sync::Arc;

use futures_util::future::join_all;
use tracing::{info, warn};

use crate::{
    ids::{ConnectionId, Sender, Timestamp, UserId},
    notice::Notice,
    ports::{Clock, Devices, Gateway, Sessions, Unavailable, live_sessions},
    send::{post_or_remove, within},
    session::Session,
};

/// A socket, as its own frames know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// The device and its user, from the verified connection.
    pub owner: Sender,
    /// The socket.
    pub connection: ConnectionId,
    /// Where to post to it.
    pub endpoint: Arc<str>,
    /// Since when.
    pub connected_at: Timestamp,
}

impl Socket {
    /// The session of this socket, from now on.
    pub fn session(&self, now: Timestamp, ttl_seconds: u64) -> Session {
        Session {
            owner: self.owner.clone(),
            connection: self.connection.clone(),
            endpoint: self.endpoint.clone(),
            connected_at: self.connected_at,
            active_at: now,
            expires_at: now.plus_ms(ttl_seconds * 1000),
        }
    }
}

/// Registers a socket as its device's session; the device's earlier socket is closed, for a
/// device has one, and the other would wait for frames that no longer come.
pub async fn register(sessions: &dyn Sessions, gateway: &dyn Gateway, session: &Session) -> Result<(), Unavailable> {
    if let Some(earlier) = sessions.put(session).await?
        && earlier.connection != session.connection
        && let Err(error) = gateway.close(&earlier).await
    {
        warn!(%error, device = %earlier.owner.device, "earlier socket not closed");
    }
    Ok(())
}

/// Removes the session of a socket that has closed, if it is still the device's.
pub async fn end(
    sessions: &dyn Sessions,
    devices: &dyn Devices,
    clock: &dyn Clock,
    owner: &Sender,
    connection: &ConnectionId,
) -> Result<(), Unavailable> {
    sessions.remove(owner, connection).await?;
    devices.touch(owner, clock.now()).await?;
    Ok(())
}

/// Tells those of the connected devices of users that are to be told. It is stored already and will
/// be read: a device that cannot be told in time fails nothing.
pub(crate) async fn tell(
    sessions: &dyn Sessions,
    gateway: &dyn Gateway,
    clock: &dyn Clock,
    users: &[UserId],
    is_told: impl Fn(&Session) -> bool,
    notice: &Notice,
) {
    let telling = Box::pin(async {
        let live = live_sessions(sessions, users, clock.now()).await?;
        let told = live.iter().filter(|session| is_told(session));
        let posts = join_all(told.map(|session| post_or_remove(sessions, gateway, session, notice))).await;
        posts.into_iter().collect::<Result<Vec<_>, Unavailable>>()
    });
    let failure = match within(clock, telling).await {
        Some(Ok(_)) => return,
        Some(Err(error)) => error.to_string(),
        None => "no answer in time".into(),
    };
    info!(error = failure, users = users.len(), "a device was not told; it will read it");
}
