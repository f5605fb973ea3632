//! Texts as they are indexed and looked up: words, without case and accents; scripts without spaces by character.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// What one word of a search has to find: one token, or several that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) tokens: Vec<String>,
}

/// Whether each character of a script is a word of its own, since words are not set apart.
fn stands_alone(character: char) -> bool {
    matches!(character,
        '\u{0E00}'..='\u{0EFF}' // Thai, Lao
        | '\u{1000}'..='\u{109F}' // Myanmar
        | '\u{1780}'..='\u{17FF}' // Khmer
        | '\u{3040}'..='\u{30FF}' | '\u{31F0}'..='\u{31FF}' // Kana
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' // Han
        | '\u{20000}'..='\u{3FFFF}')
}

/// The text as it goes into the index: what stands alone is set apart.
pub(crate) fn indexed(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    // Composed: a mark that belongs to a character must not be set apart from it. Compatibility forms (full width, ligatures)
    // are found by what they stand for.
    for character in text.nfkc() {
        if stands_alone(character) {
            out.extend([' ', character, ' ']);
        } else {
            out.push(character);
        }
    }
    out
}

/// The terms of a search.
pub(crate) fn terms(text: &str) -> Vec<Term> {
    let composed: String = text.nfkc().collect();
    let mut terms = Vec::new();
    for word in composed.split(|character: char| !character.is_alphanumeric() && !is_combining_mark(character)) {
        let mut run = String::new();
        let mut alone: Vec<String> = Vec::new();
        for character in word.chars() {
            if stands_alone(character) {
                push_word(&mut terms, &mut run);
                alone.push(character.into());
            } else {
                push_phrase(&mut terms, &mut alone);
                run.push(character);
            }
        }
        push_word(&mut terms, &mut run);
        push_phrase(&mut terms, &mut alone);
    }
    terms
}

fn push_word(terms: &mut Vec<Term>, run: &mut String) {
    let token = folded(&std::mem::take(run));
    if !token.is_empty() {
        terms.push(Term { tokens: vec![token] });
    }
}

fn push_phrase(terms: &mut Vec<Term>, alone: &mut Vec<String>) {
    if !alone.is_empty() {
        terms.push(Term { tokens: std::mem::take(alone) });
    }
}

/// Without case and accents, as the index's tokenizer has it.
pub(crate) fn folded(word: &str) -> String {
    word.to_lowercase().nfd().filter(|character| !is_combining_mark(*character)).nfc().collect()
}

/// How many letters a word of so many may differ in, at most: short words are all alike.
pub(crate) fn edits_allowed(letters: usize, asked: u8) -> usize {
    let sensible = match letters {
        0..=3 => 0,
        4..=7 => 1,
        _ => 2,
    };
    sensible.min(usize::from(asked))
}

/// How many letters are to be inserted, removed, replaced or swapped with their neighbour to make one word of the other;
/// `None` where it is more than `max`.
pub(crate) fn edits(one: &[char], other: &[char], max: usize) -> Option<usize> {
    if one.len().abs_diff(other.len()) > max {
        return None;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (i, letter) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, opposite) in other.iter().enumerate() {
            let replaced = last[j] + usize::from(letter != opposite);
            let mut least = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *letter == other[j - 1] && one[i - 1] == *opposite {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        if row.iter().all(|count| *count > max) {
            return None;
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().filter(|count| *count <= max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distance(one: &str, other: &str, max: usize) -> Option<usize> {
        edits(&one.chars().collect::<Vec<_>>(), &other.chars().collect::<Vec<_>>(), max)
    }

    #[test]
    fn edits_are_counted_to_a_limit() {
        for (one, other, max, count) in [
            ("hello", "hello", 2, Some(0)),
            ("hello", "hallo", 2, Some(1)),
            ("hello", "ehllo", 2, Some(1)),
            ("hello", "hllo", 1, Some(1)),
            ("hello", "help", 1, None),
            ("hello", "help", 2, Some(2)),
            ("", "ab", 2, Some(2)),
            ("kitten", "sitting", 2, None),
        ] {
            assert_eq!(distance(one, other, max), count, "{one} {other}");
            assert_eq!(distance(other, one, max), count, "{other} {one}");
        }
        assert_eq!(
            (edits_allowed(3, 2), edits_allowed(5, 2), edits_allowed(12, 2), edits_allowed(12, 1)),
            (0, 1, 2, 1)
        );
    }

    #[test]
    fn words_and_characters_become_terms() {
        let tokens = |text: &str| terms(text).into_iter().map(|term| term.tokens).collect::<Vec<_>>();
        assert_eq!(tokens("Crème-brûlée, ÜBER!"), [["creme"], ["brulee"], ["uber"]]);
        assert_eq!(tokens("Cafe\u{301}"), [["cafe"]]);
        assert_eq!(tokens("東京tower"), [vec!["東", "京"], vec!["tower"]]);
        assert_eq!(tokens("ＡＢＣ ﬁne"), [["abc"], ["fine"]]);
        assert!(tokens(" \"*()- ").is_empty());
        assert_eq!(indexed("in 東京!"), "in  東  京 !");
    }
}
