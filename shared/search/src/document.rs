//! What is known of a message to an index, and in which shard it is.
//!
//! An index holds no name and no text: who, what kind and which conversation are hashes, and words are postings. What is
//! shown is read from the log.

use std::{collections::BTreeSet, fmt};

use sha2::{Digest, Sha256};
use tidings_domain::{
    ids::{ConversationId, Sequence, Timestamp, UserId},
    limits::SEARCH_BUCKETS,
};

/// A hash of a property that is asked for: equal properties have equal tags, and what has the tag by chance is
/// told from the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub u64);

impl Tag {
    fn of(parts: [&str; 2]) -> Self {
        // U+001F occurs in neither.
        let hash = Sha256::digest(parts.join("\u{1f}"));
        let (first, _) = hash.split_at(8);
        Self(first.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
    }

    /// Sent by a user.
    pub fn from(user: &UserId) -> Self {
        Self::of(["from", user.as_str()])
    }

    /// Mentions a user.
    pub fn mention(user: &UserId) -> Self {
        Self::of(["mention", user.as_str()])
    }

    /// Mentions everybody.
    pub fn mention_all() -> Self {
        Self::of(["mention", "@all"])
    }

    /// Of a kind, by its name on the wire.
    pub fn kind(name: &str) -> Self {
        Self::of(["kind", name])
    }

    /// Has a file of a type (`application/pdf`), or of a family of types (`image`).
    pub fn file_type(name: &str) -> Self {
        Self::of(["type", name])
    }

    /// A conversation.
    pub fn conversation(conversation: &ConversationId) -> Self {
        Self::of(["conversation", &conversation.to_string()])
    }
}

/// A calendar month of UTC, counted from the year 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(pub u32);

impl Month {
    /// The month that a moment is in.
    pub fn of(ts: Timestamp) -> Self {
        // Days to a civil date, in years that begin in March.
        let days = ts.0 / 86_400_000 + 719_468;
        let (era, day) = (days / 146_097, days % 146_097);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day_of_year = day - (365 * year + year / 4 - year / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let (year, month) = (era * 400 + year, if shifted < 10 { shifted + 3 } else { shifted - 9 });
        let year = if month <= 2 { year + 1 } else { year };
        Self(u32::try_from(year * 12 + month - 1).unwrap_or(u32::MAX))
    }

    /// So many months before.
    #[must_use]
    pub fn minus(self, months: u32) -> Self {
        Self(self.0.saturating_sub(months))
    }

    /// Reads `YYYY-MM`.
    pub fn parse(text: &str) -> Option<Self> {
        let (year, month) = text.split_once('-')?;
        let (year, month): (u32, u32) = (year.parse().ok()?, month.parse().ok()?);
        Some(Self(year.checked_mul(12)? + month.checked_sub(1)?)).filter(|_| year <= 9999 && month <= 12)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0 / 12, self.0 % 12 + 1)
    }
}

/// A piece of the index: what conversations of a bucket said in a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard {
    /// The month.
    pub month: Month,
    /// The bucket of conversations.
    pub bucket: u64,
}

impl Shard {
    /// The shard of what was said in a conversation at a time.
    pub fn of(conversation: &ConversationId, ts: Timestamp) -> Self {
        Self { month: Month::of(ts), bucket: bucket_of(Tag::conversation(conversation)) }
    }

    /// Reads what is displayed.
    pub fn parse(text: &str) -> Option<Self> {
        let (month, bucket) = text.rsplit_once('-')?;
        Some(Self { month: Month::parse(month)?, bucket: bucket.parse().ok()? })
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:02}", self.month, self.bucket)
    }
}

/// The bucket of a conversation.
pub fn bucket_of(conversation: Tag) -> u64 {
    conversation.0 % SEARCH_BUCKETS
}

/// A message in an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The conversation.
    pub conversation: Tag,
    /// Its place.
    pub sequence: Sequence,
}

/// What an index is told of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Which message.
    pub key: Key,
    /// Where it belongs.
    pub shard: Shard,
    /// The place of its last edit, or its own: of two, the higher counts.
    pub version: Sequence,
    /// The server's clock at the append.
    pub ts: Timestamp,
    /// When its life ends.
    pub expires_at: Option<Timestamp>,
    /// [`Tag::from`] of the sender.
    pub sender: Tag,
    /// What else may be asked for, the sender included.
    pub tags: BTreeSet<Tag>,
    /// What it says, where all members have agreed that this is indexed.
    pub text: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_those_of_the_calendar() {
        for (ms, month) in [
            (0, "1970-01"),
            (951_782_399_999, "2000-02"),
            (951_868_799_999, "2000-02"),
            (951_868_800_000, "2000-03"),
            (1_735_689_599_999, "2024-12"),
            (1_735_689_600_000, "2025-01"),
            (4_107_542_400_000, "2100-03"),
        ] {
            assert_eq!(Month::of(Timestamp(ms)).to_string(), month);
            assert_eq!(Month::parse(month), Some(Month::of(Timestamp(ms))));
        }
        assert_eq!(Month::parse("2025-01").unwrap().minus(1).to_string(), "2024-12");
        assert_eq!((Month::parse("2025-13"), Month::parse("x"), Month::parse("2025-0")), (None, None, None));
    }

    #[test]
    fn a_shard_reads_back() {
        let shard = Shard::of(&ConversationId::parse("g:1").unwrap(), Timestamp(1_735_689_600_000));
        assert_eq!(Shard::parse(&shard.to_string()), Some(shard));
        assert_eq!(Shard::parse("2025-01"), None);
    }

    #[test]
    fn tags_tell_properties_apart() {
        let user = UserId::parse("image").unwrap();
        let tags = [Tag::from(&user), Tag::mention(&user), Tag::kind("image"), Tag::file_type("image")];
        assert_eq!(BTreeSet::from(tags).len(), tags.len());
    }
}
