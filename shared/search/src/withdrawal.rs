//! Notes that a member has withdrawn: an object each, for the curator to find.

use tidings_domain::ids::{ConversationId, Timestamp};

use crate::document::Tag;

/// What the keys of these objects begin with.
pub const FORGET: &str = "forget/";

/// Key and content of a note that what a conversation said until then is to be forgotten.
pub fn withdrawal(conversation: &ConversationId, until: Timestamp) -> (String, Vec<u8>) {
    (format!("{FORGET}{:016x}", Tag::conversation(conversation).0), until.0.to_string().into_bytes())
}

/// What such an object says; none where it says something else.
pub fn withdrawal_of(key: &str, content: &[u8]) -> Option<(Tag, Timestamp)> {
    let conversation = u64::from_str_radix(key.strip_prefix(FORGET)?, 16).ok()?;
    let until = std::str::from_utf8(content).ok()?.parse().ok()?;
    Some((Tag(conversation), Timestamp(until)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_reads_back() {
        let crew = ConversationId::parse("g:crew").unwrap();
        let (key, content) = withdrawal(&crew, Timestamp(7));
        assert_eq!(withdrawal_of(&key, &content), Some((Tag::conversation(&crew), Timestamp(7))));
        assert_eq!((withdrawal_of("forget/x", b"7"), withdrawal_of(&key, b"x")), (None, None));
    }
}
