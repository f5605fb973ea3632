//! Draws the chat.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Position, Rect},
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::Paragraph,
};
use tidings_sdk::protocol::PresenceState;
use unicode_width::UnicodeWidthStr;

use super::{
    model::{Chat, Connection},
    rows::{self, Row},
};
use crate::{clock::Zone, names, render};

const PROMPT: &str = "> ";
const BAR: Style = Style::new().bg(Color::DarkGray).fg(Color::White);
const DIM: Style = Style::new().fg(Color::DarkGray);

/// What the drawing found out.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Drawn {
    /// The last message that is on the screen to its end.
    pub(crate) seen: Option<u64>,
    /// The first row there is, is on the screen.
    pub(crate) at_top: bool,
    /// Rows of the scrollback on the screen.
    pub(crate) height: usize,
    /// Columns of it.
    pub(crate) width: usize,
}

pub(crate) fn draw(frame: &mut Frame<'_>, chat: &mut Chat, zone: &Zone, now_ms: u64) -> Drawn {
    let [title, scrollback, input, status] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(0), Constraint::Length(1), Constraint::Length(1)])
            .areas(frame.area());
    frame.render_widget(Paragraph::new(title_line(chat, zone, now_ms)).style(BAR), title);
    let drawn = draw_scrollback(frame, chat, zone, scrollback);
    draw_input(frame, chat, input);
    frame.render_widget(Paragraph::new(status_line(chat, now_ms)), status);
    drawn
}

fn draw_scrollback(frame: &mut Frame<'_>, chat: &mut Chat, zone: &Zone, area: Rect) -> Drawn {
    let (width, height) = (usize::from(area.width), usize::from(area.height));
    let rows = rows::from_the_end(chat, width, chat.offset + height + 1, zone);
    // A resize or a leap may have gone too far up.
    let at_top = rows.len() <= chat.offset + height;
    chat.offset = chat.offset.min(rows.len().saturating_sub(height));
    if chat.offset == 0 {
        chat.unseen = 0;
    }
    let shown: Vec<&Row> = rows.iter().skip(chat.offset).take(height).collect();
    let seen = shown.iter().find_map(|row| row.ends);
    let mut lines: Vec<Line<'_>> = shown.iter().rev().map(|row| row.line.clone()).collect();
    if lines.is_empty() {
        let text = match (chat.loading, &chat.connection) {
            (true, _) => "loading …",
            (false, Connection::Online) => "nothing was said yet",
            (false, _) => "",
        };
        lines.push(Line::styled(text, DIM));
    }
    // The last message is next to where one types.
    let used = u16::try_from(lines.len()).unwrap_or(area.height).min(area.height);
    let bottom = Rect { y: area.y + area.height - used, height: used, ..area };
    frame.render_widget(Paragraph::new(lines), bottom);
    Drawn { seen, at_top, height, width }
}

fn draw_input(frame: &mut Frame<'_>, chat: &Chat, area: Rect) {
    let room = usize::from(area.width).saturating_sub(PROMPT.width());
    let (text, column) = chat.editor.window(room);
    let line = Line::from(vec![Span::styled(PROMPT, DIM), Span::raw(text)]);
    frame.render_widget(Paragraph::new(line), area);
    let column = u16::try_from(PROMPT.width() + column).unwrap_or(u16::MAX);
    if area.height > 0 && column < area.width {
        frame.set_cursor_position(Position::new(area.x + column, area.y));
    }
}

fn title_line(chat: &Chat, zone: &Zone, now_ms: u64) -> Line<'static> {
    let title = render::clean(names::title(&chat.me, &chat.conversation));
    let mut spans = vec![Span::styled(format!(" {title}"), Modifier::BOLD)];
    if let Some(presence) = &chat.presence {
        let text = match (presence.state, presence.last_seen) {
            (PresenceState::Online, _) => "online".to_owned(),
            (_, Some(at)) => format!("last seen {}", zone.short(at, now_ms)),
            (PresenceState::Recently, None) => "seen recently".to_owned(),
            // Never seen, or not ours to know.
            (PresenceState::Offline, None) => String::new(),
        };
        let colour = if chat.is_peer_online() { Color::LightGreen } else { Color::Gray };
        spans.push(Span::styled(format!("  {text}"), Style::new().fg(colour)));
    }
    match chat.is_encrypted {
        Some(true) => spans.push(Span::styled("  encrypted", Style::new().fg(Color::LightGreen))),
        Some(false) => spans.push(Span::styled("  NOT encrypted", Style::new().fg(Color::LightRed))),
        None => {}
    }
    Line::from(spans)
}

fn status_line(chat: &Chat, now_ms: u64) -> Line<'static> {
    let (mark, text) = match &chat.connection {
        Connection::Connecting => (Color::Yellow, "connecting …".to_owned()),
        Connection::Online => (Color::Green, format!("online as {}", chat.me)),
        Connection::Offline { reason, retry_at_ms: Some(at) } => {
            let seconds = at.saturating_sub(now_ms).div_ceil(1_000);
            let when = if seconds == 0 { "trying again …".to_owned() } else { format!("next try in {seconds} s") };
            (Color::Red, format!("offline, {when}: {reason}"))
        }
        Connection::Offline { reason, retry_at_ms: None } => (Color::Red, format!("stopped: {reason}")),
    };
    let mut spans = vec![Span::styled("● ", Style::new().fg(mark)), Span::styled(text, DIM)];
    if chat.unseen > 0 {
        spans.push(Span::styled(format!("  ↓ {} new", chat.unseen), Style::new().fg(Color::Yellow)));
    } else if chat.offset > 0 {
        spans.push(Span::styled("  ↓ more below", DIM));
    }
    if let Some(notice) = &chat.notice {
        spans.push(Span::styled(format!("  {notice}"), Style::new().fg(Color::Yellow)));
    }
    Line::from(spans)
}

#[cfg(test)]
mod tests;
