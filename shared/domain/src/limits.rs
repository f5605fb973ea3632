//! Every limit, in one place. Units are last in the names.

/// A frame, in either direction, in bytes.
pub const FRAME_BYTES_MAX: usize = 32 * 1024;
/// An answer that is shorter is not compressed, in bytes.
pub const PACK_BYTES_MIN: usize = 4 * 1024;
/// A frame that is sent compressed, in bytes of its text.
pub const UNPACKED_BYTES_MAX: usize = 128 * 1024;
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
/// How often a message may say that it was passed on: it is for display, and counted by clients.
pub const FORWARDS_MAX: u64 = 1_000_000;
/// Pinned messages that are listed.
pub const PINS_MAX: usize = 100;
/// Threads of one page.
pub const THREADS_PAGE_MAX: usize = 50;
/// A device may open a message again for so long, in milliseconds: its first answer may be lost.
pub const OPEN_AGAIN_MS: u64 = 60_000;
/// The life of a message that is opened once, where it names none, in seconds: 14 days.
pub const VIEW_ONCE_TTL_SECONDS: u64 = 14 * 24 * 3600;
/// A sweeper that has never run begins so far back, in milliseconds: an hour.
pub const SWEEP_BACK_MS: u64 = 3600 * 1000;
/// Scheduled messages of one page.
pub const SCHEDULED_PAGE_MAX: usize = 25;
/// Messages that one user has scheduled.
pub const SCHEDULED_MAX: usize = 100;
/// How far ahead a message may be scheduled, in milliseconds: a year.
pub const SCHEDULE_AHEAD_MS_MAX: u64 = 365 * 24 * 3600 * 1000;
/// Choices of one vote.
pub const CHOICES_MAX: usize = 12;
/// A reaction, or a choice of a poll, in bytes.
pub const CHOICE_BYTES_MAX: usize = 64;
/// Different reactions or choices that are counted of one message; later ones are not.
pub const TALLY_CHOICES_MAX: usize = 100;
/// Devices for which one message carries an envelope.
pub const ENVELOPES_MAX: usize = 256;
/// One envelope, in bytes of base64 text.
pub const ENVELOPE_BYTES_MAX: usize = 8 * 1024;
/// A media handle, in bytes.
pub const MEDIA_HANDLE_BYTES_MAX: usize = 256;
/// Pictures, in bytes.
pub const MEDIA_IMAGE_BYTES_MAX: u64 = 32 << 20;
/// Sound, in bytes.
pub const MEDIA_AUDIO_BYTES_MAX: u64 = 128 << 20;
/// Moving pictures, in bytes.
pub const MEDIA_VIDEO_BYTES_MAX: u64 = 2 << 30;
/// Documents, in bytes.
pub const MEDIA_DOCUMENT_BYTES_MAX: u64 = 256 << 20;
/// Content that the service cannot look into, in bytes: it may be any of the others.
pub const MEDIA_SEALED_BYTES_MAX: u64 = 2 << 30;
/// Content up to so many bytes is uploaded in one request, larger content in parts.
pub const MEDIA_SINGLE_BYTES_MAX: u64 = 16 << 20;
/// A part, in bytes; the last is what is left.
pub const MEDIA_PART_BYTES: u64 = 8 << 20;
/// Parts that one call signs.
pub const MEDIA_PARTS_AT_ONCE_MAX: usize = 64;
/// The name of a type of content, in bytes.
pub const MIME_BYTES_MAX: usize = 128;
/// What one user may upload in a day (UTC), in bytes.
pub const MEDIA_DAY_BYTES_MAX: u64 = 10 << 30;
/// A signed address works for so long, in milliseconds: 15 minutes.
pub const MEDIA_URL_MS: u64 = 15 * 60 * 1000;
/// An upload may take so long, in milliseconds: a day.
pub const MEDIA_UPLOAD_MS: u64 = 24 * 3600 * 1000;
/// What no message refers to is collected so long after the time for its upload, in milliseconds: a day.
pub const MEDIA_COLLECT_MS: u64 = 24 * 3600 * 1000;
/// A message that claimed content and is in no log after so long, in milliseconds, never will be: two days.
pub const MEDIA_CLAIM_MS: u64 = 48 * 3600 * 1000;
/// Messages that refer to one handle.
pub const MEDIA_REFERENCES_MAX: u64 = 1_000;
/// References of one page.
pub const MEDIA_REFERENCES_PAGE: usize = 100;
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
/// The last place that a log can have: five bytes of a ring entry hold it, and every reader of JSON.
pub const SEQUENCE_MAX: u64 = (1 << 40) - 1;
/// Sequences in one partition of the log.
pub const PARTITION_SEQUENCES: u64 = 4_096;
/// Rows that a writer reads at once to catch up with the tail: pages that wait for one another
/// would hold up a hot conversation.
pub const SINCE_ROWS_MAX: usize = 1_000;
/// Answers of the batch sequencer that are posted at once.
pub const ANSWERS_AT_ONCE: usize = 128;
/// Tries of one append before the caller is told to come back.
pub const APPEND_ATTEMPTS_MAX: u32 = 8;

