//! What keys, wheel and pastes do.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseEventKind};

use super::model::Chat;

const WHEEL_ROWS: usize = 3;

/// What the user wants beyond editing and scrolling.
#[derive(Debug, PartialEq)]
pub(crate) enum Wish {
    Nothing,
    Quit,
    Send(String),
    /// The eyes come or go.
    Focus(bool),
}

/// Takes in an event of the terminal; `page` is the height of the scrollback.
pub(crate) fn take(chat: &mut Chat, event: &Event, page: usize) -> Wish {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => return press(chat, *key, page),
        Event::Mouse(mouse) => match mouse.kind {
            MouseEventKind::ScrollUp => up(chat, WHEEL_ROWS),
            MouseEventKind::ScrollDown => down(chat, WHEEL_ROWS),
            _ => {}
        },
        Event::Paste(text) => chat.editor.insert(text),
        Event::FocusGained => return focus(chat, true),
        Event::FocusLost => return focus(chat, false),
        _ => {}
    }
    Wish::Nothing
}

fn press(chat: &mut Chat, key: KeyEvent, page: usize) -> Wish {
    chat.notice = None;
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let by_word = control || key.modifiers.contains(KeyModifiers::ALT);
    let step = page.saturating_sub(1).max(1);
    let editor = &mut chat.editor;
    match key.code {
        KeyCode::Char('c') if control => return Wish::Quit,
        KeyCode::Char('d') if control && editor.text().is_empty() => return Wish::Quit,
        KeyCode::Char('a') if control => editor.home(),
        KeyCode::Char('e') if control => editor.end(),
        KeyCode::Char('b') if control => editor.left(),
        KeyCode::Char('f') if control => editor.right(),
        KeyCode::Char('u') if control => editor.delete_to_start(),
        KeyCode::Char('k') if control => editor.delete_to_end(),
        KeyCode::Char('w') if control => editor.delete_word(),
        KeyCode::Char('d') if control => editor.delete(),
        KeyCode::Char('j') if control => editor.insert("\n"),
        KeyCode::Enter if by_word => editor.insert("\n"),
        KeyCode::Enter => return enter(chat),
        KeyCode::Char('b') | KeyCode::Left if by_word => editor.word_left(),
        KeyCode::Char('f') | KeyCode::Right if by_word => editor.word_right(),
        KeyCode::Char(_) if by_word => {}
        KeyCode::Char(c) => editor.insert(c.encode_utf8(&mut [0; 4])),
        KeyCode::Backspace if by_word => editor.delete_word(),
        KeyCode::Backspace => editor.backspace(),
        KeyCode::Delete => editor.delete(),
        KeyCode::Left => editor.left(),
        KeyCode::Right => editor.right(),
        KeyCode::Home => editor.home(),
        KeyCode::End if editor.text().is_empty() => chat.offset = 0,
        KeyCode::End => editor.end(),
        KeyCode::PageUp => up(chat, step),
        KeyCode::PageDown => down(chat, step),
        KeyCode::Up => up(chat, 1),
        KeyCode::Down => down(chat, 1),
        KeyCode::Esc => chat.offset = 0,
        _ => {}
    }
    Wish::Nothing
}

fn enter(chat: &mut Chat) -> Wish {
    let text = chat.editor.text();
    match text.trim() {
        "" => Wish::Nothing,
        "/quit" | "/q" => Wish::Quit,
        command if command.starts_with('/') && text.starts_with('/') => {
            chat.notice = Some("/quit leaves; a message that begins with / needs a space before it".to_owned());
            Wish::Nothing
        }
        _ => Wish::Send(chat.editor.take().trim().to_owned()),
    }
}

fn up(chat: &mut Chat, rows: usize) {
    // The drawing knows how far up there is to go.
    chat.offset = chat.offset.saturating_add(rows);
}

fn down(chat: &mut Chat, rows: usize) {
    chat.offset = chat.offset.saturating_sub(rows);
}

fn focus(chat: &mut Chat, focused: bool) -> Wish {
    chat.focused = focused;
    Wish::Focus(focused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press_all(chat: &mut Chat, keys: &[(KeyCode, KeyModifiers)]) -> Wish {
        let mut wish = Wish::Nothing;
        for (code, modifiers) in keys {
            wish = take(chat, &Event::Key(KeyEvent::new(*code, *modifiers)), 10);
        }
        wish
    }

    fn typed(chat: &mut Chat, text: &str) -> Wish {
        for c in text.chars() {
            press_all(chat, &[(KeyCode::Char(c), KeyModifiers::NONE)]);
        }
        press_all(chat, &[(KeyCode::Enter, KeyModifiers::NONE)])
    }

    fn chat() -> Chat {
        Chat::new("alice", "u:alice|u:bob")
    }

    #[test]
    fn enter_sends_and_empties_the_line() {
        let mut chat = chat();
        assert_eq!(typed(&mut chat, "  hi there "), Wish::Send("hi there".into()));
        assert_eq!(chat.editor.text(), "");
        assert_eq!(typed(&mut chat, "   "), Wish::Nothing);
    }

    #[test]
    fn a_line_break_is_typed_or_pasted() {
        let mut chat = chat();
        press_all(&mut chat, &[(KeyCode::Char('a'), KeyModifiers::NONE), (KeyCode::Enter, KeyModifiers::ALT)]);
        take(&mut chat, &Event::Paste("b\nc".into()), 10);
        assert_eq!(press_all(&mut chat, &[(KeyCode::Enter, KeyModifiers::NONE)]), Wish::Send("a\nb\nc".into()));
    }

    #[test]
    fn ways_out_and_unknown_commands() {
        let mut chat = chat();
        assert_eq!(typed(&mut chat, "/quit"), Wish::Quit);
        chat.editor.take();
        assert_eq!(press_all(&mut chat, &[(KeyCode::Char('c'), KeyModifiers::CONTROL)]), Wish::Quit);
        assert_eq!(press_all(&mut chat, &[(KeyCode::Char('d'), KeyModifiers::CONTROL)]), Wish::Quit);
        assert_eq!(typed(&mut chat, "/dance"), Wish::Nothing);
        assert!(chat.notice.is_some());
        assert_eq!(chat.editor.text(), "/dance", "nothing typed is lost");
        chat.editor.take();
        assert_eq!(typed(&mut chat, " /dance"), Wish::Send("/dance".into()));
    }

    #[test]
    fn the_scrollback_is_walked_by_page_row_and_wheel() {
        let mut chat = chat();
        press_all(&mut chat, &[(KeyCode::PageUp, KeyModifiers::NONE), (KeyCode::Up, KeyModifiers::NONE)]);
        assert_eq!(chat.offset, 10);
        press_all(&mut chat, &[(KeyCode::PageDown, KeyModifiers::NONE)]);
        assert_eq!(chat.offset, 1);
        press_all(&mut chat, &[(KeyCode::PageDown, KeyModifiers::NONE)]);
        assert_eq!(chat.offset, 0);
        let wheel = crossterm::event::MouseEvent {
            kind: MouseEventKind::ScrollUp,
            column: 0,
            row: 0,
            modifiers: KeyModifiers::NONE,
        };
        take(&mut chat, &Event::Mouse(wheel), 10);
        assert_eq!(chat.offset, WHEEL_ROWS);
        press_all(&mut chat, &[(KeyCode::Esc, KeyModifiers::NONE)]);
        assert_eq!(chat.offset, 0);
    }
}
