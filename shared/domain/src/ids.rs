//! Identifiers. Each is checked once, where it enters, and is valid from then on.

use std::{fmt, sync::Arc};

use thiserror::Error;
use uuid::Uuid;

/// Why a text is not an identifier of the wanted kind.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{what} must be {rule}")]
pub struct InvalidId {
    /// What the text was meant to be, for example `user id`.
    pub what: &'static str,
    /// The rule that it breaks.
    pub rule: &'static str,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the text and takes it.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidId { what: $what, rule: $rule })
                }
            }

            /// The text of the identifier.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn is_made_of(text: &str, extra: &[u8]) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || extra.contains(&b))
}

text_id!(
    /// A user: the `sub` of the access token.
    UserId,
    "user id",
    "1 to 64 of [A-Za-z0-9._-]",
    |t| is_made_of(t, b"._-")
);
text_id!(
    /// A device of one user, named by the client. Two users may use the same name.
    DeviceId,
    "device id",
    "1 to 64 of [A-Za-z0-9._:-]",
    |t| is_made_of(t, b"._:-")
);
text_id!(
    /// The sender's own name for a message, unique for the device and conversation.
    ClientMsgId,
    "clientMsgId",
    "1 to 64 characters, none of them a control character",
    |t| (1..=64).contains(&t.chars().count()) && !t.chars().any(char::is_control)
);
text_id!(
    /// A sort of content that this service does not know.
    KindName,
    "kind",
    "1 to 32 of [a-z0-9._-]",
    |t| (1..=32).contains(&t.len())
        && t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
);
text_id!(
    /// A piece of mail for one device: its time and what it comes from, so that ids sort by time.
    MailId,
    "mailId",
    "1 to 64 of [0-9a-f-]",
    |t| (1..=64).contains(&t.len())
        && t.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b) || b == b'-')
);
text_id!(
    /// A frame in an inbox: its time, and what sets it apart, so that keys sort by time.
    FrameKey,
    "key of a frame",
    "1 to 32 of [0-9a-f]",
    |t| (1..=32).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
);
text_id!(
    /// A live socket, as API Gateway names it.
    ConnectionId,
    "connection id",
    "1 to 128 characters",
    |t| (1..=128).contains(&t.len())
);

impl FrameKey {
    /// The key of a frame of a moment: `count` orders those that one process makes in a millisecond, `random` sets those of
    /// several apart.
    pub fn of(at: Timestamp, count: u32, random: u64) -> Self {
        Self(format!("{:012x}{count:08x}{:08x}", at.0 & 0xffff_ffff_ffff, random & 0xffff_ffff).into())
    }
}

impl ConnectionId {
    /// The session of a device that asks for events: nothing that a socket is called.
    pub fn of_inbox(at: Timestamp, random: u64) -> Self {
        Self(format!("inbox-{:x}-{random:016x}", at.0).into())
    }
}

/// A conversation: two users (or one with themselves), or a group.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConversationId {
    /// `u:A|u:B`, the ids sorted. `u:A|u:A` is a user's notes to themselves.
    Direct(UserId, UserId),
    /// `g:ID`.
    Group(Arc<str>),
}

impl ConversationId {
    const RULE: InvalidId = InvalidId { what: "conversationId", rule: "u:A|u:B with the two user ids sorted, or g:ID" };

    /// The conversation of two users, in either order.
    pub fn direct(one: UserId, other: UserId) -> Self {
        if one <= other { Self::Direct(one, other) } else { Self::Direct(other, one) }
    }

    /// Reads `u:A|u:B` or `g:ID`.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        if let Some(id) = text.strip_prefix("g:") {
            return if is_made_of(id, b"._-") { Ok(Self::Group(id.into())) } else { Err(Self::RULE) };
        }
        let (a, b) = text
            .split_once('|')
            .and_then(|(a, b)| Some((a.strip_prefix("u:")?, b.strip_prefix("u:")?)))
            .ok_or(Self::RULE)?;
        let (a, b) = (UserId::parse(a).map_err(|_| Self::RULE)?, UserId::parse(b).map_err(|_| Self::RULE)?);
        if a <= b { Ok(Self::Direct(a, b)) } else { Err(Self::RULE) }
    }

    /// The group that a device calls so: the same name again is the same group.
    pub fn group_of(creator: &Sender, client_group_id: &ClientMsgId) -> Self {
        let name = format!("{}\u{1f}{}\u{1f}{client_group_id}", creator.user, creator.device);
        Self::Group(Uuid::new_v5(&MessageId::NAMESPACE, name.as_bytes()).simple().to_string().into())
    }

    /// A short name of the conversation for push services, which tells nothing of it: 32 hexadecimal digits.
    pub fn collapse_key(&self) -> Arc<str> {
        Uuid::new_v5(&MessageId::NAMESPACE, self.to_string().as_bytes()).simple().to_string().into()
    }

    /// The members that the id itself names; none for a group, whose members are rows.
    pub fn direct_members(&self) -> Option<Vec<UserId>> {
        match self {
            Self::Direct(a, b) if a == b => Some(vec![a.clone()]),
            Self::Direct(a, b) => Some(vec![a.clone(), b.clone()]),
            Self::Group(_) => None,
        }
    }
}