/// Races that one send may lose before it hands the conversation to the batch sequencer.
pub const RACES_LOST_MAX: u32 = 3;
/// A conversation stays with the batch sequencer so long after it was last found busy, in milliseconds.
pub const HOT_MS: u64 = 30_000;
/// Messages in one batch that show a conversation to be busy still.
pub const HOT_BATCH_ENTRIES: usize = 4;
/// Entries of one row that the batch sequencer appends.
pub const SEGMENT_ENTRIES_MAX: usize = 100;
/// Entries of one row together, in bytes: an item may have 400 KB, a stream record 1 MB.
pub const SEGMENT_BYTES_MAX: usize = 256 * 1024;
/// A sender without a socket waits so long for the batch sequencer, in milliseconds.
pub const QUEUED_MS_MAX: u64 = 5_000;

/// Members that one change of a group takes in: a transaction has a hundred items.
pub const GROUP_CHANGE_MEMBERS_MAX: usize = 90;
/// The head of a group names its members while they are no more than this: the express lane posts to them.
pub const ROSTER_MEMBERS_MAX: u64 = 16;
/// Members of one page.
pub const MEMBERS_PAGE_MAX: usize = 100;
/// Members of one page of receipts.
pub const RECEIPTS_PAGE_MAX: usize = 500;
/// Invites of one group that are kept; those that let nobody in make place.
pub const INVITES_MAX: usize = 50;
/// An invite's secret, in characters of base64url: 128 bits.
pub const INVITE_SECRET_CHARS: usize = 22;
/// The shortest life of an invite that has one, in seconds.
pub const INVITE_LIFE_SECONDS_MIN: u64 = 60;
/// The longest, in seconds.
pub const INVITE_LIFE_SECONDS_MAX: u64 = 366 * 24 * 3600;
/// How many an invite that counts lets in at most.
pub const INVITE_USES_MAX: u64 = 100_000;
/// The title of a group, in characters.
pub const TITLE_CHARS_MAX: usize = 100;
/// The description of a group, in characters.
pub const DESCRIPTION_CHARS_MAX: usize = 512;
/// A member of a group in slow mode waits a day at most, in seconds.
pub const SLOW_MODE_SECONDS_MAX: u64 = 24 * 3600;
/// So long after a change of a group, in milliseconds, its rows may still be seen one by one:
/// reads that tell of more than one are made as one.
pub const GROUP_SETTLE_MS: u64 = 60_000;

/// Groups for which one hello registers its socket as a subscriber: of more, a device hears by its heartbeats.
pub const SUBSCRIPTIONS_MAX: usize = 100;
/// Subscribers of a group that is pulled that one batch tells, however many messages it has.
pub const ANNOUNCED_AT_ONCE_MAX: usize = 2_048;
/// API Gateway ends a connection after so long, in milliseconds; a subscription ends with it.
pub const CONNECTION_MS_MAX: u64 = 2 * 3600 * 1000;
/// Rows that are read of a group before its head says that it is pulled, at most.
pub const PUSHED_ROWS_FIRST: usize = 256;
/// Entries that the durable lane reads after, at most, where records of the stream are missing.
pub const GAP_ENTRIES_MAX: usize = 1_000;

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

/// Activity is filed under the clock of the function that moves the member row; clocks differ, and
/// the index lags. Who asks for what was active since a moment looks so much further back, in
/// milliseconds.
pub const ACTIVITY_MARGIN_MS: u64 = 5 * 60 * 1000;

