//! What is asked for in words: `tea cup`, `"a cup of tea"`, `biscu*`, `biscuit~`, `biscuit~2`, `-coffee`.

use thiserror::Error;
use tidings_domain::limits::{
    SEARCH_CLAUSES_MAX, SEARCH_FUZZY_CHARS_MIN, SEARCH_PREFIX_CHARS_MIN, SEARCH_QUERY_CHARS_MAX,
};

use crate::text::{Token, TokenKind, tokens};

/// The most edits of a fuzzy word.
const EDITS_MAX: u8 = 2;

/// What a text is to have, or not to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matcher {
    /// Words, each so many places after the first. One alone is a word.
    Phrase(Vec<(u32, String)>),
    /// A word that begins so.
    Prefix(String),
    /// A word that is another by so many edits at most: a letter more, less, other, or two that changed places.
    Fuzzy {
        /// The word.
        word: String,
        /// The edits.
        edits: u8,
    },
}

/// What a text must have and must not have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// All of these; never empty.
    pub all: Vec<Matcher>,
    /// None of these.
    pub none: Vec<Matcher>,
}

/// Why a query is none.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum QueryError {
    /// It is too long.
    #[error("at most {SEARCH_QUERY_CHARS_MAX} characters")]
    TooLong,
    /// It has too many words.
    #[error("at most {SEARCH_CLAUSES_MAX} words")]
    TooMany,
    /// It has no word, or only such as are not to be there.
    #[error("needs a word to look for")]
    Empty,
    /// A quotation does not end.
    #[error("a quotation has no end")]
    OpenQuotation,
    /// What stands before `*` is too short, or is not one word.
    #[error("before * must be one word of {SEARCH_PREFIX_CHARS_MIN} letters or more")]
    Prefix,
    /// What stands before `~` is too short, or is not one word.
    #[error("before ~ must be one word of {SEARCH_FUZZY_CHARS_MIN} letters or more")]
    Fuzzy,
    /// After `~` stands something else than 1 or 2.
    #[error("after ~ must be 1 or 2")]
    Edits,
}

impl Words {
    /// Reads a query.
    pub fn parse(query: &str) -> Result<Self, QueryError> {
        if query.chars().count() > SEARCH_QUERY_CHARS_MAX {
            return Err(QueryError::TooLong);
        }
        let mut words = Self::default();
        let mut rest = query.trim_start();
        while !rest.is_empty() {
            let is_excluded = rest.len() > 1 && rest.starts_with('-');
            rest = if is_excluded { &rest[1..] } else { rest };
            let matchers;
            (matchers, rest) = clause(rest)?;
            let list = if is_excluded { &mut words.none } else { &mut words.all };
            list.extend(matchers);
            if words.all.len() + words.none.len() > SEARCH_CLAUSES_MAX {
                return Err(QueryError::TooMany);
            }
            rest = rest.trim_start();
        }
        if words.all.is_empty() { Err(QueryError::Empty) } else { Ok(words) }
    }

    /// Whether any part needs to know where words stand.
    pub fn needs_positions(&self) -> bool {
        let is_long = |matcher: &Matcher| matches!(matcher, Matcher::Phrase(words) if words.len() > 1);
        self.all.iter().chain(&self.none).any(is_long)
    }
}

/// The first clause of a query, and what follows it.
fn clause(query: &str) -> Result<(Vec<Matcher>, &str), QueryError> {
    if let Some(quoted) = query.strip_prefix(['"', '\u{201c}']) {
        let (text, rest) = quoted.split_once(['"', '\u{201d}']).ok_or(QueryError::OpenQuotation)?;
        return Ok((phrase(&tokens(text)), rest));
    }
    let end = query.find(char::is_whitespace).unwrap_or(query.len());
    let (word, rest) = query.split_at(end);
    let matchers = if let Some(stem) = word.strip_suffix('*') {
        prefix(stem)?
    } else if let Some((stem, edits)) = word.split_once('~') {
        vec![fuzzy(stem, edits)?]
    } else {
        phrase(&tokens(word))
    };
    Ok((matchers, rest))
}

