//! Connect tickets: for browsers, which cannot set a header on a WebSocket. A ticket works once
//! and for 30 s; only its hash is stored.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use thiserror::Error;
use tidings_domain::{
    ids::Sender,
    limits::TICKET_MS,
    ports::{Clock, Tickets, Unavailable},
    session::Grant,
};

const SECRET_BYTES: usize = 32;

/// Why a ticket was not issued or not redeemed.
#[derive(Debug, Error)]
pub enum TicketError {
    /// It is no ticket, was used before, or is past its time.
    #[error("the ticket is not valid")]
    Invalid,
    /// The machine has no randomness.
    #[error("no randomness")]
    Randomness(#[from] getrandom::Error),
    /// The store did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Issues a ticket for one connection of a device.
pub async fn issue_ticket(
    tickets: &dyn Tickets,
    clock: &dyn Clock,
    owner: &Sender,
) -> Result<(String, Grant), TicketError> {
    let mut secret = [0; SECRET_BYTES];
    getrandom::fill(&mut secret)?;
    let ticket = URL_SAFE_NO_PAD.encode(secret);
    let grant = Grant { owner: owner.clone(), expires_at: clock.now().plus_ms(TICKET_MS) };
    tickets.put(&hash(&ticket), &grant).await?;
    Ok((ticket, grant))
}

/// Takes a ticket; whoever shows it again gets nothing.
pub async fn redeem_ticket(tickets: &dyn Tickets, clock: &dyn Clock, ticket: &str) -> Result<Sender, TicketError> {
    let is_ticket = URL_SAFE_NO_PAD.decode(ticket).is_ok_and(|secret| secret.len() == SECRET_BYTES);
    if !is_ticket {
        return Err(TicketError::Invalid);
    }
    let grant = tickets.take(&hash(ticket)).await?.ok_or(TicketError::Invalid)?;
    if grant.expires_at <= clock.now() { Err(TicketError::Invalid) } else { Ok(grant.owner) }
}

fn hash(ticket: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(ticket))
}