impl fmt::Display for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct(a, b) => write!(f, "u:{a}|u:{b}"),
            Self::Group(id) => write!(f, "g:{id}"),
        }
    }
}

impl fmt::Debug for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl ClientMsgId {
    /// The name of the change that follows a membership version.
    pub fn of_change(version: Sequence) -> Self {
        Self(format!("change-{version}").into())
    }
}

impl MailId {
    /// The id of mail that was put at a time and comes from something with this id.
    pub fn of(ts: Timestamp, source: &MessageId) -> Self {
        Self(format!("{:013}-{}", ts.0, source.0.simple()).into())
    }
}

/// A place in a conversation's log. The first entry has 1; 0 means "before the first".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

impl Sequence {
    /// Before the first entry.
    pub const ZERO: Self = Self(0);

    /// The place after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The place before this one; zero stays zero.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The device that sent an entry, and its user.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sender {
    /// The user, from the verified connection.
    pub user: UserId,
    /// The device, from the verified connection.
    pub device: DeviceId,
}

/// The service's name for an entry: `m:` and a `UUIDv5` of (conversation, sender, clientMsgId).
/// Equal sends have equal ids, so a resend needs no look-up to know its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(Uuid);

impl MessageId {
    /// The name space of message ids, itself a `UUIDv5` of the product's name.
    const NAMESPACE: Uuid = Uuid::from_u128(0x7d1e_5f0a_3c62_5b7e_9f43_0c8a_51d2_e6b4);

    /// The id of a message.
    pub fn of(conversation: &ConversationId, sender: &Sender, client_msg_id: &ClientMsgId) -> Self {
        // U+001F occurs in none of the parts, so no two triples give the same name.
        let name = format!("{conversation}\u{1f}{}\u{1f}{}\u{1f}{client_msg_id}", sender.user, sender.device);
        Self(Uuid::new_v5(&Self::NAMESPACE, name.as_bytes()))
    }

    /// The name in which the event at a place claims the content of a group's picture. No message has it: what a
    /// message is called has four parts.
    pub fn of_avatar(conversation: &ConversationId, at: Sequence) -> Self {
        Self(Uuid::new_v5(&Self::NAMESPACE, format!("{conversation}\u{1f}avatar\u{1f}{at}").as_bytes()))
    }

    /// The id of a piece of mail that a device calls so.
    pub fn of_mail(from: &Sender, to: &Sender, client_msg_id: &ClientMsgId) -> Self {
        let name = format!(
            "mail\u{1f}{}\u{1f}{}\u{1f}{}\u{1f}{}\u{1f}{client_msg_id}",
            from.user, from.device, to.user, to.device
        );
        Self(Uuid::new_v5(&Self::NAMESPACE, name.as_bytes()))
    }

    /// Reads `m:UUID`, as it is printed: an id has one text.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        text.strip_prefix("m:")
            .and_then(|id| {
                Uuid::try_parse(id).ok().filter(|uuid| uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == id)
            })
            .map(Self)
            .ok_or(InvalidId { what: "messageId", rule: "m: and a UUID in lower case with hyphens" })
    }

    /// The first three bytes: what a dedupe ring keeps of the id.
    pub fn fingerprint(&self) -> [u8; 3] {
        let bytes = self.0.as_bytes();
        [bytes[0], bytes[1], bytes[2]]
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m:{}", self.0)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Content in object storage: `md:` and a `UUIDv5` of the conversation and the content. Equal content in one
/// conversation has one handle, so it is stored once, and an upload that is begun again is the same upload.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaHandle(Uuid);

impl MediaHandle {
    /// The name space of handles, itself a `UUIDv5` of the product's name and `media`.
    const NAMESPACE: Uuid = Uuid::from_u128(0x1c5a_4b0e_8d77_5f21_a6c3_92f4_0b1d_77e9);

    /// The handle of content in a conversation.
    pub fn of(conversation: &ConversationId, mime: &str, size_bytes: u64, sha256: &str) -> Self {
        // U+001F occurs in none of the parts, so no two of them give the same name.
        let name = format!("{conversation}\u{1f}{mime}\u{1f}{size_bytes}\u{1f}{sha256}");
        Self(Uuid::new_v5(&Self::NAMESPACE, name.as_bytes()))
    }

    /// Reads `md:UUID`, as it is printed: a handle has one text.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        text.strip_prefix("md:")
            .and_then(|id| {
                Uuid::try_parse(id).ok().filter(|uuid| uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == id)
            })
            .map(Self)
            .ok_or(InvalidId { what: "mediaHandle", rule: "md: and a UUID in lower case with hyphens" })
    }

    /// The UUID alone, in lower case with hyphens.
    pub fn uuid(&self) -> String {
        self.0.to_string()
    }
}

