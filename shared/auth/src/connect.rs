//! Who may open a socket.

use thiserror::Error;
use tidings_domain::{
    ids::{DeviceId, InvalidId, Sender},
    ports::{Clock, Devices, Tickets, Unavailable},
};

use crate::{
    ticket::{TicketError, redeem_ticket},
    token::{TokenError, TokenVerifier},
};

/// What authentication needs.
#[derive(Clone, Copy)]
pub struct ConnectPorts<'a> {
    /// Access tokens.
    pub tokens: &'a TokenVerifier,
    /// Tickets.
    pub tickets: &'a dyn Tickets,
    /// Devices.
    pub devices: &'a dyn Devices,
    /// Time.
    pub clock: &'a dyn Clock,
}

/// What a handshake shows.
#[derive(Clone, Copy, Debug)]
pub enum Credential<'a> {
    /// A native client: the token from `Authorization: Bearer`, the device from the query.
    Token {
        /// The token.
        token: &'a str,
        /// The device.
        device: &'a str,
    },
    /// A browser.
    Ticket(&'a str),
    /// Nothing.
    Missing,
}

/// Why a socket may not be opened.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// No credential, or a bad or expired one: 401.
    #[error("not authenticated: {0}")]
    Unauthorized(String),
    /// The credential is good and the device may not connect: 403.
    #[error("the device is revoked")]
    Revoked,
    /// The credential is good and its user is banned: 403.
    #[error("the user is banned")]
    Banned,
    /// What is needed to tell is away.
    #[error("identity cannot be checked")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<Unavailable> for ConnectError {
    fn from(error: Unavailable) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<TokenError> for ConnectError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Keys(source) => Self::Unavailable(source.into()),
            refused => Self::Unauthorized(refused.to_string()),
        }
    }
}

impl From<TicketError> for ConnectError {
    fn from(error: TicketError) -> Self {
        match error {
            TicketError::Invalid => Self::Unauthorized(error.to_string()),
            away => Self::Unavailable(away.into()),
        }
    }
}

impl From<InvalidId> for ConnectError {
    fn from(error: InvalidId) -> Self {
        Self::Unauthorized(error.to_string())
    }
}

/// Who is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The device and its user.
    pub owner: Sender,
    /// The device has been here before.
    pub is_known: bool,
}

/// Tells who is there, and refuses a device that was revoked, and every device of a user who is banned: one that is known says so
/// itself, so it costs nothing.
pub async fn authenticate(ports: ConnectPorts<'_>, credential: Credential<'_>) -> Result<Caller, ConnectError> {
    let owner = match credential {
        Credential::Token { token, device } => {
            let device = DeviceId::parse(device)?;
            Sender { user: ports.tokens.verify(token).await?, device }
        }
        Credential::Ticket(ticket) => redeem_ticket(ports.tickets, ports.clock, ticket).await?,
        Credential::Missing => return Err(ConnectError::Unauthorized("no token and no ticket".into())),
    };
    let now = ports.clock.now();
    match ports.devices.find(&owner).await? {
        Some(device) if device.revoked => Err(ConnectError::Revoked),
        Some(device) if device.banned_until > now => Err(ConnectError::Banned),
        Some(_) => Ok(Caller { owner, is_known: true }),
        None if ports.devices.banned_until(&owner.user).await? > now => Err(ConnectError::Banned),
        None => Ok(Caller { owner, is_known: false }),
    }
}
