//! Who is there: access tokens against an issuer's key set, single-use connect tickets, and
//! resume tokens, which are no credential; the secrets of invites.

mod admin;
mod connect;
mod invite;
mod keys;
mod resume;
mod ticket;
mod token;

pub use admin::{AdminToken, admin_token_hash, new_admin_token};
pub use connect::{Caller, ConnectError, ConnectPorts, Credential, authenticate};
pub use invite::{SecretError, invite_secret};
pub use keys::{Fetch, FetchError, IssuerUrl, KeySets};
pub use resume::{DeviceResumeTokens, up_to_date_at};
pub use ticket::{TicketError, issue_ticket, redeem_ticket};
pub use token::{TokenError, TokenVerifier};
