//! Messages as rows of the screen.

use ratatui::{
    style::{Color, Modifier, Style},
    text::{Line, Span},
};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::model::{Chat, Entry, Pending, Tick};
use crate::clock::Zone;

/// `12:03 ` and what follows the name.
const TIME_COLUMNS: usize = 6;
const NAME_COLUMNS_MAX: usize = 16;
/// Below this, a message begins under its name.
const TEXT_COLUMNS_MIN: usize = 16;

const DIM: Style = Style::new().fg(Color::DarkGray);
const OWN: Style = Style::new().fg(Color::Cyan).add_modifier(Modifier::BOLD);
const READ: Style = Style::new().fg(Color::LightBlue).add_modifier(Modifier::BOLD);
const FAILED: Style = Style::new().fg(Color::Red);
const NAMES: [Color; 5] = [Color::Green, Color::Yellow, Color::Magenta, Color::LightGreen, Color::LightRed];

/// One row, and the message that ends in it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) line: Line<'static>,
    pub(crate) ends: Option<u64>,
}

/// The rows of the scrollback from the last one upwards, until there are `wanted` of them.
pub(crate) fn from_the_end(chat: &Chat, width: usize, wanted: usize, zone: &Zone) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut day_below: Option<String> = None;
    let mut put = |block: Vec<Row>, day: String, rows: &mut Vec<Row>| {
        if let Some(below) = day_below.take().filter(|below| *below != day) {
            rows.push(separator(&below, width));
        }
        rows.extend(block.into_iter().rev());
        day_below = Some(day);
        rows.len() >= wanted
    };
    for pending in chat.pending.iter().rev() {
        if put(of_pending(chat, pending, width, zone), zone.day(pending.ts), &mut rows) {
            return rows;
        }
    }
    for (sequence, entry) in chat.entries.iter().rev() {
        if put(of_entry(chat, *sequence, entry, width, zone), zone.day(entry.ts), &mut rows) {
            return rows;
        }
    }
    if let Some(first) = day_below {
        rows.push(separator(&first, width));
    }
    rows
}

fn separator(day: &str, width: usize) -> Row {
    let text = format!("── {day} ──");
    let pad = width.saturating_sub(text.width()) / 2;
    Row { line: Line::styled(format!("{}{text}", " ".repeat(pad)), DIM), ends: None }
}

fn of_entry(chat: &Chat, sequence: u64, entry: &Entry, width: usize, zone: &Zone) -> Vec<Row> {
    let time = zone.time(entry.ts);
    let mut rows = if entry.is_notice {
        let body = wrap(&entry.text, width.saturating_sub(TIME_COLUMNS).max(1));
        let rows = body.into_iter().enumerate().map(|(at, text)| {
            let time = if at == 0 { format!("{time} ") } else { " ".repeat(TIME_COLUMNS) };
            Line::from(vec![Span::styled(time, DIM), Span::styled(text, DIM.add_modifier(Modifier::ITALIC))])
        });
        rows.map(|line| Row { line, ends: None }).collect()
    } else if entry.sender == chat.me {
        let tick = match chat.tick(sequence) {
            Tick::Sent => Span::styled("✓", DIM),
            Tick::Delivered => Span::styled("✓✓", DIM),
            Tick::Read => Span::styled("✓✓", READ),
        };
        block(&time, &entry.sender, OWN, &chat.shown(sequence, entry), Some(tick), width)
    } else {
        block(&time, &entry.sender, name_style(&entry.sender), &chat.shown(sequence, entry), None, width)
    };
    if let Some(last) = rows.last_mut() {
        last.ends = Some(sequence);
    }
    rows
}

