//! Every bound, with its unit last in its name.

/// How long a key package may be used after it was made: 84 days, the most that implementations accept, and within the
/// 90 days of the directory.
pub const KEY_PACKAGE_LIFETIME_SECONDS: u64 = 84 * 24 * 60 * 60;
/// A key package is good for this long before it was made, for clocks that go behind.
pub const CLOCK_SKEW_SECONDS: u64 = 60 * 60;
/// A device makes new key packages when its own have less than this left. Who was away for longer may find a commit
/// that adds a device by a package that has expired since, and has to be added anew.
pub const KEY_PACKAGE_RENEW_SECONDS: u64 = 56 * 24 * 60 * 60;
/// One key package, as bytes.
pub const KEY_PACKAGE_BYTES_MAX: usize = 4 * 1024;
/// Key packages made at once.
pub const KEY_PACKAGES_MAX: usize = 100;
/// Devices added by one commit, so that it fits a frame without its Welcome.
pub const ADDS_MAX: usize = 32;
/// The `payload` of a frame, as base64: the service counts the quotes, too.
pub const PAYLOAD_BASE64_BYTES_MAX: usize = 24 * 1024 - 2;
/// What is taken from the wire at all, as base64: a Welcome of a group of some thousand devices, by media handle.
pub const MESSAGE_BASE64_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The content of one message, as JSON: with signature, padding and framing it stays a payload.
pub const CONTENT_BYTES_MAX: usize = 17 * 1024;
/// Messages are padded to a multiple of this.
pub const PADDING_BYTES: usize = 32;
/// Keys of so many passed messages of a sender are kept, for those that arrive late.
pub const LATE_MESSAGES_MAX: u32 = 32;
/// So many messages of a sender may be missing before one that arrives.
pub const SKIPPED_MESSAGES_MAX: u32 = 1_000;
/// Epochs before the current one whose messages can still be read.
pub const PAST_EPOCHS_MAX: usize = 2;
/// The name of a conversation, which is the MLS group id.
pub const CONVERSATION_ID_BYTES_MAX: usize = 256;
