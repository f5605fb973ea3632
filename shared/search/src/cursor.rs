//! Where a page ends: what the next one is asked for with. It is no credential; a forged one asks for what its forger
//! may ask for anyway.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use tidings_domain::ids::{Sequence, Timestamp};

use crate::{
    document::{Key, Tag},
    index::Place,
};

const FORM: u8 = 1;
const BYTES: usize = 1 + 8 + 4 + 8 + 8 + 8;

/// The end of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// When the first page was asked for.
    pub asked_at: Timestamp,
    /// The last place that was looked at.
    pub place: Place,
}

impl Cursor {
    /// Its text.
    pub fn to_text(self) -> String {
        let mut bytes = vec![FORM];
        bytes.extend(self.asked_at.0.to_be_bytes());
        bytes.extend(self.place.score.to_be_bytes());
        for number in [self.place.ts.0, self.place.key.conversation.0, self.place.key.sequence.0] {
            bytes.extend(number.to_be_bytes());
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a text; none where it is no cursor.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; BYTES] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (form, rest) = bytes.split_first()?;
        let (asked_at, rest) = rest.split_first_chunk::<8>()?;
        let (score, rest) = rest.split_first_chunk::<4>()?;
        let (ts, rest) = rest.split_first_chunk::<8>()?;
        let (conversation, sequence) = rest.split_first_chunk::<8>()?;
        let score = f32::from_be_bytes(*score);
        let number = |bytes: &[u8; 8]| u64::from_be_bytes(*bytes);
        let key =
            Key { conversation: Tag(number(conversation)), sequence: Sequence(number(sequence.try_into().ok()?)) };
        let place = Place { score, ts: Timestamp(number(ts)), key };
        let is_good = *form == FORM && score.is_finite();
        is_good.then_some(Self { asked_at: Timestamp(number(asked_at)), place })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nothing_else_does() {
        let key = Key { conversation: Tag(u64::MAX), sequence: Sequence(7) };
        let cursor = Cursor { asked_at: Timestamp(1), place: Place { score: 1.5, ts: Timestamp(2), key } };
        let text = cursor.to_text();
        assert_eq!(Cursor::parse(&text), Some(cursor));
        let infinite = Cursor { place: Place { score: f32::INFINITY, ..cursor.place }, ..cursor };
        for bad in ["", "x", &text[1..], &format!("{text}AAAA"), &infinite.to_text(), "!"] {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
    }
}