/// Messages that a user may have starred.
pub const STARS_MAX: u64 = 10_000;
/// Drafts that a user may have.
pub const DRAFTS_MAX: u64 = 1_000;
/// Items of one page of what a user keeps.
pub const PERSONAL_PAGE_MAX: usize = 100;
/// Tries of one change of what a user keeps: a user's devices alone race for it.
pub const PERSONAL_ATTEMPTS_MAX: u32 = 8;
/// That something was deleted is told to a user's devices for so long, in days.
pub const TOMBSTONE_DAYS: u64 = 60;

/// A connect ticket works once, for so long, in milliseconds.
pub const TICKET_MS: u64 = 30_000;
/// API Gateway ends a connection after 2 h; clients come back before, in milliseconds.
pub const RECONNECT_BEFORE_MS: u64 = 110 * 60 * 1000;
/// Younger activity than this reads as online, in milliseconds.
pub const ONLINE_THRESHOLD_MS: u64 = 5_000;
/// Younger activity than this reads as recently, in milliseconds: a day.
pub const RECENTLY_THRESHOLD_MS: u64 = 24 * 3600 * 1000;

/// Of a record that cannot be read, the on-failure queue keeps so many bytes: in base64, and with what
/// is said of it, they fit the 256 KiB that any queue takes.
pub const FAILURE_DATA_BYTES_MAX: usize = 180 * 1024;
/// Why it cannot be read, in characters: an error may quote the record.
pub const FAILURE_REASON_CHARS_MAX: usize = 1_000;

/// Devices of one user that have keys.
pub const KEYED_DEVICES_MAX: usize = 32;
/// Devices that went last, of which a user's set of devices tells.
pub const REMOVED_DEVICES_MAX: usize = 16;
/// Tries of one change of a user's set of devices: the user's devices alone race for it.
pub const DEVICE_SET_ATTEMPTS_MAX: u32 = 8;
/// Key packages that are kept for one device.
pub const KEY_PACKAGES_MAX: usize = 200;
/// Key packages of one upload.
pub const KEY_UPLOAD_MAX: usize = 50;
/// One key package, in bytes of base64 text.
pub const KEY_PACKAGE_BYTES_MAX: usize = 4 * 1024;
/// The life of a key package, in milliseconds: 90 days, and an hour for clocks that differ.
pub const KEY_PACKAGE_LIFE_MS_MAX: u64 = (90 * 24 + 1) * 3600 * 1000;
/// A device that has no more than this many packages left is told so.
pub const KEY_PACKAGES_LOW: usize = 20;
/// Packages of which a taker takes any one.
pub const TAKE_CANDIDATES: usize = 25;
/// Tries of one take, before the last resort is given.
pub const TAKE_ATTEMPTS_MAX: u32 = 8;
/// Users of whose devices one message says for which it was encrypted.
pub const DEVICE_VERSIONS_MAX: usize = 64;
/// Devices that one commit welcomes.
pub const WELCOMED_MAX: usize = 64;
/// A change of a user's devices is told to those in so many of their latest conversations.
pub const DEVICE_CHANGE_CONVERSATIONS_MAX: usize = 100;
/// A change of a user's devices is told to so many users.
pub const DEVICE_CHANGE_USERS_MAX: usize = 500;
/// Pieces of mail that one device's mailbox holds.
pub const MAILBOX_MAX: u64 = 1_000;
/// Mail is kept for so long, in milliseconds: 30 days.
pub const MAIL_LIFE_MS: u64 = 30 * 24 * 3600 * 1000;
/// Pieces of mail of one page.
pub const MAIL_PAGE_MAX: usize = 25;
/// Pieces of mail that one acknowledgement names.
pub const MAIL_ACK_MAX: usize = 25;

