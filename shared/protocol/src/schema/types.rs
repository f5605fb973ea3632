//! What the texts and numbers on the wire must look like. The wire types hold plain strings and
//! integers, since their checks are made where they become domain types; here is the same in
//! the words of JSON Schema, with the limits of the domain.

use std::{borrow::Cow, collections::BTreeMap};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use tidings_domain::limits;

/// The largest integer that every JSON reader holds exactly.
pub(crate) const SAFE_INTEGER_MAX: u64 = (1 << 53) - 1;

macro_rules! wire_type {
    ($(#[$doc:meta])* $name:ident, $schema:tt) => {
        $(#[$doc])*
        pub(crate) enum $name {}

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

wire_type!(
    /// A user.
    UserId,
    {
        "description": "A user: the `sub` of the access token.",
        "type": "string",
        "pattern": "^[A-Za-z0-9._-]{1,64}$"
    }
);
wire_type!(
    /// A device.
    DeviceId,
    {
        "description": "A device of one user, named by the client. Two users may use the same name.",
        "type": "string",
        "pattern": "^[A-Za-z0-9._:-]{1,64}$"
    }
);
wire_type!(
    /// A conversation.
    ConversationId,
    {
        "description": "`u:A|u:B` for two users, the ids in ascending order of their bytes (the same id twice: notes to oneself), \
or `g:ID` for a group.",
        "type": "string",
        "pattern": "^(u:[A-Za-z0-9._-]{1,64}\\|u:[A-Za-z0-9._-]{1,64}|g:[A-Za-z0-9._-]{1,64})$"
    }
);
wire_type!(
    /// The service's name for an entry.
    MessageId,
    {
        "description": "The service's name for an entry. Equal sends have equal ids.",
        "type": "string",
        "pattern": "^m:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
    }
);
wire_type!(
    /// Content in object storage.
    MediaHandle,
    {
        "description": "Content in object storage. Equal content in one conversation has equal handles.",
        "type": "string",
        "pattern": "^md:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
    }
);
wire_type!(
    /// A SHA-256.
    Sha256,
    {
        "description": "A SHA-256, as hexadecimal digits in lower case.",
        "type": "string",
        "pattern": "^[0-9a-f]{64}$"
    }
);
wire_type!(
    /// The size of content.
    MediaSize,
    {
        "description": "The size of content, in bytes. How much it may be depends on its type.",
        "type": "integer",
        "minimum": 1,
        "maximum": (limits::MEDIA_VIDEO_BYTES_MAX)
    }
);
wire_type!(
    /// The number of a part.
    PartNumber,
    {
        "description": "The number of a part, from 1.",
        "type": "integer",
        "minimum": 1,
        "maximum": (limits::MEDIA_VIDEO_BYTES_MAX / limits::MEDIA_PART_BYTES)
    }
);

/// A type of content that is taken.
pub(crate) enum Mime {}

impl JsonSchema for Mime {
    fn schema_name() -> Cow<'static, str> {
        "Mime".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = tidings_domain::media::MediaType::names().collect();
        json_schema!({ "description": "A type of content that is taken.", "type": "string", "enum": names })
    }
}

wire_type!(
    /// The sender's own name for a message.
    ClientMsgId,
    {
        "description": "The sender's own name for a message, unique for the device and conversation; without control characters.",
        "type": "string",
        "minLength": 1,
        "maxLength": 64,
        "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]+$"
    }
);
wire_type!(
    /// A sort of content.
    KindName,
    {
        "description": "A sort of content that the service does not know and passes on.",
        "type": "string",
        "pattern": "^[a-z0-9._-]{1,32}$"
    }
);
wire_type!(
    /// Whose attention is drawn.
    Mention,
    {
        "description": "A user, or `@all` for everyone.",
        "type": "string",
        "pattern": "^(@all|[A-Za-z0-9._-]{1,64})$"
    }
);
wire_type!(
    /// A reaction, or a choice of a poll.
    Choice,
    {
        "description": "A reaction, or a choice of a poll: 1 to 64 bytes, without control characters.",
        "type": "string",
        "minLength": 1,
        "maxLength": 64,
        "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]+$"
    }
);
wire_type!(
    /// The place of an entry.
    Sequence,
    {
        "description": "The place of an entry in its conversation. The first entry has 1; there are no gaps and no repeats.",
        "type": "integer",
        "minimum": 1,
        "maximum": (limits::SEQUENCE_MAX)
    }
);
wire_type!(
    /// The place of an entry, or the one before the first.
    SequenceOrZero,
    {
        "description": "The place of an entry in its conversation, or 0: before the first.",
        "type": "integer",
        "minimum": 0,
        "maximum": (limits::SEQUENCE_MAX)
    }
);
wire_type!(
    /// A moment.
    Timestamp,
    {
        "description": "A moment, in milliseconds since the Unix epoch.",
        "type": "integer",
        "minimum": 0,
        "maximum": (SAFE_INTEGER_MAX)
    }
);
wire_type!(
    /// The title of a group.
    GroupTitle,
    {
        "description": "The title of a group, without control characters; spaces around it are taken away.",
        "type": "string",
        "minLength": 1,
        "maxLength": (limits::TITLE_CHARS_MAX)
    }
);
wire_type!(
    /// The description of a group.
    GroupDescription,
    { "type": "string", "minLength": 1, "maxLength": (limits::DESCRIPTION_CHARS_MAX) }
);
wire_type!(
    /// A pause between two messages.
    SlowModeSeconds,
    { "type": "integer", "minimum": 0, "maximum": (limits::SLOW_MODE_SECONDS_MAX) }
);
wire_type!(
    /// An invite.
    InviteId,
    {
        "description": "The name of an invite, which is its secret: it is for those who may add members.",
        "type": "string",
        "pattern": "^[A-Za-z0-9_-]{22}$"
    }
);
wire_type!(
    /// What an invite link ends with.
    InviteToken,
    {
        "description": "What an invite link ends with: whoever has it may join.",
        "type": "string",
        "pattern": "^[A-Za-z0-9_-]{22}[.][A-Za-z0-9._-]{1,64}$"
    }
);
wire_type!(
    /// The life of an invite.
    InviteSeconds,
    { "type": "integer", "minimum": (limits::INVITE_LIFE_SECONDS_MIN), "maximum": (limits::INVITE_LIFE_SECONDS_MAX) }
);
wire_type!(
    /// How many an invite lets in.
    InviteUses,
    { "type": "integer", "minimum": 1, "maximum": (limits::INVITE_USES_MAX) }
);
wire_type!(
    /// A count.
    Count,
    { "type": "integer", "minimum": 0, "maximum": (SAFE_INTEGER_MAX) }
);
wire_type!(
    /// A key package's output for one device.
    Envelope,
    {
        "description": "What only one device may read: base64, with padding.",
        "type": "string",
        "maxLength": (limits::ENVELOPE_BYTES_MAX),
        "pattern": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}(==|[A-Za-z0-9+/]=))?$"
    }
);
wire_type!(
    /// A framed MLS message.
    MlsMessage,
    {
        "description": "A framed MLS message (RFC 9420, section 6): base64, with padding.",
        "type": "string",
        "maxLength": (limits::PAYLOAD_BYTES_MAX - 2),
        "pattern": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}(==|[A-Za-z0-9+/]=))?$"
    }
);
wire_type!(
    /// A key package.
    KeyPackage,
    {
        "description": "A framed MLS key package: base64, with padding.",
        "type": "string",
        "maxLength": (limits::KEY_PACKAGE_BYTES_MAX),
        "pattern": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}(==|[A-Za-z0-9+/]=))?$"
    }
);
wire_type!(
    /// What a device signs with.
    IdentityKey,
    {
        "description": "What a device signs with: the 32 bytes of an Ed25519 public key, in base64.",
        "type": "string",
        "pattern": "^[A-Za-z0-9+/]{43}=$"
    }
);
wire_type!(
    /// A piece of mail.
    MailId,
    {
        "description": "The name of a piece of mail. Ids sort by time.",
        "type": "string",
        "pattern": "^[0-9a-f-]{1,64}$"
    }
);
wire_type!(
    /// The life of a message.
    TtlSeconds,
    {
        "description": "The life of the message, in seconds: a year at most.",
        "type": "integer",
        "minimum": 1,
        "maximum": (limits::TTL_SECONDS_MAX)
    }
);
wire_type!(
    /// The tie between a frame and its answer.
    FrameId,
    {
        "description": "Chosen by the client for one frame; its answer carries the same as `replyTo`.",
        "type": "string",
        "maxLength": 64
    }
);

/// What an error says for a program.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct ErrorDetails {
    /// The field at fault, as a path.
    #[schemars(default, skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// With `forbidden`, and `rate_limited` by a group: the rule.
    #[schemars(default, skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    /// With `rate_limited`: the limit.
    #[schemars(default, skip_serializing_if = "Option::is_none")]
    limit: Option<String>,
    /// With `stale_epoch`: the MLS epoch of the conversation.
    #[schemars(default, skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
    /// With `stale_devices`: by user, how their devices are others than those that were encrypted for.
    #[schemars(default, skip_serializing_if = "Option::is_none", with = "Option<BTreeMap<UserId, StaleDevices>>")]
    users: Option<BTreeMap<String, StaleDevices>>,
}

/// How a user's devices are others.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct StaleDevices {
    /// The version of the user's set of devices.
    version: u64,
    /// There, and not encrypted for.
    #[schemars(with = "Vec<DeviceId>")]
    missing: Vec<String>,
    /// Encrypted for, and not there.
    #[schemars(with = "Vec<DeviceId>")]
    extra: Vec<String>,
    /// There with another key.
    #[schemars(with = "Vec<DeviceId>")]
    stale: Vec<String>,
}
