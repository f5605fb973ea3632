//! The cursors of `GET /sync` and its like: opaque to clients.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use tidings_domain::{
    events::Place,
    ids::{ConnectionId, ConversationId, FrameKey, Sequence, Timestamp},
    limits::{EVENTS_PAGE_MAX, SEQUENCE_MAX},
    personal::{ChangesCursor, PersonalKey, PersonalPlace},
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

/// The text of a place in what a user keeps.
pub fn place_to_text(place: &PersonalPlace) -> String {
    URL_SAFE_NO_PAD.encode(format!("{} {}", place.at.0, key_text(&place.key)))
}

/// Reads a place; `name` is the field.
pub fn place_from_text(name: &str, text: &str) -> Result<PersonalPlace, ParseError> {
    let place = decoded(text).and_then(|text| place_of(&text));
    place.ok_or_else(|| ParseError::field(name, "must be the `next` of an earlier answer"))
}

/// The text of a cursor of changes.
pub fn changes_cursor_to_text(cursor: &ChangesCursor) -> String {
    let since = cursor.since.0;
    URL_SAFE_NO_PAD.encode(match &cursor.middle {
        None => since.to_string(),
        Some((place, started_at)) => format!("{since} {} {} {}", started_at.0, place.at.0, key_text(&place.key)),
    })
}

/// Reads a cursor of changes; nothing, or 0, is the beginning.
pub fn changes_cursor_from_text(text: &str) -> Result<ChangesCursor, ParseError> {
    if text.is_empty() || text == "0" {
        return Ok(ChangesCursor::default());
    }
    let cursor = decoded(text).and_then(|text| changes_cursor_of(&text));
    cursor.ok_or_else(|| ParseError::field("since", "must be the `next` of an earlier answer"))
}

/// The text of a place among events.
pub fn events_cursor_to_text(place: &Place) -> String {
    let keys: Vec<&str> = place.taken.iter().map(FrameKey::as_str).collect();
    let (connected_at, beat_at) = (place.connected_at.0, place.beat_at.0);
    URL_SAFE_NO_PAD.encode(format!("{} {connected_at} {beat_at} {}", place.connection, keys.join(",")))
}

/// Reads a place among events. What it says is its device's own affair: rows of others have other keys.
pub fn events_cursor_from_text(text: &str) -> Result<Place, ParseError> {
    let place = decoded(text).and_then(|text| events_place_of(&text));
    place.ok_or_else(|| ParseError::field("cursor", "must be the `cursor` of an earlier answer"))
}

fn events_place_of(text: &str) -> Option<Place> {
    let mut parts = text.splitn(4, ' ');
    let connection = ConnectionId::parse(parts.next()?).ok()?;
    let connected_at = Timestamp(parts.next()?.parse().ok()?);
    let beat_at = Timestamp(parts.next()?.parse().ok()?);
    let keys = parts.next()?.split(',').filter(|key| !key.is_empty());
    let taken: Vec<FrameKey> = keys.map(FrameKey::parse).collect::<Result<_, _>>().ok()?;
    (taken.len() <= EVENTS_PAGE_MAX).then_some(Place { connection, connected_at, beat_at, taken })
}

