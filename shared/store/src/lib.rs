//! DynamoDB adapters. Conditions and transactions live here and nowhere else.
//!
//! | table | key | what |
//! |---|---|---|
//! | log | `pk` = `CONVERSATION#PARTITION`, `seq` | the entries; never with a TTL, for a tail that vanished would be used again |
//! | conversations | `cid`, `sk` = `head` or `m#USER`; index `byUser`: `uid`, `act` | heads and member rows |
//! | sessions | `uid`, `dev` | live sockets; TTL `exp` |
//! | devices | `uid`, `dev` | devices since their first connection, who holds which push token, marks of pushes, keys; see `devices` and `keys`; TTL `exp` of packages |
//! | inboxes | `own` = `USER#DEVICE#SESSION`, `key` | frames for devices that ask for events; see `inboxes`; TTL `exp` |
//! | mailboxes | `own` = `USER#DEVICE`, `mail` | what one device alone may read; see `mailboxes`; TTL `exp` |
//! | annotations | `pk`, `sk`; index `byTime`: `pk`, `at` | what is known of single messages; see `annotations` |
//! | timers | `min`, `tid` | content that goes at a time; media to be looked at |
//! | media | `mid`, `sk` | content in object storage; see `media`; TTL `exp` of what is gone |
//! | personal | `uid`, `sk` = `d#CONVERSATION`, `s#` or `h#CONVERSATION#SEQUENCE`, `n`, `set`, `b#USER`; indexes `byChange`, `byStar` | drafts, stars, hidden messages, counts, settings, blocks; TTL `exp` of deleted ones |
//! | limits | `bk` = `LIMIT#SUBJECT` | token buckets; see `buckets`; TTL `exp` |
//! | abuse | `pk`, `sk` | reports, commitments, deeds and keys of administrators; see `abuse`; TTL `exp` |
//! | tickets | `tid` | connect tickets by the hash of their secret; TTL `exp` |
//!
//! Timeouts and retries are the client's, set where it is made: not one of these adapters retries.

mod abuse;
mod agreements;
mod annotations;
mod buckets;
mod conversations;
mod devices;
mod error;
mod groups;
mod inboxes;
mod invites;
mod item;
mod keys;
mod log;
mod mailboxes;
mod media;
mod personal;
mod rules;
mod sessions;
mod tickets;
mod timers;

#[cfg(test)]
mod rows;

pub use abuse::DynamoAbuse;
pub use annotations::DynamoAnnotations;
pub use buckets::DynamoBuckets;
pub use conversations::DynamoConversations;
pub use devices::DynamoDevices;
pub use error::StoreError;
pub use inboxes::DynamoInboxes;
pub use log::DynamoLog;
pub use mailboxes::DynamoMailboxes;
pub use media::DynamoMedia;
pub use personal::DynamoPersonal;
pub use rules::DynamoRules;
pub use sessions::DynamoSessions;
pub use tickets::DynamoTickets;
pub use timers::DynamoTimers;
