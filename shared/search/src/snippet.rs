//! A piece of a text around what was found in it.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

/// A snippet has so many characters, as they are seen, at most.
const SNIPPET_CHARS: usize = 160;
/// Of which so many stand before what was found first.
const BEFORE_CHARS: usize = 40;

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    /// The piece, with … where it goes on.
    pub text: String,
    /// What was found in it: ranges of Unicode characters (scalar values).
    pub highlights: Vec<Range<usize>>,
}

impl Snippet {
    /// The piece of a text around what was found in it, given in bytes.
    pub fn of(text: &str, found: &[Range<usize>]) -> Self {
        let clusters: Vec<(usize, &str)> = text.grapheme_indices(true).collect();
        let hit = found.first().map_or(0, |range| clusters.partition_point(|(at, _)| *at < range.start));
        let mut first = if clusters.len() <= SNIPPET_CHARS { 0 } else { hit.saturating_sub(BEFORE_CHARS) };
        first = first.min(clusters.len().saturating_sub(SNIPPET_CHARS));
        let end = (first + SNIPPET_CHARS).min(clusters.len());
        let byte = |place: usize| clusters.get(place).map_or(text.len(), |(at, _)| *at);
        let shown = byte(first)..byte(end);
        let piece: String = text[shown.clone()].chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let lead = if shown.start > 0 { "…" } else { "" };
        let trail = if shown.end < text.len() { "…" } else { "" };
        let chars = |bytes: Range<usize>| text.get(bytes).map_or(0, |part| part.chars().count());
        let lead_chars = lead.chars().count();
        let highlights = found
            .iter()
            .map(|range| range.start.max(shown.start)..range.end.min(shown.end))
            .filter(|range| range.start < range.end)
            .map(|range| {
                let start = lead_chars + chars(shown.start..range.start);
                start..start + chars(range)
            })
            .collect();
        Self { text: format!("{lead}{piece}{trail}"), highlights }
    }
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;

    fn highlighted(snippet: &Snippet) -> Vec<String> {
        let chars: Vec<char> = snippet.text.chars().collect();
        snippet.highlights.iter().map(|range| chars[range.clone()].iter().collect()).collect()
    }

    #[test]
    fn a_short_text_is_shown_whole() {
        let text = "line\nof tea";
        let snippet = Snippet::of(text, from_ref(&(8..11)));
        assert_eq!(snippet.text, "line of tea");
        assert_eq!(highlighted(&snippet), ["tea"]);
    }

    #[test]
    fn a_long_text_is_shown_around_what_was_found() {
        let text = format!("{}猫 tea {}", "é ".repeat(200), "y ".repeat(200));
        let at = text.find("tea").unwrap();
        let snippet = Snippet::of(&text, from_ref(&(at..at + 3)));
        assert!(snippet.text.starts_with('…') && snippet.text.ends_with('…'));
        assert_eq!(highlighted(&snippet), ["tea"]);
        let end = Snippet::of(&text, from_ref(&(text.len() - 2..text.len() - 1)));
        assert_eq!(highlighted(&end), ["y"]);
        assert!(!end.text.ends_with('…'));
    }

    #[test]
    fn nothing_found_shows_the_beginning() {
        assert_eq!(Snippet::of("", &[]), Snippet { text: String::new(), highlights: Vec::new() });
        assert_eq!(Snippet::of("tea", &[]).text, "tea");
    }
}
