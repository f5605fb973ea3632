//! One search of what this device has and of what the service knows.
//!
//! Encrypted text is on devices alone, and is searched there. The service knows who wrote what kind of message when, of all
//! conversations and times; and words where all members have agreed to it. It hears the words that it is asked for.

use std::collections::BTreeMap;

use tidings_sdk::{Http, HttpError, Search, protocol::search::SearchHit};
use tidings_vault::{Hit, Query};

/// Hits of the service of one page.
const PAGE: usize = 50;
/// A word of fewer letters is not misspelt: all short words are alike.
const FUZZY_CHARS_MIN: usize = 4;
/// From so many letters on two may be wrong.
const TWO_EDITS_CHARS_MIN: usize = 8;

/// What was found, here and there.
#[derive(Debug, Default)]
pub struct Found {
    /// The messages, the latest first, each once.
    pub hits: Vec<FoundMessage>,
    /// Why the service was of no help, where it was not: what is here was found all the same.
    pub service_error: Option<HttpError>,
}

/// A message that was found.
#[derive(Clone, Debug, PartialEq)]
pub enum FoundMessage {
    /// On this device.
    Here(Box<Hit>),
    /// By the service alone: this device does not have it, or not its text.
    There(Box<SearchHit>),
}

impl FoundMessage {
    /// The conversation, and the place in it.
    pub fn place(&self) -> (&str, u64) {
        match self {
            Self::Here(hit) => (&hit.message.conversation_id, hit.message.sequence),
            Self::There(hit) => (&hit.conversation_id, hit.sequence),
        }
    }

    /// When it was sent, in ms since the epoch.
    pub fn sent_ms(&self) -> u64 {
        match self {
            Self::Here(hit) => hit.message.sent_ms,
            Self::There(hit) => hit.ts,
        }
    }
}

/// Asks the service for what a query of this device asks for: a search for each kind.
pub(crate) async fn ask(http: &Http, query: &Query, limit: usize) -> Result<Vec<SearchHit>, HttpError> {
    let kinds: Vec<Option<String>> = match query.kinds.as_slice() {
        [] => vec![None],
        kinds => kinds.iter().cloned().map(Some).collect(),
    };
    let mut found = Vec::new();
    for kind in kinds {
        let mut wanted = Search { kind, ..search_of(query) };
        let mut left = limit;
        while left > 0 {
            wanted.limit = u32::try_from(left.min(PAGE)).ok();
            let page = http.search(&wanted).await?;
            left = left.saturating_sub(page.hits.len());
            found.extend(page.hits);
            wanted.cursor = page.next;
            if wanted.cursor.is_none() {
                break;
            }
        }
    }
    Ok(found)
}

fn search_of(query: &Query) -> Search {
    Search {
        words: Some(words_of(query)).filter(|words| !words.is_empty()),
        conversation_id: query.conversation_id.clone(),
        from_user_id: query.from_user_id.clone(),
        mention: query.mention.clone(),
        after_ms: query.after_ms,
        before_ms: query.before_ms,
        is_recent_first: true,
        ..Search::default()
    }
}

/// The words as the service wants them said. Signs that mean something to it mean nothing here.
fn words_of(query: &Query) -> String {
    let plain: String = query.text.chars().map(|c| if "\"\u{201c}\u{201d}*~".contains(c) { ' ' } else { c }).collect();
    let words: Vec<&str> = plain.split_whitespace().map(|word| word.trim_start_matches('-')).collect();
    let words: Vec<&str> =
        words.into_iter().filter(|word| word.chars().any(|c| c.is_alphanumeric() || !c.is_ascii())).collect();
    let last = words.len().saturating_sub(1);
    let said = words.iter().enumerate().map(|(at, word)| {
        let letters = word.chars().count();
        let is_word = word.chars().all(|c| c.is_alphabetic() && c.is_ascii());
        let edits = match letters {
            FUZZY_CHARS_MIN..TWO_EDITS_CHARS_MIN => query.edits_max.min(1),
            TWO_EDITS_CHARS_MIN.. => query.edits_max,
            _ => 0,
        };
        match (is_word, at == last && query.is_prefix && letters > 1, edits) {
            (true, true, _) => format!("{word}*"),
            (true, false, 1..) => format!("{word}~{edits}"),
            _ => (*word).to_owned(),
        }
    });
    said.collect::<Vec<String>>().join(" ")
}

/// All of both, the latest first, each once: what is here has its text.
pub(crate) fn merge(here: Vec<Hit>, there: Vec<SearchHit>, limit: usize) -> Vec<FoundMessage> {
    let mut found: BTreeMap<(String, u64), FoundMessage> = BTreeMap::new();
    let all = there.into_iter().map(|hit| FoundMessage::There(Box::new(hit)));
    for message in all.chain(here.into_iter().map(|hit| FoundMessage::Here(Box::new(hit)))) {
        let (conversation, sequence) = message.place();
        found.insert((conversation.to_owned(), sequence), message);
    }
    let mut found: Vec<FoundMessage> = found.into_values().collect();
    found.sort_by_key(|message| std::cmp::Reverse(message.sent_ms()));
    found.truncate(limit);
    found
}

#[cfg(test)]
mod tests {
    use tidings_sdk::protocol::Kind;

    use super::*;

    #[test]
    fn words_are_said_as_the_service_wants_them() {
        let words = |text: &str, is_prefix, edits_max| {
            words_of(&Query { text: text.into(), is_prefix, edits_max, ..Query::default() })
        };
        assert_eq!(words("a kettle of darjeeling te", true, 2), "a kettle~1 of darjeeling~2 te*");
        assert_eq!(words("kettle", false, 0), "kettle");
        assert_eq!(words("\"a~ cup*\" -of t", true, 1), "a cup of t");
        assert_eq!(words("e-mail 東京 naïve ... --", true, 2), "e-mail 東京 naïve");
    }

    #[test]
    fn what_is_here_and_there_is_shown_once() {
        let there = |sequence: u64, ts: u64| SearchHit {
            conversation_id: "g:crew".into(),
            message_id: format!("m:{sequence}"),
            sequence,
            sender_user_id: "alice".into(),
            ts,
            kind: Kind::Text,
            snippet: None,
            highlights: Vec::new(),
        };
        let merged = merge(Vec::new(), vec![there(1, 10), there(3, 30), there(2, 20), there(3, 30)], 2);
        let places: Vec<u64> = merged.iter().map(|message| message.place().1).collect();
        assert_eq!(places, [3, 2]);
    }
}
