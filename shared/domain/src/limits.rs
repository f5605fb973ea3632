//! Every limit, in one place. Units are last in the names.

/// A frame, in either direction, in bytes.
pub const FRAME_BYTES_MAX: usize = 32 * 1024;
/// The payload of a message, in bytes of JSON text.
pub const PAYLOAD_BYTES_MAX: usize = 24 * 1024;
/// Room that a frame keeps for its own fields beside the entries that it carries, in bytes.
pub const MESSAGE_FRAME_OVERHEAD_BYTES: usize = 1024;
/// Entries of one answer to a pull.
pub const PULL_LIMIT_MAX: usize = 100;
/// Users named by one presence frame.
pub const PRESENCE_USERS_MAX: usize = 200;
/// Users that one message mentions.
pub const MENTIONS_MAX: usize = 64;
/// Devices for which one message carries an envelope.
pub const ENVELOPES_MAX: usize = 256;
/// One envelope, in bytes of base64 text.
pub const ENVELOPE_BYTES_MAX: usize = 8 * 1024;
/// A media handle, in bytes.
pub const MEDIA_HANDLE_BYTES_MAX: usize = 256;
/// The life of an expiring message: a year, in seconds.
pub const TTL_SECONDS_MAX: u64 = 365 * 24 * 3600;

/// Rows of the log read before an append. Its window is what carries exact dedupe between
/// concurrent sends of one message: one or two rows were shown to be too few.
pub const TAIL_ROWS: usize = 8;
/// Clientside message ids remembered for each device in the sender's member row.
pub const RING_ENTRIES: usize = 64;
/// A ring is trimmed once it is this much over its size, so that trimming costs little.
pub const RING_SLACK_ENTRIES: usize = 16;
/// Rows looked through for an unmarked resend while the durable lane is behind.
pub const RESEND_ROWS_MAX: u64 = 2_048;
/// Rows searched, newest first, for the sequence of a `messageId`.
pub const LOOKBACK_ROWS_MAX: usize = 2_048;
/// Sequences in one partition of the log.
pub const PARTITION_SEQUENCES: u64 = 4_096;
/// Tries of one append before the caller is told to come back.
pub const APPEND_ATTEMPTS_MAX: u32 = 8;

/// Conversations whose last known sequence a function keeps.
pub const KNOWN_TAILS_MAX: usize = 10_000;
/// An answer waits so long for the stream and the sockets, in milliseconds: the message is
/// durable already, and the other lanes do what these two have not.
pub const DELIVERY_MS_MAX: u64 = 1_000;

/// Messages of one conversation that a `session.hello` drains.
pub const DRAIN_MESSAGES_MAX: usize = 1_000;
/// Messages that one `session.hello` drains in all; the rest is told of and pulled.
pub const DRAIN_TOTAL_MAX: usize = 2_000;
/// Conversations, latest first, that one `session.hello` looks at.
pub const DRAIN_CONVERSATIONS_MAX: usize = 1_000;
/// Time that one drain may take, inside API Gateway's 29 s, in milliseconds.
pub const DRAIN_MS_MAX: u64 = 20_000;
/// Conversations of one page of the conversation list.
pub const LIST_LIMIT_MAX: usize = 100;
/// Unread messages are counted exactly up to here.
pub const UNREAD_ROWS_MAX: usize = 100;
/// A member row moves in the activity index once an hour at most: each move costs two write units.
pub const ACTIVITY_BUCKET_MS: u64 = 3_600_000;

/// A connect ticket works once, for so long, in milliseconds.
pub const TICKET_MS: u64 = 30_000;
/// API Gateway ends a connection after 2 h; clients come back before, in milliseconds.
pub const RECONNECT_BEFORE_MS: u64 = 110 * 60 * 1000;
/// Younger activity than this reads as online, in milliseconds.
pub const ONLINE_THRESHOLD_MS: u64 = 5_000;
/// Younger activity than this reads as recently, in milliseconds: a day.
pub const RECENTLY_THRESHOLD_MS: u64 = 24 * 3600 * 1000;
