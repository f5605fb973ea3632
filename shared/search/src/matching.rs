//! Whether a text has what is asked for, and where. An index finds; this has the last word, on the text as it is now.

use std::ops::Range;

use crate::{
    query::{Matcher, Words},
    text::{Token, tokens},
};

impl Words {
    /// Where the text has what is asked for, in bytes, in order and apart; none where it has not.
    pub fn find(&self, text: &str) -> Option<Vec<Range<usize>>> {
        self.find_in(&tokens(text))
    }

    pub(crate) fn find_in(&self, tokens: &[Token]) -> Option<Vec<Range<usize>>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        for matcher in &self.all {
            let places = matcher.places(tokens);
            if places.is_empty() {
                return None;
            }
            found.extend(places);
        }
        if self.none.iter().any(|matcher| !matcher.places(tokens).is_empty()) {
            return None;
        }
        Some(joined(found))
    }
}

impl Matcher {
    /// Whether a word is one that this prefix or this fuzzy word stands for.
    pub fn is_like(&self, word: &str) -> bool {
        match self {
            Self::Phrase(words) => matches!(words.as_slice(), [(_, own)] if own == word),
            Self::Prefix(stem) => word.starts_with(stem.as_str()),
            Self::Fuzzy { word: own, edits } => is_within(own, word, usize::from(*edits)),
        }
    }

    fn places(&self, tokens: &[Token]) -> Vec<Range<usize>> {
        match self {
            Self::Phrase(words) => {
                let starts = 0..tokens.len();
                let at = |start: usize, offset: u32| tokens.get(start + offset as usize);
                let stands = |start: &usize| {
                    words.iter().all(|(offset, word)| at(*start, *offset).is_some_and(|token| token.text == *word))
                };
                let last = words.last().map_or(0, |(offset, _)| *offset);
                let range = |start: usize| Some(tokens.get(start)?.range.start..at(start, last)?.range.end);
                starts.filter(stands).filter_map(range).collect()
            }
            Self::Prefix(_) | Self::Fuzzy { .. } => ranges(tokens, |text| self.is_like(text)),
        }
    }
}

fn ranges(tokens: &[Token], is_hit: impl Fn(&str) -> bool) -> Vec<Range<usize>> {
    tokens.iter().filter(|token| is_hit(&token.text)).map(|token| token.range.clone()).collect()
}

/// Whether one word becomes the other by so many edits: a letter more, less or other, or neighbours that change places.
fn is_within(one: &str, other: &str, edits: usize) -> bool {
    // A character has four bytes at most: most words are told apart by their lengths alone.
    if one.len().abs_diff(other.len()) > 4 * edits {
        return false;
    }
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    if one.len().abs_diff(other.len()) > edits {
        return false;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let mut cost = (row[j] + usize::from(a != b)).min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                cost = cost.min(before[j - 1] + 1);
            }
            next.push(cost);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().is_some_and(|cost| *cost <= edits)
}

/// In order, and those that overlap as one.
fn joined(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut joined: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits<'a>(query: &str, text: &'a str) -> Option<Vec<&'a str>> {
        let found = Words::parse(query).unwrap().find(text)?;
        Some(found.into_iter().map(|range| &text[range]).collect())
    }

    #[test]
    fn words_phrases_prefixes_and_fuzzy_words_are_found() {
        let text = "A cup of Darjeeling tea, a Cup of Assam";
        assert_eq!(hits("TEA cup", text).unwrap(), ["cup", "tea", "Cup"]);
        assert_eq!(hits(r#""cup of assam""#, text).unwrap(), ["Cup of Assam"]);
        assert_eq!(hits(r#""cup assam""#, text), None);
        assert_eq!(hits("darj*", text).unwrap(), ["Darjeeling"]);
        assert_eq!(hits("darjeelnig~", text).unwrap(), ["Darjeeling"], "neighbours changed places");
        assert_eq!(hits("dajeelng~1", text), None);
        assert_eq!(hits("dajeelng~2", text).unwrap(), ["Darjeeling"]);
        assert_eq!(hits("tea -assam", text), None);
        assert_eq!(hits("tea -coffee", text).unwrap(), ["tea"]);
    }

    #[test]
    fn scripts_without_spaces_are_found_by_any_part() {
        let text = "東京都に住む黒猫";
        assert_eq!(hits("京都", text).unwrap(), ["京都"]);
        assert_eq!(hits("猫", text).unwrap(), ["猫"]);
        assert_eq!(hits("東", text).unwrap(), ["東京"]);
        assert_eq!(hits("東京に", text), None);
    }
}
