//! The limits.

use std::fmt;

use super::micros;
use crate::ids::{ConversationId, Sender, Timestamp, UserId};

/// What a limit does where its bucket cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// Lets in: the work is worth more than the limit. What was let in is charged later.
    Open,
    /// Refuses: what the limit guards is worth more than the work.
    Closed,
}

/// A limit: so many tokens, and how fast they come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What clients and tables call it.
    pub name: &'static str,
    /// One token comes back in so long, in microseconds.
    pub every_us: u64,
    /// Tokens of a full bucket.
    pub burst: u64,
    /// Uses that are charged in one write; 1: each before it happens.
    pub lease: u64,
    /// Without its bucket.
    pub on_failure: OnFailure,
}

const SECOND_US: u64 = 1_000_000;
const HOUR_US: u64 = 3600 * SECOND_US;

/// Entries that a user appends, from all devices.
pub const SENDS_PER_USER: Limit = leased("sends_per_user", SECOND_US / 40, 400, 32);
/// Entries that a device appends.
pub const SENDS_PER_DEVICE: Limit = leased("sends_per_device", SECOND_US / 20, 200, 32);
/// Entries that are appended to a conversation: above what the batch sequencer appends.
pub const SENDS_PER_CONVERSATION: Limit = leased("sends_per_conversation", SECOND_US / 2000, 4000, 64);
/// Sockets that are opened from an address. Many people may stand behind one.
pub const CONNECTS_PER_ADDRESS: Limit = leased("connects_per_address", SECOND_US / 50, 1000, 8);
/// Sockets that a device opens. Exact, for it keeps out who floods; open, for it must not keep out everybody.
pub const CONNECTS_PER_DEVICE: Limit =
    Limit { on_failure: OnFailure::Open, ..exact("connects_per_device", 5 * SECOND_US, 60) };
/// HTTP calls from an address.
pub const CALLS_PER_ADDRESS: Limit = leased("calls_per_address", SECOND_US / 200, 4000, 64);
/// HTTP calls of a user.
pub const CALLS_PER_USER: Limit = leased("calls_per_user", SECOND_US / 40, 600, 32);
/// What a device says of its user's typing.
pub const TYPING_PER_DEVICE: Limit = leased("typing_per_device", SECOND_US, 30, 8);
/// Conversations that a user begins with strangers: tokens, of which a message that looks like spam takes several.
pub const STRANGERS_PER_USER: Limit = exact("strangers_per_user", HOUR_US / 120, 120);
/// Reports that a user makes.
pub const REPORTS_PER_USER: Limit = exact("reports_per_user", HOUR_US / 60, 30);
/// Calls of an administrator's key or account.
pub const CALLS_PER_ADMIN: Limit = exact("calls_per_admin", SECOND_US / 10, 100);
/// Takes of keys by one user.
pub const KEY_TAKES_PER_USER: Limit = exact("key_takes_per_user", HOUR_US / 600, 600);
/// Takes of keys by one user from one other: nobody can empty another's stock.
pub const KEY_TAKES_PER_TARGET: Limit = exact("key_takes_per_target", HOUR_US / 20, 20);
/// Groups that a user makes.
pub const GROUPS_PER_USER: Limit = exact("groups_per_user", HOUR_US / 60, 60);
/// Invite links that a user makes.
pub const INVITES_PER_USER: Limit = exact("invites_per_user", HOUR_US / 120, 120);
/// Invite links that a user tries: secrets are not to be guessed.
pub const JOINS_PER_USER: Limit = exact("joins_per_user", HOUR_US / 120, 120);
/// Uploads that a user begins.
pub const UPLOADS_PER_USER: Limit = exact("uploads_per_user", HOUR_US / 600, 200);

/// Refusals of a device by the limits above: who goes on in spite of them is put out. A client that keeps to its send window never
/// comes so far.
pub const REFUSALS_PER_DEVICE: Limit = leased("refusals_per_device", SECOND_US / 10, 128, 4);
/// Searches of a user.
pub const SEARCHES_PER_USER: Limit = exact("searches_per_user", SECOND_US, 60);

/// Every limit, for documents and tests.
pub const LIMITS: [Limit; 19] = [
    SENDS_PER_USER,
    SENDS_PER_DEVICE,
    SENDS_PER_CONVERSATION,
    CONNECTS_PER_ADDRESS,
    CONNECTS_PER_DEVICE,
    CALLS_PER_ADDRESS,
    CALLS_PER_USER,
    TYPING_PER_DEVICE,
    STRANGERS_PER_USER,
    REPORTS_PER_USER,
    CALLS_PER_ADMIN,
    KEY_TAKES_PER_USER,
    KEY_TAKES_PER_TARGET,
    GROUPS_PER_USER,
    INVITES_PER_USER,
    JOINS_PER_USER,
    UPLOADS_PER_USER,
    SEARCHES_PER_USER,
    REFUSALS_PER_DEVICE,
];

/// A limit of what happens all the time: it must not stop messages where its table is away.
const fn leased(name: &'static str, every_us: u64, burst: u64, lease: u64) -> Limit {
    Limit { name, every_us, burst, lease, on_failure: OnFailure::Open }
}

/// A limit of what is rare, and would be abused while its table is away.
const fn exact(name: &'static str, every_us: u64, burst: u64) -> Limit {
    Limit { name, every_us, burst, lease: 1, on_failure: OnFailure::Closed }
}

impl Limit {
    /// How far away the moment of being full may be where a token is left.
    pub(super) fn ceiling_us(&self) -> u64 {
        self.every_us * (self.burst - 1)
    }

    /// In how long a bucket has a token, in milliseconds; zero: it has one now.
    pub(super) fn wait_ms(&self, full_at_us: u64, now: Timestamp) -> u64 {
        full_at_us.saturating_sub(self.ceiling_us()).saturating_sub(micros(now)).div_ceil(1000)
    }

    /// The bucket of a user.
    pub fn of_user(self, user: &UserId) -> Use {
        self.of(user)
    }

    /// The bucket of what a user does to another.
    pub fn of_pair(self, user: &UserId, other: &UserId) -> Use {
        self.of(format_args!("{user}#{other}"))
    }

    /// The bucket of a device.
    pub fn of_device(self, device: &Sender) -> Use {
        self.of(format_args!("{}#{}", device.user, device.device))
    }

    /// The bucket of a conversation.
    pub fn of_conversation(self, conversation: &ConversationId) -> Use {
        self.of(conversation)
    }

    /// The bucket of what is called so.
    pub fn of_name(self, name: &str) -> Use {
        self.of(name)
    }

    /// The bucket of an internet address.
    pub fn of_address(self, address: &str) -> Use {
        self.of(address)
    }

    fn of(self, subject: impl fmt::Display) -> Use {
        Use { limit: self, bucket: format!("{}#{subject}", self.name) }
    }
}

/// One use of a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The limit.
    pub limit: Limit,
    /// Whose bucket.
    pub bucket: String,
}

/// What appending an entry uses.
pub fn uses_of_send(sender: &Sender, conversation: &ConversationId) -> [Use; 3] {
    [
        SENDS_PER_DEVICE.of_device(sender),
        SENDS_PER_USER.of_user(&sender.user),
        SENDS_PER_CONVERSATION.of_conversation(conversation),
    ]
}
