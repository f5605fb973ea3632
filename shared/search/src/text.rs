//! Words of a text, whatever the language: what is indexed and what is asked for go through here alike.
//!
//! Words are in lower case and without diacritics. Scripts that are written without spaces (Chinese, Japanese,
//! Korean, Thai and their like) become pairs of characters, each of which begins a token. An emoji is a word of its own,
//! whatever its colour of skin. Nothing is stemmed: a chat mixes languages, and a prefix or a fuzzy word finds the forms.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// A longer word is cut here, in characters.
const WORD_CHARS_MAX: usize = 64;

/// What a token was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A word between what is no letter and no digit.
    Word,
    /// An emoji.
    Emoji,
    /// Two characters of a script without spaces.
    Pair,
    /// The last character of a run of such.
    Last {
        /// It is the whole run.
        is_alone: bool,
    },
}

/// A word of a text. Its position is its place in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The word as it is indexed.
    pub text: String,
    /// What it was made of.
    pub kind: TokenKind,
    /// Where it stands, in bytes of the text.
    pub range: Range<usize>,
}

/// The words of a text, in their order.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut making = Making { text, ..Making::default() };
    for (at, cluster) in text.grapheme_indices(true) {
        making.take(at, cluster);
    }
    making.end_word();
    making.end_run();
    making.tokens
}

#[derive(Default)]
struct Making<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    word: Option<(String, Range<usize>)>,
    /// Characters of a script without spaces.
    run: Vec<(String, Range<usize>)>,
}

impl Making<'_> {
    fn take(&mut self, at: usize, cluster: &str) {
        let range = at..at + cluster.len();
        let Some(first) = cluster.chars().next() else { return };
        if is_emoji(first) || cluster.contains('\u{20e3}') {
            self.end_word();
            self.end_run();
            let text = cluster.chars().filter(|c| !is_emoji_modifier(*c)).collect();
            self.tokens.push(Token { text, kind: TokenKind::Emoji, range });
        } else if is_without_spaces(first) {
            self.end_word();
            let folded = fold(cluster);
            if !folded.is_empty() {
                self.run.push((folded, range));
            }
        } else if first.is_alphanumeric() {
            self.end_run();
            let (word, whole) = self.word.get_or_insert_with(|| (String::new(), range.clone()));
            whole.end = range.end;
            if word.chars().count() < WORD_CHARS_MAX {
                word.push_str(&fold(cluster));
            }
        } else if !(matches!(first, '\'' | '\u{2019}') && self.is_within_word(range.end)) {
            self.end_word();
            self.end_run();
        }
    }

    /// Whether an apostrophe stands between letters: "don't" is one word, whatever the apostrophe.
    fn is_within_word(&self, end: usize) -> bool {
        let next = self.text.get(end..).and_then(|rest| rest.chars().next());
        self.word.is_some() && next.is_some_and(|c| c.is_alphanumeric() && !is_without_spaces(c))
    }

    fn end_word(&mut self) {
        if let Some((text, range)) = self.word.take().filter(|(text, _)| !text.is_empty()) {
            self.tokens.push(Token { text, kind: TokenKind::Word, range });
        }
    }

    fn end_run(&mut self) {
        let run = std::mem::take(&mut self.run);
        for (place, (character, range)) in run.iter().enumerate() {
            self.tokens.push(match run.get(place + 1) {
                Some((next, next_range)) => Token {
                    text: format!("{character}{next}"),
                    kind: TokenKind::Pair,
                    range: range.start..next_range.end,
                },
                None => Token {
                    text: character.clone(),
                    kind: TokenKind::Last { is_alone: run.len() == 1 },
                    range: range.clone(),
                },
            });
        }
    }
}

/// In lower case, in compatible forms (full width is half width), without diacritics.
fn fold(cluster: &str) -> String {
    let mut folded = String::with_capacity(cluster.len());
    for character in cluster.to_lowercase().nfkd().filter(|c| !is_diacritic(*c)).nfc() {
        match character {
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'þ' => folded.push_str("th"),
            'ø' => folded.push('o'),
            'đ' | 'ð' => folded.push('d'),
            'ł' => folded.push('l'),
            'ħ' => folded.push('h'),
            'ı' => folded.push('i'),
            'ς' => folded.push('σ'),
            other => folded.push(other),
        }
    }
    folded
}

/// Marks of Latin, Greek, Cyrillic, Hebrew and Arabic, which are often left out. Those of other scripts are letters.
fn is_diacritic(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5bd}' | '\u{5bf}'..='\u{5c7}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{640}')
}

fn is_without_spaces(c: char) -> bool {
    matches!(c,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1100}'..='\u{11ff}' | '\u{1780}'..='\u{17ff}'
        | '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9f}'
        | '\u{20000}'..='\u{323af}')
}

fn is_emoji(c: char) -> bool {
    matches!(c, '\u{1f000}'..='\u{1faff}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' | '\u{231a}'..='\u{23ff}')
}

/// What changes how an emoji looks and not what it says: the variation selector and colours of skin.
fn is_emoji_modifier(c: char) -> bool {
    matches!(c, '\u{fe0e}' | '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokens(text).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn words_are_folded() {
        assert_eq!(words("Crème BRÛLÉE, Straße!"), ["creme", "brulee", "strasse"]);
        assert_eq!(words("Łódź smørrebrød Ἀθῆναι ёлка"), ["lodz", "smorrebrod", "αθηναι", "елка"]);
        assert_eq!(words("don't don’t 'quoted' e-mail"), ["dont", "dont", "quoted", "e", "mail"]);
        assert_eq!(words("ｆｕｌｌ １２３"), ["full", "123"]);
        assert_eq!(words("שָׁלוֹם مُحَمَّد"), ["שלום", "محمد"]);
        assert_eq!(words("हिन्दी"), ["हिन्दी"], "marks of other scripts are letters");
    }

    #[test]
    fn scripts_without_spaces_become_pairs() {
        assert_eq!(words("東京都"), ["東京", "京都", "都"]);
        assert_eq!(words("猫"), ["猫"]);
        assert_eq!(words("買Aガ"), ["買", "a", "ガ"]);
        assert_eq!(words("ｶﾞｷﾞ"), words("ガギ"), "half width is full width");
        assert_eq!(words("สวัสดี").len(), 4);
        assert_eq!(words("안녕"), ["안녕", "녕"]);
    }

    #[test]
    fn an_emoji_is_a_word_whatever_its_colour() {
        assert_eq!(words("ok👍🏽!"), ["ok", "👍"]);
        assert_eq!(words("❤️❤"), ["❤", "❤"]);
        assert_eq!(words("👨‍👩‍👧 🇫🇷"), ["👨‍👩‍👧", "🇫🇷"]);
    }

    #[test]
    fn ranges_are_of_the_text_as_it_was() {
        let text = "Ça 東京 va";
        let found: Vec<&str> = tokens(text).iter().map(|token| &text[token.range.clone()]).collect();
        assert_eq!(found, ["Ça", "東京", "京", "va"]);
    }

    #[test]
    fn a_word_is_cut_where_it_is_too_long() {
        assert_eq!(words(&"a".repeat(500))[0].len(), WORD_CHARS_MAX);
    }
}