fn decoded(text: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

fn changes_cursor_of(text: &str) -> Option<ChangesCursor> {
    let Some((since, rest)) = text.split_once(' ') else {
        return Some(ChangesCursor { since: Timestamp(text.parse().ok()?), middle: None });
    };
    let (started_at, place) = rest.split_once(' ')?;
    let (since, place) = (Timestamp(since.parse().ok()?), place_of(place)?);
    // Storage takes no place outside of what is listed.
    let middle = (place.at >= since).then_some((place, Timestamp(started_at.parse().ok()?)))?;
    Some(ChangesCursor { since, middle: Some(middle) })
}

fn place_of(text: &str) -> Option<PersonalPlace> {
    let mut parts = text.splitn(4, ' ');
    let at = Timestamp(parts.next()?.parse().ok()?);
    let (kind, sequence) = (parts.next()?, Sequence(parts.next()?.parse().ok()?));
    let conversation = ConversationId::parse(parts.next()?).ok()?;
    let is_place = (1..=SEQUENCE_MAX).contains(&sequence.0);
    let key = match kind {
        "d" => PersonalKey::Draft(conversation),
        "s" if is_place => PersonalKey::Star(conversation, sequence),
        "h" if is_place => PersonalKey::Hidden(conversation, sequence),
        _ => return None,
    };
    Some(PersonalPlace { at, key })
}

fn key_text(key: &PersonalKey) -> String {
    match key {
        PersonalKey::Draft(conversation) => format!("d 0 {conversation}"),
        PersonalKey::Star(conversation, sequence) => format!("s {} {conversation}", sequence.0),
        PersonalKey::Hidden(conversation, sequence) => format!("h {} {conversation}", sequence.0),
    }
}

fn read(text: &str) -> Option<ListCursor> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let moment = |text: &str| text.parse().ok().map(Timestamp);
    let mut parts = text.splitn(4, ' ');
    let since = moment(parts.next()?)?;
    let Some(started_at) = parts.next() else { return Some(ListCursor { since, middle: None }) };
    let bucket = moment(parts.next()?)?;
    let conversation = ConversationId::parse(parts.next()?).ok()?;
    // Storage takes no place outside of what is listed.
    if bucket < since {
        return None;
    }
    Some(ListCursor { since, middle: Some((ActivityKey { bucket, conversation }, moment(started_at)?)) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cursors_read_back(since: u64, started: u64, later: u64, group in "[a-z0-9]{1,20}", middle: bool) {
            let bucket = since.saturating_add(later);
            let conversation = ConversationId::parse(&format!("g:{group}")).unwrap();
            let key = ActivityKey { bucket: Timestamp(bucket), conversation };
            let cursor = ListCursor { since: Timestamp(since), middle: middle.then_some((key, Timestamp(started))) };
            prop_assert_eq!(list_cursor_from_text(&list_cursor_to_text(&cursor)).unwrap(), cursor);
        }

        #[test]
        fn places_and_cursors_of_changes_read_back(
            since: u64,
            started: u64,
            later: u64,
            sequence in 1..=SEQUENCE_MAX,
            kind in 0..3,
            middle: bool,
        ) {
            let (conversation, sequence) = (ConversationId::parse("u:a|u:b").unwrap(), Sequence(sequence));
            let key = match kind {
                0 => PersonalKey::Draft(conversation),
                1 => PersonalKey::Star(conversation, sequence),
                _ => PersonalKey::Hidden(conversation, sequence),
            };
            let place = PersonalPlace { at: Timestamp(since.saturating_add(later)), key };
            prop_assert_eq!(&place_from_text("before", &place_to_text(&place)).unwrap(), &place);
            let middle = middle.then_some((place, Timestamp(started)));
            let cursor = ChangesCursor { since: Timestamp(since), middle };
            prop_assert_eq!(changes_cursor_from_text(&changes_cursor_to_text(&cursor)).unwrap(), cursor);
        }

        #[test]
        fn places_among_events_read_back(at: u64, beat: u64, random: u64, count in 0..=EVENTS_PAGE_MAX) {
            let place = Place {
                connection: ConnectionId::of_inbox(Timestamp(at), random),
                connected_at: Timestamp(at),
                beat_at: Timestamp(beat),
                taken: (0..count).map(|n| FrameKey::of(Timestamp(at), u32::try_from(n).unwrap(), random)).collect(),
            };
            prop_assert_eq!(events_cursor_from_text(&events_cursor_to_text(&place)).unwrap(), place);
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = events_cursor_from_text(&text);
            let _ = list_cursor_from_text(&text);
            let _ = (changes_cursor_from_text(&text), place_from_text("before", &text));
        }
    }

    /// Storage would refuse to go on from there, and the caller be told that the service is away.
    #[test]
    fn a_place_before_the_beginning_is_none() {
        let text = |since: u64, bucket: u64| URL_SAFE_NO_PAD.encode(format!("{since} 9 {bucket} g:1"));
        assert!(list_cursor_from_text(&text(7, 7)).is_ok());
        let refused = list_cursor_from_text(&text(7, 6)).unwrap_err();
        assert_eq!(refused.field.as_deref(), Some("since"));
    }

    #[test]
    fn nothing_and_zero_are_the_beginning() {
        assert_eq!(list_cursor_from_text("").unwrap(), ListCursor::default());
        assert_eq!(list_cursor_from_text("0").unwrap(), ListCursor::default());
        assert!(list_cursor_from_text("!").is_err());
    }
}
