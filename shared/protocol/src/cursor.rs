//! The cursor of `GET /sync`: opaque to clients.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use tidings_domain::{
    ids::{ConversationId, Timestamp},
    ports::ActivityKey,
    sync::ListCursor,
};

use crate::ParseError;

/// The text of a cursor.
pub fn list_cursor_to_text(cursor: &ListCursor) -> String {
    let text = match &cursor.middle {
        None => cursor.since.0.to_string(),
        Some((key, started_at)) => {
            format!("{} {} {} {}", cursor.since.0, started_at.0, key.bucket.0, key.conversation)
        }
    };
    URL_SAFE_NO_PAD.encode(text)
}

/// Reads a cursor; nothing, or 0, is the beginning.
pub fn list_cursor_from_text(text: &str) -> Result<ListCursor, ParseError> {
    if text.is_empty() || text == "0" {
        return Ok(ListCursor::default());
    }
    read(text).ok_or_else(|| ParseError::field("since", "must be the `next` of an earlier answer"))
}

fn read(text: &str) -> Option<ListCursor> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let moment = |text: &str| text.parse().ok().map(Timestamp);
    let mut parts = text.splitn(4, ' ');
    let since = moment(parts.next()?)?;
    let Some(started_at) = parts.next() else { return Some(ListCursor { since, middle: None }) };
    let bucket = moment(parts.next()?)?;
    let conversation = ConversationId::parse(parts.next()?).ok()?;
    Some(ListCursor { since, middle: Some((ActivityKey { bucket, conversation }, moment(started_at)?)) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cursors_read_back(since: u64, started: u64, bucket: u64, group in "[a-z0-9]{1,20}", middle: bool) {
            let conversation = ConversationId::parse(&format!("g:{group}")).unwrap();
            let key = ActivityKey { bucket: Timestamp(bucket), conversation };
            let cursor = ListCursor { since: Timestamp(since), middle: middle.then_some((key, Timestamp(started))) };
            prop_assert_eq!(list_cursor_from_text(&list_cursor_to_text(&cursor)).unwrap(), cursor);
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = list_cursor_from_text(&text);
        }
    }

    #[test]
    fn nothing_and_zero_are_the_beginning() {
        assert_eq!(list_cursor_from_text("").unwrap(), ListCursor::default());
        assert_eq!(list_cursor_from_text("0").unwrap(), ListCursor::default());
        assert!(list_cursor_from_text("!").is_err());
    }
}
