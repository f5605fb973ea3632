//! What administrators see and do. Whatever they do is written down first.

use std::sync::Arc;

use thiserror::Error;

use crate::{
    bans::{Ban, BanPorts, ban, unban},
    ids::{Timestamp, UserId},
    limits::{ADMIN_KEY_MS_MAX, ADMIN_PAGE_MAX, REPORTERS_COUNTED_MAX},
    ports::{Clock, PortResult, Unavailable},
    reports::{Report, Resolution},
    strangers::Reporters,
};

/// What an administrator did, or asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// When.
    pub at: Timestamp,
    /// Tells it from others of that moment.
    pub nonce: u64,
    /// Which administrator.
    pub by: Arc<str>,
    /// What.
    pub action: Arc<str>,
    /// To whom, or to what.
    pub subject: Arc<str>,
    /// More of it, in the administrator's words.
    pub detail: Arc<str>,
}

/// A key of a machine that administrates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminKey {
    /// What it is called.
    pub name: Arc<str>,
    /// The SHA-256 of its secret.
    pub hash: [u8; 32],
    /// Who made it.
    pub by: Arc<str>,
    /// Until when it is good.
    pub until: Timestamp,
}

/// A place in a list of what is filed by the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Filed {
    /// The moment.
    pub at: Timestamp,
    /// Tells it from others of that moment.
    pub nonce: u64,
}

/// What administrators keep. Lists are of one day, the latest first.
pub trait Moderation: Send + Sync {
    /// Writes down what is done.
    fn note<'a>(&'a self, deed: &'a Deed) -> PortResult<'a, ()>;

    /// What was done on a day before a place.
    fn deeds(&self, day: Timestamp, before: Option<Filed>, limit: usize) -> PortResult<'_, Vec<Deed>>;

    /// What was reported on a day before a place.
    fn reports(&self, day: Timestamp, before: Option<Filed>, limit: usize) -> PortResult<'_, Vec<Report>>;

    /// Notes what became of a report; false where there is none.
    fn resolve<'a>(&'a self, report: Filed, resolution: &'a Resolution) -> PortResult<'a, bool>;

    /// Keeps a key in place of one of its name.
    fn put_key<'a>(&'a self, key: &'a AdminKey) -> PortResult<'a, ()>;

    /// The key of a name, if it is good at this time.
    fn key<'a>(&'a self, name: &'a str, now: Timestamp) -> PortResult<'a, Option<AdminKey>>;

    /// Every key that is good at this time.
    fn keys(&self, now: Timestamp) -> PortResult<'_, Vec<AdminKey>>;

    /// Forgets a key; false where there is none.
    fn drop_key<'a>(&'a self, name: &'a str) -> PortResult<'a, bool>;
}

/// What administrating needs of the world.
#[derive(Clone, Copy)]
pub struct AdminPorts<'a> {
    /// What is written down, and reports.
    pub moderation: &'a dyn Moderation,
    /// Who has reported whom.
    pub reporters: &'a dyn Reporters,
    /// Bans.
    pub bans: BanPorts<'a>,
    /// Time and chance.
    pub clock: &'a dyn Clock,
}

/// Why an administrator's word is not followed.
#[derive(Debug, Error)]
pub enum AdminError {
    /// There is no such report.
    #[error("there is no such report")]
    NoSuchReport,
    /// There is no such key.
    #[error("there is no such key")]
    NoSuchKey,
    /// The user is not banned.
    #[error("{0} is not banned")]
    NotBanned(UserId),
    /// The world did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// What is known of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserFile {
    /// The ban, if they are banned.
    pub ban: Option<Ban>,
    /// Devices that are known and were not revoked.
    pub devices: usize,
    /// Sockets that are open.
    pub sockets: usize,
    /// How many users have reported them in the last weeks, counted up to ten.
    pub reporters: usize,
}