/// The name of a device, in characters.
pub const DEVICE_NAME_CHARS_MAX: usize = 64;
/// A push token, or the URL of a browser's subscription, in bytes. Apple says not to count on any length.
pub const PUSH_TOKEN_BYTES_MAX: usize = 2_048;
/// Users that one user has blocked.
pub const BLOCKS_MAX: usize = 1_000;
/// Blocked users of one page.
pub const BLOCKS_PAGE_MAX: usize = 100;
/// Minutes of a day.
pub const DAY_MINUTES: u16 = 24 * 60;
/// No clock is further from UTC, in minutes.
pub const UTC_OFFSET_MINUTES_MAX: u16 = 14 * 60;
/// A push is worth sending for so long after its message, in milliseconds: a week.
pub const PUSH_LIFE_MS: u64 = 7 * 24 * 3600 * 1000;
/// A device is woken without a word once in so long, in milliseconds.
pub const WAKE_EVERY_MS: u64 = 20 * 60 * 1000;
/// A wake that does not reach its device in so long is of no use, in seconds.
pub const WAKE_TTL_SECONDS: u64 = 3600;
/// Devices of one user that are pushed to, the latest seen first.
pub const PUSH_DEVICES_MAX: usize = 20;
/// Conversations with something unread that a badge counts, the latest first.
pub const BADGE_CONVERSATIONS_MAX: usize = 20;
/// The most that a badge shows.
pub const BADGE_MAX: u64 = 999;
/// A push that could not be sent waits so long at most, in seconds, before it is tried again.
pub const PUSH_RETRY_SECONDS_MAX: u64 = 300;
/// The entries before a place among which the one to push about is looked for.
pub const PUSH_LOOKBACK_ROWS: usize = 8;

/// Of what a preview is made, in bytes: a function has it in memory, whole.
pub const PREVIEW_SOURCE_BYTES_MAX: u64 = 64 << 20;
/// Pixels of a picture that a preview is made of: four bytes of memory for each, and a copy.
pub const PREVIEW_SOURCE_PIXELS_MAX: u64 = 50_000_000;
/// Sound that a preview is made of, in milliseconds: two hours.
pub const PREVIEW_SOUND_MS_MAX: u64 = 2 * 3600 * 1000;
/// Sound that is made playable everywhere, in milliseconds: ten minutes.
pub const PREVIEW_PLAYABLE_MS_MAX: u64 = 10 * 60 * 1000;
/// A film that a preview is made of, in milliseconds: two hours.
pub const PREVIEW_FILM_MS_MAX: u64 = 2 * 3600 * 1000;
/// Frames of its pictures and of its sound: two hours at 60 a second, and as many again.
pub const PREVIEW_FILM_FRAMES_MAX: u64 = 1_000_000;
/// Pixels of a frame: 4,096 by 2,304, the most that players of phones take.
pub const PREVIEW_FRAME_PIXELS_MAX: u64 = 4096 * 2304;
/// Pixels of all frames of a film that is made playable everywhere: 50 seconds of 1,920 by 1,080 at 30 a second. A
/// build of the local stack decodes a fifth of that in 15 s of processor time; the function has two minutes.
pub const PREVIEW_FILM_PIXELS_MAX: u64 = 3_200_000_000;
/// The shorter and the longer side of what is made of a film, in pixels.
pub const PREVIEW_FILM_PIXELS: [usize; 2] = [360, 640];
/// The longer side of a small, a medium and a large preview, in pixels.
pub const PREVIEW_PIXELS: [u32; 3] = [160, 640, 1600];
/// Heights of a waveform.
pub const PREVIEW_PEAKS: usize = 100;
/// Tries of one preview. What ends the function each time (it takes too long, or too much memory) is given up.
pub const PREVIEW_ATTEMPTS_MAX: u32 = 3;
/// A preview that was asked for and is not there after so long, in milliseconds, is asked for again: it is queued for
/// longer than the function may take.
pub const PREVIEW_LEASE_MS: u64 = 5 * 60 * 1000;
/// When to ask again for a preview that is being made, in milliseconds.
pub const PREVIEW_RETRY_MS: u64 = 500;