/// The words side by side. The last character of a run is in the pair before it; one that stands alone begins a token.
fn phrase(tokens: &[Token]) -> Vec<Matcher> {
    let placed = (0u32..).zip(tokens).filter(|(_, token)| !matches!(token.kind, TokenKind::Last { .. }));
    let placed: Vec<(u32, String)> = placed.map(|(place, token)| (place, token.text.clone())).collect();
    let first = placed.first().map_or(0, |(place, _)| *place);
    let words: Vec<(u32, String)> = placed.into_iter().map(|(place, text)| (place - first, text)).collect();
    let alone = tokens.iter().filter(|token| token.kind == TokenKind::Last { is_alone: true });
    let alone = alone.map(|token| Matcher::Prefix(token.text.clone()));
    (!words.is_empty()).then_some(Matcher::Phrase(words)).into_iter().chain(alone).collect()
}

fn prefix(stem: &str) -> Result<Vec<Matcher>, QueryError> {
    match tokens(stem).as_slice() {
        [Token { text, kind: TokenKind::Word, .. }] if text.chars().count() >= SEARCH_PREFIX_CHARS_MIN => {
            Ok(vec![Matcher::Prefix(text.clone())])
        }
        // In a script without spaces whatever is found may go on.
        run if !run.is_empty() && run.iter().all(|t| matches!(t.kind, TokenKind::Pair | TokenKind::Last { .. })) => {
            Ok(phrase(run))
        }
        _ => Err(QueryError::Prefix),
    }
}

fn fuzzy(stem: &str, edits: &str) -> Result<Matcher, QueryError> {
    let edits = match edits {
        "" => 1,
        digit => digit.parse().ok().filter(|edits| (1..=EDITS_MAX).contains(edits)).ok_or(QueryError::Edits)?,
    };
    match tokens(stem).as_slice() {
        [Token { text, kind: TokenKind::Word, .. }] if text.chars().count() >= SEARCH_FUZZY_CHARS_MIN => {
            Ok(Matcher::Fuzzy { word: text.clone(), edits })
        }
        _ => Err(QueryError::Fuzzy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> Matcher {
        Matcher::Phrase(vec![(0, text.into())])
    }

    #[test]
    fn every_form_is_read() {
        let words = Words::parse(r#"Tea "a cup of" biscu* kettel~ kettel~2 -coffee"#).unwrap();
        assert_eq!(
            words.all,
            [
                word("tea"),
                Matcher::Phrase(vec![(0, "a".into()), (1, "cup".into()), (2, "of".into())]),
                Matcher::Prefix("biscu".into()),
                Matcher::Fuzzy { word: "kettel".into(), edits: 1 },
                Matcher::Fuzzy { word: "kettel".into(), edits: 2 },
            ]
        );
        assert_eq!(words.none, [word("coffee")]);
    }

    #[test]
    fn what_one_word_holds_stands_side_by_side() {
        let e_mail = Matcher::Phrase(vec![(0, "e".into()), (1, "mail".into())]);
        assert_eq!(Words::parse("e-mail").unwrap().all, [e_mail]);
        let tokyo = Matcher::Phrase(vec![(0, "東京".into()), (1, "京都".into())]);
        assert_eq!(Words::parse("東京都").unwrap().all, [tokyo]);
        assert_eq!(Words::parse("猫").unwrap().all, [Matcher::Prefix("猫".into())]);
        let mixed = Words::parse("買a").unwrap().all;
        assert_eq!(mixed, [word("a"), Matcher::Prefix("買".into())]);
        assert_eq!(Words::parse("👍🏽").unwrap().all, [word("👍")]);
    }

    #[test]
    fn what_is_no_query_is_refused_with_the_reason() {
        for (bad, why) in [
            ("", QueryError::Empty),
            ("  ...  ", QueryError::Empty),
            ("-tea", QueryError::Empty),
            (r#"tea "cup"#, QueryError::OpenQuotation),
            ("a*", QueryError::Prefix),
            ("*", QueryError::Prefix),
            ("e-ma*", QueryError::Prefix),
            ("te~", QueryError::Fuzzy),
            ("kettle~3", QueryError::Edits),
            ("kettle~x", QueryError::Edits),
        ] {
            assert_eq!(Words::parse(bad), Err(why), "{bad}");
        }
        assert_eq!(Words::parse(&"a ".repeat(SEARCH_QUERY_CHARS_MAX)), Err(QueryError::TooLong));
        assert_eq!(Words::parse(&"a ".repeat(SEARCH_CLAUSES_MAX + 1)), Err(QueryError::TooMany));
    }
}
