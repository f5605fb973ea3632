//! The terminal, put back as it was whatever happens.

use std::io::{Result, stdout};

use crossterm::{
    event::{
        DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste, EnableFocusChange,
        EnableMouseCapture,
    },
    execute,
};
use ratatui::DefaultTerminal;

/// The screen of the chat. Dropped, it gives the terminal back.
pub(crate) struct Screen(pub(crate) DefaultTerminal);

impl Screen {
    pub(crate) fn take() -> Result<Self> {
        // ratatui's own hook restores the rest, and is called by this one's.
        let terminal = ratatui::try_init()?;
        let next = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            release();
            next(panic);
        }));
        let screen = Self(terminal);
        execute!(stdout(), EnableMouseCapture, EnableBracketedPaste, EnableFocusChange)?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        release();
        ratatui::restore();
    }
}

fn release() {
    // A terminal that cannot be written to cannot be helped.
    let _ = execute!(stdout(), DisableMouseCapture, DisableBracketedPaste, DisableFocusChange);
}
