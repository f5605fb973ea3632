//! The line that is being typed.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// The service takes 24 KiB of payload; JSON may double what needs escaping.
const BYTES_MAX: usize = 10 * 1024;

/// Text with a cursor between two of its characters, as a reader counts characters.
#[derive(Debug, Default)]
pub(crate) struct Editor {
    text: String,
    /// A byte offset, always at the border of a grapheme.
    cursor: usize,
}

impl Editor {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Takes the text out.
    pub(crate) fn take(&mut self) -> String {
        self.cursor = 0;
        std::mem::take(&mut self.text)
    }

    /// Puts text at the cursor; control characters other than line breaks are left out.
    pub(crate) fn insert(&mut self, text: &str) {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let fit: String = text.chars().filter(|c| *c == '\n' || !c.is_control()).collect();
        if self.text.len() + fit.len() > BYTES_MAX {
            return;
        }
        self.text.insert_str(self.cursor, &fit);
        self.cursor += fit.len();
        // What was put in may have joined with what follows.
        while !self.is_border(self.cursor) {
            self.cursor += 1;
        }
    }

    pub(crate) fn left(&mut self) {
        self.cursor = self.before();
    }

    pub(crate) fn right(&mut self) {
        self.cursor = self.after();
    }

    pub(crate) fn word_left(&mut self) {
        self.cursor = self.word_before();
    }

    pub(crate) fn word_right(&mut self) {
        let rest = &self.text[self.cursor..];
        let skipped = rest.len() - rest.trim_start().len();
        let word = rest[skipped..].find(char::is_whitespace).unwrap_or(rest.len() - skipped);
        self.cursor += skipped + word;
    }

    pub(crate) fn home(&mut self) {
        self.cursor = 0;
    }

    pub(crate) fn end(&mut self) {
        self.cursor = self.text.len();
    }

    pub(crate) fn backspace(&mut self) {
        self.remove_to(self.before());
    }

    pub(crate) fn delete(&mut self) {
        let after = self.after();
        self.text.replace_range(self.cursor..after, "");
    }

    pub(crate) fn delete_word(&mut self) {
        self.remove_to(self.word_before());
    }

    pub(crate) fn delete_to_start(&mut self) {
        self.remove_to(0);
    }

    pub(crate) fn delete_to_end(&mut self) {
        self.text.truncate(self.cursor);
    }

    /// The part that fits into `width` columns with the cursor in it, and the cursor's column.
    pub(crate) fn window(&self, width: usize) -> (String, usize) {
        let shown = |text: &str| text.replace('\n', "⏎");
        let before = shown(&self.text[..self.cursor]);
        let after = shown(&self.text[self.cursor..]);
        // One column is for the cursor at the end.
        let room = width.saturating_sub(1);
        let mut start = 0;
        for (at, grapheme) in before.grapheme_indices(true) {
            if before[start..].width() <= room {
                break;
            }
            start = at + grapheme.len();
        }
        let before = &before[start..];
        let column = before.width();
        let mut text = before.to_owned();
        let mut used = column;
        for grapheme in after.graphemes(true) {
            used += grapheme.width();
            if used > width {
                break;
            }
            text.push_str(grapheme);
        }
        (text, column)
    }

    fn before(&self) -> usize {
        self.text[..self.cursor].grapheme_indices(true).next_back().map_or(0, |(at, _)| at)
    }

    fn after(&self) -> usize {
        let next = self.text[self.cursor..].graphemes(true).next().map_or(0, str::len);
        self.cursor + next
    }

    fn word_before(&self) -> usize {
        let before = self.text[..self.cursor].trim_end();
        before.rfind(char::is_whitespace).map_or(0, |at| {
            let width = before[at..].chars().next().map_or(1, char::len_utf8);
            at + width
        })
    }

    fn remove_to(&mut self, start: usize) {
        self.text.replace_range(start..self.cursor, "");
        self.cursor = start;
    }

    fn is_border(&self, at: usize) -> bool {
        at == self.text.len() || self.text.grapheme_indices(true).any(|(border, _)| border == at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Editor {
        let mut editor = Editor::default();
        editor.insert(text);
        editor
    }

    #[test]
    fn characters_are_what_a_reader_sees() {
        let family = "👩‍👩‍👧";
        let mut editor = typed(&format!("a{family}e\u{301}"));
        editor.backspace();
        assert_eq!(editor.text(), format!("a{family}"));
        editor.left();
        editor.insert("b");
        assert_eq!(editor.text(), format!("ab{family}"));
        editor.delete();
        assert_eq!(editor.text(), "ab");
        editor.right();
        editor.home();
        editor.left();
        editor.delete();
        assert_eq!(editor.take(), "b");
        assert_eq!(editor.text(), "");
    }

    #[test]
    fn words_and_lines_are_deleted() {
        let mut editor = typed("one two  three");
        editor.word_left();
        editor.delete_word();
        assert_eq!(editor.text(), "one three");
        editor.word_right();
        editor.delete_to_start();
        assert_eq!(editor.text(), "");
        editor.insert("one two");
        editor.home();
        editor.word_right();
        editor.delete_to_end();
        assert_eq!(editor.text(), "one");
    }

    #[test]
    fn what_is_pasted_keeps_its_lines_and_nothing_else_that_is_special() {
        let editor = typed("a\r\nb\rc\u{1b}[2Jd\te");
        assert_eq!(editor.text(), "a\nb\nc[2Jde");
        assert_eq!(editor.window(20).0, "a⏎b⏎c[2Jde");
    }

    #[test]
    fn a_long_line_moves_with_the_cursor() {
        let mut editor = typed("0123456789");
        assert_eq!(editor.window(6), ("56789".into(), 5));
        editor.home();
        assert_eq!(editor.window(6), ("012345".into(), 0));
        let mut wide = typed("日本語日本語");
        assert_eq!(wide.window(6), ("本語".into(), 4));
        wide.left();
        assert_eq!(wide.window(20).1, 10);
    }

    #[test]
    fn it_is_bounded() {
        let mut editor = typed(&"x".repeat(BYTES_MAX));
        editor.insert("y");
        assert!(!editor.text().contains('y'));
    }
}