impl fmt::Display for MediaHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "md:{}", self.0)
    }
}

impl fmt::Debug for MediaHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A moment on the server's clock, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// This moment and so many milliseconds.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// So many milliseconds before this moment.
    #[must_use]
    pub fn minus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_sub(ms))
    }

    /// Milliseconds since an earlier moment; zero where it is not earlier.
    pub fn ms_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Whole seconds since the epoch, as TTL attributes want them.
    pub fn as_seconds(self) -> u64 {
        self.0 / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(user: &str, device: &str) -> Sender {
        Sender { user: UserId::parse(user).unwrap(), device: DeviceId::parse(device).unwrap() }
    }

    #[test]
    fn a_direct_conversation_is_sorted_and_reads_back() {
        let (a, b) = (UserId::parse("bob").unwrap(), UserId::parse("alice").unwrap());
        let id = ConversationId::direct(a, b);
        assert_eq!(id.to_string(), "u:alice|u:bob");
        assert_eq!(ConversationId::parse("u:alice|u:bob").unwrap(), id);
    }

    #[test]
    fn bad_conversation_ids_are_refused() {
        for bad in ["", "u:bob|u:alice", "u:alice", "u:a|b", "u:|u:b", "g:", "g:a b", "x:1", "u:a|u:b|u:c", "u:a#1|u:b"]
        {
            assert!(ConversationId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_have_bounds() {
        assert!(UserId::parse(&"a".repeat(64)).is_ok());
        assert!(UserId::parse(&"a".repeat(65)).is_err());
        assert!(UserId::parse("a:b").is_err());
        assert!(DeviceId::parse("ios:3f2a").is_ok());
        assert!(ClientMsgId::parse(&"é".repeat(64)).is_ok());
        assert!(ClientMsgId::parse("a\u{1f}b").is_err());
    }

    /// A client compares the ids that it gets with those that it knows as texts.
    #[test]
    fn a_message_id_has_one_text() {
        let good = "m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d";
        assert_eq!(MessageId::parse(good).unwrap().to_string(), good);
        for bad in [
            "m:0a1b2c3d4e5f5a6b8c7d9e0f1a2b3c4d",
            "m:{0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d}",
            "m:urn:uuid:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d",
            "m:0A1B2C3D-4e5f-5a6b-8c7d-9e0f1a2b3c4d",
            "0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d",
        ] {
            assert!(MessageId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_media_handle_is_of_one_conversation_and_has_one_text() {
        let (one, other) = (ConversationId::parse("g:1").unwrap(), ConversationId::parse("g:2").unwrap());
        let handle = MediaHandle::of(&one, "image/png", 7, "00");
        assert_eq!(MediaHandle::parse(&handle.to_string()).unwrap(), handle);
        assert_eq!(MediaHandle::of(&one, "image/png", 7, "00"), handle);
        for different in [
            MediaHandle::of(&other, "image/png", 7, "00"),
            MediaHandle::of(&one, "image/gif", 7, "00"),
            MediaHandle::of(&one, "image/png", 70, "0"),
            MediaHandle::of(&one, "image/png", 7, "01"),
        ] {
            assert_ne!(different, handle);
        }
        for bad in ["", "md:", "md:../../x", "md:0A1B2C3D-4E5F-5A6B-8C7D-9E0F1A2B3C4D", &handle.uuid()] {
            assert!(MediaHandle::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn message_ids_tell_users_with_the_same_device_name_apart() {
        let conversation = ConversationId::parse("u:alice|u:bob").unwrap();
        let id = ClientMsgId::parse("1").unwrap();
        let of_alice = MessageId::of(&conversation, &sender("alice", "cli"), &id);
        let of_bob = MessageId::of(&conversation, &sender("bob", "cli"), &id);
        assert_ne!(of_alice, of_bob);
        assert_eq!(MessageId::parse(&of_alice.to_string()).unwrap(), of_alice);
    }
}