/// The longest that a device may wait for events, in milliseconds: API Gateway gives up after 30 s.
pub const EVENTS_WAIT_MS_MAX: u64 = 25_000;
/// The life of a session whose device asks for events, in seconds: it must outlive a wait and the way to the next question.
pub const EVENTS_SESSION_SECONDS: u64 = 60;
/// A device that asks for events is told again so often what was active, in milliseconds.
pub const EVENTS_BEAT_MS: u64 = 30_000;
/// Frames of an inbox in one answer: the next question names each.
pub const EVENTS_PAGE_MAX: usize = 50;
/// What a first answer brings, in bytes; what is beyond is to be pulled. A function answers 6 MB at most.
pub const EVENTS_BYTES_MAX: usize = 3 << 20;
/// Between two looks into an inbox, in milliseconds: at first, and in the end.
pub const EVENTS_PAUSE_MS_MIN: u64 = 200;
/// See [`EVENTS_PAUSE_MS_MIN`].
pub const EVENTS_PAUSE_MS_MAX: u64 = 800;
/// A frame that no question fetches goes after so long, in milliseconds: its session is over by then.
pub const EVENTS_LIFE_MS: u64 = 10 * 60 * 1000;
/// Words of a search, in characters.
pub const SEARCH_QUERY_CHARS_MAX: usize = 256;
/// Words and phrases of a search.
pub const SEARCH_CLAUSES_MAX: usize = 16;
/// A word that others begin with, in characters.
pub const SEARCH_PREFIX_CHARS_MIN: usize = 2;
/// A word that others are to be like, in characters.
pub const SEARCH_FUZZY_CHARS_MIN: usize = 3;
/// Hits of one page of a search.
pub const SEARCH_PAGE_MAX: usize = 50;
/// Conversations of a user that are searched, the latest ones.
pub const SEARCH_CONVERSATIONS_MAX: usize = 1000;
/// Messages that one search reads: then it answers with what it has, and where to go on.
pub const SEARCH_LOOKED_AT_MAX: usize = 500;
/// Buckets of conversations in the index for search. Another number is another index: rebuild it.
pub const SEARCH_BUCKETS: u64 = 16;
/// Text that is appended so long after a member has withdrawn is not indexed yet, in milliseconds: longer than a send
/// that began before may take.
pub const SEARCH_WITHDRAWAL_MS: u64 = 30_000;
/// The index for search remembers for so long that a message is gone, in milliseconds: two days, as long as a stream
/// may bring it again.
pub const SEARCH_GONE_MS: u64 = 48 * 3600 * 1000;

/// Buckets of which a function remembers what it let in.
pub const RATE_LEASES_MAX: usize = 30_000;
/// A bucket that could not be charged is not tried again for so long, in milliseconds: many times what a try may take, for
/// the work beside it waits as long.
pub const RATE_RETRY_MS: u64 = 30_000;

/// Users who have reported somebody that are counted.
pub const REPORTERS_COUNTED_MAX: usize = 10;
/// Contents, and places of each, that a function remembers to find what is sent to many strangers.
pub const SPAM_MEMORY_MAX: usize = 10_000;
/// How long what was carried can be proved after its content has gone, in milliseconds.
pub const COMMITMENT_MS: u64 = 7 * 24 * 3600 * 1000;
/// How long a report is kept, in milliseconds.
pub const REPORT_MS: u64 = 180 * 24 * 3600 * 1000;
/// How long it counts that somebody has reported a user, in milliseconds.
pub const REPORTER_MS: u64 = 30 * 24 * 3600 * 1000;
/// How long it is kept what administrators have done, in milliseconds.
pub const AUDIT_MS: u64 = 400 * 24 * 3600 * 1000;
/// The comment of a report, the reason of a ban, and the like, in characters.
pub const COMMENT_CHARS_MAX: usize = 1000;
/// Reports, or deeds of administrators, in a page.
pub const ADMIN_PAGE_MAX: usize = 50;
/// The longest life of an administrator's key, in milliseconds.
pub const ADMIN_KEY_MS_MAX: u64 = 366 * 24 * 3600 * 1000;
/// How long after a ban is written it is looked once more who got in meanwhile, in milliseconds.
pub const BAN_SETTLE_MS: u64 = 1000;
/// A socket lives so long at most, in seconds, with some to spare.
pub const SOCKET_LIFE_SECONDS: u64 = 2 * 3600 + 300;

/// What lasts less is no change of presence, in milliseconds.
pub const PRESENCE_THRESHOLD_MS: u64 = 5_000;
/// Of one user something is said once in so long, in milliseconds.
pub const PRESENCE_COALESCE_MS: u64 = 10_000;
/// A look that was queued and never made counts as queued for so long, in milliseconds.
pub const PRESENCE_CLAIM_MS: u64 = 30_000;
/// Devices that are told at once that a user has come or gone; of more, others the next time.
pub const PRESENCE_TOLD_MAX: usize = 1_000;
/// How long a device watches users without asking again, in seconds: as long as a connection lives.
pub const PRESENCE_WATCH_SECONDS: u64 = 2 * 3600 + 300;
/// Members of a group that is pulled whom a device watches at once.
pub const PRESENCE_SAMPLE_MAX: usize = 32;