/// Writes down what an administrator is about to do: before it is done, so that nothing is done that is not written.
pub async fn note(
    ports: AdminPorts<'_>,
    by: &Arc<str>,
    action: &str,
    subject: &str,
    detail: &str,
) -> Result<(), Unavailable> {
    let deed = Deed {
        at: ports.clock.now(),
        nonce: ports.clock.random_below(1 << 32),
        by: by.clone(),
        action: action.into(),
        subject: subject.into(),
        detail: detail.into(),
    };
    ports.moderation.note(&deed).await
}

/// Bans a user until a moment. The number of sockets that were closed.
pub async fn ban_user(
    ports: AdminPorts<'_>,
    by: &Arc<str>,
    user: &UserId,
    reason: &Arc<str>,
    until: Timestamp,
) -> Result<(Ban, usize), AdminError> {
    note(ports, by, "ban", user.as_str(), reason).await?;
    let wanted = Ban { by: by.clone(), reason: reason.clone(), since: ports.clock.now(), until };
    let closed = ban(ports.bans, user, &wanted).await?;
    Ok((wanted, closed))
}

/// Ends the ban of a user.
pub async fn unban_user(ports: AdminPorts<'_>, by: &Arc<str>, user: &UserId) -> Result<(), AdminError> {
    note(ports, by, "unban", user.as_str(), "").await?;
    if unban(ports.bans, user).await? { Ok(()) } else { Err(AdminError::NotBanned(user.clone())) }
}

/// What is known of a user. That somebody looked is written down, too.
pub async fn look_up(ports: AdminPorts<'_>, by: &Arc<str>, user: &UserId) -> Result<UserFile, AdminError> {
    note(ports, by, "look", user.as_str(), "").await?;
    let devices = ports.bans.devices.of_user(user).await?;
    Ok(UserFile {
        ban: ports.bans.bans.ban(user, ports.clock.now()).await?,
        devices: devices.iter().filter(|device| !device.revoked).count(),
        sockets: ports.bans.sockets.open_of(user).await?.len(),
        reporters: ports.reporters.reporters(user, REPORTERS_COUNTED_MAX).await?,
    })
}

/// What was reported on a day, the latest first. That somebody read it is written down, too: it has content of messages.
pub async fn reports_of(
    ports: AdminPorts<'_>,
    by: &Arc<str>,
    day: Timestamp,
    before: Option<Filed>,
    limit: usize,
) -> Result<Vec<Report>, AdminError> {
    note(ports, by, "read reports", &day.0.to_string(), "").await?;
    Ok(ports.moderation.reports(day, before, limit.clamp(1, ADMIN_PAGE_MAX)).await?)
}

/// Says what became of a report.
pub async fn resolve(ports: AdminPorts<'_>, by: &Arc<str>, report: Filed, words: &Arc<str>) -> Result<(), AdminError> {
    note(ports, by, "resolve", &format!("{}-{}", report.at.0, report.nonce), words).await?;
    let resolution = Resolution { by: by.clone(), at: ports.clock.now(), note: words.clone() };
    if ports.moderation.resolve(report, &resolution).await? { Ok(()) } else { Err(AdminError::NoSuchReport) }
}

/// Keeps a key under a name, in place of one of that name.
pub async fn make_key(
    ports: AdminPorts<'_>,
    by: &Arc<str>,
    name: &Arc<str>,
    hash: [u8; 32],
    life_ms: u64,
) -> Result<AdminKey, AdminError> {
    note(ports, by, "make key", name, "").await?;
    let until = ports.clock.now().plus_ms(life_ms.min(ADMIN_KEY_MS_MAX));
    let key = AdminKey { name: name.clone(), hash, by: by.clone(), until };
    ports.moderation.put_key(&key).await?;
    Ok(key)
}

/// Forgets a key: it is refused from then on.
pub async fn drop_key(ports: AdminPorts<'_>, by: &Arc<str>, name: &str) -> Result<(), AdminError> {
    note(ports, by, "drop key", name, "").await?;
    if ports.moderation.drop_key(name).await? { Ok(()) } else { Err(AdminError::NoSuchKey) }
}