fn of_pending(chat: &Chat, pending: &Pending, width: usize, zone: &Zone) -> Vec<Row> {
    let time = zone.time(pending.ts);
    let Some(failure) = &pending.failure else {
        return block(&time, &chat.me, OWN, &pending.text, Some(Span::styled("◷", DIM)), width);
    };
    let mut rows = block(&time, &chat.me, OWN, &pending.text, Some(Span::styled("✗", FAILED)), width);
    let indent = " ".repeat(TIME_COLUMNS);
    let reason = wrap(failure, width.saturating_sub(TIME_COLUMNS).max(1));
    rows.extend(
        reason.into_iter().map(|text| Row {
            line: Line::from(vec![Span::raw(indent.clone()), Span::styled(text, FAILED)]),
            ends: None,
        }),
    );
    rows
}

/// Time, name and text, the text in its own column; the tick after its end.
fn block(time: &str, name: &str, style: Style, text: &str, tick: Option<Span<'static>>, width: usize) -> Vec<Row> {
    let name = shortened(name, NAME_COLUMNS_MAX);
    let beside = TIME_COLUMNS + name.width() + 2;
    let head = vec![Span::styled(format!("{time} "), DIM), Span::styled(format!("{name}  "), style)];
    let (indent, mut lines, mut head) = if width >= beside + TEXT_COLUMNS_MIN {
        (beside, Vec::new(), Some(head))
    } else {
        (2.min(width / 4), vec![Line::from(head)], None)
    };
    let room = width.saturating_sub(indent).max(1);
    for text in wrap(text, room) {
        let mut spans = head.take().unwrap_or_else(|| vec![Span::raw(" ".repeat(indent))]);
        spans.push(Span::raw(text));
        lines.push(Line::from(spans));
    }
    if let (Some(tick), Some(last)) = (tick, lines.last_mut()) {
        if last.width() + 1 + tick.width() <= width {
            last.push_span(Span::raw(" "));
            last.push_span(tick);
        } else {
            lines.push(Line::from(vec![Span::raw(" ".repeat(indent)), tick]));
        }
    }
    lines.into_iter().map(|line| Row { line, ends: None }).collect()
}

/// The same colour for the same name, always.
fn name_style(name: &str) -> Style {
    let sum: usize = name.bytes().map(usize::from).sum();
    Style::new().fg(NAMES[sum % NAMES.len()]).add_modifier(Modifier::BOLD)
}

fn shortened(name: &str, columns: usize) -> String {
    if name.width() <= columns {
        return name.to_owned();
    }
    let mut short = String::new();
    for grapheme in name.graphemes(true) {
        if short.width() + grapheme.width() + 1 > columns {
            break;
        }
        short.push_str(grapheme);
    }
    short + "…"
}

/// Breaks text at its line breaks, and at spaces where a line is wider than `width`; a word that
/// is wider is cut.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.split('\n') {
        let mut current = String::new();
        let mut columns = 0;
        for word in line.split_word_bounds() {
            let word_columns = word.width();
            if columns + word_columns <= width {
                current.push_str(word);
                columns += word_columns;
            } else if word.trim().is_empty() {
                lines.push(std::mem::take(&mut current));
                columns = 0;
            } else {
                if !current.is_empty() {
                    lines.push(std::mem::take(&mut current));
                    columns = 0;
                }
                for grapheme in word.graphemes(true) {
                    if columns + grapheme.width() > width && !current.is_empty() {
                        lines.push(std::mem::take(&mut current));
                        columns = 0;
                    }
                    current.push_str(grapheme);
                    columns += grapheme.width();
                }
            }
        }
        lines.push(current);
    }
    for line in &mut lines {
        line.truncate(line.trim_end().len());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_breaks_at_spaces_and_long_words_are_cut() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("see abcdefghij", 4), ["see", "abcd", "efgh", "ij"]);
        assert_eq!(wrap("a\n\nb", 4), ["a", "", "b"]);
        assert_eq!(wrap("", 4), [""]);
        assert_eq!(wrap("日本語日本", 4), ["日本", "語日", "本"]);
        assert_eq!(wrap("日", 1), ["日"], "what never fits is shown all the same");
    }

    #[test]
    fn long_names_are_shortened_by_width() {
        assert_eq!(shortened("bob", 5), "bob");
        assert_eq!(shortened("roberta", 5), "robe…");
        assert_eq!(shortened("日本語", 5), "日本…");
    }
}
