//! Bans: a user is out, with all devices, within seconds; and back in.

use std::sync::Arc;

use futures_util::future::join_all;
use tracing::{info, warn};

use crate::{
    ids::{Sender, Timestamp, UserId},
    limits::BAN_SETTLE_MS,
    ports::{Clock, Devices, Gateway, PortResult, Sessions, Unavailable},
    session::Session,
    signals::{Metric, measure},
};

/// That a user is out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ban {
    /// Which administrator says so.
    pub by: Arc<str>,
    /// Why.
    pub reason: Arc<str>,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// Bans, and what devices know of them.
pub trait Bans: Send + Sync {
    /// The ban of a user, if there is one that is not over.
    fn ban<'a>(&'a self, user: &'a UserId, now: Timestamp) -> PortResult<'a, Option<Ban>>;

    /// Bans a user, in place of an earlier ban.
    fn put_ban<'a>(&'a self, user: &'a UserId, ban: &'a Ban) -> PortResult<'a, ()>;

    /// Ends a ban; false where there was none.
    fn lift_ban<'a>(&'a self, user: &'a UserId) -> PortResult<'a, bool>;

    /// Notes on a device that is known that its user is banned until then; zero: is not.
    fn note_ban<'a>(&'a self, device: &'a Sender, until: Timestamp) -> PortResult<'a, ()>;
}

/// Sockets that are open, from the handshake on: a session begins with a hello, and who says none could not be closed.
pub trait OpenSockets: Send + Sync {
    /// Notes a socket that opens.
    fn note_open<'a>(&'a self, socket: &'a Session) -> PortResult<'a, ()>;

    /// The open sockets of a user, those included whose time has passed.
    fn open_of<'a>(&'a self, user: &'a UserId) -> PortResult<'a, Vec<Session>>;

    /// Forgets a socket.
    fn forget_open<'a>(&'a self, socket: &'a Session) -> PortResult<'a, ()>;
}

/// What a ban needs of the world.
#[derive(Clone, Copy)]
pub struct BanPorts<'a> {
    /// Bans.
    pub bans: &'a dyn Bans,
    /// Devices.
    pub devices: &'a dyn Devices,
    /// Sessions.
    pub sessions: &'a dyn Sessions,
    /// Open sockets.
    pub sockets: &'a dyn OpenSockets,
    /// The sockets themselves.
    pub gateway: &'a dyn Gateway,
    /// Time.
    pub clock: &'a dyn Clock,
}

/// Bans a user: from now on every token of theirs is refused, and every socket is closed. May be repeated. The number of
/// sockets that were closed.
///
/// First it is written, where a new device is looked up, then on each device that is known, where an old one is. What was let in
/// at that moment by a function that had looked before is found by a second look.
pub async fn ban(ports: BanPorts<'_>, user: &UserId, ban: &Ban) -> Result<usize, Unavailable> {
    ports.bans.put_ban(user, ban).await?;
    measure(Metric::Banned, 1);
    let closed = put_out(ports, user, ban.until).await?;
    ports.clock.sleep_ms(BAN_SETTLE_MS).await;
    Ok(closed + put_out(ports, user, ban.until).await?)
}

async fn put_out(ports: BanPorts<'_>, user: &UserId, until: Timestamp) -> Result<usize, Unavailable> {
    let devices = ports.devices.of_user(user).await?;
    let marks = devices.iter().filter(|device| device.banned_until != until);
    for done in join_all(marks.map(|device| ports.bans.note_ban(&device.owner, until))).await {
        done?;
    }
    let mut sockets = ports.sockets.open_of(user).await?;
    for session in ports.sessions.of_user(user).await? {
        ports.sessions.remove(&session.owner, &session.connection).await?;
        if sockets.iter().all(|socket| socket.connection != session.connection) {
            sockets.push(session);
        }
    }
    let closes = sockets.iter().map(|socket| async move {
        // One that is gone already is as good as closed.
        let closed = ports.gateway.close(socket).await;
        if closed.is_ok() {
            ports.sockets.forget_open(socket).await?;
        }
        closed
    });
    let mut failure = None;
    for closed in join_all(closes).await {
        if let Err(error) = closed {
            warn!(%error, %user, "a socket of a banned user was not closed");
            failure = Some(error);
        }
    }
    info!(%user, sockets = sockets.len(), devices = devices.len(), "put out");
    failure.map_or(Ok(sockets.len()), Err)
}

/// Lets a user in again; false where they were not banned. May be repeated.
pub async fn unban(ports: BanPorts<'_>, user: &UserId) -> Result<bool, Unavailable> {
    let devices = ports.devices.of_user(user).await?;
    let was_banned = ports.bans.lift_ban(user).await?;
    let marked = devices.iter().filter(|device| device.banned_until > Timestamp::default());
    for done in join_all(marked.map(|device| ports.bans.note_ban(&device.owner, Timestamp::default()))).await {
        done?;
    }
    Ok(was_banned)
}
