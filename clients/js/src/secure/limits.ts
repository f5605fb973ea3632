/** Every bound, with its unit last in its name: those of `clients/mls` in Rust. */

export const DAY_SECONDS = 24 * 60 * 60;
/** How long a key package may be used after it was made: within the 90 days of the directory. */
export const KEY_PACKAGE_LIFETIME_SECONDS = 84 * DAY_SECONDS;
/** The longest lifetime of another's that is taken. */
export const KEY_PACKAGE_LIFETIME_SECONDS_MAX = 90 * DAY_SECONDS;
/** A key package is good for this long before it was made, for clocks that go behind. */
export const CLOCK_SKEW_SECONDS = 60 * 60;
/** New key packages are made when the last ones have less than this left. */
export const KEY_PACKAGE_RENEW_SECONDS = 56 * DAY_SECONDS;
/** A Welcome may be so late that its key package is over. */
export const WELCOME_GRACE_SECONDS = 30 * DAY_SECONDS;
export const KEY_PACKAGE_BYTES_MAX = 4 * 1024;
/** Key packages that are kept in the directory. */
export const KEY_PACKAGES = 100;
/** Of these at most in one call: a body has 32 KiB. */
export const KEY_PACKAGES_PER_CALL = 50;
/** With so many left or fewer they are topped up. */
export const KEY_PACKAGES_LOW = 20;
/** Devices added by one commit, so that it fits a frame without its Welcome. */
export const ADDS_MAX = 32;
/** The `payload` of a frame, as base64: the service counts the quotes, too. */
export const PAYLOAD_BASE64_BYTES_MAX = 24 * 1024 - 2;
/** What is taken from the wire at all, as base64. */
export const MESSAGE_BASE64_BYTES_MAX = 4 * 1024 * 1024;
/** The content of one message, as JSON. */
export const CONTENT_BYTES_MAX = 17 * 1024;
/** Messages are padded to a multiple of this. */
export const PADDING_BYTES = 32;
/** Keys of so many passed messages of a sender are kept, for those that arrive late. */
export const LATE_MESSAGES_MAX = 32;
/** So many messages of a sender may be missing before one that arrives. */
export const SKIPPED_MESSAGES_MAX = 1_000;
/** Epochs before the current one whose messages can still be read. */
export const PAST_EPOCHS_MAX = 2;
export const CONVERSATION_ID_BYTES_MAX = 256;
