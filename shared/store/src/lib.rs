//! DynamoDB adapters. Conditions and transactions live here and nowhere else.
//!
//! | table | key | what |
//! |---|---|---|
//! | log | `pk` = `CONVERSATION#PARTITION`, `seq` | the entries; never with a TTL, for a tail that vanished would be used again |
//! | conversations | `cid`, `sk` = `head` or `m#USER`; index `byUser`: `uid`, `act` | heads and member rows |
//! | sessions | `uid`, `dev` | live sockets; TTL `exp` |
//! | devices | `uid`, `dev` | devices since their first connection |
//! | tickets | `tid` | connect tickets by the hash of their secret; TTL `exp` |
//!
//! Timeouts and retries are the client's, set where it is made: not one of these adapters retries.

mod conversations;
mod devices;
mod error;
mod item;
mod log;
mod sessions;
mod tickets;

pub use conversations::DynamoConversations;
pub use devices::DynamoDevices;
pub use error::StoreError;
pub use log::{DynamoLog, entry_of_image};
pub use sessions::DynamoSessions;
pub use tickets::DynamoTickets;
